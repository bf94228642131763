"""Checkpoints: a training that is stopped, also by SIGKILL, goes on where it was last saved.

On a CPU it ends with the same bits, if its step is traced alike. Global random state is not kept.
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

from .course import atomic_write, explain_refusal, run_folder

KEPT = 3  # files
NOT_COMPARED = {"seed", "shared_object_id", "code"}  # seeds: their state is kept; code: lambdas
REMEDY = "Nothing was changed. Give the run another name, or give fresh=True to train from the "
REMEDY += "start: the older run stays, under a name with .before, and nothing of it is lost."
PATTERN = f"run-{'[0-9]' * 3}-step-{'[0-9]' * 8}.npz"
find_files = lambda folder: sorted(folder.glob(PATTERN))  # oldest first


class CheckpointError(RuntimeError):
    """A checkpoint does not fit or must not be written. The message says what to do."""


class Checkpoints:
    """Keep the state of a training in a folder, which one kernel at a time can use.

    Things are, by name, built models, optimizers and metrics of Keras, variables, and random
    generators of `tf.random` and `keras.random`. Settings are plain values that must be the same
    when the training goes on. If it is `fresh`, `resume` puts an older run aside. CheckpointError:
    another kernel trains in the folder. OSError: it cannot be written. TypeError, ValueError: a
    thing of another kind, or one that is not built.
    """

    def __init__(self, folder: Path, things: dict, settings: dict, fresh: bool = False):
        self.folder, self.settings, self.fresh = folder, settings, fresh
        self.variables = variables_of(things)
        configurations = {name: configuration(thing) for name, thing in things.items()}
        self._made_with = {"settings": settings, "configurations": configurations}
        self._run = "run-001"  # older versions of the course counted on
        self._whole: list[Path] = []  # oldest first
        with explain_refusal(folder):
            folder.mkdir(parents=True, exist_ok=True)
            place = folder.with_name(f".{folder.name}.lock")  # beside it, for it may be renamed
            self._lock = filelock.FileLock(place, timeout=0, is_singleton=True)  # one a kernel
            try:
                self._lock.acquire()
            except filelock.Timeout:
                hint = "Shut it down (JupyterLab: the square at the left) or give another name."
                raise CheckpointError(f"Another kernel trains in '{folder}'. {hint}") from None
        for left in folder.glob(".run-*.npz.*"):  # of a save that was killed
            left.unlink()

    def save(self, step: int, history: dict[str, list[float]]) -> None:
        """Write a checkpoint, then remove the oldest. CheckpointError: a variable is not finite."""
        arrays = {name: np.asarray(variable) for name, variable in self.variables.items()}
        if bad := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            seen = f"Step {step:,} was not saved: {bad[0]} is not finite any more"
            remedy = "Lower the learning rate, or mend the loss, and give the run another name"
            raise CheckpointError(f"{seen}. {remedy}. Older checkpoints are kept.")
        manifest = json.dumps(self._made_with | {"history": list(history)})
        arrays["manifest"] = np.frombuffer(manifest.encode(), np.uint8)
        arrays |= {f"curve {name}": np.float64(curve) for name, curve in history.items()}
        path = self.folder / f"{self._run}-step-{step:08d}.npz"
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())  # a file that has its name is whole, even if the power fails
        self._whole = [*(old for old in self._whole if old != path), path][-KEPT:]
        for old in set(find_files(self.folder)) - set(self._whole):
            old.unlink(missing_ok=True)

    def resume(self) -> tuple[int, dict[str, list[float]]]:
        """Load the newest checkpoint; return (step, history). CheckpointError: it does not fit."""
        files = find_files(self.folder)
        if self.fresh and files:
            names = (f"{self.folder.name}.before{n}" for n in ("", *range(2, 1_000)))
            before = next(filter(lambda p: not p.exists(), map(self.folder.with_name, names)))
            self.folder.rename(before)
            self.folder.mkdir()
            print(f"Training starts at step 0. The older run is now '{before.name}'.")
            print("Take fresh=True away: with it, each run of the cell starts again.")
            return 0, {}
        for path, manifest, arrays in read_whole(files):
            history = manifest.pop("history")
            if found := first_difference(manifest, json.loads(json.dumps(self._made_with))):
                raise CheckpointError(f"{path} was made with something else: {found}. {REMEDY}")
            assign(self.variables, arrays, path)
            self._run, step = path.name[:7], int(path.stem[-8:])
            self._whole = [old for old in files if old <= path]
            print(f"The checkpoint of step {step:,} is loaded.")
            return step, {name: arrays[f"curve {name}"].tolist() for name in history}
        print("No checkpoint yet: training starts at step 0.")
        return 0, {}


def restore(name: str, **things: Any) -> int:
    """Load things by their names in a run, "04_dcgan/improved", that may go on; return the step.

    FileNotFoundError: it has no whole checkpoint. CheckpointError: no thing of this name and shape.
    """
    for path, _, arrays in read_whole(find_files(run_folder(name))):
        assign(variables_of(things), arrays, path)
        return int(path.stem[-8:])
    raise FileNotFoundError(f"'{run_folder(name)}' has no checkpoint. Run the cell that trains it.")


def variables_of(things: dict[str, Any]) -> dict[str, Any]:
    """Return all variables by name and number; those of dropout's random seeds are among them."""
    found = {}
    for name, thing in things.items():
        variables = getattr(thing, "variables", [getattr(thing, "state", thing)])
        if not all(hasattr(variable, "assign") for variable in variables):
            wanted = "Give models, optimizers, variables, generators of TensorFlow, plain settings."
            raise TypeError(f"{name} is a {type(thing).__name__}, which cannot be kept. {wanted}")
        if not variables or not getattr(thing, "built", True):
            remedy = "Call a model on a batch, or an optimizer's build(model.trainable_variables)."
            raise ValueError(f"{name} is not built: its variables do not exist yet. {remedy}")
        found |= {f"{name}.{n}": variable for n, variable in enumerate(variables)}
    return found


def assign(variables: dict[str, Any], arrays: dict[str, np.ndarray], path: Path) -> None:
    """Give stored values to variables, after a look whether all of them are there and fit."""
    for name, variable in variables.items():
        stored = arrays[name].shape if name in arrays else "nothing"
        if stored != tuple(variable.shape):
            seen = f"{path} has {stored} for {name}, which is {tuple(variable.shape)}"
            others = sorted({key.rpartition(".")[0] for key in arrays} - {""})
            raise CheckpointError(f"{seen}. It has: {others}. {REMEDY}")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def configuration(thing: Any) -> Any:
    """Return what Keras says of a thing, numbers in place of counted names (no dtype's)."""
    try:
        text = json.dumps(thing.get_config(), default=str)
    except (AttributeError, NotImplementedError, TypeError):  # not every class has one
        return None
    names = dict.fromkeys(re.findall(r'(?!\{"name": "[^"]*"\})."name": ("[^"]*")', text))
    numbers = {name: f'"#{number}"' for number, name in enumerate(names)}
    # At other places than these the same text is no name.
    text = re.sub(r'("name": |\[)("[^"]*")', lambda m: m[1] + numbers.get(m[2], m[2]), text)
    compared = lambda pairs: {key: part for key, part in pairs if key not in NOT_COMPARED}
    return json.loads(text, object_pairs_hook=compared)


def first_difference(old: Any, new: Any, place: str = "") -> str:
    """Return in words the first place where two structures differ, or ""."""
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = ((key, old.get(key), new.get(key)) for key in {**new, **old})
        found = (first_difference(one, other, f"{place}.{key}") for key, one, other in pairs)
        return next(filter(None, found), "")
    return "" if old == new else f"{place[1:]} was {str(old)[:80]}, is {str(new)[:80]}"


def read_whole(files: list[Path]) -> Iterator[tuple[Path, dict, dict[str, np.ndarray]]]:
    """Yield (path, manifest, arrays) of each whole checkpoint, newest first; name damaged ones."""
    for path in reversed(files):
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = dict(stored)
            manifest = json.loads(arrays.pop("manifest").tobytes())
        except Exception as error:  # damaged bytes raise a dozen kinds of errors
            if getattr(error, "errno", None) not in (None, errno.EINVAL):
                raise  # the disk's fault, not the file's
            print(f"Checkpoint {path.name} is damaged ({error}). The one before it is used.")
        else:
            yield path, manifest, arrays
