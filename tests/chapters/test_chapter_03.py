"""The functions of chapter 03, taken out of the notebook, against values that are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.checkpoints import CheckpointError
from tests import training
from tools.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("03")


@pytest.fixture
def make_parts(chapter, monkeypatch):
    """A function that makes networks and optimizers; without dropout, whose noise would hide what a step does."""
    monkeypatch.setitem(vars(chapter), "DROPOUT", 0.0)
    return lambda: dict(
        generator=chapter.make_generator(), discriminator=chapter.make_discriminator(), generator_optimizer=keras.optimizers.Adam(1e-3),
        discriminator_optimizer=keras.optimizers.Adam(1e-3), rng=tf.random.Generator.from_seed(0),
    )  # fmt: skip


def test_the_networks_are_those_of_the_source(chapter):
    generator, discriminator = chapter.make_generator(), chapter.make_discriminator()
    assert (generator.count_params(), discriminator.count_params()) == (844_161, 720_833)
    assert generator.output_shape == (None, 28, 28, 1) and generator.layers[-1].activation.__name__ == "tanh"
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert kinds.count("UpSampling2D") == 2 and kinds.count("BatchNormalization") == 4
    assert {layer.momentum for layer in generator.layers if isinstance(layer, keras.layers.BatchNormalization)} == {0.9}
    convolutions = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64, 64, 128, 128]
    assert [layer.strides[0] for layer in convolutions] == [2, 2, 2, 1] and {layer.kernel_size for layer in convolutions} == {(5, 5)}
    assert [layer.rate for layer in discriminator.layers if isinstance(layer, keras.layers.Dropout)] == [0.4] * 4
    assert discriminator.layers[-1].activation.__name__ == "linear"  # logits


def test_losses_by_hand(chapter):
    real, fake = np.float32([[2.0], [0.0]]), np.float32([[-1.0], [3.0]])
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    expected = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))
    np.testing.assert_allclose(chapter.discriminator_loss(real, fake), expected, rtol=1e-6)
    np.testing.assert_allclose(chapter.generator_loss(fake), -np.mean(np.log(sigmoid(fake))), rtol=1e-6)
    assert [float(share) for share in chapter.accuracies(real, fake)] == [0.5, 0.5]


def test_the_value_of_the_game(chapter):
    assert chapter.value([0.5], [0.5, 0.5]) == pytest.approx(-2 * np.log(2))
    data, forger = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    best = chapter.best_value(data, forger)
    for other in np.random.default_rng(0).uniform(0.01, 0.99, (200, 3)):  # no other discriminator does better
        assert np.sum(data * np.log(other)) + np.sum(forger * np.log(1 - other)) <= best
    mixture = (data + forger) / 2
    divergence = (np.sum(data * np.log(data / mixture)) + np.sum(forger * np.log(forger / mixture))) / 2
    assert best == pytest.approx(2 * divergence - 2 * np.log(2))  # Goodfellow 2014, theorem 1


@pytest.mark.parametrize("check", [
    training.check_each_loss_moves_its_own_network,
    training.check_noise_and_normalisation,
    training.check_networks_made_again_are_the_ones_that_train,
])  # fmt: skip
def test_the_train_step(chapter, make_parts, check):
    keras.utils.set_random_seed(0)
    check(chapter.make_train_step, make_parts, IMAGES[:8])


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own loop, on few images and with a checkpoint every 2 steps."""
    for name, value in {"BATCH": 4, "EVERY": 2}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    return chapter


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(small, monkeypatch, capsys):
    training.check_everything_is_kept(small, monkeypatch, lambda: small.train_gan("kept", IMAGES, 1))
    training.check_an_interrupted_training_goes_on(small, monkeypatch, capsys, lambda name: small.train_gan(name, IMAGES, 5), at=3, saved=2)


def test_a_settled_generator_has_the_means_of_its_present_weights(chapter):
    generator = chapter.make_generator()
    generator.layers[0].set_weights([30 * weight for weight in generator.layers[0].get_weights()])  # a jump that the running means have not seen
    noise = np.random.default_rng(3).normal(size=(256, chapter.LATENT)).astype(np.float32)
    before = training.values(generator)
    copy = chapter.settled(generator)
    inputs = keras.Model(copy.inputs, [layer.input for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)])(noise, training=False)
    norms = [layer for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for numbers, norm in zip(inputs, norms):
        axes = tuple(range(len(numbers.shape) - 1))
        assert np.mean(np.var(numbers, axis=axes)) == pytest.approx(np.mean(norm.moving_variance), rel=0.3)
        assert np.abs(np.mean(numbers, axis=axes) - norm.moving_mean).mean() < 0.3 * np.sqrt(np.mean(norm.moving_variance))
    assert {norm.momentum for norm in norms} == {0.9}
    assert training.equal(training.values(generator), before)
    assert training.equal([w.numpy() for w in copy.trainable_variables], [w.numpy() for w in generator.trainable_variables])


def test_a_reader_who_changed_the_network_is_told(small, monkeypatch):
    small.train_gan("main", IMAGES, 2)
    monkeypatch.setitem(vars(small), "DROPOUT", 0.1)
    with pytest.raises(CheckpointError, match="rate was 0.4, is 0.1"):
        small.train_gan("main", IMAGES, 2)


def test_the_shares_that_can_be_read(chapter, monkeypatch):
    monkeypatch.setattr(chapter.metrics, "read_classes", lambda images, data: (np.array([1, 1, 7]), np.array([0.95, 0.5, 0.9])))
    monkeypatch.setitem(vars(chapter), "mnist", None)
    assert chapter.readable(IMAGES[:3]) == pytest.approx(2 / 3)


def test_generate_works_in_parts_and_repeats(chapter):
    generator = chapter.make_generator()
    pictures = chapter.generate(generator, 501, seed=1)
    assert pictures.shape == (501, 28, 28, 1) and np.abs(pictures).max() <= 1
    np.testing.assert_allclose(chapter.generate(generator, 3, seed=1), pictures[:3], atol=1e-5)
