"""Every notebook runs once from top to bottom at the smoke budget.

Chapters with an odd number run as this machine is set up (COURSE_DATA_DIR), all other notebooks
with no data and no network: so both ways in are tried in each half of the course. nbval runs each
one in a process of its own, so that a broken chapter hides no other.
"""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from helpers.course import ROOT
from tests.conftest import AS_STARTED, VARIABLES
from tools.environment.kernels import our_kernel_first
from tools.notebooks.execution import CELL_TIMEOUT, chapters, name_of
from tools.notebooks.run_chapters import compare, expected_ranges

NOTEBOOKS = chapters(solutions=True)
AS_SET_UP = [path for path in chapters() if int(path.name[:2]) % 2]
TIME_LIMIT = 1800  # seconds for a whole notebook; it only ends what hangs


def environment(path, folder):
    """Return the variables of a run: as the tests were started, or no data and no network."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if path in AS_SET_UP:
        env |= AS_STARTED
    else:
        env["KERAS_HOME"] = str(folder / "empty")
        env["PYTHONPATH"] = str(ROOT / "tests/support/no_network")
    env |= {"COURSE_BUDGET": "smoke", "COURSE_RESULTS_DIR": str(folder / "results")}
    return our_kernel_first(env)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[name_of(path) for path in NOTEBOOKS])
def test_notebook_runs(path, tmp_path):
    timeout = f"--nbval-cell-timeout={CELL_TIMEOUT['smoke']}"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", timeout]
    done = subprocess.run(
        [*command, "-p", "no:xdist", str(path)],
        cwd=ROOT,
        env=environment(path, tmp_path),
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    if done.returncode:
        said = f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        pytest.fail(f"{name_of(path)}:\n{said}", pytrace=False)
    cells = nbformat.read(path, as_version=4).cells
    wanted = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells)
    assert int(re.search(r"(\d+) passed", done.stdout).group(1)) == wanted, done.stdout
    if path in chapters():
        (record,) = (tmp_path / "results/smoke").glob(f"*/{path.stem}.json")
        source = record.parent.name
        ranges = expected_ranges(path.stem, "smoke", source)
        rows = compare(json.loads(record.read_text()), ranges)
        assert {verdict for *_, verdict in rows} == {"ok"}, (source, rows)
