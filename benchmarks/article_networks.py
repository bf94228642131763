"""The losses of the article's own networks, with the article's own targets: a curve of chapter 05.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.article_networks

25 to 45 minutes on 2 cores; goes on where it stopped. Networks, targets, rates and the training are
the chapter's. Writes `data/measured/article_networks.csv`, one row a step.
"""

import os

from benchmarks.tables import MEASURED, complete_clothes, write_rows
from helpers.course import start
from tools.notebooks.definitions import load_definitions

STEPS, SAVE_EVERY = 300, 20
CURVE = MEASURED / "article_networks.csv"
COLUMNS = ("step", "discriminator_loss", "fake_accuracy", "generator_loss", "real_accuracy")


def main() -> None:
    os.environ["COURSE_BUDGET"] = "full"
    start()
    chapter, data = load_definitions("05"), complete_clothes()
    chapter.EPOCH_STEPS = SAVE_EVERY
    networks, rates = chapter.ARTICLE, chapter.ARTICLE_RATES
    gan = chapter.make_gan(chapter.article_targets, networks, rates, beta_1=0.9)
    pictures = chapter.scaled(data.train_images)
    history = chapter.train("article_networks", gan, pictures, STEPS // SAVE_EVERY)
    rows = zip(*(history[name] for name in COLUMNS))
    texts = [dict(zip(COLUMNS, (f"{value:.6g}" for value in row))) for row in rows]
    write_rows(CURVE, COLUMNS, texts)


if __name__ == "__main__":
    main()
