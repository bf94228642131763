"""The versions of Pix2Pix of `further/07_ablations`, with three seeds each, at equal steps.

    python -m benchmarks.pix2pix_ablations times
    python -m benchmarks.pix2pix_ablations runs [most]
    python -m benchmarks.pix2pix_ablations tiny FOLDER

`times` measures warm steps of each version, and prints how long all runs will take: a few minutes.
`runs` trains and scores what the table lacks, at most `most` rows: about an hour on the
reference machine. Recipes, steps and scores are the lesson's. A row is made again only when its
recipe or the lesson's code has changed. The pictures of each run stay in `results/`, so if only a
score changes, nothing is trained again. At the end it stores pictures of the first seed for the
lesson. The version with batch normalisation has two rows: its pictures are made in training mode,
as in the paper, and once more with the running means. Cheats have rows without a training.
`tiny` writes a table and pictures that mean nothing into a folder, to try the lesson's cells before
the runs are made: small networks, one step, and each version's output is its input. Rows such as
"L1 x 1.3" are no trainings: there the change that L1 paints is made stronger.
"""

import functools
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from benchmarks.tables import (
    MEASURED,
    Run,
    checksum,
    code_of,
    fill_with_pictures,
    packed_sheet,
    print_total,
    time_run,
)
from helpers import datasets, pairs
from helpers.course import atomic_write, results_folder, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

NAME = "pix2pix_ablations"  # of the table, of the stored pictures and of the kept ones
KEY = ("variant", "recipe", "seed", "steps", "code")
FOUND = ("texture", "coarse", "shading", "fit", "l1", "edges", "colours")
SEEDS = (1, 2, 3)
INFERENCE, STRONGER, OTHERS = " (inference)", " x ", "other things"
EIGHT, QUIZ = slice(None, None, 20), slice(None, None, 5)  # held-out things that are stored
LEVELS = 63  # steps of a colour in stored pictures
SETTINGS = ("SIZE", "WIDTH", "BATCH", "RATE", "BETA_1", "SHIFT")
LOOKS = {"scores_of", "strengths", "texture_distance", "halved", "edges_of", "colours_of"}
LOOKS |= {"share_found", "coloured", "make_cheats"}  # what only looks at pictures
NOT_USED = {"BASE", "CHANGES", "VARIANTS", "CLAIMS", "LOSSES", "SKIPS", "PATCHES", "BLOCKS"}
NOT_USED |= {"STEPS", "EVERY", "STRIPS", "key_of", "receptive_field", "watch", "train"}
NOT_USED |= {"KNOB", "QUIZ", "report", "draw_plane"}
NOT_USED |= {"print_scores", "numbers_of", "draw_strips", "stored", "gallery"}


def described(lesson: ModuleType, variant: str) -> str:
    """Return the recipe of a version and the lesson's settings as one text."""
    values = [getattr(value, "__name__", value) for value in lesson.VARIANTS[variant].values()]
    return "/".join(map(str, [*values, *(getattr(lesson, name) for name in SETTINGS)]))


def plan(lesson: ModuleType, seeds: tuple[int, ...]) -> list[Run]:
    """Return the rows of the table: each version with each seed, then the cheats."""
    trained = {name: described(lesson, name) for name in lesson.VARIANTS}
    for name, recipe in lesson.VARIANTS.items():
        if recipe["norm"] is lesson.batch_norm:
            trained[name + INFERENCE] = trained[name]
    trained |= {f"L1{STRONGER}{by}": trained["L1"] for by in lesson.KNOB}
    same = str(lesson.STEPS), code_of(lesson, NOT_USED)
    rows = [(name, text, str(seed), *same) for seed in seeds for name, text in trained.items()]
    cheats = [(name, "") for name in lesson.make_cheats(lesson.emoji) if name != OTHERS]
    cheats += [(OTHERS, str(seed)) for seed in seeds]
    return rows + [(name, "", number, "0", same[1]) for name, number in cheats]


def train(lesson: ModuleType, run: Run) -> keras.Model:
    """Train from the start; return the generator."""
    name, _, seed, steps, _ = run
    parts, step_of = lesson.make_training(lesson.VARIANTS[name], int(steps), int(seed))
    data = lesson.emoji.train_inputs, lesson.emoji.train_targets
    ordered = datasets.batches(data, lesson.BATCH, int(seed))
    for step in range(int(steps)):
        step_of(next(ordered), step)
    return parts["generator"]


def outputs(lesson: ModuleType, run: Run, folder: Path) -> np.ndarray:
    """Return a run's pictures of the held-out inputs, made now, or kept from an earlier training.

    Returns:
        uint8 (N, size, size, 3).
    """
    inference, inputs = run[0].endswith(INFERENCE), lesson.emoji.test_inputs
    name, _, factor = run[0].removesuffix(INFERENCE).partition(STRONGER)
    run = (name, *run[1:])
    if factor:
        change = outputs(lesson, run, folder) - inputs.astype(float)
        return np.uint8(np.clip(np.round(inputs + float(factor) * change), 0, 255))
    code = checksum([run[1], code_of(lesson, NOT_USED | LOOKS)])
    place = folder / NAME / f"{lesson.key_of(run[0])}_{run[2]}_{run[3]}_{code}.npz"
    if not place.exists():
        generator = train(lesson, run)
        made = {"inference": lesson.translate(generator, inputs)}  # first: training moves the means
        if lesson.VARIANTS[run[0]]["norm"] is lesson.batch_norm:
            made["training"] = lesson.translate(generator, inputs, training=True)
        keras.backend.clear_session()
        with atomic_write(place, ".npz") as temporary:
            np.savez_compressed(temporary, **made)
    with np.load(place) as kept:
        return kept["inference" if inference or "training" not in kept else "training"]


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, Any]:
    """Score a run, or a cheat."""
    if run[1]:
        images, inside = outputs(lesson, run, folder), None
    else:
        images, inside = lesson.make_cheats(lesson.emoji, int(run[2] or 1))[run[0]]
    scores = lesson.scores_of(images, lesson.emoji, inside)
    return {name: round(float(scores[name]), 4) for name in FOUND}


def sheets_of(lesson: ModuleType, runs: list[Run], kept: Path) -> dict[str, np.ndarray]:
    """Return pictures of the first seed: eight of each version, more of those in the quiz.

    Each version is one sheet whose colours have 64 levels.
    """
    sheets, seed = {}, runs[0][2]
    shown = [run for run in runs if run[1] and run[2] == seed]
    for run in (run for run in shown if STRONGER not in run[0] or run[0] in lesson.QUIZ):
        images = outputs(lesson, run, kept)[QUIZ if run[0] in lesson.QUIZ else EIGHT]
        levels = np.round(np.round(images * (LEVELS / 255)) * (255 / LEVELS))
        sheets[run[0]] = packed_sheet(np.uint8(levels))
    return sheets


fill = functools.partial(fill_with_pictures, sys.modules[__name__])


def measure_times(lesson: ModuleType) -> None:
    """Print the time of a step of each version, of a run, and of all runs."""
    sides, total = (lesson.emoji.train_inputs, lesson.emoji.train_targets), 0.0
    batch = tuple(side[: lesson.BATCH] for side in sides)
    for name, recipe in lesson.VARIANTS.items():
        _, step_of = lesson.make_training(recipe, lesson.STEPS, 0)
        total += len(SEEDS) * time_run(
            name, lesson.STEPS, lambda step, step_of=step_of: float(step_of(batch, step)["l1"])
        )
        keras.backend.clear_session()
    print_total(total)


def load_lesson() -> ModuleType:
    """Return the lesson's definitions, with its pairs."""
    lesson = load_definitions("07", FOLDER / "further" / "07_ablations.ipynb")
    lesson.emoji = pairs.load_pairs("fluent", lesson.SIZE)
    return lesson


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("times", "runs", "tiny"):
        raise SystemExit("Say what to do: times, runs or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    lesson = load_lesson()
    if what == "times":
        measure_times(lesson)
    elif what == "runs":
        fill(lesson, SEEDS, MEASURED, results_folder(), int(argument))
    else:
        lesson.WIDTH, lesson.STEPS = 2, 1
        lesson.translate = lambda generator, inputs, training=False: inputs
        fill(lesson, SEEDS, Path(argument).absolute(), Path(argument).absolute())


if __name__ == "__main__":
    main(*sys.argv[1:])
