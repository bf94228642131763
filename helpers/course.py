"""The ground that every chapter stands on: budget, start, where things lie, recorded numbers.

A leaf: it imports nothing of ours. Relative paths start at the project's root, never at the
working directory.
"""

import contextlib
import functools
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
BUDGETS = ("smoke", "lesson", "full")
REFERENCE_GFLOPS = 300  # of the machine to which the times in the texts belong
_sources: dict[str, str] = {}  # data set: its source; `start` empties it, `datasets` fills it


def budget_name() -> str:
    """Return the chosen budget: `COURSE_BUDGET`, or "lesson" if it is not set.

    Raises:
        ValueError: `COURSE_BUDGET` is none of "smoke", "lesson", "full".
    """
    name = os.environ.get("COURSE_BUDGET") or "lesson"
    if name not in BUDGETS:
        raise ValueError(
            f"COURSE_BUDGET is {name!r}, but a budget is one of {', '.join(BUDGETS)}. Set it to "
            "one of these (or remove it: 'lesson' is the default) and restart the kernel."
        )
    return name


def budget(smoke: Any, lesson: Any, full: Any) -> Any:
    """Pick the value of the chosen budget: seconds, minutes (the default), or the source's own.

    A budget changes how many images, steps and epochs are used. It never changes an architecture.
    """
    return {"smoke": smoke, "lesson": lesson, "full": full}[budget_name()]


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what native code writes to the error stream; show it if the block fails.

    TensorFlow 2.21 writes lines about CPU features and missing GPU libraries there at import,
    before it looks at any setting. In a notebook they would look like errors.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(2), "wb") as screen:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            screen.write(held.read())
            raise
        finally:
            os.dup2(screen.fileno(), 2)


@functools.cache
def machine_gflops() -> float:
    """Return what this machine reaches, in 10^9 float32 operations a second; measured once.

    Two 2048 x 2048 matrices are multiplied by TensorFlow, on all cores, in under half a second.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        matrix = tf.random.stateless_uniform((2048, 2048), seed=(1, 2))
        tf.linalg.matmul(matrix[:256], matrix).numpy()  # starts the threads
        seconds, end = [], time.perf_counter() + 0.2
        while not seconds or time.perf_counter() < end:
            began = time.perf_counter()
            tf.linalg.matmul(matrix, matrix).numpy()
            seconds.append(time.perf_counter() - began)
    return 2 * 2048**3 / min(seconds) / 1e9


def machine_speed() -> str:
    """Say how fast this machine is, and what that means for the times in the texts."""
    gflops = machine_gflops()
    share = gflops / REFERENCE_GFLOPS
    minutes = max(1, round(5 / share))
    return (
        f"This machine: {gflops:.0f} GFLOP/s, {share:.1f} times the reference "
        f"({REFERENCE_GFLOPS}). 5 minutes in the text are about {minutes} here."
    )


def start(seed: int = 42) -> None:
    """Begin a notebook: set the seeds of Python, NumPy and TensorFlow, and print what it runs on.

    Settings that a reader's own `keras.json` or `matplotlibrc` would change are set to the
    course's. A GPU's memory grows as it is needed. Data sets that were loaded before are forgotten.

    Args:
        seed: 0 to 2**32 - 1.
    """
    name = budget_name()
    with quiet_import():  # here, not above: it takes seconds, and reading a budget should not
        import keras
        import matplotlib
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        # This pass fails on graphs with LeakyReLU and writes an error, without harm. Measured: no
        # step is slower without it.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    matplotlib.rcdefaults()
    keras.utils.set_random_seed(seed)
    _sources.clear()
    device = f"{len(gpus)} GPU" if gpus else f"CPU with {os.cpu_count()} cores"
    print(
        f"Budget: {name} | Device: {device} | Python {platform.python_version()}, "
        f"TensorFlow {tf.__version__}, Keras {keras.__version__} | Seed: {seed}"
    )
    if not gpus:
        print(machine_speed())


def from_root(path: str | os.PathLike) -> Path:
    """Return an absolute path; a relative one starts at the root, and `~` is the home folder."""
    return ROOT / Path(path).expanduser()


def results_folder() -> Path:
    """Return where everything is written: `COURSE_RESULTS_DIR` if it is set, else `results/`."""
    return from_root(os.environ.get("COURSE_RESULTS_DIR") or "results")


def note_source(name: str, source: str) -> None:
    """Note where a data set came from ("official", "embedded", "folder"), for `run_folder`."""
    _sources[name] = source


def run_folder(name: str) -> Path:
    """Return the folder `<results>/<budget>/<source>/<name>` of a chapter or of one of its runs.

    The source is that of the first data set that the notebook loaded, so a second one does not
    move a chapter's results. The folder may not exist yet.

    Args:
        name: as in "04_dcgan" or "04_dcgan/improved". An absolute path is returned as it is.

    Raises:
        ValueError: the name has another form.
    """
    if Path(name).is_absolute():
        return Path(name)
    if not re.fullmatch(r"\d\d_\w+(/[\w.-]+)?", name):
        raise ValueError(f"The run is called {name!r}, but it must be like '04_dcgan/improved'.")
    source = next(iter(_sources.values()), "none")
    return results_folder() / budget_name() / source / name


def plain_number(name: str, value: Any) -> int | float:
    """Return a NumPy or TensorFlow scalar as an int or float.

    Raises:
        ValueError: it is no single number, or not finite.
    """
    try:
        plain = np.asarray(value).item()
        finite = math.isfinite(plain)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, but only single numbers are recorded.") from None
    if not finite:
        raise ValueError(f"{name} is {plain}. Look for the first cell that gives this value.")
    return plain


def record(chapter: str, **values: Any) -> None:
    """Print a chapter's measured numbers and keep them, in place of its older record.

    They go to `<results>/<budget>/<sources>/<chapter>.json`, with `machine_gflops`.

    Args:
        chapter: file name of the notebook without its ending, as in "03_gan".
        **values: finite numbers, also NumPy or TensorFlow scalars.

    Raises:
        ValueError: a value is no finite number.
        OSError: the file cannot be written. The numbers are printed all the same.
    """
    numbers = {name: plain_number(name, value) for name, value in values.items()}
    text = json.dumps(numbers | {"machine_gflops": round(machine_gflops())}, indent=2)
    print(text)
    sources = "+".join(sorted(set(_sources.values()))) or "none"
    with atomic_write(results_folder() / budget_name() / sources / f"{chapter}.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path, and move it over `path` only if the block ends without an error.

    So a full disk or a stopped kernel leaves no half-written file, and the old one stays whole.

    Args:
        path: the file to write. Missing folders are made.
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
        with contextlib.suppress(OSError):  # network and Windows drives may refuse it
            os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except OSError as error:
        raise OSError(
            f"Cannot write '{path}': {error.strerror or error}. An older file of this name is "
            "unchanged. Make the folder writable and leave space on the disk, or set "
            "COURSE_RESULTS_DIR to another folder. Then run this again."
        ) from None
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
