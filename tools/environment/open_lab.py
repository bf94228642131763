"""Open JupyterLab on the course. Without a display, print the address to open instead.

    python -m tools.environment.open_lab

PORT chooses the port; by default it is the first free one from 8888 on.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from helpers.course import ROOT, results_folder
from tools.environment.kernels import our_kernel_first

START_PAGE = "lab/tree/notebooks/01_probabilistic_model.ipynb"
STARTING_TIME = 120  # seconds


def free_port() -> int:
    """Return the port that PORT asks for, or the first free one from 8888 on."""
    asked = os.environ.get("PORT")
    if asked and not (asked.isdigit() and 1 <= int(asked) <= 65535):
        sys.exit(f"PORT is {asked!r}, but a port is a whole number from 1 to 65535, such as 8888.")
    for port in [int(asked)] if asked else range(8888, 8988):
        with socket.socket() as probe:
            if os.name != "nt":  # connections of an older server that are still closing
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(f"Port {asked or '8888 to 8987'} is in use. Choose another one: make lab PORT=9999")


def has_display() -> bool:
    """Tell whether a browser can be opened here."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(screen)


def remarks() -> list[str]:
    """Return what a reader should know beforehand: a course that cannot be written, or root."""
    texts = []
    if not os.access(ROOT, os.W_OK):
        texts.append(
            "The course's folder cannot be written: notebooks run, but changes are not saved. "
            "To keep a notebook: File > Download."
        )
        if results_folder().is_relative_to(ROOT):
            texts.append("Set COURSE_RESULTS_DIR to a folder of yours, for trainings and numbers.")
    if is_root():
        texts.append("You are root, so JupyterLab is started with --allow-root.")
    return texts


def is_root() -> bool:
    """Tell whether this is the administrator of a Unix machine."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def command(port: int) -> list[str]:
    """Return the command that starts JupyterLab."""
    options = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/{START_PAGE}"]
    options += ["--log-level=WARN", "-y"]
    options += [] if has_display() else ["--no-browser"]
    options += ["--allow-root"] if is_root() else []
    return [sys.executable, "-m", "jupyterlab", *options]


def wait_until_up(server: subprocess.Popen, port: int) -> bool:
    """Wait for the server's first answer. Return False if it ended or stayed silent."""
    end = time.monotonic() + STARTING_TIME
    no_proxy = urllib.request.ProxyHandler({})  # a proxy knows nothing of this machine
    opener = urllib.request.build_opener(no_proxy)
    while server.poll() is None and time.monotonic() < end:
        try:
            opener.open(f"http://127.0.0.1:{port}/api", timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def start_server(port: int, token: str) -> subprocess.Popen:
    """Start JupyterLab. Ctrl-C is for JupyterLab, which then ends and lets us end."""
    env = our_kernel_first({**os.environ, "JUPYTER_TOKEN": token})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "nt":
        return subprocess.Popen(command(port), env=env)
    hear_again = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command(port), env=env, preexec_fn=hear_again)


def main() -> None:
    port, token = free_port(), secrets.token_hex(16)
    print(*remarks(), sep="\n", end="\n" if remarks() else "", flush=True)
    server = start_server(port, token)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    if wait_until_up(server, port):
        print(f"JupyterLab runs. Open http://127.0.0.1:{port}/{START_PAGE}?token={token}")
        print("Press Ctrl-C here to end it.", flush=True)
    elif server.poll() is None:
        server.terminate()
        seconds = f"{STARTING_TIME} seconds"
        sys.exit(f"JupyterLab gave no answer within {seconds}. Its messages stand above.")
    sys.exit(server.wait())


if __name__ == "__main__":
    main()
