"""The functions of chapter 04, taken out of the notebook, against values that are known."""

import csv
import json

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import recipe_changes, source_recipe
from helpers.checkpoints import CheckpointError
from tests import training
from tests.training import equal, values
from tools.definitions import load_definitions
from tools.notebooks import FOLDER

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("04")


def test_the_networks_are_those_of_the_source(chapter):
    generator, discriminator = chapter.make_generator(), chapter.make_discriminator()
    assert (generator.count_params(), discriminator.count_params()) == (2_330_944, 212_865)
    shapes = [layer.output.shape[1:] for layer in generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert shapes == [(7, 7, 128), (14, 14, 64), (28, 28, 1)] and generator.layers[-1].activation.__name__ == "tanh"
    assert not any(getattr(layer, "use_bias", False) for layer in generator.layers)
    shapes = [layer.output.shape[1:] for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert shapes == [(14, 14, 64), (7, 7, 128)]
    assert [layer.rate for layer in discriminator.layers if isinstance(layer, keras.layers.Dropout)] == [0.3, 0.3]
    slopes = {layer.negative_slope for model in (generator, discriminator) for layer in model.layers if isinstance(layer, keras.layers.LeakyReLU)}
    assert {round(float(slope), 3) for slope in slopes} == {0.3} and discriminator.layers[-1].activation.__name__ == "linear"


def test_the_sources_recipe(chapter):
    recipe = {name: value for name, value in chapter.SOURCE.items() if not name.startswith("make")}
    assert recipe == {"rate": 1e-4, "beta_1": 0.9, "batch_size": 256, "average": 0.0}
    parts = chapter.make_parts(chapter.SOURCE, 0)
    for name in ("generator_optimizer", "discriminator_optimizer"):
        assert float(parts[name].learning_rate) == pytest.approx(1e-4) and parts[name].beta_1 == 0.9
    assert parts["generator_optimizer"] is not parts["discriminator_optimizer"]
    again = chapter.make_parts(chapter.SOURCE, 0)
    assert equal(values(parts["generator"], parts["discriminator"]), values(again["generator"], again["discriminator"]))


def test_losses_and_accuracies_by_hand(chapter):
    zeros = tf.zeros((5, 1))
    np.testing.assert_allclose([chapter.generator_loss(zeros), chapter.discriminator_loss(zeros, zeros)], [np.log(2), 2 * np.log(2)], rtol=1e-6)
    assert float(chapter.generator_loss(tf.ones((2, 1)))) == pytest.approx(np.log(1 + np.exp(-1)), rel=1e-6)
    real, fake = tf.constant([[-1.0], [0.3], [2.0]]), tf.constant([[-0.2], [0.4], [-3.0]])
    assert [float(share) for share in chapter.accuracies(real, fake)] == pytest.approx([2 / 3, 2 / 3])
    assert [float(share) for share in chapter.accuracies(real, fake, 0.5)] == pytest.approx([1 / 3, 1])


def test_the_average_of_the_generator(chapter):
    for step, share in ((0, 0.1), (90, 0.91), (10**6, 0.998)):
        assert float(chapter.kept_share(step, 0.998)) == pytest.approx(share, abs=1e-6)
    generator, averaged = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    average_step = chapter.make_average_step(generator, averaged, 0.5)
    generator.set_weights([np.float32([[8]]), np.float32([4])])
    averaged.set_weights([np.float32([[0]]), np.float32([0])])
    average_step(tf.constant(100))
    average_step(tf.constant(101))
    assert [float(weight.numpy().item()) for weight in averaged.weights] == [6, 3]
    copy = chapter.make_average_step(generator, averaged, 0.0)  # no average: the generator itself
    copy(tf.constant(0))
    assert equal(values(generator), values(averaged))


def test_frames_are_kept_when_the_rounded_root_grows(chapter):
    kept = chapter.kept_frames(251)
    assert len(kept) == 32 and kept[0] == 0 and kept[-1] == 250
    for count in (1, 2, 3, 17, 91, 250):
        expected = [i for i in range(count) if i == 0 or round(2 * (i + 1) ** 0.5) > round(2 * i**0.5)]
        assert list(chapter.kept_frames(count)) == sorted({*expected, count - 1})


def test_each_recipe_is_made_of_its_own_networks(chapter):
    fast = chapter.make_parts(chapter.IMPROVED, 0)
    assert fast["generator"].count_params() == chapter.make_fast_generator().count_params()
    assert fast["generator"].output_shape == (None, 28, 28, 1)
    assert chapter.IMPROVED["beta_1"] == 0.5 and chapter.IMPROVED["average"] > 0


@pytest.mark.parametrize("check", [
    training.check_each_loss_moves_its_own_network,
    training.check_noise_and_normalisation,
    training.check_networks_made_again_are_the_ones_that_train,
])  # fmt: skip
def test_the_train_step(chapter, check):
    check(chapter.make_train_step, lambda: chapter.make_parts(chapter.IMPROVED, 0), IMAGES[:8])


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own loop, on few images and with a checkpoint every 2 steps."""
    for name, value in {"real": IMAGES, "EVERY": 2, "SAVE_EVERY": 2, "SNAPSHOTS": (3,)}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    return chapter


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(small, monkeypatch, capsys, average):
    recipe = small.IMPROVED | {"batch_size": 4, "average": average}
    training.check_everything_is_kept(small, monkeypatch, lambda: small.train_dcgan("kept", recipe, 1))
    training.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, lambda name: small.train_dcgan(name, recipe, 5), at=3, saved=2
    )
    snapshots = [small.make_fast_generator() for _ in range(2)]
    for run, generator in zip(("whole", "cut"), snapshots):
        generator.load_weights(small.snapshot_file(f"04_dcgan/{run}", 3))
    for one, other in zip(*map(values, snapshots), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_reader_who_changed_the_recipe_is_told(small):
    recipe = small.IMPROVED | {"batch_size": 4}
    small.train_dcgan("main", recipe, 2)
    with pytest.raises(CheckpointError, match="average was 0.998, is 0.5"):
        small.train_dcgan("main", recipe | {"average": 0.5}, 2)
    with pytest.raises(CheckpointError, match="generator"):
        small.train_dcgan("main", recipe | {"make_generator": small.make_generator}, 2)


# ---------------------------------------------------------------- what is shipped as data

def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_curve_of_the_source_is_complete():
    rows = rows_of(source_recipe.CURVE)
    assert tuple(rows[0]) == source_recipe.COLUMNS
    epochs, scores = [float(row["epoch"]) for row in rows], [float(row["fcd"]) for row in rows]
    assert epochs == sorted(set(epochs)) and set(range(1, 51)) <= {round(epoch, 2) for epoch in epochs}
    assert min(scores) > 5 * float(rows[0]["floor"]) and {row["samples"] for row in rows} == {"10000"}
    assert {row["judge"] for row in rows} == {source_recipe.judge()}


def test_the_changes_lead_from_the_sources_recipe_to_the_improved_one(chapter):
    table = recipe_changes.recipes(chapter)
    assert list(table.values())[0] == chapter.SOURCE and list(table.values())[-1] == chapter.IMPROVED
    rows = rows_of(recipe_changes.TABLE)
    assert [row["recipe"] for row in rows] == [*table, *["improved, lesson"] * len(recipe_changes.SEEDS)]
    assert {int(row["steps"]) for row in rows[len(table) :]} == {chapter.STEPS}
    measured = [*table.values(), *[chapter.IMPROVED] * len(recipe_changes.SEEDS)]
    assert [row["settings"] for row in rows] == [recipe_changes.settings(chapter, recipe) for recipe in measured]
    assert {row["judge"] for row in rows} == {source_recipe.judge()}


def test_the_stored_outputs_say_how_much_sooner():
    """The numbers of the run whose outputs are committed, on the pictures to which the file of the source's scores belongs."""
    notebook = nbformat.read(FOLDER / "04_dcgan.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and "record(" in cell.source)
    recorded = json.loads(cell.outputs[-1].text)
    assert recorded["speedup_to_source_5_epochs"] >= 15 and recorded["speedup_to_source_50_epochs"] >= 50
    assert recorded["fcd"] < 8 * recorded["fcd_floor"] and recorded["recall"] > 0.5
