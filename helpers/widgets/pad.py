"""The sketch pad: a sheet to draw on, and what a function makes of the drawing."""

import numpy as np

from ..plotting import grid_png
from .shared import Asker, Function, packed


def sketch_pad(colour: Function, sketches: np.ndarray) -> Asker:
    """Show a sheet to draw on with mouse, pen or finger; what `colour` makes of it follows.

    `colour` takes a sheet, uint8 (H, W), black lines on white, and returns uint8 (H, W, 3).
    Sketches, uint8 (N, H, W), can be loaded. ValueError: what `colour` returns is not so.
    """

    def pictures_at(sheet: bytes) -> list:
        picture = np.asarray(colour(np.frombuffer(sheet, np.uint8).reshape(sketches.shape[1:])))
        if picture.dtype != np.uint8:
            raise ValueError(f"colour gave {picture.dtype}, not uint8 from 0 to 255.")
        return packed(picture[None], (0, 255))

    first, given = sketches[0], packed(sketches, (0, 255))
    png = grid_png([np.dstack([first] * 3), colour(first)], (0, 255), 2, scale=4)
    return Asker("pad.js", pictures_at, first.tobytes(), png, sketches=given)
