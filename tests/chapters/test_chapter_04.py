"""The functions of chapter 04, taken out of the notebook, against values that are known."""

import json

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import recipe_changes, source_recipe
from benchmarks.tables import read_rows
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
ENDS = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("04")


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, on few pictures, with a checkpoint every 2 steps."""
    chapter = load_definitions("04")
    vars(chapter).update(real=IMAGES, EVERY=2, SAVE_EVERY=2, SNAPSHOTS=(3,))
    return chapter


@pytest.fixture(scope="module")
def tiny(chapter):
    """The improved recipe with tiny networks."""
    return chapter.IMPROVED | dict(
        make_generator=lambda: training_checks.make_tiny_generator(chapter.LATENT),
        make_discriminator=training_checks.make_tiny_discriminator,
        batch_size=4,
        average=0.9,
    )


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def test_the_networks_are_those_of_the_source(chapter):
    networks = generator, discriminator = chapter.make_generator(), chapter.make_discriminator()
    assert (generator.count_params(), discriminator.count_params()) == (2_330_944, 212_865)
    convolutions = layers_of(generator, keras.layers.Conv2DTranspose)
    shapes = [layer.output.shape[1:] for layer in convolutions]
    assert shapes == [(7, 7, 128), (14, 14, 64), (28, 28, 1)]
    assert generator.layers[-1].activation.__name__ == "tanh"
    assert not any(getattr(layer, "use_bias", False) for layer in generator.layers)
    convolutions = layers_of(discriminator, keras.layers.Conv2D)
    assert [layer.output.shape[1:] for layer in convolutions] == [(14, 14, 64), (7, 7, 128)]
    assert [layer.rate for layer in layers_of(discriminator, keras.layers.Dropout)] == [0.3, 0.3]
    leaky = [layer for network in networks for layer in layers_of(network, keras.layers.LeakyReLU)]
    assert {round(float(layer.negative_slope), 3) for layer in leaky} == {0.3}
    assert discriminator.layers[-1].activation.__name__ == "linear"


def test_the_sources_recipe(chapter):
    recipe = {key: value for key, value in chapter.SOURCE.items() if not key.startswith("make")}
    assert recipe == {"rate": 1e-4, "beta_1": 0.9, "batch_size": 256, "average": 0.0}
    parts, again = (chapter.make_parts(chapter.SOURCE, 0) for _ in range(2))
    for name in ("generator_optimizer", "discriminator_optimizer"):
        assert float(parts[name].learning_rate) == pytest.approx(1e-4)
        assert parts[name].beta_1 == 0.9
    assert parts["generator_optimizer"] is not parts["discriminator_optimizer"]
    for name in training_checks.NETWORKS:
        assert equal(values(parts[name]), values(again[name]))


def test_losses_and_accuracies_by_hand(chapter):
    zeros = tf.zeros((5, 1))
    losses = chapter.generator_loss(zeros), chapter.discriminator_loss(zeros, zeros)
    np.testing.assert_allclose(losses, [np.log(2), 2 * np.log(2)], rtol=1e-6)
    by_hand = np.log(1 + np.exp(-1))
    assert float(chapter.generator_loss(tf.ones((2, 1)))) == pytest.approx(by_hand, rel=1e-6)
    real, fake = tf.constant([[-1.0], [0.3], [2.0]]), tf.constant([[-0.2], [0.4], [-3.0]])
    shares = [float(share) for share in chapter.accuracies(real, fake)]
    assert shares == pytest.approx([2 / 3, 2 / 3])
    shares = [float(share) for share in chapter.accuracies(real, fake, 0.5)]
    assert shares == pytest.approx([1 / 3, 1])


def test_the_average_of_the_generator(chapter):
    for step, share in ((0, 0.1), (90, 0.91), (10**6, 0.998)):
        assert float(chapter.kept_share(step, 0.998)) == pytest.approx(share, abs=1e-6)
    generator, averaged = (
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]) for _ in range(2)
    )
    average_step = chapter.make_average_step(generator, averaged, 0.5)
    generator.set_weights([np.float32([[8]]), np.float32([4])])
    averaged.set_weights([np.float32([[0]]), np.float32([0])])
    average_step(tf.constant(100))
    average_step(tf.constant(101))
    assert [weight.numpy().item() for weight in averaged.weights] == [6, 3]
    copy = chapter.make_average_step(generator, averaged, 0.0)  # none: the generator itself
    copy(tf.constant(0))
    assert equal(values(generator), values(averaged))


def test_frames_are_kept_when_the_rounded_root_grows(chapter):
    kept = chapter.kept_frames(251)
    assert len(kept) == 32 and kept[0] == 0 and kept[-1] == 250
    root = lambda number: round(2 * number**0.5)
    for count in (1, 2, 3, 17, 91, 250):
        expected = [i for i in range(count) if i == 0 or root(i + 1) > root(i)]
        assert list(chapter.kept_frames(count)) == sorted({*expected, count - 1})


def test_each_recipe_is_made_of_its_own_networks(chapter):
    fast = chapter.make_parts(chapter.IMPROVED, 0)
    for name in training_checks.NETWORKS:
        wanted = getattr(chapter, f"make_fast_{name}")().count_params()
        assert (
            fast[name].count_params() == wanted != chapter.SOURCE[f"make_{name}"]().count_params()
        )
    assert fast["generator"].output_shape == (None, 28, 28, 1)
    assert chapter.IMPROVED["beta_1"] == 0.5 and chapter.IMPROVED["average"] > 0


@pytest.mark.parametrize(
    "check",
    [
        training_checks.check_each_loss_moves_its_own_network,
        training_checks.check_noise_dropout_and_normalisation_act,
        training_checks.check_networks_made_again_are_the_ones_that_train,
    ],
)
def test_the_train_step(chapter, tiny, check):
    check(chapter.make_train_step, lambda: chapter.make_parts(tiny, 0), IMAGES[:8])


def test_all_that_a_training_changes_is_kept(small, tiny, monkeypatch):
    run = lambda name: small.train_dcgan(name, tiny, 1)
    training_checks.check_everything_is_kept(small, monkeypatch, run)


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, tiny, monkeypatch, capsys
):
    """Also the snapshots that are scored later are the same."""
    run = lambda name: small.train_dcgan(name, tiny, 5)
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )
    snapshots = [tiny["make_generator"]() for _ in range(2)]
    for name, generator in zip(("whole", "cut"), snapshots):
        generator.load_weights(small.snapshot_file(f"04_dcgan/{name}", 3))
    for one, other in zip(*map(values, snapshots), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_reader_who_changed_the_recipe_is_told(small, tiny):
    small.train_dcgan("main", tiny, 1)
    changes = {
        "average was 0.9, is 0.5": dict(average=0.5),
        "batch_size was 4, is 8": dict(batch_size=8),
        r"generator\..* was .*, is ": dict(make_generator=small.make_fast_generator),
        r"discriminator\..* was .*, is ": dict(make_discriminator=small.make_fast_discriminator),
        "generator_optimizer.learning_rate was 0.001": dict(rate=1e-4),
    }
    for told, change in changes.items():
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train_dcgan("main", tiny | change, 1)


# ---------------------------------------------------------------- the latent walk


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_mixture_is_its_end_at_the_ends_and_keeps_the_norm_between_them(chapter, count):
    codes = ENDS[:count]
    np.testing.assert_allclose(chapter.mix(codes, np.eye(count)), codes, rtol=1e-6)
    weights = np.random.default_rng(1).dirichlet(np.ones(count), size=(3, 5))
    mixed = chapter.mix(codes, weights)
    assert mixed.shape == (3, 5, 100) and mixed.dtype == np.float32
    wanted = weights @ np.linalg.norm(codes, axis=-1)
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=-1), wanted, rtol=1e-5)


def test_a_mixture_by_hand(chapter):
    for length in (1, 3):
        mixed = chapter.mix(np.array([[1, 0], [0, length]]), [0.5, 0.5])
        by_hand = np.array([1, length]) / np.hypot(1, length) * (1 + length) / 2
        np.testing.assert_allclose(mixed, by_hand, rtol=1e-6)


# ---------------------------------------------------------------- what is shipped as data


def test_the_curve_of_the_source_is_complete():
    rows = read_rows(source_recipe.CURVE)
    assert tuple(rows[0]) == source_recipe.COLUMNS
    epochs, scores = ([float(row[name]) for row in rows] for name in ("epoch", "fcd"))
    assert epochs == sorted(set(epochs))
    assert set(range(1, 51)) <= {round(epoch, 2) for epoch in epochs}
    assert min(scores) > 5 * float(rows[0]["floor"])
    assert {row["samples"] for row in rows} == {"10000"}
    assert len({row["judge"] for row in rows}) == 1


def test_the_changes_lead_from_the_sources_recipe_to_the_improved_one(chapter):
    first, *_, last = recipe_changes.recipes(chapter).values()
    assert (first, last) == (chapter.SOURCE, chapter.IMPROVED)
    rows = read_rows(recipe_changes.TABLE)
    assert tuple(rows[0]) == recipe_changes.COLUMNS
    found = [tuple(row[name] for name in ("recipe", "settings", "seed")) for row in rows]
    assert found == [key[:3] for key in recipe_changes.wanted(chapter)]
    lessons = [row["steps"] for row in rows if row["recipe"] == recipe_changes.LESSON]
    assert set(lessons) == {str(chapter.STEPS)} and len(lessons) == 3
    assert len({row["judge"] for row in rows}) == 1


def test_the_stored_outputs_say_how_much_sooner():
    """The numbers of the run whose outputs are committed."""
    notebook = nbformat.read(FOLDER / "04_dcgan.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cell = next(cell for cell in cells if "record(" in cell.source)
    recorded = json.loads(cell.outputs[-1].text)
    assert recorded["speedup_to_source_5_epochs"] >= 15
    assert recorded["speedup_to_source_50_epochs"] >= 50
    assert recorded["fcd"] < 8 * recorded["fcd_floor"] and recorded["recall"] > 0.5
