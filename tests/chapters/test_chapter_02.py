"""The functions of chapter 02, taken out of the notebook, against values that are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.checkpoints import CheckpointError
from tests.support.training_checks import (
    check_an_interrupted_training_goes_on,
    equal,
    values,
)
from tools.notebooks.definitions import load_definitions

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 28, 28, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("02")


def make_tiny_encoder(latent_size):
    inputs = keras.Input((28, 28, 1))
    x = keras.layers.Conv2D(2, 3, strides=4, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(latent_size)(keras.layers.Flatten()(x)))


def make_tiny_decoder(latent_size, last_activation="relu"):
    inputs = keras.Input((latent_size,))
    x = keras.layers.Reshape((7, 7, 2))(keras.layers.Dense(7 * 7 * 2)(inputs))
    last = dict(strides=4, padding="same", activation=last_activation)
    return keras.Model(inputs, keras.layers.Conv2DTranspose(1, 4, **last)(x))


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with few images, tiny networks and short ways between saves."""
    chapter = load_definitions("02")
    vars(chapter).update(
        train_images=IMAGES,
        test_images=IMAGES,
        BATCH=8,
        EVERY=4,
        SHORT_STEPS=6,
        make_encoder=make_tiny_encoder,
        make_decoder=make_tiny_decoder,
    )
    return chapter


def test_the_networks_are_those_of_the_textbook(chapter):
    encoder, decoder = chapter.make_encoder(32), chapter.make_decoder(32)
    assert (encoder.count_params(), decoder.count_params()) == (193_056, 196_097)
    shapes = [layer.output.shape[1:] for layer in encoder.layers]
    convolved = [(28, 28, 32), (14, 14, 64), (7, 7, 64), (7, 7, 64)]
    assert shapes == [(28, 28, 1), *convolved, (3136,), (32,)]
    shapes = [layer.output.shape[1:] for layer in decoder.layers]
    convolved = [(7, 7, 64), (7, 7, 64), (14, 14, 64), (28, 28, 32), (28, 28, 1)]
    assert shapes == [(32,), (3136,), *convolved]
    layers = encoder.layers + decoder.layers
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.activation.__name__ for layer in dense] == ["linear", "linear"]
    others = [layer for layer in layers if "Conv" in type(layer).__name__]
    assert len(others) == 8 and {layer.activation.__name__ for layer in others} == {"relu"}
    assert chapter.make_decoder(32, "sigmoid").layers[-1].activation.__name__ == "sigmoid"


def test_scaled_keeps_both_ends(chapter):
    images = chapter.scaled(np.array([[[0, 255, 51]]], dtype=np.uint8))
    assert images.shape == (1, 1, 3, 1) and images.dtype == np.float32
    np.testing.assert_array_equal(images.ravel(), np.float32([0, 1, 0.2]))


def test_a_step_follows_the_gradient_of_the_loss(chapter):
    encoder, decoder = chapter.make_encoder(3), chapter.make_decoder(3)
    before = values(encoder, decoder)
    train_step = chapter.make_train_step(encoder, decoder, keras.optimizers.SGD(0.5))
    loss = train_step(IMAGES[:8], IMAGES[8:16])["loss"]
    after = values(encoder, decoder)
    for weight, value in zip(encoder.weights + decoder.weights, before):
        weight.assign(value)
    with tf.GradientTape() as tape:
        wanted = tf.reduce_mean((decoder(encoder(IMAGES[:8])) - IMAGES[8:16]) ** 2)
    gradients = tape.gradient(wanted, encoder.trainable_variables + decoder.trainable_variables)
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    assert np.abs(gradients[0]).max() > 0
    for old, new, gradient in zip(before, after, gradients):
        np.testing.assert_allclose(new - old, -0.5 * gradient, atol=1e-6)


def test_training_makes_the_error_smaller(chapter):
    keras.utils.set_random_seed(0)
    encoder, decoder = chapter.make_encoder(8), chapter.make_decoder(8)
    step = chapter.make_train_step(encoder, decoder, keras.optimizers.Adam(2e-3))
    images = np.zeros((4, 28, 28, 1), dtype=np.float32)
    images[:, 8:20, 10:18] = 1
    losses = [float(step(images, images)["loss"]) for _ in range(20)]
    assert losses[-1] < losses[0] / 4


def test_networks_made_again_are_the_ones_that_train(small):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old = small.make_encoder(2), small.make_decoder(2)
    small.make_train_step(*old, keras.optimizers.Adam())(IMAGES[:4], IMAGES[:4])
    resting, new = values(*old), (small.make_encoder(2), small.make_decoder(2))
    before = values(*new)
    small.make_train_step(*new, keras.optimizers.Adam())(IMAGES[:4], IMAGES[:4])
    assert equal(values(*old), resting) and not equal(values(*new), before)


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys
):
    """With noise on the pictures, which must be that of the step, also after an interruption."""
    corrupt = lambda images, step: np.float32(images + step)  # other pictures at each step

    def run(name):
        *networks, history = small.train_autoencoder(name, 2, 6, 1e-3, corrupt=corrupt)
        return networks, history

    check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, 5, 4, ["loss"], exact=True
    )


def test_a_vae_that_is_interrupted_draws_the_same_noise_again(small, monkeypatch, capsys):
    noise = []

    def run(name):
        _encoder, decoder, history = small.train_vae(name, 2)
        noise.append(history["loss"])
        return decoder, history

    check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, 5, 4, ["loss"], exact=True
    )
    assert len(set(np.diff(noise[0]))) == 5  # the noise is fresh at each step


def test_a_reader_who_changed_the_network_is_told_and_can_start_afresh(small):
    small.train_autoencoder("main", 2, 1, 1e-3)
    with pytest.raises(CheckpointError, match=r"units was 2, is 3.*(?s:.*)fresh=True"):
        small.train_autoencoder("main", 3, 1, 1e-3)
    *_, history = small.train_autoencoder("main", 3, 1, 1e-3, fresh=True)
    assert history["step"] == [1]


def test_a_reader_who_changed_a_setting_is_told(small, monkeypatch):
    small.train_vae("vae", 2)
    monkeypatch.setitem(vars(small), "WEIGHT", 50.0)
    with pytest.raises(CheckpointError, match="weight was 2.0, is 50.0"):
        small.train_vae("vae", 2)


def test_the_kl_divergence_of_known_clouds(chapter):
    mean = np.float32([[0, 0], [1, -2], [0, 0]])
    log_variance = np.float32([[0, 0], [0, 0], [np.log(4), 0]])
    by_hand = [0, 2.5, (4 - 1 - np.log(4)) / 2]
    np.testing.assert_allclose(chapter.kl_divergence(mean, log_variance), by_hand, rtol=1e-6)
    # against its definition, the mean of ln(q / p)
    samples = np.random.default_rng(0).normal(1.5, 0.5, 400_000)
    logarithm = -np.log(0.5) - (samples - 1.5) ** 2 / (2 * 0.5**2) + samples**2 / 2
    found = chapter.kl_divergence(np.float32([[1.5]]), np.float32([[2 * np.log(0.5)]]))
    np.testing.assert_allclose(found, [logarithm.mean()], rtol=0.01)


def test_the_two_outputs_of_the_vae_encoder_are_the_two_halves(chapter):
    encoder = chapter.make_vae_encoder(5)
    mean, log_variance = encoder(IMAGES[:3])
    dense = next(layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense))
    both = keras.Model(encoder.input, dense.output)(IMAGES[:3])
    np.testing.assert_allclose(np.concatenate([mean, log_variance], axis=1), both, rtol=1e-5)
    assert mean.shape == log_variance.shape == (3, 5)


def test_noise_depends_on_the_step_alone_and_stays_in_range(chapter):
    once, again, other = (chapter.noisy(IMAGES, step) for step in (2, 2, 3))
    assert np.array_equal(once, again) and not np.array_equal(once, other)
    assert once.dtype == np.float32 and once.min() == 0 and once.max() == 1
    middle = chapter.noisy(np.full((200, 28, 28, 1), 0.5, np.float32), 0) - 0.5
    share = np.mean((middle > 0) & (middle < 0.25))  # half a standard deviation
    assert abs(share - 0.1915) < 0.01  # of the normal distribution


def test_ink_properties_of_known_shapes(chapter):
    images = np.zeros((4, 28, 28, 1), dtype=np.float32)
    images[0, 4:24, 13:15] = 1  # an upright bar, two pixels wide
    images[1, 4:24, 12:16] = 1  # four pixels wide
    for row in range(4, 24):
        images[2, row, 20 - row // 2 : 22 - row // 2] = 1  # leans right, half a column a row
    i, j = np.indices((28, 28)) - 13.5
    images[3, np.hypot(i, j) < 8] = 1  # a disc
    found = chapter.ink_properties(images)
    assert found["thickness"][1] > 1.7 * found["thickness"][0]
    np.testing.assert_allclose(found["slant"][[0, 1, 3]], 0, atol=0.02)
    assert found["slant"][2] == pytest.approx(0.5, abs=0.03)
    assert found["roundness"][3] == pytest.approx(1, abs=0.02) and found["roundness"][0] < 0.15


def test_apply_works_in_parts(small):
    encoder = small.make_encoder(2)
    images = RNG.random((501, 28, 28, 1), dtype=np.float32)
    np.testing.assert_allclose(small.apply(encoder, images), encoder(images), rtol=1e-4, atol=1e-5)
