"""Make the embedded clothes from Debian's package `dataset-fashion-mnist`.

    apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb build/debian
    python -m tools.data.embed_clothes build/debian/usr/share/datasets/fashion-mnist

Of each class the first 1,000 pictures of the training half and the first 200 of the test half are
taken, in the official order.
"""

import sys

import numpy as np

from helpers.course import DATA, from_root
from helpers.datasets import read_idx
from tools.data.write_npz import write_npz

TRAIN, TEST = 1_000, 200  # pictures of each class


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the first `count` pictures of each class, in their order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == n)[:count] for n in range(10)]))


if __name__ == "__main__":
    x_train, y_train, x_test, y_test = read_idx(from_root(sys.argv[1]))
    train, test = first_of_each_class(y_train, TRAIN), first_of_each_class(y_test, TEST)
    arrays = x_train[train], y_train[train], x_test[test], y_test[test]
    write_npz(DATA / "embedded_clothes.npz", *arrays)
