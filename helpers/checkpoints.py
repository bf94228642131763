"""Checkpoints: a training that is stopped, also by SIGKILL, goes on where it was last saved.

On a CPU it ends with the same bits, if TensorFlow traces the train step in the same way. With batch
normalisation a new trace in one process may add parts of a gradient in another order.

One `.npz` file holds all variables, the history, settings and configurations; NumPy keeps a
checksum of each array. Not in it: the global random generators. Use a `tf.random.Generator` and
keep it too, or make NumPy's noise from seed and step.
"""

import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from .course import atomic_write, run_folder

KEPT = 3  # files
PARTS = ("settings", "configurations", "history")  # of a manifest
NOT_COMPARED = {"seed", "shared_object_id", "code"}  # seeds: their state is kept; code: lambdas
REMEDY = (
    "Nothing was changed. To keep both, give the run another name. To train from the start, give "
    "fresh=True: the old checkpoints are replaced when the first new one is complete."
)


class CheckpointError(RuntimeError):
    """A checkpoint does not fit or must not be written. The message says what to do."""


class Checkpoints:
    """Keep the state of a training in a folder, and bring it back.

    Args:
        folder: where the files lie. One kernel at a time can train there.
        things: what to keep, by name: built models, optimizers and metrics of Keras, variables,
            random generators of `tf.random` and `keras.random`.
        settings: plain values that must be the same when the training goes on.
        fresh: start again; the first `save` replaces the older checkpoints.

    Raises:
        CheckpointError: another kernel trains in the folder.
        TypeError, ValueError: a thing of another kind, or one that is not built.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, things: dict, settings: dict, fresh: bool = False):
        self.folder, self.settings, self.fresh = folder, settings, fresh
        self.variables = variables_of(things)
        self.configurations = {name: configuration(thing) for name, thing in things.items()}
        self._last = 1, 0  # run and step
        self._lock = lock(folder)  # until this object or the kernel ends
        for left in folder.glob(".run-*.npz.*"):  # of a save that was killed
            left.unlink()

    def save(self, step: int, history: dict[str, list[float]]) -> None:
        """Write a checkpoint, then remove the oldest ones. If it fails, they stay as they are.

        Raises:
            CheckpointError: a variable is not finite.
            OSError: the file cannot be written.
        """
        arrays = {name: np.asarray(variable) for name, variable in self.variables.items()}
        if bad := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise CheckpointError(
                f"Step {step:,} was not saved: {bad[0]} has values that are NaN or infinite. The "
                "older checkpoints are whole. Lower the learning rate, or mend the loss. Then "
                "run the cell again: it goes on from the newest checkpoint."
            )
        manifest = dict(zip(PARTS, (self.settings, self.configurations, list(history))))
        arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
        arrays |= {f"curve {name}": np.float64(curve) for name, curve in history.items()}
        old, last = find_files(self.folder), self._last
        self._last = last[0], step
        path = self.folder / "run-{:03d}-step-{:08d}.npz".format(*self._last)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())  # a file that has its name is whole, even if the power fails
        remove_old(old, path, last)

    def resume(self) -> tuple[int, dict[str, list[float]]]:
        """Bring the newest whole checkpoint back, print what was found, return (step, history).

        Raises:
            CheckpointError: it belongs to another model or other settings.
        """
        if self.fresh and (old := find_files(self.folder)):
            self._last = run_and_step(old[0])[0] + 1, 0
            print(f"Training starts at step 0. The first save replaces {len(old)} checkpoints.")
            return 0, {}
        for path, manifest, arrays in read_whole(self.folder):
            for part, now in zip(PARTS, (self.settings, self.configurations)):
                if found := first_difference(manifest[part], json.loads(json.dumps(now))):
                    raise CheckpointError(f"{path} was made with something else: {found}. {REMEDY}")
            assign(self.variables, arrays, path)
            self._last = run_and_step(path)
            print(f"The checkpoint of step {self._last[1]:,} is loaded.")
            curves = {name: arrays[f"curve {name}"].tolist() for name in manifest["history"]}
            return self._last[1], curves
        print("No checkpoint yet: training starts at step 0.")
        return 0, {}


def restore(name: str, **things: Any) -> int:
    """Load single things, such as a generator, from a run, which may go on in another kernel.

    Args:
        name: of the run, as in "04_dcgan/improved".
        **things: as in `Checkpoints`, by the names that they have in the training.

    Returns:
        The checkpoint's step.

    Raises:
        FileNotFoundError: the run has no whole checkpoint.
        CheckpointError: it has no thing of this name and these shapes.
    """
    for path, _, arrays in read_whole(run_folder(name)):
        assign(variables_of(things), arrays, path)
        return run_and_step(path)[1]
    raise FileNotFoundError(f"'{run_folder(name)}' has no checkpoint. Run the cell that trains it.")


def variables_of(things: dict[str, Any]) -> dict[str, Any]:
    """Return all variables by name and number; those of dropout's random seeds are among them."""
    found = {}
    for name, thing in things.items():
        if hasattr(thing, "variables"):
            variables = thing.variables
        elif hasattr(thing, "assign") or hasattr(thing, "state"):
            variables = [getattr(thing, "state", thing)]
        else:
            raise TypeError(
                f"{name} is a {type(thing).__name__}, which cannot be kept. Give models, "
                "optimizers, variables, random generators of TensorFlow, or plain settings."
            )
        if not variables or not getattr(thing, "built", True):
            raise ValueError(
                f"{name} is not built, so its variables do not exist yet. Call a model on one "
                "batch, or an optimizer's build(model.trainable_variables), before the training."
            )
        found |= {f"{name}.{n}": variable for n, variable in enumerate(variables)}
    return found


def assign(variables: dict[str, Any], arrays: dict[str, np.ndarray], path: Path) -> None:
    """Give stored values to variables, after a look whether all of them are there and fit."""
    for name, variable in variables.items():
        stored = arrays[name].shape if name in arrays else "nothing"
        if stored != tuple(variable.shape):
            raise CheckpointError(
                f"{path} has {stored} for {name}, which is {tuple(variable.shape)}. It has: "
                f"{sorted({key.rpartition('.')[0] for key in arrays} - {''})}. {REMEDY}"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def configuration(thing: Any) -> Any:
    """Return what Keras says of a thing, numbers in place of names, which it counts on."""
    numbers: dict[str, str] = {}

    def nameless(value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) > 1 and "name" in value:  # a name alone is that of a dtype
                numbers.setdefault(str(value["name"]), f"#{len(numbers)}")
            return {key: nameless(part) for key, part in value.items() if key not in NOT_COMPARED}
        if isinstance(value, (list, tuple)):
            return [nameless(part) for part in value]
        plain = isinstance(value, (int, float, type(None)))
        return value if plain else numbers.get(str(value), str(value))

    try:
        return nameless(thing.get_config())
    except (AttributeError, NotImplementedError, TypeError):  # not every class has one
        return None


def first_difference(old: Any, new: Any, place: str = "") -> str:
    """Return in words the first place where two structures differ, or ""."""
    if isinstance(old, dict) and isinstance(new, dict):
        parts = [(key, old.get(key), new.get(key)) for key in {**new, **old}]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        parts = [(str(n), *pair) for n, pair in enumerate(zip(old, new))]
    else:
        return "" if old == new else f"{place[1:]} was {str(old)[:80]}, is {str(new)[:80]}"
    return next(filter(None, (first_difference(o, n, f"{place}.{key}") for key, o, n in parts)), "")


def lock(folder: Path) -> filelock.BaseFileLock:
    """Take a folder for this kernel; another object in the same kernel shares the lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = filelock.FileLock(folder / ".lock", timeout=0, is_singleton=True)
        taken.acquire()
        return taken
    except filelock.Timeout:
        raise CheckpointError(
            f"Another kernel already trains in '{folder}'. Two would overwrite each other's work. "
            "Shut it down (in JupyterLab: the square symbol at the left), or give another name."
        ) from None
    except OSError as error:
        raise OSError(
            f"Cannot use '{folder}' for checkpoints: {error.strerror or error}. Make it writable, "
            "or set COURSE_RESULTS_DIR to another folder."
        ) from None


def run_and_step(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.stem)))


def find_files(folder: Path) -> list[Path]:
    """Return all checkpoints of a folder, newest first."""
    files = [p for p in folder.glob("run-*.npz") if re.fullmatch(r"run-\d+-step-\d+", p.stem)]
    return sorted(files, key=run_and_step, reverse=True)


def remove_old(old: list[Path], newest: Path, last: tuple[int, ...]) -> None:
    """Remove all files but the newest whole ones of this run; what is newer than the last run and
    step is damaged."""
    whole = [path for path in old if last >= run_and_step(path) >= (last[0], 0)]
    for path in set(old) - {newest, *whole[: KEPT - 1]}:
        path.unlink(missing_ok=True)


def read_whole(folder: Path) -> Iterator[tuple[Path, dict, dict[str, np.ndarray]]]:
    """Yield (path, manifest, arrays) of each whole checkpoint, newest first; name damaged ones."""
    for path in find_files(folder):
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = dict(stored)
            manifest = json.loads(arrays.pop("manifest").tobytes())
            assert manifest.keys() == set(PARTS), "its parts have other names"
        except Exception as error:  # damaged bytes raise a dozen kinds of errors
            if getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise  # the disk's fault, not the file's
            print(f"Checkpoint {path.name} is damaged ({error}). The one before it is used.")
        else:
            yield path, manifest, arrays
