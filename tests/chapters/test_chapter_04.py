"""The functions of chapter 04, taken out of the notebook, against values that are known."""

import json

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import recipe_changes, tutorial_recipe
from benchmarks.tables import definitions, judge, read_rows
from helpers.checkpoints import CheckpointError
from helpers.course import ROOT
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
def recipes():
    """The lesson beside the chapter, which has all the changes."""
    return load_definitions("04", ROOT / "notebooks/further/04_recipes.ipynb")


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, on few pictures, with a checkpoint every 2 steps."""
    chapter = load_definitions("04")
    vars(chapter).update(clothes=IMAGES, EVERY=2, SAVE_EVERY=2)
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


def test_the_networks_are_those_of_the_tutorial(chapter):
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


def test_the_recipe_of_the_tutorial(chapter):
    recipe = {key: value for key, value in chapter.TUTORIAL.items() if not key.startswith("make")}
    numbers = {"rate": 1e-4, "beta_1": 0.9, "batch_size": 256, "penalty": 0.0, "average": 0.0}
    assert recipe == numbers
    parts, again = (chapter.make_parts(chapter.TUTORIAL, 0) for _ in range(2))
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


def test_the_average_of_the_generator(chapter, tiny):
    """The averaged weights against a mean that is computed here, also with none at all."""
    for step, share in ((0, 0.1), (90, 0.91), (10**6, 0.998)):
        assert float(chapter.kept_share(step, 0.998)) == pytest.approx(share, abs=1e-6)
    for average in (0.9, 0.0, 0):  # a reader may write 0
        parts, both_steps, draw = chapter.make_training(tiny | {"average": average}, 0)
        assert parts["average"] == average and draw().shape == (16, 28, 28, 1)
        wanted = values(parts["generator"])
        assert equal(wanted, values(parts["averaged"]))
        for step in (0, 1, 200):
            both_steps(IMAGES[:4], step)
            kept = min(average, (1 + step) / (10 + step))
            now = values(parts["generator"])
            wanted = [kept * mean + (1 - kept) * weight for mean, weight in zip(wanted, now)]
        for mean, one in zip(values(parts["averaged"]), wanted, strict=True):
            np.testing.assert_allclose(mean, one, rtol=1e-4, atol=1e-5)
        assert equal(values(parts["generator"]), values(parts["averaged"])) == (average == 0)


def test_steepness_is_the_squared_length_of_the_slopes(chapter):
    """Against differences of the logits of pictures that differ in one pixel."""
    keras.utils.set_random_seed(0)
    discriminator = training_checks.make_tiny_discriminator(dropout=0.0)
    pictures = IMAGES[:2]
    logits = lambda x: np.asarray(discriminator(x), np.float64).ravel()
    slopes = []
    for pixel in np.ndindex(28, 28):
        near = pictures.copy()
        near[:, *pixel] += 0.01
        slopes.append((logits(near) - logits(pictures)) / 0.01)
    wanted = np.mean(np.sum(np.square(slopes), axis=0))
    found = float(chapter.steepness(discriminator, tf.constant(pictures)))
    assert found == pytest.approx(wanted, rel=0.02)


def test_the_penalty_acts_at_every_sixteenth_step_and_makes_the_discriminator_flatter(
    chapter, tiny
):
    still = {"make_discriminator": lambda: training_checks.make_tiny_discriminator(dropout=0.0)}
    steep = {}
    for penalty in (0.0, 5.0):
        parts, both_steps, _ = chapter.make_training(tiny | still | {"penalty": penalty}, 0)
        weights = []
        for step in (1, 16):
            both_steps(IMAGES[:8], step)
            weights.append(values(parts["discriminator"]))
        steep[penalty] = *weights, float(chapter.steepness(parts["discriminator"], IMAGES[:8]))
    (first, second, steeper), (other_first, other_second, flatter) = steep.values()
    for one, other in zip(first, other_first, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert not equal(second, other_second)
    assert flatter < steeper


def test_frames_are_kept_when_the_rounded_root_grows():
    chapter = load_definitions("04", ROOT / "notebooks/solutions/04_dcgan.ipynb")
    kept = chapter.kept_frames(251)
    assert len(kept) == 32 and kept[0] == 0 and kept[-1] == 250
    root = lambda number: round(2 * number**0.5)
    for count in (1, 2, 3, 17, 91, 250):
        expected = [i for i in range(count) if i == 0 or root(i + 1) > root(i)]
        assert list(chapter.kept_frames(count)) == sorted({*expected, count - 1})


def test_each_recipe_is_made_of_its_own_networks(chapter):
    fast = chapter.make_parts(chapter.IMPROVED, 0)
    for name in training_checks.NETWORKS:
        wanted = getattr(chapter, f"make_light_{name}")().count_params()
        assert (
            fast[name].count_params() == wanted != chapter.TUTORIAL[f"make_{name}"]().count_params()
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
    """The checks call the random generator `rng`; the chapter calls it `noise`."""

    def make_parts():
        parts = chapter.make_parts(tiny, 0)
        return parts | {"rng": parts.pop("noise")}

    def make_train_step(rng, **parts):
        return chapter.make_train_step(noise=rng, **parts)

    check(make_train_step, make_parts, IMAGES[:8])


def test_all_that_a_training_changes_is_kept(small, tiny, monkeypatch):
    run = lambda name: small.train_dcgan(name, tiny, 1, 0)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=("averaged", "noise"))


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, tiny, monkeypatch, capsys
):
    def run(name):
        parts, run = small.train_dcgan(name, tiny, 5, 0)
        return parts["averaged"], run.history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_a_reader_who_changed_the_recipe_is_told(small, tiny):
    small.train_dcgan("main", tiny, 1, 0)
    changes = {
        "average was 0.9, is 0.5": dict(average=0.5),
        "penalty was 0.1, is 1.0": dict(penalty=1.0),
        "batch_size was 4, is 8": dict(batch_size=8),
        r"generator\..* was .*, is ": dict(make_generator=small.make_light_generator),
        r"discriminator\..* was .*, is ": dict(make_discriminator=small.make_light_discriminator),
        "generator_optimizer.learning_rate was 0.002": dict(rate=1e-4),
    }
    for told, change in changes.items():
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train_dcgan("main", tiny | change, 1, 0)


def test_a_reader_who_misspelt_a_part_of_a_recipe_is_told(chapter, tiny):
    with pytest.raises(AssertionError, match="Wrong or missing: {'learning_rate'}"):
        chapter.make_parts(tiny | dict(learning_rate=1e-3), 0)


def test_the_solutions_train_as_the_chapter_does(chapter):
    path = ROOT / "notebooks/solutions/04_dcgan.ipynb"
    ours, theirs = definitions(chapter), definitions(load_definitions("04", path))
    same = ["make_light_generator", "make_light_discriminator", "generate", "noise_of", "steepness"]
    same += ["cross_entropy", "generator_loss", "discriminator_loss", "accuracies"]
    for name in [*same, "make_train_step", "make_parts", "make_training", "LIGHT", "IMPROVED"]:
        assert ours[name] == theirs[name], f"{name} differs from the chapter's"


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


def test_the_curve_of_the_tutorial_has_fifty_epochs():
    rows = read_rows(tutorial_recipe.CURVE)
    assert tuple(rows[0]) == tutorial_recipe.COLUMNS
    steps, scores = ([float(row[name]) for row in rows] for name in ("step", "fcd"))
    assert steps == tutorial_recipe.snapshot_steps(60_000 // 256)
    assert steps[-1] == 50 * (60_000 // 256)
    assert min(scores) > 5 * float(rows[0]["floor"])
    assert {row["judge"] for row in rows} == {judge()}


def test_the_samples_of_the_tutorial_are_those_of_its_best_generators():
    rows = read_rows(tutorial_recipe.CURVE)
    best = []
    for epochs in (5, 50):
        known = [row for row in rows if float(row["epoch"]) <= epochs]
        row = min(known, key=lambda row: float(row["fcd"]))
        best.append(f"tutorial, epoch {float(row['epoch']):g}")
    with np.load(tutorial_recipe.SAMPLES) as samples:
        assert samples.files == best
        for name in best:
            pictures = samples[name]
            assert (pictures.shape, pictures.dtype) == ((12, 28, 28, 1), np.float16)
            assert -1 <= pictures.min() < -0.9 and 0.5 < pictures.max() <= 1


@pytest.mark.parametrize("table", ["LESSON", "FIRST_EDITION", "CHANGES"])
def test_all_runs_of_a_table_are_there_with_three_seeds_and_their_recipes(chapter, recipes, table):
    plans = recipe_changes.lesson_plans(chapter)
    if table == "FIRST_EDITION":
        plans = recipe_changes.earlier_plans(chapter)
    if table == "CHANGES":
        plans = recipe_changes.change_plans(recipes, chapter)
    rows = read_rows(getattr(recipe_changes, table))
    assert tuple(rows[0]) == recipe_changes.COLUMNS
    for name, (recipe, marks) in plans.items():
        for seed in recipe_changes.SEEDS:
            own = [row for row in rows if (row["recipe"], row["seed"]) == (name, str(seed))]
            assert {row["mark"]: int(row["step"]) for row in own} == marks
            assert {row["settings"] for row in own} == {recipe_changes.settings(recipe)}
    assert len(rows) == sum(len(marks) for _, marks in plans.values()) * 3
    assert {row["judge"] for row in rows} == {judge()}


def test_all_our_runs_are_better_than_those_of_the_first_edition():
    ours = [row for row in read_rows(recipe_changes.LESSON) if int(row["step"]) == 12_000]
    theirs = read_rows(recipe_changes.FIRST_EDITION)
    assert max(float(row["fcd"]) for row in ours) < min(float(row["fcd"]) for row in theirs)


def test_the_step_times_are_those_of_the_recipes(recipes):
    rows = {row["recipe"]: row for row in read_rows(recipe_changes.TIMES)}
    wanted = recipe_changes.rows(recipes) | {"earlier": recipe_changes.EARLIER}
    found = {row["settings"] for row in rows.values()}  # of a recipe by two ways: once
    assert found == {recipe_changes.settings(recipe) for recipe in wanted.values()}
    for row in rows.values():
        assert 0 < float(row["low"]) <= float(row["ratio"]) <= float(row["high"])
    assert float(rows["tutorial"]["ratio"]) == 1


def test_the_stored_outputs_say_how_much_sooner():
    """The numbers of the run whose outputs are committed."""
    notebook = nbformat.read(FOLDER / "04_dcgan.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cell = next(cell for cell in cells if "record(" in cell.source)
    printed = cell.outputs[-1].text
    recorded = json.loads(printed[printed.rindex("{") :])
    for epochs, wanted in ((5, 25), (50, 100)):
        name = f"speedup_to_source_{epochs}_epochs"
        assert wanted <= recorded[f"{name}_low"] <= recorded[f"{name}_high"]
    assert recorded["fcd"] < 6 * recorded["fcd_floor"] and recorded["recall"] > 0.5
    assert recorded["classes_found"] == 10
