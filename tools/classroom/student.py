"""Build the folder to hand out to a class: student/ in the folder of the class, see `course`.

    python -m tools.classroom.student [chapter]

It has the lessons and projects, without solutions, and what `make lab` and `make test` need. Where
a question comes before a cell, its stored output is taken out. Assignments that were released come
along. With a chapter, the folder holds this chapter alone.

A folder in which somebody has changed or added a file is never made anew.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat

from helpers.course import ROOT
from tools.classroom.course import ASSIGNMENTS, assignments, class_folder
from tools.classroom.handout import (
    hide_answers,
    student_makefile,
    student_readme,
    without_dead_links,
)
from tools.classroom.release import FORBIDDEN
from tools.notebooks.execution import chapters

MADE = ".made_by_make_student.json"  # {file: hash of what was handed out}
FILES = ["LICENSE", "LICENSE-prose", "Makefile", "README.md", "constraints.txt"]
FILES += ["environment.yml", "pyproject.toml", "tests/__init__.py", "tests/conftest.py"]
FILES += ["tests/notebooks/test_notebooks.py"]
FOLDERS = ["data", "helpers", "notebooks/images", "tests/support/no_network", "tests/unit"]
FOLDERS += ["tools/environment", "tools/notebooks"]
NOT_OURS = {"__pycache__", ".ipynb_checkpoints"}
LAB, START_PAGE = "tools/environment/open_lab.py", "notebooks/01_probabilistic_model.ipynb"


def lessons(wanted: str) -> list[Path]:
    """Return the notebooks that a class gets, the chapters first."""
    paths = chapters(wanted, solutions=True)
    return [path for path in paths if "solution" not in f"{path.parent.name} {path.stem}"]


def released(wanted: str) -> list[Path]:
    """Return the folders of the released assignments. SystemExit: one still has a solution."""
    folders = [class_folder() / "release" / name for name in assignments()]
    folders = [path for path in folders if path.is_dir() and path.name.startswith(wanted)]
    for path in (path for folder in folders for path in files_of(folder)):
        text = path.read_text(encoding="utf-8", errors="ignore")
        if left := [words for words in FORBIDDEN if words in text]:
            sys.exit(f"'{path}' is not handed out: it still has {', '.join(left)}.")
    return folders


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files of the course in a folder."""
    paths = sorted(folder.rglob("*"))
    yield from (path for path in paths if path.is_file() and not NOT_OURS & {*path.parts})


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def build(folder: Path, notebooks: list[Path], given: list[Path]) -> None:
    """Copy what is handed out into a folder, and change what does not fit there."""
    sources = [*notebooks, *(ROOT / name for name in FILES)]
    sources += [path for name in FOLDERS for path in files_of(ROOT / name)]
    copies = {path: folder / path.relative_to(ROOT) for path in sources}
    place = folder / ASSIGNMENTS.relative_to(ROOT)
    for old in given:
        copies |= {path: place / path.relative_to(old.parent) for path in files_of(old)}
    for path, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)  # without its rights: the course may be read-only
    rewrite(folder / "Makefile", student_makefile)
    rewrite(folder / "README.md", lambda text: student_readme(text, folder))
    first = notebooks[0].relative_to(ROOT).as_posix()
    rewrite(folder / LAB, lambda text: text.replace(START_PAGE, first))
    for path in folder.rglob("*.md"):
        rewrite(path, lambda text, place=path.parent: without_dead_links(text, place, folder))
    for path in map(copies.get, notebooks):
        notebook = nbformat.read(path, as_version=4)
        hide_answers(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = without_dead_links(cell.source, path.parent, folder)
        nbformat.write(notebook, path)


def hashes(folder: Path) -> dict[str, str]:
    """Return {file: hash} of all files in a folder, without `MADE`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / MADE
    }


def check_untouched(folder: Path) -> None:
    """SystemExit: the folder was not made by this tool, or somebody has worked in it."""
    try:
        made = json.loads((folder / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit(f"'{folder}' stays as it is, because `make student` did not make it: rename it.")
    now = hashes(folder)
    changed = sorted(name for name in made.keys() | now if made.get(name) != now.get(name))
    if changed:
        who = f"somebody has changed '{changed[0]}' ({len(changed)} files in all)"
        sys.exit(f"'{folder}' stays as it is, because {who}: rename it, then run this again.")


def main(wanted: str = "") -> None:
    folder, notebooks, given = (
        class_folder() / "student",
        lessons(wanted),
        released(wanted),
    )
    if folder.exists():
        check_untouched(folder)
    class_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=class_folder(), prefix="student-") as temporary:
        new = Path(temporary) / "new"
        build(new, notebooks, given)
        (new / MADE).write_text(json.dumps(hashes(new), indent=1), encoding="utf-8")
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        new.rename(folder)
    print(f"{len(notebooks)} notebooks and {len(given)} released assignments.")
    print(f"Give out the folder '{folder}'.")


if __name__ == "__main__":
    main(*sys.argv[1:])
