"""Recorded numbers: what a chapter measured, as JSON that the runner compares with `data/expected.toml`."""

import json
import math
import numbers
import re
from pathlib import Path

from . import datasets
from .budget import budget_name
from .paths import atomic_write, results_folder


_sources = {}  # chapter: the data source when this kernel first used its folder


def plain_number(name, value):
    """Return `value` as a Python int or float, or raise with the reason why it is no number to keep."""
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()  # a NumPy scalar or an array of one element
    elif hasattr(value, "numpy"):
        return plain_number(name, value.numpy())  # a TensorFlow scalar
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}), but only single numbers are recorded.")
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}. Only finite numbers are recorded. Look for the first cell that gives it.")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def chapter_folder(name):
    """Return the folder `results/<budget>/<source>/<name>` of a chapter or of one of its runs. It may not exist yet.

    Args:
        name: as in "04_dcgan" or "04_dcgan/improved". An absolute path is returned as it is.

    Raises:
        ValueError: the name has another form.
    """
    name = str(name)
    if Path(name).is_absolute():
        return Path(name)
    if not re.fullmatch(r"\d\d_[a-z0-9_]+(/[a-z0-9_-]+)?", name):
        raise ValueError(f"The run is called {name!r}, but it must be like '04_dcgan' or '04_dcgan/improved'.")
    chapter, source = name.partition("/")[0], datasets.loaded_source()
    if source != "none":  # later sets from another source must not move a chapter's folder
        source = _sources.setdefault(chapter, source)
    return results_folder() / budget_name() / source / name


def record(chapter, **values):
    """Keep a chapter's measured numbers and print them.

    They go to `results/<budget>/<source>/<chapter>.json`, where source is that of the data sets that this kernel
    loaded. An older record of the same chapter is replaced as a whole.

    Args:
        chapter: file name of the notebook without its ending, as in "03_gan".
        **values: finite int or float, also NumPy or TensorFlow scalars. At least one.

    Raises:
        ValueError: the chapter's name has another form, there is no number, or one is not finite.
        TypeError: a value is not a number.
        OSError: the results folder cannot be written. The numbers are printed all the same.
    """
    if not isinstance(chapter, str) or not re.fullmatch(r"\d\d_[a-z0-9_]+", chapter):
        raise ValueError(f"chapter is {chapter!r}, but it must be the notebook's name without ending, like '03_gan'.")
    if not values:
        raise ValueError(f"record({chapter!r}) got no numbers. Give each as name=value.")
    text = json.dumps({name: plain_number(name, value) for name, value in values.items()}, indent=2)
    print(text)
    with atomic_write(chapter_folder(chapter).with_suffix(".json")) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
