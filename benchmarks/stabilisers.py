"""Ways to hold a discriminator, of `further/05_stabilisers`, at the same time, with two rates.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.stabilisers times
    COURSE_DATA_DIR=../shared/data python -m benchmarks.stabilisers runs [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.stabilisers strengths [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.stabilisers steps

`times` measures step times side by side, in turns: a few minutes. `runs` trains each way with three
seeds and two learning rates, three of the ways with two more rates, and four pairs of way and rate
with seven more seeds. A training takes as long as `TIME` steps of the plain way, and the averaged
generator at its end is scored: one and a half hours on the reference machine. It goes on with the
run at which it stopped, and makes at most `most` runs. A run is made again only when the lesson's
code, the time of its step or the judge has changed. `strengths` does the same for R1 with other
strengths, for spectral normalisation whose logits are multiplied before the loss, for an Adam with
a short memory, gradients that are clipped, and one slow player: an hour on the reference machine.
`steps` trains a few ways once more, and writes how long the gradient of the generator and the step
of its Adam are, with pictures at the end (five trainings with two seeds, ten minutes there).
"""

import os
import sys
import time
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.tables import (
    MEASURED,
    Run,
    code_of,
    complete_clothes,
    fill_table,
    judge,
    read_rows,
    write_rows,
)
from helpers import datasets, metrics
from helpers.course import atomic_write, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

TIMES, RUNS = MEASURED / "stabiliser_times.csv", MEASURED / "stabilisers.csv"
STRENGTHS, STEPS = MEASURED / "stabiliser_strengths.csv", MEASURED / "stabiliser_steps.csv"
PICTURES, SHOWN = MEASURED / "stabiliser_steps.npz", 12  # of each watched generator
WATCHED = "gradient", "adam_step", "saturated"  # of the generator, with hinge at the high rate
WATCHED_SEEDS, TOGETHER, ENDS = (42, 43), 5, 0.99  # means of five steps; of tanh
FORGETS = 600  # from this step on the memory is short
KEY = ("way", "rate", "seed", "steps", "code", "judge")
SCORES = ("fcd", "floor", "precision", "recall", "classes")
TIME = 1_500  # steps of the plain way: about 40 seconds on the reference machine
SEEDS, ROUNDS = (42, 43, 44), 8
SWEPT = "plain", "R1", "spectral"  # the ways that are trained with each of the rates
MORE_SEEDS = tuple(range(46, 53))  # the lesson's own trainings have another one
# (strength of R1 or factor of the logits, learning rate); the lesson's ways have 0.1 and 1
R1_WITH = (0.01, 6e-3), (0.3, 6e-3), (1.0, 6e-3), (3.0, 2e-2), (10.0, 2e-2)
R1_WITH += (1.0, 2e-3), (3.0, 6e-3), (1.0, 2e-2)
R1_EACH_STEP_WITH = (1.0, 6e-3), (3.0, 2e-2)  # with as many steps as R1, so in more time
SPECTRAL_WITH = (4, 2e-3), (8, 2e-3), (8, 2e-2), (16, 2e-3), (8, 6e-3), (16, 6e-3)
SPECTRAL_WITH += (4, 5e-4), (8, 5e-4), (4, 6e-3), (16, 2e-2)
# ways whose Adam remembers about 10 steps, not 1,000
SHORT_MEMORY = ("plain", 2e-2), ("hinge", 2e-2), ("spectral 16", 2e-2), ("R1 1.0", 2e-2)
SHORT_MEMORY += ("plain", 6e-3), ("plain", 2e-3)
# the same for only one player's Adam, at the high rate
WHOSE = ("hinge", "generator"), ("hinge", "discriminator")
WHOSE += ("plain", "generator"), ("R1 1.0", "generator")
# the usual memory, but no gradient is longer than this, at the high rate: two controls
CLIPPED, LONGEST = ("plain", "hinge"), (10.0, 1000.0)
# the high rate for one player only: the other one, named here, has that of chapter 04
SLOW, SLOW_RATE = ("generator", "discriminator"), 2e-3
# good in three seeds: seven more
ASKED = ("spectral 16", 2e-2), ("plain beta_2 0.9", 2e-2), ("hinge + spectral 16", 2e-2)
ASKED += (("R1 1.0", 6e-3),)
NOT_USED = {"STEPS", "EVERY", "SCORED", "SEED", "RATES", "HIGH", "RATE", "NORMAL", "smallest_gan"}
NOT_USED |= {"FEWEST", "LEAST", "COLOURS", "train_gan", "looked_at", "numbers_of", "report"}
NOT_USED |= {"failed", "draw_rates", "WATCHED", "ASKED"}


def seconds_of(step: Any, real: np.ndarray, count: int = 80) -> float:
    began = time.perf_counter()
    for number in range(count):
        numbers = step(real, number)
    float(numbers["generator_loss"])
    return (time.perf_counter() - began) / count


def measure_times(lesson: ModuleType, real: np.ndarray) -> None:
    """Write how many steps of each way take as long as one of the plain way."""
    steps = {
        name: lesson.make_training(way, lesson.RATE, 0)[1] for name, way in lesson.WAYS.items()
    }
    for step in steps.values():
        seconds_of(step, real)  # traces all its graphs
    rounds = [{name: seconds_of(step, real) for name, step in steps.items()} for _ in range(ROUNDS)]
    rows = []
    for name in steps:
        ratios = [seconds["plain"] / seconds[name] for seconds in rounds]
        numbers = np.round([np.median(ratios), min(ratios), max(ratios)], 2)
        rows.append(dict(zip(("way", "ratio", "low", "high"), (name, *numbers))))
        print(rows[-1], flush=True)
    write_rows(TIMES, rows[0], rows)


def train(
    lesson: ModuleType, data: datasets.ImageData, way: dict[str, Any], run: Run
) -> dict[str, Any]:
    """Train a way from the start, and return the scores of the averaged generator."""
    rate, seed, steps = float(run[1]), int(run[2]), int(run[3])
    parts, step = lesson.make_training(way, rate, seed)
    change_adams(parts, way)
    ordered = datasets.batches(lesson.scaled(data.train_images), lesson.BATCH, seed)
    for number in range(steps):
        step(next(ordered), number)
    fakes = lesson.generate(parts["averaged"], metrics.LARGEST_SAMPLE, seed=0)
    if not np.isfinite(fakes).all():
        return dict.fromkeys(SCORES, "nan")
    fcd, floor, _ = metrics.frechet_classifier_distance(data.train_images, fakes, data)
    coverage = metrics.precision_recall(data.train_images, fakes, data)
    found = metrics.class_shares(fakes, data) > metrics.class_shares(data.test_images, data) / 4
    numbers = fcd, floor, coverage.precision, coverage.recall
    return dict(zip(SCORES, (*(round(float(n), 3) for n in numbers), int(found.sum()))))


class WatchedAdam(keras.optimizers.Adam):
    """An Adam that notes the lengths of the gradient and of its own step, over all weights."""

    def build(self, variables: list[Any]) -> None:
        super().build(variables)
        self.seen = tf.Variable(tf.zeros(2), trainable=False)

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        before = [tf.identity(weight) for weight in trainable_variables]
        super().apply(grads, trainable_variables)
        moved = [weight - old for weight, old in zip(trainable_variables, before)]
        self.seen.assign(tf.stack([tf.linalg.global_norm(grads), tf.linalg.global_norm(moved)]))


def watch(
    lesson: ModuleType, data: datasets.ImageData, way: dict[str, Any], seed: int
) -> tuple[list[tuple[float, float, float]], np.ndarray]:
    """Train at the high rate; return what is seen in each step, and pictures of the generator.

    Returns:
        For each step the gradient, Adam's step and the saturated share; uint8 (N, 28, 28).
    """
    usual, keras.optimizers.Adam = keras.optimizers.Adam, WatchedAdam
    parts, step = lesson.make_training(way, lesson.HIGH, seed)
    keras.optimizers.Adam = usual
    ordered = datasets.batches(lesson.scaled(data.train_images), lesson.BATCH, seed)
    z, rows = lesson.noise_of(lesson.BATCH, seed=5), []
    for number in range(TIME):
        if number == way.get("from", 0):
            change_adams(parts, way)
            step = traced_again(lesson, parts, way) if number else step
        step(next(ordered), number)
        if number % TOGETHER == 0:
            ends = np.abs(parts["generator"](z, training=True)) > ENDS
        rows.append((*parts["generator_optimizer"].seen.numpy(), np.mean(ends)))
    fakes = lesson.generate(parts["generator"], metrics.LARGEST_SAMPLE, seed=0)
    return rows, np.uint8(np.round((fakes[..., 0] + 1) * 127.5))


def traced_again(lesson: ModuleType, parts: dict[str, Any], way: dict[str, Any]) -> Any:
    """Return the step of a way without a penalty, on the same parts; its graph has new settings."""
    trained = {name: part for name, part in parts.items() if name != "averaged"}
    step = lesson.make_train_step(**trained, way=way)
    return lambda real, number: step(tf.constant(real), 0.0, True)


def make_steps(lesson: ModuleType) -> None:
    """Write what `watch` sees with hinge: usual memory, that of a player short, also late."""
    hinge, data, rows, kept = lesson.WAYS["hinge"], complete_clothes(), [], []
    ways = {"usual": hinge} | {who: hinge | {"memory": who} for _, who in WHOSE[:2]}
    ways["forgets"] = ways["generator"] | {"from": FORGETS}
    ways["both"] = hinge | {"memory": "generator discriminator", "from": FORGETS}
    for seed in WATCHED_SEEDS:
        made = {name: watch(lesson, data, way, seed) for name, way in ways.items()}
        rows += rows_of(seed, {name: seen for name, (seen, _) in made.items()}, facts_of(lesson)[0])
        kept.append([images for _, images in made.values()])
    write_rows(STEPS, rows[0], rows)
    fcd = lambda x: metrics.frechet_classifier_distance(data.train_images, x, data).fcd
    found = {"ways": [*ways], "pictures": np.array(kept)[:, :, :SHOWN]}
    found["fcds"] = [[fcd(images) for images in of_seed] for of_seed in kept]
    with atomic_write(PICTURES, ".npz") as temporary:
        np.savez_compressed(temporary, **found)


def rows_of(seed: int, seen: dict[str, Any], code: str) -> list[dict[str, Any]]:
    """Return a row for each few steps: the means of each way's (steps, 3) numbers."""
    means = {
        f"{way}_{name}": np.reshape(numbers, (-1, TOGETHER, len(WATCHED))).mean(axis=1)[:, place]
        for place, name in enumerate(WATCHED)
        for way, numbers in seen.items()
    }
    return [
        {"seed": seed, "step": place * TOGETHER, "code": code}
        | {name: f"{column[place]:.4g}" for name, column in means.items()}
        for place in range(TIME // TOGETHER)
    ]


def change_adams(parts: dict[str, Any], way: dict[str, Any]) -> None:
    for player in way.get("memory", "").split():
        parts[f"{player}_optimizer"].beta_2 = 0.9
    for player in ("generator", "discriminator") if "clip" in way else ():
        parts[f"{player}_optimizer"].global_clipnorm = way["clip"]
    if "slow" in way:
        parts[f"{way['slow']}_optimizer"].learning_rate = SLOW_RATE


def make_runs(lesson: ModuleType, most: int) -> None:
    """Make the runs that the table lacks, at most so many, and write it after each one."""
    data, same, steps = complete_clothes(), facts_of(lesson), steps_of(lesson)
    pairs = [(name, rate) for rate in (lesson.RATE, lesson.HIGH) for name in lesson.WAYS]
    swept = [(name, rate) for rate in lesson.RATES for name in SWEPT]
    pairs += [pair for pair in swept if pair not in pairs]
    asked = [("plain", lesson.RATE), ("R1", lesson.RATE)]
    asked += [("plain", lesson.HIGH), ("spectral", lesson.HIGH)]  # two questions, ten seeds each
    wanted = [
        (name, str(rate), str(seed), str(steps[name]), *same)
        for seeds, chosen in ((SEEDS, pairs), (MORE_SEEDS, asked))
        for seed in seeds
        for name, rate in chosen
    ]
    make = lambda run: train(lesson, data, lesson.WAYS[run[0]], run)
    fill_table(RUNS, KEY, SCORES, wanted, make, most)


def make_strengths(lesson: ModuleType, most: int) -> None:
    """Do the same for R1 with other strengths, and for spectral with multiplied logits."""
    data, same, steps = complete_clothes(), facts_of(lesson), steps_of(lesson)
    spectral, r1 = lesson.WAYS["spectral"], lesson.WAYS["R1"]
    ways = {f"R1 {gamma}": r1 | {"strength": gamma} for gamma, _ in R1_WITH}
    ways |= {
        f"R1 {gamma} each": r1 | {"strength": gamma, "every": 1} for gamma, _ in R1_EACH_STEP_WITH
    }
    ways |= {
        f"spectral {by}": spectral | {"losses": multiplied(by, lesson.non_saturating)}
        for by, _ in SPECTRAL_WITH
    }
    wide = {"losses": multiplied(16, lesson.hinge)}
    ways |= {"hinge + spectral 16": lesson.WAYS["hinge + spectral"] | wide}
    known = lesson.WAYS | ways
    ways |= {f"{name} beta_2 0.9": known[name] | {"beta_2": 0.9} for name, _ in SHORT_MEMORY}
    ways |= {f"{name} beta_2 0.9 {who}": known[name] | {"memory": who} for name, who in WHOSE}
    clipped = [(name, most) for name in CLIPPED for most in LONGEST]
    ways |= {f"{name} clip {most:.0f}": known[name] | {"clip": most} for name, most in clipped}
    ways |= {f"plain slow {player}": known["plain"] | {"slow": player} for player in SLOW}
    asked = [(f"R1 {gamma}", rate) for gamma, rate in R1_WITH]
    asked += [(f"spectral {by}", rate) for by, rate in SPECTRAL_WITH]
    asked += [(f"R1 {gamma} each", rate) for gamma, rate in R1_EACH_STEP_WITH]
    asked += [(f"{name} beta_2 0.9", rate) for name, rate in SHORT_MEMORY]
    asked += [(f"{name} beta_2 0.9 {who}", lesson.HIGH) for name, who in WHOSE]
    asked += [(f"{name} clip {most:.0f}", lesson.HIGH) for name, most in clipped]
    asked += [(f"plain slow {player}", lesson.HIGH) for player in SLOW]
    asked += [("hinge + spectral 16", lesson.HIGH)]
    kind_of = lambda name: max(filter(name.startswith, steps), key=len)  # a way of the lesson
    seeded = [(*pair, seed) for pair in asked for seed in SEEDS]
    seeded += [(*pair, seed) for pair in ASKED for seed in MORE_SEEDS]
    wanted = [
        (name, str(rate), str(seed), str(steps[kind_of(name)]), *same)
        for name, rate, seed in seeded
    ]
    make = lambda run: train(lesson, data, ways[run[0]], run)
    fill_table(STRENGTHS, KEY, SCORES, wanted, make, most)


def multiplied(by: float, losses: Any) -> Any:
    return lambda real, fake: losses(by * real, by * fake)


def steps_of(lesson: ModuleType) -> dict[str, int]:
    """Return how many steps of each way take as long as `TIME` of the plain one, or `TIME`."""
    ratios = {row["way"]: float(row["ratio"]) for row in read_rows(TIMES)}
    if ratios.keys() != lesson.WAYS.keys():
        raise SystemExit(f"'{TIMES}' does not know the time of each way. First run: times")
    return {name: round(TIME * min(1, ratio)) for name, ratio in ratios.items()}


def facts_of(lesson: ModuleType) -> tuple[str, str]:
    return code_of(lesson, NOT_USED), judge()


def main(what: str = "", most: str = "1000") -> None:
    if what not in ("times", "runs", "strengths", "steps"):
        raise SystemExit("Say what to do: times, runs, strengths or steps.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    lesson = load_definitions("05", FOLDER / "further" / "05_stabilisers.ipynb")
    if what == "times":
        measure_times(lesson, lesson.scaled(complete_clothes().train_images[: lesson.BATCH]))
    elif what == "steps":
        make_steps(lesson)
    elif what == "runs":
        make_runs(lesson, int(most))
    else:
        make_strengths(lesson, int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
