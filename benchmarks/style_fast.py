"""The network for one style of the further lesson of chapter 09, in four ways.

    python -m benchmarks.style_fast runs [most]
    python -m benchmarks.style_fast time
    python -m benchmarks.style_fast tiny FOLDER

`runs` trains and scores what the table lacks, at most `most` rows: twelve trainings of `SHORT`
steps, with the lesson's other settings. A row is scored on the two photographs that the lesson
holds out: the style loss and the content loss as in the training, and the style loss when both
photographs are painted as one batch with the batch's own statistics (`style_batch`; it differs from
`style` for batch normalisation only). A row is made again only when the lesson's code or the eyes
have changed. `time` measures the steps of all of the lesson's trainings, and says how long all runs
take. `tiny` makes two rows with untrained eyes into a folder: the numbers mean nothing.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import skimage.data
import tensorflow as tf

from benchmarks.tables import (
    MEASURED,
    Run,
    checksum,
    code_of,
    definitions,
    fill_table,
    print_total,
    time_run,
)
from helpers import datasets, pretrained
from helpers.course import DATA, start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

NAME = "style_fast"
KEY = ("way", "seed", "steps", "code")
FOUND = ("style", "style_batch", "content")
SEEDS, SHORT = (1, 2, 3), 1_000
PIECES = 100  # of each photograph
WAYS = {  # the first is the lesson's; each other one differs in one thing
    "a change": {},
    "batch": {"norm": "batch"},
    "none": {"norm": "none"},
    "the whole": {"change": False},
}
USED = {"fitted", "load_photographs", "cut_pieces", "scaled", "recoloured", "gram", "relative"}
USED |= {"marks_of", "make_encoder", "make_look", "make_style_loss", "NORMS", "conv", "make_fast"}
USED |= {"paint_with", "make_fast_step", "make_parts", "NAMES"}
SETTINGS = ("STYLE", "SIDE", "CROP", "BATCH", "RATE", "SEED", "WIDTH", "BLOCKS", "FAR")
SETTINGS += ("LAST_LAYER", "CONTENT", "SMOOTH")


def plan(lesson: ModuleType, seeds: tuple[int, ...] = SEEDS, steps: int = SHORT) -> list[Run]:
    """Return the rows of the table."""
    eyes = pretrained.card().get("09_eyes", {}).get("sha256", "none")
    settings = [str(getattr(lesson, name)) for name in SETTINGS]
    code = checksum([code_of(lesson, {*definitions(lesson)} - USED), eyes, *settings])
    return [(way, str(seed), str(steps), code) for way in WAYS for seed in seeds]


def make_step(lesson: ModuleType, way: str, seed: int, steps: int) -> tuple[keras.Model, Callable]:
    """Return a new network, and a function that trains it with a batch of recoloured pieces."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    parts = lesson.make_parts(lesson.make_fast(**WAYS[way]), lesson.RATE, steps)
    painting = lesson.scaled(lesson.styles[lesson.STYLE])[np.newaxis]
    step = lesson.make_fast_step(**parts, eyes=lesson.eyes, painting=painting)
    return parts["network"], lambda pieces: step(lesson.scaled(pieces))


def score(lesson: ModuleType, run: Run) -> dict[str, float]:
    """Train one network, and score it on the photographs that were held out."""
    way, seed, steps, _ = run
    network, step = make_step(lesson, way, int(seed), int(steps))
    ordered = datasets.batches(lesson.pieces, lesson.BATCH, int(seed))
    for _ in range(int(steps)):
        step(next(ordered))
    return {name: round(float(found), 4) for name, found in scores(lesson, network).items()}


def scores(lesson: ModuleType, network: keras.Model) -> dict[str, float]:
    """Return the losses on the held-out photographs, cut to one size, multiples of four."""
    painting, look = lesson.styles[lesson.STYLE], lesson.make_look(lesson.eyes)
    style_loss = lesson.make_style_loss(look, lesson.scaled(painting)[np.newaxis])
    height, width = (min(x.shape[axis] for x in lesson.tests) // 4 * 4 for axis in (0, 1))
    given = [lesson.recoloured(x[:height, :width], painting) for x in lesson.tests]
    given = lesson.scaled(np.stack(given))
    kept = look(given)[lesson.LAST_LAYER]
    seen, together = (look(network(given, training=training)) for training in (False, True))
    content = lesson.relative(seen[lesson.LAST_LAYER], kept)
    return {"style": style_loss(seen), "style_batch": style_loss(together), "content": content}


def load_lesson(pieces: int = PIECES) -> ModuleType:
    """Return the further lesson's definitions, with its pictures; the pieces are recoloured."""
    lesson = load_definitions("09", FURTHER / "09_fast_style.ipynb")
    with np.load(DATA / "paintings.npz") as file:
        lesson.styles = {name: file[name] for name in file}
    rng = np.random.default_rng(lesson.SEED)
    found = lesson.load_photographs()
    found = [lesson.recoloured(picture, lesson.styles[lesson.STYLE]) for picture in found]
    lesson.pieces = lesson.cut_pieces(found, pieces, rng)
    photographs = skimage.data.chelsea(), skimage.data.rocket()
    lesson.tests = [lesson.fitted(picture, lesson.SIDE) for picture in photographs]
    return lesson


def time_all(lesson: ModuleType) -> None:
    """Print how long the lesson's trainings and all runs of the table take."""
    pieces, seconds = lesson.pieces[: lesson.BATCH], []
    for way in WAYS:
        step = make_step(lesson, way, 1, SHORT)[1]
        wait = lambda _, step=step: float(step(pieces)["style_loss"])
        seconds.append(time_run(way, SHORT, wait))
    for depth in lesson.DEPTHS:
        network = lesson.make_decoder(lesson.eyes, depth)
        parts = lesson.make_parts(network, lesson.DECODER_RATE, lesson.DECODER_STEPS)
        step = lesson.make_decoder_step(**parts, eyes=lesson.eyes, depth=depth)
        wait = lambda _, step=step: float(step(lesson.scaled(pieces))["pixel_loss"])
        time_run(f"decoder of layer {depth}", lesson.DECODER_STEPS, wait)
    print_total(len(SEEDS) * sum(seconds))


def main(what: str = "", argument: str = "1000") -> None:
    if what not in ("runs", "time", "tiny"):
        raise SystemExit("Say what to do: runs, time or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each run traces a new step; TensorFlow would warn of it
    lesson = load_lesson(PIECES if what == "runs" else 1)
    keras.utils.set_random_seed(lesson.SEED)
    if what == "runs":
        lesson.eyes = pretrained.load("09_eyes")
        rows, folder, most = plan(lesson), MEASURED, int(argument)
    elif what == "time":  # eyes that were not trained look as fast as others
        lesson.eyes = load_definitions("09").make_eyes()
        return time_all(lesson)
    else:
        lesson.eyes = load_definitions("09").make_eyes((4,) * 8)
        rows, folder, most = plan(lesson, (1,), 1), Path(argument).absolute(), 2
    fill_table(folder / f"{NAME}.csv", KEY, FOUND, rows, lambda run: score(lesson, run), most)


if __name__ == "__main__":
    main(*sys.argv[1:])
