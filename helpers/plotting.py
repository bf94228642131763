"""Pictures of pictures, and curves. A notebook shows a Figure that is the last value of a cell."""

import io
import math
from collections.abc import Mapping, Sequence

import imageio.v3 as iio
import matplotlib.figure
import numpy as np
from numpy.typing import ArrayLike as Array
from PIL import Image

Range = tuple[float, float]  # (black, white)
Rows = Mapping[str, Array]
MARGIN = 1  # pixels around a picture
MANY = 8_192  # colours: of so many, a palette of 256 makes steps of soft shades
COLOURS = {"real": "C2", "fake": "C6", "generated": "C6", "generator": "C3", "discriminator": "C4"}


class Figure(matplotlib.figure.Figure):
    """A figure that IPython shows as a small PNG, with the texts outside of its edges."""

    def _repr_png_(self) -> bytes:
        large, small = io.BytesIO(), io.BytesIO()
        self.savefig(large, format="png", dpi=self.dpi, bbox_inches="tight")
        picture = Image.open(large).convert("RGB")
        # 256 colours stay as they are. Of more, the octree keeps rare ones, such as a yellow car.
        method = Image.Quantize.MEDIANCUT if picture.getcolors(256) else Image.Quantize.FASTOCTREE
        if picture.getcolors(MANY):
            picture = picture.quantize(256, method)
        else:  # 64 levels of red, green and blue each
            levels = np.round(np.asarray(picture) * (63 / 255)) * (255 / 63)
            picture = Image.fromarray(np.uint8(np.round(levels)))
        picture.save(small, format="png", optimize=True)
        return small.getvalue()


def to_unit_range(images: Array, value_range: Range, clip: bool = False) -> np.ndarray:
    """Return pictures (N, H, W[, 1 or 3]) as float64 (N, H, W[, 3]) in [0, 1].

    ValueError: another shape, not finite, or (without `clip`) values outside of (black, white).
    """
    images, (low, high) = np.asarray(images), value_range
    images = images[..., 0] if images.shape[3:] == (1,) else images
    shape = images.shape
    if len(shape) < 3 or shape[3:] not in ((), (3,)) or shape[2] <= 3 < shape[1] or 0 in shape:
        raise ValueError(f"images have shape {shape}, not (N, H, W[, 1 or 3]). One: images[None].")
    if not np.isfinite(images).all():
        raise ValueError(f"{np.sum(~np.isfinite(images)):,} values of the images are NaN or inf.")
    outside = not clip and (images.min() < low or images.max() > high)
    if outside or not 0 < high - low < np.inf:
        seen = f"images go from {images.min():.4g} to {images.max():.4g}, value_range is"
        raise ValueError(f"{seen} {value_range}. Give their (black, white), or clip=True.")
    return np.clip((images.astype(float) - low) / (high - low), 0, 1)


def _sheet(tiles: np.ndarray, columns: int, above: int = 0) -> np.ndarray:
    """Put pictures on a white sheet, row by row, each with a gap around and some room above."""
    columns = min(columns, len(tiles))
    edges = [(0, -len(tiles) % columns), (above + MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)]
    tiles = np.pad(tiles, edges[: tiles.ndim], constant_values=1)
    rows = np.split(tiles, len(tiles) // columns)
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def image_grid(
    images: Array, value_range: Range, columns=10, titles=(), title="", scale=2.0, clip=False
) -> Figure:
    """Draw pictures as `to_unit_range` takes them, `scale` dots a pixel, N titles and one above."""
    tiles = to_unit_range(images, value_range, clip)
    if len(titles) not in (0, len(tiles)):
        raise ValueError(f"There are {len(tiles)} images but {len(titles)} titles.")
    above = 9 if len(titles) else 0
    sheet = _sheet(tiles, columns, above)
    figure = Figure(np.flip(sheet.shape[:2]) * scale / 100, dpi=100)
    axes = figure.add_axes((0, 0, 1, 1), title=title, frame_on=False, xticks=(), yticks=())
    axes.imshow(sheet, "gray", vmin=0, vmax=1, origin="upper", interpolation="none", aspect="auto")
    for place, text in enumerate(titles):
        x = (place % columns + 0.5) * (tiles.shape[2] + 2 * MARGIN)
        y = place // columns * (tiles.shape[1] + 2 * MARGIN + above) + above
        axes.text(x, y, str(text), ha="center", va="bottom", fontsize=8)
    return figure


def grid_png(images: Array, value_range: Range, columns: int = 0, scale: int = 2) -> bytes:
    """Return a clipped grid as PNG, much faster than `image_grid`; by default nearly square."""
    tiles = to_unit_range(images, value_range, clip=True)
    pixels = np.round(255 * _sheet(tiles, columns or math.ceil(len(tiles) ** 0.5))).astype(np.uint8)
    return iio.imwrite("<bytes>", pixels.repeat(scale, 0).repeat(scale, 1), extension=".png")


def paired_rows(rows: Rows, value_range: Range, **options: object) -> Figure:
    """Draw named rows of pictures of one shape; options: title, scale, clip as in `image_grid`."""
    stacked = np.stack([*rows.values()])
    figure = image_grid(np.concatenate(stacked), value_range, stacked.shape[1], **options)
    for place, name in enumerate(rows):
        figure.text(0, 1 - (place + 0.5) / len(rows), f"{name} ", ha="right", va="center")
    return figure


def neighbour_means(curve: Sequence[float], points: int) -> list[float]:
    """Return at most `points` means of neighbours; the last group may be smaller."""
    width = max(1, math.ceil(len(curve) / points))
    return [float(np.mean(curve[at : at + width])) for at in range(0, len(curve), width)]


def history_curves(curves: Rows, panels: Rows, x: Array = (), log=(), points=500) -> Figure:
    """Draw a training's curves (NaN: a gap) in `panels`: a title and the names of its curves.

    Titles in `log` get such an axis. `x`: the steps. Long curves: `points` means of neighbours.
    """
    figure = Figure((min(4.2 * len(panels), 12), 3), dpi=100, layout="constrained")
    for axes, title in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels):
        axes.set(title=title, xlabel="step", yscale="log" if title in log else "linear")
        for name in panels[title]:
            values = neighbour_means(curves[name], points)
            steps = neighbour_means(x if len(x) else range(1, len(curves[name]) + 1), points)
            colour = next((COLOURS[word] for word in COLOURS if name.startswith(word)), None)
            again = colour in [line.get_color() for line in axes.lines]
            style = ("--" if again else "-") + ("o" if len(values) < 12 else "")
            axes.plot(steps, values, style, markersize=3, color=colour, label=name)
        axes.set_ylim((0, 1.05) if title == "accuracy" else None)
        axes.grid(alpha=0.3)
        if len(panels[title]) > 1:  # below the panel, for on it the legend would hide curves
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=1 + (len(panels) < 4))
    return figure


def latent_scatter(codes: Array, labels: Array, class_names: Sequence, title: str = "") -> Figure:
    """Draw codes (N, 2), finite, in the colour of their label, an index into ten names or fewer."""
    codes, labels = np.asarray(codes), np.asarray(labels)
    fit = codes.shape[1:] == (2,) and np.isfinite(codes).all() and labels.shape == codes.shape[:1]
    if not fit or not np.isin(labels, range(len(class_names))).all():
        raise ValueError(f"codes {codes.shape}: need (N, 2), finite, labels < {len(class_names)}.")
    figure = Figure((6, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="code 0", ylabel="code 1", title=title, aspect="equal")
    for label, name in enumerate(class_names):
        axes.scatter(*codes[labels == label].T, s=9, alpha=0.7, label=name)
    figure.legend(loc="outside right center", markerscale=2)
    return figure
