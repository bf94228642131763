"""Run code in a Jupyter kernel, as a notebook does, because the live view shows pictures there."""

import os
import tempfile

import nbformat

from helpers.course import ROOT
from tools.notebooks.execution import make_client


def run_in_kernel(*sources: str) -> str:
    """Run each source as a cell, with an empty results folder; return what the last one printed."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with tempfile.TemporaryDirectory() as results:
        client = make_client(notebook, ROOT / "unnamed.ipynb", "full")
        client.execute(env={**os.environ, "COURSE_RESULTS_DIR": results})
    return notebook.cells[-1].outputs[0].text
