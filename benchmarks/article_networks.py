"""The losses of the networks of chapter 05's case, with the targets and rates of the case.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.article_networks

About 30 minutes on the reference machine; goes on where it stopped. Networks, targets and training
are the chapter's. Writes `data/measured/article_networks.csv`, one row for 10 steps: their means.
"""

import os

import keras

from benchmarks.tables import MEASURED, complete_clothes, write_rows
from helpers.course import start
from tools.notebooks.definitions import load_definitions

EPOCHS, EPOCH_STEPS, BATCH = 30, 10, 128
RATES = {"generator": 1e-4, "discriminator": 1e-5}
CURVE = MEASURED / "article_networks.csv"
COLUMNS = ("step", "discriminator_loss", "generator_loss", "real_answer", "fake_answer")


def main() -> None:
    os.environ["COURSE_BUDGET"] = "full"
    start()
    chapter, data = load_definitions("05"), complete_clothes()
    chapter.EPOCH_STEPS, chapter.BATCH = EPOCH_STEPS, BATCH
    chapter.real = chapter.scaled(data.train_images)
    gan = chapter.make_gan(chapter.case_targets, chapter.ARTICLE, keras.optimizers.Adam)
    for part, rate in RATES.items():
        gan.optimizers[part].learning_rate = rate
    history = chapter.train("article_networks", gan, EPOCHS)
    history["step"] = [EPOCH_STEPS * epoch for epoch in history["step"]]
    rows = zip(*(history[name] for name in COLUMNS))
    texts = [dict(zip(COLUMNS, (f"{value:.6g}" for value in row))) for row in rows]
    write_rows(CURVE, COLUMNS, texts)


if __name__ == "__main__":
    main()
