"""The three runs of chapter 05's exercise: curves without names. (The answers are in this file: do the exercise first.)

    COURSE_DATA_DIR=../shared/data python -m benchmarks.mystery_runs            about half a minute on 2 cores

Writes `benchmarks/mystery_runs.csv`.
"""

import csv
import os

from helpers import datasets
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions

SEED = 7
TABLE = ROOT / "benchmarks/mystery_runs.csv"


def main():
    os.environ["COURSE_BUDGET"] = "lesson"
    start(42)
    chapter, data = load_definitions("05"), datasets.load("fashion_mnist")
    if data.source == "embedded":
        raise SystemExit("The curves belong to the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    chapter.few = few = chapter.scaled(data.train_images[:5_000])
    runs = [
        chapter.mode_collapse(SEED, mended=False),
        chapter.watch("mystery", chapter.make_gan(chapter.article_targets, chapter.TINY, seed=SEED), few),  # labels replaced by noise
        chapter.vanishing_gradient(SEED, mended=False),
    ]
    names = ("generator_loss", "discriminator_loss", "real_accuracy", "fake_accuracy", "generator_gradient", "fake_spread")
    rows = [(run, history["step"][n], *(f"{history[name][n]:.5g}" for name in names)) for run, (_, history) in enumerate(runs, 1) for n in range(len(history["step"]))]
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("run", "step", *names), *rows])


if __name__ == "__main__":
    main()
