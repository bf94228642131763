"""A segmentation map and a picture of the same street, drawn at any size.

The map uses the colours of Cityscapes (Cordts et al. 2016, arXiv:1604.01685). It says what is
where. It does not say what light there is, which colour a house or a car has, and where the windows
are: this the picture invents. Lengths are shares of the picture's side; y points down.
"""

import itertools

import numpy as np
from scipy.ndimage import zoom
from skimage.draw import polygon2mask

CLASSES = {
    "road": (128, 64, 128),
    "pavement": (244, 35, 232),
    "building": (70, 70, 70),
    "tree": (107, 142, 35),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "car": (0, 0, 142),
}
NAMES = tuple(CLASSES)
OVERSAMPLING = 3  # painted 3 x 3 times larger: the picture is averaged, the map takes the middle
WALLS = np.array(
    [
        (0.62, 0.36, 0.29),
        (0.78, 0.70, 0.56),
        (0.55, 0.54, 0.53),
        (0.70, 0.56, 0.38),
        (0.48, 0.52, 0.58),
        (0.80, 0.77, 0.73),
    ]
)
PAINTS = np.array(
    [
        (0.72, 0.12, 0.12),
        (0.12, 0.25, 0.55),
        (0.88, 0.88, 0.88),
        (0.14, 0.14, 0.16),
        (0.55, 0.58, 0.62),
        (0.85, 0.65, 0.15),
        (0.15, 0.4, 0.3),
    ]
)
SKINS = np.array([(0.93, 0.76, 0.65), (0.75, 0.56, 0.42), (0.45, 0.31, 0.22)])


class Canvas:
    """A picture and its map, painted from back to front."""

    def __init__(self, side, rng):
        self.pixels = side * OVERSAMPLING
        self.y, self.x = (np.mgrid[0 : self.pixels, 0 : self.pixels] + 0.5) / self.pixels
        self.picture, self.labels = (
            np.zeros((self.pixels, self.pixels, 3)),
            np.zeros((self.pixels, self.pixels), np.uint8),
        )
        self.fine = rng.normal(0, 1, (side, side)).repeat(OVERSAMPLING, 0).repeat(OVERSAMPLING, 1)
        self.soft = self.clouds(rng, 6)

    def clouds(self, rng, cells):
        """Return smooth noise with about `cells` hills across the picture."""
        coarse = zoom(
            rng.normal(0, 1, (cells, cells)),
            -(-self.pixels // cells),
            order=3,
            mode="reflect",
            grid_mode=True,
        )
        return coarse[: self.pixels, : self.pixels]

    def shape(self, points):
        return polygon2mask(
            (self.pixels, self.pixels), np.asarray(points, float)[:, ::-1] * self.pixels - 0.5
        )

    def ellipse(self, x, y, wide, high):
        return ((self.x - x) / wide) ** 2 + ((self.y - y) / high) ** 2 <= 1

    def paint(self, mask, name, colour, fine=0.0, soft=0.0):
        """Give the mask's pixels a class and a colour, (3,) or (pixels, pixels, 3), with noise."""
        colour = np.asarray(colour, float)
        noise = 1 + fine * self.fine[mask] + soft * self.soft[mask]
        self.picture[mask] = (colour[mask] if colour.ndim == 3 else colour) * noise[:, np.newaxis]
        self.labels[mask] = NAMES.index(name)


def street(number, side=64, seed=2026):
    """Return (map, picture) of the street with this number, each uint8 (side, side, 3)."""
    rng = np.random.default_rng((seed, number))
    canvas = Canvas(side, rng)
    far_x, far_y = rng.uniform(0.38, 0.62), rng.uniform(0.36, 0.5)  # where the street's lines meet
    left, right = (
        far_x - rng.uniform(0.45, 0.7),
        far_x + rng.uniform(0.45, 0.7),
    )  # of the road, at the lower edge
    light, warmth = rng.uniform(0.6, 1.1), rng.uniform(-1, 1)
    paint_sky(canvas, rng, far_y, warmth)
    walks = rng.uniform(0.18, 0.42, 2)

    def at(x, depth):
        """Return a point on the line from (x, 1), depth 0, to the far point, depth 1."""
        return far_x + (x - far_x) * (1 - depth), far_y + (1 - far_y) * (1 - depth)

    paint_ground(canvas, rng, at, left, right, walks)
    sides = [(left - walks[0], -1), (right + walks[1], 1)]
    for edge, outward in sides:
        paint_buildings(canvas, rng, at, edge, outward)
    things = []
    for edge, outward in sides:
        curb = edge - outward * walks[int(outward > 0)]
        places = np.linspace(0.05, 0.8, 8) + rng.uniform(-0.04, 0.04, 8)
        things += [
            (depth, paint_tree, edge + (curb - edge) * rng.uniform(0.3, 0.8))
            for depth in places
            if rng.random() < 0.22
        ]
        things += [
            (rng.uniform(0.1, 0.7), paint_person, rng.uniform(*sorted((edge, curb))))
            for _ in range(rng.poisson(1.6))
        ]
    middle = (left + right) / 2
    for lane in (left * 0.55 + middle * 0.45, right * 0.55 + middle * 0.45):
        things += [
            (depth, paint_car, lane) for depth in rng.uniform(0.15, 0.78, rng.integers(0, 3))
        ]
    if rng.random() < 0.3:  # somebody crosses
        things.append(
            (
                rng.uniform(0.2, 0.55),
                paint_person,
                rng.uniform(left * 0.6 + middle * 0.4, right * 0.6 + middle * 0.4),
            )
        )
    for depth, paint, x in sorted(things, key=lambda thing: -thing[0]):
        x, y = at(x, depth)
        paint(canvas, rng, x, y, 1 - depth)
    tint = np.array([1 + 0.10 * warmth, 1.0, 1 - 0.12 * warmth])
    haze = np.clip(1 - np.abs(canvas.y - far_y) * 4, 0, 1)[..., np.newaxis] * rng.uniform(0, 0.35)
    picture = (
        canvas.picture * light * tint * (1 - haze) + haze * np.array([0.75, 0.77, 0.8]) * light
    )
    picture = picture.reshape(side, OVERSAMPLING, side, OVERSAMPLING, 3).mean(axis=(1, 3))
    middle = slice(OVERSAMPLING // 2, None, OVERSAMPLING)
    return np.array(list(CLASSES.values()), np.uint8)[canvas.labels[middle, middle]], np.round(
        np.clip(picture, 0, 1) * 255
    ).astype(np.uint8)


def paint_sky(canvas, rng, far_y, warmth):
    high, low = (
        np.array([0.35, 0.55, 0.85]),
        np.array([0.80, 0.86, 0.92]) + warmth * np.array([0.1, 0.0, -0.15]),
    )
    grey = rng.uniform(0, 0.8)
    share = np.clip(canvas.y / far_y, 0, 1)[..., np.newaxis]
    clouds = np.clip(0.5 + 0.5 * canvas.clouds(rng, 8), 0, 1)[..., np.newaxis] * rng.uniform(
        0, 0.45
    )
    colour = (high * (1 - share) + low * share) * (1 - grey) + grey * np.array([0.66, 0.68, 0.7])
    canvas.paint(
        np.ones(canvas.labels.shape, bool), "sky", colour * (1 - clouds) + clouds * 0.95, fine=0.006
    )


def paint_ground(canvas, rng, at, left, right, walks):
    """Paint pavements and road; beyond the pavements there are buildings."""
    tone = rng.uniform(0.45, 0.62)
    ground = canvas.y > at(0, 1)[1]
    canvas.paint(ground, "pavement", tone * np.array([1.0, 0.98, 0.95]), fine=0.05, soft=0.04)
    far_x, far_y = at(0, 1)
    depth = 1 - (canvas.y - far_y) / (1 - far_y)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = 1 / np.maximum(1 - depth, 0.02)  # distance from the eye: the lower edge is 1
        across = (
            far_x + (canvas.x - far_x) * away
        )  # the same point, moved along the street to the lower edge
    seams = ((away * 3 + rng.uniform()) % 1 < 0.12) | ((across * 9) % 1 < 0.09)
    canvas.paint(ground & seams & (away < 6), "pavement", tone * 0.8 * np.ones(3), fine=0.05)
    road = canvas.shape([(left, 1), (right, 1), (far_x, far_y)])
    asphalt = rng.uniform(0.25, 0.48)
    canvas.paint(road, "road", asphalt * np.array([0.98, 1.0, 1.03]), fine=0.09, soft=0.05)
    middle = (left + right) / 2
    dashes = (np.abs(across - middle) < 0.018) & ((away * 1.3 + rng.uniform()) % 1 < 0.55)
    curbs = (np.abs(across - left - 0.02) < 0.012) | (np.abs(across - right + 0.02) < 0.012)
    canvas.paint(
        road & (dashes | (curbs & (rng.random() < 0.7))),
        "road",
        np.array([0.85, 0.84, 0.8]),
        fine=0.04,
    )


def paint_buildings(canvas, rng, at, edge, outward):
    """Paint a row of houses, the farthest first; outward is -1 on the left, 1 on the right."""
    corners = [0.0]
    while corners[-1] < 0.9:
        corners.append(corners[-1] + (1 - corners[-1]) * rng.uniform(0.2, 0.42))
    for near, far in reversed(list(itertools.pairwise(corners))):
        if rng.random() < 0.1:
            continue  # a gap
        near = near - 0.9 if near == 0 else near  # the first house goes on behind the eye
        (x0, y0), (x1, y1) = at(edge, near), at(edge, far)
        high = rng.uniform(0.45, 1.1)
        tops = [y - high * (1 - depth) for y, depth in ((y0, near), (y1, far))]
        front = canvas.shape([(x0, y0), (x1, y1), (x1, tops[1]), (x0, tops[0])])
        wall = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.7, 1.1)
        if rng.random() < 0.75:  # the wall across, seen behind the lower neighbour
            behind = canvas.shape(
                [(x1, y1), (x1 + outward, y1), (x1 + outward, tops[1]), (x1, tops[1])]
            )
            canvas.paint(behind, "building", wall * 0.8, fine=0.04)
        far_x, far_y = at(0, 1)
        scale = np.maximum(
            np.abs((canvas.x - far_x) / (edge - far_x)), 1e-3
        )  # 1 at the lower edge, 0 at the far point
        along, up = (
            1 / scale,
            (far_y + (1 - far_y) * scale - canvas.y) / scale,
        )  # on the wall: distance from the eye, height
        canvas.paint(front, "building", wall * (0.85 if outward > 0 else 1.0), fine=0.05, soft=0.03)
        floor, wide = rng.uniform(0.15, 0.22), rng.uniform(0.16, 0.3)
        windows = (
            ((up / floor) % 1 > 0.38)
            & ((up / floor) % 1 < 0.85)
            & ((along / wide) % 1 > 0.4)
            & (up > 0.1)
            & (up < high - 0.05)
        )
        glass = rng.choice([0.18, 0.25, 0.55]) * np.array([0.9, 1.0, 1.12])
        canvas.paint(front & windows & (along < 5), "building", glass, fine=0.12)
        canvas.paint(front & (np.abs(up - high) < 0.025), "building", wall * 0.6, fine=0.03)
        if rng.random() < 0.5:  # shops
            canvas.paint(
                front & (up < 0.11) & (up > 0.02) & ((along / wide / 1.5) % 1 > 0.25),
                "building",
                rng.uniform(0.1, 0.5, 3),
                fine=0.1,
            )


def paint_tree(canvas, rng, x, y, scale):
    high, leaf = (
        rng.uniform(0.55, 0.85) * scale,
        np.array([0.26, 0.42, 0.16]) + rng.uniform(-0.08, 0.12) * np.array([1.2, 0.4, 0]),
    )
    trunk = (np.abs(canvas.x - x) < 0.018 * scale) & (canvas.y < y) & (canvas.y > y - high * 0.6)
    canvas.paint(trunk, "tree", np.array([0.28, 0.2, 0.14]), fine=0.1)
    crown = np.zeros(trunk.shape, bool)
    for _ in range(6):
        across, up = rng.normal(0, 0.09) * scale, y - high * rng.uniform(0.6, 0.95)
        crown |= canvas.ellipse(x + across, up, 0.13 * scale, 0.12 * scale)
    sunny = np.clip((y - canvas.y) / high - 0.3, 0, 1)[..., np.newaxis]
    canvas.paint(crown, "tree", leaf * (0.6 + 0.7 * sunny), fine=0.28, soft=0.08)


def paint_person(canvas, rng, x, y, scale):
    high = rng.uniform(0.34, 0.4) * scale
    coat, legs = rng.uniform(0.1, 0.9, 3), rng.uniform(0.08, 0.4) * np.array([0.9, 0.95, 1.1])
    for step in (-1, 1):
        canvas.paint(
            canvas.shape(
                [
                    (x - 0.04 * high, y - 0.5 * high),
                    (x + 0.06 * high, y - 0.5 * high),
                    (x + (0.1 * step + 0.05) * high, y),
                    (x + (0.1 * step - 0.05) * high, y),
                ]
            ),
            "person",
            legs,
        )
    canvas.paint(
        canvas.ellipse(x, y - 0.64 * high, 0.15 * high, 0.24 * high), "person", coat, fine=0.05
    )
    canvas.paint(
        canvas.ellipse(x, y - 0.92 * high, 0.075 * high, 0.09 * high),
        "person",
        SKINS[rng.integers(3)],
    )


def paint_car(canvas, rng, x, y, scale):
    """Paint a car from behind."""
    wide, high, paint = (
        0.19 * scale,
        rng.uniform(0.24, 0.3) * scale,
        PAINTS[rng.integers(len(PAINTS))] * rng.uniform(0.8, 1.1),
    )
    shadow = canvas.ellipse(x, y, wide * 1.15, 0.05 * high) & (canvas.labels == NAMES.index("road"))
    canvas.picture[shadow] *= 0.5
    for side in (-1, 1):
        wheel = (
            (np.abs(canvas.x - x - side * wide * 0.72) < 0.17 * wide)
            & (canvas.y < y)
            & (canvas.y > y - 0.3 * high)
        )
        canvas.paint(wheel, "car", np.full(3, 0.06))
    body = (
        (np.abs(canvas.x - x) < wide) & (canvas.y < y - 0.12 * high) & (canvas.y > y - 0.62 * high)
    )
    cabin = canvas.shape(
        [
            (x - wide * 0.92, y - 0.6 * high),
            (x + wide * 0.92, y - 0.6 * high),
            (x + wide * 0.68, y - high),
            (x - wide * 0.68, y - high),
        ]
    )
    shine = 1.15 - 0.5 * np.clip((canvas.y - y + high) / high, 0, 1)[..., np.newaxis]
    canvas.paint(body | cabin, "car", paint * shine, fine=0.02)
    glass = canvas.shape(
        [
            (x - wide * 0.75, y - 0.64 * high),
            (x + wide * 0.75, y - 0.64 * high),
            (x + wide * 0.58, y - 0.93 * high),
            (x - wide * 0.58, y - 0.93 * high),
        ]
    )
    canvas.paint(glass, "car", np.array([0.16, 0.19, 0.23]))
    lamps = (np.abs(np.abs(canvas.x - x) - wide * 0.82) < wide * 0.15) & (
        np.abs(canvas.y - y + 0.48 * high) < 0.07 * high
    )
    canvas.paint(lamps, "car", np.array([0.85, 0.1, 0.08]))
    canvas.paint(
        (np.abs(canvas.x - x) < wide * 0.3) & (np.abs(canvas.y - y + 0.32 * high) < 0.06 * high),
        "car",
        np.full(3, 0.85),
    )
