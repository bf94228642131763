"""Budgets: the same notebook in seconds (`smoke`), in minutes (`lesson`) or in hours (`full`)."""

import contextlib
import os
import platform
import sys
import tempfile

BUDGETS = ("smoke", "lesson", "full")


def budget_name():
    """Return the chosen budget: the value of `COURSE_BUDGET`, or "lesson" if it is not set.

    Raises:
        ValueError: `COURSE_BUDGET` is none of "smoke", "lesson", "full".
    """
    name = os.environ.get("COURSE_BUDGET") or "lesson"
    if name not in BUDGETS:
        raise ValueError(
            f"COURSE_BUDGET is {name!r}, but a budget is one of {', '.join(BUDGETS)}. "
            "Set the variable to one of these (or remove it: 'lesson' is the default) and restart the kernel."
        )
    return name


def budget(smoke, lesson, full):
    """Pick the value that belongs to the chosen budget.

    A budget changes how many images, steps and epochs are used. It never changes an architecture.

    Args:
        smoke: value for a test run of seconds.
        lesson: value for a laptop without GPU (the default).
        full: value of the source or the paper.

    Returns:
        One of the three, by `COURSE_BUDGET`.

    Raises:
        ValueError: `COURSE_BUDGET` is not a known budget.
    """
    return {"smoke": smoke, "lesson": lesson, "full": full}[budget_name()]


@contextlib.contextmanager
def quiet_import():
    """Hold back what native code writes to the error stream while the block runs; show it if the block fails.

    TensorFlow 2.21 writes lines about CPU features and missing GPU libraries there at import, before it looks at any
    setting. In a notebook they would look like errors.
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


def start(seed=42):
    """Seed Python, NumPy and TensorFlow, and print one line: budget, device, versions, seed.

    Args:
        seed: int, 0 to 2**32 - 1.

    Raises:
        ValueError: the seed is not an integer of that range, or `COURSE_BUDGET` is unknown.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}, but it must be a whole number from 0 to 2**32 - 1.")
    name = budget_name()

    with quiet_import():  # here, not above: it takes seconds, and reading a budget should not
        import keras
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        # Its pass over a graph with LeakyReLU fails and writes an error, without harm. Measured: no step is slower without it.
        tf.config.optimizer.set_experimental_options({"remapping": False})
    keras.utils.set_random_seed(seed)
    device = f"{len(gpus)} GPU" if gpus else f"CPU with {os.cpu_count()} cores"
    versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    print(f"Budget: {name} | Device: {device} | {versions} | Seed: {seed}")
