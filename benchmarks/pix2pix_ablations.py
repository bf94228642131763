"""The ablations of chapter 07: losses, skips and patches, one argument changed, three seeds.

    python -m benchmarks.pix2pix_ablations

About an hour on 2 cores; goes on where it stopped, also within a run. Each run is the chapter's
`train` for STEPS steps, from the seed's own first weights and order. Streets are scored by the
frozen segmentation network, sketches by sharpness and L1 distance. A line is written to
`data/measured/pix2pix_ablations.csv` when its run is complete; it is measured again only when the
chapter's code, the recipe or the judge has changed. The picture beside the table shows the streets
of the first seed.
"""

import hashlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import imageio.v3 as iio
import numpy as np

from benchmarks.tables import MEASURED, checksum, definitions, judge, read_rows, write_rows
from helpers import pairs, pretrained
from helpers.course import DATA, atomic_write, run_folder, start
from tools.notebooks.definitions import load_definitions

TABLE, SHEET = MEASURED / "pix2pix_ablations.csv", MEASURED / "pix2pix_ablations.png"
KEY = ("data", "run", "seed", "code")
SCORES = ("l1", "sharpness", "per_pixel", "per_class", "iou")
COLUMNS = ("data", "run", "seed", "steps", "seconds", *SCORES, "code")
STEPS, SEEDS = 1_500, (1, 2, 3)
ON_SKETCHES = ("L1 + cGAN", "L1", "cGAN")
SHOWN = 8  # streets on the sheet
JUDGE = "07_segmenter_streets"
SETTINGS = {"BLOCKS", "CLASSES", "WIDTH", "BATCH", "RATE", "BETA_1", "LARGER", "NUMBERS", "SCORES"}
FUNCTIONS = {
    *("scaled", "jitter", "conv_settings", "down", "up", "make_generator", "make_discriminator"),
    *("cross_entropy", "discriminator_loss", "l1_distance", "make_train_step", "make_parts"),
    *("translate", "show", "train", "sharpness", "distance", "classes_of"),
    *("segmentation_scores", "street_scores"),
}


def code_of(chapter: ModuleType, recipe: dict[str, Any]) -> str:
    """Return a checksum of what a run depends on: code, settings, recipe, data and judge."""
    code = definitions(chapter)
    texts = [code[name] for name in sorted(FUNCTIONS | SETTINGS)]
    texts += [judge(JUDGE), str(STEPS), str(sorted(recipe.items()))]
    shipped = [(DATA / f"pairs_{kind}.npz").read_bytes() for kind in ("sketches", "streets")]
    return checksum(texts + [hashlib.sha256(content).hexdigest() for content in shipped])


def name_of_run(kind: str, run: str, seed: str) -> str:
    return f"{kind}-{run}-{seed}".lower().replace(" + ", "_").replace(" ", "_")


def wanted(chapter: ModuleType) -> list[tuple[str, ...]]:
    """Return the keys of all lines, as they are measured: a whole table of one seed first."""
    runs = [("streets", run) for run in chapter.ABLATIONS] + [
        ("sketches", run) for run in ON_SKETCHES
    ]
    codes = {run: code_of(chapter, recipe) for run, recipe in chapter.ABLATIONS.items()}
    return [(kind, run, str(seed), codes[run]) for seed in SEEDS for kind, run in runs]


def measure(
    chapter: ModuleType, segmenter: Any, data: pairs.PairData, name: str, run: str, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Train one run to its end, and return its numbers and its test pictures."""
    chapter.EVERY = STEPS  # no pictures while it trains
    generator, history = chapter.train(name, chapter.ABLATIONS[run], data, STEPS, seed)
    pictures = chapter.translate(generator, data.test_inputs)
    scores = {"l1": chapter.distance(pictures, data.test_targets)}
    scores |= {"sharpness": chapter.sharpness(pictures)}
    if data.name == "streets":
        scores |= chapter.street_scores(segmenter, pictures, data.test_inputs)
    texts = {name: f"{score:.4f}" for name, score in scores.items()}
    return {"steps": STEPS, "seconds": round(history["seconds"][-1])} | texts, pictures


def write_sheet(chapter: ModuleType, streets: pairs.PairData, folder: Path) -> None:
    """Write rows of test streets: the map, one row for each run of the first seed, the real one."""
    names = [name_of_run("streets", run, str(SEEDS[0])) for run in chapter.ABLATIONS]
    files = [folder / f"{name}.npy" for name in names]
    if missing := [file.stem for file in files if not file.exists()]:
        print(
            f"{SHEET.name} was not made: '{folder}' has no pictures of {', '.join(missing)}. "
            f"Remove their lines from {TABLE.name} to make them again."
        )
        return
    drawn = [np.load(file) for file in files]
    rows = [streets.test_inputs[:SHOWN], *drawn, streets.test_targets[:SHOWN]]
    with atomic_write(SHEET, suffix=".png") as temporary:
        iio.imwrite(temporary, np.concatenate([np.concatenate([*row], axis=1) for row in rows]))


def main() -> None:
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter, segmenter = load_definitions("07"), pretrained.load(JUDGE)
    sets = {kind: pairs.load_pairs(kind, chapter.SIZE) for kind in ("streets", "sketches")}
    keys, folder = wanted(chapter), run_folder("07_pix2pix/ablations")
    rows = {tuple(row[name] for name in KEY): row for row in read_rows(TABLE)}
    for key in keys:
        if key in rows:
            continue
        kind, run, seed, code = key
        name = name_of_run(kind, run, seed)
        its_checkpoints = f"{name}-{code}"  # a run of older code does not go on
        numbers, pictures = measure(chapter, segmenter, sets[kind], its_checkpoints, run, int(seed))
        with atomic_write(folder / f"{name}.npy", suffix=".npy") as temporary:
            np.save(temporary, pictures[:SHOWN])
        rows[key] = dict(zip(KEY, key)) | numbers
        write_rows(TABLE, COLUMNS, [rows[key] for key in keys if key in rows])
        shutil.rmtree(run_folder(f"07_pix2pix/{its_checkpoints}"))
        print(rows[key], flush=True)
    write_sheet(chapter, sets["streets"], folder)


if __name__ == "__main__":
    main()
