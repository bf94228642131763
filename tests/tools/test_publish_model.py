"""What is published: weights in float16, a line on the card, a page. What must not be."""

import json
import shutil

import keras
import numpy as np
import pytest

from helpers import pretrained
from tools.models import publish_model as publish


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the card, to publish in."""
    shutil.copy(pretrained.FOLDER / "card.json", tmp_path)
    for module in (pretrained, publish):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    return tmp_path


def make_model(units=4):
    layers = [keras.layers.Dense(units), keras.layers.BatchNormalization()]
    return keras.Sequential([keras.Input((3,)), *layers, keras.layers.LeakyReLU()])


def make_model_with_optimizer():
    model = make_model()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_comes_back_with_the_weights_of_float16(folder):
    model = make_model()
    publish.publish_model("new_model", model, "a test", "make it", fcd=np.float32(1.5))
    loaded = pretrained.load("new_model")
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(before.astype(np.float16).astype(np.float32), after)
    fact = json.loads((folder / "card.json").read_text())["new_model"]
    assert fact["measured"] == {"fcd": 1.5}
    assert fact["bytes"] == (folder / "new_model.keras").stat().st_size
    page = (folder / "README.md").read_text()
    assert page == publish.page(pretrained.card())
    assert f"| new_model | a test | {model.count_params()} |" in page


def test_a_compiled_model_is_published_without_its_optimizer(folder):
    publish.publish_model("new_model", make_model_with_optimizer(), "", "")
    published = keras.saving.load_model(folder / "new_model.keras")
    assert getattr(published, "optimizer", None) is None


def test_an_older_file_is_saved_again_without_its_optimizer(folder):
    publish.publish_model("old_model", make_model(), "a test", "make it", fcd=1.5)
    smaller = (folder / "old_model.keras").stat().st_size
    make_model_with_optimizer().save(folder / "old_model.keras")
    before = keras.saving.load_model(folder / "old_model.keras")
    assert (folder / "old_model.keras").stat().st_size > smaller
    assert before.optimizer.variables
    publish.save_again("old_model")
    after = pretrained.load("old_model")  # its checksum is on the card
    for weight, same in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    assert getattr(keras.saving.load_model(folder / "old_model.keras"), "optimizer", None) is None
    assert pretrained.card()["old_model"]["measured"] == {"fcd": 1.5}


def test_newly_measured_numbers_replace_the_older_ones(folder):
    publish.publish_model("new_model", make_model(), "a test", "make it", fcd=1.5, old=1)
    before = pretrained.card()
    publish.update_card("new_model", {"fcd": 2.5})
    assert pretrained.card()["new_model"] == before["new_model"] | {"measured": {"fcd": 2.5}}
    assert (folder / "README.md").read_text() == publish.page(pretrained.card())


class OwnLayer(keras.layers.Layer):
    def call(self, x):
        return x


def make_model_too_large_for_float16():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.set_weights([np.float32([[1e5]]), np.float32([0])])
    return model


REFUSED = {
    "not Keras's own: own_layer": lambda: keras.Sequential([keras.Input((3,)), OwnLayer()]),
    "layers that are models": lambda: keras.Sequential([keras.Input((3,)), make_model()]),
    "weights beyond 65,504": make_model_too_large_for_float16,
    "the limit is 1,000,000": lambda: make_model(300_000),
}


@pytest.mark.parametrize("says, make", REFUSED.items(), ids=REFUSED)
def test_a_model_that_would_not_load_elsewhere_is_not_published(folder, monkeypatch, says, make):
    monkeypatch.setattr(publish, "LARGEST", 1_000_000)
    before = contents(folder)
    with pytest.raises(ValueError, match=says):
        publish.publish_model("bad", make(), "", "")
    assert contents(folder) == before


def test_numbers_that_are_not_finite_are_not_published(folder):
    before = contents(folder)
    with pytest.raises(ValueError, match="fcd is nan"):
        publish.publish_model("bad", make_model(), "", "", fcd=np.nan)
    assert contents(folder) == before


def test_the_page_shows_how_far_a_judge_can_be_trusted_and_notes_once():
    fact = {"about": "", "command": "", "parameters": 1, "bytes": 1, "sha256": ""}
    trust = dict(zip(publish.CHEATS, (1.25, 30.0, 40.0, 500.0, 600.0)))
    older = fact | {"measured": {"steps": 1_200}, "note": "Trained on older data"}
    page = publish.page({"a": older, "b": older, "judge": fact | {"measured": trust}})
    assert "Trained on older data: `a`, `b`.\n" in page
    assert "| judge | 1.25 | 30 | 40 | 500 | 600 |" in page
    assert "fcd real" not in page and "steps 1,200" in page
    assert publish.TRUST not in publish.page({"a": older})
