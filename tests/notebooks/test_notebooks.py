"""Every notebook runs once from top to bottom at the smoke budget.

Both ways to the pictures are tried in turns: chapters with an odd number run as this machine is set
up, all other notebooks without data and without a network. nbval runs each one in a process of its
own, so that a broken chapter hides no other.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import datasets
from helpers.course import ROOT
from tests.conftest import AS_STARTED, VARIABLES
from tools.environment.kernels import our_kernel_first
from tools.notebooks.execution import CELL_TIMEOUT, chapters, lessons, name_of
from tools.notebooks.run_chapters import compare, expected_ranges

NOTEBOOKS = {name_of(path): path for path in chapters(solutions=True)}
CHAPTERS = {name_of(path) for path in chapters()}
LESSONS = {name_of(path): path.stem for path in lessons()}  # these record numbers
# Without a folder of data, "as set up" would mean a download: then all run without a network.
AS_SET_UP = {name for name in CHAPTERS if name[1] in "13579" and "COURSE_DATA_DIR" in AS_STARTED}
NO_SET = {"09_ways_to_look", "09_fast_style"}  # load no data set
TIME_LIMIT = 1800  # seconds for a whole notebook; it only ends what hangs


def environment(name: str, folder: Path) -> dict[str, str]:
    """Return the variables of a run: as the tests were started, or no data and no network."""
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if name in AS_SET_UP:
        env |= AS_STARTED
    else:
        env["KERAS_HOME"] = str(folder / "empty")
        env["PYTHONPATH"] = str(ROOT / "tests/support/no_network")
    env |= {"COURSE_BUDGET": "smoke", "COURSE_RESULTS_DIR": str(folder / "results")}
    return our_kernel_first(env)


def run_with_nbval(path: Path, env: dict[str, str]) -> subprocess.CompletedProcess:
    """Run a notebook, and compare the outputs of its tagged cells with the stored ones."""
    timeout = f"--nbval-cell-timeout={CELL_TIMEOUT['smoke']}"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", timeout]
    command.append(str(path))
    limits = {"capture_output": True, "text": True, "timeout": TIME_LIMIT}
    return subprocess.run(command, cwd=ROOT, env=env, **limits)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name, tmp_path):
    path = NOTEBOOKS[name]
    done = run_with_nbval(path, environment(name, tmp_path))
    if done.returncode:
        said = f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        pytest.fail(f"{name}:\n{said}", pytrace=False)
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.source.strip()]
    passed = int(re.search(r"(\d+) passed", done.stdout).group(1))
    assert passed == sum(cell.cell_type == "code" for cell in cells), done.stdout
    if name in LESSONS:
        check_record(LESSONS[name], name in AS_SET_UP, tmp_path / "results/smoke")


def check_record(name, as_set_up, folder):
    """One record, of the pictures that were meant, with all numbers in their ranges."""
    (file,) = folder.glob(f"*/{name}.json")
    source = file.parent.name
    if not as_set_up and not datasets.DEBIAN.is_dir():
        assert source == ("none" if name in NO_SET else "embedded")
    rows = compare(json.loads(file.read_text()), expected_ranges(name, "smoke", source))
    assert {verdict for *_, verdict in rows} == {"ok"}, (source, rows)
