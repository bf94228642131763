"""Every test starts without course variables and without a network; what it needs, it sets."""

import os
import re
import socket

import pytest

from tools.notebooks.execution import chapters

VARIABLES = ("COURSE_BUDGET", "COURSE_DATA", "COURSE_DATA_DIR", "COURSE_RESULTS_DIR")
AS_STARTED = {name: os.environ[name] for name in VARIABLES if name in os.environ}
THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
# The longest tests come first, and notebooks and tests of a chapter next to each other: so no
# worker waits long for another one at the end.
ORDER = (r"test_notebooks\.py::\w+\[\d\d_", r"/chapters/", r"test_notebooks\.py", r"/unit/", "")

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several, each with a core of its own
    os.environ |= dict.fromkeys(THREADS, "1")


def pytest_addoption(parser):
    parser.addoption("--chapter", default="", help="two digits: only what belongs to this chapter")


def pytest_configure(config):
    """Stop here, in words, if there is no such chapter."""
    try:
        chapters(config.getoption("--chapter"))
    except SystemExit as error:
        raise pytest.UsageError(str(error)) from None


def pytest_ignore_collect(collection_path, config):
    """Leave the modules of other chapters unread: to import them takes time."""
    wanted = config.getoption("--chapter")
    of_chapter = re.match(r"test_(?:chapter_)?(\d\d)", collection_path.name)
    return True if wanted and of_chapter and of_chapter[1] != wanted else None


def pytest_collection_modifyitems(config, items):
    """Put tests into the order in which workers take them, and keep those of `--chapter`.

    A module's tests stay in one worker, so that its fixtures are made once. Notebooks are spread.
    """
    items.sort(
        key=lambda item: next(n for n, part in enumerate(ORDER) if re.search(part, item.nodeid))
    )
    for item in items:
        if item.path.stem != "test_notebooks":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if wanted := config.getoption("--chapter"):
        belongs = re.compile(rf"/test_(chapter_)?{wanted}[._]|[\[/]{wanted}_")
        left_out = [item for item in items if not belongs.search(item.nodeid)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def no_course_variables():
    """Unset the course's variables for good: a module's fixtures are made before its tests'."""
    for name in VARIABLES:
        os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """Put results into an empty folder, and answer every connection with an error."""
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "results"))

    def refuse(*_, **__):
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
