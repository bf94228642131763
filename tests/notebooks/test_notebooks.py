"""Every notebook runs from top to bottom at the smoke budget with nothing, and every chapter also as this machine is set up.

nbval runs each one in a process of its own, so that a broken chapter hides no other.
"""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from helpers.paths import ROOT
from tests.conftest import AS_STARTED, VARIABLES
from tools.notebooks import CELL_TIMEOUT, chapters, name_of
from tools.run import compare, expected_ranges

NOTEBOOKS = chapters(solutions=True)
TIME_LIMIT = 900  # seconds for a whole notebook; it only ends what hangs
DRAW_THEIR_OWN = {"07_pix2pix", "projects/07_street", "projects/07_street_solution"}  # for these both runs would be the same


def environment(offline, folder):
    """Return the variables of a run: those that the tests were started with, or no data folder, no cache, no network."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if offline:
        env["KERAS_HOME"] = str(folder / "empty")
        env["PYTHONPATH"] = str(ROOT / "tests/no_network")
    else:
        env |= AS_STARTED
    return env | {"COURSE_BUDGET": "smoke", "COURSE_RESULTS_DIR": str(folder / "results")}


def runs():
    """Yield each notebook with no data and no network; the chapters that show real pictures also as this machine is set up."""
    for path in NOTEBOOKS:
        if path in chapters() and name_of(path) not in DRAW_THEIR_OWN:
            yield pytest.param(path, False, id=f"{name_of(path)}-as set up")
        yield pytest.param(path, True, id=f"{name_of(path)}-no data, no network")


def test_those_that_draw_their_own_pictures_load_no_others():
    for path in NOTEBOOKS:
        code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
        assert (name_of(path) in DRAW_THEIR_OWN) == (not re.search(r"datasets\.load\(|pairs\(.edges", code)), name_of(path)


@pytest.mark.parametrize("path, offline", list(runs()))
def test_notebook_runs(path, offline, tmp_path):
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT['smoke']}"]
    env = environment(offline, tmp_path)
    done = subprocess.run([*command, str(path)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIME_LIMIT)
    if done.returncode:
        pytest.fail(f"{name_of(path)}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}", pytrace=False)
    cells = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in nbformat.read(path, as_version=4).cells)
    assert int(re.search(r"(\d+) passed", done.stdout).group(1)) == cells, done.stdout
    if path in chapters():
        records = list((tmp_path / "results/smoke").glob(f"*/{path.stem}.json"))
        assert len(records) == 1
        source = records[0].parent.name
        assert source == "embedded" or not offline
        rows = compare(json.loads(records[0].read_text()), expected_ranges(path.stem, "smoke", source))
        assert {verdict for *_, verdict in rows} == {"ok"}, rows
