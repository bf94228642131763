"""The latent walk: what is generated between two or four latent points."""

import numpy as np

from ..plotting import grid_png
from .shared import Array, Asker, Function, Range, packed


def latent_walk(
    generate: Function, corners: Array, mix: Function, value_range: Range = (-1, 1), steps: int = 8
) -> Asker:
    """Show a line between two latent points, or a square between four.

    `mix` takes corners, float32 (n, D), and weights (N, n) of sum 1, and returns codes (N, D).
    `generate` makes pictures (N, H, W[, 1 or 3]) of them, cut to (black, white); `steps` stand
    along a side of the static picture. ValueError: corners of another shape.
    """
    corners = np.float32(corners)
    count = len(corners)
    if corners.ndim != 2 or count not in (2, 4):
        raise ValueError(f"corners have shape {corners.shape}. Give (2, D) or (4, D).")

    def generated(weights: Array) -> np.ndarray:
        return np.asarray(generate(np.float32(mix(corners, np.asarray(weights, float)))))

    ends = generated(np.eye(count))
    pictures_at = lambda place: packed(generated(place), value_range)
    x, y = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, 1 if count == 2 else steps))
    weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y][:count]
    png = grid_png(generated(np.reshape(weights, (count, -1)).T), value_range, columns=steps)
    return Asker("walk.js", pictures_at, [[1 / count] * count], png, ends=packed(ends, value_range))
