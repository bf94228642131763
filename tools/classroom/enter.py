"""Close the doors behind a student's process, watch it, and end it.

    python enter.py <settings as JSON>

`sandbox` starts this, on Linux as the first process of new namespaces (unshare): all other
processes in them end with this one. It makes a file system of its own, in which only Python, the
course's helpers and data and an empty folder are to be seen, gives all rights away, and starts
`inside`. It needs nothing but Python itself.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ENDS = {  # exit codes
    91: "it took more time than is allowed",
    92: "it took more memory than is allowed",
    93: "it started more processes than are allowed",
    94: "the grader ended",
}
TIME, MEMORY, PROCESSES, GONE = ENDS
READ_ONLY, NO_SETUID, NO_DEVICES, NO_PROGRAMS = 1, 2, 4, 8  # flags of mount(2)
REMOUNT, BIND, RECURSIVE = 32, 4096, 16384
DROP_CAPABILITY, NO_NEW_RIGHTS = 24, 38  # of prctl(2)
DEVICES = ("null", "zero", "full", "random", "urandom")
WRITABLE = ("/student", "/tmp", "/dev/shm")  # in memory, empty


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Call mount(2). OSError: it is refused."""
    words = [word.encode() if word else None for word in (source, target, kind)]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(*words, ctypes.c_ulong(flags), options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def build_root(root: str, visible: Sequence[str], hidden: Sequence[str]) -> None:
    """Make a file system in memory that has only some paths of the real one, all read-only."""
    mount("tmpfs", root, "tmpfs", NO_SETUID | NO_DEVICES, "size=16m,mode=755")
    for name in ("/proc", *WRITABLE):
        os.makedirs(root + name)
    mount("proc", f"{root}/proc", "proc", NO_SETUID | NO_DEVICES | NO_PROGRAMS)
    for name in WRITABLE:  # before all others: some of these may lie in /tmp
        mount("tmpfs", root + name, "tmpfs", NO_SETUID | NO_DEVICES, "size=64m,mode=1777")
    for path in [*visible, *(f"/dev/{name}" for name in DEVICES)]:
        target = root + path
        if os.path.lexists(target):  # it lies in one that came before
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
        elif os.path.exists(path):
            os.mkdir(target) if os.path.isdir(path) else os.close(os.open(target, os.O_CREAT))
            mount(path, target, None, BIND | RECURSIVE)
    for path in hidden:
        if os.path.isdir(root + path):
            mount("tmpfs", root + path, "tmpfs", READ_ONLY, "size=4k,mode=755")
    for place in mounted_below(root):
        if place.removeprefix(root) not in ("/proc", *WRITABLE):
            kept = os.statvfs(place).f_flag & (NO_SETUID | NO_DEVICES | NO_PROGRAMS)
            mount("", place, None, REMOUNT | BIND | READ_ONLY | kept)


def mounted_below(root: str) -> list[str]:
    """Return the places in and below a folder where something is mounted."""
    with open("/proc/self/mountinfo") as lines:
        places = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [place for place in places if place == root or place.startswith(root + "/")]


def give_rights_away(user: int | None) -> None:
    """Become somebody who may do nothing, for good. Without a number: stay who it is."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(DROP_CAPABILITY, capability, 0, 0, 0)  # those that do not exist are refused
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    libc.prctl(NO_NEW_RIGHTS, 1, 0, 0, 0)


def set_limits(limits: Mapping[str, int]) -> None:
    """Set resource limits, in the words of the module `resource`."""
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        with contextlib.suppress(ValueError, OSError):  # a system that knows another highest value
            resource.setrlimit(kind, (most, most))


def processes(child: int, own: bool) -> Iterator[Mapping[str, str]]:
    """Yield what /proc says of the student's processes: of all but this one, or of the child's."""
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with contextlib.suppress(OSError, ValueError):  # it has ended
            if name != str(os.getpid()) and (own or os.getsid(int(name)) == child):
                with open(f"/proc/{name}/status") as lines:
                    yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def watch(child: int, settings: Mapping[str, Any]) -> int:
    """Wait for the end of the student's process, or for a reason to end it; return an exit code."""
    ends = time.monotonic() + settings["seconds"]
    grader = select.poll()
    grader.register(settings["files"][0], 0)  # says only that nobody holds the other end
    while True:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == child:
                    return os.waitstatus_to_exitcode(ended[1]) & 0x7F
        if grader.poll(100):
            return GONE
        if time.monotonic() > ends:
            return TIME
        found = list(processes(child, own=bool(settings["root"])))
        if sum(int(one.get("VmRSS", "0").split()[0]) for one in found) * 1024 > settings["memory"]:
            return MEMORY
        if sum(int(one["Threads"]) for one in found) > settings["processes"]:
            return PROCESSES


def main(settings: Mapping[str, Any]) -> None:
    if settings["root"]:
        build_root(settings["root"], settings["visible"], settings["hidden"])
        os.chroot(settings["root"])
    os.chdir(settings["folder"])
    child = os.fork()
    if not child:
        os.setsid()
        if settings["root"]:
            give_rights_away(settings["user"])
        set_limits(settings["limits"])
        os.execve(settings["command"][0], settings["command"], settings["env"])
    os.close(settings["files"][1])  # so that the grader notices when the student's process ends
    code = watch(child, settings)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
