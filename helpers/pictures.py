"""One picture, from a file or an array, upright and on white, as a trained network wants it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .course import from_root
from .datasets import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
RANGES = ((0, 1), (-1, 1), (0, 255), (0, 65_535))  # the first that fits is taken


def read_picture(path: Path) -> Image.Image:
    """Read a whole picture file, as it is. DataError: it is damaged, or none of `FORMATS`."""
    try:
        picture = Image.open(path, formats=FORMATS)
        picture.load()
        return picture
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        seen = f"'{path.parent.name}/{path.name}' cannot be read: {error}"
        raise DataError(f"{seen}. Save it again, as {', '.join(FORMATS)}.") from None


def flatten(picture: Image.Image, invert: bool = False) -> Image.Image:
    """Return a picture upright, RGB, on white; `invert` turns dark and light of what is drawn."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # 16 or 32 bits, which Pillow would cut off at 255
        picture = from_array(picture)
    sheet = Image.new("RGBA", picture.size, "black" if invert else "white")
    sheet.alpha_composite(picture.convert("RGBA"))
    return ImageOps.invert(sheet.convert("RGB")) if invert else sheet.convert("RGB")


def from_array(values: Any) -> Image.Image:
    """Return an array as a picture of 8 bits. ValueError: its values have no usual range."""
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    for first, last in RANGES:
        if first - 0.1 < low and high < last + 0.1:  # what was resized may go a little too far
            shares = (values.clip(first, last) - first) / (last - first)
            return Image.fromarray(np.uint8(np.round(255 * shares)))
    raise ValueError(f"values are {low:.4g} to {high:.4g}, none of 0..1, -1..1 and 0..255")


def open_picture(picture: Any, network: Any, invert: bool = False) -> np.ndarray:
    """Return any single picture as a trained network wants it, and print what was done to it.

    The picture is a file (a relative path starts at the root), a PIL image, or an array (H, W) or
    (H, W, 1 to 4), or a batch of one, of 0..1, -1..1 or 0..255. It keeps its proportion, with white
    around it. Dark and light change places with `invert`. Returned is float32 (1, height, width, C)
    of -1..1. ValueError: a network or array of another form. DataError: no file, or a damaged one.
    """
    shape = network.input_shape
    if len(shape) != 4 or None in shape[1:] or shape[3] not in (1, 3):
        raise ValueError(f"The network takes {shape}. Needed is (None, height, width, 1 or 3).")
    height, width, channels = shape[1:]
    name = type(picture).__name__
    if isinstance(picture, str | os.PathLike):
        name, picture = Path(picture).name, read_picture(from_root(picture))
    elif not isinstance(picture, Image.Image):
        values = np.asarray(picture, float).squeeze()
        if values.ndim < 2 or values.shape[2:] not in ((), (2,), (3,), (4,)):
            seen = f"The array's shape is {np.shape(picture)}"
            raise ValueError(f"{seen}. Needed is one picture: (H, W) or (H, W, 1 to 4).")
        name += f" of {values.min():.4g} to {values.max():.4g}"
        picture = from_array(values)
    flat = flatten(picture, invert).convert("L" if channels == 1 else "RGB")
    sheet = ImageOps.pad(flat, (width, height), color="white")
    result = np.asarray(sheet, np.float32).reshape(1, height, width, channels) / 127.5 - 1
    steps = {
        "turned upright": picture.getexif().get(ExifTags.Base.Orientation, 1) != 1,
        "made white where it was transparent": picture.has_transparency_data,
        "inverted": invert,
        "made grey": picture.mode not in ("1", "L", "LA") and channels == 1,
        f"resized to {width} x {height}": flat.size != (width, height),
        "padded with white": flat.width * height != flat.height * width,
    }
    done = ", ".join(step for step, needed in steps.items() if needed) or "nothing to do"
    text = f"Picture ({name}, {picture.width} x {picture.height}, {picture.mode}): {done}."
    text += f" Now {result.shape}, values {result.min():.2f} to {result.max():.2f}."
    if result.min() == result.max() or np.median(result) < -0.5:
        text += f" It is dark or empty: for dark lines on white, give invert={not invert}."
    print(text)
    return result
