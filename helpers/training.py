"""A training in one object; the lesson's own step stays in the notebook."""

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .checkpoints import Checkpoints
from .course import run_folder
from .datasets import Batch, batches
from .live_view import LiveView


class Training:
    """Watch a training, keep its state, and go on where it stopped.

    In the notebook: `for images in run.batches(real, BATCH, SEED): run.update(**step(images))`. The
    run `name`, as in "04_dcgan/improved", lies in `<results>/<budget>/<source>/`. `samples` returns
    pictures (N, H, W[, 1 or 3]) from black to white (`value_range`), or a Figure; it is called at
    the start, every `every` steps and at the end. Checkpoints are `save_every` or else `every`
    steps apart; with `fresh` it starts again, and the older run stays, under a name with ".before".

    The parts are all that changes during training, by name: networks, optimizers, averaged copies,
    random generators. Plain values (numbers, texts) are settings, such as `rate=1e-3`: a training
    goes on only with the same ones. Without parts nothing is kept.

    Read `step`, the steps done; `warnings`, signs of failure; and `history`, lists of numbers, one
    a step, among them "step" and "seconds". Errors are those of `helpers.checkpoints.Checkpoints`.
    """

    def __init__(
        self,
        name: str,
        steps: int,
        every: int,
        samples: Callable[[], Any] | None = None,
        value_range: tuple[float, float] = (0, 1),
        save_every: int | None = None,
        fresh: bool = False,
        **parts: Any,
    ):
        self.steps, self.every, self.save_every = steps, every, save_every or every
        self.folder, self.step = run_folder(name), 0
        self.history: dict[str, list[float]] = {}
        plain = int | float | str | None
        settings = {key: part for key, part in parts.items() if isinstance(part, plain)}
        things = {key: part for key, part in parts.items() if key not in settings}
        self._checkpoints = Checkpoints(self.folder, things, settings, fresh) if things else None
        self._view = LiveView(self.folder, samples, value_range)
        self.warnings = self._view.warnings
        self._began: float | None = None  # None: not resumed yet

    def batches(self, images: Batch, batch_size: int, seed: int) -> Iterator[Batch]:
        """Resume, and yield the batches still to do, as `datasets.batches`; update after each."""
        arrays = images if isinstance(images, tuple) else (images,)
        pictures = "-".join(f"{zlib.crc32(np.ascontiguousarray(array)):x}" for array in arrays)
        self.resume(batch_size=batch_size, seed=seed, pictures=pictures)
        ordered = batches(images, batch_size, seed, first_step=self.step)
        try:
            while self.step < self.steps:
                before = self.step
                yield next(ordered)
                if self.step == before:
                    raise RuntimeError("No step was noted. Call update(...) once for each batch.")
        finally:  # also when the cell is interrupted
            if self.history and self.step < self.steps:
                self._view.curves(self.history, at_once=True)

    def resume(self, **settings: bool | int | float | str) -> None:
        """Bring the last checkpoint back, if it was made with these settings; `batches` does it."""
        if self._checkpoints:
            self._checkpoints.settings |= settings
            self.step, self.history = self._checkpoints.resume()
            self.history |= {"step": list(range(1, self.step + 1))} if self.step else {}  # as ints
        self._view.begin(self.step, self.steps)
        if self.step >= self.steps:
            done = f"{self.folder.name}: {self.step:,} steps, complete, nothing was trained now."
            self._view.show_again(f"{done} To train again: fresh=True")
            return
        self._view.samples(self.step)
        self._began = time.monotonic() - self.history.get("seconds", [0])[-1]

    def update(self, **numbers: Any) -> None:
        """Note one step's numbers, always of the same names; draw and save when it is time."""
        if self._began is None:
            self.resume()
        if self.step >= self.steps:
            raise RuntimeError(f"All {self.steps:,} steps are done. Loop over `run.batches`.")
        values = {name: float(value) for name, value in numbers.items()}
        row = {"step": self.step + 1, "seconds": time.monotonic() - self._began, **values}
        if self.history and row.keys() != self.history.keys():
            raise ValueError(f"update got {[*row]}, but the steps before had {[*self.history]}.")
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        self.step += 1
        last = self.step == self.steps
        self._view.progress(self.step, self.steps, values)
        self._view.look_at_numbers(self.history)
        if last or self.step % self.every == 0:
            self._view.samples(self.step)
            self._view.curves(self.history, at_once=last)
        if self._checkpoints and (last or self.step % self.save_every == 0):
            self._checkpoints.save(self.step, self.history)
