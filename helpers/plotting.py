"""Pictures of pictures, and curves. Each function returns a Figure (or a path) and never shows it.

A notebook shows a Figure that is the last value of a cell. The value range is always said, because a picture drawn in a
wrong range looks almost right: the eye would not see the mistake.
"""

import io
import math
import textwrap

import imageio.v3 as iio
import matplotlib.figure
import numpy as np
import PIL.Image

from .paths import atomic_write

DPI = 100
GAP = 2  # pixels between two pictures
TITLE_GAP = 11  # pixels above a picture that has a title


class Figure(matplotlib.figure.Figure):
    """A Matplotlib figure that IPython shows as a PNG picture, also before pyplot has chosen a way to show figures."""

    colours = None  # how many the PNG may have; a few are enough for curves, and keep notebooks small
    method = None  # how they are chosen; Pillow's own choice suits curves

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi, bbox_inches="tight")
        if self.colours:
            picture = PIL.Image.open(buffer).convert("RGB").quantize(self.colours, self.method)
            buffer = io.BytesIO()
            picture.save(buffer, format="png", optimize=True)
        return buffer.getvalue()


def to_unit_range(images, value_range, clip=False):
    """Check pictures and return them as float64 (N, H, W) or (N, H, W, 3) in [0, 1]."""
    images = np.asarray(images)
    if images.ndim == 3 and images.shape[-1] == 1 and images.shape[1] > 1:
        raise ValueError(f"images have shape {images.shape}: one picture with a channel axis? Give images[None] instead.")
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] != 3) or 0 in images.shape:
        raise ValueError(f"images have shape {images.shape}, but it must be (N, H, W), (N, H, W, 1) or (N, H, W, 3).")
    if not (np.issubdtype(images.dtype, np.number) or images.dtype == bool) or np.iscomplexobj(images):
        raise ValueError(f"images are {images.dtype}, but they must be numbers.")
    images = images.astype(np.float64)
    if not np.isfinite(images).all():
        raise ValueError(f"{np.sum(~np.isfinite(images)):,} values of the images are NaN or infinite.")
    try:
        low, high = (float(edge) for edge in value_range)
    except (TypeError, ValueError):
        low, high = 0, 0
    if not low < high or not np.isfinite([low, high]).all():
        raise ValueError(f"value_range is {value_range!r}, but it must be (black, white), such as (0, 255) or (-1, 1).")
    if not clip and (images.min() < low or images.max() > high):
        raise ValueError(
            f"images go from {images.min():.4g} to {images.max():.4g}, outside of value_range {value_range}. "
            "Give the range that the images have, or clip=True to cut what is outside."
        )
    return np.clip((images - low) / (high - low), 0, 1)


def at_least_one(**values):
    """Raise a ValueError that names the first value that is no whole number, 1 or more."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name} is {value!r}, but it must be a whole number, 1 or more.")


def _mosaic(tiles, columns, gap_above):
    """Put pictures (N, H, W[, 3]) on a white sheet, row by row; return it and each picture's (left, top)."""
    count, height, width = tiles.shape[:3]
    rows, columns = -(-count // columns), min(columns, count)
    sheet = np.ones((rows * (height + gap_above) + GAP, columns * (width + GAP) + GAP, *tiles.shape[3:]))
    corners = []
    for i, tile in enumerate(tiles):
        left, top = GAP + (i % columns) * (width + GAP), gap_above + (i // columns) * (height + gap_above)
        sheet[top : top + height, left : left + width] = tile
        corners.append((left, top))
    return sheet, corners


def _sheet_figure(sheet, scale, title):
    """Return a Figure that shows the sheet, `scale` screen pixels to each of its pixels, and its axes."""
    height, width = sheet.shape[0] * scale / DPI, sheet.shape[1] * scale / DPI
    lines = textwrap.wrap(title or "", max(10, int(width * 11)))  # about 11 letters of this size to an inch
    head = 0.22 * len(lines) + (0.06 if lines else 0)
    figure = Figure(figsize=(width, height + head), dpi=DPI)
    if sheet.ndim == 3:  # coloured pictures would make notebooks three times as large
        figure.colours, figure.method = 256, PIL.Image.Quantize.FASTOCTREE  # keeps rare colours; the usual method makes a yellow car green
    axes = figure.add_axes((0, 0, 1, height / (height + head)))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.axis("off")
    if lines:
        axes.set_title("\n".join(lines), fontsize=10, pad=4)
    return figure, axes


def image_grid(images, value_range, columns=10, titles=None, title=None, scale=2, clip=False):
    """Draw pictures in a grid, row by row.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3), finite numbers.
        value_range: (black, white), such as (0, 255), (0, 1) or (-1, 1).
        columns: pictures in a row.
        titles: N short texts, one above each picture.
        title: text above the grid.
        scale: screen pixels to a picture's pixel.
        clip: cut values outside of the range instead of raising.

    Returns:
        Figure.

    Raises:
        ValueError: wrong shape, not finite, out of range, or another number of titles.
    """
    tiles = to_unit_range(images, value_range, clip)
    at_least_one(columns=columns, scale=scale)
    if titles is not None and len(titles) != len(tiles):
        raise ValueError(f"There are {len(tiles)} images but {len(titles)} titles.")
    sheet, corners = _mosaic(tiles, columns, TITLE_GAP if titles is not None else GAP)
    figure, axes = _sheet_figure(sheet, scale, title)
    for text, (left, top) in zip(titles if titles is not None else (), corners):
        axes.text(left + tiles.shape[2] / 2, top - 2, str(text), ha="center", va="bottom", fontsize=8)
    return figure


def grid_png(images, value_range, columns=None, scale=2):
    """Return the grid of `image_grid`, without titles and clipped to the range, as the bytes of a PNG file.

    Much faster than drawing a Figure: for pictures that are refreshed during training.

    Args:
        images, value_range: as in `image_grid`.
        columns: pictures in a row; by default about as many as there are rows.
        scale: each pixel becomes scale x scale.
    """
    tiles = to_unit_range(images, value_range, clip=True)
    sheet, _ = _mosaic(tiles, columns or math.ceil(math.sqrt(len(tiles))), GAP)
    pixels = np.round(sheet * 255).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
    return iio.imwrite("<bytes>", pixels, extension=".png")


def paired_rows(rows, value_range, title=None, scale=2, clip=False):
    """Draw rows of pictures under each other, so that a column shows one picture in several forms.

    Args:
        rows: mapping of a row's name to its pictures; all rows have the same shape, as in `image_grid`.
        value_range, title, scale, clip: as in `image_grid`.

    Returns:
        Figure, with each row's name at its left.

    Raises:
        ValueError: as `image_grid`, and if the rows differ in shape or there is none.
    """
    shapes = {name: np.shape(images) for name, images in rows.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"All rows must have the same shape; seen: {shapes or 'no row'}.")
    at_least_one(scale=scale)
    tiles = np.concatenate([to_unit_range(images, value_range, clip) for images in rows.values()])
    columns = len(tiles) // len(rows)
    sheet, corners = _mosaic(tiles, columns, GAP)
    width = 10 + 5.0 * max(map(len, rows))  # sheet pixels that the longest name takes at scale 2
    margin = np.ones((sheet.shape[0], round(width * 2 / scale), *sheet.shape[2:]))
    figure, axes = _sheet_figure(np.concatenate([margin, sheet], axis=1), scale, title)
    for name, (_, top) in zip(rows, corners[::columns]):
        axes.text(margin.shape[1], top + tiles.shape[1] / 2, name, ha="right", va="center", fontsize=9)
    return figure


def neighbour_means(curve, points):
    """Return at most `points` means of as many neighbours each; the last group may be smaller. A short curve stays as it is.

    Args:
        curve: row of numbers.
        points: whole number, 1 or more.
    """
    at_least_one(points=points)
    width = max(1, -(-len(curve) // points))
    return [float(np.mean(curve[at : at + width])) for at in range(0, len(curve), width)]


def history_curves(history, panels=None, value_ranges=None, xlabel="step", x=None, log=(), points=None):
    """Draw the curves of a training.

    Args:
        history: mapping of a curve's name to its values, one a step or epoch. A gap (NaN) stays a gap.
        panels: mapping of a panel's title to the names drawn in it; without it, each curve has its own panel.
        value_ranges: mapping of a panel's title to its (lowest, highest) value.
        xlabel: what is counted along the x axis.
        x: positions along the x axis, shared by all curves; by default 1, 2, 3, ...
        log: titles of the panels whose y axis is logarithmic.
        points: longer curves are drawn as this many means of neighbours.

    Returns:
        Figure.

    Raises:
        ValueError: no curves, an unknown name, a curve that is not one row of numbers, or `x` of another length.
    """
    if not history:
        raise ValueError("history is empty: there is nothing to draw yet.")
    panels = panels or {name: [name] for name in history}
    unknown = [name for names in panels.values() for name in names if name not in history]
    if unknown:
        raise ValueError(f"history has no {', '.join(unknown)}. It has: {', '.join(history)}.")
    figure = Figure(figsize=(min(4.2 * len(panels), 12), 3), dpi=DPI, layout="constrained")
    figure.colours = 64
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items()):
        axes.set(title=title, xlabel=xlabel, yscale="log" if title in log else "linear")
        for name in names:
            values = np.asarray(history[name], dtype=np.float64)
            if values.ndim != 1:
                raise ValueError(f"history[{name!r}] has shape {values.shape}, but a curve is one row of numbers.")
            places = np.arange(1, len(values) + 1) if x is None else np.asarray(x)
            if len(places) != len(values):
                raise ValueError(f"x has {len(places)} positions, but history[{name!r}] has {len(values)} values.")
            if points is not None:
                places, values = neighbour_means(places, points), neighbour_means(values, points)
            axes.plot(places, values, label=name, marker="o" if len(values) < 12 else None, markersize=3)
        if title in (value_ranges or {}):
            axes.set_ylim(value_ranges[title])
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2 if len(panels) < 5 else 1)  # below: on the axes it would hide curves
    return figure


def latent_scatter(codes, labels, class_names, value_range=None, title=None):
    """Draw two-dimensional codes, coloured by class.

    Args:
        codes: (N, 2), finite numbers.
        labels: (N,), whole numbers; an index into class_names.
        class_names: at most ten texts.
        value_range: (lowest, highest) of both axes; by default what the codes need.
        title: text above the plot.

    Returns:
        Figure with its legend beside the plot.

    Raises:
        ValueError: another shape, values that are not finite, or a label without a name.
    """
    codes, labels = np.asarray(codes, dtype=np.float64), np.asarray(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or not len(codes) or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite and of shape (N, 2), N at least 1; seen: shape {codes.shape}.")
    if len(class_names) > 10:
        raise ValueError(f"There are {len(class_names)} class names, but only ten colours that the eye can tell apart.")
    if labels.shape != (len(codes),) or not set(np.unique(labels)) <= set(range(len(class_names))):
        raise ValueError(f"labels must be {len(codes)} whole numbers from 0 to {len(class_names) - 1}.")
    figure = Figure(figsize=(6, 4.5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for label, name in enumerate(class_names):
        axes.scatter(*codes[labels == label].T, s=9, alpha=0.7, color=f"C{label}", label=name)
    axes.set(xlabel="code 0", ylabel="code 1", title=title or "")
    if value_range is not None:
        axes.set(xlim=value_range, ylim=value_range)
    axes.set_aspect("equal", adjustable="datalim" if value_range is None else "box")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", markerscale=2)
    return figure


def write_gif(path, frames, value_range, frames_per_second=8, scale=2, clip=False, greys=256):
    """Write frames as a GIF that repeats for ever; an older file is replaced only when the new one is complete.

    Args:
        path: where to write; folders are made.
        frames: (T, H, W), (T, H, W, 1) or (T, H, W, 3), as in `image_grid`.
        value_range, clip: as in `image_grid`.
        frames_per_second: 1 to 50.
        scale: whole number; each pixel becomes scale x scale.
        greys: 2 to 256 levels of brightness (of each colour); fewer make a smaller file.

    Returns:
        The path.

    Raises:
        ValueError: as `image_grid`, or frames_per_second or greys outside of its range.
        OSError: the folder cannot be written.
    """
    at_least_one(scale=scale)
    if not 1 <= frames_per_second <= 50:
        raise ValueError(f"frames_per_second is {frames_per_second}, but GIF players show 1 to 50.")
    if not 2 <= greys <= 256:
        raise ValueError(f"greys is {greys}, but it must lie between 2 and 256.")
    levels = np.round(to_unit_range(frames, value_range, clip) * (greys - 1)) / (greys - 1)
    pictures = np.round(levels * 255).astype(np.uint8)
    pictures = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    with atomic_write(path, suffix=".gif") as temporary:
        iio.imwrite(temporary, pictures, duration=1000 / frames_per_second, loop=0)
    return path
