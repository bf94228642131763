"""What is seen of a training: a bar, samples and curves, refreshed in place, and kept as files."""

import base64
import textwrap
import time
from pathlib import Path

import numpy as np
import tqdm
from IPython import get_ipython
from IPython.display import DisplayHandle, display

from . import plotting
from .course import atomic_write

SECONDS_BETWEEN_CURVES = 10  # drawing them takes a part of a second


class LiveView:
    """Text with a bar, `samples/<step>.png`, `curves.png`, `warnings.txt`. No Jupyter: a text."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.warnings: list[str] = []
        self._in_jupyter = hasattr(get_ipython(), "kernel")
        self._handles: dict[str, DisplayHandle] = {}
        self._bar, self._drawn = "", 0  # drawn: the steps of the curves that are shown
        self._next_bar = self._next_curves = 0.0
        self._held: dict[str, bytes] | None = None  # files that are not written yet

    def begin(self, step: int, steps: int, hold: bool = False) -> None:
        """Show a bar at a step. With `hold`, an older run's files stay as they are until `keep`."""
        for path in self._sample_files():  # those of later steps belong to an older run
            if int(path.stem) > step and not hold:
                path.unlink()
        old = [(int(line.partition(":")[0][5:]), line) for line in self._kept_warnings()]
        self.warnings[:] = [line for number, line in old if 0 < number <= step]
        self._held = {"warnings.txt": b""} if hold else None
        self._first, self._drawn, self._began = step, 0, time.monotonic()
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
        if any(advice in line for line in self.warnings):
            return
        self.warnings.append(f"Step {step}: {sign} {advice}")
        self._write("warnings.txt", "".join(f"{line}\n" for line in self.warnings).encode())
        self._show_text(f"\n{self.warnings[-1]}\n")

    def samples(self, step: int, png: bytes) -> None:
        self._write(f"samples/{step:08d}.png", png)
        self._show_picture("samples", png, f"samples at step {step:,}")

    def curves(self, history: dict[str, list[float]], at_once: bool = False) -> None:
        """Draw a panel for each last word of the names (loss, ...), now and then or at once."""
        steps = history["step"][-1]
        if steps == self._drawn or (not at_once and time.monotonic() < self._next_curves):
            return
        self._next_curves = time.monotonic() + SECONDS_BETWEEN_CURVES
        names = [name for name in history if name not in ("step", "seconds")]
        panels: dict[str, list[str]] = {}
        for name in names:
            panels.setdefault(name.rpartition("_")[2], []).append(name)
        ranges = {"accuracy": (0, 1.05)}
        pooled = {panel: np.concatenate([history[n] for n in panels[panel]]) for panel in panels}
        log = [panel for panel in panels if panel not in ranges and spans_decades(pooled[panel])]
        png = plotting.history_curves(history, panels, ranges, history["step"], log)._repr_png_()
        self._write("curves.png", png)
        self._show_picture("curves", png, f"curves of {', '.join(names)}")
        self._drawn = steps

    def show_again(self, text: str) -> None:
        """Show a text and the files of a complete run: its warnings, last samples and curves."""
        self.warnings[:] = self._kept_warnings()
        self._bar = text
        self._show_text(f"{text}\n")
        for path in self._sample_files()[-1:]:
            self._show_picture("samples", path.read_bytes(), f"samples at step {int(path.stem):,}")
        for path in self.folder.glob("curves.png"):
            self._show_picture("curves", path.read_bytes(), "curves")

    def keep(self) -> None:
        """Write what was held back, in place of the older run's files."""
        held, self._held = self._held, None
        for path in self._sample_files() if held else ():
            path.unlink()
        for name, content in (held or {}).items():
            self._write(name, content)

    def _write(self, name: str, content: bytes) -> None:
        if self._held is not None:
            self._held[name] = content
            return
        with atomic_write(self.folder / name) as temporary:
            temporary.write_bytes(content)

    def _sample_files(self) -> list[Path]:
        return sorted(p for p in (self.folder / "samples").glob("*.png") if p.stem.isdigit())

    def _kept_warnings(self) -> list[str]:
        path = self.folder / "warnings.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []

    def _show_text(self, news: str) -> None:
        lines = [self._bar, *(textwrap.fill(line, 110) for line in self.warnings)]
        self._show("text", {"text/plain": "\n".join(lines)})
        if not self._in_jupyter:
            print(news, end="", flush=True)

    def _show_picture(self, part: str, png: bytes, label: str) -> None:
        self._show(part, {"image/png": base64.b64encode(png).decode(), "text/plain": label})

    def _show(self, part: str, bundle: dict[str, str]) -> None:
        if part in self._handles:
            self._handles[part].update(bundle, raw=True)
        elif self._in_jupyter:
            self._handles[part] = display(bundle, raw=True, display_id=True)


def spans_decades(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]  # of which single outliers decide nothing
    low, high = np.quantile(finite, (0.001, 0.999)) if finite.size else (0, 0)
    return 0 < 20 * low < high
