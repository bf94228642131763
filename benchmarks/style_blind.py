"""A test for readers: which painting does this grey picture come from? For chapter 09.

    python -m benchmarks.style_blind FOLDER

Ten pairs, chosen before anything was painted, are painted with the chapter's code and settings and
the course's eyes: about three minutes on the reference machine. FOLDER gets the four paintings and
twenty pictures, all in grey with equalised brightness: the ten painted ones, and as decoys the same
ten photographs that were only recoloured. They are shuffled. The answers are in FOLDER/key.json;
give the reader only the pictures. By luck 2.5 of 10 are right.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorflow as tf
from PIL import Image
from skimage.color import rgb2gray
from skimage.exposure import equalize_hist, match_histograms

from helpers import pretrained
from helpers.course import DATA, start
from tools.notebooks.definitions import load_definitions

PAIRS = (
    ("chelsea", "street"),
    ("chelsea", "composition"),
    ("coffee", "wave"),
    ("coffee", "poppies"),
    ("astronaut", "street"),
    ("astronaut", "wave"),
    ("china", "composition"),
    ("china", "poppies"),
    ("flower", "wave"),
    ("flower", "street"),
)
KINDS = ("painted", "recoloured")
ORDER_SEED = 7


def grey(picture: np.ndarray) -> Image.Image:
    """Return a picture, uint8 (height, width, 3), in grey, each brightness equally often."""
    return Image.fromarray(np.uint8(np.round(255 * equalize_hist(rgb2gray(picture)))))


def make(chapter: ModuleType, eyes: object, styles: dict, folder: Path) -> None:
    """Paint, shuffle and write the pictures and the key."""
    gallery, found = chapter.load_gallery(styles), []
    for content, style in PAIRS:
        both = chapter.fitted(gallery[content], chapter.SIDE), styles[style]
        painter = chapter.make_painter(*both, eyes, chapter.PAINT_STEPS)
        for _ in range(chapter.PAINT_STEPS):
            painter.step()
        recoloured = np.uint8(match_histograms(*both, channel_axis=-1))
        for kind, made in zip(KINDS, (painter.result(), recoloured)):
            found.append(([content, style, kind], grey(made)))
    folder.mkdir(parents=True, exist_ok=True)
    order, key = np.random.default_rng(ORDER_SEED).permutation(len(found)), {}
    for number, place in enumerate(order):
        key[f"{number:02}"], picture = found[place]
        picture.save(folder / f"{number:02}.png")
    for name, painting in styles.items():
        grey(painting).save(folder / f"painting_{name}.png")
    (folder / "key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")


def main(folder: str = "") -> None:
    if not folder:
        raise SystemExit("Say where to write: python -m benchmarks.style_blind FOLDER")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each picture traces a new step; TensorFlow would warn of it
    with np.load(DATA / "paintings.npz") as file:
        styles = {name: file[name] for name in file}
    make(load_definitions("09"), pretrained.load("09_eyes"), styles, Path(folder).absolute())


if __name__ == "__main__":
    main(*sys.argv[1:])
