"""A live view of a training: a progress bar, sample pictures and curves, refreshed in place.

Everything that is shown is also written to `results/`, so a closed browser loses nothing. `replay` shows it again.
"""

import base64
import contextlib
import csv
import math
import re
import textwrap
import time

import numpy as np
import tqdm
from IPython import get_ipython
from IPython.display import display

from . import plotting
from .paths import atomic_write
from .results import chapter_folder

DRAWING_SHARE = 0.01  # of the time that may go into curves; the last ones are always drawn
STUCK_STEPS = 200  # so long must a discriminator be right on everything before a warning
ALIKE_GRIDS = 3  # so many grids of samples in a row must look alike before a warning
SLOW_START = 500  # steps in which samples may be alike, because the network has not begun to learn
ALIKE = 0.03  # mean standard deviation between samples, as a part of the value range; real digits and clothes have 0.15 or more
POINTS = 500  # a longer curve is drawn as means of neighbours
JUDGED = re.compile(r"(real|fake|discriminator)_accuracy")


class Monitor:
    """Watch a training, as a context manager around its loop.

    Args:
        chapter: run of a chapter, as in "04_dcgan" or "04_dcgan/improved". The files are in `results/<budget>/<source>/<chapter>/`:
            `history.csv`, `curves.png`, `samples/<step>.png`, `warnings.txt`.
        steps: steps of the whole training.
        every: steps between two grids of samples.
        samples: function without arguments that returns pictures, (N, H, W[, 1 or 3]), or a Figure of `helpers.plotting`.
            Called before the first step, every `every` steps, and at the end. Figures are not looked at for signs of failure.
        value_range: (black, white) of these pictures.
        history: what `Checkpoints.resume` gave; the curves go on from there.

    Attributes:
        history: mapping of a curve's name to its list of numbers, one a step. Two of the curves are "step" and "seconds"
            (of training, over all parts of a run that was stopped). Give it to `Checkpoints.save`.
        warnings: list of texts.

    Raises:
        ValueError: a wrong name or number.
    """

    def __init__(self, chapter, steps, every, samples=None, value_range=(0, 1), history=None):
        plotting.at_least_one(steps=steps, every=every)
        self.folder, self.steps, self.every = chapter_folder(chapter), int(steps), int(every)
        self.samples, self.value_range = samples, value_range
        self.history = {"step": [], "seconds": []} | {name: list(curve) for name, curve in (history or {}).items()}
        self.history["step"] = [int(step) for step in self.history["step"]]
        self.warnings = []
        self._view, self._bar, self._file = _View(), None, None  # bar and file are opened at the first step
        self._drawing, self._drawn, self._alike, self._varied = 0.0, 0, 0, False

    def __enter__(self):
        self._first_samples = self._make_samples()  # before the clock starts; a mistake in the function shows at once
        self._entered = time.monotonic()
        return self

    def update(self, step, **numbers):
        """Take note of one step.

        Args:
            step: steps done with this one; the first is 1.
            **numbers: losses and accuracies, each a number or a tensor of one; the same names at each step.

        Raises:
            ValueError: a step that is not behind the last one, other names than before, or no single number.
            OSError: the files cannot be written.
        """
        values = {name: _number(name, value) for name, value in numbers.items()}
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)):
            raise ValueError(f"step is {step!r}, but it must be a whole number, such as 1.")
        last = self.history["step"][-1] if self.history["step"] else 0
        if step <= last:
            raise ValueError(f"step is {step}, but {f'step {last} was noted already' if last else 'the first step is 1'}.")
        if self._file is None:
            self._start(int(step), values)
        if values.keys() != self._names:
            raise ValueError(f"update got {', '.join(values)}, but the first step had {', '.join(self._names)}.")
        row = {"step": int(step), "seconds": round(time.monotonic() - self._began, 3), **values}
        for name, curve in self.history.items():
            curve.append(row.get(name, math.nan))
        self._write(",".join(repr(curve[-1]) for curve in self.history.values()) + "\n")
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
        self._bar.update(step - self._bar.n)
        self._look_at_numbers(step, values)
        if step % self.every == 0:
            self._show_samples(step, self._make_samples())
            self._show_curves()

    def __exit__(self, kind, error, trace):
        if self._file is None:
            if kind is None and self.history["step"]:
                _replay(self._view, self.folder, self.history, 0, "complete, nothing was trained now. To train again: fresh=True")
            return
        self._bar.close()
        with contextlib.suppress(Exception) if kind else contextlib.nullcontext():  # the loop's own error must be seen
            self._file.close()
            if kind is None and self.history["step"][-1] % self.every:
                self._show_samples(self.history["step"][-1], self._make_samples())
            self._show_curves(always=True)

    def _start(self, step, values):
        """Open the files. What an earlier run noted from this step on is replaced."""
        if {"step", "seconds"} & values.keys():
            raise ValueError("step and seconds are kept anyway. Give other names.")
        done = len(self.history["step"])
        for name in values:
            self.history.setdefault(name, [math.nan] * done)
        self._names = values.keys()
        self._began = self._entered - (self.history["seconds"][-1] if done else 0)
        self.warnings = [line for line in _read_warnings(self.folder) if done and _step_of(line) < step]
        for path in _pictures(self.folder):
            if int(path.stem) >= step:
                path.unlink()
        with atomic_write(self.folder / "history.csv") as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows([self.history, *zip(*self.history.values())])
        self._write_warnings()
        self._bar = tqdm.tqdm(total=self.steps, initial=step - 1, unit="step", mininterval=0.5, file=self._view)
        self._file = open(self.folder / "history.csv", "a", newline="")
        self._view.text(self.warnings)
        self._show_samples(step - 1, self._first_samples)

    def _write(self, line):
        try:
            self._file.write(line)
            self._file.flush()  # so that a killed kernel loses no step
        except OSError as error:
            raise OSError(f"Cannot write '{self._file.name}': {error.strerror}. Leave space on the disk, and run this cell again.") from None

    def _write_warnings(self):
        with atomic_write(self.folder / "warnings.txt") as temporary:
            temporary.write_text("".join(f"{line}\n" for line in self.warnings), encoding="utf-8")

    def _warn(self, step, sign, advice):
        """Say what is wrong, each advice once."""
        if not any(advice in line for line in self.warnings):
            self.warnings.append(f"Step {step}: {sign} {advice}")
            self._write_warnings()
            self._view.text(self.warnings)

    def _look_at_numbers(self, step, values):
        for name, value in values.items():
            if not math.isfinite(value):
                self._warn(step, f"{name} is not finite any more.", "No later step can repair this. Stop the cell (the square in the toolbar). "
                           "Look for a logarithm of 0 or a division by 0 in the loss, or lower the learning rate. Then run the cell again.")  # fmt: skip
        judged = [name for name in values if JUDGED.fullmatch(name)]
        if judged and step % 20 == 0 and len(self.history["step"]) >= STUCK_STEPS:
            if np.min([np.mean(self.history[name][-STUCK_STEPS:]) for name in judged]) >= 0.995:  # not min(): it skips NaN
                self._warn(step, f"The discriminator has been right on nearly every image for {STUCK_STEPS} steps.",
                           "It is too strong, and the generator learns next to nothing from it. Try a lower learning rate for the discriminator, "
                           "more dropout in it, or two generator steps for each of its steps.")  # fmt: skip

    def _make_samples(self):
        return None if self.samples is None else self.samples()

    def _show_samples(self, step, samples):
        if samples is None:
            return
        if not hasattr(samples, "savefig"):
            samples = np.asarray(samples, dtype=np.float64)
            if not np.isfinite(samples).all():
                self._warn(step, "The samples are not finite any more.", "Their grid was not drawn. Stop the cell and look at the losses.")
                return
            self._look_at_samples(step, samples, *self.value_range)
            png = plotting.grid_png(samples, self.value_range)
        else:
            png = samples._repr_png_()
        with atomic_write(self.folder / f"samples/{step:08d}.png") as temporary:
            temporary.write_bytes(png)
        self._view.picture("samples", png, f"samples at step {step:,}")

    def _look_at_samples(self, step, samples, low, high):
        if samples.min() < low - 0.1 * (high - low) or samples.max() > high + 0.1 * (high - low):
            self._warn(step, f"Samples go from {samples.min():.2g} to {samples.max():.2g}, outside of {low} to {high}.",
                       "Does the last layer's activation fit the range of the data? Or give Monitor the right value_range.")  # fmt: skip
        alike = len(samples) > 1 and samples.std(axis=0).mean() < ALIKE * (high - low)
        self._alike, self._varied = (self._alike + 1 if alike else 0), self._varied or not alike
        if self._alike >= ALIKE_GRIDS and (self._varied or step >= SLOW_START):
            self._warn(step, "The samples look all alike.", "In a GAN this is mode collapse: try a lower learning rate, another seed, "
                       "or batch normalisation in the generator. If they are all black, the last layer is dead: train again from another seed.")  # fmt: skip

    def _show_curves(self, always=False):
        began = time.monotonic()
        rows = len(self.history["step"])
        if rows > self._drawn and (always or self._drawing < DRAWING_SHARE * (began - self._entered)):
            _show_curves(self._view, self.folder, self.history)
            self._drawing, self._drawn = self._drawing + time.monotonic() - began, rows


class _View:
    """Three parts of a cell's output that are refreshed in place: texts, samples, curves. Outside of Jupyter, only the texts."""

    encoding = "utf-8"  # tqdm asks for it, to draw its bar

    def __init__(self):
        self._in_jupyter = hasattr(get_ipython(), "kernel")
        self._handles, self._bar, self._lines = {}, "", []

    def _show(self, part, bundle):
        if not self._in_jupyter:
            return
        if part in self._handles:
            self._handles[part].update(bundle, raw=True)
        else:
            self._handles[part] = display(bundle, raw=True, display_id=True)

    def write(self, text):
        """Take what tqdm writes; it calls this twice a second."""
        if text.strip():
            self._bar = text.strip("\r\n ")
            self._text()
        if not self._in_jupyter:
            print(text, end="", flush=True)

    def flush(self):
        pass

    def text(self, lines):
        new, self._lines = lines[len(self._lines) :], list(lines)
        if new and not self._in_jupyter:
            print("", *new, sep="\n", flush=True)
        self._text()

    def _text(self):
        self._show("text", {"text/plain": "\n".join([self._bar, *map(textwrap.fill, self._lines, [110] * len(self._lines))])})

    def picture(self, part, png, description):
        self._show(part, {"image/png": base64.b64encode(png).decode(), "text/plain": description})


def replay(chapter, seconds=4):
    """Show the last run of a chapter again, from its files: the samples as a film, the curves and the warnings.

    Args:
        chapter: as for `Monitor`.
        seconds: length of the film.

    Raises:
        FileNotFoundError: there is no such run at this budget and with this data source.
    """
    folder = chapter_folder(chapter)
    history = _read_history(folder)
    if not history["step"]:
        raise FileNotFoundError(f"There is no run in '{folder}'. Run the training cell of the chapter first, at this budget and with these data.")
    _replay(_View(), folder, history, seconds, "replayed")


def _replay(view, folder, history, seconds, state):
    view.write(f"{folder.name}: {history['step'][-1]:,} steps, {history['seconds'][-1]:.0f} s of training, {state}\n")
    view.text(_read_warnings(folder))
    pictures = _pictures(folder)
    for path in pictures if seconds else pictures[-1:]:
        view.picture("samples", path.read_bytes(), f"samples at step {int(path.stem):,}")
        time.sleep(seconds / len(pictures))
    _show_curves(view, folder, history)


def _show_curves(view, folder, history):
    """Draw a panel for each last word of the curves' names (loss, accuracy), write them to a file and show them."""
    names = [name for name in history if name not in ("step", "seconds")]
    few = {name: plotting.neighbour_means(history[name], POINTS) for name in ["step", *names]}
    steps, panels = few.pop("step"), {}
    for name in names:
        panels.setdefault(name.rpartition("_")[2], []).append(name)  # generator_loss and discriminator_loss share a panel, and so on
    log = [title for title, curves in panels.items() if title != "accuracy" and _spans_decades(np.concatenate([few[name] for name in curves]))]
    figure = plotting.history_curves(few, panels, {"accuracy": (0, 1.05)}, x=steps, log=log)
    png = figure._repr_png_()
    with atomic_write(folder / "curves.png") as temporary:
        temporary.write_bytes(png)
    view.picture("curves", png, f"curves of {', '.join(names)}")


def _spans_decades(values):
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and values.max() > 20 * values.min()


def _pictures(folder):
    return sorted(path for path in (folder / "samples").glob("*.png") if path.stem.isdigit())


def _number(name, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}, but each of a step's numbers must be a single one. Take the mean?") from None


def _read_history(folder):
    """Return the curves of `history.csv`, without lines that are damaged or that a killed kernel left half-written."""
    try:
        lines = (folder / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    except (FileNotFoundError, NotADirectoryError):
        lines = []
    names, rows = (lines[0].strip().split(",") if lines else []), []
    for line in lines[1:]:
        with contextlib.suppress(ValueError):
            row = [float(value) for value in line.split(",")]
            rows += [row] if len(row) == len(names) and line.endswith("\n") else []
    curves = {name: [row[n] for row in rows] for n, name in enumerate(names)}
    return curves | {"step": [int(step) for step in curves.get("step", [])]}


def _read_warnings(folder):
    path = folder / "warnings.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _step_of(line):
    found = re.match(r"Step (\d+):", line)
    return int(found[1]) if found else 0
