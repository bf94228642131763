"""The fast painters of the further lesson of chapter 09, beside the slow way of the chapter.

    python -m benchmarks.style_fast runs [most]
    python -m benchmarks.style_fast times

`runs` makes what the table lacks, at most `most` rows: the network for one style in three forms,
decoders for AdaIN and for WCT, and the chapter's own painter, each with three seeds and the
lesson's settings; beside them the course's longer trained network, and the recoloured photographs.
Each row paints the four held-out photographs like the lesson's street. It has the means of the
style loss and the content loss of the lesson, and of the scores of `further/09_ways_to_look`, whose
judge is trained first if `results/` does not keep it (`python -m benchmarks.style_ways runs` makes
it, too). About half an hour on the reference machine. A row is made again only when the lessons'
code or the published networks have changed. `times` paints one photograph in each way, by turns,
and writes seconds at the reference speed.
"""

import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import style_ways
from benchmarks.tables import (
    MEASURED,
    Run,
    checksum,
    code_of,
    fill_table,
    speed_now,
    write_rows,
)
from helpers import datasets, pretrained
from helpers.course import REFERENCE_GFLOPS, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME, TIMES = "style_fast", "style_fast_times"
KEY = ("way", "seed", "steps", "code")
FOUND = ("style", "content", "judge", "layout", "copied")
SEEDS, TURNS, TIMED = (1, 2, 3), 7, 10  # TIMED: steps of the slow way in a turn
FORMS: dict[str, dict[str, bool]] = {
    "one_style": {},
    "no_norm": {"norm": False},
    "a_change": {"change": True},
}
SAME = {"content": 0.5}  # the weight of the fast network
SLOW: dict[str, tuple[dict[str, float], int]] = {  # the chapter's own painter: changes, steps
    "slow": ({}, 100),
    "slow_same": (SAME, 100),
    "slow_25": (SAME, 25),
    "slow_12": (SAME, 12),
    "slow_6": (SAME, 6),
}
CHANGES = {
    "AdaIN": ("adain", 1.0),
    "WCT": ("wct", 1.0),
    "WCT_half": ("wct", 0.5),
    "decoded": ("wct", 0.0),
}
NOT_USED = {"compiled", "seconds_of", "number_of", "train_fast", "train_decoder", "EVERY"}
NOT_USED |= {"make_fast_parts", "settings_of"}
SETTINGS = ("SIDE", "CROP", "BATCH", "SEED", "RATE", "DECODER_RATE", "WIDTH", "BLOCKS", "LOOKS")
SETTINGS += ("LAST_LAYER", "CONTENT", "SMOOTH", "PIECES")
Paint = Callable[[np.ndarray], np.ndarray]  # from a photograph to a picture, uint8


def published(name: str) -> str:
    """Return a network's checksum on the card."""
    return str(pretrained.card().get(name, {}).get("sha256", "none"))


def plan(lesson: ModuleType, seeds: tuple[int, ...] = SEEDS) -> list[Run]:
    """Return the rows of the table."""
    settings = [str(getattr(lesson, name)) for name in SETTINGS]
    own = [code_of(lesson, NOT_USED), published("09_eyes"), *settings]
    own.append(style_ways.code_for(lesson.ways))  # of the judge
    slow = [*own, str(lesson.core.PAINTING), code_of(lesson.core, {"WAYS"})]
    steps = dict.fromkeys(FORMS, lesson.FAST_STEPS)
    steps |= {way: count for way, (_, count) in SLOW.items()}
    steps |= dict.fromkeys(CHANGES, lesson.DECODER_STEPS)
    codes = dict.fromkeys((*steps, "recoloured"), checksum(own))
    codes |= dict.fromkeys(SLOW, checksum(slow))
    codes["long"] = checksum([*own, published("09_fast_street")])
    rows = [
        ("recoloured", 0, 0),
        ("long", 0, pretrained.card()["09_fast_street"]["measured"]["steps"]),
    ]
    rows += [(way, seed, count) for way, count in steps.items() for seed in seeds]
    return [(*map(str, row), codes[row[0]]) for row in rows]


# ---------------------------------------------------------------- painters


def trained(step: Callable, pieces: np.ndarray, batch: int, seed: int, steps: int) -> None:
    """Train with batches in a seed's order; `step` takes a batch and the number of its step."""
    ordered = datasets.batches(pieces, batch, seed)
    for number in range(steps):
        step(next(ordered), number)


def trained_form(lesson: ModuleType, way: str, seed: int, steps: int) -> keras.Model:
    """Train the network for one style as the lesson does."""
    keras.utils.set_random_seed(seed)
    parts = lesson.make_parts(lesson.make_fast(**FORMS[way]), lesson.RATE, steps)
    painting = lesson.scaled(lesson.painting)[np.newaxis]
    step = lesson.make_fast_step(**parts, eyes=lesson.eyes, painting=painting)
    one = lambda pieces, _: step(lesson.scaled(pieces))
    trained(one, lesson.coloured, lesson.BATCH, seed, steps)
    return parts["network"]


def trained_decoder(lesson: ModuleType, seed: int, steps: int) -> keras.Model:
    """Train a decoder as the lesson does."""
    keras.utils.set_random_seed(seed)
    parts = lesson.make_parts(lesson.make_decoder(lesson.eyes), lesson.DECODER_RATE, steps)
    step = lesson.make_decoder_step(**parts, eyes=lesson.eyes)
    mixed = lambda x, number: lesson.mix_colours(x, np.random.default_rng([seed, number]))
    one = lambda pieces, number: step(mixed(pieces, number))
    trained(one, lesson.pieces, lesson.BATCH, seed, steps)
    return parts["network"]


def painter_of(lesson: ModuleType, way: str, seed: int, steps: int) -> Paint:
    """Return what paints a photograph like the lesson's street; it is trained first."""
    painting, eyes = lesson.painting, lesson.eyes
    if way == "recoloured":
        return lambda picture: lesson.recoloured(picture, painting)
    if way in SLOW:
        settings = dict(seed=seed) | SLOW[way][0]
        return lambda picture: lesson.core.quickly(picture, painting, eyes, steps, **settings)
    if way in CHANGES:
        decoder, (change, strength) = lesson.decoder_of(seed, steps), CHANGES[way]
        paint: Any = lesson.restyle(eyes, decoder, painting, getattr(lesson, change), strength)
    else:
        paint = lesson.long() if way == "long" else trained_form(lesson, way, seed, steps)
        paint = lesson.compiled(paint)
    return lambda picture: lesson.paint_with(paint, picture, painting)


def score(lesson: ModuleType, run: Run) -> dict[str, float]:
    """Make one row: train if needed, paint the held-out photographs, and score them."""
    way, seed, steps, _ = run
    paint = painter_of(lesson, way, int(seed), int(steps))
    found = [scores_of(lesson, paint(picture), picture) for picture in lesson.tests]
    return {name: round(float(np.mean([x[name] for x in found])), 4) for name in FOUND}


def scores_of(lesson: ModuleType, made: np.ndarray, picture: np.ndarray) -> dict[str, float]:
    """Return the lesson's two losses and the scores of `further/09_ways_to_look`."""
    painting, look = lesson.painting, lesson.make_look(lesson.eyes)
    style_loss = lesson.make_style_loss(look, lesson.scaled(painting)[np.newaxis])
    given = lesson.recoloured(picture, painting)
    seen, kept = (look(lesson.scaled(x)[np.newaxis]) for x in (made, given))
    content = lesson.relative(seen[lesson.LAST_LAYER], kept[lesson.LAST_LAYER])
    found = lesson.ways.scores_of(made, picture, painting, lesson.ways.judge(), lesson.styles)
    found = {name: found[name] for name in ("judge", "layout", "copied")}
    return dict(style=style_loss(seen), content=content) | found


# ---------------------------------------------------------------- times


def measure_times(lesson: ModuleType, folder: Path, turns: int = TURNS) -> None:
    """Write seconds a picture at the reference speed, each way by turns; no graph is built then.

    The decoders are hardly trained: the time does not depend on it. The slow way is timed by a
    few of its steps.
    """
    picture, painting = lesson.tests[0], lesson.painting
    painter = lesson.core.make_painter(picture, painting, lesson.eyes, TIMED, **SAME)
    fast = {name: painter_of(lesson, name, 1, 1) for name in ("long", "AdaIN", "WCT")}
    ways = {"slow": lambda: [float(painter.step()["style_loss"]) for _ in range(TIMED)]}
    ways |= {name: functools.partial(paint, picture) for name, paint in fast.items()}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns + 1):  # the first turn builds the graphs
        for name, paint in ways.items():
            speed, began = speed_now(), time.perf_counter()
            paint()
            taken[name].append((time.perf_counter() - began) * speed / REFERENCE_GFLOPS)
    found = {name: float(np.median(seconds[1:])) for name, seconds in taken.items()}
    found |= {name: found["slow"] / TIMED * steps for name, (_, steps) in SLOW.items()}
    rows = [dict(way=name, seconds=round(seconds, 4)) for name, seconds in found.items()]
    print(*rows, sep="\n", flush=True)
    write_rows(folder / f"{TIMES}.csv", ("way", "seconds"), rows)


# ---------------------------------------------------------------- lessons


def load_lesson(pieces: int = 0) -> ModuleType:
    """Return the lesson's definitions, with chapter 09 as `core`, ways to look as `ways`, pictures.

    Args:
        pieces: of each photograph; 0 for as many as in the lesson.
    """
    lesson = load_definitions("09", FURTHER / "09_fast_style.ipynb")
    lesson.ways = style_ways.load_lesson()
    lesson.core = lesson.ways.core
    lesson.styles = lesson.ways.styles
    lesson.painting = lesson.styles[lesson.STYLE]
    photographs, lesson.tests = lesson.load_photographs()
    coloured = [lesson.recoloured(picture, lesson.painting) for picture in photographs]
    cut = lambda some: lesson.cut_pieces(
        some, pieces or lesson.PIECES, np.random.default_rng(lesson.SEED)
    )
    lesson.pieces, lesson.coloured = cut(photographs), cut(coloured)
    lesson.decoder_of = functools.cache(functools.partial(trained_decoder, lesson))
    lesson.long = functools.partial(pretrained.load, "09_fast_street")
    return lesson


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("runs", "times"):
        raise SystemExit("Say what to do: runs or times.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each run traces a new step; TensorFlow would warn of it
    lesson = load_lesson(0 if what == "runs" else 1)
    lesson.eyes = pretrained.load("09_eyes")
    if what == "times":
        return measure_times(lesson, MEASURED)
    measure = functools.partial(score, lesson)
    fill_table(MEASURED / f"{NAME}.csv", KEY, FOUND, plan(lesson), measure, int(argument))


if __name__ == "__main__":
    main(*sys.argv[1:])
