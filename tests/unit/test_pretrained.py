import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from helpers import pretrained
from helpers.paths import ROOT
from tools import ship

CLASSIFIER_LIMIT, ALL_LIMIT = 1_500_000, 40_000_000  # bytes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the pretrained files."""
    copy = tmp_path / "pretrained"
    shutil.copytree(pretrained.FOLDER, copy)
    monkeypatch.setattr(pretrained, "FOLDER", copy)
    monkeypatch.setattr(ship, "FOLDER", copy)
    return copy


def test_card_and_files_belong_together():
    facts = pretrained.card()
    assert {path.stem for path in pretrained.FOLDER.glob("*.keras")} == set(facts)
    for name, fact in facts.items():
        content = (pretrained.FOLDER / f"{name}.keras").read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (fact["bytes"], fact["sha256"]), name
    assert (pretrained.FOLDER / "README.md").read_text() == ship._page(facts)
    assert sum(fact["bytes"] for fact in facts.values()) < ALL_LIMIT
    assert all(fact["bytes"] < CLASSIFIER_LIMIT for name, fact in facts.items() if name.startswith("classifier"))


@pytest.mark.parametrize("name", list(pretrained.card()))
def test_each_model_loads_without_the_projects_code(name):
    """In a process that knows nothing but Keras: no layer of our own is needed. And ours has the same weights, in float32."""
    load = f"keras.saving.load_model({str(pretrained.FOLDER / f'{name}.keras')!r})"
    code = f"import keras; print(*(abs(weight.astype(float)).sum() for weight in {load}.get_weights()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert said.returncode == 0, said.stderr[-2000:]
    model = pretrained.load(name)
    np.testing.assert_allclose([float(word) for word in said.stdout.split()], [abs(weight).sum(dtype=float) for weight in model.get_weights()])
    assert model.count_params() == pretrained.card()[name]["parameters"]
    assert {weight.dtype for weight in model.get_weights()} == {np.dtype("float32")}
    outputs = model([np.zeros((2, *entry.shape[1:]), entry.dtype) for entry in model.inputs], training=False)
    assert all(np.isfinite(output).all() for output in (outputs if isinstance(outputs, list) else [outputs]))


def test_the_judges_are_as_good_as_the_card_demands():
    measured = {name: fact["measured"] for name, fact in pretrained.card().items()}
    assert measured["classifier_digits"]["accuracy_all"] >= 99
    assert measured["classifier_clothes"]["accuracy_full_classes"] >= 90
    for name in ("classifier_digits", "classifier_clothes"):
        assert pretrained.load(name).output_shape == [(None, 128), (None, 10)]


def test_loading_writes_nothing(capfd):
    pretrained.load("classifier_digits")
    assert capfd.readouterr() == ("", "")


def test_a_changed_or_missing_file_is_refused(folder):
    path = folder / "classifier_digits.keras"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="has the checksum .* but the card says .* git checkout"):
        pretrained.load("classifier_digits")
    path.unlink()
    with pytest.raises(FileNotFoundError, match="classifier_digits.keras' is missing.*git checkout"):
        pretrained.load("classifier_digits")
    with pytest.raises(ValueError, match="no pretrained model 'cats'.*classifier_clothes"):
        pretrained.load("cats")
    (folder / "card.json").write_text("{")
    with pytest.raises(ValueError, match="card.json' is damaged"):
        pretrained.load("classifier_digits")
    (folder / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match="card.json' is missing"):
        pretrained.load("classifier_digits")


def test_a_model_is_shipped_in_float16_and_comes_back(folder):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.LeakyReLU()])
    ship.ship("new_model", model, "a test", "none", fcd=1.5)
    loaded = pretrained.load("new_model")
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(before.astype(np.float16).astype(np.float32), after)
    assert "| new_model | a test |" in (folder / "README.md").read_text() and json.loads((folder / "card.json").read_text())["new_model"]


def test_what_must_not_be_shipped(folder, monkeypatch):
    import keras

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="not Keras's own: own"):
        ship.ship("bad", keras.Sequential([keras.Input((3,)), Own()]), "", "")
    monkeypatch.setattr(ship, "LARGEST", 1_000_000)
    with pytest.raises(ValueError, match="the limit is 1,000,000"):
        ship.ship("large", keras.Sequential([keras.Input((300,)), keras.layers.Dense(300)]), "", "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_each_generator_was_scored_and_says_how_it_was_made():
    judges = {"classifier_digits", "classifier_clothes", "07_segmenter_streets"}
    generators = {name: fact for name, fact in pretrained.card().items() if name not in judges}
    assert {"03_gan_boots", "03_gan_digits", "04_dcgan_clothes", "07_pix2pix_sketches"} <= set(generators)
    for name, fact in generators.items():
        scores = {"sharpness", "sharpness_real", "l1_grey_values"} if name.startswith("07") else {"fcd", "floor", "samples", "recall"}
        assert fact["command"] == f"make pretrained NAME={name}" and {"steps", *scores} <= set(fact["measured"])
    assert "tools.make_pretrained" in (ROOT / "Makefile").read_text()


def test_weights_too_large_for_float16_and_nested_models_are_refused(folder):
    import keras

    large = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    large.set_weights([np.float32([[1e5]]), np.float32([0])])
    with pytest.raises(ValueError, match="not finite in float16"):
        ship.ship("large", large, "", "")
    with pytest.raises(ValueError, match="are models"):
        ship.ship("nested", keras.Sequential([keras.Input((1,)), keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])]), "", "")


@pytest.fixture
def clothes(monkeypatch):
    from helpers import datasets
    from tools import make_pretrained

    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.setattr(make_pretrained, "SAVE_EVERY", 2)
    monkeypatch.setattr(make_pretrained.metrics, "LARGEST_SAMPLE", 300)
    return datasets.load("fashion_mnist")


def test_a_pretrained_model_is_trained_on_from_its_checkpoint(clothes):
    from tools import make_pretrained

    chapter = make_pretrained.load_definitions("04")
    images = chapter.scaled(clothes.train_images[:64])

    def train(name, steps):
        parts, seen = chapter.make_parts(chapter.IMPROVED | {"batch_size": 4}, 0), []
        make_pretrained.train(name, chapter, images, steps, parts, seen.append, batch_size=4)
        return int(parts["generator_optimizer"].iterations), seen, np.concatenate([weight.ravel() for weight in parts["generator"].get_weights()])

    _, _, whole = train("04_whole", 5)
    train("04_test", 2)
    steps, seen, cut = train("04_test", 5)
    assert (steps, seen) == (5, [2, 3, 4]) and np.mean(np.abs(cut - whole)) < 1e-5 < 1e-4 < np.mean(np.abs(whole))
    assert train("04_test", 5)[:2] == (5, [])  # nothing more to do
    with pytest.raises(SystemExit, match="trained for 5 steps already, but 3 are wanted"):
        train("04_test", 3)


@pytest.mark.parametrize("make", ["gan", "dcgan"])
def test_a_pretrained_model_is_trained_scored_and_shipped(clothes, folder, make, capsys):
    import keras
    import tensorflow as tf

    from tools import make_pretrained

    arguments = ("ankle boots",) if make == "gan" else ()
    for _ in range(2):  # the second time it is trained again
        getattr(make_pretrained, make)("04_test", clothes, clothes.train_images[:1_000], 2, *arguments)
    assert capsys.readouterr().out.count("training starts at step 0") == 2
    fact = pretrained.card()["04_test"]
    assert fact["measured"]["samples"] == 300 and fact["measured"]["fcd"] > fact["measured"]["floor"] > 0
    assert isinstance(pretrained.load("04_test"), keras.Sequential) and tf.is_tensor(pretrained.load("04_test")(np.zeros((1, 100), np.float32)))


@pytest.mark.parametrize("recipe", ["OURS", "CONVOLUTIONAL"])
def test_a_conditional_generator_is_shipped_as_a_functional_model(clothes, folder, recipe, monkeypatch):
    """It loads without the chapter's classes, and draws what the averaged generator drew (in float16)."""
    import keras

    from tools import make_pretrained

    averaged = []
    chapter = make_pretrained.load_definitions("06")
    whole = chapter.averaged_copy
    monkeypatch.setattr(chapter, "averaged_copy", lambda *arguments: averaged.append(whole(*arguments)) or averaged[-1])
    monkeypatch.setattr(make_pretrained, "load_definitions", lambda number: chapter)
    make_pretrained.cgan("06_test", clothes, recipe, 2, "a test")
    measured, loaded = pretrained.card()["06_test"]["measured"], pretrained.load("06_test")
    assert measured["full_classes"] == 10 and 0 <= measured["asked_class"] <= 1 and measured["fcd"] > measured["floor"] > 0
    assert type(loaded) is type(keras.Model(*[keras.Input((1,))] * 2)) and len(loaded.inputs) == 2
    inputs = [chapter.make_noise(10, 0), chapter.one_hot(range(10))]
    np.testing.assert_allclose(loaded(inputs), averaged[0](inputs, training=False), atol=0.02)
