"""The generators that come with the course: trained with the chapters' code, scored, published."""

import dataclasses
import shutil
import types

import keras
import numpy as np
import pytest

from helpers import datasets, live_view, metrics, pairs, pretrained
from helpers.course import run_folder
from tools.models import publish_model, train_generators
from tools.notebooks.definitions import load_definitions

LATENT = 100


def make_tiny_generator():
    dense = keras.layers.Dense(784, activation="tanh")
    return keras.Sequential([keras.Input((LATENT,)), dense, keras.layers.Reshape((28, 28, 1))])


def make_tiny_discriminator():
    layers = [keras.layers.Flatten(), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


@pytest.fixture(scope="module")
def clothes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "embedded")
        data = datasets.load("fashion_mnist")
    parts = {"train_images": data.train_images[:600], "train_labels": data.train_labels[:600]}
    return dataclasses.replace(data, **parts)


@pytest.fixture(scope="module")
def chapters():
    """Chapters 03, 04 and 06 with tiny networks; 04 keeps a checkpoint at each step."""
    tiny = {"make_generator": make_tiny_generator, "make_discriminator": make_tiny_discriminator}
    loaded = {number: load_definitions(number) for number in ("03", "04", "06")}
    vars(loaded["03"]).update(tiny, BATCH=4, EVERY=2)
    improved = loaded["04"].IMPROVED | tiny | {"batch_size": 4}
    vars(loaded["04"]).update(IMPROVED=improved, EVERY=2, SAVE_EVERY=1)
    vars(loaded["06"]).update(BATCH=4, EVERY=2)
    return loaded


def look_without_a_judge(images, data):
    """Means of rows and columns in place of a network's features and logits."""
    means = [images.mean(axis=axis)[..., 0] for axis in (1, 2)]
    return [np.concatenate(means, axis=1), means[0][:, ::3]]


@pytest.fixture
def folder(tmp_path, monkeypatch, chapters, clothes):
    """Where it is published: a folder with a copy of the card."""
    shutil.copy(pretrained.FOLDER / "card.json", tmp_path)
    for module in (pretrained, publish_model):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(metrics, "LARGEST_SAMPLE", 300)
    monkeypatch.setattr(metrics, "_look", look_without_a_judge)
    monkeypatch.setattr(live_view.LiveView, "curves", lambda *_, **__: None)  # slow to draw
    monkeypatch.setattr(train_generators, "load_pictures", lambda name: clothes)
    monkeypatch.setattr(train_generators, "load_definitions", chapters.__getitem__)
    for name in ("03_gan_boots", "04_dcgan_clothes", "06_cgan_digits"):
        train, pictures, _, about = train_generators.PLANS[name]
        monkeypatch.setitem(train_generators.PLANS, name, (train, pictures, 2, about))
    return tmp_path


def test_a_generator_is_trained_scored_and_published(folder):
    train_generators.make("03_gan_boots")
    fact = pretrained.card()["03_gan_boots"]
    measured = fact["measured"]
    assert [*measured] == ["steps", "fcd", "floor", "samples", "recall"]
    assert measured["steps"] == 2 and measured["samples"] == 300
    assert measured["fcd"] > measured["floor"] > 0
    assert fact["about"] == "chapter 03's light generator of ankle boots" and "note" not in fact
    assert fact["command"] == "make pretrained NAME=03_gan_boots"
    assert pretrained.load("03_gan_boots")(np.zeros((1, LATENT))).shape == (1, 28, 28, 1)


def test_a_training_that_was_stopped_goes_on_and_is_removed_at_its_end(
    folder, chapters, monkeypatch, capsys
):
    def stop_after_one(recipe, seed):
        parts, both_steps, samples = make_training(recipe, seed)

        def one_step(images, step):
            if int(step):
                raise KeyboardInterrupt
            return both_steps(images, step)

        return parts, one_step, samples

    make_training = chapters["04"].make_training
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setitem(vars(chapters["04"]), "make_training", stop_after_one)
        train_generators.make("04_dcgan_clothes")
    place = run_folder("04_dcgan/pretrained-clothes")
    assert place.exists()
    train_generators.make("04_dcgan_clothes")
    assert "The checkpoint of step 1 is loaded" in capsys.readouterr().out
    assert pretrained.card()["04_dcgan_clothes"]["measured"]["steps"] == 2
    assert not place.exists()


def test_a_conditional_generator_draws_what_the_averaged_one_drew(folder, chapters, monkeypatch):
    chapter, trained = chapters["06"], []
    train = chapter.train_cgan

    def train_and_note(*arguments):
        trained.append(train(*arguments))
        return trained[-1]

    monkeypatch.setitem(vars(chapter), "train_cgan", train_and_note)
    train_generators.make("06_cgan_digits")
    measured = pretrained.card()["06_cgan_digits"]["measured"]
    assert [*measured] == ["steps", "fcd", "floor", "samples", "recall", "asked_class"]
    assert 0 <= measured["asked_class"] <= 1
    loaded, averaged = pretrained.load("06_cgan_digits"), trained[0][0]
    pictures = [chapter.draw(network, range(10), seed=0) for network in (loaded, averaged)]
    np.testing.assert_allclose(*pictures, atol=0.02)  # float16


def test_a_published_generator_is_scored_again_and_its_file_stays(folder):
    name, older = "03_gan_boots", {"steps": 7, "fcd": 99.0, "full_classes": 8}
    publish_model.publish_model(name, make_tiny_generator(), "a test", "none", **older)
    before = pretrained.card()
    train_generators.score(name)
    after = pretrained.card()
    assert [*after[name]["measured"]] == ["steps", "fcd", "floor", "samples", "recall"]
    assert after[name]["measured"]["steps"] == 7 and after[name]["measured"]["samples"] == 300
    before[name]["measured"] = after[name]["measured"]
    assert after == before  # the checksum, too
    assert pretrained.load(name)
    assert (folder / "README.md").read_text(encoding="utf-8") == publish_model.page(after)


def test_score_looks_at_each_published_generator_that_a_judge_knows(monkeypatch):
    scored = []
    monkeypatch.setenv("COURSE_BUDGET", "smoke")  # main sets it: so it is put back
    monkeypatch.setattr(train_generators, "start", lambda: None)
    monkeypatch.setattr(train_generators, "score", scored.append)
    train_generators.main("score")
    assert set(scored) == set(train_generators.PLANS) - {"07_pix2pix_openmoji"}


def test_translated_pictures_have_scores_of_their_own():
    """A network that gives back what it gets, for targets that are 10 grey values brighter."""
    chapter = load_definitions("07")
    images = np.random.default_rng(0).integers(0, 200, (4, 16, 16, 3), np.uint8)
    fields = dataclasses.fields(pairs.PairData)
    data = pairs.PairData(**{field.name: images for field in fields})
    data = dataclasses.replace(data, test_targets=images + 10)
    same = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Activation("linear")])
    measured = train_generators.measure(chapter, same, data)
    assert measured == pytest.approx({"texture_distance": 0, "l1_grey_values": 10})


def test_drawings_are_mirrored_and_judged_by_a_discriminator(monkeypatch):
    asked = {}
    monkeypatch.setattr(train_generators, "like_sketches", lambda data: data)

    def train(run, data, **options):
        asked.update(options, run=run)
        return dict(generator="the generator"), "the history"

    chapter = types.SimpleNamespace(train=train)
    trained = train_generators.pix2pix(chapter, "pretrained-openmoji", None, 12)
    assert trained == ("the generator", "the history")
    assert asked == dict(run="pretrained-openmoji", gan=True, steps=12, mirror=True)


def test_what_cannot_be_trained_is_said(monkeypatch):
    with pytest.raises(SystemExit, match=r"no model 'cats'\. Choose one of: 04_dcgan_clothes"):
        train_generators.main("cats")
    monkeypatch.setenv("COURSE_DATA", "embedded")
    with pytest.raises(SystemExit, match="complete official sets"):
        train_generators.load_pictures("mnist")


def test_sketches_have_colours_and_both_sides_move_together(monkeypatch):
    """Grey drawings go, rare hues come more often, and each pair is turned as one."""
    rng = np.random.default_rng(0)
    lines = rng.choice([0, 255], (22, 64, 64, 1), p=[0.2, 0.8]).astype(np.uint8)
    lines[:, 20:40, 20:40] = 255
    targets = np.repeat(lines, 3, axis=-1)
    targets[:20, 20:40, 20:40, 2] = 0  # 20 are yellow, one is magenta, and one stays grey
    targets[20, 20:40, 20:40, 1] = 0
    data = pairs.PairData("tiny", "folder", lines, targets, lines, targets)
    no_second_style = np.zeros((0, 64, 64, 4), np.uint8)
    monkeypatch.setattr(train_generators, "outlined", lambda flat: no_second_style)
    made = train_generators.like_sketches(data)
    yellow, magenta = (np.sum(made.train_targets[:, 32, 32, at] < 128) for at in (2, 1))
    assert (yellow, magenta) == (20 * 8, 16) and len(made.train_inputs) == 20 * 8 + 16
    np.testing.assert_array_equal(made.train_targets[..., 0], made.train_inputs[..., 0])
    assert all((image != lines[0]).any() for image in made.train_inputs)


def test_a_picture_is_turned_about_its_middle_and_bent_by_a_pixel(monkeypatch):
    square = np.full((64, 64, 2), 255, np.uint8)
    square[10:20, 28:36] = 0
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    monkeypatch.setattr(train_generators, "BENT", 1e-9)
    turned = train_generators.warped(np.random.default_rng(0), square, quarter)
    np.testing.assert_allclose(turned[..., 0], np.rot90(square[..., 0], -1), atol=1)
    monkeypatch.setattr(train_generators, "BENT", 1.0)
    bent = train_generators.warped(np.random.default_rng(0), square, np.eye(2))
    np.testing.assert_array_equal(bent[..., 0], bent[..., 1])
    changed = bent[..., 0] != square[..., 0]
    assert changed.any() and not changed[:6].any() and not changed[24:].any()


def test_outlines_are_where_a_colour_changes_and_lie_on_it():
    flat = np.full((1, 12, 12, 3), 255, np.uint8)
    flat[0, 4:8, 4:8] = 200, 30, 60
    lines, colours = np.split(train_generators.outlined(flat), [1], axis=-1)
    expected = np.full((12, 12), 255)
    expected[3:9, 3:9] = 0  # two pixels wide, one on each side of the edge
    expected[[3, 3, 8, 8], [3, 8, 3, 8]] = 255  # a corner has no neighbour of another colour
    expected[5:7, 5:7] = 255
    np.testing.assert_array_equal(lines[0, ..., 0], expected)
    assert (colours[lines.repeat(3, axis=-1) == 0] == 0).all()
    np.testing.assert_array_equal(colours[0, 5:7, 5:7], flat[0, 5:7, 5:7])
