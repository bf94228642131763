"""Run notebooks at the lesson budget on the complete sets, and store their outputs in place.

    python -m tools.notebooks.store_outputs [chapter]

A chapter is two digits, as in 01. A notebook is replaced only when all its cells ran, without error
text and without a path of this machine.
"""

import base64
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from helpers import datasets
from helpers.course import atomic_write
from helpers.plotting import MANY
from tools.notebooks import execution
from tools.notebooks.execution import name_of

FOLDER = execution.FOLDER
LARGEST = 1_000_000  # bytes of a stored notebook
LARGE = 40_000  # bytes: a figure that has more, and MANY colours, is stored as JPEG


def check_data_is_complete() -> None:
    """Stop if the pictures would not be those of the complete sets."""
    for name in ("mnist", "fashion_mnist"):
        data = datasets.load(name)
        arrays = data.train_images, data.train_labels, data.test_images, data.test_labels
        if not datasets.is_official(name, arrays):
            sys.exit(
                f"Outputs are stored of the complete sets only, and {name} is not complete. "
                "Set COURSE_DATA_DIR to the folder that has them, and try again."
            )


def photographs_as_jpeg(notebook: NotebookNode) -> None:
    """Make large figures with many colours small."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            png = base64.b64decode(output.get("data", {}).get("image/png", ""))
            picture = Image.open(io.BytesIO(png)).convert("RGB") if len(png) > LARGE else None
            if picture and not picture.getcolors(MANY):
                picture.save(jpeg := io.BytesIO(), "jpeg", quality=80)
                del output.data["image/png"]
                output.data["image/jpeg"] = base64.b64encode(jpeg.getvalue()).decode()


def store(path: Path) -> str | None:
    """Run one notebook and store its outputs. Return a text that says what went wrong, or None."""
    before = path.read_bytes()
    with tempfile.TemporaryDirectory() as results:
        env = {**os.environ, "COURSE_RESULTS_DIR": results}
        notebook, error = execution.execute(path, "lesson", env)
    problems = [error] if error else execution.faults(execution.clean(notebook))
    photographs_as_jpeg(notebook)
    text = nbformat.writes(notebook) + "\n"
    if (size := len(text.encode())) > LARGEST:
        problems.append(f"the notebook would have {size:,} bytes; the limit is {LARGEST:,}")
    if path.read_bytes() != before:
        problems.append("the notebook was changed while it ran; run make outputs again")
    if problems:
        return "\n".join(problems)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if picture := execution.result_picture(notebook):
        with atomic_write(FOLDER / "images" / f"{path.stem}.png") as temporary:
            temporary.write_bytes(base64.b64decode(picture))
    return None


def main(wanted: str = "") -> None:
    paths = execution.chapters(wanted, solutions=True)
    try:
        check_data_is_complete()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    failed = 0
    for number, path in enumerate(paths, 1):
        began = time.monotonic()
        problem = store(path)
        failed += bool(problem)
        state = f"NOT stored:\n{problem}" if problem else "stored"
        seconds = time.monotonic() - began
        print(f"[{number}/{len(paths)}] {name_of(path)}: {seconds:.0f} s, {state}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
