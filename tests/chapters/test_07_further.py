"""The functions of the notebook beside chapter 07, against values that are known."""

import dataclasses

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import pix2pix_ablations as benchmark
from benchmarks.tables import MEASURED, checksum, definitions, read_rows
from helpers import pairs
from helpers.checkpoints import CheckpointError
from helpers.pairs import PairData
from tests.support import benchmark_checks, training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER, FURTHER

PLACE = FURTHER / "07_ablations.ipynb"
RNG = np.random.default_rng(0)
COARSE, TINY = 16, 4  # pixels of the smallest pictures, filters of the first layer
SMALL = dict(SIZE=COARSE, WIDTH=TINY, BATCH=4, SHIFT=1, RATE=1e-2, EVERY=2, STEPS=5)


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("07", PLACE)


@pytest.fixture(scope="module")
def data():
    """A few pairs; the targets are bright, as first fakes are not."""
    inputs = np.random.default_rng(7).integers(0, 256, (24, COARSE, COARSE, 3), dtype=np.uint8)
    targets = 190 + inputs // 4
    return PairData("tiny", "embedded", inputs[:16], targets[:16], inputs[16:], targets[16:])


@pytest.fixture(scope="module")
def small(data):
    """The lesson with tiny networks, a batch of 4 pairs, and a checkpoint every 2 steps."""
    lesson = load_definitions("07", PLACE)
    vars(lesson).update(SMALL, emoji=data)
    return lesson


@pytest.fixture(scope="module")
def emoji():
    return pairs.load_pairs("fluent")


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def filters_of(network):
    return [layer.filters for layer in layers_of(network, keras.layers.Conv2D)]


# ---------------------------------------------------------------- versions


@pytest.mark.parametrize("name, gan", [("L1 + cGAN", True), ("L1", False)])
def test_these_versions_are_the_trainings_of_the_chapter(small, data, name, gan):
    """From the same first weights, two steps end at the same weights."""
    chapter = load_definitions("07")
    vars(chapter).update(SMALL)
    blocks = chapter.instance_norm, chapter.resize_conv
    chapter.make_generator.__defaults__ = (COARSE, TINY, (3, 3), *blocks, True)
    chapter.make_discriminator.__defaults__ = (COARSE, TINY, (3, 3), lambda x: x)
    wanted = chapter.make_parts(data, 5, 3)
    parts, step_of = small.make_training(small.VARIANTS[name], 5, 3)
    networks = ("generator", "discriminator")
    assert all(equal(values(parts[part]), values(wanted[part])) for part in networks)
    train_step = chapter.make_train_step(**wanted, gan=gan)
    for step in range(2):
        batch = data.train_inputs[4 * step :][:4], data.train_targets[4 * step :][:4]
        rng = np.random.default_rng([3, step])
        changed = chapter.jitter(*batch, rng)
        numbers = train_step(*map(chapter.scaled, changed))
        found = step_of(batch, step)
        for key in found:
            assert float(found[key]) == pytest.approx(float(numbers[key]), rel=1e-4)
    for part in networks:
        for one, other in zip(values(parts[part]), values(wanted[part]), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_without_skips_the_upper_half_sees_the_middle_only(small):
    def upper_half(network):
        middle = next(layer for layer in network.layers if layer.output.shape[1] == 1)
        return keras.Model(middle.output, network.output)

    painted = small.BASE | dict(add_input=False)
    without = small.make_generator(painted | dict(skips=False))
    assert upper_half(without).output_shape == (None, COARSE, COARSE, 3)
    assert not layers_of(without, keras.layers.Concatenate)
    with_skips = small.make_generator(painted)
    assert len(layers_of(with_skips, keras.layers.Concatenate)) == np.log2(COARSE)
    with pytest.raises(ValueError):
        upper_half(with_skips)


@pytest.mark.parametrize("downs, patch", [(0, 1), (1, 16), (2, 34), (3, 70)])
def test_the_patch_is_what_the_gradient_sees(lesson, monkeypatch, downs, patch):
    """In random pictures, without normalisation: no gradient is 0 by chance."""
    monkeypatch.setitem(vars(lesson), "SIZE", 128)
    monkeypatch.setitem(vars(lesson), "WIDTH", 2)
    network = lesson.make_discriminator(lesson.BASE | dict(downs=downs))
    pictures = tf.constant(RNG.normal(size=(1, 128, 128, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        logits = network([pictures, pictures])
        logit = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    seen = np.abs(tape.gradient(logit, pictures)[0]).sum(axis=-1) > 0
    for axis in (0, 1):
        lines = np.flatnonzero(seen.any(axis=axis))
        assert lines[-1] - lines[0] + 1 == patch == lesson.receptive_field(network)


def test_the_discriminators_have_the_paper_s_filters(lesson):
    wanted = {0: [32, 64, 1], 1: [32, 64, 1], 2: [32, 64, 128, 1], 3: [32, 64, 128, 256, 1]}
    for downs, filters in wanted.items():
        network = lesson.make_discriminator(lesson.BASE | dict(downs=downs))
        assert filters_of(network) == filters
        assert not layers_of(network, keras.layers.GroupNormalization)
        network = lesson.make_discriminator(lesson.VARIANTS["D with norm"] | dict(downs=downs))
        assert len(layers_of(network, keras.layers.GroupNormalization)) == len(filters) - 2


def test_a_blind_discriminator_does_not_see_the_input(small, data):
    one, other = (small.scaled(side[:4]) for side in (data.train_inputs, data.train_inputs[::-1]))
    targets = small.scaled(data.train_targets[:4])
    for name, blind in (("blind GAN", True), ("L1 + blind GAN", True), ("cGAN", False)):
        network = small.make_discriminator(small.VARIANTS[name])
        same = np.array_equal(network([one, targets]), network([other, targets]))
        assert same == blind
        assert not np.array_equal(network([one, targets]), network([one, -targets]))


def test_the_paper_s_networks(lesson):
    generator = lesson.make_generator(lesson.VARIANTS["paper"])
    assert len(layers_of(generator, keras.layers.Conv2DTranspose)) == 6
    norms = layers_of(generator, keras.layers.BatchNormalization)
    assert len(norms) == 9 and min(norm.output.shape[1] for norm in norms) == 2
    kernels = [w.numpy() for w in generator.trainable_variables if len(w.shape) == 4]
    assert all(kernel.std() == pytest.approx(0.02, rel=0.1) for kernel in kernels)


def test_partners_differ_in_one_entry(lesson):
    """The pairs that the text compares, and what else is known to change."""
    differences = {
        names: [
            key for key in lesson.BASE if len({v[key] for v in map(lesson.VARIANTS.get, names)}) > 1
        ]
        for names in lesson.CLAIMS
        if names[1] in lesson.VARIANTS
    }
    assert differences.pop(("cGAN", "L1")) == ["l1", "gan"]
    assert differences.pop(("L1 + blind GAN", "L1")) == ["gan", "sees_input"]
    assert {len(changed) for changed in differences.values()} == {1}
    named = {name for names in lesson.CLAIMS for name in names if name in lesson.VARIANTS}
    with_norm = {"D with norm", "blind D with norm", "patch 1 D with norm"}
    assert {*lesson.VARIANTS} - named == with_norm | {"10 L1 + cGAN", "paper"}
    assert len(lesson.VARIANTS) == 16


# ---------------------------------------------------------------- training


def test_losses_by_hand(lesson):
    logits = tf.constant(RNG.normal(0, 3, (2, 5, 5, 1)), tf.float32)
    fooling = np.log1p(np.exp(-logits.numpy())).mean()
    wanted = {"L1": 25, "blind GAN": fooling, "cGAN": fooling, "L1 + cGAN": 25 + fooling}
    for name, loss in wanted.items():
        found = lesson.generator_loss(lesson.VARIANTS[name], 0.25, logits)
        assert float(found) == pytest.approx(loss, rel=1e-5)


def step_and_parts(lesson, data, name):
    """Return (make_train_step, make_parts) for the shared checks."""
    recipe = lesson.VARIANTS[name]
    pictures = [tf.constant(lesson.scaled(x[:4])) for x in (data.train_inputs, data.train_targets)]

    def make_train_step(**parts):
        train_step = lesson.make_train_step(**parts, recipe=recipe)

        def run(_):
            numbers = train_step(*pictures)
            whole = recipe["l1"] * numbers["l1"] + numbers.get("fooling_loss", 0.0)
            return numbers | {"generator_loss": whole}

        return run

    return make_train_step, lambda: lesson.make_parts(recipe, 100, 0)


@pytest.mark.parametrize("name", ["blind GAN", "L1 + cGAN no skips"])
def test_each_loss_moves_its_own_network(small, data, name):
    training_checks.check_each_loss_moves_its_own_network(*step_and_parts(small, data, name), None)


def test_networks_made_again_are_the_ones_that_train(small, data):
    both = step_and_parts(small, data, "cGAN")
    training_checks.check_networks_made_again_are_the_ones_that_train(*both, None)


def test_with_l1_alone_no_discriminator_is_trained(small, data):
    make_train_step, make_parts = step_and_parts(small, data, "L1")
    parts = make_parts()
    before = values(parts["discriminator"])
    assert {*make_train_step(**parts)(None)} == {"l1", "generator_loss"}
    assert equal(before, values(parts["discriminator"]))


def test_pictures_in_training_mode_differ_with_batch_norm_only(small, data):
    for name, differ in (("paper", True), ("L1 + cGAN", False)):
        generator = small.make_parts(small.VARIANTS[name], 5, 0)["generator"]
        usual = small.translate(generator, data.test_inputs)
        training = small.translate(generator, data.test_inputs, training=True)
        assert usual.shape == data.test_targets.shape and usual.dtype == np.uint8
        assert np.array_equal(usual, training) != differ


def test_a_training_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    ends = []

    def run(name):
        monkeypatch.setitem(small.VARIANTS, name, small.VARIANTS["cGAN"])
        generator, _ = small.train(name)
        return generator, ends[-1].history

    watch = small.watch
    monkeypatch.setattr(small, "watch", lambda *a, **b: ends.append(watch(*a, **b)) or ends[-1])
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("l1", "discriminator_loss")
    )


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    training_checks.check_everything_is_kept(
        small, monkeypatch, lambda _: small.train("L1"), also=()
    )


def test_a_reader_who_changed_a_recipe_is_told(small, monkeypatch):
    monkeypatch.setattr(small, "STEPS", 1)
    small.train("patch 1")
    monkeypatch.setitem(small.VARIANTS, "patch 1", small.VARIANTS["L1"])
    with pytest.raises(CheckpointError, match="gan was True, is False(?s:.*)fresh=True"):
        small.train("patch 1")
    small.train("patch 1", fresh=True)


# ---------------------------------------------------------------- scores


def test_texture_and_distance_are_those_of_the_chapter(lesson, emoji):
    """Its shading and fit are an older form, as the lesson says."""
    chapter = load_definitions("07")
    few = dataclasses.replace(
        emoji, test_inputs=emoji.test_inputs[:20], test_targets=emoji.test_targets[:20]
    )
    images = np.uint8(0.6 * few.test_targets + 0.4 * few.test_inputs)
    found = lesson.scores_of(images, few)
    wanted = chapter.scores_of("", images, few.test_inputs, few.test_targets)
    assert found["texture"] == pytest.approx(wanted["texture"])
    assert found["l1"] == pytest.approx(wanted["distance"])


def test_halved_by_hand(lesson, monkeypatch):
    monkeypatch.setitem(vars(lesson), "SIZE", 4)
    images = np.arange(16.0).reshape(1, 4, 4, 1)
    assert lesson.halved(images)[0, ..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    inside = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]], bool)[np.newaxis]
    assert lesson.halved(inside, np.all)[0, ..., 0].tolist() == [[True, False], [True, False]]


def test_found_is_found_one_by_one(lesson, emoji):
    """Each output against each input, with a cosine of its own; guessing finds one of all."""
    inputs, images = emoji.test_inputs[:12], emoji.test_targets[[3, 1, 2, 0, *range(4, 12)]]
    for features_of in (lesson.edges_of, lesson.colours_of):
        hits = 0
        for number, image in enumerate(images):
            one = features_of(image[np.newaxis])[0]
            others = [features_of(x[np.newaxis])[0] for x in inputs]
            cosines = [one @ x / np.sqrt((one @ one) * (x @ x) + 1e-12) for x in others]
            hits += cosines.index(max(cosines)) == number
        assert lesson.share_found(features_of, images, inputs) == hits / 12
        assert hits <= 10  # two of them changed places
    plain = np.full_like(inputs, 255)
    assert lesson.share_found(lesson.colours_of, plain, inputs) == 1 / 12


def test_edges_know_no_colour_and_colours_know_no_brightness(lesson, emoji):
    images = emoji.test_targets[:8]
    same = images.astype(float).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    np.testing.assert_allclose(lesson.edges_of(images), lesson.edges_of(same), atol=1e-6)
    np.testing.assert_allclose(lesson.colours_of(same), 0, atol=1e-9)
    brighter = images.astype(float) + 40
    np.testing.assert_allclose(lesson.colours_of(images), lesson.colours_of(brighter), atol=1e-9)


def test_each_cheat_is_caught_and_by_what_the_text_says(lesson, emoji):
    found = {
        name: lesson.scores_of(images, emoji, inside)
        for name, (images, inside) in lesson.make_cheats(emoji).items()
    }
    assert [*found] == [
        *("target", "input", "blurred target", "red and blue exchanged", "one for all"),
        "other things",
    ]
    target, floor = found["target"], found["other things"]
    assert [target[name] for name in ("texture", "coarse", "l1")] == [0, 0, 0]
    assert (round(target["edges"], 3), round(target["colours"], 3)) == (0.919, 0.931)
    assert (found["input"]["edges"], found["input"]["colours"]) == (1, 158 / 160)
    assert round(found["input"]["texture"], 3) == 0.311
    assert found["red and blue exchanged"]["texture"] < 1e-6
    assert found["red and blue exchanged"]["colours"] == 2 / 160
    assert found["one for all"]["edges"] == found["one for all"]["colours"] == 1 / 160
    for name in ("input", "blurred target"):
        assert found[name]["texture"] > 3 * floor["texture"]
        assert found[name]["coarse"] > 1.5 * floor["coarse"]
    assert max(floor["edges"], floor["colours"]) < 0.03


def test_a_wrong_hue_and_a_moved_thing_are_not_found(lesson, emoji):
    inputs, targets = emoji.test_inputs, emoji.test_targets.astype(float)
    other = np.roll(targets, 7, axis=0)
    thing = lambda x: (x.min(axis=-1) < 250)[..., np.newaxis]
    mean = lambda x: (
        (x * thing(x)).sum(axis=(1, 2), keepdims=True)
        / thing(x).sum((1, 2, 3)).reshape(-1, 1, 1, 1)
    )
    recoloured = np.clip(
        np.where(thing(targets), targets + mean(other) - mean(targets), targets), 0, 255
    )
    assert lesson.share_found(lesson.colours_of, recoloured, inputs) < 0.6
    assert lesson.share_found(lesson.edges_of, recoloured, inputs) > 0.9
    for features_of in (lesson.edges_of, lesson.colours_of):
        upside_down = lesson.share_found(features_of, targets[:, ::-1], inputs)
        assert upside_down < 0.3
        noisy = targets + np.random.default_rng(1).normal(0, 5, targets.shape)
        assert lesson.share_found(features_of, noisy, inputs) > 0.85


# ---------------------------------------------------------------- table and pictures


@pytest.fixture
def tiny(small, emoji):
    """A benchmark of three versions, one step each, with a few pairs."""
    lesson = load_definitions("07", PLACE)
    few = [side[:16] for side in (emoji.train_inputs, emoji.train_targets)]
    tested = [side[:16] for side in (emoji.test_inputs, emoji.test_targets)]
    vars(lesson).update(WIDTH=2, STEPS=1, emoji=PairData("fluent", "embedded", *few, *tested))
    lesson.VARIANTS = {name: lesson.VARIANTS[name] for name in ("L1", "patch 1", "paper")}
    return lesson


def test_the_benchmark_goes_on_scores_again_and_stores_pictures(tiny, tmp_path, monkeypatch):
    def look(rows, pictures):
        trained = ["L1", "patch 1", "paper", "paper (inference)", *(f"L1 x {x}" for x in tiny.KNOB)]
        assert [row["variant"] for row in rows] == [*trained, *tiny.make_cheats(tiny.emoji)]
        assert len({row["l1"] for row in rows[2:4]}) == 2  # both modes of one training
        monkeypatch.setattr(tiny, "DATA", tmp_path)
        assert tiny.stored(tiny.QUIZ[0]).shape == (4, 64, 64, 3)
        assert tiny.stored("patch 1").shape == (1, 64, 64, 3)

    scoring = "share_found", lambda *_: 0.5
    benchmark_checks.check_it_goes_on_and_scores_again(
        benchmark, tiny, tmp_path, monkeypatch, 2, look, "train", scoring, "edges"
    )


def test_a_knob_makes_the_change_of_l1_stronger(tiny, tmp_path, monkeypatch):
    inputs = tiny.emoji.test_inputs.astype(int)
    monkeypatch.setattr(benchmark, "train", lambda *_: None)
    monkeypatch.setattr(tiny, "translate", lambda _, images: np.uint8(np.maximum(images, 20) - 20))
    run = lambda name: benchmark.outputs(tiny, (name, "recipe", "1", "1", "code"), tmp_path)
    np.testing.assert_array_equal(run("L1"), np.maximum(inputs - 20, 0))
    change = np.minimum(inputs, 20)
    expected = np.clip(np.round(inputs - 1.5 * change), 0, 255)
    np.testing.assert_array_equal(run("L1 x 1.5"), expected)


def test_what_a_run_does_not_use_is_defined(lesson):
    assert {*definitions(lesson)} >= benchmark.NOT_USED | benchmark.LOOKS
    assert not benchmark.NOT_USED & benchmark.LOOKS
    assert {"make_train_step", "jitter", "make_generator", "translate"} <= {
        *definitions(lesson)
    } - benchmark.NOT_USED - benchmark.LOOKS


@pytest.fixture(scope="module")
def table():
    return read_rows(MEASURED / f"{benchmark.NAME}.csv")


def test_the_table_has_each_version_with_three_seeds_and_the_cheats(table):
    lesson = benchmark.load_lesson()
    wanted = benchmark.plan(lesson, benchmark.SEEDS)
    assert len(wanted) == 3 * (17 + len(lesson.KNOB)) + 5 + 3
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert lesson.SEED not in benchmark.SEEDS and {*lesson.LIVE} <= {*lesson.VARIANTS}
    for row in table:
        assert 0 <= float(row["edges"]) <= 1 and 0 <= float(row["colours"]) <= 1
        assert np.isfinite([float(row[name]) for name in benchmark.FOUND]).all()
    path = MEASURED / f"{benchmark.NAME}.npz"
    with np.load(path) as stored:
        assert str(stored["rows"]) == checksum(map(str, wanted))
        assert {*stored} == {"rows", *lesson.VARIANTS, "paper (inference)", lesson.QUIZ[0]}
    assert path.stat().st_size < 500_000 and {*lesson.QUIZ} <= {*stored}


def test_the_table_shows_what_the_lesson_says(table):
    """Shading, texture and fit of seeds 1, 2 and 3, for what the text and the issue ask."""

    def numbers(score, name):
        return np.array([float(row[score]) for row in table if row["variant"] == name])

    assert (numbers("texture", "L1 + cGAN") < numbers("texture", "L1")).all()
    assert (numbers("shading", "L1 + cGAN") > numbers("shading", "L1") + 2).all()
    knob, with_d = (
        {score: numbers(score, name) for score in ("texture", "fit")}
        for name in ("L1 x 1.3", "L1 + cGAN")
    )
    assert (knob["texture"] < with_d["texture"]).all() and (knob["fit"] > with_d["fit"]).all()
    for score, name in (("edges", "L1 + cGAN not added"), ("colours", "L1 + cGAN not added")):
        assert (numbers(score, name) > numbers(score, "L1 + cGAN no skips") + 0.3).all()
    assert (numbers("texture", "L1 + cGAN not added") > 2 * numbers("texture", "L1 + cGAN")).all()


def test_no_place_is_left_to_fill():
    for path in (PLACE, FOLDER / "solutions/07_ablations.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
