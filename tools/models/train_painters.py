"""Train the networks of chapter 09 that come with the course, with the chapter's own code.

    python -m tools.models.train_painters [09_eyes|09_fast_street|09_decoder]

Without a name, those that are not on the card yet: first the eyes, because the others look through
them. When the eyes were trained again, train the others again. A training that is stopped goes on
when the command is given again; its checkpoints are in `results/full/`.
"""

import os
import shutil
import sys
from types import ModuleType
from typing import Any

import numpy as np

from helpers import pretrained
from helpers.course import DATA, run_folder, start
from tools.models.publish_model import publish_model
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

COMMAND = "python -m tools.models.train_painters"
LESSON = FURTHER / "09_fast_style.ipynb"
STEPS = {"09_eyes": 8_000, "09_fast_street": 10_000, "09_decoder": 6_000}
CUT, PIECES = 1_000, 300  # patches and pieces of each picture
LAST = 200  # steps whose mean loss is on the card
Made = tuple[Any, str, dict[str, float]]  # a network, its run, what was measured


def load_paintings() -> dict[str, np.ndarray]:
    with np.load(DATA / "paintings.npz") as file:
        return {name: file[name] for name in file}


def train_eyes(steps: int) -> Made:
    """Train the eyes of the core lesson, and measure them on the held-out fifth of each picture."""
    chapter, run = load_definitions("09"), "pretrained-eyes"
    gallery = chapter.load_gallery(load_paintings())
    rng = np.random.default_rng(chapter.SEED)
    patches, labels = chapter.cut_patches(gallery, CUT, rng, 0, 0.8)
    eyes, head = chapter.train_eyes(run, patches, labels, steps)
    accuracy = held_out_accuracy(chapter, eyes, head, gallery, rng)
    return eyes, f"09_style_transfer/{run}", {"accuracy": accuracy, "pictures": len(gallery)}


def held_out_accuracy(
    chapter: ModuleType, eyes: Any, head: Any, gallery: dict, rng: np.random.Generator
) -> float:
    """Return the share of held-out patches, colours mixed, whose picture is named right."""
    import keras

    patches, labels = chapter.cut_patches(gallery, max(CUT // 10, 4), rng, 0.8, 1)
    mixed = chapter.mix_colours(patches, np.random.default_rng(chapter.SEED))
    whole = keras.Model(eyes.input, head(eyes.outputs[-1]))
    return float(np.mean(whole.predict(mixed, verbose=0).argmax(axis=1) == labels))


def cut(lesson: ModuleType, photographs: list[np.ndarray]) -> np.ndarray:
    return lesson.cut_pieces(photographs, PIECES, np.random.default_rng(lesson.SEED))


def train_fast(steps: int) -> Made:
    """Train the network for one style, with pieces of recoloured photographs."""
    lesson, run, eyes = (
        load_definitions("09", LESSON),
        "pretrained-fast",
        pretrained.load("09_eyes"),
    )
    painting = load_paintings()[lesson.STYLE]
    pieces = cut(lesson, [lesson.recoloured(x, painting) for x in lesson.load_photographs()[0]])
    network, history = lesson.train_fast(run, eyes, pieces, painting, steps)
    return network, f"09_fast_style/{run}", last_losses(history, "style_loss", "content_loss")


def train_decoder(steps: int) -> Made:
    """Train the decoder that draws again what the encoder sees."""
    lesson, run = load_definitions("09", LESSON), "pretrained-decoder"
    eyes, pieces = pretrained.load("09_eyes"), cut(lesson, lesson.load_photographs()[0])
    decoder, history = lesson.train_decoder(run, eyes, pieces, steps)
    return decoder, f"09_fast_style/{run}", last_losses(history, "pixel_loss", "feature_loss")


def last_losses(history: dict[str, list[float]], *names: str) -> dict[str, float]:
    return {name: float(np.mean(history[name][-LAST:])) for name in names}


PLANS = {  # in this order
    "09_eyes": (train_eyes, "eyes that tell patches of 24 pictures apart, with mixed colours"),
    "09_fast_street": (train_fast, "network that paints like Van Gogh's street"),
    "09_decoder": (train_decoder, "decoder that draws what the eyes and the colours tell it"),
}


def make(name: str) -> None:
    """Train a network, measure it and publish it."""
    train, about = PLANS[name]
    network, run, measured = train(STEPS[name])
    measured = {"steps": STEPS[name]} | measured
    publish_model(name, network, f"chapter 09's {about}", f"{COMMAND} {name}", **measured)
    shutil.rmtree(run_folder(run))  # the next time it is trained again


def main(wanted: str = "") -> None:
    if wanted not in ("", *PLANS):
        raise SystemExit(f"There is no model {wanted!r}. Choose one of: {', '.join(PLANS)}.")
    os.environ["COURSE_BUDGET"] = "full"
    published = pretrained.card()
    for name in [wanted] if wanted else [name for name in PLANS if name not in published]:
        start()  # anew: a run's folder is named after the first set that is loaded
        make(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
