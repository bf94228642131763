"""From the source's recipe of chapter 04 to the improved one, one change at a time, each trained for the same time.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes       about 35 minutes on 2 cores; goes on where it stopped

The time is that of 300 steps of the source's recipe. How many steps another recipe makes in this time is measured first, side by side with the
source's, in turns. The improved recipe is trained with three seeds, also for the lesson's number of steps. Each line is written to
benchmarks/recipe_changes.csv when it is complete; lines that are there are not measured again.
"""

import csv
import os
import time

import numpy as np

from helpers import datasets, metrics
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions

TABLE = ROOT / "benchmarks/recipe_changes.csv"
COLUMNS = ("recipe", "seed", "steps", "step_ratio", "fcd", "floor", "samples", "precision", "recall", "classes")
SOURCE_STEPS, SEEDS, ROUNDS = 300, (42, 43, 44), 6


def recipes(chapter):
    """Return the recipes by their lines in the table; each adds its change to the one before."""
    changes = {
        "source": {},
        "+ beta_1 0.5": {"beta_1": 0.5},
        "+ learning rate": {"rate": chapter.IMPROVED["rate"]},
        "+ batch size": {"batch_size": chapter.IMPROVED["batch_size"]},
        "+ cheaper generator": {"make_generator": chapter.make_fast_generator},
        "+ other discriminator": {"make_discriminator": chapter.make_fast_discriminator},
        "+ averaged generator": {"average": chapter.IMPROVED["average"]},
    }
    table, recipe = {}, chapter.SOURCE
    for line, change in changes.items():
        table[line] = recipe = recipe | change
    assert recipe == chapter.IMPROVED, "the changes do not lead to the improved recipe"
    return table


def trainer(chapter, recipe, seed):
    """Return the averaged generator and a function (batch, step) that makes one step."""
    import tensorflow as tf

    parts = chapter.make_parts(recipe, seed)
    averaged = chapter.averaged_copy(recipe, parts["generator"])
    train_step = chapter.make_train_step(**parts)
    average_step = chapter.make_average_step(parts["generator"], averaged, recipe["average"])

    def one_step(batch, step):
        train_step(batch)
        average_step(tf.constant(step))

    return averaged, one_step


def step_ratio(chapter, recipe, images):
    """Return how many steps of a recipe take as long as one of the source's: median of rounds in turns."""
    seconds = []
    steppers = [(trainer(chapter, r, 0)[1], images[: r["batch_size"]], count) for r, count in ((chapter.SOURCE, 1), (recipe, 5))]
    for round_ in range(ROUNDS + 1):
        for one_step, batch, count in steppers:
            began = time.perf_counter()
            for step in range(count):
                one_step(batch, step)
            seconds.append((time.perf_counter() - began) / count)
    pairs = np.reshape(seconds, (-1, 2))[1:]  # the first round traces
    return float(np.median(pairs[:, 0] / pairs[:, 1]))


def measure(chapter, data, images, line, recipe, seed, steps, ratio):
    averaged, one_step = trainer(chapter, recipe, seed)
    batches = datasets.batches(images, recipe["batch_size"], seed)
    for step in range(steps):
        one_step(next(batches), step)
    noise = np.random.default_rng(0).normal(size=(metrics.LARGEST_SAMPLE, chapter.LATENT)).astype(np.float32)
    fakes = np.concatenate([averaged(noise[at : at + 500], training=False) for at in range(0, len(noise), 500)])
    score, coverage = (measure(data.train_images, fakes, data) for measure in (metrics.frechet_classifier_distance, metrics.precision_recall))
    classes = len(np.unique(metrics.read_classes(fakes, data)[0]))
    numbers = (ratio, score.fcd, score.floor, score.samples, coverage.precision, coverage.recall)
    return dict(zip(COLUMNS, (line, seed, steps, *(round(number, 3) for number in numbers), classes)))


def read():
    if not TABLE.exists():
        return []
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main():
    os.environ["COURSE_BUDGET"] = "lesson"
    start(42)
    chapter, data = load_definitions("04"), datasets.load("fashion_mnist")
    images, rows = chapter.scaled(data.train_images), read()
    table = recipes(chapter)
    wanted = [(line, recipe, SEEDS[0], None) for line, recipe in table.items()]
    wanted += [("improved, lesson", chapter.IMPROVED, seed, chapter.STEPS) for seed in SEEDS]
    for line, recipe, seed, steps in wanted:
        if any((row["recipe"], row["seed"]) == (line, str(seed)) for row in rows):
            continue
        ratio = step_ratio(chapter, recipe, images)
        rows.append(measure(chapter, data, images, line, recipe, seed, steps or round(SOURCE_STEPS * ratio), ratio))
        with atomic_write(TABLE) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
