"""What a discriminator does to colours, for chapter 07: L1 against L1 + cGAN, three seeds each.

    python -m benchmarks.pix2pix_colours times
    python -m benchmarks.pix2pix_colours runs [most]

`times` measures warm steps, and prints how long all runs will take: a minute. `runs` trains and
scores what the table lacks, at most `most` rows: about 20 minutes on the reference machine. Line
drawings become coloured, with the networks, losses and step of the chapter, all else equal. The
other rows are cheats without a training, and the generator that comes with the course, which has
seen more pictures for longer. All scores are those of the held-out drawings. A row is made again
only when its recipe or the chapter's code has changed. The pictures of each run stay in `results/`,
so if only a score changes, nothing is trained again. At the end it stores some pictures for the
chapter.
"""

import functools
import os
import re
import sys
from collections.abc import Callable
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
    print_total,
    time_run,
)
from helpers import datasets, pairs, pretrained
from helpers.course import atomic_write, results_folder, start
from tools.notebooks.definitions import load_definitions

NAME, ARTIST = "pix2pix_colours", "07_pix2pix_openmoji"
KEY = ("variant", "recipe", "seed", "steps", "code")
KINDS = ("red", "green", "blue", "grey", "white")
BLUE = KINDS.index("blue")
FOUND = (*KINDS, "right", "luck", "blue_right", "distance")
SEEDS, STEPS = (1, 2, 3), 2_000
TRAINED = {"L1": False, "L1 + cGAN": True}  # with a discriminator?
STRONGER, SOME_BLUE = "L1 x 2", "L1 some blue"  # cheats that change the pictures of L1
OTHERS, COURSE = "colours of other things", "12 000 steps"
BLUE_THINGS = 0.08  # share of the drawings that SOME_BLUE paints
CHEATS = ("designers", "one colour")
STORED = 7  # held-out drawings, from the first one on
GREY = 40  # a pixel is grey if its strongest channel and its weakest differ by less
WHITE = 235  # and white, if its weakest channel is at least this
SETTINGS = ("SIZE", "WIDTH", "BATCH", "RATE", "BETA_1", "L1_WEIGHT", "SHIFT")
NOT_USED = {"STEPS", "EVERY", "train", "samples_of", "compare", "verdict_of", "scores_of"}
NOT_USED |= {"pattern_strengths", "texture_distance", "flat_parts", "light_of", "means_of"}
NOT_USED |= {"receptive_field", "transposed_conv"}
LOOKS = {"coloured"}  # what only looks at pictures


def plan(lesson: ModuleType, seeds: tuple[int, ...]) -> list[Run]:
    """Return the rows of the table: what needs no training, then both trainings seed by seed."""
    settings, code = [getattr(lesson, name) for name in SETTINGS], code_of(lesson, NOT_USED)
    recipe = {name: "/".join(map(str, [gan, *settings])) for name, gan in TRAINED.items()}
    recipe[STRONGER] = recipe[SOME_BLUE] = recipe["L1"]
    artist = checksum([code, pretrained.card()[ARTIST]["sha256"]])
    rows = [(name, "", "", "0", code) for name in CHEATS] + [(COURSE, "", "", "0", artist)]
    rows += [(OTHERS, "", str(seed), "0", code) for seed in seeds]
    steps = str(STEPS)
    return rows + [(n, text, str(s), steps, code) for s in seeds for n, text in recipe.items()]


def make_training(lesson: ModuleType, run: Run) -> tuple[keras.Model, Callable]:
    """Return (generator, step of a batch and its number)."""
    parts = lesson.make_parts(lesson.drawings, int(run[3]), int(run[2]))
    train_step = lesson.make_train_step(**parts, gan=TRAINED[run[0]])

    def step_of(batch: datasets.Batch, step: int) -> dict[str, Any]:
        changed = lesson.jitter(*batch, np.random.default_rng([int(run[2]), step]), mirror=True)
        return train_step(*map(lesson.scaled, changed))

    return parts["generator"], step_of


def outputs(lesson: ModuleType, run: Run, folder: Path) -> np.ndarray:
    """Return a run's pictures of the held-out drawings, made now, or kept from an earlier training.

    Returns:
        uint8 (N, size, size, 3).
    """
    data, (name, recipe, seed, steps, _) = lesson.drawings, run
    if name in (STRONGER, SOME_BLUE):
        images = outputs(lesson, ("L1", *run[1:]), folder)
        return stronger(images) if name == STRONGER else some_blue(lesson, images, int(seed))
    code = checksum([recipe, code_of(lesson, NOT_USED | LOOKS)])
    key = "_".join(re.findall(r"\w+", f"{name} {seed} {steps} {code}"))
    place = folder / NAME / f"{key}.npz"
    if not place.exists():
        generator, step_of = make_training(lesson, run)
        ordered = datasets.batches((data.train_inputs, data.train_targets), lesson.BATCH, int(seed))
        for step in range(int(steps)):
            step_of(next(ordered), step)
        with atomic_write(place, ".npz") as temporary:
            np.savez_compressed(temporary, images=lesson.translate(generator, data.test_inputs))
        keras.backend.clear_session()
    with np.load(place) as kept:
        return kept["images"]


def stronger(images: np.ndarray) -> np.ndarray:
    """Return pictures, uint8 (N, H, W, 3), whose colours are twice as far from the pixel's mean."""
    values = images.astype(float)
    grey = values.mean(axis=-1, keepdims=True)
    return np.uint8(np.clip(np.round(2 * values - grey), 0, 255))


def some_blue(lesson: ModuleType, images: np.ndarray, seed: int) -> np.ndarray:
    """Paint a few drawings, drawn at random, with the median of the blue training pixels."""
    data, images = lesson.drawings, images.copy()
    learned = data.train_targets[inside_of(lesson, data.train_inputs, data.train_targets)]
    blue = np.median(learned[colour_kinds(learned) == BLUE], axis=0)
    inside = inside_of(lesson, data.test_inputs, data.test_targets)
    chosen = np.random.default_rng(seed).random(len(images)) < BLUE_THINGS
    images[inside & chosen[:, np.newaxis, np.newaxis]] = blue
    return images


def inside_of(lesson: ModuleType, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return where designers painted a colour: not white there, and no line."""
    return lesson.coloured(targets) & (inputs[..., 0] > 250)


def colour_kinds(pixels: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's kind in KINDS: its strongest channel, grey, or white.

    Args:
        pixels: uint8 (..., 3). Yellow, orange and brown belong to red.
    """
    kinds = np.where(np.ptp(pixels, axis=-1) < GREY, 3, np.argmax(pixels, axis=-1))
    return np.where(pixels.min(axis=-1) >= WHITE, 4, kinds)


def cheat(lesson: ModuleType, run: Run) -> np.ndarray:
    """Return pictures that nobody trained: uint8 (N, size, size, 3)."""
    data, name = lesson.drawings, run[0]
    if name == "designers":
        return data.test_targets
    if name == COURSE:
        return lesson.translate(pretrained.load(ARTIST), data.test_inputs)
    learned = inside_of(lesson, data.train_inputs, data.train_targets)
    inside = inside_of(lesson, data.test_inputs, data.test_targets)
    images = np.array(np.broadcast_to(data.test_inputs, data.test_targets.shape))
    if name == "one colour":
        images[inside] = np.median(data.train_targets[learned], axis=0)
        return images
    full = np.flatnonzero(learned.sum(axis=(1, 2)) > 100)  # things with some colour
    chosen = np.random.default_rng(int(run[2])).choice(full, len(images))
    for image, where, other in zip(images, inside, chosen, strict=True):
        image[where] = np.median(data.train_targets[other][learned[other]], axis=0)
    return images


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, Any]:
    """Score a run, or a cheat, on the held-out drawings.

    `right` is the share of pixels that are of the same kind as in the designers' picture, and
    `luck` what it would be if these kinds were mixed at random. `blue_right` is the share of the
    blue pixels that are blue there, too.
    """
    data = lesson.drawings
    images = outputs(lesson, run, folder) if run[1] else cheat(lesson, run)
    inside = inside_of(lesson, data.test_inputs, data.test_targets)
    kinds, true = (colour_kinds(x[inside]) for x in (images, data.test_targets))
    gap = np.abs(images[inside].astype(float) - data.test_targets[inside]).mean()
    shares, wanted = (np.bincount(x, minlength=len(KINDS)) / len(x) for x in (kinds, true))
    found = dict(zip(KINDS, shares), right=np.mean(kinds == true), luck=shares @ wanted)
    found |= dict(
        distance=gap, blue_right=np.mean(true[kinds == BLUE] == BLUE) if shares[BLUE] else 0
    )
    return {name: round(float(found[name]), 4) for name in FOUND}


def sheets_of(lesson: ModuleType, wanted: list[Run], kept: Path) -> dict[str, np.ndarray]:
    """Return the first pictures: lines, L1 with the first seed, L1 + cGAN with each seed."""
    data, first = lesson.drawings, next(run[2] for run in wanted if run[1])
    sheets = {"lines": data.test_inputs[:STORED]}
    for run in wanted:
        if TRAINED.get(run[0]) or (run[0] in TRAINED and run[2] == first):
            sheets[f"{run[0]}, seed {run[2]}"] = outputs(lesson, run, kept)[:STORED]
    return sheets


fill = functools.partial(fill_with_pictures, sys.modules[__name__])


def measure_times(lesson: ModuleType) -> None:
    """Print the time of a step of each kind of training, of a run, and of all runs."""
    data, total = lesson.drawings, 0.0
    batch = data.train_inputs[: lesson.BATCH], data.train_targets[: lesson.BATCH]
    for run in plan(lesson, SEEDS[:1]):
        if run[0] in TRAINED:
            _, step_of = make_training(lesson, run)
            loss = lambda step, step_of=step_of: float(step_of(batch, step)["l1"])
            total += len(SEEDS) * time_run(run[0], STEPS, loss)
            keras.backend.clear_session()
    print_total(total)


def load_lesson() -> ModuleType:
    """Return the chapter's definitions, with the line drawings and their colours."""
    lesson = load_definitions("07")
    lesson.drawings = pairs.load_pairs("openmoji", lesson.SIZE)
    return lesson


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("times", "runs"):
        raise SystemExit("Say what to do: times or runs.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    lesson = load_lesson()
    if what == "times":
        measure_times(lesson)
    else:
        fill(lesson, SEEDS, MEASURED, results_folder(), int(argument))


if __name__ == "__main__":
    main(*sys.argv[1:])
