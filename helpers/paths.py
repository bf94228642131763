"""Where things lie. Every relative path starts at the project's root, never at the working directory."""

import contextlib
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"


def from_root(path):
    """Return `path` as an absolute Path; a relative one starts at the project's root, and `~` is the home folder."""
    return ROOT / Path(path).expanduser()


def results_folder():
    """Return the folder for results and checkpoints: `COURSE_RESULTS_DIR` if it is set, else `results/`."""
    return from_root(os.environ.get("COURSE_RESULTS_DIR") or "results")


@contextlib.contextmanager
def atomic_write(path, suffix=""):
    """Yield a temporary path beside `path`, and move it over `path` only if the block ends without an error.

    So a full disk or a stopped kernel never leaves a half-written file, and the old file stays whole. Missing folders
    are made.

    Args:
        path: the file to write.
        suffix: ending of the temporary name, for writers that choose the format by it (".gif").

    Raises:
        OSError: the file cannot be written. The message names it, says why and what to do.
    """
    path, name = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix)
        os.close(handle)
        yield Path(name)
        os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except OSError as error:
        raise OSError(
            f"Cannot write '{path}': {error.strerror or error}. An older file of this name is unchanged. Make the folder "
            "writable and leave space on the disk, or set COURSE_RESULTS_DIR to another folder. Then run this again."
        ) from None
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
