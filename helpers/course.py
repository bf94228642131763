"""What every chapter stands on: budget, start, paths, recorded numbers. It imports none of ours."""

import contextlib
import functools
import json
import os
import re
import sys
import tempfile
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
BUDGETS = ("smoke", "lesson", "full")
REFERENCE_GFLOPS = 300  # of the machine to which the times in the texts belong
sources: dict[str, str] = {}  # where each data set came from; `load` fills it


def budget_name() -> str:
    """Return `COURSE_BUDGET`, or "lesson"; raise a ValueError if it is not one of `BUDGETS`."""
    name = os.environ.get("COURSE_BUDGET") or "lesson"
    if name not in BUDGETS:
        wanted = f"Set it to {', '.join(BUDGETS)}, or remove it ('lesson'), and restart the kernel."
        raise ValueError(f"COURSE_BUDGET is {name!r}. {wanted}")
    return name


def budget(smoke: Any, lesson: Any, full: Any) -> Any:
    """Pick a number of images, steps or epochs; a budget never changes an architecture."""
    return {"smoke": smoke, "lesson": lesson, "full": full}[budget_name()]


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Hold back what TensorFlow writes to the error stream at import; show it if that fails."""
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
    """Return 10^9 float32 operations a second on all cores, in a product of 2048 x 2048."""
    import tensorflow as tf

    with tf.device("CPU"):
        matrix = tf.random.stateless_uniform((2048, 2048), seed=(1, 2))
        multiply = lambda: tf.linalg.matmul(matrix, matrix).numpy()
        seconds = timeit.repeat(multiply, number=1, repeat=4)  # the first starts the threads
    return 2 * 2048**3 / min(seconds) / 1e9


def start(seed: int = 42) -> None:
    """Begin a notebook: seed Python, NumPy and TensorFlow, and print what it runs on."""
    name = budget_name()
    with quiet_import():  # here, not above: it takes seconds
        import keras
        import matplotlib
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        # This pass fails on graphs with LeakyReLU: an error text, no harm. Nothing is slower.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    keras.config.set_floatx("float32")  # whatever a reader's keras.json and matplotlibrc say
    keras.config.set_image_data_format("channels_last")
    matplotlib.rcdefaults()
    keras.utils.set_random_seed(seed)
    machine_gflops.cache_clear()  # measure again: other programs may be closed now
    device = f"{len(gpus)} GPU" if gpus else f"CPU with {os.cpu_count()} cores"
    machine = f"Device: {device} | Python {sys.version.split()[0]}, TensorFlow {tf.__version__}"
    print(f"Budget: {name} | {machine}, Keras {keras.__version__} | Seed: {seed}")
    share = machine_gflops() / REFERENCE_GFLOPS
    speed = f"{machine_gflops():.0f} GFLOP/s, {share:.2g} times the reference ({REFERENCE_GFLOPS})"
    print(f"This machine: {speed}. 5 minutes in the text are about {5 / share:.0f} here.")


def from_root(path: str | os.PathLike) -> Path:
    """Return an absolute path; a relative one starts at the root, and `~` is the home folder."""
    return ROOT / os.path.expanduser(path)  # of an unknown user: as it is


def results_folder() -> Path:
    """Return where everything is written: `COURSE_RESULTS_DIR` if it is set, else `results/`."""
    return from_root(os.environ.get("COURSE_RESULTS_DIR") or "results")


def run_folder(name: str) -> Path:
    """Return `<results>/<budget>/<source of the first data set>/<name>`. ValueError: a bad name."""
    if not re.fullmatch(r"\d\d_\w+(/[\w.-]+)?", name):
        raise ValueError(f"{name!r}: a run must be like '04_dcgan/improved' (letters, digits, _-.)")
    return results_folder() / budget_name() / next(iter(sources.values()), "none") / name


def plain_number(name: str, value: Any) -> int | float:
    """Return a scalar of Python, NumPy or TensorFlow as a finite int or float, or raise."""
    plain = np.asarray(value).item() if np.size(value) == 1 else value
    if not isinstance(plain, (int, float)) or not np.isfinite(plain):
        raise ValueError(f"{name} is {plain!r}, but only single finite numbers are recorded.")
    return plain


def record(chapter: str, **values: Any) -> None:
    """Print numbers of a chapter, and write them to `<results>/<budget>/<sources>/<chapter>.json`.

    ValueError: one is not finite. OSError: no file can be written, but they are printed.
    """
    numbers = {name: plain_number(name, value) for name, value in values.items()}
    text = json.dumps(numbers | {"machine_gflops": round(machine_gflops())}, indent=2)
    print(text)
    folder = results_folder() / budget_name() / ("+".join(sorted({*sources.values()})) or "none")
    with atomic_write(folder / f"{chapter}.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextlib.contextmanager
def explain_refusal(path: str | os.PathLike) -> Iterator[None]:
    """Say what to do, in an OSError, if the block cannot write to the path."""
    try:
        yield
    except OSError as error:
        seen = f"Cannot write '{path}': {error.strerror or error}. What was there is unchanged"
        remedy = "Make it writable, leave space on the disk, or set COURSE_RESULTS_DIR elsewhere"
        raise OSError(f"{seen}. {remedy}.") from None


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path, and move it over `path` only if the block ends without an error."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.urandom(16).hex()}{suffix}")
    with explain_refusal(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
