"""The three runs of chapter 05's exercise: curves without names. (The answers are in this file: do the exercise first.)

    COURSE_DATA_DIR=../shared/data python -m benchmarks.mystery_runs            about half a minute on 2 cores

Writes `benchmarks/mystery_runs.csv`.
"""

import csv

from benchmarks.failure_catalogue import chapter_at_lesson
from helpers.paths import ROOT, atomic_write

SEED = 7
TABLE = ROOT / "benchmarks/mystery_runs.csv"


def main():
    chapter = chapter_at_lesson()
    runs = [
        chapter.mode_collapse(SEED, mended=False),
        chapter.watch("mystery", chapter.make_gan(chapter.article_targets, chapter.TINY, seed=SEED), chapter.few),  # labels replaced by noise
        chapter.vanishing_gradient(SEED, mended=False),
    ]
    names = ("generator_loss", "discriminator_loss", "real_accuracy", "fake_accuracy", "generator_gradient", "fake_spread")
    rows = [(run, history["step"][n], *(f"{history[name][n]:.5g}" for name in names)) for run, (_, history) in enumerate(runs, 1) for n in range(len(history["step"]))]
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("run", "step", *names), *rows])


if __name__ == "__main__":
    main()
