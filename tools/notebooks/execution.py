"""What run, outputs and the tests share: which notebooks there are, how one is run, and how its outputs are kept."""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from helpers.course import ROOT
from tools.environment.kernels import our_kernel_first

FOLDER = ROOT / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT = {"smoke": 300, "lesson": 1800, "full": None}  # seconds
FOLDERS = "home|root|tmp|work|workspace|usr|opt|var|mnt|srv|data|content|builds|Users|private"
ABSOLUTE_PATH = re.compile(rf"(?<![\w.~-])/(?:{FOLDERS})/[\w.-]|\b[A-Z]:\\+\w")
MACHINE_METADATA = ("execution", "ExecuteTime", "collapsed", "scrolled")  # of a cell


def chapters(wanted="", solutions=False):
    """Return the paths of the chapters, in order; with `solutions`, those of the solutions and of the projects after them.

    Args:
        wanted: "" for all, or two digits such as "01".
        solutions: whether to add `notebooks/solutions/` and `notebooks/projects/`.

    Raises:
        SystemExit: there is no such chapter.
    """
    folders = [FOLDER, FOLDER / "solutions", FOLDER / "projects"] if solutions else [FOLDER]
    paths = [path for folder in folders for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]
    chosen = [path for path in paths if not wanted or path.name.startswith(f"{wanted}_")]
    if not chosen or not re.fullmatch(r"(\d\d)?", wanted):
        sys.exit(
            f"CHAPTER is {wanted!r}, but the chapters are: {', '.join(sorted({p.name[:2] for p in paths}))}."
        )
    return chosen


def name_of(path):
    """Return the short name of a notebook, as in "solutions/01_probabilistic_model"."""
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def execute(path, budget, env):
    """Run a notebook in a fresh kernel, in its own folder.

    Args:
        path: the notebook.
        budget: "smoke", "lesson" or "full"; it also sets the time limit of a cell.
        env: the kernel's environment variables.

    Returns:
        (notebook with the new outputs, error text or None). After an error, the outputs up to there are kept.
    """
    notebook = nbformat.v4.new_notebook()
    os.environ |= our_kernel_first(dict(os.environ))  # Jupyter looks for kernels from this process
    try:
        notebook = nbformat.read(path, as_version=4)
        make_client(notebook, path, budget).execute(env={**env, "COURSE_BUDGET": budget})
    except (
        Exception
    ) as error:  # whatever it is, it is this notebook's error, and the others still run
        return notebook, str(error) or repr(error)
    return notebook, None


def make_client(notebook, path, budget):
    return NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT[budget],
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=[
            "--log-level=ERROR"
        ],  # else each kernel warns that it talks to this machine without encryption
        resources={"metadata": {"path": str(path.parent)}},
    )


def clean(notebook):
    """Take out of an executed notebook what does not belong into git or on a page: widget views and machine details."""
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


def faults(notebook):
    """Return what a reader of the stored outputs would stumble over: errors, error text, widget state, absolute paths."""
    found = []
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"cell {number}: error {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"cell {number}: text on stderr: {output.text[:200]!r}")
            if WIDGET_VIEW in output.get("data", {}):
                found.append(f"cell {number}: a widget without a static picture")
            text = output.get("text", "") + "".join(
                str(value)
                for kind, value in output.get("data", {}).items()
                if kind not in ("image/png", "image/jpeg", "image/gif")
            )
            if re.search(r"^(WARNING|ERROR)\b", text, re.MULTILINE):
                found.append(f"cell {number}: a library's warning on stdout")
            if match := ABSOLUTE_PATH.search(text):
                found.append(
                    f"cell {number}: an absolute path: {text[max(0, match.start() - 20) : match.end() + 40]!r}"
                )
            for place in (ROOT, Path.home(), tempfile.gettempdir()):
                if len(str(place)) > 1 and re.search(rf"(?<!\w){re.escape(str(place))}\b", text):
                    found.append(f"cell {number}: an absolute path of this machine")
    if "widgets" in notebook.metadata:
        found.append("widget state in the metadata")
    return found


def result_picture(notebook):
    """Return the PNG (base64) of the cell that is tagged `result-picture`, or None."""
    for cell in notebook.cells:
        if "result-picture" in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    return output.data["image/png"]
    return None
