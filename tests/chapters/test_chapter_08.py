"""The functions of chapter 08, taken out of the notebook, against values that are known."""

import dataclasses
import itertools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import datasets
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions

RNG = np.random.default_rng(0)
NAMES = "train_x", "train_y", "test_x", "test_y"
LOSSES_OF_GENERATORS = "fooling", "cycle", "identity"
LOSSES = ("fooling_loss", "discriminators_loss", "cycle_loss", "identity_loss")
SIZE = 16  # pixels of the small pictures


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("08")


@pytest.fixture(scope="module")
def small():
    """The chapter with tiny networks, a batch of 4 and 4, and a checkpoint every 2 steps."""
    chapter = load_definitions("08")
    vars(chapter).update(EVERY=2, BATCH=4, KEPT=6, RATE=1e-2)
    chapter.make_generator.__defaults__ = ((SIZE, SIZE, 1), 4, 1)
    chapter.make_discriminator.__defaults__ = ((SIZE, SIZE, 1), 4)
    return chapter


@pytest.fixture(scope="module")
def heaps(small):
    """Two heaps of noise; the second one has a bright stripe."""
    rng = np.random.default_rng(7)
    x, y = rng.integers(0, 256, (2, 20, SIZE, SIZE), dtype=np.uint8)
    y[:, :, 4:8] = 250
    return heaps_of(x[:16], y[:16], x[16:], y[16:])


@pytest.fixture(scope="module")
def fashion():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "embedded")
        return datasets.load("fashion_mnist")


@pytest.fixture(scope="module")
def clothes(chapter, fashion):
    return chapter.two_heaps(fashion, chapter.SHIRT, chapter.PULLOVER)


def heaps_of(*heaps):
    return types.SimpleNamespace(**dict(zip(NAMES, heaps)))


def pictures(count=3, shape=(SIZE, SIZE, 1)):
    return RNG.uniform(-1, 1, (count, *shape)).astype(np.float32)


def random_weights(network):
    """Give a network other weights than its first ones, also where those are 0 or 1."""
    network.set_weights([RNG.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return network


# ---------------------------------------------------------------- networks


def test_the_paper_s_networks_have_the_paper_s_numbers(chapter):
    """Counted layer by layer, from the short form; the authors' program says 11.378 and 2.765 M."""
    conv = lambda kernel, first, second: kernel * kernel * first * second + second
    ways = conv(3, 64, 128) + conv(3, 128, 256) + conv(3, 256, 128) + conv(3, 128, 64)
    by_hand = conv(7, 3, 64) + ways + 9 * 2 * conv(3, 256, 256) + conv(7, 64, 3)
    generator = chapter.make_paper_generator()
    assert generator.count_params() == by_hand == 11_378_179
    assert generator.output_shape == (None, 256, 256, 3)
    assert chapter.make_paper_generator(128, 6).count_params() == by_hand - 3 * 1_180_160
    discriminator = chapter.make_paper_discriminator()
    channels = (3, 64, 128, 256, 512, 1)
    by_hand = sum(conv(4, *pair) for pair in itertools.pairwise(channels))
    assert discriminator.count_params() == by_hand == 2_764_737
    assert discriminator.output_shape == (None, 30, 30, 1)


def test_the_paper_s_layers_are_in_the_paper_s_order(chapter):
    layers = chapter.make_paper_generator(64, 2).layers
    kinds = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    found = [
        (layer.filters, *layer.kernel_size[:1], layer.strides[0] * (-1) ** isinstance(layer, up))
        for up in [keras.layers.Conv2DTranspose]
        for layer in layers
        if isinstance(layer, kinds)
    ]
    blocks = [(256, 3, 1)] * 4
    down, up = [(64, 7, 1), (128, 3, 2), (256, 3, 2)], [(128, 3, -2), (64, 3, -2), (3, 7, 1)]
    assert found == down + blocks + up
    norms = [layer for layer in layers if isinstance(layer, keras.layers.GroupNormalization)]
    assert len(norms) == len(found) - 1 and not any(norm.weights for norm in norms)
    discriminator = chapter.make_paper_discriminator(64).layers
    kinds = [type(layer).__name__ for layer in discriminator]
    assert kinds.count("GroupNormalization") == 3 and kinds.count("LeakyReLU") == 4
    assert kinds.index("GroupNormalization") > kinds.index("LeakyReLU")  # none after the first
    field = 1
    for layer in reversed(discriminator):
        if isinstance(layer, keras.layers.Conv2D):
            field = (field - 1) * layer.strides[0] + layer.kernel_size[0]
    assert field == 70


def test_the_border_is_a_mirror(chapter):
    x = keras.Input((6, 6, 1))
    network = keras.Model(x, chapter.reflected_conv(x, 1, 3))
    network.set_weights([np.ones((3, 3, 1, 1)), np.zeros(1)])
    image = RNG.normal(size=(1, 6, 6, 1)).astype(np.float32)
    padded = np.pad(image[0, :, :, 0], 1, mode="reflect")
    by_hand = [[padded[i : i + 3, j : j + 3].sum() for j in range(6)] for i in range(6)]
    np.testing.assert_allclose(network(image)[0, :, :, 0], by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_a_new_generator_gives_back_its_input(chapter, shape):
    generator, images = chapter.make_generator(shape), pictures(3, shape)
    np.testing.assert_array_equal(generator(images), images)
    other = chapter.make_generator(shape)  # but two of them are not the same
    assert not equal(values(generator), values(other))
    changed = random_weights(chapter.make_generator(shape, 4, 1))(images).numpy()
    assert changed.shape == images.shape and np.abs(changed).max() <= 1
    assert not np.allclose(changed, images, atol=0.01)


def test_the_generator_adds_a_change_and_cuts_it_off(chapter):
    generator, images = chapter.make_generator(width=4, blocks=1), pictures(2, (28, 28, 1))
    last = [layer for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.bias.assign([0.25])
    np.testing.assert_allclose(generator(images), np.minimum(images + 0.25, 1), atol=1e-6)


def test_a_picture_is_translated_alone_as_in_a_batch(chapter):
    generator = random_weights(chapter.make_generator(width=4, blocks=2))
    images = pictures(5, (28, 28, 1))
    usual = generator(images, training=False).numpy()
    np.testing.assert_allclose(generator(images, training=True), usual, atol=1e-5)
    np.testing.assert_allclose(generator(images[2:3]), usual[2:3], atol=1e-5)


def test_the_discriminator_gives_a_grid_of_numbers_that_need_no_range(chapter):
    discriminator = chapter.make_discriminator()
    assert discriminator.output_shape == (None, 7, 7, 1)
    assert discriminator.count_params() == sum(
        16 * first * second + second for first, second in ((1, 32), (32, 64), (64, 128), (128, 1))
    )
    grid = random_weights(discriminator)(pictures(2, (28, 28, 1))).numpy()
    assert grid.min() < 0 or grid.max() > 1


# ---------------------------------------------------------------- data


def test_two_heaps_are_of_their_classes_equally_long_and_held_out(chapter, fashion, clothes):
    assert len(clothes.train_x) == len(clothes.train_y) == 1_000
    assert len(clothes.test_x) == len(clothes.test_y) == 200
    for heap, images, labels, label in (
        (clothes.train_y, fashion.train_images, fashion.train_labels, 2),
        (clothes.test_x, fashion.test_images, fashion.test_labels, 0),
    ):
        np.testing.assert_array_equal(heap, images[labels == label])
    fewer = dataclasses.replace(
        fashion,
        train_images=fashion.train_images[:500],
        train_labels=np.uint8([0] * 200 + [2] * 300),
    )
    uneven = chapter.two_heaps(fewer, 0, 2)
    assert len(uneven.train_x) == len(uneven.train_y) == 200


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 3)])
def test_scaling_and_back(chapter, shape):
    images = RNG.integers(0, 256, shape, dtype=np.uint8)
    scaled = chapter.scaled(images)
    assert scaled.dtype == np.float32 and scaled.shape == (5, 8, 8, (*shape, 1)[3])
    np.testing.assert_allclose(scaled.reshape(shape), images / 127.5 - 1, atol=1e-6)
    same = keras.Sequential([keras.Input(scaled.shape[1:]), keras.layers.Activation("linear")])
    np.testing.assert_array_equal(chapter.translate(same, images), images)


def test_sleeves_are_bright_pixels_on_both_sides(chapter, clothes):
    empty = np.zeros((3, 28, 28), np.uint8)
    both, left, thin = empty.copy()
    for image, columns in ((both, (2, 24)), (left, (2,)), (thin, (2, 24))):
        for column in columns:
            image[18:22, column] = 40 if image is thin else 90
    one_side = 90 / 2 > 48
    assert chapter.has_sleeves(np.stack([both, left, thin])).tolist() == [True, one_side, False]
    shares = [chapter.has_sleeves(heap).mean() for heap in (clothes.train_x, clothes.train_y)]
    assert shares[0] < 0.15 and shares[1] > 0.93


# ---------------------------------------------------------------- losses and the buffer


def test_losses_by_hand(chapter):
    real, fake = RNG.normal(0.5, 1, (2, 3, 7, 7, 1)).astype(np.float32)
    ones, zeros = ((real - 1) ** 2).mean(), (fake**2).mean()
    assert float(chapter.squared(1.0, real)) == pytest.approx(ones, rel=1e-5)
    assert float(chapter.discriminator_loss(real, fake)) == pytest.approx(
        (ones + zeros) / 2, rel=1e-5
    )
    distance = float(chapter.l1_distance(real, fake))
    assert distance == pytest.approx(np.abs(real - fake).mean(), rel=1e-5)


def dots(numbers):
    return tf.reshape(tf.constant(numbers, tf.float32), (-1, 1, 1, 1))


def test_the_buffer_loses_no_picture_and_doubles_none(chapter):
    buffer, rng = tf.Variable(dots(range(100, 120))), tf.random.Generator.from_seed(1)
    swap = tf.function(chapter.swap)
    there, older, age = {*range(100, 120)}, 0, []
    for step in range(200):
        new = [*range(1000 + 8 * step, 1008 + 8 * step)]
        judged = swap(buffer, dots(new), rng).numpy().ravel().astype(int).tolist()
        kept = buffer.numpy().ravel().astype(int).tolist()
        assert sorted(judged + kept) == sorted([*there, *new])
        assert all(one == fake or one in there for one, fake in zip(judged, new))
        there, older = {*kept}, older + sum(one not in new for one in judged)
        age += [step - (one - 1000) // 8 for one in judged if one >= 1000]
    assert 0.45 < older / 1600 < 0.55
    assert 4 < np.mean([a for a in age if a]) < 6  # a place is left with probability 4 / 20


def test_all_places_of_the_buffer_are_used_alike(chapter):
    buffer, rng = tf.Variable(dots(range(10))), tf.random.Generator.from_seed(2)
    left = np.zeros(10)
    for _ in range(300):
        buffer.assign(dots(range(10)))
        judged = chapter.swap(buffer, dots([-1.0, -2.0, -3.0]), rng).numpy().ravel()
        left += np.bincount(judged[judged >= 0].astype(int), minlength=10)
    assert left.sum() == pytest.approx(450, abs=60) and left.min() > 20 and left.max() < 75


def test_the_first_buffers_hold_what_two_copies_make(small, heaps):
    parts = small.make_parts(heaps, 10, 0)
    for side, first, name in (
        ("x", heaps.train_y, "generator_yx"),
        ("y", heaps.train_x, "generator_xy"),
    ):
        fakes = parts[name](small.scaled(first[: small.KEPT]))
        np.testing.assert_array_equal(parts[f"buffer_{side}"], fakes)


# ---------------------------------------------------------------- training


def made_parts(small, heaps):
    """Return parts whose networks are no copies, with optimizers that move nothing."""
    parts = small.make_parts(heaps, 100, 0)
    for name in small.NETWORKS:
        random_weights(parts[name])
        parts[f"{name}_optimizer"] = keras.optimizers.SGD(0.0)
        parts[f"{name}_optimizer"].build(parts[name].trainable_variables)
    return parts


def sides(small, heaps):
    return [tf.constant(small.scaled(heap[:4])) for heap in (heaps.train_x, heaps.train_y)]


def expected_losses(parts, x, y, judged_x, judged_y):
    """Compute all losses once more, from the formulas of the paper."""
    g, f, d_x, d_y = (
        parts[f"{name}"]
        for name in ("generator_xy", "generator_yx", "discriminator_x", "discriminator_y")
    )
    square, distance = lambda z: tf.reduce_mean(z * z), lambda a, b: tf.reduce_mean(tf.abs(a - b))
    return dict(
        fooling_loss=square(d_y(g(x)) - 1) + square(d_x(f(y)) - 1),
        cycle_loss=distance(f(g(x)), x) + distance(g(f(y)), y),
        identity_loss=distance(g(y), y) + distance(f(x), x),
        discriminators_loss=0.5 * (square(d_x(x) - 1) + square(d_x(judged_x)))
        + 0.5 * (square(d_y(y) - 1) + square(d_y(judged_y))),
    )


def judged_by(small, parts, x, y):
    """Return what the discriminators will see, without a change of any state."""
    rng = tf.random.Generator.from_state(parts["rng"].state.numpy(), "philox")
    copies = {side: tf.Variable(parts[f"buffer_{side}"]) for side in "xy"}
    fakes = {"x": parts["generator_yx"](y), "y": parts["generator_xy"](x)}
    return [small.swap(copies[side], fakes[side], rng) for side in "xy"]


def test_the_step_computes_the_paper_s_losses_and_moves_each_network_along_its_own(small, heaps):
    """One network at a time moves, and along the slope of its own loss; the others rest."""
    parts, (x, y), rate = made_parts(small, heaps), sides(small, heaps), 1e-3
    train_step = small.make_train_step(parts, cycle=3.0, identity=7.0)
    for moving, name in enumerate(small.NETWORKS):
        judged = judged_by(small, parts, x, y)
        before = {network: values(parts[network]) for network in small.NETWORKS}
        with tf.GradientTape() as tape:
            expected = expected_losses(parts, x, y, *map(tf.stop_gradient, judged))
            fooling, cycle, identity = (expected[f"{n}_loss"] for n in LOSSES_OF_GENERATORS)
            whole = fooling + 3 * cycle + 7 * identity
            loss = whole if moving < 2 else expected["discriminators_loss"]
        slopes = tape.gradient(loss, parts[name].trainable_variables)
        parts[f"{name}_optimizer"].learning_rate = rate
        losses = train_step(x, y)
        parts[f"{name}_optimizer"].learning_rate = 0.0
        assert set(losses) == set(LOSSES)
        for part in LOSSES:
            assert float(losses[part]) == pytest.approx(float(expected[part]), rel=1e-4)
        for network in small.NETWORKS:
            assert equal(values(parts[network]), before[network]) == (network != name)
        for old, new, slope in zip(before[name], values(parts[name]), slopes):
            np.testing.assert_allclose((old - new) / rate, slope, rtol=0.02, atol=2e-3)


def test_networks_made_again_are_the_ones_that_train(small, heaps):
    old, new = small.make_parts(heaps, 10, 0), small.make_parts(heaps, 10, 0)
    networks = lambda parts: values(*(parts[name] for name in small.NETWORKS))
    small.make_train_step(old)(*sides(small, heaps))
    still, before = networks(old), networks(new)
    small.make_train_step(new)(*sides(small, heaps))
    assert equal(networks(old), still) and not equal(networks(new), before)


def test_the_rate_stays_for_half_of_the_steps_and_then_falls_to_zero(small, heaps):
    parts = small.make_parts(heaps, 100, 0)
    assert len({id(parts[f"{name}_optimizer"]) for name in small.NETWORKS}) == 4
    for name in small.NETWORKS:
        optimizer, rates = parts[f"{name}_optimizer"], []
        for step in range(101):
            optimizer.iterations.assign(step)
            rates.append(float(optimizer.learning_rate))
        np.testing.assert_allclose(rates[:51], small.RATE, rtol=1e-6)
        assert np.all(np.diff(rates[50:]) < 0) and rates[100] == pytest.approx(0, abs=1e-9)
        assert float(optimizer.beta_1) == 0.5


def test_all_that_a_training_changes_is_kept(small, heaps, monkeypatch):
    given = {}

    class Made(Exception):
        """Nothing needs to be trained for this."""

    def look(*_, **parts):
        given.update(parts)
        raise Made

    with monkeypatch.context() as patch, pytest.raises(Made):
        patch.setitem(vars(small), "Training", look)
        small.train("kept", heaps, steps=1)
    optimizers = {f"{name}_optimizer" for name in small.NETWORKS}
    kept = {*small.NETWORKS, *optimizers, "buffer_x", "buffer_y", "rng"}
    assert set(given) == kept | {"cycle", "identity"}


def test_a_training_that_is_interrupted_goes_on_with_the_same_bits(
    small, heaps, monkeypatch, capsys
):
    def run(name):
        parts, history = small.train(name, heaps, steps=5)
        networks = [parts[name] for name in small.NETWORKS]
        state = keras.Variable(parts["buffer_x"]), keras.Variable(parts["buffer_y"])
        return [*networks, *map(Holder, state)], history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=LOSSES[:2], exact=True
    )


class Holder:
    """A variable that looks like a network of one weight."""

    def __init__(self, variable):
        self.weights = [variable]


def test_a_reader_who_changed_a_weight_is_told(small, heaps):
    small.train("main", heaps, steps=1)
    for told, change in (
        ("cycle was 5.0, is 0.0", dict(cycle=0.0)),
        ("identity was 2.5, is 0.0", dict(identity=0.0)),
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", heaps, steps=4, **change)
    small.train("main", heaps, steps=1, fresh=True)


def test_colour_pictures_train_too(small):
    x, y = RNG.integers(0, 256, (2, 8, 32, 32, 3), dtype=np.uint8)
    parts, history = small.train("colour", heaps_of(x, y, x[:2], y[:2]), steps=1)
    assert np.isfinite(history["cycle_loss"]).all()
    assert small.translate(parts["generator_xy"], x[:2]).shape == (2, 32, 32, 3)


# ---------------------------------------------------------------- scores


def test_there_and_back_goes_the_right_ways(small, heaps):
    """G adds 10 grey values, F 30."""

    def adding(value):
        layers = [keras.Input((SIZE, SIZE, 1)), keras.layers.Rescaling(1, value / 127.5)]
        return keras.Sequential(layers)

    x, y = (np.uint8(100 + heap[:2] // 8) for heap in (heaps.train_x, heaps.train_y))
    rows = small.there_and_back(dict(generator_xy=adding(10), generator_yx=adding(30)), x, y)
    assert list(rows) == ["x", "G(x)", "F(G(x))", "y", "F(y)", "G(F(y))"]
    for name, given, added in (
        *(("x", x, 0), ("G(x)", x, 10), ("F(G(x))", x, 40)),
        *(("y", y, 0), ("F(y)", y, 30), ("G(F(y))", y, 40)),
    ):
        np.testing.assert_array_equal(rows[name], given + added)


def test_the_nearest_picture_is_the_nearest(chapter, clothes):
    heap, asked = clothes.train_y[:300], clothes.test_x[:20]
    for seen in (chapter.ALL, chapter.MIDDLE):
        gaps = np.square(asked[:, None].astype(float) - heap[None])[:, :, *seen].sum(axis=(2, 3))
        found = chapter.nearest(asked, heap, seen)
        np.testing.assert_array_equal(found, heap[gaps.argmin(axis=1)])


def test_each_baseline_loses_a_score(chapter, clothes, fashion, monkeypatch):
    monkeypatch.setitem(vars(chapter), "fashion", fashion)
    x = clothes.test_x
    score = lambda images: chapter.scores_of("", x, images, chapter.PULLOVER, clothes.train_y)
    copy, real = score(x), score(clothes.test_y)
    body = score(chapter.nearest(x, clothes.train_y, chapter.MIDDLE))
    assert copy["middle"] == 0 and copy["sleeves"] < 0.15 and copy["read"] < 0.05
    assert real["read"] > 0.8 and real["sleeves"] > 0.9 and real["middle"] > 50
    assert body["sleeves"] > 0.7 and 5 < body["middle"] < real["middle"] / 2
    assert real["fcd"] < copy["fcd"] / 3
    shifted = np.uint8(np.minimum(x, 245) + 10)
    assert score(shifted)["middle"] == pytest.approx(
        np.abs(shifted[:, 8:24, 10:18].astype(float) - x[:, 8:24, 10:18]).mean()
    )


def test_noise_that_is_only_passed_on_has_the_answer_one(chapter):
    images = RNG.integers(60, 200, (6, 28, 28), dtype=np.uint8)
    same = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Activation("linear")])
    clean, disturbed, answer = chapter.cycle_errors(same, images, images, 4)
    assert clean == 0 and answer == 1
    assert disturbed == pytest.approx(4 * np.sqrt(2 / np.pi), rel=0.1)


def test_a_message_in_the_last_bit_is_found_by_noise(chapter):
    """A way back that reads the lowest bit of a byte has a large answer to small noise."""

    def read_bit(pixels):
        return keras.ops.cast(keras.ops.round((pixels + 1) * 127.5) % 2, "float32") * 2 - 1

    x = keras.Input((28, 28, 1))
    reader = keras.Model(x, keras.layers.Lambda(read_bit)(x))
    secret = RNG.integers(0, 2, (4, 28, 28))
    carrier = np.uint8(2 * RNG.integers(30, 100, (4, 28, 28)) + secret)
    given = np.uint8(255 * secret)
    clean, disturbed, answer = chapter.cycle_errors(reader, given, carrier, 1)
    assert clean == 0 and disturbed > 90 and answer > 50
