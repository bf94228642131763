"""Checkpoints: a training that is stopped, also by SIGKILL, goes on where it was last saved.

On a CPU it ends with the same bits, if TensorFlow traces the train step in the same way. With batch normalisation a new trace may add the parts of
a gradient in another order; then the last digits differ.

One file holds everything, in NumPy's `.npz` format, which has a checksum for each array: all variables, the states of random
generators, the history, and a description of the models and settings. Not in it: the global random generators of Python, NumPy and
TensorFlow. Use generators of your own and give them too, as in `noise=tf.random.Generator.from_seed(1)`.
"""

import collections
import contextlib
import errno
import json
import os
import re

import filelock
import numpy as np

from .paths import atomic_write
from .results import chapter_folder

_locks = {}  # folder: its lock. A kernel keeps a lock until it ends; a second object in the same kernel shares it.
_FRESH = (
    "To train from the start, give fresh=True: the old checkpoints are removed when the first new one is complete. "
    "To keep both, give another folder. Nothing was changed."
)


class CheckpointError(RuntimeError):
    """A checkpoint does not fit or must not be written. The message says what was seen and what to do."""


class _Damaged(Exception):
    pass


class Checkpoints:
    """Keep the state of a training in a folder, and bring it back.

    Args:
        folder: run of a chapter, as in "04_dcgan" or "04_dcgan/improved"; lies in `results/<budget>/<source>/`. An absolute
            path is taken as it is.
        keep: how many checkpoints are kept, 1 or more.
        fresh: start again: `resume` finds nothing, and the first `save` removes the older checkpoints.
        **objects: what to keep, by name. Built models, layers, optimizers and metrics of Keras; variables; random generators
            (`keras.random.SeedGenerator`, `tf.random.Generator`, `np.random.Generator`); lists, tuples and dicts of these. Plain
            values (numbers, texts, None) are settings: they are compared when a training is resumed.

    Raises:
        CheckpointError: another kernel uses the folder.
        TypeError, ValueError: an object of another kind, one that is not built, or one that could be kept only in part.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder, keep=3, fresh=False, **objects):
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
            raise ValueError(f"keep is {keep!r}, but it must be a whole number, 1 or more.")
        if not objects:
            raise ValueError("There is nothing to keep. Give each object as name=object, as in generator=generator.")
        self.folder, self.keep, self.fresh = chapter_folder(folder).resolve(), keep, fresh
        self._variables, self._generators, self._things, self._rates = {}, {}, {}, {}
        self._about = {"layers": {}, "settings": {}, "variables": {}}  # what is compared when a training is resumed
        for name, thing in objects.items():
            self._add(name, thing)
        self._refuse_forgotten_optimizers()
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
            CheckpointError: there are checkpoints in the folder that were not resumed, or weights are not finite.
            ValueError: `step` is no whole number, or goes back; or a history that is not made of numbers.
            OSError: the file cannot be written.
        """
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or step < self._step:
            raise ValueError(f"step is {step!r}, but it must be a whole number, {self._step} or more.")
        _lock(self.folder)
        if self._run is None:
            if found := self._files():
                raise CheckpointError(f"'{self.folder}' has a checkpoint of step {found[0][1]:,}. Call resume() first. {_FRESH}")
            self._run = 1
        variables = [_array(variable) for variable in self._variables.values()]
        self._check_finite(step, variables)
        curves = [_numbers(name, values) for name, values in history.items()]
        states = {name: generator.bit_generator.state for name, generator in self._generators.items()}
        manifest = {"history": list(history), "generators": states, "rates": self._rates, "about": self._about}
        arrays = {"manifest": np.frombuffer(json.dumps(manifest, default=_plain).encode(), np.uint8)}
        arrays |= {f"v{n}": array for n, array in enumerate(variables)} | {f"h{n}": curve for n, curve in enumerate(curves)}
        path = self.folder / f"run-{self._run:03d}-step-{step:08d}.npz"
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())  # so that a file that has its name is whole, even if the power fails
        self._step, self.fresh = int(step), False
        self._remove_old(path)
        return path

    def resume(self):
        """Bring the newest whole checkpoint back into the objects, and print what was found.

        An optimizer whose learning rate you changed keeps your new one; this is printed too.

        Returns:
            (step, history), or (0, an empty history) if there is none. The history is a `defaultdict(list)` of lists of
            float, so that `history["loss"].append(...)` works from the first step on.

        Raises:
            CheckpointError: it belongs to other objects, another architecture or other settings. Nothing was changed.
            OSError: it cannot be read for another reason than damage.
        """
        files, self._damaged, self._step = self._files(), [], 0
        newest_run = files[0][0] if files else 0
        for run, step, path in () if self.fresh else files:
            try:
                manifest, variables, curves = _read(path)
            except _Damaged as error:
                self._damaged.append(path)
                print(f"Checkpoint {path.name} is damaged ({error}). The one before it is used.")
                continue
            self._check_same(manifest["about"], path)
            for variable, array in zip(self._variables.values(), variables):
                variable.assign(array)
            for name, generator in self._generators.items():
                generator.bit_generator.state = manifest["generators"][name]
            self._keep_new_rates(manifest["rates"])
            self._run, self._step = run, step
            print(f"The checkpoint of step {step:,} is loaded.")
            return step, collections.defaultdict(list, zip(manifest["history"], curves))
        self._run = newest_run + 1
        if not files:
            print("No checkpoint yet: training starts at step 0.")
        elif self.fresh:
            print(f"Training starts at step 0. The first save removes {len(files)} older checkpoints. Then take fresh=True out again.")
        else:
            print("No checkpoint can be read: training starts at step 0.")
        return 0, collections.defaultdict(list)

    def _files(self):
        """Return (run, step, path) of all checkpoints, newest first."""
        found = [(re.fullmatch(r"run-(\d+)-step-(\d+)\.npz", path.name), path) for path in self.folder.glob("run-*.npz")]
        return sorted(((int(match[1]), int(match[2]), path) for match, path in found if match and path.is_file()), reverse=True)

    def _remove_old(self, newest):
        with contextlib.suppress(OSError):  # a file that cannot be removed now is removed after the next save
            for path in self._damaged:
                if path != newest:
                    path.rename(path.with_suffix(".damaged"))  # perhaps somebody can save something of it
            self._damaged = []
            ours = [path for run, _, path in self._files() if run == self._run]
            for _, _, path in self._files():
                if path not in ours[: self.keep]:
                    path.unlink()

    def _add(self, name, thing):
        """Sort an object into variables and random generators, and note what it is."""
        import keras  # not above: importing TensorFlow takes seconds and belongs into helpers.budget.start
        import tensorflow as tf

        self._things[name] = thing
        if isinstance(thing, np.generic):
            thing = thing.item()
        if isinstance(thing, (bool, int, float, str, type(None))):
            self._about["settings"][name] = repr(thing)
        elif isinstance(thing, (list, tuple, dict)):
            for key, part in thing.items() if isinstance(thing, dict) else enumerate(thing):
                self._add(f"{name}[{key}]", part)
        elif isinstance(thing, np.random.Generator):
            self._generators[name] = thing
            self._about["settings"][name] = type(thing.bit_generator).__name__
        elif isinstance(thing, (keras.random.SeedGenerator, tf.random.Generator)):
            self._add(name, thing.state)
        elif isinstance(thing, (tf.Variable, keras.Variable)):
            if not np.issubdtype(_array(thing).dtype, np.number) and _array(thing).dtype != bool:
                raise TypeError(f"{name} is a variable of {thing.dtype}, but only numbers are kept.")
            self._variables[name] = thing
            self._about["variables"][name] = f"{tuple(thing.shape)}, {_array(thing).dtype}"
        elif isinstance(thing, (keras.layers.Layer, keras.optimizers.Optimizer, keras.metrics.Metric)):
            self._add_keras(name, thing, keras)
        else:
            raise TypeError(
                f"{name} is a {type(thing).__name__}, which cannot be kept. Give models, layers, optimizers or metrics of Keras, variables, "
                "random generators (keras.random.SeedGenerator, tf.random.Generator, np.random.Generator), or plain numbers and texts."
            )

    def _add_keras(self, name, thing, keras):
        inside = thing._flatten_layers() if isinstance(thing, keras.layers.Layer) else [thing]
        for part in inside:
            if not getattr(part, "built", True):
                which = name if part is thing else f"{name}: its layer {part.name}"
                raise ValueError(
                    f"{which} is not built, so its variables do not exist yet. Call a model on one batch, or an optimizer's "
                    "build(model.trainable_variables), before you make Checkpoints."
                )
        if not thing.variables:
            raise ValueError(f"{name} has no variables, so there is nothing to keep. A metric has them after its first update.")
        inner = getattr(thing, "inner_optimizer", thing)  # LossScaleOptimizer has one
        if isinstance(getattr(inner, "_learning_rate", None), keras.Variable):  # no schedule
            self._rates[name] = float(thing.learning_rate)
        self._about["layers"] |= dict(_describe(name, thing))
        for n, variable in enumerate(thing.variables):
            self._add(f"{name}, variable {n}", variable)

    def _refuse_forgotten_optimizers(self):
        given = [id(thing) for thing in self._things.values()]
        for name, thing in self._things.items():
            optimizer = getattr(thing, "optimizer", None) if getattr(thing, "compiled", False) else None
            if optimizer is not None and id(optimizer) not in given:
                raise ValueError(f"{name} is compiled, and its optimizer was not given. Add it, as in optimizer={name}.optimizer.")

    def _check_finite(self, step, variables):
        for name, array in zip(self._variables, variables):
            if ", variable " in name and np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
                raise CheckpointError(
                    f"Step {step:,} was not saved: {self._shown(name)} has {np.sum(~np.isfinite(array)):,} values that are NaN or "
                    "infinite. The older checkpoints are whole. Lower the learning rate, or mend the loss. Then run the cell again: "
                    "it goes on from the newest checkpoint."
                )

    def _keep_new_rates(self, old):
        for name, rate in self._rates.items():
            if name in old and old[name] != rate:
                self._things[name].learning_rate = rate
                print(f"{name}: the learning rate was {old[name]:g}, from now on it is {rate:g}.")

    def _shown(self, name):
        variable = self._variables.get(name)
        return name if variable is None else f"{name} ({getattr(variable, 'path', variable.name)})"

    def _check_same(self, old, path):
        """Raise if a checkpoint's description differs from the objects."""
        new, found = json.loads(json.dumps(self._about, default=_plain)), []
        for part in new:
            for name in {**new[part], **old[part]}:
                before, now = old[part].get(name), new[part].get(name)
                if before is None or now is None:
                    found.append(f"{self._shown(name)} is {'missing now' if now is None else 'new'}")
                elif part == "layers":
                    found += _changes(name, before, now)
                elif before != now:
                    found.append(f"{self._shown(name)} was {before}, is {now}")
        if found:
            more = [f"and {len(found) - 5} more differences"] if len(found) > 5 else []
            listed = "\n  ".join(found[:5] + more)
            raise CheckpointError(f"{path.name} in '{self.folder}' was made with another model or other settings:\n  {listed}\n{_FRESH}")


def _lock(folder):
    """Take the folder for this kernel, or say who has it. The system frees the lock when the kernel ends, however it ends."""
    if folder in _locks and (folder / ".lock").exists():  # a reader may remove the folder to start again
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
    """Return (manifest, variables, curves) of a file, or raise _Damaged. NumPy checks each array's checksum."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            manifest = json.loads(stored["manifest"].tobytes())
            variables = [stored[f"v{n}"] for n in range(len(manifest["about"]["variables"]))]
            return manifest, variables, [stored[f"h{n}"].tolist() for n in range(len(manifest["history"]))]
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes make zipfile, zlib, json and NumPy raise a dozen kinds of errors
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise OSError(f"Cannot read '{path}': {error.strerror}. Nothing was changed. Mend this, and run the cell again.") from None
        raise _Damaged(str(error) or type(error).__name__) from None


def _array(variable):
    array = np.asarray(variable)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array  # exact, and NumPy can store it


def _numbers(name, values):
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        raise ValueError(f"history[{name!r}] is not a list of numbers.") from None


def _describe(name, thing):
    """Yield (place, [class, settings]) of each layer of a model at any depth, with its inputs, or of another thing itself.

    Names of layers are left out, because Keras counts them on each time a cell is run again: where one layer refers to another, its
    number stands for the name.
    """
    try:
        config = thing.get_config()
    except (AttributeError, NotImplementedError, TypeError):  # not every class that a reader writes has one
        config = {}
    listed = config.get("layers")
    if not isinstance(listed, list):
        yield name, [type(thing).__name__, _settings(config)]
        for n, layer in enumerate(_inside(thing)):  # of a subclassed model or layer
            yield from _describe(f"{name}, layer {n}", layer)
        return
    numbers = {layer["config"].get("name"): f"#{n}" for n, layer in enumerate(listed)}
    objects = {layer.name: layer for layer in thing.layers}
    for n, layer in enumerate(listed):
        place, inputs = f"{name}, layer {n}", _normal(layer.get("inbound_nodes"), numbers)
        if _inside(nested := objects.get(layer["config"].get("name"))):
            yield from _describe(place, nested)
            yield f"{place}, inputs", ["inputs", {"inputs": inputs}]
        else:
            yield place, [layer["class_name"], {**_settings(layer["config"]), "inputs": inputs}]


def _inside(thing):
    return list(thing._flatten_layers(include_self=False, recursive=False)) if hasattr(thing, "_flatten_layers") else []


def _settings(config):
    return _normal({key: value for key, value in config.items() if key not in ("name", "layers")}, {})


def _normal(value, numbers):
    """Return a config without what may differ between equal models: names, seeds (their state is kept) and code of lambdas."""
    if isinstance(value, dict):
        if value.get("class_name") == "__lambda__":
            return "lambda"
        kept = {key: part for key, part in value.items() if key not in ("name", "seed") or value.keys() == {"name"}}  # {"name"}: a dtype
        return {key: _normal(part, numbers) for key, part in kept.items() if key != "learning_rate" or isinstance(part, dict)}
    if isinstance(value, (list, tuple)):
        return [_normal(part, numbers) for part in value]
    return numbers.get(value, value) if isinstance(value, str) else value


def _changes(place, before, now):
    """Yield in words how a layer differs. Settings that only one of both has do not count: another Keras may have more of them."""
    if before[0] != now[0]:
        yield f"{place} was {before[0]}, is {now[0]}"
        return
    for key, value in now[1].items():
        if key in before[1] and json.dumps(before[1][key]) != json.dumps(value):
            yield f"{place} ({now[0]}): {key} was {_short(before[1][key])}, is {_short(value)}"


def _short(value):
    name = value.get("class_name", value) if isinstance(value, dict) else value
    text = repr(name if not isinstance(value, dict) or not value.get("config") else f"{name} {value['config']}")
    return text if len(text) < 120 else text[:117] + "..."


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else type(value).__name__
