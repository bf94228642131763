"""The files of the environment say the same; no file names a registry or a machine; the set-up."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from helpers.course import ROOT
from tools.environment import set_up

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.lower().split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
EXTRAS = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
BANNED = r"pypi\.org|pythonhosted|npmjs|debian\.org|anaconda\.org|/work/|/root/|/home/\w"


def conda_lines():
    """Return environment.yml's (lines for conda, lines for pip), each as (package, comment)."""
    lines = (ROOT / "environment.yml").read_text().splitlines()
    lines = [line for line in lines[lines.index("dependencies:") + 1 :] if line.strip()]
    conda, pip = [], []
    for line in lines:
        text, _, comment = line.strip().removeprefix("- ").partition("  # ")
        (pip if line.startswith("      - ") else conda).append((text, comment))
    return conda, pip


def test_environment_has_the_packages_of_the_project_in_the_same_order():
    lines = [text for text, _ in conda_lines()[1]]
    options = [text for text in lines if text.startswith("--")]
    assert [text for text in lines if text not in options] == PROJECT["dependencies"]
    assert options == ["--constraint constraints.txt", "--editable ."]


def test_environment_says_what_each_package_is_for():
    lines = conda_lines()[1]
    assert not [text for text, comment in lines if not comment and not text.startswith("--")]


def test_python_versions_agree():
    conda, _ = conda_lines()
    wanted = PROJECT["requires-python"]
    assert [text for text, _ in conda] == [f"python{wanted}", "pip", "pip:"]
    allowed = Requirement(f"x{wanted}").specifier
    assert [(3, minor) for minor in range(30) if f"3.{minor}" in allowed] == set_up.VERSIONS


@pytest.mark.parametrize("line", PROJECT["dependencies"] + EXTRAS)
def test_each_range_contains_its_pin(line):
    wanted = Requirement(line)
    assert PINS[wanted.name] in wanted.specifier


def test_constraints_are_names_and_versions_only():
    assert len(PINS) > 100
    for name, pinned in PINS.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        assert re.fullmatch(r"[0-9][A-Za-z0-9.]*", pinned)


def test_what_is_installed_is_what_is_pinned():
    wrong = {}
    for name, pinned in PINS.items():
        try:
            if version(name) != pinned:
                wrong[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra, or another system's
    assert not wrong


def project_files():
    """Return the files that git tracks; without git, every file that .gitignore leaves in."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
        paths = list(walk(ROOT, [*ignored, ".git"]))
    return [path for path in paths if path.is_file()]


def walk(folder, ignored):
    """Yield the files below a folder, without those whose name is ignored."""
    for path in folder.iterdir():
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
            yield from walk(path, ignored) if path.is_dir() else [path]


def test_no_file_names_a_registry_or_a_path_of_this_machine():
    paths = project_files()
    assert ROOT / "README.md" in paths
    found = {}
    for path in paths:
        if path.suffix not in (".png", ".npz", ".keras") and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found |= {path.name: hits} if (hits := re.findall(BANNED, text)) else {}
    assert not found


# ------------------------------------------------- the set-up


@pytest.fixture
def copy(monkeypatch, tmp_path):
    """A course that is not set up."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    monkeypatch.setattr(set_up, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(set_up, "STAMP", tmp_path / ".venv/course-setup.json")
    return tmp_path


def test_the_set_up_notices_what_changed(copy):
    first = set_up.wanted_stamp(["browser"])
    assert first == set_up.wanted_stamp(["browser"]) != set_up.wanted_stamp([])
    (copy / "constraints.txt").write_text("two")
    assert set_up.wanted_stamp(["browser"]) != first


def test_the_set_up_says_which_python_it_needs(monkeypatch):
    monkeypatch.setattr(set_up.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(set_up, "answer", lambda command: None)
    with pytest.raises(SystemExit, match=r"this is Python 3\.9, and the course needs Python 3\.11"):
        set_up.fitting_python()


def test_a_course_that_cannot_be_written_says_who_sets_it_up(monkeypatch, copy):
    monkeypatch.setattr(set_up.os, "access", lambda *_: False)
    with pytest.raises(SystemExit, match="cannot be written. Who shares a course read-only runs"):
        set_up.main([])
    assert not (copy / ".venv").exists()


def test_our_helpers_come_before_those_beside_a_notebook_and_on_the_path(copy):
    """In an environment as `set_up` makes it, but without packages."""
    shutil.copytree(ROOT / "helpers", copy / "course/helpers")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", copy / ".venv"], check=True)
    elsewhere = copy / "elsewhere"
    for folder in (copy / "beside", elsewhere):
        folder.mkdir()
        (folder / "helpers.py").write_text("raise ImportError('this is not the course')")
    command = [set_up.venv_python(), "-c", "import helpers; print(helpers.__file__)"]
    options = {"cwd": copy / "beside", "env": {**os.environ, "PYTHONPATH": str(elsewhere)}}
    assert subprocess.run(command, capture_output=True, **options).returncode != 0
    set_up.ROOT = copy / "course"
    set_up.put_helpers_first(set_up.venv_python())
    said = subprocess.run(command, capture_output=True, text=True, **options)
    assert said.stdout.strip() == str(copy / "course/helpers/__init__.py")
    shutil.move(copy / "course", copy / "moved")  # then nothing is said, and the next set-up helps
    said = subprocess.run([set_up.venv_python(), "-c", ""], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")
