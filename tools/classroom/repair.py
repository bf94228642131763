"""Check a submitted notebook against the released one, and mend what touches no answer."""

import copy
import json
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.classroom.course import nbgrader_of

LARGEST = 200_000_000  # bytes of a submitted file


class Unreadable(ValueError):
    """There is no notebook in this file. The message says what is there."""


def find_notebook(folder: Path, name: str) -> tuple[Path, list[str]]:
    """Return the submitted notebook, also under another name, and what must be said about it.

    Unreadable: there is none, or there are several.
    """
    wanted = folder / f"{name}.ipynb"
    if wanted.exists() or wanted.is_symlink():
        return wanted, []
    found = sorted(folder.glob("*.ipynb"))
    if len(found) != 1:
        raise Unreadable(f"there are {len(found)} notebooks, and none is {name}.ipynb")
    return found[0], [f"the file was named {found[0].name}"]


def read_notebook(path: Path) -> NotebookNode:
    """Read a submitted notebook. Unreadable: it is none."""
    if path.is_symlink() or not path.is_file():
        raise Unreadable("it is no plain file")
    size = path.stat().st_size
    if not size or size > LARGEST:
        raise Unreadable(f"the file has {size:,} bytes")
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
        kept = [cell for cell in notebook.cells if cell.cell_type in ("code", "markdown", "raw")]
        for cell in kept:
            cell.source, cell.metadata = text_of(cell.source), plain_metadata(cell)
        notebook.cells = kept
    except Exception as error:  # whatever stands in it, it is this student's error
        raise Unreadable(f"it is no notebook ({type(error).__name__})") from None
    return notebook


def text_of(source: object) -> str:
    """Return the text of a cell without what no file can hold."""
    text = source if isinstance(source, str) else "".join(source)
    return text.encode("utf-8", "replace").decode("utf-8")


def plain_metadata(cell: NotebookNode) -> NotebookNode:
    marks = nbgrader_of(cell)
    whole = isinstance(marks, dict) and isinstance(marks.get("grade_id"), str)
    return NotebookNode({"nbgrader": marks} if whole else {})


def repair(submitted: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return the notebook that is graded, and what was mended.

    All cells of the student stay, in their order, and so do all their answers. Cells that nbgrader
    knows are there once, as they were released; only answers are the student's.
    """
    notebook = copy.deepcopy(released)
    notebook.cells = []
    mended = []
    known = {nbgrader_of(cell)["grade_id"]: cell for cell in released.cells if nbgrader_of(cell)}
    by_id = {cell.get("id"): name for name, cell in known.items()}
    by_text = {cell.source: name for name, cell in known.items()}
    used = {nbgrader_of(cell).get("grade_id") for cell in submitted.cells}
    names = []
    for cell in submitted.cells:
        name = nbgrader_of(cell).get("grade_id")
        if name not in known:  # its metadata is lost: is it a cell that is missing?
            name = by_id.get(cell.get("id")) or by_text.get(cell.source)
            name = None if name in used else name
            if name:
                used.add(name)
                mended.append(f"{name}: its metadata was restored")
        names.append(name)
    for number, (cell, name) in enumerate(zip(submitted.cells, names)):
        new = plain_cell(cell.cell_type, cell.source)
        if name and name in names[number + 1 :]:  # the last one counts, as in a kernel
            mended.append(f"{name}: it was there twice")
            if nbgrader_of(known[name])["locked"]:
                continue
        elif name:
            new = restored(cell, known[name], mended)
        notebook.cells.append(new)
    add_missing(notebook, released, mended)
    if submitted.metadata.get("kernelspec", {}).get("name") != "python3":
        mended.append("the kernel was not python3")
    large = len(json.dumps([cell.get("outputs") for cell in submitted.cells], default=str))
    if large > 5_000_000:
        mended.append(f"its outputs of {large / 1e6:.0f} MB were left out")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    return notebook, mended


def plain_cell(kind: str, source: str) -> NotebookNode:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return make.get(kind, nbformat.v4.new_raw_cell)(source)


def restored(cell: NotebookNode, original: NotebookNode, mended: list[str]) -> NotebookNode:
    """Return a cell as it was released, with the student's answer if it is one for answers."""
    marks, name = nbgrader_of(original), nbgrader_of(original)["grade_id"]
    source = original.source if marks["locked"] else cell.source
    if cell.source != source:
        mended.append(f"{name}: the text of a test or a locked cell was restored")
    if cell.cell_type != original.cell_type:
        mended.append(f"{name}: it was of the kind {cell.cell_type}")
    elif nbgrader_of(cell) and nbgrader_of(cell) != marks:
        mended.append(f"{name}: its metadata was restored")
    new = plain_cell(original.cell_type, source)
    new.metadata = copy.deepcopy(original.metadata)
    return new


def add_missing(notebook: NotebookNode, released: NotebookNode, mended: list[str]) -> None:
    """Put cells that are missing behind the known cell that stood before them."""
    place = 0
    for original in released.cells:
        name = nbgrader_of(original).get("grade_id")
        if not name:
            continue
        at = [
            n for n, cell in enumerate(notebook.cells) if nbgrader_of(cell).get("grade_id") == name
        ]
        if not at:
            mended.append(f"{name}: it was missing")
            notebook.cells.insert(place, restored(original, original, []))
            at = [place]
        place = at[0] + 1
