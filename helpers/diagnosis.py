"""Signs that a training fails, seen in its numbers and its samples, each with an advice."""

from collections.abc import Callable

import numpy as np

STUCK_STEPS = 200  # so long must a discriminator be right on everything
ALIKE_GRIDS = 3  # so many grids of samples in a row must look alike
SLOW_START = 500  # steps in which they may, because the network has not begun to learn
ALIKE = 0.03  # mean deviation between samples, of the value range; real pictures have 0.15 or more
JUDGED = ("real_accuracy", "fake_accuracy", "discriminator_accuracy")
NOT_FINITE = (
    "No later step can repair this. Stop the cell (the square in the toolbar). Look for a log of "
    "0 or a division by 0 in the loss, or lower the learning rate. Then give the run another name."
)
TOO_STRONG = (
    "It is too strong, and the generator learns next to nothing from it. Try a lower learning rate "
    "for the discriminator, more dropout in it, or two generator steps for each of its steps."
)
COLLAPSE = (
    "In a GAN this is mode collapse: try a lower learning rate, or batch normalisation in the "
    "generator. If they are all black, the last layer is dead: train again from another seed."
)
OUT_OF_RANGE = "Does the last layer's activation fit the data? Or give the right value_range."


class Diagnosis:
    """Look at each step and each grid of samples, and call `warn(step, sign, advice)`."""

    def __init__(self, warn: Callable[[int, str, str], None], value_range: tuple[float, float]):
        self.warn, self.value_range = warn, value_range
        self._alike: list[bool] = []  # of each grid of samples

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

    def look_at_samples(self, step: int, samples: np.ndarray) -> None:
        """Warn of samples that are not finite, out of range, or all alike: (N, H, W[, C])."""
        if not np.isfinite(samples).all():
            self.warn(step, "The samples are not finite any more.", NOT_FINITE)
            return
        (low, high), least, most = self.value_range, samples.min(), samples.max()
        if least < low - 0.1 * (high - low) or most > high + 0.1 * (high - low):
            sign = f"Samples go from {least:.2g} to {most:.2g}, not {low} to {high}."
            self.warn(step, sign, OUT_OF_RANGE)
        self._alike.append(len(samples) > 1 and samples.std(axis=0).mean() < ALIKE * (high - low))
        begun = step >= SLOW_START or not all(self._alike)
        if begun and sum(self._alike[-ALIKE_GRIDS:]) == ALIKE_GRIDS:
            self.warn(step, "The samples look all alike.", COLLAPSE)
