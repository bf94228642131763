"""A line sketch of a garment, and the garment sewn and coloured, at any size.

The hatching in the sketch is a cue: it tells the cloth, and so the family of colours and the
texture. What the sketch does not tell is the exact shade, the folds and the grain of the cloth:
this the picture invents.
"""

import colorsys
import dataclasses

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, zoom
from skimage.draw import polygon2mask

from tools.data.garments import DESIGNS, design, line_mask

OVERSAMPLING = 3  # painted 3 x 3 times larger, then averaged: soft edges
PERIOD = 0.067  # of the hatching, in shares of the side
INK, PENCIL = 0.0, 0.45  # greys of outlines and of hatching
LEAST_ROOM = 0.045  # share of the picture that the hatching needs
CREAM = np.array([0.93, 0.90, 0.82])


@dataclasses.dataclass(frozen=True)
class Cloth:
    """A family of cloth.

    Attributes:
        hatching: "none", "horizontal", "vertical", "diagonal", "crossed" or "dots".
        hue: its place on the colour circle, 0 to 1.
        saturation, lightness: 0 to 1.
        texture: "plain", "knit", "ribs", "twill", "tweed" or "flowers".
    """

    hatching: str
    hue: float
    saturation: float
    lightness: float
    texture: str


CLOTHS = {
    "cotton": Cloth("none", 0.99, 0.62, 0.52, "plain"),  # red
    "wool": Cloth("horizontal", 0.12, 0.72, 0.55, "knit"),  # yellow
    "corduroy": Cloth("vertical", 0.36, 0.42, 0.38, "ribs"),  # green
    "denim": Cloth("diagonal", 0.60, 0.55, 0.42, "twill"),  # blue
    "tweed": Cloth("crossed", 0.07, 0.32, 0.42, "tweed"),  # brown
    "summer cloth": Cloth("dots", 0.84, 0.45, 0.62, "flowers"),  # pink and violet
}


def garment(number, side=64, seed=2026):
    """Return (sketch, picture) of a garment on white, each uint8 (side, side, 3).

    Its class is the number's last digit (as in Fashion-MNIST); its cloth is drawn with the number.
    """
    rng = np.random.default_rng((seed, number))
    cloth = list(CLOTHS.values())[rng.integers(len(CLOTHS))]
    parts = design(number % len(DESIGNS), rng)
    pixels = side * OVERSAMPLING
    rows, columns = (np.mgrid[0:pixels, 0:pixels] + 0.5) / pixels
    masks = [part_mask(part, *placed(parts, part), columns, rows) for part in parts]
    order = np.full((pixels, pixels), -1)
    for number_of_part, mask in enumerate(masks):
        order[mask] = number_of_part
    base = parts[np.bincount(order[order >= 0], minlength=len(parts)).argmax()]
    sewn = np.isin(order, [k for k, part in enumerate(parts) if of_cloth(part, base)])
    if room_for_hatching(sewn).mean() < LEAST_ROOM:
        cloth = CLOTHS["cotton"]  # without room for a cue, it is the cloth that needs none
    return sketched(order, sewn, cloth, columns, rows, side), coloured(
        parts, base, order, masks, cloth, rng, columns, rows, side
    )


def placed(parts, part):
    """Return a part's points and width in shares of the side; the garment fills the picture."""
    reach = [
        np.column_stack([p.points - (p.width or 0) / 2, p.points + (p.width or 0) / 2])
        for p in parts
    ]
    corners = np.vstack(reach)
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    scale = 0.9 / (high - low).max()
    return (part.points - (low + high) / 2) * scale + 0.5, part.width and max(
        part.width * scale, 0.012
    )


def part_mask(part, points, width, columns, rows):
    if width is not None:
        return line_mask(points, width, columns, rows)
    return polygon2mask(columns.shape, points[:, ::-1] * len(columns) - 0.5)


def of_cloth(part, base):
    """Tell whether a part is of the garment's cloth: its fabric, or filled and nearly its tone."""
    return part is base or (
        part.width is None
        and part.tone > 0.6 * base.tone
        and (part.fabric is base.fabric or abs(part.tone - base.tone) < 0.15)
    )


def room_for_hatching(sewn):
    return distance_transform_edt(sewn) > 0.023 * len(sewn)


def sketched(order, sewn, cloth, columns, rows, side):
    """Draw the borders between parts as lines, and the hatching on the cloth."""
    pixels, sheet = len(order), np.ones(order.shape)
    sheet[room_for_hatching(sewn) & hatched(cloth.hatching, columns, rows, 1 / side)] = PENCIL
    border = np.zeros(order.shape, bool)
    border[:, 1:] |= order[:, 1:] != order[:, :-1]
    border[1:] |= order[1:] != order[:-1]
    sheet[binary_dilation(border, np.ones((OVERSAMPLING, OVERSAMPLING)))] = INK
    sheet = sheet.reshape(side, pixels // side, side, pixels // side).mean(axis=(1, 3))
    return np.repeat(np.round(sheet * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def hatched(kind, x, y, pixel):
    """Return where the pencil draws."""
    thin = max(pixel, 0.012)

    def lines(v):
        return v % PERIOD < thin

    return {
        "none": lambda: np.zeros(x.shape, bool),
        "horizontal": lambda: lines(y),
        "vertical": lambda: lines(x),
        "diagonal": lambda: lines((x + y) / 2**0.5),
        "crossed": lambda: lines((x + y) / 2**0.5) | lines((x - y) / 2**0.5),
        "dots": lambda: np.hypot(x % PERIOD - PERIOD / 2, y % PERIOD - PERIOD / 2) < 1.3 * thin,
    }[kind]()


def coloured(parts, base, order, masks, cloth, rng, columns, rows, side):
    """Paint the parts from back to front: colour, texture, folds, dark edges, grain."""
    pixels = len(order)
    hue = (cloth.hue + rng.normal(0, 0.012)) % 1
    shade = np.array(
        colorsys.hls_to_rgb(hue, cloth.lightness + rng.normal(0, 0.035), cloth.saturation)
    )
    folds = zoom(
        rng.normal(0, 1, (5, 9)), (pixels / 5, pixels / 9), order=3, mode="reflect", grid_mode=True
    )
    grain = rng.normal(0, 1, (side, side)).repeat(OVERSAMPLING, 0).repeat(OVERSAMPLING, 1)
    texture = textured(cloth.texture, columns, rows, rng)
    sheet = np.ones((pixels, pixels, 3))
    for number, (part, mask) in enumerate(zip(parts, masks)):
        colour, cut = colour_of(part, base, shade), np.ones(mask.shape)
        if of_cloth(part, base):
            cut = texture * (1 + 0.045 * grain)
        if part.width is None:
            depth = distance_transform_edt(mask) / OVERSAMPLING * 64 / side
            cut = (
                cut
                * (1 - 0.35 * part.relief * np.exp(-depth / 1.2))
                * (1 + 0.14 * part.relief * folds)
            )
        visible = order == number
        sheet[visible] = np.clip(colour * cut[..., np.newaxis], 0, 1)[visible]
    picture = sheet.reshape(side, OVERSAMPLING, side, OVERSAMPLING, 3).mean(axis=(1, 3))
    return np.round(picture * 255).astype(np.uint8)


def colour_of(part, base, shade):
    """Return a part's colour: the cloth's shade times its grey, or cream for buttons and soles."""
    share = part.tone / base.tone
    if share > 1.2 or (part.tone > 0.85 and share > 1.05):
        return CREAM
    return shade * np.clip(share, 0.3, 1.0)


def textured(kind, x, y, rng):
    """Return factors near 1 for a cloth's surface, with grains and flowers at random places."""
    phase, cells = rng.uniform(0, 1, 2), rng.uniform(0, 1, (96, 96))

    def speckles(scale):
        return cells[np.floor(y / scale).astype(int) % 96, np.floor(x / scale).astype(int) % 96]

    def dots(scale, share):
        near = np.hypot(x / scale % 1 - 0.5, y / scale % 1 - 0.5) < 0.5
        return near & (speckles(scale) > 1 - share)

    def wave(v, period):
        return np.sin(2 * np.pi * (v / period + phase[0]))

    return {
        "plain": lambda: 1 + 0.05 * (speckles(0.02) - 0.5),
        "knit": lambda: 1 + 0.10 * wave(y, 0.055) + 0.16 * (speckles(0.028) - 0.5),
        "ribs": lambda: 1 + 0.22 * wave(x, 0.05) + 0.08 * (speckles(0.02) - 0.5),
        "twill": lambda: 1 + 0.10 * wave(x + y, 0.06) + 0.24 * (speckles(0.02) - 0.5),
        "tweed": lambda: 1 + 0.5 * (speckles(0.024) - 0.5) + 0.5 * (speckles(0.03) > 0.9),
        "flowers": lambda: 0.97 + 0.75 * dots(0.062, 0.25) - 0.35 * dots(0.036, 0.1),
    }[kind]()
