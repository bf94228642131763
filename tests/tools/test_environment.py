"""The files of the environment say the same; no file names a registry or a machine."""

import fnmatch
import os
import re
import subprocess
import tomllib
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
    _, pip = conda_lines()
    assert [text for text, _ in pip if not text.startswith("--")] == PROJECT["dependencies"]
    assert [text for text, _ in pip if text.startswith("--")] == [
        "--constraint constraints.txt",
        "--editable .",
    ]


def test_environment_says_what_each_package_is_for():
    assert not [
        text for text, comment in conda_lines()[1] if not comment and not text.startswith("--")
    ]


def test_python_versions_agree():
    conda, _ = conda_lines()
    assert [text for text, _ in conda] == [f"python{PROJECT['requires-python']}", "pip", "pip:"]
    inside = [
        version
        for version in range(5, 30)
        if f"3.{version}" in Requirement(f"x{PROJECT['requires-python']}").specifier
    ]
    assert [(3, minor) for minor in inside] == set_up.VERSIONS


@pytest.mark.parametrize("line", PROJECT["dependencies"] + EXTRAS)
def test_each_range_contains_its_pin(line):
    wanted = Requirement(line)
    assert PINS[wanted.name] in wanted.specifier


def test_constraints_are_names_and_versions_only():
    assert len(PINS) > 100
    for name, version in PINS.items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name) and re.fullmatch(
            r"[0-9][A-Za-z0-9.]*", version
        )


def test_what_is_installed_is_what_is_pinned():
    from importlib.metadata import PackageNotFoundError, version

    wrong = {}
    for name, pinned in PINS.items():
        try:
            if version(name) != pinned:
                wrong[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra, or another system's
    assert not wrong


def project_files():
    """Yield the files that git tracks; without git, every file that .gitignore leaves in."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        yield from (ROOT / name for name in names.decode().split("\0") if (ROOT / name).is_file())
        return
    except (OSError, subprocess.CalledProcessError):
        pass
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()] + [".git"]
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if not any(fnmatch.fnmatch(name, pattern) for pattern in ignored)
        ]
        yield from (
            Path(folder) / name
            for name in names
            if not any(fnmatch.fnmatch(name, p) for p in ignored)
        )


def test_no_file_names_a_registry_or_a_path_of_this_machine():
    banned = re.compile(
        r"pypi\.org|pythonhosted|npmjs|debian\.org|anaconda\.org|/"
        + r"work/|/"
        + r"root/|/"
        + r"home/\w"
    )
    found = {}
    assert ROOT / "README.md" in project_files()
    for path in project_files():
        if path.suffix not in (".png", ".npz"):
            hits = [
                hit
                for hit in banned.findall(path.read_text(encoding="utf-8", errors="ignore"))
                if path.name != "test_environment.py"
            ]
            found |= {path.name: hits} if hits else {}
    assert not found


def test_the_set_up_notices_what_changed(monkeypatch, tmp_path):
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(set_up, "ROOT", tmp_path)
    first = set_up.wanted_stamp(["browser"])
    assert first == set_up.wanted_stamp(["browser"]) != set_up.wanted_stamp([])
    (tmp_path / "constraints.txt").write_text("two")
    assert set_up.wanted_stamp(["browser"]) != first


def test_the_set_up_says_which_python_it_needs(monkeypatch):
    monkeypatch.setattr(set_up.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(
        set_up.subprocess, "check_output", lambda *_, **__: (_ for _ in ()).throw(OSError)
    )
    with pytest.raises(
        SystemExit, match=r"this is Python 3.9, and the course needs Python 3.11, 3.12 or 3.13"
    ):
        set_up.fitting_python()
