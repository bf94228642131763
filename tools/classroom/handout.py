"""What changes in the files that a class gets: no answer, no link that leads nowhere."""

import re
from pathlib import Path

from nbformat import NotebookNode

from helpers.course import ROOT

TARGETS = ["help", "setup", "lab", "test", "run", "clean"]  # of the Makefile
QUESTION = re.compile(r"\*\*Guess first|\bby hand\b\W*\*\*", re.IGNORECASE)
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")


def asks(text: str) -> bool:
    """Tell whether a Markdown cell asks something: with a mark, or in its last paragraph."""
    return bool(QUESTION.search(text)) or "?" in text.rstrip().rpartition("\n\n")[2]


def hide_answers(notebook: NotebookNode) -> None:
    """Take out the outputs between a question and the next Markdown cell."""
    asked, before = False, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            asked = asks(cell.source) or (asked and before == "markdown")
        elif asked:
            cell.outputs, cell.execution_count = [], None
            if "tags" in cell.metadata:  # nbval has nothing to compare with any more
                tags = [tag for tag in cell.metadata.tags if tag != "nbval-check-output"]
                cell.metadata.tags = tags
        before = cell.cell_type


def leads_nowhere(target: str, place: Path, folder: Path) -> bool:
    """Tell whether a link leads to something of the course that is not handed out.

    Args:
        target: the link.
        place: where the file with the link lies.
        folder: what is handed out: `place` is in it.
    """
    target = target.partition("#")[0]
    in_course = (ROOT / place.relative_to(folder) / target).exists()
    return bool(target) and in_course and not (place / target).exists()


def without_dead_links(text: str, place: Path, folder: Path) -> str:
    """Put words in the place of each link that leads nowhere."""

    def words(link: re.Match) -> str:
        if not leads_nowhere(link[2], place, folder):
            return link[0]
        if "solution" not in link[2]:
            return link[1]
        is_path = link[1].endswith(".ipynb")
        return "a notebook that your teacher has" if is_path else f"{link[1]} (ask your teacher)"

    return LINK.sub(words, text)


def student_readme(text: str, folder: Path) -> str:
    """Drop each paragraph, bullet and row of the README that leads nowhere, and links in rows."""
    kept = []
    for part in re.split(r"(?m)(?=^\n|^- |^\|)", text):
        links = list(LINK.finditer(part))
        dead = [link for link in links if leads_nowhere(link[2], folder, folder)]
        if part.startswith("|") and links[:1] != dead[:1]:  # the chapter itself is handed out
            for link in dead:
                part = re.sub(f"(, )?{re.escape(link[0])}", "", part)
            kept.append(part.replace("| , ", "| "))
        elif not dead and "git checkout" not in part:
            kept.append(part)
    return "".join(kept)


def student_makefile(text: str) -> str:
    """Keep the targets that work in the folder."""
    blocks = [(re.match(r"([a-z-]+):", block), block) for block in text.split("\n\n")]
    text = "\n\n".join(block for name, block in blocks if not name or name[1] in TARGETS)
    text = re.sub(r"(?m)^(CHECKS|PACKAGES|# +COURSE_CLASS_DIR).*\n", "", text)
    text = re.sub(r"(?m)^\.PHONY:.*", f".PHONY: {' '.join(TARGETS)}", text)
    text = text.replace("test, test-browser, run and outputs", "test and run")
    return text.replace(" test classroom\n", " test\n").rstrip("\n") + "\n"
