"""The GAN of chapter 05 with each kind of targets and three seeds.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.article_case [most]

About 20 minutes on the reference machine; goes on where it stopped, and makes at most `most` runs.
Networks, targets and training are the chapter's, and so are the steps of its lesson. A run is made
again only when the chapter's code or the judge has changed.
"""

import os
import sys
from types import ModuleType

import keras
import numpy as np

from benchmarks.tables import MEASURED, code_of, complete_clothes, fill_table, judge
from helpers import metrics
from helpers.course import start
from helpers.datasets import ImageData
from tools.notebooks.definitions import load_definitions

TABLE = MEASURED / "article_case.csv"
KEY = ("targets", "seed", "steps", "code", "judge")
FOUND = ("fcd", "recall", "discriminator_loss", "generator_loss", "real_answer", "fake_answer")
SEEDS = (1, 2, 3)
NOT_USED = {"Line", "Watch", "SavePictures", "multiplications", "train", "costs"}
NOT_USED |= {"ARTICLE", "TINY", "SUSPECT_STEPS", "SUSPECTS", "LONGER", "SCORED", "SEED"}
NOT_USED |= {"TARGETS", "KINDS", "fcd_of", "film_of"}


def measure(chapter: ModuleType, targets: str, seed: int, data: ImageData) -> dict[str, float]:
    """Train from the start; return the scores of 10,000 pictures and the last epoch's means."""
    gan = chapter.make_gan(getattr(chapter, targets), seed=seed)
    counts = dict(steps_per_epoch=chapter.EPOCH_STEPS, epochs=chapter.EPOCHS)
    history = gan.fit(chapter.make_dataset(chapter.real), **counts, **chapter.QUIET).history
    made = chapter.generate(gan, metrics.LARGEST_SAMPLE, seed=2)
    fakes = np.uint8(np.round(255 * made))
    fcd = metrics.frechet_classifier_distance(data.train_images, fakes, data).fcd
    recall = metrics.precision_recall(data.train_images, fakes, data).recall
    ends = {name: float(f"{history[name][-1]:.4g}") for name in chapter.NAMES}
    keras.backend.clear_session()
    return {"fcd": round(fcd, 2), "recall": round(recall, 3)} | ends


def main(most: str = "1000") -> None:
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter, data = load_definitions("05"), complete_clothes()
    chapter.real = chapter.scaled(data.train_images)
    same = str(chapter.EPOCHS * chapter.EPOCH_STEPS), code_of(chapter, NOT_USED), judge()
    names = [targets.__name__ for targets in chapter.TARGETS.values()]
    wanted = [(name, str(seed), *same) for seed in SEEDS for name in names]
    train = lambda run: measure(chapter, run[0], int(run[1]), data)
    fill_table(TABLE, KEY, FOUND, wanted, train, int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
