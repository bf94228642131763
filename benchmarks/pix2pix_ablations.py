"""The ablations of chapter 07: losses, skips and patches, each with one argument changed and three seeds.

    python -m benchmarks.pix2pix_ablations       about an hour on 2 cores; goes on where it stopped, also within a run

Each run is the chapter's `train` for STEPS steps, from the seed's own first weights and order. Streets are scored by the frozen segmentation network, sketches by
sharpness and L1 distance. A line is written to benchmarks/pix2pix_ablations.csv when its run is complete; it is measured again only when the
chapter's code, the recipe or the judge has changed. The last one, benchmarks/pix2pix_ablations.png, shows the streets of the first seed.
"""

import csv
import hashlib
import inspect
import os
import shutil

import imageio.v3 as iio
import numpy as np

from helpers import datasets, pretrained
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from helpers.results import chapter_folder
from tools.definitions import load_definitions

TABLE, SHEET = ROOT / "benchmarks/pix2pix_ablations.csv", ROOT / "benchmarks/pix2pix_ablations.png"
COLUMNS = ("data", "run", "seed", "steps", "seconds", "l1", "sharpness", "per_pixel", "per_class", "iou", "code")
STEPS, SEEDS = 1_500, (1, 2, 3)
ON_SKETCHES = ("L1 + cGAN", "L1", "cGAN")
SHOWN = 8  # streets on the sheet
USED = (
    "scaled", "jitter", "conv_settings", "down", "up", "make_generator", "make_discriminator", "cross_entropy", "discriminator_loss", "l1_distance",
    "make_train_step", "make_parts", "translate", "train", "sharpness", "distance", "classes_of", "segmentation_scores", "street_scores",
)  # fmt: skip


def code_of(chapter, recipe):
    """Return the first letters of a checksum of what a run depends on: networks, losses, step, settings, data and judge."""
    texts = [inspect.getsource(getattr(chapter, name)) for name in USED]
    settings = [chapter.BLOCKS, chapter.CLASSES, chapter.WIDTH, chapter.BATCH, chapter.RATE, chapter.BETA_1, chapter.LARGER, STEPS, sorted(recipe.items())]
    programs = [(ROOT / "tools" / name).read_text(encoding="utf-8") for name in ("sketches.py", "streets.py", "atelier.py")]
    judge = pretrained.card()["07_segmenter_streets"]["sha256"]
    return hashlib.sha256("\n".join([*texts, *programs, str(settings), judge]).encode()).hexdigest()[:12]


def name_of_run(kind, run, seed):
    return f"{kind}-{run}-{seed}".lower().replace(" + ", "_").replace(" ", "_")


def checkpoints_of(chapter, kind, run, seed):
    """Return the name of a run's folder. It has the code's checksum: a run of older code does not go on."""
    return f"{name_of_run(kind, run, seed)}-{code_of(chapter, chapter.ABLATIONS[run])}"


def measure(chapter, judge, data, run, seed):
    """Train one run to its end, and return its line and its test pictures."""
    chapter.EVERY = STEPS  # no pictures while it trains
    generator, curves = chapter.train(checkpoints_of(chapter, data.name, run, seed), chapter.ABLATIONS[run], data, STEPS, seed)
    pictures = chapter.translate(generator, data.test_inputs)
    scores = dict(l1=chapter.distance(pictures, data.test_targets), sharpness=chapter.sharpness(pictures))
    if data.name == "streets":
        scores |= chapter.street_scores(judge, pictures, data.test_inputs)
    return {"seconds": round(curves["seconds"][-1]), **{name: f"{score:.4f}" for name, score in scores.items()}}, pictures


def read():
    if not TABLE.exists():
        return []
    with TABLE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(rows):
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def wanted(chapter):
    """Return the keys of all lines, in the order in which they are measured: a whole table of one seed first."""
    runs = [("streets", run) for run in chapter.ABLATIONS] + [("sketches", run) for run in ON_SKETCHES]
    return [(kind, run, str(seed), code_of(chapter, chapter.ABLATIONS[run])) for seed in SEEDS for kind, run in runs]


def key_of(row):
    return row["data"], row["run"], row["seed"], row["code"]


def write_sheet(chapter, streets, folder):
    """Write rows of test streets: the map, one row for each run of the first seed, the real picture."""
    files = [folder / f"{name_of_run('streets', run, SEEDS[0])}.npz" for run in chapter.ABLATIONS]
    if missing := [file.stem for file in files if not file.exists()]:
        print(f"{SHEET.name} was not made: the pictures of {', '.join(missing)} are not in '{folder}'. Remove their lines from {TABLE.name} to make them again.")
        return
    made = [np.load(file)["pictures"] for file in files]
    rows = [streets.test_inputs[:SHOWN], *made, streets.test_targets[:SHOWN]]
    with atomic_write(SHEET, suffix=".png") as temporary:
        iio.imwrite(temporary, np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))


def main():
    os.environ["COURSE_BUDGET"] = "lesson"
    start(SEEDS[0])
    chapter, judge = load_definitions("07"), pretrained.load("07_segmenter_streets")
    sets = {kind: datasets.pairs(kind, chapter.SIZE) for kind in ("streets", "sketches")}
    keys = wanted(chapter)
    rows = {key_of(row): row for row in read() if key_of(row) in keys}
    folder = chapter_folder("07_pix2pix/ablations")
    folder.mkdir(parents=True, exist_ok=True)
    for kind, run, seed, code in keys:
        if (kind, run, seed, code) not in rows:
            numbers, pictures = measure(chapter, judge, sets[kind], run, int(seed))
            with atomic_write(folder / f"{name_of_run(kind, run, seed)}.npz") as temporary, open(temporary, "wb") as file:
                np.savez(file, pictures=pictures[:SHOWN])
            rows[kind, run, seed, code] = dict(data=kind, run=run, seed=seed, steps=STEPS, code=code, **numbers)
            write([rows[key] for key in keys if key in rows])
            shutil.rmtree(chapter_folder(f"07_pix2pix/{checkpoints_of(chapter, kind, run, seed)}"), ignore_errors=True)
            print(rows[kind, run, seed, code], flush=True)
    write_sheet(chapter, sets["streets"], folder)


if __name__ == "__main__":
    main()
