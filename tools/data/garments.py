"""Clothes as vector shapes, for the sketches: `design` makes one of a class from random numbers.

A garment is a list of parts: filled outlines and lines, back to front, in units of the garment's
own (y points down).
"""

import dataclasses
import itertools

import numpy as np
from skimage.measure import subdivide_polygon


@dataclasses.dataclass
class Part:
    """One layer of a garment.

    Attributes:
        points: (K, 2) x and y; a closed outline, or the corners of a line.
        tone: 0 black to 1 white.
        width: thickness of a line; None for a filled outline.
        fabric: the same object for all parts of one cloth, or None.
        relief: how dark the edges and folds are, 0 flat to 1.
    """

    points: np.ndarray
    tone: float
    width: float | None = None
    fabric: object = None
    relief: float = 0.5


# ---------------------------------------------------------------- shapes


def smooth(points, rounds=2):
    """Round a closed outline with a quadratic B-spline; a point given twice keeps its corner."""
    points = np.asarray(points, dtype=float)
    closed = np.vstack([points, points[:1]])
    for _ in range(rounds):
        closed = subdivide_polygon(closed, degree=2)
    return closed


def mirrored(half):
    """Close a right half (from the top middle to the bottom middle) with its mirror image."""
    half = np.asarray(half, dtype=float)
    return np.vstack([half, half[::-1] * (-1, 1)])


def arc(left, right, height, lean=0.0, steps=13):
    """Return a line from `left` to `right` that rises by `height`, as a handle or strap does."""
    t = np.linspace(0, 1, steps)[:, None]
    line = np.asarray(left) * (1 - t) + np.asarray(right) * t
    line[:, 1] -= height * np.sin(np.pi * t[:, 0]) ** 0.7
    line[:, 0] += lean * np.sin(np.pi * t[:, 0])
    return line


def both_sides(points):
    points = np.asarray(points, dtype=float)
    return [points, points * (-1, 1)]


# ---------------------------------------------------------------- fabrics


def make_fabric(rng, kinds):
    """Return a mark that tells which parts of a garment are of one cloth.

    Its pattern is not painted any more: a sketch's hatching chooses the cloth. The numbers that the
    pattern needed are still drawn, so that those after them stay as they were.
    """
    rng.choice(kinds)
    rng.uniform(size=4 + 24 * 24)
    return object()


def base_tone(rng, dark=0.25):
    """Draw the grey of a cloth: mostly light, in a share `dark` of the cases dark."""
    return rng.uniform(0.18, 0.45) if rng.random() < dark else rng.uniform(0.55, 0.98)


# ---------------------------------------------------------------- tops


def sleeve(rng, kind, shoulder, armpit, length):
    """Return the outline of the right sleeve: "cap", "short", "elbow" or "long"."""
    (sx, sy), (ax, ay) = shoulder, armpit
    if kind == "long":
        out = rng.uniform(0.08, 0.17)
        end, bend = length * rng.uniform(0.88, 1.0), rng.uniform(0.42, 0.55)
        cuff = rng.uniform(0.075, 0.1)
        return smooth(
            [
                (sx - 0.05, sy - 0.01),
                (sx - 0.05, sy - 0.01),
                (sx + 0.02, sy + 0.03),
                (sx + 0.75 * out, bend),
                (sx + out, end),
                (sx + out, end),
                (sx + out - cuff, end + 0.01),
                (sx + out - cuff, end + 0.01),
                (sx + 0.75 * out - 0.105, bend + 0.05),
                (ax - 0.015, ay),
                (ax - 0.015, ay),
            ]
        )
    reach, drop = {"cap": (0.06, 0.1), "short": (0.15, 0.24), "elbow": (0.16, 0.42)}[kind]
    reach, drop = reach * rng.uniform(0.8, 1.2), drop * rng.uniform(0.9, 1.15)
    inner = (max(ax + 0.015, sx + reach - 0.13), max(ay + 0.02, sy + drop + 0.05))
    return smooth(
        [
            (sx - 0.05, sy - 0.01),
            (sx - 0.05, sy - 0.01),
            (sx + 0.03, sy + 0.02),
            (sx + reach, sy + drop),
            (sx + reach, sy + drop),
            inner,
            inner,
            (ax - 0.015, ay),
            (ax - 0.015, ay),
        ]
    )


def top(
    rng,
    sleeves,
    fabric,
    *,
    shoulder,
    chest,
    waist,
    hem,
    neck,
    depth,
    length=1.0,
    waist_at=0.6,
    dark=0.25,
    wave=0.0,
):
    """Return the parts of a garment with body, neck and perhaps sleeves, and its cloth's tone.

    All widths are half widths. `neck` is the opening's half width and `depth` how low its front is.
    """
    tone = base_tone(rng, dark)
    slope, under = rng.uniform(0.03, 0.07), rng.uniform(0.24, 0.3)
    armpit = (chest, under if sleeves != "none" else rng.uniform(0.2, 0.28))
    middle = [(chest * 0.5 + waist * 0.5, (armpit[1] + waist_at) / 2), (waist, waist_at)]
    edge = [(hem, length), (hem, length), (hem * 0.5, length + wave), (0, length + wave)]
    if sleeves == "none":  # the armhole is cut out of the shoulder
        side = [
            (shoulder, slope),
            (shoulder, slope),
            (shoulder * 0.92, armpit[1] * 0.6),
            armpit,
            armpit,
        ]
    else:
        side = [(shoulder, slope), (shoulder, slope), armpit, armpit]
    back = mirrored([(0, 0.015), (neck, 0), (neck, 0), (neck, depth * 0.6), (0, depth)])
    front = [(0, depth), (neck * 0.75, depth * 0.75), (neck, 0), (neck, 0)]
    parts = (
        [Part(smooth(back), tone * rng.uniform(0.3, 0.6), relief=0.2)] if sleeves != "none" else []
    )
    if sleeves != "none":
        shade = tone * rng.uniform(0.85, 1.1)
        cut = sleeve(rng, sleeves, (shoulder, slope), armpit, length)
        plain = rng.random() < 0.25
        parts += [
            Part(side, min(shade, 1), fabric=None if plain else fabric, relief=0.8)
            for side in both_sides(cut)
        ]
    parts.append(
        Part(smooth(mirrored(front + side + middle + edge)), tone, fabric=fabric, relief=0.6)
    )
    if sleeves == "long":  # the dark gap between arm and body
        low = rng.uniform(0.7, 0.95) * length
        gap = [
            armpit,
            ((chest + waist) / 2 + 0.005, (armpit[1] + waist_at) / 2),
            (max(waist, hem * 0.95) + 0.008, low),
        ]
        parts += [
            Part(side, tone * rng.uniform(0.1, 0.4), width=rng.uniform(0.015, 0.03))
            for side in both_sides(gap)
        ]
    if rng.random() < 0.6:  # the hem's seam
        parts.append(
            Part(np.array([(-hem, length - 0.04), (hem, length - 0.04)]), tone * 0.7, width=0.012)
        )
    return parts, tone


def neck_line(rng, neck, depth, tone, factor):
    """Return a collar band around the neck's front."""
    half = np.array(
        [
            (-neck, 0),
            (-neck * 0.75, depth * 0.75),
            (0, depth),
            (neck * 0.75, depth * 0.75),
            (neck, 0),
        ]
    )
    return Part(half, min(tone * factor, 1), width=rng.uniform(0.025, 0.04))


def t_shirt(rng):
    sleeves = rng.choice(["short", "short", "short", "short", "cap", "none"])
    fabric = make_fabric(
        rng,
        [
            "plain",
            "plain",
            "plain",
            "melange",
            "stripes",
            "graphic",
            "graphic",
            "dots",
            "band",
            "flowers",
        ],
    )
    wide = rng.uniform(0.24, 0.31) if sleeves != "none" else rng.uniform(0.17, 0.23)
    neck, depth = rng.uniform(0.09, 0.14), rng.uniform(0.06, 0.16)
    chest = wide * rng.uniform(0.92, 1.0) + (0.05 if sleeves == "none" else 0)
    parts, tone = top(
        rng,
        sleeves,
        fabric,
        shoulder=wide,
        chest=chest,
        waist=chest * rng.uniform(0.9, 1.0),
        hem=chest * rng.uniform(0.95, 1.12),
        neck=neck,
        depth=depth,
        wave=rng.uniform(0, 0.03),
    )
    if rng.random() < 0.6:
        parts.append(neck_line(rng, neck, depth, tone, rng.choice([0.6, 1.25])))
    return parts


def pullover(rng):
    fabric = make_fabric(
        rng, ["plain", "plain", "melange", "knit", "knit", "stripes", "graphic", "yoke", "band"]
    )
    wide, neck, depth = rng.uniform(0.24, 0.29), rng.uniform(0.08, 0.13), rng.uniform(0.04, 0.12)
    hem = wide * rng.uniform(0.92, 1.05)
    parts, tone = top(
        rng,
        "long",
        fabric,
        shoulder=wide,
        chest=wide * 0.97,
        waist=wide * rng.uniform(0.92, 1.02),
        hem=hem,
        neck=neck,
        depth=depth,
    )
    band = rng.uniform(0.05, 0.08)
    parts.append(
        Part(
            mirrored([(0, 1 - band), (hem, 1 - band), (hem, 1.0), (0, 1.0)]),
            tone * rng.uniform(0.6, 0.9),
            relief=0.3,
        )
    )
    parts.append(neck_line(rng, neck, depth, tone, rng.choice([0.7, 1.2])))
    return parts


def coat(rng):
    fabric = make_fabric(rng, ["plain", "plain", "plain", "melange", "checks", "knit"])
    wide, neck = rng.uniform(0.22, 0.27), rng.uniform(0.07, 0.1)
    hem = wide * rng.uniform(0.98, 1.18)
    parts, tone = top(
        rng,
        "long",
        fabric,
        shoulder=wide,
        chest=wide,
        waist=wide * rng.uniform(0.9, 1.0),
        hem=hem,
        neck=neck,
        depth=rng.uniform(0.1, 0.2),
        dark=0.35,
    )
    line = tone * 0.35 if tone > 0.4 else tone + 0.4
    low = rng.uniform(0.16, 0.36)
    parts.append(
        Part(
            np.array([(0, low), (rng.uniform(-0.01, 0.01), 1.0)]),
            line,
            width=rng.uniform(0.015, 0.03),
        )
    )
    if rng.random() < 0.35:  # a hood behind the head
        hood = smooth(
            mirrored([(0, -0.12), (neck * 1.3, -0.1), (neck * 1.7, 0.02), (neck, 0.1), (0, 0.12)])
        )
        parts.insert(0, Part(hood, tone * 0.75, relief=0.8))
    else:  # lapels
        lapel = [(neck * 0.4, -0.02), (neck * 1.3, 0.0), (neck * 1.8, low * 0.6), (0.01, low)]
        parts += [Part(side, min(tone * 1.12, 1), relief=0.9) for side in both_sides(lapel)]
    if rng.random() < 0.6:
        for y in np.arange(low + 0.1, 0.85, rng.uniform(0.13, 0.2)):
            spot = np.array([(0.045, y), (0.05, y)])
            parts.append(Part(spot, line, width=0.035))
    if rng.random() < 0.7:
        height = rng.uniform(0.6, 0.72)
        pocket = [(wide * 0.4, height), (wide * 0.85, height - rng.uniform(0, 0.05))]
        parts += [Part(side, tone * 0.55, width=0.02) for side in both_sides(pocket)]
    if rng.random() < 0.25:
        parts.append(
            Part(np.array([(-hem * 0.95, 0.56), (hem * 0.95, 0.56)]), tone * 0.6, width=0.045)
        )
    return parts


def shirt(rng):
    sleeves = rng.choice(["long", "long", "short", "elbow"])
    fabric = make_fabric(
        rng, ["plain", "melange", "pinstripes", "checks", "checks", "flowers", "dots"]
    )
    wide, neck = rng.uniform(0.23, 0.28), rng.uniform(0.07, 0.1)
    depth = rng.uniform(0.06, 0.14)
    parts, tone = top(
        rng,
        sleeves,
        fabric,
        shoulder=wide,
        chest=wide * 0.98,
        waist=wide * rng.uniform(0.9, 0.98),
        hem=wide * rng.uniform(0.95, 1.05),
        neck=neck,
        depth=depth,
        wave=rng.uniform(0.02, 0.06),
    )
    line = tone * 0.6 if tone > 0.4 else tone + 0.3
    parts.append(Part(np.array([(0, depth), (0, 1.02)]), line, width=0.012))
    for y in np.arange(depth + 0.06, 0.95, rng.uniform(0.11, 0.16)):
        parts.append(Part(np.array([(0.0, y), (0.012, y)]), line * 0.5, width=0.025))
    wing = [(0.0, depth), (neck * 0.5, -0.03), (neck * 1.15, 0.0), (neck * 1.25, depth * 1.15)]
    parts += [Part(side, min(tone * 1.2, 1), relief=1.0) for side in both_sides(wing)]
    if rng.random() < 0.55:
        pocket = np.array(
            [(0.06, 0.3), (0.17, 0.3), (0.17, 0.42), (0.115, 0.45), (0.06, 0.42), (0.06, 0.3)]
        )
        parts.append(Part(pocket, tone * 0.65, width=0.012))
    return parts


def dress(rng):
    sleeves = rng.choice(["none", "none", "cap", "short", "elbow", "long"])
    fabric = make_fabric(
        rng,
        ["plain", "plain", "melange", "flowers", "flowers", "stripes", "checks", "dots", "band"],
    )
    wide = rng.uniform(0.12, 0.17)
    neck, depth = wide * rng.uniform(0.45, 0.65), rng.uniform(0.04, 0.12)
    waist_at, flare = (
        rng.uniform(0.32, 0.46),
        rng.choice([rng.uniform(0.9, 1.15), rng.uniform(1.3, 2.2)]),
    )
    chest = wide * rng.uniform(0.9, 1.0) + (0.015 if sleeves == "none" else 0)
    waist = wide * rng.uniform(0.7, 0.92)
    parts, tone = top(
        rng,
        sleeves,
        fabric,
        shoulder=wide,
        chest=chest,
        waist=waist,
        hem=wide * flare,
        neck=neck,
        depth=depth,
        waist_at=waist_at,
        dark=0.4,
        wave=rng.uniform(0, 0.02),
    )
    if rng.random() < 0.4:
        parts.append(
            Part(
                np.array([(-waist, waist_at), (waist, waist_at)]),
                tone * 0.45,
                width=rng.uniform(0.02, 0.045),
            )
        )
    if flare > 1.3:
        for share in rng.uniform(-0.7, 0.7, 4):
            fold = np.array([(share * waist, waist_at + 0.08), (share * wide * flare, 0.99)])
            parts.append(Part(fold, tone * 0.75, width=0.012))
    return parts


def trouser(rng):
    tone = base_tone(rng, 0.3)
    fabric = make_fabric(
        rng, ["plain", "plain", "plain", "melange", "pinstripes", "checks", "flowers"]
    )
    waist, hip, crotch = rng.uniform(0.13, 0.16), rng.uniform(0.16, 0.2), rng.uniform(0.27, 0.36)
    spread, ankle = rng.uniform(0.01, 0.1), rng.uniform(0.07, 0.13)
    inner, knee = spread * 0.5, rng.uniform(0.58, 0.66)
    length = 1.0 if rng.random() < 0.88 else rng.uniform(0.6, 0.75)
    leg = smooth(
        [
            (-0.004, 0),
            (-0.004, 0),
            (waist, 0),
            (waist, 0),
            (hip, crotch * 0.75),
            ((hip + inner + ankle) / 2 + 0.02, knee * length),
            (inner + ankle, length),
            (inner + ankle, length),
            (inner, length),
            (inner, length),
            (inner * 0.6 + 0.01, knee * length),
            (0.0, crotch),
            (0.0, crotch),
        ]
    )
    parts = [Part(side, tone, fabric=fabric, relief=0.8) for side in both_sides(leg)]
    seam = np.array([(0, 0), (0, crotch)])
    parts.append(Part(seam, tone * 0.6, width=0.014))
    parts.append(
        Part(np.array([(-waist, 0.02), (waist, 0.02)]), tone * rng.uniform(0.5, 0.8), width=0.035)
    )
    if rng.random() < 0.5:  # creases
        crease = [(hip * 0.5, crotch * 0.6), (inner + ankle / 2, length - 0.02)]
        parts += [Part(side, min(tone * 1.2, 1), width=0.018) for side in both_sides(crease)]
    if rng.random() < 0.5:  # pockets
        pocket = [(waist * 0.55, 0.05), (hip * 0.95, crotch * 0.45)]
        parts += [Part(side, tone * 0.6, width=0.014) for side in both_sides(pocket)]
    return parts


# ---------------------------------------------------------------- shoes (toe left, heel right)


def sneaker(rng):
    tone = base_tone(rng, 0.35)
    fabric = make_fabric(rng, ["plain", "plain", "plain", "melange", "checks"])
    high = rng.uniform(0.34, 0.44)
    collar, tongue, sole = rng.uniform(0.04, 0.12), rng.uniform(0.0, 0.06), rng.uniform(0.05, 0.085)
    toe = rng.uniform(0.55, 0.68) * high
    upper = smooth(
        [
            (0.01, high),
            (0.0, toe + 0.08),
            (0.08, toe),
            (0.3, toe - 0.1),
            (0.5, tongue + 0.04),
            (0.58, tongue),
            (0.63, tongue),
            (0.7, collar + 0.06),
            (0.86, collar + 0.02),
            (0.95, collar - 0.03),
            (0.98, collar),
            (0.96, high * 0.6),
            (0.98, high),
            (0.98, high),
        ]
    )
    parts = [Part(upper, tone, fabric=fabric, relief=0.7)]
    inside = smooth(
        [
            (0.6, tongue + 0.02),
            (0.7, collar + 0.05),
            (0.94, collar - 0.01),
            (0.8, collar + 0.09),
            (0.66, collar + 0.1),
        ]
    )
    parts.append(Part(inside, tone * 0.3, relief=0.1))
    if rng.random() < 0.55:  # a toe cap or a quarter in another tone
        other = min(1, tone * rng.choice([0.45, 0.6, 1.4]))
        quarter = [
            (0.62, high),
            (0.66, collar + 0.14),
            (0.8, collar + 0.12),
            (0.96, collar + 0.04),
            (0.97, high),
        ]
        cap = [
            (0.01, high),
            (0.0, toe + 0.06),
            (0.08, toe + 0.015),
            (0.2, toe - 0.02),
            (0.24, high),
        ]
        parts.append(Part(smooth(quarter if rng.random() < 0.6 else cap), other, relief=0.5))
    for share in np.linspace(0.15, 0.85, rng.integers(3, 6)):  # laces
        x, y = 0.3 + 0.25 * share, toe - 0.1 + (tongue + 0.14 - toe) * share
        parts.append(
            Part(
                np.array([(x, y + 0.015), (x + 0.07, y + 0.06)]),
                rng.choice([0.95, 0.25]),
                width=0.018,
            )
        )
    if rng.random() < 0.6:  # the side's stripe
        other = 0.95 if tone < 0.6 else rng.uniform(0.2, 0.5)
        if rng.random() < 0.5:
            swoosh = np.array(
                [(0.4, high * 0.72), (0.5, high * 0.85), (0.65, high * 0.72), (0.85, high * 0.45)]
            )
            parts.append(Part(swoosh, other, width=rng.uniform(0.02, 0.045)))
        else:
            for x in (0.5, 0.57, 0.64):
                parts.append(
                    Part(np.array([(x, high * 0.85), (x + 0.06, high * 0.5)]), other, width=0.022)
                )
    light = rng.random() < 0.7
    rim = smooth(
        [
            (0.0, high - 0.03),
            (0.0, high + sole),
            (0.0, high + sole),
            (0.99, high + sole),
            (0.99, high + sole),
            (1.0, high - 0.02),
            (0.5, high - 0.01),
        ]
    )
    parts.append(Part(rim, rng.uniform(0.8, 1.0) if light else rng.uniform(0.2, 0.4), relief=0.3))
    if light and rng.random() < 0.5:
        parts.append(Part(np.array([(0.01, high + sole), (0.98, high + sole)]), 0.35, width=0.02))
    return parts


def heel_parts(rng, kind, heel_high, ground, front, tone):
    """Return the heel below the back of a shoe: "block", "stiletto" or "wedge"."""
    top_y = ground - heel_high
    if kind == "wedge":
        shape = [
            (front, ground),
            (front, ground),
            (0.7, top_y + 0.02),
            (0.97, top_y),
            (0.97, top_y),
            (0.95, ground),
            (0.95, ground),
        ]
    elif kind == "stiletto":
        shape = [
            (0.8, top_y),
            (0.98, top_y),
            (0.98, top_y),
            (0.945, ground),
            (0.945, ground),
            (0.905, ground),
            (0.905, ground),
            (0.88, top_y + 0.1),
        ]
    else:
        back = rng.uniform(0.68, 0.76)
        shape = [
            (back, top_y),
            (back, top_y),
            (0.98, top_y),
            (0.98, top_y),
            (0.965, ground),
            (0.965, ground),
            (back + 0.03, ground),
            (back + 0.03, ground),
        ]
    return Part(smooth(shape), tone, relief=0.5)


def boot(rng):
    tone = base_tone(rng, 0.3)
    fabric = make_fabric(rng, ["plain", "plain", "plain", "melange"])
    heel = rng.choice(["flat", "block", "block", "stiletto"], p=[0.35, 0.2, 0.3, 0.15])
    lift = {"flat": 0.04, "block": rng.uniform(0.08, 0.2), "stiletto": rng.uniform(0.2, 0.3)}[heel]
    high = rng.uniform(0.62, 0.82)  # from the shaft's rim to the ball of the foot
    front, rim = rng.uniform(0.42, 0.5), rng.uniform(-0.02, 0.04)
    ankle, toe = high - rng.uniform(0.26, 0.34), high - rng.uniform(0.1, 0.15)
    back = high - lift
    upper = smooth(
        [
            (front, rim),
            (front, rim),
            (front + 0.02, ankle * 0.6),
            (front - 0.02, ankle),
            (0.26, toe - 0.09),
            (0.08, toe - 0.02),
            (0.0, high - 0.05),
            (0.01, high),
            (0.01, high),
            (0.35, high),
            (0.62, high - lift * 0.45),
            (0.8, back),
            (0.98, back),
            (0.98, back),
            (0.97, back - 0.12),
            (0.93, ankle * 0.7),
            (0.95, 0.0),
            (0.95, 0.0),
        ]
    )
    ground = high + 0.04
    dark = rng.uniform(0.15, 0.4)
    sole_tone = dark if rng.random() < 0.75 else min(1, tone * 1.2)
    parts = [Part(upper, tone, fabric=fabric, relief=0.9)]
    kind = "block" if heel == "flat" else heel
    parts.insert(
        0,
        heel_parts(
            rng,
            kind,
            lift + 0.05,
            ground + 0.005,
            0.3,
            sole_tone if heel != "stiletto" else tone * 0.8,
        ),
    )
    sole = np.array(
        [
            (0.01, high + 0.01),
            (0.35, high + 0.015),
            (0.62, high + 0.015 - lift * 0.45),
            (0.8, back + 0.015),
            (0.97, back + 0.015),
        ]
    )
    parts.append(Part(sole, sole_tone, width=rng.uniform(0.035, 0.06)))
    style = rng.choice(["laces", "chelsea", "zip", "strap", "plain"])
    line = tone * 0.4 if tone > 0.45 else min(1, tone + 0.4)
    if style == "laces":
        for share in np.linspace(0, 1, 5):
            x, y = front + 0.02 - 0.14 * max(0, share - 0.55), 0.06 + share * (ankle - 0.02)
            parts.append(Part(np.array([(x - 0.01, y), (x + 0.11, y + 0.03)]), line, width=0.02))
    elif style == "chelsea":
        gore = smooth(
            [
                (0.6, rim + 0.01),
                (0.6, rim + 0.01),
                (0.78, 0.0),
                (0.78, 0.0),
                (0.73, ankle),
                (0.66, ankle),
            ]
        )
        parts.append(Part(gore, line, relief=0.3))
    elif style == "zip":
        parts.append(
            Part(np.array([(0.72, 0.02), (0.74, ankle), (0.68, high - 0.12)]), line, width=0.02)
        )
    elif style == "strap":
        y = ankle * rng.uniform(0.75, 1.0)
        parts.append(Part(np.array([(front - 0.01, y), (0.94, y - 0.04)]), line, width=0.04))
        parts.append(Part(np.array([(0.6, y - 0.03), (0.64, y - 0.03)]), 0.95, width=0.06))
    if rng.random() < 0.35:  # the counter at the heel
        counter = smooth(
            [(0.97, back), (0.97, back), (0.76, back), (0.78, back - 0.16), (0.95, back - 0.2)]
        )
        parts.append(Part(counter, tone * 0.7, relief=0.5))
    if rng.random() < 0.3:  # a cuff at the rim
        parts.append(
            Part(
                np.array([(front, rim + 0.04), (0.95, 0.04)]),
                min(1, tone * rng.choice([0.6, 1.3])),
                width=0.09,
            )
        )
    return parts


def sandal(rng):
    tone = base_tone(rng, 0.4)
    heel = rng.choice(["flat", "wedge", "stiletto", "block"], p=[0.5, 0.2, 0.2, 0.1])
    lift = 0.0 if heel == "flat" else rng.uniform(0.22, 0.5)
    thick = rng.uniform(0.03, 0.05) if heel != "flat" else rng.uniform(0.025, 0.07)
    toe_curl = rng.uniform(0.0, 0.03)
    sole = np.array(
        [
            (0.0, -toe_curl),
            (0.12, 0.0),
            (0.32, 0.0),
            (0.55, -lift * 0.5),
            (0.75, -lift * 0.93),
            (0.97, -lift),
        ]
    )
    curve = subdivide_polygon(sole, degree=2, preserve_ends=True)
    sole_tone = rng.choice([rng.uniform(0.25, 0.5), tone])
    parts = []
    if heel == "wedge":
        shape = np.vstack([curve[curve[:, 0] > 0.1], [(0.96, thick), (0.12, thick)]])
        parts.append(
            Part(
                shape,
                sole_tone,
                fabric=make_fabric(rng, ["plain", "stripes", "melange"]),
                relief=0.5,
            )
        )
    elif heel != "flat":
        parts.append(heel_parts(rng, heel, lift, thick, 0.3, sole_tone))
    parts.append(Part(curve, sole_tone, width=thick * 2))

    def at(x):
        """Height of the foot bed at x."""
        return np.interp(x, curve[:, 0], curve[:, 1])

    strap = rng.uniform(0.035, 0.075)
    for x in np.sort(rng.uniform(0.12, 0.36, rng.integers(1, 4))):  # over the toes
        across = rng.uniform(0.12, 0.2)
        high = rng.uniform(0.1, 0.17)
        parts.append(
            Part(arc((x, at(x)), (x + across, at(x + across)), high, lean=0.04), tone, width=strap)
        )
    if rng.random() < 0.75:  # around the ankle, held by a line over the instep
        up = rng.uniform(0.16, 0.3)
        back = np.array([(0.95, at(0.95)), (0.94, at(0.95) - up * 0.6), (0.9, at(0.95) - up)])
        parts.append(Part(back, tone, width=strap))
        front = rng.uniform(0.5, 0.62)
        if rng.random() < 0.4:  # the buckle
            parts.append(Part(back[1] + [(0, -0.01), (0, 0.01)], 0.95, width=0.06))
        ring = np.array(
            [
                (0.9, at(0.95) - up),
                (0.75, at(0.95) - up + 0.02),
                (front, at(0.95) - up + rng.uniform(0.02, 0.12)),
            ]
        )
        parts.append(Part(ring, tone, width=strap))
        if rng.random() < 0.8:
            foot = rng.uniform(0.3, 0.42)
            parts.append(Part(np.array([ring[-1], (foot, at(foot) - 0.08)]), tone, width=strap))
    elif rng.random() < 0.6:  # a slide or thong
        start = rng.uniform(0.2, 0.28)
        parts.append(
            Part(
                arc((start, at(start)), (0.62, at(0.62)), rng.uniform(0.12, 0.2), lean=0.02),
                tone,
                width=strap * 1.2,
            )
        )
    else:
        mule = smooth(
            [
                (0.1, at(0.1)),
                (0.1, at(0.1)),
                (0.2, at(0.2) - 0.12),
                (0.42, at(0.42) - 0.2),
                (0.52, at(0.5)),
                (0.52, at(0.5)),
            ]
        )
        parts.append(Part(mule, tone, relief=0.7))
        parts.append(
            Part(arc((0.2, at(0.2) - 0.02), (0.4, at(0.4) - 0.02), 0.06), tone * 0.3, width=0.05)
        )
    return parts


# ---------------------------------------------------------------- bags


def bag(rng):
    tone = base_tone(rng, 0.25)
    fabric = make_fabric(
        rng, ["plain", "plain", "plain", "melange", "checks", "stripes", "flowers"]
    )
    shape = rng.choice(
        ["tote", "box", "round", "clutch", "backpack"], p=[0.3, 0.25, 0.25, 0.1, 0.1]
    )
    high = {
        "tote": rng.uniform(0.6, 0.85),
        "box": rng.uniform(0.5, 0.75),
        "round": rng.uniform(0.5, 0.7),
        "clutch": rng.uniform(0.45, 0.62),
        "backpack": rng.uniform(1.0, 1.2),
    }[shape]
    rim = {
        "tote": rng.uniform(0.38, 0.52),
        "box": 0.49,
        "round": rng.uniform(0.28, 0.4),
        "clutch": 0.5,
        "backpack": 0.38,
    }[shape]
    base = {
        "tote": rng.uniform(0.4, 0.48),
        "box": 0.5,
        "round": 0.44,
        "clutch": 0.5,
        "backpack": 0.46,
    }[shape]
    if shape in ("round", "backpack"):
        half = [
            (0, 0),
            (rim, 0),
            (rim + 0.12, high * 0.45),
            (base + 0.06, high * 0.85),
            (base - 0.05, high),
            (0, high),
        ]
    else:
        half = [
            (0, 0),
            (rim, 0),
            (rim, 0),
            ((rim + base) / 2 + 0.02, high / 2),
            (base, high),
            (base, high),
            (0, high),
        ]
    parts = []
    line = tone * rng.uniform(0.4, 0.6) if tone > 0.4 else min(1, tone + rng.uniform(0.2, 0.4))
    handle = rng.choice([tone, line, tone * 0.7])
    wide = rng.uniform(0.035, 0.06)
    if shape == "tote" or (shape in ("box", "round") and rng.random() < 0.75):
        reach = rim * rng.uniform(0.4, 0.75)
        up = rng.uniform(0.2, 0.42)
        if rng.random() < 0.5:
            parts.append(
                Part(
                    arc((-reach + 0.06, 0.04), (reach + 0.06, 0.04), up * 0.95),
                    handle * 0.7,
                    width=wide,
                )
            )
        parts.append(Part(arc((-reach, 0.06), (reach, 0.06), up), handle, width=wide))
    elif shape == "backpack":
        parts.append(Part(arc((-0.12, 0.03), (0.12, 0.03), 0.14), handle, width=wide))
    elif rng.random() < 0.6:  # a shoulder strap that hangs at the sides
        parts.append(
            Part(arc((-rim, 0.1), (rim, 0.1), rng.uniform(0.35, 0.6)), handle, width=wide * 0.7)
        )
    parts.append(Part(smooth(mirrored(half)), tone, fabric=fabric, relief=0.7))
    if parts and shape != "clutch" and rng.random() < 0.4:  # the handles' ends, sewn on
        ends = [(rim * 0.55, 0.0), (rim * 0.55, high * 0.3)]
        parts += [Part(side, handle, width=wide) for side in both_sides(ends)]
    front = rng.choice(["flap", "zip", "pocket", "label", "bow", "none"])
    if front == "flap":
        flap = mirrored(
            [(0, 0), (rim * 0.98, 0), (base * 0.98, high * 0.4), (0, high * rng.uniform(0.42, 0.6))]
        )
        parts.append(Part(flap, min(1, tone * rng.uniform(0.85, 1.15)), fabric=fabric, relief=1.0))
        parts.append(Part(np.array([(-0.02, high * 0.5), (0.02, high * 0.5)]), 0.95, width=0.07))
    elif front == "zip":
        parts.append(
            Part(
                np.array([(-rim * 0.85, high * 0.14), (rim * 0.85, high * 0.14)]), line, width=0.03
            )
        )
    elif front == "pocket":
        box = np.array(
            [
                (-0.25, high * 0.5),
                (0.25, high * 0.5),
                (0.25, high * 0.86),
                (-0.25, high * 0.86),
                (-0.25, high * 0.5),
            ]
        )
        parts.append(Part(box, line, width=0.025))
    elif front == "label":
        parts.append(Part(np.array([(-0.1, high * 0.5), (0.1, high * 0.5)]), line, width=0.1))
    elif front == "bow":
        parts.append(
            Part(
                np.array([(-0.1, high * 0.25), (0, high * 0.3), (0.1, high * 0.25)]),
                line,
                width=0.07,
            )
        )
    if rng.random() < 0.3:
        parts.append(Part(np.array([(-base, high * 0.93), (base, high * 0.93)]), line, width=0.04))
    return parts


DESIGNS = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, boot)


def design(label, rng):
    """Return the parts of a new garment.

    Args:
        label: 0 to 9, Fashion-MNIST's number of the class.
        rng: numpy.random.Generator.
    """
    parts = DESIGNS[label](rng)
    if label in (5, 7, 8, 9):  # a camera does not stand quite level
        angle = rng.normal(0, 0.02)
        turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
        for part in parts:
            part.points = np.asarray(part.points) @ turn
    stretch = np.exp(rng.normal(0, 0.04))
    for part in parts:
        part.points = np.asarray(part.points, dtype=float) * (stretch, 1)
    return parts


def line_mask(points, width, x, y):
    """Return where the distance to a line with the given corners is at most half the width."""
    inside = np.zeros(x.shape, dtype=bool)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        share = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        inside |= (x - x0 - share * dx) ** 2 + (y - y0 - share * dy) ** 2 <= (width / 2) ** 2
    return inside
