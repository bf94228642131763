"""How good the recipe of chapter 04's source gets: 50 epochs, scored along the way.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.source_recipe train     about 75 to 85 minutes on 2 cores; goes on where it stopped
    COURSE_DATA_DIR=../shared/data python -m benchmarks.source_recipe score     a few minutes; writes benchmarks/source_recipe.csv

The network, losses, train step, batch size and optimizers are those of the chapter's section on the source's recipe. A snapshot of the generator is kept
each half epoch up to epoch 5, then each epoch, in `results/`, so that it can be scored again with another judge. The curve is in steps:
the chapter turns steps into time by the ratio of step times, measured side by side.
"""

import csv
import os
import sys

import numpy as np

from helpers import datasets, metrics, pretrained
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from helpers.results import chapter_folder
from tools.definitions import load_definitions

EPOCHS, FINE_EPOCHS, SEED = 50, 5, 42
CURVE = ROOT / "benchmarks/source_recipe.csv"
RUN = "04_dcgan/source_50"
COLUMNS = ("step", "epoch", "fcd", "floor", "samples", "judge")


def real_clothes():
    data = datasets.load("fashion_mnist")
    if data.source == "embedded":
        raise SystemExit("This is about the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    return data


def judge():
    """Return the first letters of the judge's checksum: scores of another judge cannot be compared."""
    return pretrained.card()["classifier_clothes"]["sha256"][:12]


def train():
    from helpers.checkpoints import Checkpoints

    chapter = load_definitions("04")
    data = real_clothes()
    images, recipe = chapter.scaled(data.train_images), chapter.SOURCE
    parts, batch_size = chapter.make_parts(recipe, SEED), recipe["batch_size"]
    train_step = chapter.make_train_step(**parts)
    kept = Checkpoints(RUN, batch_size=batch_size, seed=SEED, **parts)
    step, history = kept.resume()
    snapshots = chapter_folder(RUN) / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    epoch = len(images) // batch_size
    curves = {name: list(history[name]) for name in ("generator_loss", "discriminator_loss")}
    for batch in datasets.batches(images, batch_size, SEED, first_step=step):
        if step >= EPOCHS * epoch:
            break
        losses = train_step(batch)
        step += 1
        for curve, value in zip(curves.values(), losses):
            curve.append(float(value))
        if step % epoch == 0 or (step < FINE_EPOCHS * epoch and step % (epoch // 2) == 0):
            with atomic_write(snapshots / f"{step:06d}.weights.h5", suffix=".weights.h5") as temporary:
                parts["generator"].save_weights(temporary)
            kept.save(step, curves)
            print(f"step {step}, epoch {step / epoch:.1f}: " + ", ".join(f"{name} {np.mean(curve[-99:]):.3f}" for name, curve in curves.items()), flush=True)


def score():
    chapter, data = load_definitions("04"), real_clothes()
    generator = chapter.make_generator()
    rows, epoch = [], len(data.train_images) // chapter.SOURCE["batch_size"]
    snapshots = sorted((chapter_folder(RUN) / "snapshots").glob("*.weights.h5"))
    if not snapshots or int(snapshots[-1].name.split(".")[0]) < EPOCHS * epoch:
        raise SystemExit(f"'{chapter_folder(RUN)}' has {len(snapshots)} snapshots, and not the last one. Run the training to its end first: train")
    for snapshot in snapshots:
        generator.load_weights(snapshot)
        fakes = chapter.generate(generator, metrics.LARGEST_SAMPLE, seed=0)
        step, result = int(snapshot.name.split(".")[0]), metrics.frechet_classifier_distance(data.train_images, fakes, data)
        rows.append((step, round(step / epoch, 2), round(result.fcd, 2), round(result.floor, 3), result.samples, judge()))
    with atomic_write(CURVE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def main(what=""):
    if what not in ("train", "score"):
        raise SystemExit("Say what to do: train, or score.")
    os.environ.setdefault("COURSE_BUDGET", "full")
    start(SEED)
    {"train": train, "score": score}[what]()


if __name__ == "__main__":
    main(*sys.argv[1:])
