"""The functions of chapter 06, taken out of the notebook, against values that are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import datasets, metrics, pretrained
from helpers.checkpoints import CheckpointError
from tests import training
from tests.training import equal, values
from tools.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
LABELS = np.arange(24) % 10


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("06")


def test_the_networks_are_those_of_the_source(chapter):
    for make, counts in ((chapter.make_gan, (579_728, 566_273)), (chapter.make_cgan, (693_520, 1_224_351))):
        assert tuple(network.count_params() for network in make()) == counts
    generator, discriminator = chapter.make_cgan()
    assert (discriminator.image.lines.units, discriminator.label.lines.units, discriminator.judge.lines.units) == (1_200, 250, 960)
    assert [layer.dropout.rate for layer in (discriminator.image, discriminator.label, discriminator.judge)] == [0.5] * 3
    assert discriminator.judge.lines.kernel.shape[0] == 290 and generator.last.activation.__name__ == "tanh"


# ---------------------------------------------------------------- Maxout

def test_maxout_by_hand(chapter):
    """Two units with three pieces each: unit 0 is max(x - 1, -2, 0.5 x), unit 1 is max(-x, x, 1)."""
    unit = chapter.Maxout(2, 3)
    unit(tf.zeros((1, 1)))
    unit.lines.set_weights([np.float32([[1, -1, 0, 1, 0.5, 0]]), np.float32([-1, 0, -2, 0, 0, 1])])  # piece by piece: 0, 1, 0, 1, ...
    x = np.float32([[-6], [-3], [0], [4]])
    np.testing.assert_allclose(unit(x), [[-2, 6], [-1.5, 3], [0, 1], [3, 4]])
    assert unit(x).shape == (4, 2)  # no axis too many


def test_maxout_has_straight_pieces_and_acts_as_dropout_says(chapter):
    unit = chapter.Maxout(50, 1)  # one piece: nothing to choose from, so it must be linear
    x = np.float32(np.random.default_rng(0).normal(size=(6, 4)))
    np.testing.assert_allclose(unit(x), unit.lines(x), rtol=1e-5)
    assert (np.asarray(unit(x)) < 0).any()
    assert equal([np.asarray(unit(x))], [np.asarray(unit(x))])
    dropped = np.asarray(unit(x, training=True))
    assert 0.3 < np.mean(dropped == 0) < 0.7
    np.testing.assert_allclose(dropped[dropped != 0], 2 * np.asarray(unit(x))[dropped != 0], rtol=1e-5)


# ---------------------------------------------------------------- labels

@pytest.mark.parametrize("wrong", [[10], [-1], [3.0], [2.5], ["7"], 7, [True], [[1, 2]], [None], [float("nan")]])
def test_a_wrong_label_is_a_clear_error(chapter, wrong):
    generator, _ = chapter.make_convolutional()
    for use in (chapter.one_hot, lambda labels: chapter.draw(generator, labels, chapter.make_noise(1, 0))):
        with pytest.raises(ValueError, match="whole numbers from 0 to 9") as error:
            use(wrong)
        assert repr(wrong) in str(error.value)


def test_labels_and_pictures_must_be_as_many(chapter):
    generator, _ = chapter.make_convolutional()
    with pytest.raises(ValueError, match="There are 3 labels for 4 rows of noise"):
        chapter.draw(generator, [1, 2, 3], chapter.make_noise(4, 0))
    with pytest.raises(ValueError, match="no batch can be made"):
        chapter.train("short", chapter.CONVOLUTIONAL | {"batch_size": 4}, (IMAGES, chapter.one_hot(LABELS[:-1])), 1, lambda model: IMAGES[:2])


def test_one_hot(chapter):
    assert chapter.one_hot([0, 9]).tolist() == [[1, *[0] * 9], [*[0] * 9, 1]] and chapter.one_hot(np.uint8([3])).dtype == np.float32


@pytest.mark.parametrize("name, data, classes", [("06_cgan_digits", "mnist", (3, 8)), ("06_cgan_clothes", "fashion_mnist", (1, 9))])
def test_labels_steer(chapter, monkeypatch, name, data, classes):
    """The same noise with exchanged labels is read as the other class."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    generator, read, noise = pretrained.load(name), datasets.load(data), chapter.make_noise(100, 1)
    for asked, other in (classes, classes[::-1]):
        pictures = chapter.draw(generator, [asked] * 100, noise)
        assert metrics.class_accuracy(pictures, asked, read) > 0.9 and metrics.class_accuracy(pictures, other, read) < 0.05


def test_both_players_get_the_label(chapter):
    """Another label changes what each network of each kind says."""
    noise = chapter.make_noise(4, 0)
    for make in (chapter.make_cgan, chapter.make_convolutional):
        generator, discriminator = make()
        for network, first in ((generator, noise), (discriminator, IMAGES[:4])):
            one, other = (np.asarray(network([first, chapter.one_hot([label] * 4)])) for label in (2, 5))
            assert np.abs(one - other).max() > 1e-5


def test_the_projection_by_hand(chapter):
    """Features all 1, one direction a class: the logit is w.f + b + v_y.f."""
    model = chapter.make_projection_discriminator()
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    direction, last = sorted(dense, key=lambda layer: layer.units, reverse=True)
    assert direction.kernel.shape == (10, 2_048) and not direction.use_bias
    features = keras.Model(model.inputs, next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten)).output)
    labels = chapter.one_hot([4, 7])
    f = np.asarray(features([IMAGES[:2], labels]))
    by_hand = f @ np.asarray(last.kernel) + np.asarray(last.bias) + np.sum(f * np.asarray(direction.kernel)[[4, 7]], axis=1, keepdims=True)
    np.testing.assert_allclose(model([IMAGES[:2], labels]), by_hand, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- training

def test_losses_by_hand(chapter):
    for logit, target, loss in ((0.0, 1.0, np.log(2)), (1.0, 1.0, np.log1p(np.exp(-1))), (1.0, 0.0, np.log1p(np.exp(1)))):
        assert float(chapter.cross_entropy(target, tf.constant([[logit]]))) == pytest.approx(loss, rel=1e-6)


@pytest.fixture(params=["OURS", "CONVOLUTIONAL", "GAN"])
def step(request, chapter):
    """(make_train_step for images alone, make_parts): the labels are the same in each step."""
    recipe = getattr(chapter, request.param)
    labels = () if request.param == "GAN" else (tf.constant(chapter.one_hot(LABELS[:8])),)

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts)
        return lambda images: train_step(tf.constant(images), *labels)

    return make_train_step, lambda: chapter.make_parts(recipe, 0)


@pytest.mark.parametrize("check", [training.check_each_loss_moves_its_own_network, training.check_networks_made_again_are_the_ones_that_train])
def test_the_train_step(step, check):
    check(*step, IMAGES[:8])


def test_dropout_acts_while_training(chapter):
    parts = chapter.make_parts(chapter.SOURCE, 0) | {f"{name}_optimizer": keras.optimizers.SGD(0.0) for name in training.NETWORKS}
    parts["rng"] = tf.random.Generator.from_seed(1)
    train_step, labels = chapter.make_train_step(**parts), tf.constant(chapter.one_hot(LABELS[:8]))
    seeds = [layer.dropout.seed_generator.state.numpy().copy() for layer in (parts["discriminator"].image, parts["discriminator"].judge)]
    train_step(tf.constant(IMAGES[:8]), labels)
    assert all(np.any(old != layer.dropout.seed_generator.state.numpy()) for old, layer in zip(seeds, (parts["discriminator"].image, parts["discriminator"].judge)))


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own loop, with a checkpoint every 2 steps."""
    for name, value in {"EVERY": 2, "SAVE_EVERY": 2}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    return chapter


@pytest.mark.parametrize("recipe", ["OURS", "CONVOLUTIONAL"])
def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(small, monkeypatch, capsys, recipe):
    recipe, data = getattr(small, recipe) | {"batch_size": 4}, (IMAGES, small.one_hot(LABELS))
    run = lambda name, steps=5: small.train(name, recipe, data, steps, lambda model: IMAGES[:2])
    training.check_everything_is_kept(small, monkeypatch, lambda: run("kept", 1))
    training.check_an_interrupted_training_goes_on(small, monkeypatch, capsys, run, at=3, saved=2)


def test_a_reader_who_changed_the_recipe_is_told(small):
    recipe, data = small.CONVOLUTIONAL | {"batch_size": 4}, (IMAGES, small.one_hot(LABELS))
    small.train("main", recipe, data, 2, lambda model: IMAGES[:2])
    with pytest.raises(CheckpointError):
        small.train("main", recipe | {"batch_size": 8}, data, 2, lambda model: IMAGES[:2])
    with pytest.raises(CheckpointError):
        small.train("main", recipe | {"networks": small.make_cgan}, data, 2, lambda model: IMAGES[:2])


# ---------------------------------------------------------------- what is shipped

def test_the_shipped_generators_obey():
    """The shares on the card were measured with 1,000 pictures each, on the real sets."""
    card = pretrained.card()
    assert card["06_cgan_digits"]["measured"]["asked_class"] >= 0.98
    assert card["06_cgan_clothes"]["measured"]["asked_class_in_full_classes"] >= 0.85
    assert 0.5 < card["06_cgan_digits_source"]["measured"]["asked_class"] < card["06_cgan_digits"]["measured"]["asked_class"]


def test_asked_shares_count_the_classes_that_are_read(chapter, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    generator, digits = pretrained.load("06_cgan_digits"), datasets.load("mnist")
    shares = chapter.asked_shares(generator, digits, count=20)
    assert shares.shape == (10,) and shares.min() > 0.8
    deaf = lambda inputs, training: generator([inputs[0], np.roll(inputs[1], 1, axis=1)], training=training)  # draws the next digit
    assert chapter.asked_shares(deaf, digits, count=20).max() < 0.2
    assert set(np.unique(chapter.like(digits, 2_000))) == set(range(10))
