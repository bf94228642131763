"""Open JupyterLab on the course. Without a display, print the address to open instead.

python -m tools.environment.open_lab        environment: PORT (default: the first free one from 8888 on)
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

from helpers.course import ROOT
from tools.environment.kernels import our_kernel_first

START_PAGE = "lab/tree/notebooks/01_probabilistic_model.ipynb"
STARTING_TIME = 120  # seconds


def free_port():
    """Return the port that PORT asks for, or the first free one from 8888 on."""
    asked = os.environ.get("PORT")
    if asked and not (asked.isdigit() and 1 <= int(asked) <= 65535):
        sys.exit(f"PORT is {asked!r}, but a port is a whole number from 1 to 65535, such as 8888.")
    for port in [int(asked)] if asked else range(8888, 8988):
        with socket.socket() as probe:
            if (
                os.name != "nt"
            ):  # connections of an older server that are still closing do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(f"Port {asked or '8888 to 8987'} is in use. Choose another one: make lab PORT=9999")


def has_display():
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def wait_until_up(server, port):
    """Wait for the server's first answer. Return False if it ended or stayed silent."""
    end = time.monotonic() + STARTING_TIME
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({})
    )  # a proxy knows nothing of this machine
    while server.poll() is None and time.monotonic() < end:
        try:
            opener.open(f"http://127.0.0.1:{port}/api", timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def main():
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    command += [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/{START_PAGE}",
        "--log-level=WARN",
        "-y",
    ]
    if not has_display():
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("You are root: JupyterLab is started with --allow-root.", flush=True)
        command.append("--allow-root")
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for JupyterLab, which then ends and lets us end
    restore = (
        {}
        if os.name == "nt"
        else {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    )
    server = subprocess.Popen(
        command, env=our_kernel_first({**os.environ, "JUPYTER_TOKEN": token}), **restore
    )
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    if wait_until_up(server, port):
        print(
            f"JupyterLab runs. Open http://127.0.0.1:{port}/{START_PAGE}?token={token}", flush=True
        )
        print("Press Ctrl-C here to end it.", flush=True)
    elif server.poll() is None:
        server.terminate()
        sys.exit(
            f"JupyterLab gave no answer within {STARTING_TIME} seconds. Its messages stand above."
        )
    sys.exit(server.wait())


if __name__ == "__main__":
    main()
