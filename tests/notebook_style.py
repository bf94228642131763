"""The rules of design.md on notebooks, each as a function that returns complaints. tests/test_style.py applies them."""

import ast
import base64
import re
import statistics

from helpers.paths import ROOT
from tools.notebooks import ABSOLUTE_PATH, FOLDER, faults, result_picture

SECTIONS = [
    "Objectives", "What you need to know", "How long it takes", "Set-up", "Parameters", "Data", "Idea", "Build", "Loss",
    "Training", "Samples", "Evaluation", "Play", "Exercises", "Recap",
]  # fmt: skip
LONGEST_LINE = 100  # letters; a page shows about so many without scrolling
BANNED = {
    r"^@tf\.function|^@tensorflow\.function": "a step compiled over globals keeps training the old model; use a factory",
    r"^\s*[!%](pip|conda)": "installs packages",
    r"plt\.show\(": "calls show()",
    r"\bTODO\b|\bFIXME\b": "is unfinished",
    r"^(from|import) notebooks|%run\b": "imports another chapter",
    r"allow_pickle=True": "unpickles",
}


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def lines_of(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def headings(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^## (.+)$", text, flags=re.MULTILINE)


def check_sections(notebook, name):
    """The sections stand in the same order in each chapter; a heading may go on after its first words."""
    found = headings(notebook)
    if len(found) != len(SECTIONS) or not all(head.startswith(wanted) for head, wanted in zip(found, SECTIONS)):
        yield f"sections are {found}, wanted {SECTIONS}"


def check_title(notebook, name):
    """The first cell has the title and the picture of the result, and this picture was made by a cell of the notebook."""
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith(f"# {name[:2]} "):
        yield f"the first cell is no title that starts with '# {name[:2]} '"
    path = FOLDER / "images" / f"{name}.png"
    if not re.search(rf"!\[[^\]]{{20,}}\]\(images/{name}\.png\)", first.source):
        yield f"the title has no picture images/{name}.png with a description in words"
    elif not path.is_file() or base64.b64encode(path.read_bytes()).decode() != (result_picture(notebook) or "").replace("\n", ""):
        yield f"images/{name}.png is not the output of the cell tagged result-picture; run make outputs"


def check_sizes(notebook, name):
    """35 to 60 cells, about as much prose as code, short code cells."""
    code, total = [len(lines_of(cell)) for cell in code_cells(notebook)], len(notebook.cells)
    if not 35 <= total <= 60:
        yield f"{total} cells, wanted 35 to 60"
    if not 0.4 <= len(code) / total <= 0.6:
        yield f"{len(code)} of {total} cells are code, wanted about half"
    if statistics.median(code) > 6 or max(code) > 30:
        yield f"median code cell {statistics.median(code)} lines, longest {max(code)}; wanted 6 and 30 at most"


def check_outputs(notebook, name):
    """Run in order from a fresh kernel, without errors, error text, widget state or absolute paths."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: not run in order from a fresh kernel"
    yield from faults(notebook)


def check_checked_cells(notebook, name):
    """At least three cells whose output nbval compares, each with the output that it is compared with."""
    checked = [cell for cell in code_cells(notebook) if "nbval-check-output" in cell.metadata.get("tags", [])]
    if len(checked) < 3:
        yield f"{len(checked)} cells with nbval-check-output, wanted 3"
    yield from (f"a cell with nbval-check-output has no output: {cell.source[:60]!r}" for cell in checked if not cell.outputs)


def check_metadata(notebook, name):
    """Kernel python3, and a cell id that stays the same."""
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is not python3"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) != len(ids):
        yield "cells without an id of their own"


def check_code(notebook, name):
    """No banned or overlong lines, no path of a machine, and all code is Python."""
    for cell in code_cells(notebook):
        for pattern, reason in BANNED.items():
            if re.search(pattern, cell.source, flags=re.MULTILINE):
                yield f"a cell {reason}: {cell.source[:60]!r}"
        if any(len(line) > LONGEST_LINE for line in cell.source.splitlines()):
            yield f"a line of code is longer than {LONGEST_LINE} letters: {cell.source[:60]!r}"
        if ABSOLUTE_PATH.search(cell.source):
            yield f"a cell has an absolute path: {cell.source[:60]!r}"
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"a cell is no Python ({error.msg}): {cell.source[:60]!r}"


def check_figures(notebook, name):
    """A figure is followed by a sentence that says what to see in it."""
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None]):
        shown = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        if shown and (after is None or after.cell_type != "markdown" or after.source.lstrip().startswith("#")):
            yield f"no sentence after the figure of {cell.source[:60]!r}"


def check_parameters(notebook, name):
    """Each parameter of the cell after '## Parameters' is used in a later cell."""
    cells = notebook.cells
    at = [n for n, cell in enumerate(cells) if cell.cell_type == "markdown" and "\n## Parameters" in "\n" + cell.source]
    if not at or cells[at[0] + 1].cell_type != "code":
        yield "no code cell after the heading Parameters"
        return
    names = re.findall(r"^([A-Z][A-Z0-9_]*) =", cells[at[0] + 1].source, flags=re.MULTILINE)
    later = "\n".join(cell.source for cell in cells[at[0] + 2 :] if cell.cell_type == "code")
    if not names:
        yield "the Parameters cell sets nothing"
    yield from (f"parameter {name} is never used" for name in names if not re.search(rf"\b{name}\b", later))


def check_record(notebook, name):
    """The chapter records its numbers under its own name."""
    if not re.search(rf"record\(\s*\"{name}\"", "\n".join(cell.source for cell in code_cells(notebook))):
        yield f'no record("{name}", ...)'


def check_links(notebook, name, folder=FOLDER):
    """Links to files lead to files."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
                if not (folder / target).exists():
                    yield f"a link to {target}, which is not there"


def check_helpers_only(notebook, name):
    """From the project a notebook imports `helpers` only."""
    own = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"helpers"}
    for cell in code_cells(notebook):
        for word in re.findall(r"^(?:from|import) (\w+)", cell.source, flags=re.MULTILINE):
            if word in own:
                yield f"imports {word}"


EVERY = [check_outputs, check_metadata, check_code, check_helpers_only]
CHAPTER = [
    *EVERY, check_sections, check_title, check_sizes, check_checked_cells, check_figures, check_parameters, check_record, check_links,
]  # fmt: skip


def complaints(notebook, name, rules):
    return [f"{rule.__name__}: {text}" for rule in rules for text in rule(notebook, name)]
