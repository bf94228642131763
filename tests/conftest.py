"""Every test starts without course variables and without a network; what it needs, it sets."""

import os
import re
import socket

import pytest

VARIABLES = ("COURSE_BUDGET", "COURSE_DATA", "COURSE_DATA_DIR", "COURSE_RESULTS_DIR")
AS_STARTED = {name: os.environ[name] for name in VARIABLES if name in os.environ}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")

if "PYTEST_XDIST_WORKER" in os.environ:  # one of two workers, each with a core of its own
    os.environ |= dict.fromkeys((*THREADS, "OPENBLAS_NUM_THREADS"), "1")


def pytest_addoption(parser):
    parser.addoption("--chapter", default="", help="two digits: only what belongs to this chapter")


def pytest_collection_modifyitems(config, items):
    """Run notebooks first, because they take longest; keep what belongs to `--chapter`.

    A module's tests stay in one worker, so that its fixtures are made once. Notebooks are spread.
    """
    for item in items:
        if "test_notebooks" not in item.nodeid:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: "test_notebooks" not in item.nodeid)
    wanted = config.getoption("--chapter")
    if not wanted:
        return
    if not re.fullmatch(r"\d\d", wanted):
        raise pytest.UsageError(f"CHAPTER is {wanted!r}, but a chapter has two digits, as in 01.")
    pattern = re.compile(rf"/test_(chapter_)?{wanted}[._]|[\[/]{wanted}_")
    belongs = [item for item in items if pattern.search(item.nodeid)]
    if not belongs:
        raise pytest.UsageError(f"No test belongs to chapter {wanted!r}.")
    config.hook.pytest_deselected(items=[item for item in items if item not in belongs])
    items[:] = belongs


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
