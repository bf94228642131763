"""Run notebooks at the lesson budget on the real pictures and store their outputs in place.

    python -m tools.notebooks.store_outputs [chapter]       chapter: two digits, as in 01

A notebook is replaced only when all its cells ran, without error text and without a path of this machine.
"""

import base64
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from helpers import datasets
from helpers.course import atomic_write
from tools.notebooks.execution import (
    FOLDER,
    chapters,
    clean,
    execute,
    faults,
    name_of,
    result_picture,
)

LARGEST = 1_000_000  # bytes of a stored notebook


def check_real_data():
    """Stop if the pictures would not be the real ones."""
    sources = {datasets.load(name).source for name in ("mnist", "fashion_mnist")}
    if "embedded" in sources:
        sys.exit("Stored outputs are made on the real pictures. Set COURSE_DATA_DIR and try again.")


def store(path):
    """Run one notebook and store its outputs. Return a text that says what went wrong, or None."""
    before = path.read_bytes()
    with tempfile.TemporaryDirectory() as results:
        notebook, error = execute(path, "lesson", {**os.environ, "COURSE_RESULTS_DIR": results})
    problems = [error] if error else faults(clean(notebook))
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > LARGEST:
        problems.append(
            f"the notebook would have {len(text.encode()):,} bytes; the limit is {LARGEST:,}"
        )
    if path.read_bytes() != before:
        problems.append("the notebook was changed while it ran; run make outputs again")
    if problems:
        return "\n".join(problems)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if picture := result_picture(notebook):
        with atomic_write(FOLDER / "images" / f"{path.stem}.png") as temporary:
            temporary.write_bytes(base64.b64decode(picture))
    return None


def main(wanted=""):
    paths = chapters(wanted, solutions=True)
    try:
        check_real_data()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    failed = 0
    for number, path in enumerate(paths, 1):
        start = time.monotonic()
        problem = store(Path(path))
        failed += bool(problem)
        state = f"NOT stored:\n{problem}" if problem else "stored"
        print(
            f"[{number}/{len(paths)}] {name_of(path)}: {time.monotonic() - start:.0f} s, {state}",
            flush=True,
        )
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
