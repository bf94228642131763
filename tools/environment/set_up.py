"""Make `.venv` and install the course into it, if that has not been done yet.

    python3 tools/environment/set_up.py [extra ...]

An extra is one of pyproject.toml, such as `test`. Runs with any Python 3 and no packages. Looks for
a Python 3.11, 3.12 or 3.13 if it was started by another one.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "course-setup.json"
VERSIONS = [(3, 11), (3, 12), (3, 13)]
TELL_VERSION = "import sys; print(sys.version_info[:2])"
# JupyterLab asks every newcomer whether to show Jupyter's news, and looks for updates of itself.
NEWS = "@jupyterlab/apputils-extension:notification"
LAB_SETTINGS = {NEWS: {"fetchNews": "false", "checkForUpdates": False}}


def stop(message):
    sys.exit("\nSet-up stopped: " + message)


def answer(command):
    """Return what a command prints, or None if it cannot be run."""
    try:
        output = subprocess.check_output(command, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.decode().strip()


def fitting_python():
    """Return the command of a Python that the course runs on: this one, or one found by name."""
    if sys.version_info[:2] in VERSIONS:
        return sys.executable
    for version in reversed(VERSIONS):
        name = "python%d.%d" % version
        if answer([name, "-c", TELL_VERSION]) == str(version):
            return name
    stop(
        "this is Python %d.%d, and the course needs Python 3.11, 3.12 or 3.13, of which none was "
        "found. Install one, then run: make setup PYTHON=python3.12" % sys.version_info[:2]
    )


def venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_stamp(extras):
    """Return what the stamp must say: a hash of what decides the installation, and the extras."""
    inputs = [ROOT / "pyproject.toml", ROOT / "constraints.txt", Path(__file__)]
    text = b"".join(path.read_bytes() for path in inputs)
    inputs_hash = hashlib.sha256(text).hexdigest()
    return {"root": str(ROOT), "inputs": inputs_hash, "extras": sorted(extras)}


def installed_stamp():
    """Return the stamp of the last set-up; without one, a stamp that never fits."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        stamp = None
    whole = isinstance(stamp, dict) and isinstance(stamp.get("extras"), list)
    return stamp if whole else {"extras": []}


def works(python):
    """Tell whether .venv has a Python that fits and a whole pip: a set-up may have been stopped."""
    versions = [str(version) for version in VERSIONS]
    has_pip = answer([str(python), "-m", "pip", "--version"]) is not None
    return has_pip and answer([str(python), "-c", TELL_VERSION]) in versions


def put_helpers_first(python):
    """Let each Python of .venv import the course's helpers when it starts.

    So a helpers.py beside a reader's notebook, or another one on PYTHONPATH, is not taken for ours.
    """
    find = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    folder = Path(subprocess.check_output([str(python), "-c", find]).decode().strip())
    root = ascii(str(ROOT))
    line = "import os, sys; os.path.isdir(%s) and (" % root  # the course may have been moved
    line += "sys.path.insert(0, %s), __import__('helpers'), sys.path.remove(%s))\n" % (root, root)
    (folder / "unseen_fashion_helpers.pth").write_text(line)


def install(python, extras):
    """Install the course with its pinned packages."""
    target = ".[%s]" % ",".join(extras) if extras else "."
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", "--editable", target]
    if subprocess.call(command, cwd=str(ROOT)):
        stop(
            "pip could not install the packages; its message stands above. When the cause is "
            "gone, run this again. To start from nothing: make clean"
        )


def main(extras):
    before = installed_stamp()
    stamp = wanted_stamp(set(extras) | set(before["extras"]))
    python = venv_python()
    if before == stamp and python.exists():
        return
    if not os.access(str(ROOT), os.W_OK):
        stop(
            "'%s' cannot be written. Who shares a course read-only runs `make setup` (and `make "
            "check`, for the packages of the tests) before, in a folder of this name." % ROOT
        )
    if not works(python):
        base = fitting_python()
        print("Making .venv with %s ..." % base, flush=True)
        if subprocess.call([base, "-m", "venv", "--clear", str(VENV)]):
            stop(
                "Python could not make a virtual environment. "
                "On Debian and Ubuntu: apt install python3-venv"
            )
    print("Installing the course's packages into .venv. This takes some minutes, once.", flush=True)
    # Without inputs: if pip is stopped, the next call starts it again.
    STAMP.write_text(json.dumps({"extras": stamp["extras"]}))
    install(python, stamp["extras"])
    put_helpers_first(python)
    settings = VENV / "share/jupyter/lab/settings/overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(LAB_SETTINGS, indent=2))
    STAMP.write_text(json.dumps(stamp))
    print("Set-up is complete.", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
