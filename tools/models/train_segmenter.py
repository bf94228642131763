"""Train the network that reads street pictures and names the class of each pixel: the judge of chapter 07, as the paper's FCN for Cityscapes.

    python -m tools.make_segmenter

It learns from the training pairs of the streets (1,000 pictures drawn by `tools/streets.py`), never from generated pictures, and is scored on the 100 test pairs.
"""

import os

import numpy as np

from helpers import datasets
from helpers.budget import start
from tools.definitions import load_definitions
from tools.ship import ship

EPOCHS, BATCH, SEED = 40, 16, 1
WIDTHS = (24, 48, 96, 128)


def make_segmenter(size, classes):
    """Return a small U-Net: pictures (N, size, size, 3) in [-1, 1] to logits (N, size, size, classes)."""
    from keras import Input, Model, layers

    def convolved(x, filters):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    x = inputs = Input((size, size, 3))
    kept = []
    for filters in WIDTHS:
        x = convolved(x, filters)
        kept.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.2)(convolved(x, WIDTHS[-1]))
    for skip in reversed(kept):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = convolved(x, skip.shape[-1])
    return Model(inputs, layers.Conv2D(classes, 1)(x), name="segmenter")


def varied(pictures, rng):
    """Return pictures under another light: brightness, contrast and colour are changed a little."""
    gain = rng.uniform(0.85, 1.15, (len(pictures), 1, 1, 3))
    return np.clip(pictures * gain + rng.normal(0, 0.06, (len(pictures), 1, 1, 3)), -1, 1).astype(np.float32)


def main():
    os.environ["COURSE_BUDGET"] = "full"
    start(SEED)
    import keras

    chapter, streets = load_definitions("07"), datasets.pairs("streets")
    pictures, labels = chapter.scaled(streets.train_targets), chapter.classes_of(streets.train_inputs)
    segmenter = make_segmenter(pictures.shape[1], len(chapter.CLASSES))
    steps = EPOCHS * (len(pictures) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    segmenter.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    for step, (batch, truth) in enumerate(datasets.batches((pictures, labels), BATCH, SEED)):
        if step == steps:
            break
        rng = np.random.default_rng([SEED, step])
        mirror = slice(None, None, -1 if rng.random() < 0.5 else 1)
        value = segmenter.train_on_batch(varied(batch, rng)[:, :, mirror], truth[:, :, mirror])
        if step % 100 == 0:
            print(f"step {step:,} of {steps:,}, loss {float(np.ravel(value)[0]):.3f}", flush=True)
    scores = chapter.street_scores(segmenter, streets.test_targets, streets.test_inputs)
    ship("07_segmenter_streets", segmenter, "reads the class of each pixel of a 64 x 64 street", "python -m tools.make_segmenter", **scores)


if __name__ == "__main__":
    main()
