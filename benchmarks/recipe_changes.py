"""Chapter 04's recipes: what a step costs, how far the lesson gets, and what each change brings.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes times
    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes lesson [runs]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes earlier [runs]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.recipe_changes changes [runs]

`times` measures step times side by side, in turns: a few minutes. It leaves the rows of recipes
that it has measured before; to measure all again, delete its table. `lesson` trains the improved
recipe as the lesson does, five reference minutes, with three seeds, and scores it along the way.
`earlier` trains the recipe of the course's first edition for the same time. `changes` trains each
row of `rows` with three seeds, for the time of `TIME` steps of the tutorial's recipe, and the
recipe without the penalty for as long as the lesson, too: an hour and a half on the reference
machine. The last three go on with the run at which they stopped, and make at most `runs` runs. A
run is made again only when its recipe, its steps or the judge has changed.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.tables import MEASURED, checksum, complete_clothes, judge, read_rows, write_rows
from helpers import datasets, metrics
from helpers.course import machine_gflops, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

TIMES = MEASURED / "recipe_times.csv"
LESSON = MEASURED / "recipe_lesson.csv"
FIRST_EDITION = MEASURED / "recipe_earlier.csv"
CHANGES = MEASURED / "recipe_changes.csv"
KEY = ("recipe", "seed", "settings", "judge")
TIME_COLUMNS = ("recipe", "settings", "ratio", "low", "high")
SCORES = ("fcd", "floor", "precision", "recall")
COLUMNS = ("recipe", "seed", "mark", "step", *SCORES, "classes", "settings", "judge")
TIME = 150  # steps of the tutorial's recipe: about a minute on the reference machine
EQUAL = 500  # equal steps for the improved recipe and its neighbours
SEEDS, ROUNDS = (42, 43, 44), 8
CURVE = (100, 150, 200, 300, 400, 600, 1_000, 2_000, 4_000, 8_000)  # steps of the lesson's curve
Recipe = dict[str, Any]
Plan = tuple[Recipe, dict[str, int]]  # and the steps at which it is scored, by a name
Row = dict[str, Any]


def earlier_generator() -> keras.Model:
    grow = dict(kernel_size=4, strides=2, padding="same")
    hidden = [layers.Dense(7 * 7 * 128, use_bias=False), layers.BatchNormalization()]
    hidden += [layers.ReLU(), layers.Reshape((7, 7, 128))]
    hidden += [layers.Conv2DTranspose(64, use_bias=False, **grow), layers.BatchNormalization()]
    last = layers.Conv2DTranspose(1, activation="tanh", **grow)
    return keras.Sequential([keras.Input((100,)), *hidden, layers.ReLU(), last], name="generator")


def earlier_discriminator() -> keras.Model:
    hidden = [layers.Conv2D(32, 4, strides=2, padding="same"), layers.LeakyReLU(0.2)]
    for filters in (64, 128):
        hidden += [layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False)]
        hidden += [layers.BatchNormalization(), layers.LeakyReLU(0.2)]
    parts = [keras.Input((28, 28, 1)), *hidden, layers.Flatten(), layers.Dense(1)]
    return keras.Sequential(parts, name="discriminator")


EARLIER = dict(  # the recipe of the course's first edition
    make_generator=earlier_generator,
    make_discriminator=earlier_discriminator,
    rate=1e-3,
    beta_1=0.5,
    batch_size=64,
    penalty=0.0,
    average=0.998,
)


def rows(lesson: ModuleType) -> dict[str, Recipe]:
    """Return the recipes by name: the way there, one change more a row, then each left out."""
    table, recipe = {"tutorial": lesson.TUTORIAL}, lesson.TUTORIAL
    for line, change in lesson.CHANGES.items():
        recipe = recipe | change
        table[f"+ {line}"] = recipe
    assert recipe == lesson.IMPROVED, "the changes do not lead to the improved recipe"
    table["improved"] = table.pop(f"+ {line}")  # the last row has them all
    for line, change in lesson.CHANGES.items():
        table[f"without {line}"] = recipe | {name: lesson.TUTORIAL[name] for name in change}
    both = {name: lesson.TUTORIAL[name] for name in ("beta_1", "rate")}
    return table | {"without beta_1 and rate": recipe | both, "paper": lesson.PAPER}


def settings(recipe: Recipe) -> str:
    """Return a checksum of a recipe, its networks among it, but not the names of their layers."""
    texts = []
    for name, value in sorted(recipe.items()):
        layers_of = value().layers if name.startswith("make_") else ()
        configurations = [layer.get_config() | {"name": ""} for layer in layers_of]
        texts.append(f"{name} {configurations or value}")
    return checksum(texts)


def timer(lesson: ModuleType, real: np.ndarray, recipe: Recipe) -> Callable[[], float]:
    """Return a function that takes the time of a step, in seconds, over about a second."""
    _, step, _ = lesson.make_training(recipe, SEEDS[0])
    batch, count = real[: recipe["batch_size"]], 2

    def seconds() -> float:
        began = time.perf_counter()
        for number in range(count):
            numbers = step(batch, number)
        float(numbers["generator_loss"])
        return (time.perf_counter() - began) / count

    seconds()  # traces both graphs, with the penalty and without
    count = max(2, round(1 / seconds()))
    return seconds


def measure_times(lesson: ModuleType, real: np.ndarray) -> None:
    """Write how many steps of each recipe take as long as one of the tutorial's."""
    found = {row["settings"]: row for row in read_rows(TIMES)}
    base = timer(lesson, real, lesson.TUTORIAL)
    for name, recipe in (rows(lesson) | {"earlier": EARLIER}).items():
        if settings(recipe) in found:
            continue  # measured before, or the same recipe by another way
        numbers = 1, 1, 1
        if name != "tutorial":
            other = timer(lesson, real, recipe)
            ratios = [base() / other() for _ in range(ROUNDS)]
            numbers = np.median(ratios), min(ratios), max(ratios)
        row = dict(zip(TIME_COLUMNS, (name, settings(recipe), *np.round(numbers, 2))))
        found[settings(recipe)] = row
        print(row, flush=True)
        write_rows(TIMES, TIME_COLUMNS, [*found.values()])


def ratio_of(recipe: Recipe) -> float:
    """Return the ratio of `measure_times`. SystemExit: it was not measured."""
    ratios = {row["settings"]: float(row["ratio"]) for row in read_rows(TIMES)}
    if settings(recipe) not in ratios:
        raise SystemExit(f"'{TIMES}' does not know the time of a recipe. First run: times")
    return ratios[settings(recipe)]


def lesson_plans(chapter: ModuleType) -> dict[str, Plan]:
    """Return the improved recipe as in the chapter, scored along the way."""
    marks = {f"step {step}": step for step in (*CURVE, chapter.STEPS)}
    return {"improved": (chapter.IMPROVED, marks)}


def earlier_plans(chapter: ModuleType) -> dict[str, Plan]:
    """Return the recipe of the course's first edition, for as long as the chapter's training."""
    steps = round(chapter.STEPS * ratio_of(EARLIER) / ratio_of(chapter.IMPROVED))
    return {"earlier": (EARLIER, {"equal time": steps})}


def change_plans(lesson: ModuleType, chapter: ModuleType) -> dict[str, Plan]:
    """Return what to train, and the steps at which to score: equal steps, and equal time."""
    plans = {}
    for name, recipe in rows(lesson).items():
        marks = {"equal time": round(TIME * ratio_of(recipe))}
        if name == "improved" or not name.startswith("without"):
            marks |= {"equal steps": TIME}
        if name == "improved" or name.startswith("without"):
            marks |= {"equal steps later": EQUAL}
        plans[name] = recipe, marks
    for name in ("improved", "without penalty"):
        recipe, marks = plans[name]
        longer = ratio_of(recipe) / ratio_of(lesson.IMPROVED)
        marks |= {"lesson steps": chapter.STEPS, "lesson time": round(chapter.STEPS * longer)}
    return plans


def score(lesson: ModuleType, generator: Any, data: datasets.ImageData) -> dict[str, float]:
    fakes = lesson.generate(generator, metrics.LARGEST_SAMPLE, seed=0)
    fcd, floor, _ = metrics.frechet_classifier_distance(data.train_images, fakes, data)
    coverage = metrics.precision_recall(data.train_images, fakes, data)
    found = metrics.class_shares(fakes, data) > metrics.class_shares(data.test_images, data) / 4
    numbers = fcd, floor, coverage.precision, coverage.recall
    return dict(zip(SCORES, (round(float(n), 3) for n in numbers))) | {"classes": int(found.sum())}


def train(
    lesson: ModuleType, data: datasets.ImageData, recipe: Recipe, seed: int, marks: set[int]
) -> dict[int, Row]:
    """Train from the start, and return the scores of the averaged generator at these steps."""
    parts, step, _ = lesson.make_training(recipe, seed)
    ordered = datasets.batches(lesson.scaled(data.train_images), recipe["batch_size"], seed)
    scores = {}
    for number in range(1, max(marks) + 1):
        step(next(ordered), number - 1)
        if number in marks:
            scores[number] = score(lesson, parts["averaged"], data)
    return scores


def known_scores() -> dict[tuple[str, str, str], dict[int, Row]]:
    """Return the scores of all tables: by settings, seed and judge, then by step."""
    found = {}
    for row in [row for table in (LESSON, FIRST_EDITION, CHANGES) for row in read_rows(table)]:
        run = found.setdefault((row["settings"], row["seed"], row["judge"]), {})
        run[int(row["step"])] = {name: row[name] for name in (*SCORES, "classes")}
    return found


def write_runs(table: Path, plans: dict[str, Plan], found: dict) -> None:
    """Write what is known of these plans."""
    rows = [
        dict(zip(KEY, (name, str(seed), settings(recipe), judge())))
        | {"mark": mark, "step": step}
        | found[settings(recipe), str(seed), judge()][step]
        for name, (recipe, marks) in plans.items()
        for seed in SEEDS
        for mark, step in marks.items()
        if step in found.get((settings(recipe), str(seed), judge()), ())
    ]
    write_rows(table, COLUMNS, rows)


def make_runs(table: Path, lesson: ModuleType, plans: dict[str, Plan], most: int) -> None:
    """Make the runs that a table lacks, at most so many, and write it after each one.

    What is in another table, or is the same recipe by another way, is not trained again.
    """
    data, found, wanted = complete_clothes(), known_scores(), {}
    for seed in SEEDS:
        for recipe, marks in plans.values():
            run = wanted.setdefault((settings(recipe), str(seed), judge()), (recipe, set()))
            run[1].update(marks.values())
    for key, (recipe, marks) in wanted.items():
        if marks <= set(found.get(key, ())) or most <= 0:
            continue
        most, began = most - 1, time.monotonic()
        found[key] = train(lesson, data, recipe, int(key[1]), marks)
        write_runs(table, plans, found)
        seconds = time.monotonic() - began
        print(f"{seconds:.0f} s at {machine_gflops():.0f} GFLOP/s, {key}: {found[key]}", flush=True)
    write_runs(table, plans, found)


def main(what: str = "", most: str = "1000") -> None:
    if what not in ("times", "lesson", "earlier", "changes"):
        raise SystemExit("Say what to do: times, lesson, earlier, or changes.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter = load_definitions("04")
    lesson = load_definitions("04", FOLDER / "further" / "04_recipes.ipynb")
    if what == "times":
        measure_times(lesson, lesson.scaled(complete_clothes().train_images))
    elif what == "lesson":
        make_runs(LESSON, lesson, lesson_plans(chapter), int(most))
    elif what == "earlier":
        make_runs(FIRST_EDITION, lesson, earlier_plans(chapter), int(most))
    else:
        make_runs(CHANGES, lesson, change_plans(lesson, chapter), int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
