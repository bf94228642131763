"""CycleGAN against a hidden truth, for `further/08_hidden_truth` and chapter 08: three seeds each.

    python -m benchmarks.cyclegan_truth times
    python -m benchmarks.cyclegan_truth runs [most]
    python -m benchmarks.cyclegan_truth tiny FOLDER

`times` measures warm steps of each kind of training, and prints how long all runs will take: a
minute or two. `runs` trains and scores what the table lacks, at most `most` rows: about an hour on
the reference machine. There are the lesson's versions, with the lesson's recipe and steps; Pix2Pix
of chapter 07 with the pairs of the same half, as many steps and as many pictures in a step; and
rivals without a training. Each seed cuts the pairs into other halves. A row is made again only when
its recipe or the code of a lesson has changed. The pictures of each run stay in `results/`, so if
only a score changes, nothing is trained again. At the end it stores pictures of the first seed for
the lesson. `tiny` writes a table and pictures that mean nothing into a folder, to try the lessons'
cells before the runs are made: nothing is trained.
"""

import io
import os
import re
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from benchmarks.tables import MEASURED, Run, checksum, code_of, fill_table, read_rows
from helpers import datasets, pairs
from helpers.course import REFERENCE_GFLOPS, atomic_write, machine_gflops, results_folder, start
from helpers.pairs import PairData
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME = "cyclegan_truth"  # of the table, of the stored pictures and of the kept ones
KEY = ("variant", "recipe", "seed", "steps", "code")
FOUND = ("distance", "fit", "shading", "texture")
SEEDS = (1, 2, 3)
PAIRED = {"paired": True, "paired L1": False}  # with a discriminator?
RIVALS = ("reinhard", "nearest")
EIGHT = slice(0, 160, 20)  # held-out things that are stored
WARM, TIMED = 3, 20  # steps of `times`
SETTINGS = ("SIZE", "WIDTH", "BLOCKS", "WIDTH_D", "BATCH", "RATE", "BETA_1", "SHIFT", "KEPT")
SETTINGS_07 = ("WIDTH", "RATE", "BETA_1", "L1_WEIGHT", "SHIFT")
LOOKS = {"scores_of", "strengths", "coloured", "flat_parts", "light_of"}  # only look at pictures
NOT_USED = {"RECIPE", "VERSIONS", "NAMES", "STEPS", "EVERY", "train", "there_and_back", "patch_of"}
NOT_USED |= {"print_scores", "stored", "read_heap", "two_folders", "transposed_conv"}
NOT_USED_07 = {"STEPS", "EVERY", "train", "samples_of", "compare", "scores_of"}
NOT_USED_07 |= {"pattern_strengths", "receptive_field", "slopes_of_logit", "transposed_conv"}


def described(lesson: ModuleType, variant: str) -> str:
    """Return the recipe of a training and the settings of its lesson as one text."""
    if variant in PAIRED:
        values = [PAIRED[variant], lesson.BATCH]
        values += [getattr(lesson.pix2pix, name) for name in SETTINGS_07]
    else:
        values = [*(lesson.RECIPE | lesson.VERSIONS[variant]).values()]
        values += [getattr(lesson, name) for name in SETTINGS]
    return "/".join(map(str, values))


def code_for(lesson: ModuleType, variant: str, looks: bool = True) -> str:
    """Return a checksum of the code on which a row depends, with or without its scores."""
    code = [code_of(lesson, NOT_USED if looks else NOT_USED | LOOKS)]
    code += [code_of(lesson.pix2pix, NOT_USED_07)] if variant in PAIRED else []
    return checksum(code)


def plan(lesson: ModuleType, seeds: tuple[int, ...]) -> list[Run]:
    """Return the rows of the table: rivals first, then all trainings, seed by seed."""
    rows = [("identity", "", "", "0")]
    rows += [(name, "", str(seed), "0") for seed in seeds for name in RIVALS]
    trained = {name: described(lesson, name) for name in (*lesson.VERSIONS, *PAIRED)}
    steps = str(lesson.STEPS)
    rows += [(name, text, str(seed), steps) for seed in seeds for name, text in trained.items()]
    return [(*run, code_for(lesson, run[0])) for run in rows]


def heaps_of(lesson: ModuleType, run: Run) -> SimpleNamespace:
    """Return the halves that belong to a run's seed."""
    return lesson.two_heaps(lesson.emoji, int(run[2] or 1))


def make_training(lesson: ModuleType, run: Run) -> tuple[keras.Model, Any, tuple]:
    """Return (generator, step of a batch and its number, both sides of the data)."""
    name, _, seed, steps, _ = run
    heaps, seed = heaps_of(lesson, run), int(seed)
    if name in PAIRED:
        pix2pix = lesson.pix2pix
        data = heaps.train_x, heaps.paired_y
        whole = PairData("half", "embedded", *data, heaps.test_x, heaps.test_y)
        parts = pix2pix.make_parts(whole, int(steps), seed)
        train_step = pix2pix.make_train_step(**parts, gan=PAIRED[name])
        change = pix2pix.jitter
        generator = parts["generator"]
    else:
        recipe = lesson.RECIPE | lesson.VERSIONS[name]
        parts = lesson.make_parts(heaps, int(steps), seed, **recipe)
        train_step = lesson.make_train_step(parts, **recipe)
        data = heaps.train_x, heaps.train_y
        change = lambda x, y, rng: [lesson.shifted(side, rng) for side in (x, y)]
        generator = parts["generator_xy"]
    rng = lambda step: np.random.default_rng([seed, step])
    return (
        generator,
        lambda batch, step: train_step(*map(lesson.scaled, change(*batch, rng(step)))),
        data,
    )


def outputs(lesson: ModuleType, run: Run, folder: Path) -> np.ndarray:
    """Return a run's pictures of the held-out inputs, made now, or kept from an earlier training.

    Returns:
        uint8 (N, size, size, 3).
    """
    name, recipe, seed, steps, _ = run
    heaps = heaps_of(lesson, run)
    if name == "identity":
        return heaps.test_x
    if name == "reinhard":
        return lesson.reinhard(heaps.test_x, heaps.train_x, heaps.train_y)
    if name == "nearest":
        flat = lambda images: np.float32(images.reshape(len(images), -1))
        finder = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat(heaps.train_y))
        found = finder.kneighbors(flat(heaps.test_x), return_distance=False)
        return heaps.train_y[found[:, 0]]
    code = checksum([recipe, code_for(lesson, name, looks=False)])
    key = "_".join(re.findall(r"\w+", f"{name} {seed} {steps} {code}"))
    place = folder / NAME / f"{key}.npz"
    if not place.exists():
        generator, step_of, data = make_training(lesson, run)
        ordered = datasets.batches(data, lesson.BATCH, int(seed))
        for step in range(int(steps)):
            step_of(next(ordered), step)
        with atomic_write(place, ".npz") as temporary:
            np.savez_compressed(temporary, images=lesson.translate(generator, heaps.test_x))
        keras.backend.clear_session()
    with np.load(place) as kept:
        return kept["images"]


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, Any]:
    """Score a run, or a rival, on the held-out pairs."""
    data = lesson.emoji
    scores = lesson.scores_of(outputs(lesson, run, folder), data.test_inputs, data.test_targets)
    return {name: round(float(scores[name]), 4) for name in FOUND}


def store_pictures(lesson: ModuleType, wanted: list[Run], folder: Path, path: Path) -> None:
    """Write eight pictures of each kind, of the first seed: one sheet each, WebP without loss."""
    sheets, seed = (
        {"rows": np.array(checksum(map(str, wanted)))},
        next(r[2] for r in wanted if r[2]),
    )
    for run in (run for run in wanted if run[2] == seed):
        sheet = outputs(lesson, run, folder)[EIGHT].reshape(-1, lesson.SIZE, 3)
        packed = io.BytesIO()
        Image.fromarray(sheet).save(packed, "webp", lossless=True, quality=100, method=6)
        sheets[run[0]] = np.frombuffer(packed.getvalue(), np.uint8)
    with atomic_write(path, ".npz") as temporary:
        np.savez(temporary, **sheets)
    print(f"'{path.name}': {path.stat().st_size:,} bytes")


def fill(
    lesson: ModuleType, seeds: tuple[int, ...], folder: Path, kept: Path, most: int = 1000
) -> None:
    """Make at most so many of the rows that the table in a folder lacks; then the pictures.

    Args:
        folder: where the table and the pictures for the lesson lie.
        kept: where the pictures of all runs stay.
    """
    wanted, table, path = plan(lesson, seeds), folder / f"{NAME}.csv", folder / f"{NAME}.npz"
    fill_table(table, KEY, FOUND, wanted, lambda run: score(lesson, run, kept), most)
    if len(read_rows(table)) < len(wanted):
        return
    if path.exists():
        with np.load(path) as stored:
            if str(stored["rows"]) == checksum(map(str, wanted)):
                return
    store_pictures(lesson, wanted, kept, path)


def measure_times(lesson: ModuleType) -> None:
    """Print the time of a step of each kind of training, of a run, and of all runs."""
    total = 0.0
    for run in plan(lesson, SEEDS[:1]):
        if not run[1]:
            continue
        _, step_of, data = make_training(lesson, run)
        batch = tuple(side[: lesson.BATCH] for side in data)
        seconds_of(step_of, batch, WARM)
        speeds = [speed_now()]
        seconds = seconds_of(step_of, batch, TIMED)
        speeds.append(speed_now())
        whole = lesson.STEPS * seconds * np.mean(speeds) / REFERENCE_GFLOPS
        total += len(SEEDS) * whole
        print(f"{run[0]}: a step {seconds:.3f} s at {np.round(speeds)} GFLOP/s", end=", ")
        print(f"a run {whole:.0f} s at {REFERENCE_GFLOPS}", flush=True)
        keras.backend.clear_session()
    slower = total * REFERENCE_GFLOPS / 200
    print(f"All: {total / 60:.0f} minutes at {REFERENCE_GFLOPS} GFLOP/s, {slower / 60:.0f} at 200.")


def seconds_of(step_of: Any, batch: datasets.Batch, count: int) -> float:
    began = time.perf_counter()
    for step in range(count):
        float(next(iter(step_of(batch, step).values())))
    return (time.perf_counter() - began) / count


def speed_now() -> float:
    machine_gflops.cache_clear()
    return machine_gflops()


def load_lesson() -> ModuleType:
    """Return the lesson's definitions, with its pairs, and with chapter 07 as `pix2pix`."""
    lesson = load_definitions("08", FURTHER / "08_hidden_truth.ipynb")
    lesson.emoji = pairs.load_pairs("fluent", lesson.SIZE)
    lesson.pix2pix = load_definitions("07")
    return lesson


def make_tiny(lesson: ModuleType) -> None:
    """Give back the inputs in place of a training."""
    lesson.STEPS = 1
    lesson.make_parts = lambda *_, **__: {"generator_xy": None}
    lesson.make_train_step = lambda *_, **__: lambda x, y: None
    lesson.pix2pix.make_parts = lambda *_: {"generator": None}
    lesson.pix2pix.make_train_step = lambda **_: lambda x, y: None
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
