"""The functions of the notebook beside chapter 04, against values that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.tables import definitions
from tests.support import training_checks
from tests.support.training_checks import values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)


def load():
    return load_definitions("04", FURTHER / "04_inside.ipynb")


@pytest.fixture(scope="module")
def inside():
    return load()


def tiny(lesson):
    """The improved recipe with tiny networks."""
    return lesson.IMPROVED | dict(
        make_generator=lambda: training_checks.make_tiny_generator(lesson.LATENT),
        make_discriminator=lambda: training_checks.make_tiny_discriminator(dropout=0.0),
        batch_size=4,
    )


LOSSES = ["cross_entropy", "discriminator_loss", "generator_loss", "accuracies", "steepness"]
TRAINING = ["make_train_step", "make_parts", "kept_share", "make_training", "noise_of", "generate"]
LIGHT = ["make_light_generator", "make_light_discriminator", "LIGHT", "IMPROVED"]


def test_the_training_is_that_of_the_chapter():
    ours, theirs = definitions(load_definitions("04")), definitions(load())
    for name in [*LOSSES, *TRAINING, *LIGHT]:
        assert ours[name] == theirs[name], f"{name} differs from chapter 04's"


def test_each_loss_moves_its_own_network(inside):
    training_checks.check_each_loss_moves_its_own_network(
        inside.make_train_step, lambda: inside.make_parts(tiny(inside), 0), IMAGES[:8]
    )


def test_a_training_that_is_interrupted_goes_on(monkeypatch, capsys):
    lesson = load()
    vars(lesson).update(clothes=IMAGES, EVERY=2)

    def run(name):
        parts, run = lesson.train_dcgan(name, tiny(lesson), 5)
        return parts["averaged"], run.history

    training_checks.check_an_interrupted_training_goes_on(
        lesson, monkeypatch, capsys, run, at=3, saved=2
    )


def test_logits_are_those_of_whole_batches_as_in_training(inside):
    centre = lambda pictures, training: pictures[:, 14, 14, :] * (1 if training else -1)
    logits = inside.logits_of(centre, IMAGES.repeat(6, axis=0)[:130])
    np.testing.assert_array_equal(logits, IMAGES.repeat(6, axis=0)[:128, 14, 14])


@pytest.mark.parametrize("period", [2, 4])
def test_places_are_counted_in_rows_and_columns(inside, period):
    row, column = np.indices((28, 28)) % period
    images = (10 * row + column)[np.newaxis, ..., np.newaxis] + np.array([0, 2]).reshape(2, 1, 1, 1)
    wanted = [10 * row + column + 1 for row in range(period) for column in range(period)]
    np.testing.assert_allclose(inside.at_places(images, period), wanted)


def test_squared_slopes_are_shares_of_their_mean(inside):
    weights = np.zeros((28, 28, 1), np.float32)
    weights[::2, ::2], weights[1::2, 1::2] = 1, 3
    linear = lambda images, training: images * weights  # the tape adds up what it is asked for
    shares = inside.squared_slopes(linear, IMAGES)
    np.testing.assert_allclose(shares, np.array([1, 0, 0, 9]) / 2.5)


def test_features_are_the_numbers_before_the_last_layer():
    inside = load()
    vars(inside).update(clothes=np.repeat(IMAGES, 3, 0), tests=IMAGES[:5], SCORED=7, LOOKS=1)
    network = inside.make_light_discriminator()
    before = values(network)
    known, asked = inside.features_of(network)
    assert (known.shape, asked.shape) == ((7, 512), (5, 512))
    last = network.layers[-1]
    np.testing.assert_allclose(
        last(known), network(np.repeat(IMAGES, 3, 0)[:7]), rtol=1e-4, atol=1e-5
    )
    trained = [np.asarray(weight) for weight in network.trainable_variables]
    assert all(any(np.array_equal(one, other) for other in before) for one in trained)


def test_brightness_leaves_out_dark_pixels(inside):
    pictures = np.full((2, 28, 28, 1), -1, np.float32)
    pictures[0, :14] = 200 / 127.5 - 1
    pictures[1, :7] = 200 / 127.5 - 1  # a smaller thing of the same grey
    assert inside.brightness(pictures) == pytest.approx([200, 200])


def test_a_move_is_measured_where_the_old_picture_was_bright(monkeypatch):
    inside = load()
    before = np.full((3, 28, 28, 1), -1, np.float32)
    before[:, :7] = 0
    after = before.copy()
    after[:, :7] += np.float32([0.2, 0.4, 0.6]).reshape(3, 1, 1, 1)
    after[:, 20:] = 1  # what is new elsewhere does not count
    vars(inside).update(pictures=before, noise=np.zeros((3, 100)), draw=lambda noise: after)
    vars(inside).update(
        kinds={"Dress": [True] * 3}, fashion=SimpleNamespace(class_names=("Dress",))
    )
    read = np.array([0, 0, 1]), np.array([0.95, 0.5, 0.95])  # right, unsure, another kind
    monkeypatch.setattr(inside.metrics, "read_classes", lambda images, data: read)
    assert inside.move("Dress", 0) == pytest.approx((0.4 * 127.5, 0.2 * 127.5, 1 / 3), rel=1e-5)
