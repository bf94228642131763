"""Loading the models that come with the course, and what is said when a file is not as it was."""

import random
import shutil

import numpy as np
import pytest

from helpers import pretrained

NAME = "classifier_digits"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the card and of one model."""
    for name in ("card.json", f"{NAME}.keras"):
        shutil.copy(pretrained.FOLDER / name, tmp_path)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path


def test_a_model_is_loaded_in_float32_and_nothing_is_written(capfd):
    model = pretrained.load(NAME)
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype("float32")}
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert not model.compiled
    assert capfd.readouterr() == ("", "")


def test_a_changed_or_missing_file_is_refused(folder):
    path = folder / f"{NAME}.keras"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    refused = f"{NAME}.keras' is missing, or not what the card says.*git checkout"
    with pytest.raises(ValueError, match=refused):
        pretrained.load(NAME)
    path.unlink()
    with pytest.raises(ValueError, match=refused):
        pretrained.load(NAME)


def test_an_unknown_name_is_answered_with_the_known_ones(folder):
    with pytest.raises(ValueError, match=f"no model 'cats'.*{NAME}"):
        pretrained.load("cats")


def test_a_copy_in_another_dtype_leaves_the_seeds_of_later_networks_alone():
    import keras

    layers = [keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((3,)), *layers])
    random.seed(1)
    before = random.getstate()
    copy = pretrained.in_dtype(model, "float16")
    assert random.getstate() == before
    assert {layer.compute_dtype for layer in copy.layers} == {"float16"}
    for weight, small in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(weight.astype(np.float16), small)
