"""One picture, from a file or an array, as bytes and as a trained network wants it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .course import from_root
from .datasets import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
RANGES = ((0, 1), (-1, 1), (0, 255), (0, 65_535))  # the first that fits is taken


def as_bytes(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Return an array as uint8 0..255, and the range that it was taken for. ValueError: none."""
    low, high = float(values.min()), float(values.max())
    # A float of 1.02 is no dark grey but one that went too far, and none are 16 bits.
    allowed = RANGES if values.dtype.kind in "iu" else RANGES[: 2 + (high > 8)]
    fitting = [pair for pair in allowed if pair[0] - 1e-3 <= low and high <= pair[1] + 1e-3]
    if not fitting:
        raise ValueError(f"values are {low:.4g} to {high:.4g}, none of 0..1, -1..1 and 0..255")
    first, last = fitting[0]
    shares = (values.astype(np.float64) - first) / (last - first)
    return np.uint8(np.round(shares * 255)), f"{first}..{last}"


def flatten(picture: Image.Image, invert: bool = False) -> Image.Image:
    """Return a picture upright, RGB with 8 bits; white where it was transparent.

    `invert` turns dark and light, before that. ValueError: 16 or 32 bits of no usual range.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits, which Pillow would cut off at 255
        picture = Image.fromarray(as_bytes(np.asarray(picture))[0])
    colours = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if invert:
        inverted = ImageOps.invert(colours.convert("RGB"))
        colours = Image.merge(colours.mode, [*inverted.split(), *colours.split()[3:]])
    if colours.mode == "RGBA":
        colours = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    return colours.convert("RGB")


def resampling(picture: Image.Image, width: int, height: int) -> Image.Resampling:
    """Return how to resize: shrunk pixels are means, and lines stay sharp; others are smooth."""
    shrinks = width <= picture.width and height <= picture.height
    return Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC


def open_picture(
    picture: str | os.PathLike | Image.Image | np.ndarray,
    network: Any,
    invert: bool = False,
    squeeze: bool = False,
) -> np.ndarray:
    """Return any single picture as a trained network wants it, and print what was done to it.

    The picture is a file (a relative path starts at the project's root), a PIL image, or an array
    (H, W) or (H, W, 1 to 4), with or without a batch axis, with values 0..1, -1..1 or 0..255. Size
    and channels become those of `network.input_shape`. What is transparent becomes white. Another
    proportion is kept, on a white sheet; or with `squeeze` given up, as `load_pairs` does. Dark and
    light change places with `invert`: that is never guessed, but a dark border is told.

    Returned is float32 (1, height, width, C), -1..1. ValueError: a network or an array of another
    form. FileNotFoundError: no such file. DataError: it is damaged, or no picture.
    """
    height, width, channels = _shape_of_input(network)
    name, done = type(picture).__name__, []
    if isinstance(picture, str | os.PathLike):
        name, picture = Path(picture).name, _read(from_root(picture))
    elif not isinstance(picture, Image.Image):
        picture = _from_array(np.asarray(picture), done)
    facts = f"{name}, {picture.width} x {picture.height}, {picture.mode}"
    if picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        done.append("turned upright")
    if picture.has_transparency_data and picture.convert("RGBA").getextrema()[3][0] < 255:
        done.append("made white where it was transparent")
    if invert:
        done.append("inverted")
    if channels == 1 and picture.mode not in ("1", "L", "LA"):
        done.append("made grey")
    sheet = flatten(picture, invert).convert("L" if channels == 1 else "RGB")
    method = resampling(sheet, width, height)
    border = np.concatenate([np.rot90(sheet, turn)[0] for turn in range(4)])
    if not squeeze and sheet.width * height != sheet.height * width:
        done.append(f"padded with white to {width} x {height} (squeeze=True fills it instead)")
        sheet = ImageOps.pad(sheet, (width, height), method, "white")
    elif sheet.size != (width, height):
        done.append(f"resized to {width} x {height}")
        sheet = sheet.resize((width, height), method)
    result = np.asarray(sheet, np.float32).reshape(1, height, width, channels) / 127.5 - 1
    steps, ends = ", ".join(done) or "nothing to do", f"{result.min():.2f} to {result.max():.2f}"
    print(f"Picture ({facts}): {steps}. Now {result.shape}, values {ends}.")
    if result.min() == result.max():
        print(f"NOTICE: it is empty. For lines on a transparent ground, give invert={not invert}.")
    elif np.median(border) < 64:
        print(f"NOTICE: its border is dark. For dark lines on white, give invert={not invert}.")
    return result


def _shape_of_input(network: Any) -> tuple[int, int, int]:
    shape = getattr(network, "input_shape", None)
    if isinstance(shape, tuple) and len(shape) == 4 and shape[3] in (1, 3) and all(shape[1:]):
        return shape[1:]
    wanted = "(None, height, width, 1 or 3): give a network that makes pictures of pictures"
    raise ValueError(f"The network's input_shape is {shape}. Needed is {wanted}.")


def _read(path: Path) -> Image.Image:
    """Read a whole picture file."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'. A relative path starts at the root.")
    try:
        picture = Image.open(path, formats=FORMATS)
        picture.load()
        return picture
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        remedy = f"Save it again, as {', '.join(FORMATS)}."
        raise DataError(f"'{path.name}' cannot be read: {error}. {remedy}") from None


def _from_array(array: np.ndarray, done: list[str]) -> Image.Image:
    """Return an array as a picture, and add to `done` what had to be assumed for it."""
    values = array[0] if array.ndim == 4 and len(array) == 1 else array
    values = values[..., np.newaxis] if values.ndim == 2 else values
    if values.ndim == 3 and len(values) in (1, 3, 4) and values.shape[2] > 4:
        values = np.moveaxis(values, 0, 2)
        done.append("channels moved to the end")
    if values.ndim != 3 or values.shape[2] > 4 or not values.size:
        wanted = "one picture: (height, width) or (height, width, 1 to 4)"
        raise ValueError(f"The array's shape is {array.shape}. Needed is {wanted}.")
    values, span = as_bytes(values)
    done.append(f"values taken as {span}")
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
