"""CycleGAN against a hidden truth, for `further/08_hidden_truth` and chapter 08: three seeds each.

    python -m benchmarks.cyclegan_truth times
    python -m benchmarks.cyclegan_truth runs [most]
    python -m benchmarks.cyclegan_truth tiny FOLDER

`times` measures warm steps of each kind of training, and prints how long all runs will take: a
minute or two. `runs` trains and scores what the table lacks, at most `most` rows: about an hour on
the reference machine. There are the lesson's versions, with the lesson's recipe and steps; the same
generator with the pairs of one half and the L1 distance; Pix2Pix of chapter 07 with these pairs, as
many steps and as many pictures in a step; and rivals without a training. Each seed cuts the pairs
into other halves. A row is made again only when its recipe or the code of a lesson has changed. The
pictures of each run stay in `results/`, so if only a score changes, nothing is trained again. At
the end it stores pictures of the first seed for the lesson. `tiny` writes a table and pictures that
mean nothing into a folder, to try the lessons' cells before the runs are made: nothing is trained.
"""

import functools
import os
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors

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
from helpers.pairs import PairData
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME = "cyclegan_truth"  # of the table, of the stored pictures and of the kept ones
KEY = ("variant", "recipe", "seed", "steps", "code")
BACK = ("back", "noisy", "honest", "its_paper", "its_lines")  # distances after the way back
FOUND = ("distance", "lines", "paper", "colour", *BACK, "nearer")
SEEDS = (1, 2, 3)
SAME, PIX2PIX = "same net pairs", "Pix2Pix"  # both learn from pairs
SAME_FOR_ALL = ("identity", "white page")  # rivals that no seed changes
RIVALS = ("reinhard", "histogram", "nearest")
EIGHT = slice(0, 206, 26)  # held-out things that are stored
SETTINGS = ("SIZE", "WIDTH", "BLOCKS", "WIDTH_D", "BATCH", "RATE", "BETA_1", "SHIFT", "KEPT")
SETTINGS_07 = ("WIDTH", "RATE", "BETA_1", "L1_WEIGHT", "SHIFT")
LOOKS = {"scores_of", "distances", "reinhard", "histogram", "fitted"}
NOT_USED = {"RECIPE", "VERSIONS", "NAMES", "STEPS", "EVERY", "train", "there_and_back"}
NOT_USED |= {"print_scores", "stored", "read_heap", "two_folders", "transposed_conv"}
NOT_USED |= {"dots", "BACK"}
NOT_USED_07 = {"STEPS", "EVERY", "train", "samples_of", "compare", "scores_of", "verdict_of"}
NOT_USED_07 |= {"pattern_strengths", "texture_distance", "flat_parts", "light_of", "means_of"}
NOT_USED_07 |= {"coloured", "receptive_field", "transposed_conv"}


def described(lesson: ModuleType, variant: str) -> str:
    """Return the recipe of a training and the settings of its lesson as one text."""
    if variant == PIX2PIX:
        values = [lesson.BATCH, *(getattr(lesson.pix2pix, name) for name in SETTINGS_07)]
    else:
        recipe = {} if variant == SAME else lesson.RECIPE | lesson.VERSIONS[variant]
        values = [*recipe.values(), *(getattr(lesson, name) for name in SETTINGS)]
    return "/".join(map(str, values))


def code_for(lesson: ModuleType, variant: str, looks: bool = True) -> str:
    """Return a checksum of the code on which a row depends, with or without its scores."""
    code = [code_of(lesson, NOT_USED if looks else NOT_USED | LOOKS)]
    code += [code_of(lesson.pix2pix, NOT_USED_07)] if variant in (SAME, PIX2PIX) else []
    return checksum(code)


def plan(lesson: ModuleType, seeds: tuple[int, ...]) -> list[Run]:
    """Return the rows of the table: rivals first, then all trainings, seed by seed."""
    rows = [(name, "", "", "0") for name in SAME_FOR_ALL]
    rows += [(name, "", str(seed), "0") for seed in seeds for name in RIVALS]
    trained = {name: described(lesson, name) for name in (*lesson.VERSIONS, SAME, PIX2PIX)}
    steps = str(lesson.STEPS)
    rows += [(name, text, str(seed), steps) for seed in seeds for name, text in trained.items()]
    return [(*run, code_for(lesson, run[0])) for run in rows]


def heaps_of(lesson: ModuleType, run: Run) -> SimpleNamespace:
    """Return the halves that belong to a run's seed."""
    return lesson.two_heaps(lesson.emoji, int(run[2] or 1))


def make_training(lesson: ModuleType, run: Run) -> tuple[dict[str, Any], Any, tuple]:
    """Return (networks, step of a batch and its number, both sides of the data)."""
    name, _, seed, steps, _ = run
    heaps, seed, steps = heaps_of(lesson, run), int(seed), int(steps)
    together = lesson.pix2pix.jitter  # both pictures of a pair
    if name == PIX2PIX:
        sides, change = (heaps.train_x, heaps.paired_y), together
        whole = PairData("half", "embedded", *sides, heaps.test_x, heaps.test_y)
        parts = lesson.pix2pix.make_parts(whole, steps, seed)
        train_step = lesson.pix2pix.make_train_step(**parts, gan=True)
        parts["generator_xy"] = parts["generator"]
    else:
        recipe = lesson.RECIPE | lesson.VERSIONS.get(name, {})
        parts = lesson.make_parts(heaps, steps, seed, **recipe)
        if name == SAME:
            sides, change = (heaps.train_x, heaps.paired_y), together
            optimizer = parts["generator_xy_optimizer"]
            train_step = lesson.make_paired_step(parts["generator_xy"], optimizer)
        else:
            sides = heaps.train_x, heaps.train_y
            change = lambda x, y, rng: [lesson.shifted(side, rng) for side in (x, y)]
            train_step = lesson.make_train_step(parts, **recipe)

    def step_of(batch: datasets.Batch, step: int) -> dict[str, Any]:
        changed = change(*batch, np.random.default_rng([seed, step]))
        return train_step(*map(lesson.scaled, changed))

    return parts, step_of, sides


def make_paired_step(lesson: ModuleType, generator: keras.Model, optimizer: Any) -> Any:
    """Return a step in which a generator learns pairs: its loss is the L1 distance alone."""
    weights = generator.trainable_variables

    @tf.function
    def train_step(x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = lesson.l1_distance(generator(x), y)
        optimizer.apply(tape.gradient(loss, weights), weights)
        return {"l1": loss}

    return train_step


def trained(lesson: ModuleType, run: Run, folder: Path) -> dict[str, np.ndarray]:
    """Return a training's pictures and its ways back, made now, or kept from an earlier time.

    Returns:
        images, uint8 (N, size, size, 3), of the held-out inputs; and for versions of CycleGAN the
        distances of BACK, in grey values.
    """
    name, recipe, seed, steps, _ = run
    heaps = heaps_of(lesson, run)
    code = checksum([recipe, code_for(lesson, name, looks=False)])
    key = "_".join(re.findall(r"\w+", f"{name} {seed} {steps} {code}"))
    place = folder / NAME / f"{key}.npz"
    if not place.exists():
        parts, step_of, data = make_training(lesson, run)
        ordered = datasets.batches(data, lesson.BATCH, int(seed))
        for step in range(int(steps)):
            step_of(next(ordered), step)
        images = lesson.translate(parts["generator_xy"], heaps.test_x)
        found = dict(images=images)
        if name in lesson.VERSIONS:
            found["made"] = lesson.translate(parts["generator_yx"], heaps.test_y)
            back = parts["generator_yx"]
            found |= lesson.ways_back(back, images, heaps.test_y, heaps.test_x)
        with atomic_write(place, ".npz") as temporary:
            np.savez_compressed(temporary, **found)
        keras.backend.clear_session()
    with np.load(place) as kept:
        return dict(kept)


def outputs(lesson: ModuleType, run: Run, folder: Path) -> np.ndarray:
    """Return the line drawings of a training or of a rival: uint8 (N, size, size, 3)."""
    heaps, name = heaps_of(lesson, run), run[0]
    given = heaps.test_x, heaps.train_x, heaps.train_y
    if name == "identity":
        return heaps.test_x
    if name == "white page":
        return np.full_like(heaps.test_x, 255)
    if name == "reinhard":
        return lesson.reinhard(*given)
    if name == "histogram":
        return lesson.histogram(*given)
    if name == "nearest":  # to a drawing that the histogram makes: colours would spoil the search
        flat = lambda images: np.float32(images.reshape(len(images), -1))
        finder = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat(heaps.train_y))
        found = finder.kneighbors(flat(lesson.histogram(*given)), return_distance=False)
        return heaps.train_y[found[:, 0]]
    return trained(lesson, run, folder)["images"]


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, Any]:
    """Score a run, or a rival, on the held-out pairs."""
    images, truth = outputs(lesson, run, folder), heaps_of(lesson, run).test_y
    found = dict(lesson.scores_of(images, truth))
    if run[0] in lesson.VERSIONS:
        kept = trained(lesson, run, folder)
        found |= {name: kept[name] for name in BACK}
    rival = outputs(lesson, ("histogram", "", run[2] or "1", "0", ""), folder)
    nearer = lesson.distances(images, truth) < lesson.distances(rival, truth)
    return {name: round(float(number), 4) for name, number in found.items()} | {
        "nearer": nearer.sum()
    }


def sheets_of(lesson: ModuleType, wanted: list[Run], kept: Path) -> dict[str, np.ndarray]:
    """Return eight pictures of each kind, of the first seed, as sheets."""
    seed = next(run[2] for run in wanted if run[2])
    shown = [run for run in wanted if run[2] == seed]
    return {run[0]: packed_sheet(outputs(lesson, run, kept)[EIGHT]) for run in shown}


fill = functools.partial(fill_with_pictures, sys.modules[__name__])


def measure_times(lesson: ModuleType) -> None:
    """Print the time of a step of each kind of training, of a run, and of all runs."""
    total = 0.0
    for run in (run for run in plan(lesson, SEEDS[:1]) if run[1]):
        _, step_of, data = make_training(lesson, run)
        batch = tuple(side[: lesson.BATCH] for side in data)
        losses = lambda step, step_of=step_of, batch=batch: step_of(batch, step).values()
        one = lambda step, losses=losses: float(next(iter(losses(step))))
        total += len(SEEDS) * time_run(run[0], lesson.STEPS, one)
        keras.backend.clear_session()
    print_total(total)


def load_lesson() -> ModuleType:
    """Return the lesson's definitions, with its pairs, and with chapter 07 as `pix2pix`."""
    lesson = load_definitions("08", FURTHER / "08_hidden_truth.ipynb")
    lesson.emoji = pairs.load_pairs("openmoji", lesson.SIZE)
    lesson.pix2pix = load_definitions("07")
    lesson.make_paired_step = functools.partial(make_paired_step, lesson)
    return lesson


def make_tiny(lesson: ModuleType) -> None:
    """Give back the inputs in place of a training."""
    lesson.STEPS = 1
    names = "generator_xy", "generator_yx", "generator_xy_optimizer", "generator"
    lesson.make_parts = lesson.pix2pix.make_parts = lambda *_, **__: dict.fromkeys(names)
    lesson.make_train_step = lesson.pix2pix.make_train_step = lambda *_, **__: lambda x, y: None
    lesson.make_paired_step = lambda *_: lambda x, y: None
    lesson.translate = lambda generator, inputs: inputs


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
        fill(lesson, SEEDS, Path(argument).absolute(), Path(argument).absolute())


if __name__ == "__main__":
    main(*sys.argv[1:])
