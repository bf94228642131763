"""What is seen of a training: a bar, samples and curves, refreshed in place, and kept as files.

A closed browser loses nothing: `replay` shows a run again.
"""

import base64
import re
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import tqdm
from IPython import get_ipython
from IPython.display import display

from . import plotting
from .course import atomic_write, run_folder

SECONDS_BETWEEN_CURVES = 10  # drawing them takes a part of a second
POINTS = 500  # a longer curve is drawn as means of neighbours


class LiveView:
    """Three parts of a cell's output: text with a bar, samples, curves. Outside of Jupyter: text.

    Files in the run's folder: `samples/<step>.png`, `curves.png`, `warnings.txt`.
    """

    encoding = "utf-8"  # tqdm asks for it, to draw its bar

    def __init__(self, folder: Path):
        self.folder = folder
        self.warnings: list[str] = []
        self._in_jupyter = hasattr(get_ipython(), "kernel")
        self._handles: dict[str, Any] = {}
        self._bar_text = ""
        self._bar: tqdm.tqdm | None = None
        self._next_curves = 0.0

    def begin(self, step: int, steps: int) -> None:
        """Show a bar at a step. Samples and warnings of later steps belong to an older run."""
        for path in sample_files(self.folder):
            if int(path.stem) > step:
                path.unlink()
        numbered = [(int(re.findall(r"\d+", line)[0]), line) for line in warnings_of(self.folder)]
        self.warnings[:] = [line for number, line in numbered if 0 < number <= step]
        self._bar = tqdm.tqdm(total=steps, initial=step, unit="step", mininterval=0.5, file=self)

    def progress(self, numbers: dict[str, float]) -> None:
        shown = {name: f"{value:.4g}" for name, value in numbers.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(1)

    def warn(self, step: int, sign: str, advice: str) -> None:
        """Say what is wrong, each advice once."""
        if any(advice in line for line in self.warnings):
            return
        self.warnings.append(f"Step {step}: {sign} {advice}")
        with atomic_write(self.folder / "warnings.txt") as temporary:
            temporary.write_text("".join(f"{line}\n" for line in self.warnings), encoding="utf-8")
        if not self._in_jupyter:
            print(f"\n{self.warnings[-1]}", flush=True)
        self._show_text()

    def samples(self, step: int, png: bytes) -> None:
        with atomic_write(self.folder / f"samples/{step:08d}.png") as temporary:
            temporary.write_bytes(png)
        self._show_picture("samples", png, f"samples at step {step:,}")

    def curves(self, history: dict[str, list[float]], at_once: bool = False) -> None:
        """Draw a panel for each last word of the names (loss, ...), now and then or at once."""
        if not at_once and time.monotonic() < self._next_curves:
            return
        self._next_curves = time.monotonic() + SECONDS_BETWEEN_CURVES
        means = {name: plotting.neighbour_means(curve, POINTS) for name, curve in history.items()}
        steps, _ = means.pop("step"), means.pop("seconds")
        panels: dict[str, list[str]] = {}
        for name in means:
            panels.setdefault(name.rpartition("_")[2], []).append(name)
        log = [
            p for p in panels if p != "accuracy" and spans_decades([means[n] for n in panels[p]])
        ]
        ranges = {"accuracy": (0, 1.05)}
        png = plotting.history_curves(means, panels, ranges, x=steps, log=log)._repr_png_()
        with atomic_write(self.folder / "curves.png") as temporary:
            temporary.write_bytes(png)
        self._show_picture("curves", png, f"curves of {', '.join(means)}")

    def end(self, history: dict[str, list[float]]) -> None:
        """Close the bar and draw the last curves, once."""
        if self._bar and history:
            self._bar.close()
            self._bar = None
            self.curves(history, at_once=True)

    def replay(self, seconds: float, state: str) -> None:
        """Show the files of a run: its samples as a film, its curves and warnings."""
        self.warnings[:] = warnings_of(self.folder)
        files = sample_files(self.folder)
        self.write(f"{self.folder.name}: {int(files[-1].stem) if files else 0:,} steps, {state}\n")
        for path in files if seconds else files[-1:]:
            label = f"samples at step {int(path.stem):,}"
            self._show_picture("samples", path.read_bytes(), label)
            time.sleep(seconds / len(files))
        self._show_picture("curves", (self.folder / "curves.png").read_bytes(), "curves")

    def write(self, text: str) -> None:
        """Take what tqdm writes; it calls this twice a second."""
        if not self._in_jupyter:
            print(text, end="", flush=True)
        if text.strip():
            self._bar_text = text.strip("\r\n ")
            self._show_text()

    def flush(self) -> None:
        """Do nothing; tqdm asks for it."""

    def _show_text(self) -> None:
        lines = [self._bar_text, *(textwrap.fill(line, 110) for line in self.warnings)]
        self._show("text", {"text/plain": "\n".join(lines)})

    def _show_picture(self, part: str, png: bytes, label: str) -> None:
        self._show(part, {"image/png": base64.b64encode(png).decode(), "text/plain": label})

    def _show(self, part: str, bundle: dict[str, str]) -> None:
        if part in self._handles:
            self._handles[part].update(bundle, raw=True)
        elif self._in_jupyter:
            self._handles[part] = display(bundle, raw=True, display_id=True)


def replay(name: str, seconds: float = 4) -> None:
    """Show the last training of a run again, such as one whose browser was closed.

    Args:
        name: as in "04_dcgan/improved".
        seconds: length of the film.

    Raises:
        FileNotFoundError: there is no such run at this budget and with this data source.
    """
    folder = run_folder(name)
    if not (folder / "curves.png").is_file():
        raise FileNotFoundError(
            f"There is no run in '{folder}'. Run the cell that trains it first."
        )
    LiveView(folder).replay(seconds, "replayed")


def spans_decades(curves: list[list[float]]) -> bool:
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    return len(values) > 0 and values.min() > 0 and values.max() > 20 * values.min()


def sample_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "samples").glob("*.png") if path.stem.isdigit())


def warnings_of(folder: Path) -> list[str]:
    path = folder / "warnings.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
