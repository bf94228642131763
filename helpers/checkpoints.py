"""Checkpoints: a training that is stopped, also by SIGKILL, goes on where it was last saved, bit for bit on a CPU.

One file holds everything, in NumPy's `.npz` format: each variable, the states of random generators, the history, and a
description of the models and settings. Each array in it has a checksum. Not in it: the global random generators of
Python, NumPy and TensorFlow. Give a generator of your own, as in `noise=tf.random.Generator.from_seed(1)`.
"""

import collections
import json
import numbers
import os
import re
import zipfile

import filelock
import numpy as np

from .paths import atomic_write
from .results import chapter_folder

_locks = {}  # folder: its lock. A kernel keeps a lock until it ends; a second object in the same kernel shares it.
_PLAIN = (bool, int, float, str, type(None))
_FRESH = (
    "To train from the start, give fresh=True, as in Checkpoints(..., fresh=True): the old checkpoints are removed when the first "
    "new one is complete. To keep both, give another folder. Nothing was changed."
)


class CheckpointError(RuntimeError):
    """A checkpoint does not fit or must not be written. The message says what was seen and what to do."""


class Checkpoints:
    """Keep the state of a training in a folder, and bring it back.

    Args:
        folder: run of a chapter, as in "04_dcgan" or "04_dcgan/improved"; lies in `results/<budget>/<source>/`. An absolute
            path is taken as it is.
        keep: how many checkpoints are kept, 1 or more.
        fresh: start again: `resume` finds nothing, and the first `save` removes the older checkpoints.
        **objects: what to keep, by name. Models, layers, optimizers (both built), metrics, variables, `SeedGenerator`,
            `tf.random.Generator`, `np.random.Generator`; lists, tuples and dicts of these. Plain values (numbers, texts,
            None) are settings: they are compared when a training is resumed.

    Raises:
        CheckpointError: another kernel uses the folder.
        TypeError, ValueError: an object of another kind, or one that is not built yet.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder, keep=3, fresh=False, **objects):
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise ValueError(f"keep is {keep!r}, but it must be a whole number, 1 or more.")
        if not objects:
            raise ValueError("There is nothing to keep. Give each object as name=object, as in generator=generator.")
        self.folder, self.keep, self.fresh = chapter_folder(folder), keep, fresh
        self._variables, self._generators = {}, {}
        self._about = {"kinds": {}, "details": {}, "settings": {}, "variables": {}}  # what is compared when training is resumed
        for name, thing in objects.items():
            self._add(name, thing)
        self._damaged, self._run, self._step = [], None, 0  # _run is known after resume()
        _lock(self.folder)
        for left in self.folder.glob(".run-*.npz.*"):  # of a save that was killed
            left.unlink()

    def save(self, step, history):
        """Write a checkpoint, then remove the oldest ones. If this fails, all older checkpoints stay as they are.

        Args:
            step: how many steps are done.
            history: mapping of a curve's name to its list of numbers.

        Returns:
            The file's path.

        Raises:
            CheckpointError: there are checkpoints in the folder that were not resumed, or a variable is not finite.
            ValueError: `step` is no whole number, or goes back; or a history that is not made of numbers.
            OSError: the file cannot be written.
        """
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or step < self._step:
            raise ValueError(f"step is {step!r}, but it must be a whole number, {self._step} or more.")
        if self._run is None:
            if found := self._files():
                raise CheckpointError(f"'{self.folder}' has a checkpoint of step {found[0][1]:,}. Call resume() first. {_FRESH}")
            self._run = 1
        arrays = {f"v{n}": _array(variable) for n, variable in enumerate(self._variables.values())}
        self._check_finite(step, arrays.values())
        manifest = {
            "history": {name: _numbers(name, values) for name, values in history.items()},
            "generators": {name: generator.bit_generator.state for name, generator in self._generators.items()},
            "about": self._about,
        }
        text = np.frombuffer(json.dumps(manifest, default=_plain).encode(), np.uint8)
        path = self.folder / f"run-{self._run:03d}-step-{step:08d}.npz"
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, manifest=text, **arrays)
            file.flush()
            os.fsync(file.fileno())  # so that a file that has its name is whole, even if the power fails
        self._step, self.fresh = int(step), False
        self._damaged = [damaged for damaged in self._damaged if damaged != path]
        whole = [found for run, _, found in self._files() if run == self._run and found not in self._damaged]
        for _, _, old in self._files():
            if old not in whole[: self.keep]:
                old.unlink(missing_ok=True)
        return path

    def resume(self):
        """Bring the newest whole checkpoint back into the objects, and print what was found.

        Returns:
            (step, history), or (0, an empty history) if there is none. The history is a `defaultdict(list)` of lists of
            float, so that `history["loss"].append(...)` works from the first step on.

        Raises:
            CheckpointError: it belongs to other objects, another architecture or other settings. Nothing was changed.
            OSError: it cannot be read for another reason than damage.
        """
        files = self._files()
        self._damaged = []
        newest_run = files[0][0] if files else 0
        if self.fresh:
            self._run, self._step = newest_run + 1, 0
            print("Training starts at step 0." + (f" The first save removes {len(files)} older checkpoints." if files else ""))
            return 0, collections.defaultdict(list)
        for run, step, path in files:
            try:
                manifest, arrays = _read(path)
            except _Damaged as error:
                self._damaged.append(path)
                print(f"Checkpoint {path.name} is damaged ({error}). The one before it is used.")
                continue
            self._check_same(manifest["about"], path)
            for variable, array in zip(self._variables.values(), arrays):
                variable.assign(array)
            for name, generator in self._generators.items():
                generator.bit_generator.state = manifest["generators"][name]
            self._run, self._step = run, step
            print(f"Training goes on after step {step:,}.")
            return step, collections.defaultdict(list, manifest["history"])
        self._run, self._step = newest_run + 1, 0
        print("No checkpoint can be read: training starts at step 0." if files else "No checkpoint yet: training starts at step 0.")
        return 0, collections.defaultdict(list)

    def _files(self):
        """Return (run, step, path) of all checkpoints, newest first."""
        found = [(re.fullmatch(r"run-(\d+)-step-(\d+)\.npz", path.name), path) for path in self.folder.glob("run-*.npz")]
        return sorted(((int(match[1]), int(match[2]), path) for match, path in found if match), reverse=True)

    def _check_finite(self, step, arrays):
        for name, array in zip(self._variables, arrays):
            if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                raise CheckpointError(
                    f"Step {step:,} was not saved: {self._shown(name)} has {np.sum(~np.isfinite(array)):,} values that are NaN or "
                    "infinite. The older checkpoints are whole. Lower the learning rate or mend the loss, then run the cell again: "
                    "it goes on from the newest one."
                )

    def _shown(self, name):
        variable = self._variables.get(name)
        return name if variable is None else f"{name} ({getattr(variable, 'path', variable.name)})"

    def _add(self, name, thing):
        """Sort an object into variables and random generators, and note what it is."""
        if isinstance(thing, _PLAIN):
            self._about["settings"][name] = thing
        elif isinstance(thing, (list, tuple, dict)):
            for key, part in thing.items() if isinstance(thing, dict) else enumerate(thing):
                self._add(f"{name}[{key}]", part)
        elif isinstance(thing, np.random.Generator):
            self._generators[name] = thing
            self._about["kinds"][name] = type(thing.bit_generator).__name__
        elif hasattr(thing, "assign") and hasattr(thing, "shape"):
            self._variables[name] = thing
            self._about["variables"][name] = f"{tuple(thing.shape)}, {np.asarray(thing).dtype}"
        elif hasattr(getattr(thing, "state", None), "assign"):  # SeedGenerator, tf.random.Generator
            self._add(name, thing.state)
        elif hasattr(thing, "variables") and not callable(thing.variables):
            if not getattr(thing, "built", True):
                raise ValueError(
                    f"{name} is not built, so its variables do not exist yet. Call a model on one batch, or an optimizer's "
                    "build(model.trainable_variables), before you make Checkpoints."
                )
            for n, layer in enumerate(_layers(thing)):
                place = f"{name}, layer {n}" if layer is not thing else name
                self._about["kinds"][place] = type(layer).__name__
                self._about["details"] |= {f"{place} ({type(layer).__name__}): {key}": value for key, value in _config(layer)}
            for n, variable in enumerate(thing.variables):
                self._add(f"{name}, variable {n}", variable)
        else:
            raise TypeError(
                f"{name} is a {type(thing).__name__}, which cannot be kept. Give models, optimizers, variables, random generators "
                "(keras.random.SeedGenerator, tf.random.Generator, np.random.Generator), or plain numbers and texts."
            )

    def _check_same(self, old, path):
        """Raise if a checkpoint's description differs from the objects."""
        new, found = json.loads(json.dumps(self._about, default=_plain)), []
        for part in new:
            for name in {**new[part], **old[part]}:
                if name in new[part] and name in old[part]:
                    if old[part][name] != new[part][name]:
                        found.append(f"{self._shown(name)} was {old[part][name]!r}, is {new[part][name]!r}")
                elif part != "details":  # another version of Keras may have more of these
                    found.append(f"{self._shown(name)} is {'new' if name in new[part] else 'missing now'}")
        if found:
            more = [f"and {len(found) - 5} more differences"] if len(found) > 5 else []
            listed = "\n  ".join(found[:5] + more)
            raise CheckpointError(f"{path.name} in '{self.folder}' was made with another model or other settings:\n  {listed}\n{_FRESH}")


class _Damaged(Exception):
    pass


def _lock(folder):
    """Take the folder for this kernel, or say who has it. The system frees the lock when the kernel ends, however it ends."""
    if folder in _locks:
        return
    owner = folder / ".owner"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        lock.acquire(timeout=0)
        owner.write_text(f"process {os.getpid()}")
    except filelock.Timeout:
        who = owner.read_text() if owner.is_file() else "unknown process"
        raise CheckpointError(
            f"Another kernel ({who}) already trains in '{folder}'. Two would overwrite each other's work. Shut the other one down "
            "(in JupyterLab: the square symbol at the left lists the kernels), or give another folder."
        ) from None
    except OSError as error:
        raise OSError(
            f"Cannot use '{folder}' for checkpoints: {error.strerror or error}. Make the folder writable, or set COURSE_RESULTS_DIR to another one."
        ) from None
    _locks[folder] = lock


def _read(path):
    """Return (manifest, list of arrays) of a file, or raise _Damaged. NumPy checks each array's checksum."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            manifest = json.loads(stored["manifest"].tobytes())
            return manifest, [stored[f"v{n}"] for n in range(len(manifest["about"]["variables"]))]
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make zipfile, zlib, json and NumPy raise a dozen kinds of errors
        raise _Damaged(str(error) or type(error).__name__) from None


def _array(variable):
    array = np.asarray(variable)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array  # exact, and NumPy can store it


def _numbers(name, values):
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError):
        raise ValueError(f"history[{name!r}] is not a list of numbers.") from None


def _layers(thing):
    """Yield the layers of a model at any depth; a thing without layers is its own."""
    if getattr(thing, "layers", None):
        for layer in thing.layers:
            yield from _layers(layer)
    else:
        yield thing


def _config(layer, config=None, prefix=""):
    """Yield (setting, value) of a layer or an optimizer, without names: Keras counts them on when a cell is run again."""
    if config is None:
        try:
            config = layer.get_config()
        except (AttributeError, NotImplementedError):  # not every layer that a reader writes has one
            config = {}
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _config(layer, value, f"{prefix}{key}.")
        elif key != "name":
            yield f"{prefix}{key}", value


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else type(value).__name__
