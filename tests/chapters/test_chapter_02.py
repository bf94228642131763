"""The functions of chapter 02, taken out of the notebook, against values that are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.checkpoints import CheckpointError
from tests.training import equal, interrupt_at, values
from tools.definitions import load_definitions

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 28, 28, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("02")


def test_the_networks_are_those_of_the_textbook(chapter):
    encoder, decoder = chapter.make_encoder(32), chapter.make_decoder(32)
    assert (encoder.count_params(), decoder.count_params()) == (193_056, 196_097)
    shapes = [layer.output.shape[1:] for layer in encoder.layers]
    assert shapes == [(28, 28, 1), (28, 28, 32), (14, 14, 64), (7, 7, 64), (7, 7, 64), (3136,), (32,)]
    shapes = [layer.output.shape[1:] for layer in decoder.layers]
    assert shapes == [(32,), (3136,), (7, 7, 64), (7, 7, 64), (14, 14, 64), (28, 28, 32), (28, 28, 1)]
    dense = [layer for model in (encoder, decoder) for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.activation.__name__ for layer in dense] == ["linear", "linear"]
    others = [layer for model in (encoder, decoder) for layer in model.layers if "Conv" in type(layer).__name__]
    assert len(others) == 8 and {layer.activation.__name__ for layer in others} == {"relu"}
    assert chapter.make_decoder(32, "sigmoid").layers[-1].activation.__name__ == "sigmoid"


def test_scaled_keeps_both_ends(chapter):
    images = chapter.scaled(np.array([[[0, 255, 51]]], dtype=np.uint8))
    assert images.shape == (1, 1, 3, 1) and images.dtype == np.float32
    np.testing.assert_array_equal(images.ravel(), np.float32([0, 1, 0.2]))


def test_a_step_follows_the_gradient_of_the_loss(chapter):
    encoder, decoder = chapter.make_encoder(3), chapter.make_decoder(3)
    before = values(encoder, decoder)
    loss = chapter.make_train_step(encoder, decoder, keras.optimizers.SGD(0.5))(IMAGES[:8], IMAGES[8:16])
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
    step = chapter.make_train_step(encoder, decoder, keras.optimizers.Adam(1e-3))
    images = np.zeros((8, 28, 28, 1), dtype=np.float32)
    images[:, 8:20, 10:18] = 1
    losses = [float(step(images, images)) for _ in range(30)]
    assert losses[-1] < losses[0] / 4


def test_networks_made_again_are_the_ones_that_train(chapter):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old = chapter.make_encoder(2), chapter.make_decoder(2)
    chapter.make_train_step(*old, keras.optimizers.Adam())(IMAGES[:4], IMAGES[:4])
    resting, new = values(*old), (chapter.make_encoder(2), chapter.make_decoder(2))
    before = values(*new)
    chapter.make_train_step(*new, keras.optimizers.Adam())(IMAGES[:4], IMAGES[:4])
    assert equal(values(*old), resting) and not equal(values(*new), before)


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own loop, on few images and with a checkpoint every 4 steps."""
    for name, value in {"train_images": IMAGES, "test_images": IMAGES, "BATCH": 8, "EVERY": 4, "SHORT_STEPS": 10}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    return chapter


@pytest.mark.parametrize("corrupt", [None, lambda images, step: np.float32(images + 0.1 * np.random.default_rng(step).random(images.shape))])
def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(small, monkeypatch, capsys, corrupt):
    def run(name):
        return small.train_autoencoder(name, 2, 10, 1e-3, corrupt=corrupt)

    *whole, history = run("whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(small, patch, 7)
        run("cut")
    *resumed, resumed_history = run("cut")
    assert "The checkpoint of step 4 is loaded" in capsys.readouterr().out
    assert equal(values(*whole), values(*resumed))
    assert resumed_history["step"] == list(range(1, 11)) and resumed_history["loss"] == history["loss"]


def test_a_vae_that_is_interrupted_draws_the_same_noise_again(small, monkeypatch, capsys):
    def run(name):
        return small.train_vae(name, 2)

    *whole, history = run("whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(small, patch, 6)
        run("cut")
    *resumed, resumed_history = run("cut")
    assert "The checkpoint of step 4 is loaded" in capsys.readouterr().out
    assert equal(values(*whole), values(*resumed)) and resumed_history["loss"] == history["loss"]
    assert len(set(np.diff(history["loss"]))) == 9  # the noise is fresh at each step


def test_a_reader_who_changed_the_network_is_told_and_can_start_afresh(small):
    small.train_autoencoder("main", 2, 4, 1e-3)
    with pytest.raises(CheckpointError, match=r"encoder, layer 6 \(Dense\): units was 2, is 3.*(?s:.*)fresh=True"):
        small.train_autoencoder("main", 3, 4, 1e-3)
    *_, history = small.train_autoencoder("main", 3, 4, 1e-3, fresh=True)
    assert history["step"] == [1, 2, 3, 4]


def test_a_reader_who_changed_a_setting_is_told(small, monkeypatch):
    small.train_vae("vae", 2)
    monkeypatch.setitem(vars(small), "WEIGHT", 50.0)
    with pytest.raises(CheckpointError, match="weight was 2.0, is 50.0"):
        small.train_vae("vae", 2)
    small.train_vae("vae", 2, fresh=True)


def test_a_training_that_is_complete_says_so(small, capsys):
    first = small.train_autoencoder("main", 2, 4, 1e-3)
    capsys.readouterr()
    second = small.train_autoencoder("main", 2, 4, 1e-3)
    assert "nothing was trained now" in capsys.readouterr().out
    assert equal(values(*first[:2]), values(*second[:2])) and second[2]["loss"] == first[2]["loss"]


def test_the_kl_divergence_of_known_clouds(chapter):
    mean, log_variance = np.float32([[0, 0], [1, -2], [0, 0]]), np.float32([[0, 0], [0, 0], [np.log(4), 0]])
    np.testing.assert_allclose(chapter.kl_divergence(mean, log_variance), [0, 2.5, (4 - 1 - np.log(4)) / 2], rtol=1e-6)
    samples = np.random.default_rng(0).normal(1.5, 0.5, 400_000)  # against its definition, the mean of ln(q / p)
    logarithm = -np.log(0.5) - (samples - 1.5) ** 2 / (2 * 0.5**2) + samples**2 / 2
    found = chapter.kl_divergence(np.float32([[1.5]]), np.float32([[2 * np.log(0.5)]]))
    np.testing.assert_allclose(found, [logarithm.mean()], rtol=0.01)


def test_the_two_outputs_of_the_vae_encoder_are_the_two_halves(chapter):
    encoder = chapter.make_vae_encoder(5)
    mean, log_variance = encoder(IMAGES[:3])
    dense = keras.Model(encoder.input, next(layer.output for layer in encoder.layers if isinstance(layer, keras.layers.Dense)))
    np.testing.assert_allclose(np.concatenate([mean, log_variance], axis=1), dense(IMAGES[:3]), rtol=1e-5)
    assert mean.shape == log_variance.shape == (3, 5)


def test_noise_depends_on_the_step_alone_and_stays_in_range(chapter):
    once, again, other = (chapter.noisy(IMAGES, step) for step in (2, 2, 3))
    assert np.array_equal(once, again) and not np.array_equal(once, other)
    assert once.dtype == np.float32 and once.min() == 0 and once.max() == 1
    middle = chapter.noisy(np.full((200, 28, 28, 1), 0.5, np.float32), 0) - 0.5
    assert abs(np.mean((middle > 0) & (middle < 0.25)) - 0.1915) < 0.01  # half a standard deviation of the normal distribution


def test_ink_properties_of_known_shapes(chapter):
    images = np.zeros((4, 28, 28, 1), dtype=np.float32)
    images[0, 4:24, 13:15] = 1  # an upright bar, two pixels wide
    images[1, 4:24, 12:16] = 1  # four pixels wide
    for row in range(4, 24):
        images[2, row, 20 - row // 2 : 22 - row // 2] = 1  # leans to the right, half a column a row
    i, j = np.indices((28, 28)) - 13.5
    images[3, np.hypot(i, j) < 8] = 1  # a disc
    found = chapter.ink_properties(images)
    assert found["thickness"][1] > 1.7 * found["thickness"][0]
    np.testing.assert_allclose(found["slant"][[0, 1, 3]], 0, atol=0.02)
    assert found["slant"][2] == pytest.approx(0.5, abs=0.03)
    assert found["roundness"][3] == pytest.approx(1, abs=0.02) and found["roundness"][0] < 0.15


def test_apply_works_in_parts(chapter):
    encoder = chapter.make_encoder(2)
    images = RNG.random((501, 28, 28, 1), dtype=np.float32)
    np.testing.assert_allclose(chapter.apply(encoder, images), encoder(images), rtol=1e-4, atol=1e-5)
