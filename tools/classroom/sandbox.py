"""The grader's side of a closed place in which one student's notebook runs.

What can be closed depends on the system: `kind_of_walls` tries it, and `describe` says it in words.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.course import DATA, ROOT
from tools.classroom.enter import ENDS
from tools.classroom.inside import HEAD

NOTEBOOK_SECONDS = int(os.environ.get("COURSE_NOTEBOOK_SECONDS") or 120)  # for all cells together
CELL_SECONDS = NOTEBOOK_SECONDS / 2
QUESTION_SECONDS = 20
MEMORY = 2_500_000_000  # bytes, of all processes of a student together
PROCESSES = 150  # and threads
LARGEST_MESSAGE = 8_000_000  # bytes
FIRST_USER = 270_000  # when the teacher is root: students' processes belong to nobody's number
NAMESPACES = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
WALLS = {"root": [], "user": ["--user", "--map-root-user"]}  # how to be allowed to build them
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/fonts"]
SYSTEM += ["/etc/alternatives", "/etc/localtime", "/etc/passwd"]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "COURSE_DATA": "embedded",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
}


class Stopped(Exception):
    """The student's process has ended, or was ended. The message says why."""


def describe(walls: str) -> str:
    """Say what a student's code cannot do on this system."""
    if walls:
        return (
            "Each notebook runs alone: it sees no folder of this course but helpers and data, no "
            "other student's work and no network. Time, memory, processes and output are limited."
        )
    return (
        "WARNING: this system has no namespaces that the grader may use. Time, memory and output "
        "are limited, and marks are still compared outside of the student's process. But a "
        "student's code can read and write whatever you can, and use the network. Grade on "
        "Linux (unshare), or with an account and a machine where this does no harm."
    )


def kind_of_walls() -> str:
    """Return the first of `WALLS` that can be built on this system, or ""."""
    kinds = ["root", "user"] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["user"]
    for kind in kinds if shutil.which("unshare") else []:
        with contextlib.suppress(Stopped), Sandbox(kind) as sandbox:
            sandbox.send({"path": "", "cells": [], "cell_seconds": 1})
            sandbox.send({"name": "anything", "seconds": 5})
            if "error" in sandbox.receive(30):
                return kind
    return ""


class Sandbox:
    """A process that runs a student's notebook and answers questions: a context manager.

    Args:
        walls: what `kind_of_walls` returned.
        slot: number of the runner: two at a time must not be the same.
        hidden: folders that must not be seen even if they lie in one that must.
    """

    def __init__(self, walls: str, slot: int = 0, hidden: Sequence[Path] = ()):
        self.folder = tempfile.mkdtemp(prefix="grading-")
        ask_read, ask_write = os.pipe()
        say_read, say_write = os.pipe()
        here = str(Path(__file__).parent)
        root = self.folder if walls else ""
        user = FIRST_USER + slot if walls == "root" else None
        prefixes = dict.fromkeys(map(os.path.realpath, (sys.prefix, sys.base_prefix)))
        named = [sys.prefix] if os.path.realpath(sys.prefix) != sys.prefix else []
        visible = [*SYSTEM, *prefixes, *map(str, (ROOT / "helpers", DATA)), f"{here}/inside.py"]
        command = [sys.executable, "-I", "-B", f"{here}/inside.py", str(ask_read), str(say_write)]
        limits = {"DATA": MEMORY, "CPU": NOTEBOOK_SECONDS * 2, "FSIZE": 50_000_000, "CORE": 0}
        limits["NPROC"] = 2 * PROCESSES + (0 if walls == "root" else threads_of_this_user())
        folder = "/student" if walls else self.folder
        settings = {
            "root": root,
            "visible": visible + named,
            "hidden": [str(path) for path in (ROOT / "notebooks", *hidden)],
            "user": user,
            "folder": folder,
            "files": [ask_read, say_write],
            "seconds": NOTEBOOK_SECONDS * 2,
            "memory": MEMORY,
            "processes": PROCESSES,
            "limits": limits,
            "command": command,
            "env": {**ENVIRONMENT, "HOME": folder, "COURSE_RESULTS_DIR": f"{folder}/results"},
        }
        builder = ["unshare", *WALLS[walls], *NAMESPACES] if walls else []
        start = [sys.executable, "-I", "-S", f"{here}/enter.py", json.dumps(settings)]
        self.process = subprocess.Popen(
            [*builder, *start],
            pass_fds=[ask_read, say_write],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(ask_read)
        os.close(say_write)
        self.questions, self.answers = ask_write, say_read

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        os.close(self.questions)  # `enter` notices it, and ends with all that it started
        os.close(self.answers)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, message: Any) -> None:
        """Send a message to the student's process. Stopped: it does not listen any more."""
        raw = json.dumps(message).encode()
        raw, ends = HEAD.pack(len(raw)) + raw, time.monotonic() + QUESTION_SECONDS
        os.set_blocking(self.questions, False)
        while raw:
            if not select.select([], [self.questions], [], max(0, ends - time.monotonic()))[1]:
                raise Stopped("it does not listen to questions")
            try:
                raw = raw[os.write(self.questions, raw) :]
            except OSError:
                raise Stopped(self.reason()) from None

    def receive(self, seconds: float) -> dict:
        """Wait for a message. Stopped: none comes, or it is too long or no message."""
        ends = time.monotonic() + seconds
        (length,) = HEAD.unpack(self.bytes(HEAD.size, ends))
        if length > LARGEST_MESSAGE:
            raise Stopped("its answer is too long")
        try:
            message = json.loads(self.bytes(length, ends))
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise Stopped("its answer cannot be read")
        return message

    def bytes(self, count: int, ends: float) -> bytes:
        """Read so many bytes from the student's process, until a time."""
        raw = b""
        while len(raw) < count:
            if not select.select([self.answers], [], [], max(0, ends - time.monotonic()))[0]:
                raise Stopped(ENDS[91])
            more = os.read(self.answers, min(count - len(raw), 1 << 20))
            if not more:
                raise Stopped(self.reason())
            raw += more
        return raw

    def reason(self) -> str:
        """Say why the process has ended."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "it closed the way to the grader"
        return ENDS.get(code, "its process ended before its work was done")


def threads_of_this_user() -> int:
    """Return how many processes and threads this user has: the limit counts them, too."""
    count = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, ValueError):
            if status.stat().st_uid == os.geteuid():
                text = status.read_text()
                count += int(text.partition("Threads:")[2].split()[0])
    return count
