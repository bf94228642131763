"""The network for one style of the further lesson of chapter 09, with three kinds of normalisation.

    python -m benchmarks.style_fast runs [most]
    python -m benchmarks.style_fast tiny FOLDER

`runs` trains and scores what the table lacks, at most `most` rows: nine trainings of `SHORT` steps,
about 20 minutes on the reference machine. A row is scored on the two photographs that the lesson
holds out: the style loss as in the training, the same with a quarter of the contrast (`pale`), and
the content loss. A row is made again only when the lesson's code or the eyes have changed. `tiny`
makes two rows with untrained eyes into a folder: the numbers mean nothing.
"""

import os
import sys
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import skimage.data
import tensorflow as tf

from benchmarks.tables import MEASURED, Run, checksum, code_of, definitions, fill_table
from helpers import datasets, pretrained
from helpers.course import DATA, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME = "style_fast"
KEY = ("norm", "seed", "steps", "code")
FOUND = ("style", "pale", "content")
SEEDS, SHORT = (1, 2, 3), 800
PIECES = 120  # of each photograph
PALE = 0.25  # of the contrast
USED = {"gram", "relative", "strengths_of", "recoloured", "conv", "make_fast", "paint_with"}
USED |= {"make_fast_step", "make_fast_parts", "cut_pieces", "load_photographs", "small", "NORMS"}
SETTINGS = ("STYLE", "SIDE", "CROP", "BATCH", "RATE", "SEED", "WIDTH", "BLOCKS", "FRAME")
SETTINGS += ("CONTENT", "SMOOTH")


def plan(lesson: ModuleType, seeds: tuple[int, ...] = SEEDS, steps: int = SHORT) -> list[Run]:
    """Return the rows of the table."""
    eyes = pretrained.card().get("09_eyes", {}).get("sha256", "none")
    settings = [str(getattr(lesson, name)) for name in SETTINGS]
    code = checksum([code_of(lesson, {*definitions(lesson)} - USED), eyes, *settings])
    return [(norm, str(seed), str(steps), code) for norm in lesson.NORMS for seed in seeds]


def score(lesson: ModuleType, run: Run) -> dict[str, float]:
    """Train one network, and score it on the photographs that were held out."""
    norm, seed, steps, _ = run
    keras.backend.clear_session()
    parts, palette = (
        lesson.make_fast_parts(int(steps), int(seed), norm),
        lesson.styles[lesson.STYLE],
    )
    painting = lesson.scaled(palette)[np.newaxis]
    fast_step = lesson.make_fast_step(**parts, eyes=lesson.eyes, painting=painting)
    both = lesson.pieces, np.stack([lesson.recoloured(piece, palette) for piece in lesson.pieces])
    ordered = datasets.batches(both, lesson.BATCH, int(seed))
    for _ in range(int(steps)):
        fast_step(*map(lesson.scaled, next(ordered)))
    look = lambda picture: [picture, *lesson.eyes(picture)]
    wanted = look(painting)
    strengths = [*map(lesson.strengths_of, wanted)]
    losses = {name: [] for name in FOUND}
    for photograph in lesson.tests:
        pale = np.uint8(photograph.mean() + PALE * (photograph - photograph.mean()))
        for name, given in (("style", photograph), ("pale", pale)):
            made = lesson.paint_with(lambda x: parts["network"](x, training=False), given)
            seen = look(lesson.scaled(made)[np.newaxis])
            gaps = [
                lesson.relative(lesson.gram(x / s), lesson.gram(w / s))
                for x, s, w in zip(seen, strengths, wanted)
            ]
            losses[name].append(np.mean(gaps))
            if name == "style":
                kept = look(lesson.scaled(lesson.recoloured(given, palette))[np.newaxis])[6]
                losses["content"].append(float(lesson.relative(seen[6], kept)))
    return {name: round(float(np.mean(values)), 4) for name, values in losses.items()}


def load_lesson(pieces: int = PIECES) -> ModuleType:
    """Return the further lesson's definitions, with its pictures."""
    lesson = load_definitions("09", FURTHER / "09_fast_style.ipynb")
    with np.load(DATA / "paintings.npz") as file:
        lesson.styles = {name: file[name] for name in file}
    rng = np.random.default_rng(lesson.SEED)
    lesson.pieces = lesson.cut_pieces(lesson.load_photographs(), pieces, rng)
    photographs = skimage.data.chelsea(), skimage.data.rocket()
    lesson.tests = [lesson.small(picture, lesson.SIDE) for picture in photographs]
    return lesson


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("runs", "tiny"):
        raise SystemExit("Say what to do: runs or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each run traces a new step; TensorFlow would warn of it
    if what == "runs":
        lesson, folder, wanted, most = load_lesson(), MEASURED, {}, int(argument)
        lesson.eyes = pretrained.load("09_eyes")
    else:
        lesson, folder, wanted, most = load_lesson(1), Path(argument).absolute(), {}, 2
        lesson.eyes, wanted = load_definitions("09").make_eyes((4,) * 8), dict(seeds=(1,), steps=1)
    rows = plan(lesson, **wanted)
    fill_table(folder / f"{NAME}.csv", KEY, FOUND, rows, lambda run: score(lesson, run), most)


if __name__ == "__main__":
    main(*sys.argv[1:])
