"""The versions of chapter 08's CycleGAN with three seeds each, at equal steps, beside baselines.

    python -m benchmarks.cyclegan times
    python -m benchmarks.cyclegan runs [most]
    python -m benchmarks.cyclegan tiny FOLDER

`times` measures warm steps of each version, and prints how long all runs will take: a few minutes.
`runs` trains and scores what the table lacks, at most `most` rows: about an hour on the reference
machine. A training has two rows, one for each way. There are the versions of the chapter, its own
recipe with all its steps ("lesson"), and sneakers with ankle boots ("shoes"), whose `middle` is the
side of the shoe, and which have no sleeves or sides. Recipes, steps and scores are the chapter's. A
row is made again only when its recipe, the chapter's code or the judge has changed. The generators
of each run stay in `results/`, so if only a score changes, nothing is trained again. At the end it
stores pictures of one seed for the chapter. `tiny` writes a table and pictures that mean
nothing into a folder, to try the chapter's cells before the runs are made: nothing is trained.
"""

import functools
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.tables import (
    MEASURED,
    Run,
    checksum,
    code_of,
    complete_clothes,
    fill_with_pictures,
    judge,
    print_total,
    time_run,
)
from helpers import datasets
from helpers.course import atomic_write, results_folder, start
from tools.notebooks.definitions import load_definitions

NAME = "cyclegan"  # of the table, of the stored pictures and of the kept generators
KEY = ("heaps", "variant", "way", "recipe", "seed", "steps", "code")
FOUND = ("sleeves", "sides", "read", "fcd", "middle", "cycle", "noise", "answer")
SEEDS = (1, 2, 3)
CLASSES = {"clothes": (0, 2), "shoes": (7, 9)}  # x and y
SIDE = np.s_[13:18, 13:26]  # of a shoe: rows, columns; bright in sneakers and in ankle boots
WAYS = {"G(x)": ("x", "y"), "F(y)": ("y", "x")}
BASELINES = ("copy", "nearest", "twin", "pasted", "real")
ALL_LOSSES, LESSON = "all losses", "lesson"
PICTURED = 2  # the seed whose pictures are stored: with it, a version turns light into dark
NOISE = 4  # grey values, before the way back
STORED = 6  # held-out pictures of each class
SETTINGS = ("WIDTH", "BLOCKS", "KEPT", "BATCH", "RATE", "BETA_1")
LOOKS = {
    "scores_of",
    "cycle_errors",
    "side_pixels",
    "has_sleeves",
    "nearest",
    "paste",
}  # what only looks at pictures
NOT_USED = {"RECIPE", "WHOLE", "VERSIONS", "SHORT", "STEPS", "EVERY"}
NOT_USED |= {"train", "there_and_back", "from_the_rack", "paint"}


def recipe_of(lesson: ModuleType, variant: str) -> dict[str, Any]:
    """Return the whole recipe of a version; the lesson's own one has no changes."""
    return lesson.RECIPE | lesson.VERSIONS.get(variant, {})


def place_of(lesson: ModuleType, heaps: str) -> tuple[slice, slice]:
    """Return the rows and columns of what should stay."""
    return lesson.MIDDLE if heaps == "clothes" else SIDE


def plan(lesson: ModuleType, seeds: tuple[int, ...]) -> list[Run]:
    """Return the rows of the table: baselines, versions, shoes, and the lesson, each both ways."""
    settings = [getattr(lesson, name) for name in SETTINGS]
    trained = [("clothes", name, lesson.SHORT) for name in lesson.VERSIONS]
    trained += [("shoes", ALL_LOSSES, lesson.SHORT), ("clothes", LESSON, lesson.STEPS)]
    rows = [(heaps, name, "", "", "0") for heaps in CLASSES for name in BASELINES]
    for seed in seeds:
        for heaps, name, steps in trained:
            values = [*recipe_of(lesson, name).values(), *settings]
            rows.append((heaps, name, "/".join(map(str, values)), str(seed), str(steps)))
    code = code_of(lesson, NOT_USED), judge(), str(NOISE)
    of_heaps = {heaps: checksum([*code, str(place_of(lesson, heaps))]) for heaps in CLASSES}
    return [(*run[:2], way, *run[2:], of_heaps[run[0]]) for run in rows for way in WAYS]


def train(lesson: ModuleType, run: Run) -> dict[str, Any]:
    """Train from the start; return the networks."""
    heaps, name, _, _, seed, steps, _ = run
    data, recipe = lesson.data[heaps], recipe_of(lesson, name)
    parts = lesson.make_parts(data, int(steps), int(seed), **recipe)
    train_step = lesson.make_train_step(parts, **recipe)
    ordered = datasets.batches((data.train_x, data.train_y), lesson.BATCH, int(seed))
    for _ in range(int(steps)):
        train_step(*map(lesson.scaled, next(ordered)))
    return parts


def generators(lesson: ModuleType, run: Run, folder: Path) -> list[keras.Model]:
    """Return G and F of a run, trained now, or kept from an earlier training."""
    heaps, name, _, recipe, seed, steps, _ = run
    code = checksum([recipe, code_of(lesson, NOT_USED | LOOKS)])
    key = "_".join(re.findall(r"\w+", f"{heaps} {name} {seed} {steps} {code}"))
    place, names = folder / NAME / f"{key}.npz", lesson.NETWORKS[:2]
    if not place.exists():
        parts = train(lesson, run)
        weights = {network: parts[network].get_weights() for network in names}
        with atomic_write(place, ".npz") as temporary:
            of_all = {f"{n} {i}": w for n in names for i, w in enumerate(weights[n])}
            np.savez_compressed(temporary, **of_all)
    keras.backend.clear_session()
    form = {part: recipe_of(lesson, name)[part] for part in ("add_input", "skips")}
    networks = [lesson.make_generator(**form) for _ in names]
    with np.load(place) as kept:
        for network, name in zip(networks, names):
            network.set_weights([kept[f"{name} {i}"] for i in range(len(network.weights))])
    return networks


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, Any]:
    """Score one way of a training, or a baseline."""
    heaps, name, way, recipe = run[:4]
    data, place, (first, second) = lesson.data[heaps], place_of(lesson, heaps), WAYS[way]
    given, real = getattr(data, f"test_{first}"), getattr(data, f"train_{second}")
    errors = {}
    if recipe:
        there, back = generators(lesson, run, folder)[:: 1 if first == "x" else -1]
        images = lesson.translate(there, given)
        found = lesson.cycle_errors(back, given, images, NOISE)
        errors = dict(zip(("cycle", "noise", "answer"), found))
    elif name == "real":
        images = getattr(data, f"test_{second}")
        given = np.resize(given, images.shape)  # some garment of the other class beside each
    else:
        images = {
            "copy": lambda: given,
            "nearest": lambda: lesson.nearest(given, real),
            "twin": lambda: lesson.nearest(given, real, place),
            "pasted": lambda: lesson.paste(given, real, place),
        }[name]()
    label = CLASSES[heaps]["xy".index(second)]
    scores = lesson.scores_of(name[:7], given, images, label, real, place) | errors
    if heaps == "shoes":
        del scores["sleeves"], scores["sides"]
    return {name: round(float(number), 4) for name, number in scores.items()}


def sheets_of(lesson: ModuleType, wanted: list[Run], kept: Path) -> dict[str, np.ndarray]:
    """Return pictures of one seed: given, then each version's."""
    data = lesson.data["clothes"]
    given = [data.test_x[:STORED], data.test_y[:STORED]]
    sheets, seed = (
        {"given": np.concatenate(given)},
        min(PICTURED, max(int(run[4] or 0) for run in wanted)),
    )
    for run in wanted:
        if run[0] == "clothes" and run[3] and run[4] == str(seed) and run[2] == "G(x)":
            networks = generators(lesson, run, kept)
            made = [lesson.translate(*both) for both in zip(networks, given)]
            sheets[run[1]] = np.concatenate(made)
    return sheets


fill = functools.partial(fill_with_pictures, sys.modules[__name__])


def measure_times(lesson: ModuleType) -> None:
    """Print the time of a step of each version, of a run, and of all runs."""
    data, total = lesson.data["clothes"], 0.0
    batch = [lesson.scaled(heap[: lesson.BATCH]) for heap in (data.train_x, data.train_y)]
    runs = dict.fromkeys(lesson.VERSIONS, lesson.SHORT) | {"shoes": lesson.SHORT}
    for name, steps in (runs | {LESSON: lesson.STEPS}).items():
        recipe = recipe_of(lesson, name)
        parts = lesson.make_parts(data, steps, 0, **recipe)
        train_step = lesson.make_train_step(parts, **recipe)
        total += len(SEEDS) * time_run(
            name, steps, lambda _, train_step=train_step: float(train_step(*batch)["cycle_loss"])
        )
        keras.backend.clear_session()
    print_total(total)


def load_lesson() -> ModuleType:
    """Return the chapter's definitions, with its pictures: `fashion`, and `data` of two heaps."""
    lesson = load_definitions("08")
    lesson.fashion = complete_clothes()
    lesson.data = {name: lesson.two_heaps(lesson.fashion, *both) for name, both in CLASSES.items()}
    return lesson


def make_tiny(lesson: ModuleType) -> None:
    """Make the networks narrow and the heaps small; nothing will be trained."""
    lesson.SHORT = lesson.STEPS = 1
    lesson.make_generator.__defaults__ = ((28, 28, 1), 4, 1, True, True)
    lesson.make_discriminator.__defaults__ = ((28, 28, 1), 4)
    lesson.make_train_step = lambda parts, **_: lambda x, y: None
    for data in lesson.data.values():
        vars(data).update({name: heap[:520] for name, heap in vars(data).items()})


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("times", "runs", "tiny"):
        raise SystemExit("Say what to do: times, runs or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each run traces new functions; TensorFlow would warn of it
    lesson = load_lesson()
    if what == "times":
        measure_times(lesson)
    elif what == "runs":
        fill(lesson, SEEDS, MEASURED, results_folder(), int(argument))
    else:
        make_tiny(lesson)
        fill(lesson, SEEDS[:1], Path(argument).absolute(), Path(argument).absolute())


if __name__ == "__main__":
    main(*sys.argv[1:])
