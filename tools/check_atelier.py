"""Measure how much the Atelier's pictures look like Fashion-MNIST's, with the eyes of a classifier.

    COURSE_DATA_DIR=../shared/data python -m tools.check_atelier

Prints (a) the share of the Atelier's pictures that a network trained on Fashion-MNIST reads as their class, over the
classes that its training set has in full (5,000 pictures or more), and (b) the accuracy on the Atelier's test set of
the same network trained on the Atelier's training set. Two to three minutes on 2 cores.
"""

import os

import numpy as np

from helpers import datasets
from helpers.budget import start

FULL_CLASS = 5_000  # training pictures
EPOCHS = 6


def make_classifier():
    import keras
    from keras import layers

    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Rescaling(1 / 255),
        layers.RandomTranslation(0.07, 0.07, fill_mode="constant"),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dropout(0.4),
        layers.Dense(128, activation="relu"), layers.Dropout(0.4),
        layers.Dense(10),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def predict_after_training(data, images):
    """Train on a set's training pictures and return the labels that the network gives to `images`."""
    model = make_classifier()
    model.fit(data.train_images[..., None], data.train_labels, batch_size=128, epochs=EPOCHS, verbose=0)
    return model.predict(images[..., None], batch_size=1000, verbose=0).argmax(axis=1)


def main():
    start()
    fashion = datasets.load("fashion_mnist")
    os.environ["COURSE_DATA"] = "embedded"
    atelier = datasets.load("fashion_mnist")
    if fashion.source == "embedded":
        raise SystemExit("This compares with the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    full = np.flatnonzero(np.bincount(fashion.train_labels, minlength=10) >= FULL_CLASS)
    images, labels = atelier.train_images, atelier.train_labels
    read = predict_after_training(fashion, images)
    for label, name in enumerate(atelier.class_names):
        found = np.bincount(read[labels == label], minlength=10)
        others = ", ".join(f"{atelier.class_names[i]} {found[i]}" for i in np.argsort(-found)[:4] if found[i])
        print(f"{name:<12} {found[label] / found.sum():6.1%}   read as: {others}")
    shares = [(read[labels == label] == label).mean() for label in full]
    print(f"Trained on Fashion-MNIST, reads of the Atelier ({len(full)} classes): {np.mean(shares):.1%}")
    accuracy = (predict_after_training(atelier, atelier.test_images) == atelier.test_labels).mean()
    print(f"Trained on the Atelier, reads of held-out Atelier (10 classes): {accuracy:.1%}")


if __name__ == "__main__":
    main()
