"""Things to click on. An error in a reader's function, at a click or a move, is shown below.

A page without a kernel shows a picture. ValueError: a function or an array of another form.
"""

import numpy as np

from ..plotting import Figure, grid_png, latent_scatter, to_unit_range
from .quiz import quiz_result as quiz_result
from .quiz import real_or_fake as real_or_fake
from .shared import Array, Asker, Function, Range, packed


def class_chooser(names: list[str], draw: Function, chosen: int = 0) -> Asker:
    """Make a button for each class and a new sample; `draw` makes a Figure of a class's index."""
    chooser = Asker("chooser.js", lambda label: draw(label)._repr_png_(), chosen, names=names)
    chooser.png = chooser.answer["result"]
    return chooser


def gan_lab(play: Function, points: Array, figure: Figure) -> Asker:
    """Show points, which a reader draws or clears, and what two networks make of them.

    `play` takes points, float32 (N, 2) in [-1, 1], and "discriminator", "generator", "both", or
    "restart" (N may be 0). It returns the discriminator's probabilities (S, S), the first at
    (-1, 1), the last at (1, -1); fakes (M, 2); the push on each of them (M, 2); and a text.
    """

    def answer(place: list) -> dict:
        drawn = np.frombuffer(place[0], np.float32).reshape(-1, 2)
        opinion, fakes, pushes, text = play(drawn, place[1])
        (field,) = packed(np.asarray(opinion)[None], (0, 1))
        arrows = np.float32(np.hstack([fakes, pushes])).tobytes()
        return {"opinion": field, "arrows": arrows, "text": text}

    return Asker("lab.js", answer, [np.float32(points).tobytes(), "restart"], figure._repr_png_())


def sketch_pad(colour: Function, sketches: np.ndarray) -> Asker:
    """Show a sheet to draw on with mouse, pen or finger; what `colour` makes of it follows.

    `colour` takes a sheet, uint8 (H, W), black lines on white, and returns uint8 (H, any, 3).
    Sketches, uint8 (N, H, W), can be loaded.
    """

    def pictures_at(sheet: bytes) -> list:
        picture = np.asarray(colour(np.frombuffer(sheet, np.uint8).reshape(sketches.shape[1:])))
        if picture.dtype != np.uint8:
            raise ValueError(f"colour gave {picture.dtype}, not uint8 from 0 to 255.")
        return packed(picture[None], (0, 255))

    first, given = sketches[0], packed(sketches, (0, 255))
    png = grid_png(np.hstack([np.dstack([first] * 3), colour(first)])[None], (0, 255), scale=4)
    return Asker("pad.js", pictures_at, first.tobytes(), png, sketches=given)


def latent_plane(
    decode: Function, codes: Array, labels: Array, names: list[str], value_range: Range = (0, 1)
) -> Asker:
    """Show codes as points; mouse, finger or arrow keys move the place that is decoded.

    `decode` takes codes, float32 (1, 2), and returns pictures (1, H, W[, 1 or 3]), cut to (black,
    white). Codes (N, 2), of which at most 5,000 are drawn, and labels are as in `latent_scatter`.
    """
    scatter = latent_scatter(codes, labels, names)  # checks them
    place = [np.median(codes, axis=0).tolist()]
    some = np.random.default_rng(0).permutation(len(codes))[:5_000]
    points, classes = np.float32(codes)[some], np.uint8(labels)[some]
    given = {"points": points.tobytes(), "labels": classes.tobytes(), "names": names}
    pictures_at = lambda place: packed(decode(np.float32(place)), value_range)
    scatter.axes[0].plot(*place[0], marker="P", color="black", markersize=12)
    axes = scatter.axes[0].inset_axes((0, 1.02, 0.3, 0.3), title="at +", xticks=(), yticks=())
    axes.imshow(to_unit_range(decode(np.float32(place)), value_range, True)[0], "gray", clim=(0, 1))
    return Asker("plane.js", pictures_at, place, scatter._repr_png_(), **given)


def latent_walk(
    generate: Function, corners: Array, mix: Function, value_range: Range = (-1, 1), steps: int = 8
) -> Asker:
    """Show a line between two latent points, or a square between four.

    `mix` takes corners, float32 (n, D), and weights (N, n) of sum 1, and returns codes (N, D).
    `generate` makes pictures (N, H, W[, 1 or 3]) of them, cut to (black, white); `steps` stand
    along a side of the static picture.
    """
    corners = np.float32(corners)
    count = len(corners)
    if corners.ndim != 2 or count not in (2, 4):
        raise ValueError(f"corners have shape {corners.shape}. Give (2, D) or (4, D).")
    generated = lambda weights: generate(np.float32(mix(corners, np.asarray(weights, float))))
    ends = generated(np.eye(count))
    pictures_at = lambda place: packed(generated(place), value_range)
    x, y = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, 1 if count == 2 else steps))
    weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y][:count]
    png = grid_png(generated(np.reshape(weights, (count, -1)).T), value_range, columns=steps)
    return Asker("walk.js", pictures_at, [[1 / count] * count], png, ends=packed(ends, value_range))
