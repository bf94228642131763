"""The embedded sets are parts of the real ones, as their tools make them."""

import hashlib
import json
import tarfile

import numpy as np
import pytest

from helpers import datasets
from helpers.course import DATA, from_root
from helpers.pairs import load_pairs
from tests.conftest import AS_STARTED
from tools.data import embed_clothes, embed_digits
from tools.data.write_npz import array_hash, write_npz

FILES = {"mnist": "embedded_digits.npz", "fashion_mnist": "embedded_clothes.npz"}
LIMIT = 9_000_000  # bytes


def arrays_of(name):
    with np.load(DATA / FILES[name]) as stored:
        return {key: stored[key] for key in datasets.KEYS}


@pytest.mark.parametrize("name", FILES)
def test_the_data_card_has_the_hash_of_each_array(name):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for key, array in arrays_of(name).items():
        assert f"| `{FILES[name]}` | `{key}` | `{array_hash(array)}` |" in card


@pytest.mark.parametrize("name", ["sketches", "streets"])
def test_the_data_card_has_the_hash_of_the_drawn_pairs(name):
    card, pairs = (DATA / "README.md").read_text(encoding="utf-8"), load_pairs(name)
    for side in ("inputs", "targets"):
        parts = [getattr(pairs, f"{part}_{side}") for part in ("train", "test")]
        assert f"| `pairs_{name}.npz` | {side} | `{array_hash(np.concatenate(parts))}` |" in card


def test_the_files_are_small_and_of_the_right_form():
    assert sum((DATA / file).stat().st_size for file in FILES.values()) < LIMIT
    for name, counts in {"mnist": (7_996, 2_004), "fashion_mnist": (10_000, 2_000)}.items():
        arrays = arrays_of(name)
        assert (len(arrays["x_train"]), len(arrays["x_test"])) == counts
        assert {array.dtype for array in arrays.values()} == {np.dtype("uint8")}
        images = np.concatenate([arrays["x_train"], arrays["x_test"]])
        assert len({image.tobytes() for image in images}) == len(images)
    assert (np.bincount(arrays["y_train"]) == 1_000).all()
    assert (np.bincount(arrays["y_test"]) == 200).all()


def test_digits_are_read_from_the_package_and_split_with_equal_shares(tmp_path):
    pictures = np.arange(10 * 10 * 784).reshape(10, 10, 784) % 256
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as package:
        for digit in range(10):
            path = tmp_path / f"{digit}.json"
            path.write_text(json.dumps({"data": (pictures[digit].ravel() / 255).tolist()}))
            package.add(path, f"package/src/digits/{digit}.json")
    images, labels = embed_digits.read_package(str(tmp_path / "package.tgz"))
    assert np.array_equal(images.reshape(10, 10, 784), pictures)
    x_train, y_train, x_test, y_test = embed_digits.split(images, labels)
    assert (np.bincount(y_test) == 2).all() and (np.bincount(y_train) == 8).all()
    together = {image.tobytes() for image in np.concatenate([x_train, x_test])}
    assert together == {image.tobytes() for image in images}


def test_the_first_of_each_class_are_taken_in_their_order():
    labels = np.tile(np.arange(10), 4)
    assert embed_clothes.first_of_each_class(labels, 2).tolist() == list(range(20))
    assert embed_clothes.first_of_each_class(np.sort(labels), 1).tolist() == list(range(0, 40, 4))


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    images, labels = np.zeros((6, 8, 8), dtype=np.uint8), np.arange(6, dtype=np.uint8)
    for name in "ab":
        write_npz(tmp_path / f"{name}.npz", images, labels, images, labels)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif("COURSE_DATA_DIR" not in AS_STARTED, reason="needs the complete sets")
@pytest.mark.parametrize("name", FILES)
def test_each_picture_is_one_of_the_complete_set(name):
    with np.load(from_root(AS_STARTED["COURSE_DATA_DIR"]) / f"{name}.npz") as stored:
        known = {
            part: {
                hashlib.sha256(image.tobytes()).digest(): label
                for image, label in zip(stored[f"x_{part}"], stored[f"y_{part}"])
            }
            for part in ("train", "test")
        }
    arrays = arrays_of(name)
    for part in ("train", "test"):
        complete = known["train" if name == "mnist" else part]  # the package has only these
        for image, label in zip(arrays[f"x_{part}"], arrays[f"y_{part}"]):
            assert complete[hashlib.sha256(image.tobytes()).digest()] == label
