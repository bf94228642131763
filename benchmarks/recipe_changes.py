"""From chapter 04's source to its improved recipe, one change at a time, each for the same time.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes

About 25 minutes on 2 cores; goes on with the line at which it stopped. The time is that of 200
steps of the source's recipe. How many steps another recipe makes in it is measured first, side by
side with the source's, in turns. Then the improved recipe is trained with three seeds, for as many
steps as in the lesson. A line of `data/measured/recipe_changes.csv` is measured again only when its
recipe or the judge has changed.
"""

import os
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.tables import MEASURED, complete_clothes, judge, read_rows, write_rows
from helpers import datasets, metrics
from helpers.course import start
from tools.notebooks.definitions import load_definitions

TABLE = MEASURED / "recipe_changes.csv"
KEY = ("recipe", "settings", "seed", "judge")
SCORES = ("fcd", "floor", "samples", "precision", "recall")
COLUMNS = ("recipe", "settings", "seed", "steps", "step_ratio", *SCORES, "judge")
LESSON = "improved, lesson"
SOURCE_STEPS, SEEDS, ROUNDS = 200, (42, 43, 44), 6
Recipe = dict[str, Any]


def recipes(chapter: ModuleType) -> dict[str, Recipe]:
    """Return the recipes by their lines in the table; each adds its change to the one before."""
    improved = chapter.IMPROVED
    changes = {
        "source": {},
        "+ beta_1 0.5": {"beta_1": 0.5},
        "+ learning rate": {"rate": improved["rate"]},
        "+ batch size": {"batch_size": improved["batch_size"]},
        "+ cheaper generator": {"make_generator": chapter.make_fast_generator},
        "+ other discriminator": {"make_discriminator": chapter.make_fast_discriminator},
        "+ averaged generator": {"average": improved["average"]},
    }
    table, recipe = {}, chapter.SOURCE
    for line, change in changes.items():
        table[line] = recipe = recipe | change
    assert recipe == improved, "the changes do not lead to the improved recipe"
    return table


def settings(recipe: Recipe) -> str:
    """Return a recipe as a text: a row is measured again when its recipe has changed."""
    sizes = {
        name: recipe[f"make_{name}"]().count_params() for name in ("generator", "discriminator")
    }
    numbers = {name: value for name, value in recipe.items() if not name.startswith("make_")}
    return " ".join(f"{name}={value}" for name, value in (numbers | sizes).items())


def wanted(chapter: ModuleType) -> dict[tuple[str, ...], Recipe]:
    """Return the recipes by the keys of their rows, in the table's order."""
    lines = [(line, recipe, SEEDS[0]) for line, recipe in recipes(chapter).items()]
    lines += [(LESSON, chapter.IMPROVED, seed) for seed in SEEDS]
    return {(line, settings(recipe), str(seed), judge()): recipe for line, recipe, seed in lines}


def step_ratio(chapter: ModuleType, recipe: Recipe) -> float:
    """Return how many steps of a recipe take as long as one of the source's.

    The chapter's own timers, in turns, each for about a second; the median of the rounds.
    """
    both = chapter.SOURCE, recipe
    counts = [max(1, round(1 / chapter.timer(each, 2)())) for each in both]
    timers = [chapter.timer(each, count) for each, count in zip(both, counts)]
    rounds = np.array([[seconds() for seconds in timers] for _ in range(ROUNDS)])
    return float(np.median(rounds[:, 0] / rounds[:, 1]))


def measure(
    chapter: ModuleType, data: datasets.ImageData, recipe: Recipe, seed: int, steps: int
) -> dict[str, float]:
    """Train from the start, and return the scores."""
    generator, _ = chapter.train_dcgan("recipe_changes", recipe, steps, seed, fresh=True)
    fakes = chapter.generate(generator, metrics.LARGEST_SAMPLE, seed=0)
    score = metrics.frechet_classifier_distance(data.train_images, fakes, data)
    coverage = metrics.precision_recall(data.train_images, fakes, data)
    numbers = *score, coverage.precision, coverage.recall
    return dict(zip(SCORES, (round(number, 3) for number in numbers), strict=True))


def main() -> None:
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter, data = load_definitions("04"), complete_clothes()
    chapter.real, keys = chapter.scaled(data.train_images), wanted(chapter)
    rows = {tuple(row[name] for name in KEY): row for row in read_rows(TABLE)}
    for key, recipe in keys.items():
        line, _, seed, _ = key
        if key in rows and (line != LESSON or rows[key]["steps"] == str(chapter.STEPS)):
            continue
        ratio = 1.0 if recipe == chapter.SOURCE else step_ratio(chapter, recipe)
        steps = chapter.STEPS if line == LESSON else round(SOURCE_STEPS * ratio)
        numbers = {"steps": steps, "step_ratio": round(ratio, 3)}
        numbers |= measure(chapter, data, recipe, int(seed), steps)
        rows[key] = dict(zip(KEY, key)) | numbers
        write_rows(TABLE, COLUMNS, [rows[key] for key in keys if key in rows])
        print(rows[key], flush=True)


if __name__ == "__main__":
    main()
