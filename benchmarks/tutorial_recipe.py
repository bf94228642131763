"""How good the recipe of TensorFlow's tutorial gets: 50 epochs, scored along the way.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.tutorial_recipe train
    COURSE_DATA_DIR=../shared/data python -m benchmarks.tutorial_recipe score

`train` takes about 85 minutes on the reference machine and goes on where it stopped; it is chapter
04's own training. A snapshot of the generator is kept each half epoch up to epoch 5, then each
epoch, in `results/`, so that `score` (about ten minutes; it goes on, too) can be repeated with
another judge. It writes `data/measured/tutorial_recipe.csv`, with as many epochs as are there, and
`data/measured/tutorial_samples.npz`: the first pictures of the best generators within 5 epochs and
within all. The curve is in steps: the chapter turns them into time by the ratio of step times,
measured side by side.
"""

import os
import sys
from pathlib import Path

import numpy as np

from benchmarks import recipe_changes
from benchmarks.tables import MEASURED, complete_clothes, judge, read_rows, write_rows
from helpers.course import atomic_write, run_folder, start
from helpers.training import Training
from tools.notebooks.definitions import load_definitions

EPOCHS, FINE_EPOCHS = 50, 5
CURVE = MEASURED / "tutorial_recipe.csv"
SAMPLES, SHOWN = MEASURED / "tutorial_samples.npz", 12  # float16 pictures from -1 to 1
RUN = "04_dcgan/tutorial_50"
COLUMNS = ("step", "epoch", *recipe_changes.SCORES, "classes", "settings", "judge")


def snapshot_steps(epoch: int) -> list[int]:
    """Return the steps of which the generator is kept, from the steps of an epoch."""
    halves = [number * epoch - epoch // 2 for number in range(1, FINE_EPOCHS + 1)]
    return sorted(halves + [number * epoch for number in range(1, EPOCHS + 1)])


def snapshot_file(step: int) -> Path:
    return run_folder(RUN) / f"snapshot-{step:06d}.weights.h5"


def train() -> None:
    chapter, data = load_definitions("04"), complete_clothes()
    recipe, real = chapter.TUTORIAL, chapter.scaled(data.train_images)
    epoch = len(real) // recipe["batch_size"]
    parts, both_steps, draw = chapter.make_training(recipe, chapter.SEED)
    kept = snapshot_steps(epoch)
    run = Training(RUN, EPOCHS * epoch, epoch, draw, (-1, 1), epoch // 6, **parts)
    for images in run.batches(real, recipe["batch_size"], chapter.SEED):
        numbers = both_steps(images, run.step)
        if run.step + 1 in kept:  # before the step is saved: a stop loses none
            parts["averaged"].save_weights(snapshot_file(run.step + 1))
        run.update(**numbers)


def score() -> None:
    chapter, data = load_definitions("04"), complete_clothes()
    generator, rows = chapter.make_generator(), []
    epoch = len(data.train_images) // chapter.TUTORIAL["batch_size"]
    same = {"settings": recipe_changes.settings(chapter.TUTORIAL), "judge": judge()}
    known = {row["step"]: row for row in read_rows(CURVE) if same.items() <= row.items()}
    for step in snapshot_steps(epoch):
        if not snapshot_file(step).is_file():
            print(f"The training has not come to step {step:,} yet. To go on: train")
            break
        row = known.get(str(step))
        if row is None:
            generator.load_weights(snapshot_file(step))
            numbers = recipe_changes.score(chapter, generator, data)
            row = {"step": step, "epoch": round(step / epoch, 2)} | numbers | same
        rows.append(row)
        write_rows(CURVE, COLUMNS, rows)
    samples = {}
    for epochs in (FINE_EPOCHS, EPOCHS):
        found = [row for row in rows if float(row["epoch"]) <= epochs]
        best = min(found, key=lambda row: float(row["fcd"]))
        generator.load_weights(snapshot_file(int(best["step"])))
        pictures = chapter.generate(generator, SHOWN, seed=0)
        samples[f"tutorial, epoch {float(best['epoch']):g}"] = np.float16(pictures)
    with atomic_write(SAMPLES) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **samples)


def main(what: str = "") -> None:
    if what not in ("train", "score"):
        raise SystemExit("Say what to do: train, or score.")
    os.environ["COURSE_BUDGET"] = "full"
    start()
    {"train": train, "score": score}[what]()


if __name__ == "__main__":
    main(*sys.argv[1:])
