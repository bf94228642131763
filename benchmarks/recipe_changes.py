"""From the source's recipe of chapter 04 to the improved one, one change at a time, each trained for the same time.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes       about 25 minutes on 2 cores; goes on where it stopped

The time is that of 200 steps of the source's recipe. How many steps another recipe makes in this time is measured first, side by side with the
source's, in turns. Then the improved recipe is trained with three seeds, for as many steps as in the lesson. Each line is written to
benchmarks/recipe_changes.csv when it is complete; a line is measured again only when its recipe or the judge has changed.
"""

import csv
import os
import time

import numpy as np

from benchmarks.source_recipe import judge, real_clothes
from helpers import datasets, metrics
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions

TABLE = ROOT / "benchmarks/recipe_changes.csv"
COLUMNS = ("recipe", "settings", "seed", "steps", "step_ratio", "fcd", "floor", "samples", "precision", "recall", "judge")
SOURCE_STEPS, SEEDS, ROUNDS = 200, (42, 43, 44), 6


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


def settings(chapter, recipe):
    """Return a recipe as a text: a row is measured again when its recipe has changed."""
    sizes = {name: recipe[f"make_{name}"]().count_params() for name in ("generator", "discriminator")}
    numbers = {name: value for name, value in recipe.items() if not name.startswith("make_")}
    return " ".join(f"{name}={value}" for name, value in (numbers | sizes).items())


def trainer(chapter, recipe, seed):
    """Return the averaged generator and a function (batch, step) that makes one step."""
    import tensorflow as tf

    parts = chapter.make_parts(recipe, seed)
    train_step = chapter.make_train_step(**parts)
    if not recipe["average"]:
        return parts["generator"], lambda batch, step: train_step(batch)
    averaged = chapter.averaged_copy(recipe, parts["generator"])
    average_step = chapter.make_average_step(parts["generator"], averaged, recipe["average"])

    def one_step(batch, step):
        losses = train_step(batch)
        average_step(tf.constant(step))
        return losses

    return averaged, one_step


def step_ratio(chapter, recipe, images):
    """Return how many steps of a recipe take as long as one of the source's: median of blocks of about a second, in turns."""
    if recipe == chapter.SOURCE:
        return 1.0
    recipes_, counts = (chapter.SOURCE, recipe), [2, 2]
    steppers = [(trainer(chapter, r, 0)[1], images[: r["batch_size"]]) for r in recipes_]

    def seconds_a_step(number):
        (one_step, batch), count = steppers[number], counts[number]
        began = time.perf_counter()
        for step in range(count):
            losses = one_step(batch, step)
        float(losses[0])  # waits until the last one is done
        return (time.perf_counter() - began) / count

    for _ in range(2):  # the first one traces
        counts = [max(1, round(1 / seconds_a_step(number))) for number in (0, 1)]
    rounds = np.array([[seconds_a_step(0), seconds_a_step(1)] for _ in range(ROUNDS)])
    return float(np.median(rounds[:, 0] / rounds[:, 1]))


def measure(chapter, data, images, line, recipe, seed, steps, ratio):
    generator, one_step = trainer(chapter, recipe, seed)
    batches = datasets.batches(images, recipe["batch_size"], seed)
    for step in range(steps):
        one_step(next(batches), step)
    fakes = chapter.generate(generator, metrics.LARGEST_SAMPLE, seed=0)
    score, coverage = metrics.frechet_classifier_distance(data.train_images, fakes, data), metrics.precision_recall(data.train_images, fakes, data)
    numbers = (ratio, score.fcd, score.floor, score.samples, coverage.precision, coverage.recall)
    return dict(zip(COLUMNS, (line, settings(chapter, recipe), seed, steps, *(round(number, 3) for number in numbers), judge()), strict=True))


def read():
    if not TABLE.exists():
        return []
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main():
    os.environ["COURSE_BUDGET"] = "lesson"
    start(42)
    chapter, data = load_definitions("04"), real_clothes()
    images, rows = chapter.scaled(data.train_images), read()
    table = recipes(chapter)
    wanted = [(line, recipe, SEEDS[0], None) for line, recipe in table.items()]
    wanted += [("improved, lesson", chapter.IMPROVED, seed, chapter.STEPS) for seed in SEEDS]
    names = ("recipe", "settings", "seed", "judge")
    keys = [(line, settings(chapter, recipe), str(seed), judge()) for line, recipe, seed, _ in wanted]
    rows = [row for row in rows if tuple(row[name] for name in names) in keys]  # of another recipe or judge: measured again
    rows = [row for row in rows if row["recipe"] in table or row["steps"] == str(chapter.STEPS)]  # of another length: measured again
    done = {tuple(row[name] for name in names) for row in rows}
    for key, (line, recipe, seed, steps) in zip(keys, wanted):
        if key in done:
            continue
        ratio = step_ratio(chapter, recipe, images)
        rows.append(measure(chapter, data, images, line, recipe, seed, steps or round(SOURCE_STEPS * ratio), ratio))
        rows.sort(key=lambda row: keys.index(tuple(str(row[name]) for name in names)))
        with atomic_write(TABLE) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
