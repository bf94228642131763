"""Make the embedded digits: scikit-learn's 1,797 handwritten digits, brought to the form of MNIST.

    python -m tools.make_digits

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), UCI Machine Learning Repository,
licence CC BY 4.0; scikit-learn ships its test part as 8 x 8 pictures with 17 grey levels.
"""

import numpy as np
from skimage.transform import resize
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from helpers.paths import DATA
from tools.embedded import write_npz

BOX = 20  # MNIST's digits fit into a box of 20 x 20 pixels ...
SIDE = 28  # ... which stands in 28 x 28, its centre of mass in the middle (LeCun et al. 1998)
TEST_IMAGES = 297
SEED = 0


def enlarge(digit):
    """Return an 8 x 8 picture (values 0 to 16) as uint8 28 x 28, smooth, and centred as MNIST is."""
    rows, columns = np.nonzero(digit > 0)
    ink = digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] / 16
    scale = BOX / max(ink.shape)
    shape = [max(1, round(side * scale)) for side in ink.shape]
    # Cubic interpolation of the few big pixels gives soft edges; the steeper curve gives back a pen's firm stroke.
    large = resize(np.pad(ink, 1), [side + round(2 * scale) for side in shape], order=3, mode="constant")
    large = np.clip((np.clip(large, 0, 1) - 0.34) / 0.42, 0, 1)
    rows, columns = np.indices(large.shape)
    top = round((SIDE - 1) / 2 - (rows * large).sum() / large.sum())
    left = round((SIDE - 1) / 2 - (columns * large).sum() / large.sum())
    sheet = np.zeros((3 * SIDE, 3 * SIDE))
    sheet[SIDE + top : SIDE + top + large.shape[0], SIDE + left : SIDE + left + large.shape[1]] = large
    return np.round(sheet[SIDE : 2 * SIDE, SIDE : 2 * SIDE] * 255).astype(np.uint8)


def make():
    """Return (x_train, y_train, x_test, y_test) in Keras's layout, split with equal shares of each digit."""
    digits = load_digits()
    images = np.stack([enlarge(digit) for digit in digits.images])
    labels = digits.target.astype(np.uint8)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    return x_train, y_train, x_test, y_test


if __name__ == "__main__":
    write_npz(DATA / "embedded_digits.npz", *make())
