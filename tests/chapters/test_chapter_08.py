"""The functions of chapter 08, taken out of the notebook, against values that are known."""

import dataclasses
import itertools
import types

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import cyclegan as benchmark
from benchmarks.tables import MEASURED, checksum, definitions, read_rows
from helpers import datasets
from helpers.checkpoints import CheckpointError
from tests.support import benchmark_checks, same_bits, training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

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
    return load_small()


def load_small():
    """Return the chapter with tiny networks, a batch of 4 and 4, and a checkpoint every 2 steps."""
    chapter = load_definitions("08")
    vars(chapter).update(EVERY=2, BATCH=4, KEPT=6, RATE=1e-2)
    chapter.make_generator.__defaults__ = ((SIZE, SIZE, 1), 4, 1, True, True)
    chapter.make_discriminator.__defaults__ = ((SIZE, SIZE, 1), 4)
    return chapter


@pytest.fixture(scope="module")
def heaps():
    return small_heaps()


def small_heaps():
    """Return two heaps of noise; the second one has a bright stripe."""
    rng = np.random.default_rng(7)
    x, y = rng.integers(0, 256, (2, 20, SIZE, SIZE), dtype=np.uint8)
    y[:, :, 4:8] = 250
    return heaps_of(x[:16], y[:16], x[16:], y[16:])


def train_small(chapter, name):
    """Train for tests/support/same_bits.py; return all that a training changes, and its curves."""
    return same_bits.train_cyclegan(chapter, name, small_heaps())


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


def test_versions_lack_what_their_names_say(chapter):
    """Without the added input a new generator is no copy; without skips nothing goes around."""
    images, joints = pictures(2, (28, 28, 1)), {}
    for add_input, skips in itertools.product((True, False), repeat=2):
        network = chapter.make_generator((28, 28, 1), 4, 1, add_input, skips)
        kinds = [type(layer).__name__ for layer in network.layers]
        joints[add_input, skips] = kinds.count("Concatenate")
        made = network(images).numpy()
        assert np.allclose(made, images, atol=0.05) == add_input and np.abs(made).max() <= 1
    assert joints == {(add, skips): 2 * skips for add, skips in joints}
    for name, version in chapter.VERSIONS.items():
        assert {*version} <= {*chapter.RECIPE} and (name == "all losses") == (not version)
        assert all(chapter.RECIPE[part] != value for part, value in version.items())


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


@pytest.mark.parametrize("add_input", [True, False])
def test_the_first_buffers_hold_what_new_generators_make(small, heaps, add_input):
    parts = small.make_parts(heaps, 10, 0, **small.RECIPE | dict(add_input=add_input))
    for side, first, name in (
        ("x", heaps.train_y, "generator_yx"),
        ("y", heaps.train_x, "generator_xy"),
    ):
        images = small.scaled(first[: small.KEPT])
        fakes = parts[name](images)
        assert np.array_equal(fakes, images) == add_input
        np.testing.assert_array_equal(parts[f"buffer_{side}"], fakes)


# ---------------------------------------------------------------- training


def made_parts(small, heaps):
    """Return parts whose networks are no copies, with optimizers that move nothing."""
    parts = small.make_parts(heaps, 100, 0, **small.RECIPE)
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


@pytest.mark.parametrize("history", [True, False])
def test_the_step_computes_the_paper_s_losses_and_moves_each_network_along_its_own(
    small, heaps, history
):
    """One network at a time moves, and along the slope of its own loss; the others rest."""
    parts, (x, y), rate = made_parts(small, heaps), sides(small, heaps), 1e-3
    recipe = small.RECIPE | dict(cycle=3.0, identity=7.0, history=history)
    train_step, buffers = small.make_train_step(parts, **recipe), parts["buffer_x"].numpy()
    for moving, name in enumerate(small.NETWORKS):
        newest = parts["generator_yx"](y), parts["generator_xy"](x)
        judged = judged_by(small, parts, x, y) if history else newest
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
    assert np.array_equal(buffers, parts["buffer_x"]) != history


def test_networks_made_again_are_the_ones_that_train(small, heaps):
    old, new = (small.make_parts(heaps, 10, 0, **small.RECIPE) for _ in range(2))
    networks = lambda parts: values(*(parts[name] for name in small.NETWORKS))
    small.make_train_step(old, **small.RECIPE)(*sides(small, heaps))
    still, before = networks(old), networks(new)
    small.make_train_step(new, **small.RECIPE)(*sides(small, heaps))
    assert equal(networks(old), still) and not equal(networks(new), before)


def test_the_rate_stays_for_half_of_the_steps_and_then_falls_to_zero(small, heaps):
    parts = small.make_parts(heaps, 100, 0, **small.RECIPE)
    assert len({id(parts[f"{name}_optimizer"]) for name in small.NETWORKS}) == 4
    for name in small.NETWORKS:
        optimizer = parts[f"{name}_optimizer"]
        training_checks.check_the_rate_stays_and_then_falls(optimizer, small.RATE)


def test_all_that_a_training_changes_is_kept(small, heaps, monkeypatch):
    run = lambda name: small.train(name, heaps, steps=1)
    also = {"buffer_x", "buffer_y", "rng", *small.RECIPE}
    kept = training_checks.check_everything_is_kept(small, monkeypatch, run, also, small.NETWORKS)
    optimizers = {f"{name}_optimizer" for name in small.NETWORKS}
    assert kept == {*small.NETWORKS, *optimizers, *also, "fresh"}


def test_a_training_that_is_interrupted_goes_on_with_the_same_bits(tmp_path):
    training_checks.check_resumed_bits(__name__, tmp_path, LOSSES[:2])


def test_a_reader_who_changed_a_weight_is_told(small, heaps):
    small.train("main", heaps, steps=1)
    for told, change in (
        ("cycle was 5.0, is 0.0", dict(cycle=0.0)),
        ("history was True, is False", dict(history=False)),
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", heaps, steps=4, **change)
    small.train("main", heaps, steps=1, fresh=True)


def test_an_entry_that_no_recipe_has_is_refused(small, heaps):
    with pytest.raises(AssertionError, match="only .*'cycle', 'identity'.*not all of .*cylce"):
        small.train("wrong", heaps, steps=1, cylce=0.0)


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
        gaps = np.abs(asked[:, None].astype(float) - heap[None])[:, :, *seen].sum(axis=(2, 3))
        found = chapter.nearest(asked, heap, seen)
        np.testing.assert_array_equal(found, heap[gaps.argmin(axis=1)])


def test_each_baseline_loses_a_score(chapter, clothes, fashion, monkeypatch):
    monkeypatch.setitem(vars(chapter), "fashion", fashion)
    x = clothes.test_x
    score = lambda images: chapter.scores_of("", x, images, chapter.PULLOVER, clothes.train_y)
    copy, real = score(x), score(clothes.test_y)
    twin = score(chapter.nearest(x, clothes.train_y, chapter.MIDDLE))
    pasted = score(chapter.paste(x, clothes.train_y, chapter.MIDDLE))
    assert copy["middle"] == 0 and copy["sleeves"] < 0.15 and copy["read"] < 0.05
    assert real["read"] > 0.8 and real["sleeves"] > 0.9 and real["middle"] > 50
    assert twin["sleeves"] > 0.7 and 5 < twin["middle"] < real["middle"] / 2
    assert pasted["middle"] == 0 and pasted["sleeves"] == twin["sleeves"]
    assert copy["sides"] < real["sides"] / 3 and twin["sides"] == pasted["sides"]
    assert real["fcd"] < copy["fcd"] / 3
    shifted = np.uint8(np.minimum(x, 245) + 10)
    assert score(shifted)["middle"] == pytest.approx(
        np.abs(shifted[:, 4:24, 8:20].astype(float) - x[:, 4:24, 8:20]).mean()
    )


def test_a_cheat_with_a_line_at_each_side_or_with_dimmed_sleeves_loses_sides(chapter, clothes):
    x, y = clothes.test_x, clothes.test_y
    bright = lambda images: chapter.side_pixels(images).mean()
    lines, dimmed = x.copy(), y.copy()
    lines[:, 18:22, [0, 27]] = 90
    for columns in (np.s_[:6], np.s_[-6:]):
        dimmed[:, 18:22, columns] = np.minimum(dimmed[:, 18:22, columns], 45)
    assert chapter.has_sleeves(lines).all() and bright(lines) < bright(y) / 2
    assert not chapter.has_sleeves(dimmed).any() and bright(dimmed) > 1.5 * bright(x)
    assert chapter.side_pixels(x).shape == (len(x), 2, 4, 6)


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


# ---------------------------------------------------------------- the table of versions


@pytest.fixture
def tiny(fashion):
    """The benchmark's lesson with two versions, tiny networks and a few pictures, untrained."""
    lesson = load_definitions("08")
    lesson.fashion = fashion
    lesson.data = {
        name: lesson.two_heaps(fashion, *both) for name, both in benchmark.CLASSES.items()
    }
    benchmark.make_tiny(lesson)
    for data in lesson.data.values():
        vars(data).update({name: heap[:40] for name, heap in vars(data).items()})
    distance = types.SimpleNamespace(fcd=1.0)  # the judge takes seconds for each row
    lesson.metrics = types.SimpleNamespace(
        frechet_classifier_distance=lambda *_: distance, class_accuracy=lambda *_: 0.5
    )
    names = "all losses", "whole picture"
    lesson.VERSIONS = {name: lesson.VERSIONS[name] for name in names}
    return lesson


def test_the_benchmark_goes_on_scores_again_and_stores_pictures(tiny, tmp_path, monkeypatch):
    def look(rows, pictures):
        names = [*benchmark.BASELINES] * 2 + ["all losses", "whole picture"]
        names += ["all losses", "lesson"]
        assert [row["variant"] for row in rows] == [name for name in names for _ in benchmark.WAYS]
        of_clothes = [row for row in rows if row["heaps"] == "clothes"]
        assert all((row["cycle"] != "") == (row["recipe"] != "") for row in rows)
        assert all((row["sleeves"] != "") == (row in of_clothes) for row in rows)
        assert all((row["sides"] != "") == (row in of_clothes) for row in rows)
        with np.load(pictures) as kept:
            assert {*kept} == {"rows", "given", *tiny.VERSIONS, "lesson"}
            given = [getattr(tiny.data["clothes"], f"test_{side}")[:6] for side in "xy"]
            np.testing.assert_array_equal(kept["given"], np.concatenate(given))
            np.testing.assert_array_equal(kept["all losses"], kept["given"])  # copies, untrained
            assert not np.array_equal(kept["whole picture"], kept["given"])

    scoring = "has_sleeves", lambda images: np.full(len(images), 0.5)
    benchmark_checks.check_it_goes_on_and_scores_again(
        benchmark, tiny, tmp_path, monkeypatch, 22, look, "train", scoring, "sleeves"
    )


def test_the_benchmark_scores_the_right_way_and_class(tiny, tmp_path, monkeypatch):
    """G's pictures are scored as pullovers, F's as T-shirts, and each goes back by the other."""
    seen = []

    def look(name, given, images, label, heap, place):
        seen.append((given, label, heap, place))
        return dict(sleeves=0, sides=0, read=0, fcd=0, middle=0)

    monkeypatch.setattr(tiny, "scores_of", look)
    monkeypatch.setattr(tiny, "cycle_errors", lambda back, *_: (back, 0, 0))
    monkeypatch.setattr(tiny, "translate", lambda there, images: images)
    monkeypatch.setattr(benchmark, "generators", lambda *_: [1.0, 2.0])  # G, F
    for way, label, back in (("G(x)", 2, 2.0), ("F(y)", 0, 1.0)):
        run = ("clothes", "all losses", way, "some", "1", "1", "")
        assert benchmark.score(tiny, run, tmp_path)["cycle"] == back
        given, asked, heap, place = seen[-1]
        data = tiny.data["clothes"]
        assert asked == label and place == tiny.MIDDLE
        assert given is (data.test_x if label else data.test_y)
        assert heap is (data.train_y if label else data.train_x)
    benchmark.score(tiny, ("shoes", "real", "G(x)", "", "", "0", ""), tmp_path)
    assert seen[-1][1] == 9 and seen[-1][3] == benchmark.SIDE


def test_the_side_of_a_shoe_is_bright_in_both_classes(fashion):
    for label in benchmark.CLASSES["shoes"]:
        shoes = fashion.train_images[fashion.train_labels == label]
        assert shoes.mean(axis=0)[benchmark.SIDE].min() > 100


def test_what_a_run_does_not_use_is_defined(chapter):
    assert {*definitions(chapter)} >= benchmark.NOT_USED | benchmark.LOOKS
    assert not benchmark.NOT_USED & benchmark.LOOKS
    used = {*definitions(chapter)} - benchmark.NOT_USED - benchmark.LOOKS
    assert {"make_train_step", "make_parts", "make_generator", "swap", "scaled"} <= used


def test_the_table_has_each_version_with_three_seeds_and_the_baselines(monkeypatch):
    """At the lesson's number of steps, whatever budget the tests run with."""
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = load_definitions("08")
    wanted = benchmark.plan(lesson, benchmark.SEEDS)
    assert len(wanted) == 2 * (2 * 5 + 3 * 11) and lesson.SEED not in benchmark.SEEDS
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    for row in table:
        numbers = [row[name] for name in benchmark.FOUND if row[name] != ""]
        assert np.isfinite([*map(float, numbers)]).all()
        assert len(numbers) == 5 + 3 * (row["recipe"] != "") - 2 * (row["heaps"] == "shoes")
    path = MEASURED / f"{benchmark.NAME}.npz"
    with np.load(path) as stored:
        assert str(stored["rows"]) == checksum(map(str, wanted))
        assert {*stored} == {"rows", "given", *lesson.VERSIONS, "lesson"}
    assert path.stat().st_size < 400_000


def test_no_place_is_left_to_fill():
    for path in (FOLDER / "08_cyclegan.ipynb", FOLDER / "solutions/08_cyclegan.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
