"""What is seen of a training: a bar, samples and curves, kept as files; and signs of failure."""

import base64
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tqdm
from IPython import get_ipython
from IPython.display import DisplayHandle, display

from . import plotting
from .course import atomic_write

STUCK_STEPS = 200  # so long must a discriminator be right on everything
ALIKE_GRIDS = 3  # so many grids of samples in a row must look alike
SLOW_START = 500  # steps in which they may, because the network has not begun to learn
ALIKE = 0.03  # mean deviation between samples, of the value range; real pictures have 0.15 or more
JUDGED = ("real_accuracy", "fake_accuracy", "discriminator_accuracy")
NOT_FINITE = "No later step can repair this: stop the cell. Look for a log of 0 or a division by 0 "
NOT_FINITE += "in the loss, or lower the learning rate. Then give the run another name."
TOO_STRONG = "It is too strong, and the generator learns next to nothing. Give the discriminator a "
TOO_STRONG += "lower learning rate, more dropout, or only every second step."
COLLAPSE = "In a GAN this is mode collapse: try a lower learning rate, or batch normalisation in "
COLLAPSE += "the generator. If they are all black, the last layer is dead: train from another seed."
OUT_OF_RANGE = "Does the last layer's activation fit the data? Or give the right value_range."


class LiveView:
    """Text with a bar, `samples/<step>.png`, `curves.png`, `warnings.txt`. No Jupyter: a text."""

    def __init__(self, folder: Path, draw: Callable[[], Any] | None, value_range: plotting.Range):
        self.folder, self.draw, self.value_range = folder, draw, value_range
        self.warnings: list[str] = []
        self._in_jupyter = hasattr(get_ipython(), "kernel")
        self._handles: dict[str, DisplayHandle] = {}
        self._bar, self._next_bar, self._next_curves = "", 0.0, 0.0
        self._alike: list[bool] = []  # of each grid of samples, whether it is

    def begin(self, step: int, steps: int) -> None:
        """Show a bar at a step, and forget what was seen after it."""
        for path in self._sample_files():
            if int(path.stem) > step:
                path.unlink()
        path = self.folder / "warnings.txt"
        old = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        steps_of = {line: int(line.partition(":")[0][5:]) for line in old}
        self.warnings[:] = [line for line in old if 0 < steps_of[line] <= step]
        self._first, self._began = step, time.monotonic()
        self.progress(step, steps, {})

    def progress(self, step: int, steps: int, numbers: dict[str, float]) -> None:
        """Draw the bar and the time that is left, twice a second and at the end."""
        if (now := time.monotonic()) < self._next_bar and step < steps:
            return
        self._next_bar = now + 0.5
        shown = ", ".join(f"{name}={value:.4g}" for name, value in numbers.items())
        options = {"initial": self._first, "unit": "step", "postfix": shown}
        self._bar = tqdm.tqdm.format_meter(step, steps, now - self._began, **options)
        self._show_text(f"\r{self._bar:<110}" + "\n" * (step == steps))

    def warn(self, step: int, sign: str, advice: str) -> None:
        """Say what is wrong, each advice once."""
        if not any(advice in line for line in self.warnings):
            self.warnings.append(f"Step {step}: {sign} {advice}")
            self._write("warnings.txt", "".join(f"{line}\n" for line in self.warnings).encode())
            self._show_text(f"\n{self.warnings[-1]}\n")

    def samples(self, step: int) -> None:
        """Draw a Figure, or pictures (N, H, W[, C]) in which signs of failure are looked for."""
        if not self.draw:
            return
        samples = self.draw()
        if hasattr(samples, "savefig"):
            png = samples._repr_png_()
        elif not np.isfinite(samples).all():
            self.warn(step, "The samples are not finite any more.", NOT_FINITE)
            return
        else:
            self._look_at_samples(step, np.asarray(samples, float))
            png = plotting.grid_png(samples, self.value_range)
        self._write(f"samples/{step:08d}.png", png)
        self._show("samples", f"samples at step {step:,}", png)

    def _look_at_samples(self, step: int, samples: np.ndarray) -> None:
        """Warn of samples that are out of range, or all alike."""
        (low, high), least, most = self.value_range, samples.min(), samples.max()
        if least < low - 0.1 * (high - low) or most > high + 0.1 * (high - low):
            sign = f"Samples go from {least:.2g} to {most:.2g}, not {low} to {high}."
            self.warn(step, sign, OUT_OF_RANGE)
        self._alike.append(len(samples) > 1 and samples.std(axis=0).mean() < ALIKE * (high - low))
        begun = step >= SLOW_START or not all(self._alike)
        if begun and sum(self._alike[-ALIKE_GRIDS:]) == ALIKE_GRIDS:
            self.warn(step, "The samples look all alike.", COLLAPSE)

    def look_at_numbers(self, history: dict[str, list[float]]) -> None:
        """Warn of numbers that are not finite, and of a discriminator that is always right."""
        step = history["step"][-1]
        for name, curve in history.items():
            if not np.isfinite(curve[-1]):
                self.warn(step, f"{name} is not finite any more.", NOT_FINITE)
        judged = [curve[-STUCK_STEPS:] for name, curve in history.items() if name in JUDGED]
        if judged and step >= STUCK_STEPS and np.mean(judged, axis=1).min() >= 0.995:
            sign = f"The discriminator was right on nearly every image for {STUCK_STEPS} steps."
            self.warn(step, sign, TOO_STRONG)

    def curves(self, history: dict[str, list[float]], at_once: bool = False) -> None:
        """Draw a panel for each last word of the names (loss, ...), now and then or at once."""
        if not at_once and time.monotonic() < self._next_curves:
            return
        self._next_curves = time.monotonic() + 10  # drawing takes a part of a second
        names = {n: n.rpartition("_")[2] for n in history if n not in ("step", "seconds")}
        panels = {word: [n for n in names if names[n] == word] for word in names.values()}
        pooled = {panel: np.concatenate([history[n] for n in panels[panel]]) for panel in panels}
        log = [panel for panel in panels if panel != "accuracy" and spans_decades(pooled[panel])]
        png = plotting.history_curves(history, panels, history["step"], log)._repr_png_()
        self._write("curves.png", png)
        self._show("curves", f"curves of {', '.join(names)}", png)

    def show_again(self, text: str) -> None:
        """Show a text in place of the bar, and the last samples and curves of a complete run."""
        self._bar = text
        self._show_text(f"{text}\n")
        for path in self._sample_files()[-1:]:
            self._show("samples", f"samples at step {int(path.stem):,}", path.read_bytes())
        for path in self.folder.glob("curves.png"):
            self._show("curves", "curves", path.read_bytes())

    def _write(self, name: str, content: bytes) -> None:
        with atomic_write(self.folder / name) as temporary:
            temporary.write_bytes(content)

    def _sample_files(self) -> list[Path]:
        return sorted(self.folder.glob("samples/[0-9]*.png"))

    def _show_text(self, news: str) -> None:
        lines = [self._bar, *(textwrap.fill(line, 110) for line in self.warnings)]
        self._show("text", "\n".join(lines))
        if not self._in_jupyter:
            print(news, end="", flush=True)

    def _show(self, part: str, text: str, png: bytes = b"") -> None:
        picture = {"image/png": base64.b64encode(png).decode()} if png else {}
        bundle = {"text/plain": text} | picture
        if part in self._handles:
            self._handles[part].update(bundle, raw=True)
        elif self._in_jupyter:
            self._handles[part] = display(bundle, raw=True, display_id=True)


def spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]  # of which single outliers decide nothing
    low, high = np.quantile(finite, (0.001, 0.999)) if finite.size else (0, 0)
    return 0 < 20 * low < high
