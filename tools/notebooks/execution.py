"""Which notebooks there are, how one is run, and what is kept of its outputs."""

import base64
import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from helpers.course import ROOT
from tools.environment.kernels import our_kernel_first

FOLDER = ROOT / "notebooks"
FURTHER = FOLDER / "further"  # second lessons and exercises, beside the chapters
BESIDE = ("further", "solutions", "projects")  # folders of notebooks that are no chapters
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg", "image/gif")
CELL_TIMEOUT = {"smoke": 300, "lesson": 1800, "full": None}  # seconds
FOLDERS = "home|root|tmp|work|workspace|usr|opt|var|mnt|srv|data|content|builds|Users|private"
ABSOLUTE_PATH = re.compile(rf"(?<![\w.~-])/(?:{FOLDERS})/[\w.-]|\b[A-Z]:\\+\w")
MACHINE_METADATA = ("execution", "ExecuteTime", "collapsed", "scrolled")  # of a cell


def chapters(wanted: str = "", solutions: bool = False) -> list[Path]:
    """Return the paths of the chapters, in order.

    Args:
        wanted: "" for all, or two digits such as "01".
        solutions: whether to add the notebooks of the folders `BESIDE`.

    Raises:
        SystemExit: there is no such chapter.
    """
    folders = [FOLDER, *(FOLDER / name for name in BESIDE)] if solutions else [FOLDER]
    paths = [path for folder in folders for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    paths += sorted(FURTHER.glob("[a-z]*.ipynb")) if solutions else []  # of no single chapter
    chosen = [path for path in paths if not wanted or path.name.startswith(f"{wanted}_")]
    if not chosen or not re.fullmatch(r"(\d\d)?", wanted):
        there = ", ".join(sorted({path.name[:2] for path in paths}))
        sys.exit(f"CHAPTER is {wanted!r}, but the chapters are: {there}.")
    return chosen


def lessons(wanted: str = "") -> list[Path]:
    """Return the notebooks that record numbers: the chapters, then the second lessons."""
    beside = [path for path in chapters(wanted, solutions=True) if path.parent == FURTHER]
    return chapters(wanted) + [path for path in beside if path.name[:2].isdigit()]


def name_of(path: Path) -> str:
    """Return the short name of a notebook, as in "solutions/01_probabilistic_model"."""
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def execute(path: Path, budget: str, env: Mapping[str, str]) -> tuple[NotebookNode, str | None]:
    """Run a notebook in a fresh kernel of this Python, in the notebook's own folder.

    Args:
        path: the notebook.
        budget: "smoke", "lesson" or "full"; it also sets the time limit of a cell.
        env: the kernel's environment variables.

    Returns:
        (notebook with the new outputs, error text or None). After an error, the outputs up to there
        are kept.
    """
    notebook = nbformat.v4.new_notebook()
    try:
        notebook = nbformat.read(path, as_version=4)
        make_client(notebook, path, budget).execute(env={**env, "COURSE_BUDGET": budget})
    except Exception as error:  # whatever it is, it is this notebook's error: the others still run
        return notebook, str(error) or repr(error)
    return notebook, None


def make_client(notebook: NotebookNode, path: Path, budget: str) -> NotebookClient:
    """Return what runs a notebook's cells."""
    os.environ |= our_kernel_first(os.environ)  # Jupyter looks for kernels in this process
    return NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT[budget],
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        # Else each kernel warns that it talks to this machine without encryption.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )


def clean(notebook: NotebookNode) -> NotebookNode:
    """Take out what does not belong into git or on a page: widget views, details of a machine."""
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    }
    for cell in notebook.cells:
        for key in MACHINE_METADATA:
            cell.metadata.pop(key, None)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data.pop(WIDGET_VIEW, None)
    return notebook


def faults(notebook: NotebookNode) -> list[str]:
    """Return what a reader of the stored outputs would stumble over."""
    found = [
        f"cell {number}: {fault}"
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        for fault in faults_of(output)
    ]
    return found + ["widget state in the metadata"] * ("widgets" in notebook.metadata)


def faults_of(output: NotebookNode) -> Iterator[str]:
    """Yield the faults of one output: errors, text on stderr, widgets, absolute paths."""
    if output.output_type == "error":
        yield f"error {output.ename}: {output.evalue}"
    if output.get("name") == "stderr":
        yield f"text on stderr: {output.text[:200]!r}"
    if WIDGET_VIEW in output.get("data", {}):
        yield "a widget without a static picture"
    texts = {kind: text for kind, text in output.get("data", {}).items() if kind not in PICTURES}
    text = output.get("text", "") + "".join(map(str, texts.values()))
    if re.search(r"^(WARNING|ERROR)\b", text, re.MULTILINE):
        yield "a library's warning on stdout"
    if match := ABSOLUTE_PATH.search(text):
        around = text[max(0, match.start() - 20) : match.end() + 40]
        yield f"an absolute path: {around!r}"
    for place in map(str, (ROOT, Path.home(), tempfile.gettempdir())):
        if len(place) > 1 and re.search(rf"(?<!\w){re.escape(place)}\b", text):
            yield "an absolute path of this machine"


def result_picture(notebook: NotebookNode) -> str | None:
    """Return the picture (PNG, base64) of the cell that is tagged `result-picture`, or None."""
    for cell in notebook.cells:
        if "result-picture" in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "image/jpeg" in data:
                    return jpeg_as_png(data["image/jpeg"])
                if "image/png" in data:
                    return data["image/png"]
    return None


def jpeg_as_png(jpeg: str) -> str:
    """Return a JPEG picture (base64) as a small PNG (base64), of 256 colours."""
    png = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(jpeg))).quantize(256).save(png, "png", optimize=True)
    return base64.b64encode(png.getvalue()).decode()
