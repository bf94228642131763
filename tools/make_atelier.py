"""Make the embedded clothes: 12,000 pictures of the Atelier, the same ones each time.

    python -m tools.make_atelier
"""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
from tqdm import tqdm

from helpers.paths import DATA
from tools.atelier import DESIGNS, design, paint
from tools.embedded import write_npz

SEED = 2026
TRAIN, TEST = 10_000, 2_000  # each with equal shares of the ten classes


def picture(number):
    """Return the picture with this number, uint8 (28, 28). Its class is the number's last digit."""
    rng = np.random.default_rng((SEED, number))
    return paint(design(number % len(DESIGNS), rng), rng)


def make(train=TRAIN, test=TEST):
    """Return (x_train, y_train, x_test, y_test) in Keras's layout, both halves in a shuffled order."""
    with ProcessPoolExecutor() as workers:
        pictures = workers.map(picture, range(train + test), chunksize=100)
        images = np.stack(list(tqdm(pictures, total=train + test, desc="Atelier")))
    labels = (np.arange(train + test) % len(DESIGNS)).astype(np.uint8)
    rng = np.random.default_rng(SEED)
    first, second = rng.permutation(train), train + rng.permutation(test)
    return images[first], labels[first], images[second], labels[second]


if __name__ == "__main__":
    write_npz(DATA / "embedded_atelier.npz", *make())
