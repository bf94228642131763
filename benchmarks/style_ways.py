"""Ways of `further/09_ways_to_look` to look at pictures, at equal time, beside rivals that cheat.

    python -m benchmarks.style_ways times
    python -m benchmarks.style_ways runs [most]
    python -m benchmarks.style_ways tiny FOLDER

`times` measures a warm step of each way, with the photograph of the cat, and writes how many steps
fit into `SECONDS` at the reference speed: a minute or two. (A square photograph takes half as long
again, in each way.) Then `runs` paints what the table lacks, at most `most` pictures: eight pairs
of a photograph and a painting, so that each of the four photographs and four paintings is used
twice, in each way, with three seeds, and four of the pairs with other weights of the content:
about half an hour on the reference machine. Beside them stand rivals that do not paint; what is
random in them has the same three seeds. It first trains three pairs of eyes with chapter 09's code
and steps, and the judge with the lesson's, in grey on the pictures that are no paintings; that
takes about seven minutes more, once. All of them, and each painted picture, stay in `results/`: if
only a score changes, nothing is painted again. A row is made again only when the lessons' code,
their settings or the steps have changed. At the end it stores small pictures of the first seed for
the lesson. `tiny` writes tables and pictures that mean nothing into a folder, to try the lesson's
cells before the runs are made: nothing is trained, painted or scored.
"""

import functools
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.tables import (
    MEASURED,
    Run,
    checksum,
    code_of,
    definitions,
    fill_with_pictures,
    packed_sheet,
    print_total,
    read_rows,
    speed_now,
    write_rows,
)
from helpers.course import DATA, REFERENCE_GFLOPS, atomic_write, results_folder, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME, TIMES = "style_ways", "style_times"  # of the tables; NAME also of the kept pictures
KEY = ("way", "content", "style", "weight", "seed", "steps", "code")
FOUND = ("judge", "lists", "named", "layout", "copied")
WAYS = ("eyes", "untrained", "gram_as_is", "softmax", "sliced", "filters")
FIXED = ("photograph", "recoloured", "sharpened")
RANDOM = ("start", "hybrid", "wrong_piece", "piece")
RIVALS = FIXED + RANDOM
CONTENTS = ("chelsea", "coffee", "astronaut", "china")
STYLES = ("street", "wave", "poppies", "composition")
DIAGONAL = tuple(zip(CONTENTS, STYLES))
PAIRS = DIAGONAL + tuple(zip(CONTENTS, STYLES[1:] + STYLES[:1]))
OTHERS = dict(street="poppies", wave="composition", poppies="street", composition="wave")
SEEDS = (1, 2, 3)
OTHER_WEIGHTS = (0.25, 4)  # times the lesson's weight of the content; diagonal pairs, first seed
SECONDS = 6  # of each picture, at the reference speed
WARM, TIMED = 3, 40  # steps of `times`
STORED = 112  # pixels of the pictures that the lesson shows, squares
# What shapes no painted picture: the scores, the judge, and what the lesson shows.
LOOKS = {"grey", "energies", "layout", "copied", "judged", "scores_of", "cheats"}
LOOKS |= {"without_colour"}
LOOKS |= {"load_gallery", "cut_patches", "mix_colours", "make_judge_parts", "make_judge_step"}
LOOKS |= {"train_judge", "CUT", "PHOTOGRAPHS"}
NOT_USED = {"LINE", "MOST", "AGAINST", "PAIRED", "NAMES", "CHEATS", "print_scores"}
NOT_USED |= {"numbers_of", "stored"}
USED_09 = {"make_eyes", "make_eyes_parts", "make_eyes_step", "train_eyes", "load_gallery"}
USED_09 |= {"cut_patches", "mix_colours", "fitted", "scaled", "FILTERS", "CUT", "EYES_STEPS"}
USED_09 |= {"PHOTOGRAPHS"}
# Settings that stand several in a line, so `code_of` does not see them.
SETTINGS = ("SMALL", "DIRECTIONS", "RANKS", "SIZES", "EACH")
SETTINGS_OF_JUDGE = ("PATCH", "BATCH", "JUDGE_RATE", "JUDGE_SEED", "JUDGE_STEPS")


# ---------------------------------------------------------------- eyes and the judge


def code_of_eyes(lesson: ModuleType) -> str:
    """Return a checksum of chapter 09's code that trains the eyes."""
    found = definitions(lesson.core)
    settings = [str(getattr(lesson.core, name)) for name in ("PATCH", "BATCH", "EYES_RATE")]
    return checksum([*(found[name] for name in sorted(USED_09)), *settings])


@functools.cache  # each picture asks for it, and it reads two notebooks
def code_for(lesson: ModuleType, looks: bool = True) -> str:
    """Return a checksum of the code on which a row depends, with or without its scores."""
    not_used = NOT_USED if looks else NOT_USED | LOOKS
    names = SETTINGS + (SETTINGS_OF_JUDGE if looks else ())
    settings = [str(getattr(lesson, name)) for name in names]
    return checksum([code_of(lesson, not_used), code_of_eyes(lesson), *settings])


def trained_eyes(lesson: ModuleType, seed: int) -> keras.Model:
    """Train eyes as chapter 09 does, on patches of their own, or load the ones that were kept."""
    rng, core = np.random.default_rng(seed), lesson.core
    patches = core.cut_patches(lesson.gallery, core.CUT, rng, 0, 0.8)
    name = f"{NAME}_eyes_{seed}_{code_of_eyes(lesson)}"
    return core.train_eyes(name, *patches, seed=seed)[0]


def trained_judge(lesson: ModuleType) -> keras.Model:
    """Train the judge as the lesson does, or load the one that was kept."""
    rng = np.random.default_rng(lesson.JUDGE_SEED)
    others = {name: x for name, x in lesson.gallery.items() if name not in lesson.styles}
    others = {name: lesson.without_colour(picture) for name, picture in others.items()}
    patches = lesson.cut_patches(others, lesson.CUT, rng, 0, 0.8)
    return lesson.train_judge(f"{NAME}_judge_{code_for(lesson)}", *patches)[0]


# ---------------------------------------------------------------- pictures and scores


def plan(lesson: ModuleType, seeds: tuple[int, ...] = SEEDS) -> list[Run]:
    """Return the rows of the table: rivals, then each way seed by seed, then other weights."""
    steps: dict[str, int] = lesson.steps
    weight, code = lesson.PAINTING["content"], code_for(lesson)
    rows: list[tuple] = [(name, *pair, 0, 0, 0) for name in FIXED for pair in PAIRS]
    for seed in seeds:
        rows += [(name, *pair, 0, seed, 0) for name in RANDOM for pair in PAIRS]
        rows += [(name, *pair, weight, seed, steps[name]) for name in WAYS for pair in PAIRS]
    for factor in OTHER_WEIGHTS:
        own = [(name, *pair) for name in WAYS for pair in DIAGONAL]
        rows += [(*names, weight * factor, SEEDS[0], steps[names[0]]) for names in own]
    return [(*map(str, row), code) for row in rows]


def pictures_of(lesson: ModuleType, content: str, style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the photograph and the painting, as the lesson paints them."""
    return lesson.fitted(lesson.gallery[content], lesson.SMALL), lesson.styles[style]


def make_picture(lesson: ModuleType, run: Run) -> np.ndarray:
    """Paint a row of the table, or make its rival; uint8 (height, width, 3)."""
    way, content, style, weight, seed, steps, _ = run
    photograph, painting = pictures_of(lesson, content, style)
    if way in RIVALS:
        other = lesson.styles[OTHERS[style]]
        return lesson.cheats(photograph, painting, other, int(seed))[way]
    keras.backend.clear_session()  # of the picture before
    ways = lesson.make_ways(lesson.eyes_of(int(seed)), int(seed))
    changes = ways[way] | dict(content=float(weight))
    return lesson.quickly(photograph, painting, int(steps), int(seed), **changes)


def picture_of(lesson: ModuleType, run: Run, folder: Path) -> np.ndarray:
    """Return the picture of a row: made now, or kept from an earlier time."""
    if run[0] in RIVALS:
        return make_picture(lesson, run)
    path = folder / NAME / f"{'_'.join(run[:-1])}_{code_for(lesson, looks=False)}.png"
    if not path.exists():
        made = make_picture(lesson, run)
        with atomic_write(path, ".png") as temporary:
            Image.fromarray(made).save(temporary)
    with Image.open(path) as picture:
        return np.asarray(picture)


def score(lesson: ModuleType, run: Run, kept: Path) -> dict[str, float]:
    """Paint and score a row."""
    made, judge = picture_of(lesson, run, kept), lesson.judge()
    found = lesson.scores_of(made, *pictures_of(lesson, *run[1:3]), judge, lesson.styles)
    return {name: round(float(found[name]), 4) for name in FOUND}


def sheets_of(lesson: ModuleType, wanted: list[Run], kept: Path) -> dict[str, np.ndarray]:
    """Return the diagonal pairs of each kind, of the first seed: squares on one sheet each."""
    sheets, first, weight = {}, str(SEEDS[0]), str(lesson.PAINTING["content"])
    numbers = dict.fromkeys(FIXED, ("0", "0")) | dict.fromkeys(RANDOM, ("0", first))
    for name in (*RIVALS, *WAYS):
        squares = []
        for pair in DIAGONAL:
            asked = (name, *pair, *numbers.get(name, (weight, first)))
            run = next(run for run in wanted if run[:5] == asked)
            made = Image.fromarray(picture_of(lesson, run, kept))
            squares.append(np.asarray(made.resize((STORED, STORED))))
        sheets[name] = packed_sheet(np.stack(squares), lossless=False)
    return sheets


# ---------------------------------------------------------------- tables


def steps_of(folder: Path) -> dict[str, int]:
    """Return the steps of each way that fit into the time. SystemExit: nothing was measured yet."""
    found = {row["way"]: int(row["steps"]) for row in read_rows(folder / f"{TIMES}.csv")}
    if set(found) != set(WAYS):
        raise SystemExit("First measure the time of a step: python -m benchmarks.style_ways times")
    return found


def measure_times(lesson: ModuleType, folder: Path, seconds: float = SECONDS) -> None:
    """Write seconds a step at the reference speed, and how many steps fit into the time."""
    found, speeds, both = {}, [speed_now()], pictures_of(lesson, CONTENTS[0], STYLES[0])
    for way, parts in lesson.make_ways(lesson.make_eyes(), SEEDS[0]).items():
        times: list[float] = []
        with_clock = functools.partial(note_times, lesson.make_paint_step, times)
        usual, lesson.make_paint_step = lesson.make_paint_step, with_clock
        try:
            lesson.quickly(*both, WARM + TIMED, **parts)
        finally:
            lesson.make_paint_step = usual
        found[way] = float(np.median(np.diff(times)[WARM - 1 :]))
        speeds.append(speed_now())
    found["untrained"] = found["eyes"]  # the same networks and marks
    scale = float(np.median(speeds)) / REFERENCE_GFLOPS  # one for all: only ratios matter
    rows = [
        dict(way=way, seconds=round(one * scale, 4), steps=max(1, round(seconds / one / scale)))
        for way, one in found.items()
    ]
    print(*rows, f"at {np.round(speeds)} GFLOP/s", sep="\n", flush=True)
    write_rows(folder / f"{TIMES}.csv", ("way", "seconds", "steps"), rows)
    pictures = len(PAIRS) * len(SEEDS) + len(DIAGONAL) * len(OTHER_WEIGHTS)
    print_total(pictures * len(WAYS) * (seconds + 4))  # 4: to trace a step, and to score


def note_times(make_paint_step: Any, times: list[float], *parts: Any, **settings: Any) -> Any:
    """Return a paint step that notes the time after each step."""
    step = make_paint_step(*parts, **settings)

    def timed() -> None:
        float(step()["style_loss"])
        times.append(time.perf_counter())

    return timed


def fill(lesson: ModuleType, folder: Path, kept: Path, most: int = 1000) -> None:
    """Make at most so many of the rows that the table in a folder lacks; then the pictures.

    Args:
        folder: where the tables and the pictures for the lesson lie.
        kept: where all painted pictures stay.
    """
    lesson.steps = steps_of(folder)
    fill_with_pictures(sys.modules[__name__], lesson, SEEDS, folder, kept, most)


def load_lesson() -> ModuleType:
    """Return the lesson's definitions, with its pictures, chapter 09 as `core`, and its networks.

    `eyes_of(seed)` and `judge()` train when they are asked for the first time.
    """
    lesson = load_definitions("09", FURTHER / "09_ways_to_look.ipynb")
    lesson.core = load_definitions("09")
    with np.load(DATA / "paintings.npz") as file:
        lesson.styles = {name: file[name] for name in file}
    lesson.gallery = lesson.load_gallery(lesson.styles)
    lesson.eyes_of = functools.cache(functools.partial(trained_eyes, lesson))
    lesson.judge = functools.cache(functools.partial(trained_judge, lesson))
    return lesson


def make_tiny(lesson: ModuleType) -> None:
    """Give back the photograph in place of a painting, and its brightness as each score."""
    lesson.SMALL, lesson.eyes_of, lesson.judge = 64, lambda seed: None, lambda: None
    lesson.make_ways = lambda *_: {name: {} for name in WAYS}
    lesson.quickly = lambda photograph, *_, **__: photograph
    lesson.scores_of = lambda made, *_: dict.fromkeys(FOUND, made.mean() / 255)


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("times", "runs", "tiny"):
        raise SystemExit("Say what to do: times, runs or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each picture traces a new step; TensorFlow would warn of it
    lesson = load_lesson()
    if what == "times":
        measure_times(lesson, MEASURED)
    elif what == "runs":
        fill(lesson, MEASURED, results_folder(), int(argument))
    else:
        folder = Path(argument).absolute()
        make_tiny(lesson)
        rows = [dict(way=name, seconds=1, steps=1) for name in WAYS]
        write_rows(folder / f"{TIMES}.csv", ("way", "seconds", "steps"), rows)
        fill(lesson, folder, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
