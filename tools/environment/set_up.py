"""Make `.venv` and install the course into it, if that has not been done yet.

    python3 tools/environment/set_up.py [extra ...]      extra: as in pyproject.toml

Runs with any Python 3 and no packages. Looks for a Python 3.11, 3.12 or 3.13 if it was started by another one.
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
# JupyterLab would ask every newcomer whether to show Jupyter's news, and look for updates of itself.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}


def stop(message):
    sys.exit("\nSet-up stopped: " + message)


def fitting_python():
    """Return the command of a Python that the course runs on: this one, or one found by its usual name."""
    if sys.version_info[:2] in VERSIONS:
        return sys.executable
    for major, minor in reversed(VERSIONS):
        name = "python%d.%d" % (major, minor)
        try:
            said = subprocess.check_output(
                [name, "-c", "import sys; print(sys.version_info[:2])"], stderr=subprocess.DEVNULL
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        if said.decode().strip() == str((major, minor)):
            return name
    stop(
        "this is Python %d.%d, and the course needs Python 3.11, 3.12 or 3.13, of which none was found. Install one, "
        "then run: make setup PYTHON=python3.12" % sys.version_info[:2]
    )


def venv_python():
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_stamp(extras):
    """Return what the stamp must say: a hash of what decides the installation, and the extras."""
    text = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return {"root": str(ROOT), "inputs": hashlib.sha256(text).hexdigest(), "extras": sorted(extras)}


def installed_stamp():
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        stamp = None
    return (
        stamp
        if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list)
        else {"extras": []}
    )


def works(python):
    """Tell whether .venv has a Python that fits and a whole pip; a set-up that was stopped may leave half of it."""
    try:
        subprocess.check_output([str(python), "-m", "pip", "--version"], stderr=subprocess.DEVNULL)
        said = subprocess.check_output(
            [str(python), "-c", "import sys; print(sys.version_info[:2])"]
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return said.decode().strip() in map(str, VERSIONS)


def put_helpers_first(python):
    """Let each Python of .venv import the course's helpers when it starts.

    So a helpers.py beside a reader's notebook, or another one on PYTHONPATH, is not taken for ours.
    """
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    folder = subprocess.check_output([str(python), "-c", code]).decode().strip()
    line = "import sys; sys.path.insert(0, %r); import helpers; del sys.path[0]\n" % str(ROOT)
    (Path(folder) / "unseen_fashion_helpers.pth").write_text(line, encoding="utf-8")


def main(extras):
    before = installed_stamp()
    stamp = wanted_stamp(set(extras) | set(before["extras"]))
    python = venv_python()
    if before == stamp and python.exists():
        return
    if not works(python):
        base = fitting_python()
        print("Making .venv with %s ..." % base, flush=True)
        if subprocess.call([base, "-m", "venv", "--clear", str(VENV)]):
            stop(
                "Python could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv"
            )
    print(
        "Installing the packages of the course into .venv. This takes some minutes, once.",
        flush=True,
    )
    STAMP.write_text(
        json.dumps({"extras": stamp["extras"]})
    )  # no inputs: if pip is stopped, the next call starts it again
    target = ".[%s]" % ",".join(stamp["extras"]) if stamp["extras"] else "."
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call(
        command + ["--constraint", "constraints.txt", "--editable", target], cwd=str(ROOT)
    ):
        stop(
            "pip could not install the packages; its message stands above. When the cause is gone, run this again. "
            "To start from nothing: make clean"
        )
    put_helpers_first(python)
    settings = VENV / "share/jupyter/lab/settings/overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps(LAB_SETTINGS, indent=2))
    STAMP.write_text(json.dumps(stamp))
    print("Set-up is complete.", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
