"""Make and check constraints.txt, the file that pins every package.

    python -m tools.environment.pin_versions make
    python -m tools.environment.pin_versions check

`make` resolves pyproject.toml's ranges in a fresh environment and writes what was installed.
`check` asks the package index for a wheel of every pin, for each Python and system below.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from typing import Any

from helpers.course import ROOT, atomic_write

PYTHONS = ("3.11", "3.12", "3.13")  # pip reads 3.11 as 3.11.0, the oldest of them
LINUX = [f"manylinux_2_{minor}_x86_64" for minor in range(35, 4, -1)]
MAC = [
    f"macosx_{major}_0_{arch}" for major in range(15, 10, -1) for arch in ("arm64", "universal2")
]
SYSTEMS = {
    "Linux x86_64": [*LINUX, *(f"manylinux{year}_x86_64" for year in (2014, 2010, 1))],
    "macOS arm64": [*MAC, *(f"macosx_10_{minor}_universal2" for minor in range(16, 8, -1))],
    "Windows x86_64": ["win_amd64"],
}
# What a dependency asks for on other systems than the one that `make` resolves on, and where.
ELSEWHERE = {"appnope": "macOS arm64", "colorama": "Windows x86_64", "pywinpty": "Windows x86_64"}
NOT_ON = {"Windows x86_64": {"pexpect", "ptyprocess", "uvloop"}}
# Version 3 needs Python 3.11.5, and Debian 12 has 3.11.2.
CAPS = ["soupsieve<3"]
HEAD = """\
# Every package of the course, pinned. Made by `make pins` (on Linux, Python 3.11); `make wheels` \
checks that each pin
# has a wheel for Python 3.11, 3.12 and 3.13 on Linux, macOS (Apple silicon) and Windows.
"""


def pip(python: str, *words: str, **options: Any) -> subprocess.CompletedProcess:
    command = [python, "-m", "pip", "--disable-pip-version-check", *words]
    return subprocess.run(command, text=True, **options)


def newest(name: str) -> str:
    """Return the newest version of a package that the index has, or stop."""
    said = pip(sys.executable, "index", "versions", name, capture_output=True).stdout
    if not (found := re.match(rf"{name} \((\S+)\)", said)):
        sys.exit(f"The package index tells no version of {name}.")
    return found.group(1)


def make() -> None:
    """Resolve all dependencies and extras in a fresh environment, and write constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *CAPS]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        pip(python, "install", "--quiet", *wanted, check=True)
        frozen = pip(python, "freeze", capture_output=True, check=True).stdout.splitlines()
    pins = {line for line in frozen if re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)}
    if odd := ", ".join(sorted(set(frozen) - pins)):
        sys.exit(f"These are no plain pins: {odd}. Install them from the index and try again.")
    pins |= {f"{name}=={newest(name)}" for name in ELSEWHERE}
    with atomic_write(ROOT / "constraints.txt") as temporary:
        temporary.write_text(HEAD + "\n".join(sorted(pins, key=str.lower)) + "\n")
    print(f"constraints.txt: {len(pins)} pins.")


def check() -> None:
    """Print a line for each Python and system. Exit code 1 if a wheel is missing."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    missing = 0
    for system, platforms in SYSTEMS.items():
        fitting = [pin for pin in pins if is_wanted_on(system, pin.split("==")[0].lower())]
        for python in PYTHONS:
            gone = without_wheels(fitting, python, platforms)
            missing += len(gone)
            verdict = f"MISSING: {', '.join(gone)}" if gone else "all there"
            print(f"Python {python}, {system}: {len(fitting)} pins, {verdict}", flush=True)
    sys.exit(missing > 0)


def is_wanted_on(system: str, name: str) -> bool:
    """Tell whether a package is installed on a system."""
    return ELSEWHERE.get(name, system) == system and name not in NOT_ON.get(system, ())


def without_wheels(pins: Sequence[str], python: str, platforms: Sequence[str]) -> list[str]:
    """Return the pins without a wheel: asks for all at once, and for each if that fails."""
    if have_wheels(pins, python, platforms):
        return []
    return [pin for pin in pins if not have_wheels([pin], python, platforms)]


def have_wheels(pins: Sequence[str], python: str, platforms: Sequence[str]) -> bool:
    """Ask pip whether it would install these pins from wheels, without installing them."""
    words = ["install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps"]
    words += ["--only-binary=:all:", "--target", "x", "--python-version", python]
    words += [*(f"--platform={name}" for name in platforms), *pins]
    return pip(sys.executable, *words, capture_output=True).returncode == 0


if __name__ == "__main__":
    commands = {"make": make, "check": check}
    if sys.argv[1:] not in [[name] for name in commands]:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
