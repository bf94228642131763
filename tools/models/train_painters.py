"""Train the eyes of chapter 09 that come with the course, with the chapter's own code.

    python -m tools.models.train_painters

A training that is stopped goes on when the command is given again; its checkpoints are in
`results/full/`.
"""

import os
import shutil
from types import ModuleType
from typing import Any

import numpy as np

from helpers.course import DATA, run_folder, start
from tools.models.publish_model import publish_model
from tools.notebooks.definitions import load_definitions

COMMAND = "python -m tools.models.train_painters"
NAME, RUN, STEPS, CUT = "09_eyes", "pretrained-eyes", 8_000, 1_000  # patches of each picture
ABOUT = "chapter 09's eyes that tell patches of 24 pictures apart, with mixed colours"


def train_eyes(chapter: ModuleType, steps: int) -> tuple[Any, dict[str, float]]:
    """Train the eyes of the chapter; return them, and what was measured."""
    with np.load(DATA / "paintings.npz") as file:
        gallery = chapter.load_gallery({name: file[name] for name in file})
    rng = np.random.default_rng(chapter.SEED)
    patches, labels = chapter.cut_patches(gallery, CUT, rng, 0, 0.8)
    eyes, head = chapter.train_eyes(RUN, patches, labels, steps)
    accuracy = held_out_accuracy(chapter, eyes, head, gallery, rng)
    return eyes, {"accuracy": accuracy, "pictures": len(gallery)}


def held_out_accuracy(
    chapter: ModuleType, eyes: Any, head: Any, gallery: dict, rng: np.random.Generator
) -> float:
    """Return the share of held-out patches, colours mixed, whose picture is named right."""
    import keras

    patches, labels = chapter.cut_patches(gallery, max(CUT // 10, 4), rng, 0.8, 1)
    mixed = chapter.mix_colours(patches, np.random.default_rng(chapter.SEED))
    whole = keras.Model(eyes.input, head(eyes.outputs[-1]))
    return float(np.mean(whole.predict(mixed, verbose=0).argmax(axis=1) == labels))


def main() -> None:
    os.environ["COURSE_BUDGET"] = "full"
    start()
    eyes, measured = train_eyes(load_definitions("09"), STEPS)
    publish_model(NAME, eyes, ABOUT, COMMAND, steps=STEPS, **measured)
    shutil.rmtree(run_folder(f"09_style_transfer/{RUN}"))  # the next time it is trained again


if __name__ == "__main__":
    main()
