"""Train the two frozen classifiers with which `helpers.metrics` looks at pictures: digits and clothes.

    COURSE_DATA_DIR=../shared/data python -m tools.make_classifiers [digits|clothes]

Each is trained on the training halves of the real set and of the embedded one together, so that it can also judge pictures of a
reader who has only the embedded sets. The pictures are moved, blurred and made noisy a little: a judge should look at shapes, and not be shocked
by noise that no eye can see. About four minutes each on 2 cores.

The judge's eye is the layer before the logits: 128 features. They are whitened: a last, fixed layer turns and scales them so that the real
training pictures have mean 0 and covariance 1. Without it, the few directions that separate the classes would have nearly all of the variance, and
so nearly all of the score. Every score of the course depends on these two files: with new ones, all scores must be measured again.
"""

import os
import sys

import numpy as np
from scipy import ndimage

from helpers import datasets
from helpers.budget import start
from tools.ship import ship

SETS = {"digits": "mnist", "clothes": "fashion_mnist"}
EPOCHS, BATCH, SEED = 8, 128, 7
FULL_CLASS = 5_000  # training pictures
COMMAND = "python -m tools.make_classifiers"


def make_classifier():
    """Return a model from pictures in [-1, 1], (N, 28, 28, 1), to [features (N, 128), logits (N, 10)]."""
    import keras
    from keras import layers

    images = keras.Input((28, 28, 1))
    x = images
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    features = layers.Dense(pooled.shape[1], name="features", trainable=False, kernel_initializer="identity")(pooled)
    logits = layers.Dense(10, name="logits")(layers.Dropout(0.3)(pooled))
    return keras.Model(images, [features, logits])


def whiten(model, images):
    """Set the layer of features so that those of `images` have mean 0 and covariance 1."""
    pooled = np.concatenate([model(scaled(images[at : at + 500]), training=False)[0] for at in range(0, len(images), 500)])
    values, vectors = np.linalg.eigh(np.cov(pooled.astype(np.float64), rowvar=False))
    kernel = vectors / np.sqrt(values)
    model.get_layer("features").set_weights([kernel, -pooled.mean(axis=0) @ kernel])


def scaled(images):
    return images[..., None].astype(np.float32) / 127.5 - 1


def disturbed(images, rng):
    """Move a batch by up to two pixels, blur every second one, and add noise of another strength to each picture."""
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2)])
    down, right = rng.integers(0, 5, 2)
    moved = scaled(padded[:, down : down + 28, right : right + 28])
    if rng.random() < 0.5:
        blur = rng.uniform(0.3, 0.9)
        moved = ndimage.gaussian_filter(moved, (0, blur, blur, 0))
    strength = rng.uniform(0, 0.4, (len(images), 1, 1, 1)).astype(np.float32)
    return np.clip(moved + strength * rng.standard_normal(moved.shape, np.float32), -1, 1)


def train(model, images, labels):
    """Train on disturbed pictures; the learning rate falls to zero along a cosine."""
    import keras
    import tensorflow as tf

    steps = EPOCHS * (len(images) // BATCH)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer.build(model.trainable_variables)

    @tf.function
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            error = loss(labels, model(images, training=True)[1])
        optimizer.apply_gradients(zip(tape.gradient(error, model.trainable_variables), model.trainable_variables))
        return error

    rng, errors = np.random.default_rng(SEED), []
    for step, (batch, answers) in zip(range(1, steps + 1), datasets.batches((images, labels), BATCH, SEED)):
        errors.append(train_step(disturbed(batch, rng), answers.astype(np.int32)))
        if step % 500 == 0:
            print(f"step {step} of {steps}: loss {np.mean(errors[-500:]):.4f}", flush=True)


def accuracy(model, images, labels):
    """Return the share of right answers, in percent."""
    read = [np.argmax(model(scaled(images[i : i + 500]), training=False)[1], axis=1) for i in range(0, len(images), 500)]
    return 100 * float(np.mean(np.concatenate(read) == labels))


def main(wanted=""):
    if wanted not in ("", *SETS):
        raise SystemExit(f"There is no classifier {wanted!r}. Choose one of: {', '.join(SETS)}.")
    for kind, name in SETS.items():
        if wanted not in ("", kind):
            continue
        start(SEED)
        os.environ.pop("COURSE_DATA", None)
        real = datasets.load(name)
        os.environ["COURSE_DATA"] = "embedded"
        embedded = datasets.load(name)
        os.environ.pop("COURSE_DATA")
        if real.source == "embedded":
            raise SystemExit("The classifiers are trained on the real pictures. Set COURSE_DATA_DIR to their folder, and try again.")
        model = make_classifier()
        train(
            model, np.concatenate([real.train_images, embedded.train_images]), np.concatenate([real.train_labels, embedded.train_labels])
        )
        whiten(model, real.train_images)
        full = np.flatnonzero(np.bincount(real.train_labels, minlength=10) >= FULL_CLASS)
        tested = np.isin(real.test_labels, full)
        ship(
            f"classifier_{kind}", model, f"frozen classifier of {kind}: 128 whitened features and 10 logits", f"{COMMAND} {kind}",
            accuracy_full_classes=accuracy(model, real.test_images[tested], real.test_labels[tested]),
            accuracy_all=accuracy(model, real.test_images, real.test_labels), full_classes=len(full),
            accuracy_embedded=accuracy(model, embedded.test_images, embedded.test_labels),
        )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
