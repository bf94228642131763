"""Does each failure of chapter 05 show its symptom in three seeds of three, and its remedy in none?

    COURSE_DATA_DIR=../shared/data python -m benchmarks.failure_catalogue       about 8 minutes on 2 cores

Runs the chapter's own functions at `lesson`, each failure and each remedy with three seeds, and writes `benchmarks/failure_catalogue.csv`: what was seen, and the time of
each run beside that of all. The chapter's table reads this file.
"""

import csv
import os
import time

from helpers import datasets
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions

SEEDS = (1, 2, 3)
TABLE = ROOT / "benchmarks/failure_catalogue.csv"
COLUMNS = ("failure", "mended", "seed", "symptom", "steps", "seconds")


def main():
    os.environ["COURSE_BUDGET"] = "lesson"
    start(42)
    chapter, data = load_definitions("05"), datasets.load("fashion_mnist")
    if data.source == "embedded":
        raise SystemExit("The table belongs to the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    chapter.few = chapter.scaled(data.train_images[:5_000])
    rows = []
    for name, (failure, symptom) in chapter.CATALOGUE.items():
        for mended in (False, True):
            for seed in SEEDS:
                began = time.monotonic()
                _, history = failure(seed, mended)
                rows.append((name, mended, seed, symptom(history), len(history["step"]), round(time.monotonic() - began, 1)))
                print(*rows[-1], flush=True)
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
