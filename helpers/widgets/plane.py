"""The latent plane: codes as points, and what is decoded at a place that is moved."""

import numpy as np

from ..plotting import latent_scatter, to_unit_range
from .shared import Array, Asker, Function, Range, packed


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
