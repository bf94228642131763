"""How good the recipe of TensorFlow's tutorial gets: 50 epochs, scored along the way.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.tutorial_recipe train
    COURSE_DATA_DIR=../shared/data python -m benchmarks.tutorial_recipe score

`train` takes about 85 minutes on the reference machine and goes on where it stopped; it is chapter
04's own training. A snapshot of the generator is kept each half epoch up to epoch 5, then each
epoch, in `results/`, so that `score` (a few minutes) can be repeated with another judge. It writes
`data/measured/tutorial_recipe.csv`, with as many epochs as are there. The curve is in steps: the
chapter turns them into time by the ratio of step times, measured side by side.
"""

import os
import sys

from benchmarks.tables import MEASURED, complete_clothes, judge, write_rows
from helpers import metrics
from helpers.course import start
from tools.notebooks.definitions import load_definitions

EPOCHS, FINE_EPOCHS = 50, 5
CURVE = MEASURED / "tutorial_recipe.csv"
RUN = "tutorial_50"
COLUMNS = ("step", "epoch", "fcd", "floor", "samples", "judge")


def snapshot_steps(epoch: int) -> list[int]:
    """Return the steps of which the generator is kept, from the steps of an epoch."""
    halves = [number * epoch - epoch // 2 for number in range(1, FINE_EPOCHS + 1)]
    return sorted(halves + [number * epoch for number in range(1, EPOCHS + 1)])


def train() -> None:
    chapter, data = load_definitions("04"), complete_clothes()
    epoch = len(data.train_images) // chapter.TUTORIAL["batch_size"]
    chapter.real, chapter.SNAPSHOTS = chapter.scaled(data.train_images), snapshot_steps(epoch)
    chapter.EVERY, chapter.SAVE_EVERY = epoch, epoch // 6
    chapter.train_dcgan(RUN, chapter.TUTORIAL, EPOCHS * epoch)


def score() -> None:
    chapter, data = load_definitions("04"), complete_clothes()
    generator, rows = chapter.make_generator(), []
    epoch = len(data.train_images) // chapter.TUTORIAL["batch_size"]
    for step in snapshot_steps(epoch):
        snapshot = chapter.snapshot_file(RUN, step)
        if not snapshot.is_file():
            print(f"The training has not come to step {step:,} yet. To go on: train")
            break
        generator.load_weights(snapshot)
        fakes = chapter.generate(generator, metrics.LARGEST_SAMPLE, seed=0)
        fcd, floor, samples = metrics.frechet_classifier_distance(data.train_images, fakes, data)
        numbers = round(step / epoch, 2), round(fcd, 2), round(floor, 3), samples
        rows.append(dict(zip(COLUMNS, (step, *numbers, judge()))))
    write_rows(CURVE, COLUMNS, rows)


def main(what: str = "") -> None:
    if what not in ("train", "score"):
        raise SystemExit("Say what to do: train, or score.")
    os.environ["COURSE_BUDGET"] = "full"
    start()
    {"train": train, "score": score}[what]()


if __name__ == "__main__":
    main(*sys.argv[1:])
