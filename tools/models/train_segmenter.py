"""Train the judge of chapter 07's project, which names the class of each pixel of a street picture.

    python -m tools.models.train_segmenter

As the paper's FCN for Cityscapes. It learns from the training pairs of the streets (1,000 pictures
drawn by `tools/data/streets.py`), never from generated pictures, and is scored on the 100 test
pairs, with the scores that the project from map to street defines.
"""

import os
from typing import Any

import numpy as np

from helpers import datasets, pairs
from helpers.course import start
from tools.models.publish_model import publish_model
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

EPOCHS, BATCH, SEED = 40, 16, 1
WIDTHS = (24, 48, 96, 128)


def make_segmenter(size: int, classes: int) -> Any:
    """Return a small U-Net: pictures (N, size, size, 3) in [-1, 1] to logits (N, ..., classes)."""
    from keras import Input, Model, layers

    def convolved(x, filters):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    x = inputs = Input((size, size, 3))
    ways = []
    for filters in WIDTHS:
        x = convolved(x, filters)
        ways.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(convolved(x, WIDTHS[-1]))
    for way in reversed(ways):
        x = layers.Concatenate()([layers.UpSampling2D()(x), way])
        x = convolved(x, way.shape[-1])
    return Model(inputs, layers.Conv2D(classes, 1)(x), name="segmenter")


def under_another_light(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change contrast, brightness and colour of a batch a little."""
    gain = rng.uniform(0.85, 1.15, (len(pictures), 1, 1, 3))
    shift = rng.normal(0, 0.06, (len(pictures), 1, 1, 3))
    return np.clip(pictures * gain + shift, -1, 1).astype(np.float32)


def train(segmenter: Any, pictures: np.ndarray, labels: np.ndarray) -> None:
    """Train on pictures under changing light, half of the batches mirrored."""
    import keras

    steps = EPOCHS * (len(pictures) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    segmenter.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    ordered = datasets.batches((pictures, labels), BATCH, SEED)
    for step, (batch, truth) in zip(range(steps), ordered):
        rng = np.random.default_rng([SEED, step])
        mirror = slice(None, None, -1 if rng.random() < 0.5 else 1)
        lit = under_another_light(batch, rng)
        value = segmenter.train_on_batch(lit[:, :, mirror], truth[:, :, mirror])
        if step % 100 == 0:
            print(f"step {step:,} of {steps:,}, loss {float(np.ravel(value)[0]):.3f}", flush=True)


def main() -> None:
    os.environ["COURSE_BUDGET"] = "full"
    start(SEED)
    project = load_definitions("07", FOLDER / "projects/07_street.ipynb")
    streets = pairs.load_pairs("streets")
    pictures = project.scaled(streets.train_targets)
    segmenter = make_segmenter(pictures.shape[1], len(project.CLASSES))
    train(segmenter, pictures, project.classes_of(streets.train_inputs))
    scores = project.street_scores(segmenter, streets.test_targets, streets.test_inputs)
    about = "reads the class of each pixel of a 64 x 64 street"
    command = "python -m tools.models.train_segmenter"
    publish_model("07_segmenter_streets", segmenter, about, command, **scores)


if __name__ == "__main__":
    main()
