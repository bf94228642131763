"""The embedded sets are what their makers make, and are safe to ship."""

import io
import zipfile

import numpy as np
import pytest

from helpers.course import DATA
from tools import make_atelier, make_digits
from tools.data.garments import DESIGNS, design, paint
from tools.embedded import write_npz


def test_the_digits_are_what_their_maker_makes():
    with np.load(DATA / "embedded_digits.npz", allow_pickle=False) as stored:
        for key, made in zip(("x_train", "y_train", "x_test", "y_test"), make_digits.make(), strict=True):
            # Another SciPy may round a grey value another way, but not a label.
            np.testing.assert_allclose(stored[key].astype(int), made, atol=1 if key.startswith("x") else 0)


def test_the_digits_are_centred_as_mnist_is():
    with np.load(DATA / "embedded_digits.npz") as stored:
        images = stored["x_train"].astype(float)
    rows, columns = np.indices((28, 28))
    for place in (rows, columns):
        centre = (images * place).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
        assert np.abs(centre - 13.5).max() < 1


def test_the_clothes_are_what_their_maker_makes():
    with np.load(DATA / "embedded_atelier.npz", allow_pickle=False) as stored:
        x_train, y_train, x_test, y_test = (stored[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    assert x_train.shape == (10_000, 28, 28) and x_test.shape == (2_000, 28, 28)
    assert (np.bincount(y_train) == 1_000).all() and (np.bincount(y_test) == 200).all()
    rng = np.random.default_rng(make_atelier.SEED)
    train, test = rng.permutation(make_atelier.TRAIN), make_atelier.TRAIN + rng.permutation(make_atelier.TEST)
    assert (y_train == train % 10).all() and (y_test == test % 10).all()
    for place in range(0, 2_000, 50):
        for numbers, images in ((train, x_train), (test, x_test)):
            made = make_atelier.picture(numbers[place]).astype(int)
            assert np.mean(np.abs(images[place] - made) > 2) < 0.01
    assert (DATA / "embedded_atelier.npz").stat().st_size < 6_000_000


@pytest.mark.parametrize("label", range(10))
def test_a_garment_is_drawn_from_its_seed_at_any_size(label):
    one, same, other = (paint(design(label, rng), rng) for rng in map(np.random.default_rng, (5, 5, 6)))
    assert (one == same).all() and (one != other).any()
    assert one.dtype == np.uint8 and one.shape == (28, 28)
    assert one[0, 0] == 0 and 0.08 < (one > 0).mean() < 0.95  # black around it, and not a speck
    assert max((one > 0).any(axis=0).sum(), (one > 0).any(axis=1).sum()) >= 25  # it fills the picture
    large = paint(design(label, np.random.default_rng(5)), np.random.default_rng(1), side=64)
    small = large[:63, :63].reshape(21, 3, 21, 3).mean(axis=(1, 3)) > 30
    assert large.shape == (64, 64) and small.any()


def test_no_two_garments_are_the_same():
    with np.load(DATA / "embedded_atelier.npz") as stored:
        images = np.concatenate([stored["x_train"], stored["x_test"]]).reshape(-1, 784)
    assert len(np.unique(images, axis=0)) == len(images) == 12_000
    assert len(DESIGNS) == 10


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    images, labels = np.zeros((6, 8, 8), dtype=np.uint8), np.arange(6, dtype=np.uint8)
    for name in "ab":
        write_npz(tmp_path / f"{name}.npz", images, labels, images, labels)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert np.load(io.BytesIO(archive.read("y_test.npy"))).tolist() == [0, 1, 2, 3, 4, 5]
