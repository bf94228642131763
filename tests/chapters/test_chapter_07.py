"""The functions of chapter 07, taken out of the notebook, against values that are known."""

import dataclasses
import json
import re

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from helpers import pairs, pretrained
from helpers.checkpoints import CheckpointError
from helpers.pairs import PairData
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

RNG = np.random.default_rng(0)
CONVOLUTIONS = keras.layers.Conv2D, keras.layers.Conv2DTranspose
TINY = 4  # filters of the first layer
COARSE = 16  # pixels of the smallest pictures that a generator takes


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("07")


@pytest.fixture(scope="module")
def solution():
    return load_definitions("07", FOLDER / "solutions/07_pix2pix.ipynb")


@pytest.fixture(scope="module")
def small():
    """The chapter with tiny networks, a batch of 4 pairs, and a checkpoint every 2 steps."""
    chapter = load_definitions("07")
    vars(chapter).update(EVERY=2, BATCH=4, SHIFT=1, RATE=1e-2)
    blocks = chapter.instance_norm, chapter.resize_conv
    chapter.make_generator.__defaults__ = (COARSE, TINY, (3, 3), *blocks, True)
    chapter.make_discriminator.__defaults__ = (COARSE, TINY, (3, 3), lambda x: x)
    return chapter


@pytest.fixture(scope="module")
def data():
    """A few pairs; the targets are bright, as first fakes are not."""
    inputs = np.random.default_rng(7).integers(0, 256, (24, COARSE, COARSE, 3), dtype=np.uint8)
    targets = 190 + inputs // 4
    return PairData("tiny", "embedded", inputs[:16], targets[:16], inputs[16:], targets[16:])


@pytest.fixture(scope="module")
def emoji():
    return pairs.load_pairs("fluent")


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def batch_norm(x):
    return keras.layers.BatchNormalization()(x)


def random_weights(network):
    """Give a network other weights than its first ones, also where those are 0 or 1."""
    network.set_weights([RNG.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return network


# ---------------------------------------------------------------- networks


def test_the_paper_s_generator_has_the_paper_s_numbers(chapter):
    generator = chapter.make_generator(
        256, 64, norm=batch_norm, up=chapter.transposed_conv, add_input=False
    )
    assert generator.count_params() == 54_425_859
    assert generator.output_shape == (None, 256, 256, 3)
    convolutions = layers_of(generator, CONVOLUTIONS)
    downwards, upwards = [64, 128, 256, *[512] * 5], [*[512] * 4, 256, 128, 64, 3]
    assert [layer.filters for layer in convolutions] == downwards + upwards
    assert sum(layer.use_bias for layer in convolutions) == 1


def test_first_weights_differ_from_layer_to_layer_and_have_the_paper_s_spread(chapter):
    kernels = [w.numpy() for w in chapter.make_generator().trainable_variables]
    *kernels, last = [kernel for kernel in kernels if kernel.ndim == 4]
    assert last.shape[-1] == 3 and not last.any()  # so the first change is 0
    same = [kernel for kernel in kernels if kernel.shape == kernels[4].shape]
    assert all(kernel.std() == pytest.approx(0.02, rel=0.1) for kernel in kernels)
    assert len(same) > 1
    assert not any(np.array_equal(a, b) for i, a in enumerate(same) for b in same[:i])


@pytest.mark.parametrize("size", [16, 32, 64])
def test_the_depth_follows_the_size(chapter, size):
    generator = chapter.make_generator(size, TINY, channels=(1, 3))
    shapes = [layer.output.shape[1] for layer in layers_of(generator, keras.layers.Conv2D)]
    assert min(shapes) == 1 and len(shapes) == 2 * np.log2(size) + 1
    assert (generator.input_shape, generator.output_shape) == (
        (None, size, size, 1),
        (None, size, size, 3),
    )
    joints = layers_of(generator, keras.layers.Concatenate)
    assert [joint.output.shape[1] for joint in joints] == [2**k for k in range(1, len(joints) + 1)]
    assert len(joints) == np.log2(size)


@pytest.mark.parametrize("size", [0, 8, 48, 96, 100, 1024])
def test_a_size_that_cannot_work_is_refused_in_a_sentence(chapter, size):
    said = f"size is {size}, but it must be 16, 32, 64, 128, 256 or 512 pixels."
    with pytest.raises(ValueError, match=re.escape(said)):
        chapter.make_generator(size)


def test_instance_norm_is_what_it_says(chapter):
    x = RNG.normal(3, 5, (2, 5, 7, 3)).astype(np.float32)
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    by_hand = (x - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(chapter.instance_norm(tf.constant(x)), by_hand, atol=1e-5)
    pixel = tf.constant(x[:, :1, :1])
    np.testing.assert_array_equal(chapter.instance_norm(pixel), pixel)


def test_the_middle_is_not_normalised_and_knows_the_picture(chapter):
    generator = chapter.make_generator()
    norms = layers_of(generator, keras.layers.GroupNormalization)
    assert len(norms) == 8 and min(norm.output.shape[1] for norm in norms) == 4
    middle = next(layer for layer in generator.layers if layer.output.shape[1] == 1)
    to_middle = keras.Model(generator.input, middle.output)
    one, other = to_middle(RNG.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)).numpy()
    assert np.abs(one).max() > 0 and not np.allclose(one, other, atol=1e-4)


def test_training_mode_is_like_inference_mode_and_a_picture_alone_like_in_a_batch(chapter):
    generator = random_weights(chapter.make_generator(width=8))
    pictures = RNG.uniform(-1, 1, (5, 64, 64, 3)).astype(np.float32)
    usual = generator(pictures, training=False).numpy()
    np.testing.assert_allclose(generator(pictures, training=True), usual, atol=1e-4)
    np.testing.assert_allclose(generator(pictures[2:3]), usual[2:3], atol=1e-4)
    assert np.abs(usual).max() <= 1 and usual.std() > 0.05


def test_a_plain_surface_stays_plain_only_if_it_is_enlarged_first(chapter):
    surface, normal = tf.ones((1, 8, 8, 2)), dict(kernel_initializer="random_normal")
    resized = chapter.resize_conv(surface, 3, **normal).numpy()[0, 2:-2, 2:-2]
    transposed = chapter.transposed_conv(surface, 3, **normal).numpy()[0, 2:-2, 2:-2]
    assert resized.shape == transposed.shape == (12, 12, 3)
    assert np.ptp(resized, axis=(0, 1)).max() < 1e-6 < 1e-3 < np.ptp(transposed, axis=(0, 1)).min()
    np.testing.assert_allclose(transposed[2:], transposed[:-2], atol=1e-6)  # its period is 2


def test_the_receptive_field_is_what_the_gradient_sees(chapter, solution):
    """In random pictures: no gradient is 0 by chance."""
    network = chapter.make_discriminator(128, TINY, norm=lambda x: x)
    assert chapter.receptive_field(network) == 34 and network.output_shape == (None, 30, 30, 1)
    pictures = RNG.normal(size=(1, 128, 128, 3)).astype(np.float32)
    seen = solution.slopes_of_logit(network, pictures) > 0
    for axis in (0, 1):
        lines = np.flatnonzero(seen.any(axis=axis))
        assert lines[-1] - lines[0] + 1 == 34
    assert chapter.make_discriminator().output_shape == (None, 14, 14, 1)


def test_with_instance_norm_a_logit_listens_to_all_pixels_but_most_to_its_patch(chapter, solution):
    alone, normed = (
        solution.slopes_of_logit(chapter.make_discriminator(norm=norm), pictures)
        for pictures in [RNG.normal(size=(1, 64, 64, 3)).astype(np.float32)]
        for norm in (lambda x: x, chapter.instance_norm)
    )
    assert (normed > 0).mean() > 0.99
    assert normed[alone > 0].sum() / normed.sum() > 0.7


def test_the_paper_s_patch(chapter):
    steps = [chapter.conv(1, 4, strides=2) for _ in range(3)]
    for _ in range(2):
        steps += [keras.layers.ZeroPadding2D(), chapter.conv(1, 4, padding="valid")]
    network = keras.Sequential([keras.Input((256, 256, 6)), *steps])
    assert chapter.receptive_field(network) == 70 and network.output_shape == (None, 30, 30, 1)


def test_the_receptive_field_by_hand(chapter):
    conv = keras.layers.Conv2D
    stages = [conv(1, 3, strides=2), conv(1, 5), conv(1, 3, strides=3)]
    network = keras.Sequential([keras.Input((32, 32, 1)), *stages])
    by_hand = ((3 - 1) * 1 + 5 - 1) * 2 + 3  # backwards: 1, 3, 7, 15
    assert chapter.receptive_field(network) == by_hand


# ---------------------------------------------------------------- data


def test_jitter_is_equal_on_both_sides_and_different_for_each_pair(chapter):
    pictures = RNG.integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    for mirror in (False, True):
        rng = lambda: np.random.default_rng(1)
        one, other = chapter.jitter(pictures, pictures, rng(), mirror)
        np.testing.assert_array_equal(one, other)
        inputs, targets = chapter.jitter(pictures[..., :1], 255 - pictures, rng(), mirror)
        np.testing.assert_array_equal(inputs, 255 - targets[..., :1])
        same = np.repeat(pictures[:1], 30, axis=0)
        again, _ = chapter.jitter(same, pictures, rng(), mirror)
        assert len({picture.tobytes() for picture in again}) > 20
        assert one.shape == pictures.shape and one.dtype == np.uint8


@pytest.mark.parametrize("mirror", [False, True])
def test_jitter_shifts_by_up_to_four_pixels_and_mirrors_only_if_asked(chapter, mirror):
    """Each row and column is one of the picture, in order; at the edge the last one is repeated."""
    rows, columns = np.mgrid[0:64, 0:64]
    place = np.stack([rows, columns], axis=-1).astype(np.uint8)[np.newaxis]
    shifts, mirrored = set(), 0
    for seed in range(60):
        (cut,), _ = chapter.jitter(place, place, np.random.default_rng(seed), mirror)
        down, across = cut[:, 0, 0].astype(int), cut[0, :, 1].astype(int)
        mirrored += across[0] > across[-1]
        across = np.sort(across)
        for line in (down, across):
            shift = line[32] - 32
            np.testing.assert_array_equal(line, np.clip(np.arange(64) + shift, 0, 63))
            shifts.add(shift)
    assert shifts == set(range(-4, 5))
    assert 15 < mirrored < 45 if mirror else mirrored == 0


def test_the_light_comes_from_the_right_in_most_pairs(emoji):
    """So mirrored pairs would be no pairs of this set."""
    gain = (emoji.train_targets.astype(float) - emoji.train_inputs).mean(axis=(1, 3))
    assert np.mean(gain[:, 32:].mean(axis=1) > gain[:, :32].mean(axis=1)) > 0.75


def test_scaling_and_back(chapter):
    assert chapter.scaled(np.uint8([0, 255])).tolist() == [-1, 1]
    same = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Activation("linear")])
    images = RNG.integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(chapter.translate(same, images), images)


# ---------------------------------------------------------------- losses and scores


def test_losses_by_hand(chapter):
    grids = [RNG.normal(0, 3, (2, 5, 5, 1)).astype(np.float32) for _ in range(2)]
    real, fake = (tf.constant(grid) for grid in grids)
    says_real, says_fake = np.log1p(np.exp(-grids[0])).mean(), np.log1p(np.exp(grids[1])).mean()
    assert float(chapter.cross_entropy(1.0, real)) == pytest.approx(says_real, rel=1e-5)
    assert float(chapter.cross_entropy(0.0, fake)) == pytest.approx(says_fake, rel=1e-5)
    both = float(chapter.discriminator_loss(real, fake))
    assert both == pytest.approx((says_real + says_fake) / 2, rel=1e-5)
    distance = float(chapter.l1_distance(real, fake))
    assert distance == pytest.approx(np.abs(grids[0] - grids[1]).mean(), rel=1e-5)


def test_pattern_strengths_by_an_independent_transform(chapter):
    images = RNG.integers(0, 256, (1, 12, 8, 3), dtype=np.uint8)
    inside = np.ones((1, 12, 8), bool)
    inside[0, 11, 0] = False  # so of the windows in rows 0 and 4 only the first is left
    n = np.arange(8)
    waves = np.sqrt(2 / 8) * np.cos(np.pi * (2 * n + 1) * n[:, np.newaxis] / 16)
    waves[0] /= np.sqrt(2)
    by_hand = [np.ravel(waves @ images[0, :8, :, c] @ waves.T)[1:] for c in range(3)]
    found = chapter.pattern_strengths(images, inside)
    np.testing.assert_allclose(found, np.log1p(np.abs(by_hand)), atol=1e-9)


def test_each_number_has_a_cheat_that_fools_it_and_one_that_it_finds(chapter, emoji):
    inputs, targets = emoji.test_inputs, emoji.test_targets
    bytes_of = lambda images: np.uint8(np.clip(np.round(images), 0, 255))
    scores = lambda images: chapter.scores_of("", bytes_of(images), inputs, targets)
    blurred = gaussian_filter(targets.astype(float), (0, 1, 1, 0))
    board = 4 * (-1) ** np.indices((64, 64)).sum(axis=0)[..., np.newaxis]
    blocks = np.kron(board[:32, :32, 0], np.ones((2, 2)))[..., np.newaxis]
    noise = np.random.default_rng(1).normal(0, 4, targets.shape)
    others = emoji.train_inputs[: len(targets)], emoji.train_targets[: len(targets)]
    sides = (others[1], chapter.coloured(*others)), (targets, chapter.coloured(inputs, targets))
    floor = chapter.texture_distance(*(chapter.pattern_strengths(*side) for side in sides))
    far = np.abs(others[1].astype(float) - targets).mean()
    real, flat = scores(targets), scores(inputs)
    assert real["fit"] == pytest.approx(1) and real["distance"] == real["texture"] == 0
    assert flat["shading"] == flat["fit"] == 0 and flat["texture"] > 3 * floor
    assert far > 3 * flat["distance"]
    for cheat in (  # texture finds them
        *(blurred, blurred + noise, blurred + board, targets + noise),
        *(targets + board, targets + blocks, (targets // 16) * 16.0),
    ):
        found = scores(cheat)
        assert found["texture"] > 1.5 * floor and found["distance"] < flat["distance"]
        assert found["fit"] > 0.8
        assert found["shading"] == pytest.approx(real["shading"], rel=0.1)
    exchanged = scores(targets[..., ::-1])  # only the distance finds it
    assert exchanged["fit"] == pytest.approx(1) and exchanged["texture"] == 0
    assert exchanged["distance"] > 1.5 * flat["distance"]
    shifted = scores(np.roll(inputs, 3, axis=2))  # wins the shading
    assert shifted["shading"] > real["shading"] and shifted["fit"] < 0.1
    grey = scores(np.full_like(targets, 128))
    assert grey["distance"] > 3 * flat["distance"] and grey["texture"] > 3 * floor
    assert grey["fit"] < 0.1


def test_light_is_what_is_added_without_the_mean_of_each_flat_part(chapter, emoji):
    inputs, targets = emoji.test_inputs[:40], emoji.test_targets[:40]
    scores = lambda images: chapter.scores_of("", images, inputs, targets)
    groups = {}
    for number, (one, other) in enumerate(zip(targets, inputs)):
        for y, x in np.argwhere((one.min(axis=-1) < 250) & (other.min(axis=-1) < 250)):
            window = other[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3)
            if np.ptp(window, axis=0).max() == 0:
                added = np.mean(one[y, x].astype(int) - other[y, x])
                groups.setdefault((number, *other[y, x]), []).append(added)
    light = np.concatenate([np.subtract(group, np.mean(group)) for group in groups.values()])
    assert scores(targets)["shading"] == pytest.approx(light.std())
    half = np.uint8((inputs.astype(float) + targets) / 2)  # what somebody paints who hedges
    assert scores(half)["shading"] == pytest.approx(light.std() / 2, rel=0.02)
    plain, part = chapter.flat_parts(inputs, targets)
    assert plain.sum() == len(light) and len(set(part)) == len(groups)
    recoloured = inputs.astype(float)
    recoloured[plain] += np.random.default_rng(0).normal(0, 40, (part.max() + 1, 3))[part]
    assert scores(recoloured)["shading"] < 1e-9  # a new colour is no light


def test_fit_is_a_correlation_that_no_knob_and_no_cloud_can_raise(chapter, emoji):
    inputs, targets = (side[:40].astype(float) for side in (emoji.test_inputs, emoji.test_targets))
    flat, built = emoji.test_inputs[:40], emoji.test_targets[:40]
    fit = lambda images: chapter.scores_of("", images, flat, built)["fit"]
    added, noise = targets - inputs, np.random.default_rng(0).normal(0, 20, targets.shape)
    assert fit(inputs) == 0
    assert fit(inputs + 0.3 * added) == pytest.approx(1, abs=1e-3)
    assert fit(inputs - added) == pytest.approx(-1, abs=1e-3)
    assert abs(fit(inputs + noise)) < 0.05
    half = fit(inputs + added + noise)
    assert fit(inputs + 3 * (added + noise)) == pytest.approx(half) and 0.5 < half < 0.95
    plain, part = chapter.flat_parts(flat, built)
    light = chapter.light_of(inputs + added + noise, flat, plain, part)
    by_library = np.corrcoef(light, chapter.light_of(built, flat, plain, part))[0, 1]
    assert half == pytest.approx(by_library)


def test_one_ramp_has_the_strength_of_real_light_and_fits_without_any_network(chapter, emoji):
    """So strength and fit together do not prove that a network has learned the light."""
    flat, built = emoji.test_inputs, emoji.test_targets
    rows, columns = np.indices((64, 64))[..., np.newaxis]
    plain, _ = chapter.flat_parts(flat, built)
    ramp = np.uint8(np.clip(flat + plain[..., np.newaxis] * (columns - rows), 0, 255))
    found, real = (chapter.scores_of("", images, flat, built) for images in (ramp, built))
    assert found["shading"] == pytest.approx(real["shading"], rel=0.1)
    assert 0.3 < found["fit"] < 0.45 and found["texture"] > 0.15


def test_the_fit_of_each_thing_is_its_own_correlation(chapter, emoji):
    flat, built = emoji.test_inputs[:20], emoji.test_targets[:20]
    noise = np.random.default_rng(0).normal(0, 20, built.shape)
    images = np.uint8(np.clip(built + noise, 0, 255))
    plain, part = chapter.flat_parts(flat, built)
    light, true = (chapter.light_of(x, flat, plain, part) for x in (images, built))
    thing = np.nonzero(plain)[0]
    for number, fit in enumerate(chapter.scores_of("", images, flat, built)["fits"]):
        own = thing == number
        expected = np.corrcoef(light[own], true[own])[0, 1] if own.any() else 0
        assert fit == pytest.approx(expected, abs=1e-6)


def test_the_verdict_is_the_sigmoid_of_each_logit(chapter, emoji):
    parts = dict(discriminator=chapter.make_discriminator())
    sides = emoji.test_inputs[:2], emoji.test_targets[:2]
    logits = parts["discriminator"](list(map(chapter.scaled, sides))).numpy()
    np.testing.assert_allclose(
        chapter.verdict_of(parts, *sides), 255 * tf.sigmoid(logits), rtol=1e-4
    )


def test_a_new_generator_gives_back_its_input(chapter, emoji):
    pictures = chapter.scaled(emoji.test_inputs[:4])
    np.testing.assert_allclose(chapter.make_generator()(pictures), pictures, atol=1e-6)


def test_texture_grows_with_what_is_wrong(chapter, emoji):
    targets = emoji.test_targets[:40]
    texture = lambda images: chapter.scores_of("", images, targets, targets)["texture"]
    found = [texture(gaussian_filter(targets, (0, s, s, 0))) for s in (0.4, 0.7, 1.2, 2.0)]
    assert found == sorted(found) and found[0] > 0
    brighter = np.uint8(np.minimum(targets, 245) + 10)
    assert texture(brighter) < found[0]  # a plain colour is no pattern


# ---------------------------------------------------------------- training


def step_and_parts(chapter, data, gan=True):
    """Return (make_train_step, make_parts) for the shared checks."""
    sides = data.train_inputs[:4], data.train_targets[:4]
    pictures = [tf.constant(chapter.scaled(side)) for side in sides]

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts, gan=gan)

        def run(_):
            numbers = train_step(*pictures)
            whole = chapter.L1_WEIGHT * numbers["l1"] + numbers.get("fooling_loss", 0.0)
            return numbers | {"generator_loss": whole}

        return run

    return make_train_step, lambda: chapter.make_parts(data, 100, 0)


def test_each_loss_moves_its_own_network(small, data):
    training_checks.check_each_loss_moves_its_own_network(*step_and_parts(small, data), None)


def test_networks_made_again_are_the_ones_that_train(small, data):
    both = step_and_parts(small, data)
    training_checks.check_networks_made_again_are_the_ones_that_train(*both, None)


def test_with_l1_alone_no_discriminator_is_heard_or_trained(small, data):
    make_train_step, make_parts = step_and_parts(small, data, gan=False)

    def after_a_step(make_train_step, seed):
        parts = make_parts()
        keras.utils.set_random_seed(seed)
        parts["discriminator"] = small.make_discriminator()
        before = values(parts["discriminator"])
        names = set(make_train_step(**parts)(None))
        assert ("fooling_loss" in names) == (not equal(before, values(parts["discriminator"])))
        return values(parts["generator"]), names

    (one, names), (other, _) = (after_a_step(make_train_step, seed) for seed in (1, 2))
    assert names == {"l1", "generator_loss"} and equal(one, other)
    with_gan, _ = step_and_parts(small, data)
    (one, names), (other, _) = (after_a_step(with_gan, seed) for seed in (1, 2))
    wanted = {"discriminator_loss", "fooling_loss"}
    assert wanted < names and not equal(one, other)


def test_both_trainings_start_from_the_same_weights_and_pairs(small, data):
    _, l1 = small.train("alone", data, gan=False, steps=1)
    _, both = small.train("both", data, gan=True, steps=1)
    assert l1["l1"][0] == pytest.approx(both["l1"][0], rel=1e-6)


def test_the_rate_stays_for_half_of_the_steps_and_then_falls_to_zero(small, data):
    parts = small.make_parts(data, 100, 0)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        training_checks.check_the_rate_stays_and_then_falls(parts[name], small.RATE)


def test_all_that_a_training_changes_is_kept(small, data, monkeypatch):
    run = lambda name: small.train(name, data, gan=True, steps=1)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=())


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys, data
):
    def run(name):
        parts, history = small.train(name, data, gan=True, steps=5, mirror=True)
        return [parts["generator"], parts["discriminator"]], history

    losses = ("l1", "discriminator_loss", "fooling_loss")
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=losses
    )


def test_a_reader_who_changed_something_is_told(small, data, monkeypatch):
    small.train("main", data, gan=True, steps=1)
    changed = dataclasses.replace(data, train_inputs=data.train_inputs[::-1])
    for told, given, change in (
        ("gan was True, is False", data, dict(gan=False)),
        ("mirror was False, is True", data, dict(gan=True, mirror=True)),
        ("pictures was .*, is ", changed, dict(gan=True)),  # not the old model, in silence
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", given, steps=4, **change)
    monkeypatch.setitem(vars(small), "BATCH", 8)
    with pytest.raises(CheckpointError, match="batch_size was 4, is 8"):
        small.train("main", data, gan=True, steps=4)
    small.train("main", data, gan=True, steps=1, fresh=True)


@pytest.mark.parametrize("channels", [(1, 1), (1, 3), (3, 1)])
def test_pairs_of_another_size_and_other_channels_train_too(small, channels):
    inputs, targets = (RNG.integers(0, 256, (8, 32, 32, c), dtype=np.uint8) for c in channels)
    data = PairData("other", "folder", inputs, targets, inputs[:2], targets[:2])
    name = f"other-{channels[0]}-{channels[1]}"
    parts, history = small.train(name, data, gan=True, steps=1)
    assert parts["generator"].output_shape == (None, 32, 32, channels[1])
    assert np.isfinite(history["l1"]).all()
    assert small.translate(parts["generator"], inputs[:2]).shape == (2, 32, 32, channels[1])


# ---------------------------------------------------------------- what is shipped


def test_the_shipped_generator_colours_held_out_drawings(chapter):
    """Lively colours inside of the lines, and more often like the designers' than by chance.

    Its mean colour is compared with that of its own target and of each other one: a generator that
    paints all things alike (white, grey, or anything) is nearer to its own in half of the cases.
    """
    drawings, artist = pairs.load_pairs("openmoji"), pretrained.load("07_pix2pix_openmoji")
    lines, targets = drawings.test_inputs, drawings.test_targets.astype(float)
    made = chapter.translate(artist, lines)
    assert made.shape == targets.shape and made.dtype == np.uint8
    assert made[np.repeat(lines < 20, 3, axis=-1)].mean() < 60
    assert made[targets.min(axis=-1) == 255].mean() > 245
    inside = (lines[..., 0] > 200) & (targets.min(axis=-1) < 250)
    chosen = inside.sum(axis=(1, 2)) > 60
    colours, wanted = (
        np.array([image[part].mean(axis=0) for image, part in zip(images[chosen], inside[chosen])])
        for images in (made, targets)
    )
    assert np.ptp(colours, axis=1).mean() > 50
    distances = np.linalg.norm(colours[:, np.newaxis] - wanted, axis=2)
    assert (np.diag(distances)[:, np.newaxis] < distances).mean() > 0.52


def stored_text(chosen):
    """Return what the first code cell with these words has printed."""
    notebook = nbformat.read(FOLDER / "07_pix2pix.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cell = next(cell for cell in cells if chosen in cell.source)
    return "".join(output.get("text", "") for output in cell.outputs)


def test_what_the_stored_outputs_must_show():
    """D brings light that L1 alone leaves out; no surface is far from real ones."""
    text = stored_text("record(")
    numbers = json.loads(text[text.rindex("{") :])
    assert (numbers["unet_parameters_256"], numbers["patch_output_256"]) == (54_425_859, 30)
    shading = dict(re.findall(r"^(.+?) +shading +(\S+)", stored_text("by = found"), re.M))
    shading = {name: float(x) for name, x in shading.items()}
    assert numbers["abs_texture_l1_cgan"] < numbers["abs_texture_l1"]
    assert shading["input"] == 0
    assert shading["L1"] + 2 < shading["L1 + cGAN"] < shading["target"] + 1
    for name in ("l1", "l1_cgan"):
        assert numbers[f"distance_{name}"] < numbers["distance_input"]
        assert numbers[f"abs_texture_{name}"] < numbers["abs_texture_input"] / 2
