"""The GAN laboratory: points that a reader draws, and two small networks that play for them."""

import numpy as np

from ..plotting import Figure
from .shared import Array, Asker, Function, packed


def gan_lab(play: Function, points: Array, figure: Figure) -> Asker:
    """Show points, which a reader draws or clears, and what two networks make of them.

    `play` takes points, float32 (N, 2) in [-1, 1], and "discriminator", "generator", "both", or
    "restart" (N may be 0). It returns the discriminator's probabilities (S, S), of which the first
    one is that at (-1, 1), the last one at (1, -1); fakes (M, 2); the push on each of them (M, 2);
    and a text. A page without a kernel shows `figure`. ValueError: `play` returns other things.
    """

    def answer(place: list) -> dict:
        drawn = np.frombuffer(place[0], np.float32).reshape(-1, 2)
        opinion, fakes, pushes, text = play(drawn, place[1])
        (field,) = packed(np.asarray(opinion)[None], (0, 1))
        arrows = np.float32(np.hstack([fakes, pushes])).tobytes()
        return {"opinion": field, "arrows": arrows, "text": text}

    return Asker("lab.js", answer, [np.float32(points).tobytes(), "restart"], figure._repr_png_())
