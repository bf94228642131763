"""The functions of chapter 02, taken out of the notebook, against values that are known."""

import types

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
    """The chapter's own training, with few images and tiny networks."""
    chapter = load_definitions("02")
    figure = types.SimpleNamespace(savefig=None, _repr_png_=lambda: b"no picture")
    vars(chapter).update(
        train_images=IMAGES,
        test_images=IMAGES,
        BATCH=8,
        make_encoder=make_tiny_encoder,
        make_decoder=make_tiny_decoder,
        plotting=types.SimpleNamespace(image_grid=lambda *_, **__: figure),
    )
    return chapter


def test_the_networks_are_those_of_the_course(chapter):
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


def test_the_loss_is_the_mean_over_all_pixels_and_images(chapter):
    loss = chapter.mean_squared_error(IMAGES[:3], IMAGES[3:6])
    np.testing.assert_allclose(loss, np.mean((IMAGES[:3] - IMAGES[3:6]) ** 2), rtol=1e-5)


def test_a_step_follows_the_gradient_of_the_loss(chapter):
    encoder, decoder = chapter.make_encoder(3), chapter.make_decoder(3)
    before = values(encoder, decoder)
    train_step = chapter.make_train_step(encoder, decoder, keras.optimizers.SGD(0.5))
    loss = train_step(IMAGES[:8])["loss"]
    after = values(encoder, decoder)
    for weight, value in zip(encoder.weights + decoder.weights, before):
        weight.assign(value)
    with tf.GradientTape() as tape:
        wanted = tf.reduce_mean((decoder(encoder(IMAGES[:8])) - IMAGES[:8]) ** 2)
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
    losses = [float(step(images)["loss"]) for _ in range(20)]
    assert losses[-1] < losses[0] / 4


def test_networks_made_again_are_the_ones_that_train(small):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old = small.make_encoder(2), small.make_decoder(2)
    small.make_train_step(*old, keras.optimizers.Adam())(IMAGES[:4])
    resting, new = values(*old), (small.make_encoder(2), small.make_decoder(2))
    before = values(*new)
    small.make_train_step(*new, keras.optimizers.Adam())(IMAGES[:4])
    assert equal(values(*old), resting) and not equal(values(*new), before)


def test_a_factory_makes_a_graph_that_keeps_its_factor_and_traces_once_a_shape(chapter, capsys):
    double, triple = chapter.make_multiply(2.0), chapter.make_multiply(3.0)
    results = [double(tf.constant(x)).numpy() for x in (3.0, 4.0)]
    assert results == [6, 8] and triple(tf.constant(3.0)).numpy() == 9
    double(tf.constant([1.0, 2.0]))
    printed = capsys.readouterr().out
    assert printed.count("factor 2.0") == 2 and printed.count("factor 3.0") == 1


def falling(steps):
    """The learning rate of the main training: its place is in the optimizer's own state."""
    return keras.optimizers.schedules.CosineDecay(1e-3, steps)


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys
):
    def run(name):
        *networks, training = small.train(name, 2, 6, falling(6), save_every=4)
        return networks, training.history

    check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, 5, 4, ["loss"], exact=True
    )


def test_a_reader_who_changed_the_network_is_told_and_can_start_afresh(small):
    small.train("changed", 2, 1, 1e-3)
    with pytest.raises(CheckpointError, match=r"units was 2, is 3.*(?s:.*)fresh=True"):
        small.train("changed", 3, 1, 1e-3)
    *_, run = small.train("changed", 3, 1, 1e-3, fresh=True)
    assert run.history["step"] == [1]


def test_slant_of_known_strokes(chapter):
    images = np.zeros((3, 28, 28, 1), dtype=np.float32)
    images[0, 4:24, 13:15] = 1  # upright
    for row in range(4, 24):
        images[1, row, 20 - row // 2 : 22 - row // 2] = 1  # half a column to the right a row up
        images[2, row, row : row + 2] = 1  # a whole column to the left
    found = [chapter.slant(image) for image in images]
    np.testing.assert_allclose(found, [0, 0.5, -1], atol=0.02)


def test_predict_slant_tells_one_number_from_all(chapter, monkeypatch, capsys):
    """The slant is a sum of two numbers, so one of them explains half of it, both all of it."""
    codes = np.random.default_rng(0).standard_normal((5_000, 4))
    monkeypatch.setitem(vars(chapter), "LATENT", 4)
    slants = codes[:, 1] - codes[:, 3]
    chapter.predict_slant("codes", codes, slants)
    mixture = np.eye(4)
    mixture[:, 0] = [0, 1, 0, -1]
    chapter.predict_slant("mixed", codes @ mixture, slants)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "codes: R^2 of the best single number 0.50, of all together 1.00"
    assert second == "mixed: R^2 of the best single number 1.00, of all together 1.00"


def test_neighbours_vote_for_their_label(chapter, monkeypatch, capsys):
    labels = np.repeat(np.arange(10), 40)[np.random.default_rng(0).permutation(400)]
    monkeypatch.setitem(vars(chapter), "labels", labels)
    chapter.vote("sorted", np.stack([labels, labels], axis=1) * 10.0)
    chapter.vote("one place", np.zeros((400, 2)))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "sorted: 1.00 right"
    assert float(second.split()[2]) < 0.25
