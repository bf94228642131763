"""Run code in a Jupyter kernel, as a notebook does, because the monitor shows pictures there."""

import os
import tempfile

import nbformat
from nbclient import NotebookClient

from helpers.paths import ROOT


def run_in_kernel(*sources):
    """Run each source as a cell, with an empty results folder, and return what the last one printed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with tempfile.TemporaryDirectory() as results:
        NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute(
            env={**os.environ, "COURSE_RESULTS_DIR": results}
        )
    return notebook.cells[-1].outputs[0].text
