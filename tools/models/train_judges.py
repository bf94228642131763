"""Train the two frozen classifiers with which `helpers.metrics` looks at pictures.

    COURSE_DATA_DIR=../shared/data python -m tools.models.train_judges [digits|clothes]
    COURSE_DATA_DIR=../shared/data python -m tools.models.train_judges score

Each is trained on the official training half, without the pictures that are the test part of the
embedded set. They are moved, mirrored (clothes), blurred and made noisy a little: a judge should
look at shapes, and not be shocked by noise that no eye can see.

The judge's eye is the layer before the logits: 128 features. A last, fixed layer turns and scales
them so that the training pictures have mean 0 and covariance 1 (whitening). Without it, the few
directions that separate the classes would have nearly all of the variance, and so of the score.
Every score of the course depends on these files: with new ones, all must be measured again.
"""

import os
import sys

import numpy as np
from scipy import ndimage

from helpers import datasets, metrics, pretrained
from helpers.course import DATA, start
from tools.models.publish_model import publish_model, update_card

SETS = {"digits": "mnist", "clothes": "fashion_mnist"}
PHASES = ("disturbed", "moved", "clear")  # what is done to the pictures, from epoch to epoch
EPOCHS = {"digits": (6, 0, 0), "clothes": (12, 3, 2)}  # of each phase
BATCH, SEED = 128, 7
CHEAT_PICTURES = 10_000
COMMAND = "python -m tools.models.train_judges"


def make_classifier():
    """Return a model from pictures in [-1, 1], (N, 28, 28, 1), to [features, logits]."""
    import keras
    from keras import layers

    x = images = keras.Input((28, 28, 1))
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    size = pooled.shape[1]
    identity = dict(trainable=False, kernel_initializer="identity")
    features = layers.Dense(size, name="features", **identity)(pooled)
    logits = layers.Dense(10, name="logits")(layers.Dropout(0.3)(pooled))
    return keras.Model(images, [features, logits])


def in_parts(model, images: np.ndarray) -> list[np.ndarray]:
    """Return features and logits of uint8 pictures (N, 28, 28)."""
    places = range(0, len(images), 500)
    parts = [model(scaled(images[at : at + 500]), training=False) for at in places]
    return [np.concatenate([part[n] for part in parts]) for n in (0, 1)]


def whiten(model, images: np.ndarray) -> None:
    """Set the layer of features so that those of `images` have mean 0 and covariance 1."""
    pooled = in_parts(model, images)[0].astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(pooled, rowvar=False))
    kernel = vectors / np.sqrt(values)
    model.get_layer("features").set_weights([kernel, -pooled.mean(axis=0) @ kernel])


def scaled(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32) / 127.5 - 1


def moved_about(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move a batch by up to two pixels."""
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2)])
    down, right = rng.integers(0, 5, 2)
    return padded[:, down : down + 28, right : right + 28]


def disturbed(moved: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur some batches, and add noise to half of the pictures."""
    if rng.random() < 0.3:
        blur = rng.uniform(0.3, 0.9)
        moved = ndimage.gaussian_filter(moved, (0, blur, blur, 0))
    strength = np.maximum(0, rng.uniform(-0.3, 0.3, (len(moved), 1, 1, 1))).astype(np.float32)
    return np.clip(moved + strength * rng.standard_normal(moved.shape, np.float32), -1, 1)


def train(
    model, images: np.ndarray, labels: np.ndarray, epochs: int, mirror: bool, phase: str
) -> None:
    """Train through one phase; the learning rate falls to zero along a cosine."""
    import keras
    import tensorflow as tf

    steps = epochs * (len(images) // BATCH)
    first_rate = 2e-3 if phase == PHASES[0] else 5e-4
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(first_rate, steps))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            error = loss(labels, model(images, training=True)[1])
        optimizer.apply_gradients(zip(tape.gradient(error, weights), weights))
        return error

    rng, errors = np.random.default_rng(SEED), []
    ordered = datasets.batches((images, labels), BATCH, SEED)
    for step, (batch, answers) in zip(range(1, steps + 1), ordered):
        pictures = scaled(batch if phase == PHASES[2] else moved_about(batch, rng))
        if mirror and rng.random() < 0.5:
            pictures = pictures[:, :, ::-1]
        if phase == PHASES[0]:
            pictures = disturbed(pictures, rng)
        errors.append(train_step(pictures, answers.astype(np.int32)))
        if step % 500 == 0:
            print(f"step {step} of {steps}: loss {np.mean(errors[-500:]):.4f}", flush=True)


def accuracy(model, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers, in percent."""
    return 100 * float(np.mean(in_parts(model, images)[1].argmax(axis=1) == labels))


def accuracies(model, data: datasets.ImageData, embedded: tuple) -> dict[str, float]:
    """Return what the card says of a judge: right answers on both test parts, in percent."""
    return {
        "accuracy": accuracy(model, data.test_images, data.test_labels),
        "accuracy_embedded": accuracy(model, *embedded),
    }


def embedded_test_part(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of the embedded set's test part."""
    with np.load(DATA / datasets.EMBEDDED[name]) as stored:
        return stored["x_test"], stored["y_test"]


def without(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of the images are not among the others."""
    known = {image.tobytes() for image in others}
    return np.array([image.tobytes() not in known for image in images])


def cheats(data: datasets.ImageData) -> dict[str, np.ndarray]:
    """Return test pictures, and sets that only a poor score would take for good ones: uint8."""
    real, labels = data.test_images[:CHEAT_PICTURES], data.test_labels[:CHEAT_PICTURES]
    blot = ndimage.gaussian_filter(data.train_images.mean(axis=0), 3)
    kept = np.resize(np.flatnonzero(labels != 3), len(real))
    return {
        "real": real,
        "blurred": ndimage.gaussian_filter(real, (0, 1, 1)),
        "class_left_out": real[kept],
        "one_picture": np.repeat(real[:1], len(real), axis=0),
        "grey_blot": np.repeat(blot[None].astype(np.uint8), len(real), axis=0),
    }


def measure_cheats(data: datasets.ImageData) -> dict[str, float]:
    """Return the FCD of each set of `cheats` against the training pictures."""
    return {
        f"fcd_{name}": metrics.frechet_classifier_distance(data.train_images, images, data).fcd
        for name, images in cheats(data).items()
    }


def main(wanted: str = "") -> None:
    if wanted not in ("", "score", *SETS):
        raise SystemExit(f"There is no classifier {wanted!r}. Choose one of: {', '.join(SETS)}.")
    os.environ.pop("COURSE_DATA", None)
    for kind, name in SETS.items():
        if wanted not in ("", "score", kind):
            continue
        start(SEED)
        data = datasets.load(name)
        if len(data.train_images) != 60_000:
            raise SystemExit("Judges are trained on the complete official sets. See data/README.md")
        title, embedded = f"classifier_{kind}", embedded_test_part(name)
        if wanted == "score":
            model = pretrained.load(title)
            update_card(title, accuracies(model, data, embedded) | measure_cheats(data))
            continue
        model, rest = make_classifier(), without(data.train_images, embedded[0])
        images, labels = data.train_images[rest], data.train_labels[rest]
        for epochs, phase in zip(EPOCHS[kind], PHASES):
            if epochs:
                train(model, images, labels, epochs, mirror=kind == "clothes", phase=phase)
        whiten(model, images)
        about = f"frozen classifier of {kind}: 128 whitened features and 10 logits"
        measured = accuracies(model, data, embedded)
        publish_model(title, model, about, f"{COMMAND} {kind}", **measured)


if __name__ == "__main__":
    main(*sys.argv[1:])
