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

    def result_at(place: list) -> dict:
        opinion, *arrows, text = play(np.frombuffer(place[0], np.float32).reshape(-1, 2), place[1])
        field = packed(np.asarray(opinion)[None], (0, 1))[0]
        return dict(opinion=field, arrows=np.float32(np.hstack(arrows)).tobytes(), text=text)

    place = [np.float32(points).tobytes(), "restart"]
    return Asker("lab.js", result_at, place, figure._repr_png_())
