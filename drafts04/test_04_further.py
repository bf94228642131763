"""The functions of the notebook beside chapter 04, against values that are known."""

import keras
import numpy as np
import pytest

from benchmarks import recipe_changes
from benchmarks.tables import definitions, judge, read_rows
from helpers.course import ROOT
from tests.support import training_checks
from tests.support.training_checks import NETWORKS, values
from tools.notebooks.definitions import load_definitions

FOLDER = ROOT / "notebooks"
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("04", FOLDER / "further" / "04_recipes.ipynb")


@pytest.fixture(scope="module")
def tiny(lesson):
    """The improved recipe with tiny networks."""
    return lesson.IMPROVED | dict(
        make_generator=lambda: training_checks.make_tiny_generator(lesson.LATENT),
        make_discriminator=training_checks.make_tiny_discriminator,
        batch_size=4,
    )


NETWORK_MAKERS = ["make_generator", "make_discriminator", "make_fast_generator"]
NETWORK_MAKERS += ["make_fast_discriminator", "upwards", "downwards"]
LOSSES = ["cross_entropy", "discriminator_loss", "generator_loss", "accuracies"]
STEPS = ["steepness", "make_train_step", "make_parts", "kept_share", "make_training"]
SAME = [*NETWORK_MAKERS, *LOSSES, *STEPS, "scaled", "noise_of", "generate"]


@pytest.mark.parametrize(
    "beside", ["further/04_recipes", "solutions/04_dcgan", "solutions/04_recipes"]
)
def test_the_training_is_that_of_the_chapter(beside):
    chapter = definitions(load_definitions("04"))
    other = definitions(load_definitions("04", FOLDER / f"{beside}.ipynb"))
    if beside == "solutions/04_dcgan":
        del other["kept_share"]  # without warm-up, at the end
    shared = [name for name in SAME if name in other]
    assert len(shared) >= (len(SAME) if "further" in beside else 11)
    for name in [*shared, "IMPROVED", "FAST"]:
        assert chapter[name] == other[name], f"{name} differs from chapter 04's"


def test_the_changes_lead_from_the_tutorial_to_the_improved_recipe(lesson):
    first, *_ = recipe_changes.rows(lesson).values()
    assert first == lesson.TUTORIAL
    table = recipe_changes.rows(lesson)
    assert table["improved"] == lesson.IMPROVED
    for name, change in lesson.CHANGES.items():
        recipe = table[f"without {name}"]
        differs = {key for key in recipe if recipe[key] != lesson.IMPROVED[key]}
        assert differs == set(change)
        assert all(recipe[key] == lesson.TUTORIAL[key] for key in change)


def test_the_recipe_of_the_paper(lesson):
    """Radford, Metz and Chintala 2016, section 4."""
    numbers = {key: value for key, value in lesson.PAPER.items() if not key.startswith("make")}
    wanted = {"rate": 2e-4, "beta_1": 0.5, "batch_size": 128, "penalty": 0.0, "average": 0.0}
    assert numbers == wanted
    keras.utils.set_random_seed(0)
    networks = [lesson.PAPER[f"make_{name}"]() for name in NETWORKS]
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
                assert layer.kernel_size == (5, 5) and layer.strides == (2, 2)
                assert np.std(layer.kernel) == pytest.approx(0.02, rel=0.1)
    kinds = [[type(layer).__name__ for layer in network.layers] for network in networks]
    assert "ReLU" in kinds[0] and "LeakyReLU" not in kinds[0] and "Dropout" not in kinds[1]
    leaky = [layer for layer in networks[1].layers if isinstance(layer, keras.layers.LeakyReLU)]
    slopes = [layer.negative_slope for layer in leaky]
    assert slopes and all(float(slope) == pytest.approx(0.2) for slope in slopes)
    assert kinds[0].count("BatchNormalization") == 2
    assert kinds[1].count("BatchNormalization") == 1  # not in its first layer
    assert networks[0].layers[-1].activation.__name__ == "tanh"
    weights = [values(network) for network in networks]
    sizes = [network.output_shape for network in networks]
    assert sizes == [(None, 28, 28, 1), (None, 1)] and all(weights)


def test_all_runs_of_the_changes_are_there(lesson):
    plans = recipe_changes.change_plans(lesson)
    rows = read_rows(recipe_changes.CHANGES)
    assert tuple(rows[0]) == recipe_changes.COLUMNS
    for name, (recipe, marks) in plans.items():
        for seed in recipe_changes.SEEDS:
            own = [row for row in rows if (row["recipe"], row["seed"]) == (name, str(seed))]
            assert {row["mark"]: int(row["step"]) for row in own} == marks
            assert {row["settings"] for row in own} == {recipe_changes.settings(recipe)}
    assert len(rows) == sum(len(marks) for _, marks in plans.values()) * 3
    assert {row["judge"] for row in rows} == {judge()}


def test_each_loss_moves_its_own_network(lesson, tiny):
    training_checks.check_each_loss_moves_its_own_network(
        lesson.make_train_step,
        lambda: lesson.make_parts(tiny | dict(make_discriminator=no_dropout), 0),
        IMAGES[:8],
    )


def no_dropout():
    return training_checks.make_tiny_discriminator(dropout=0.0)


def test_a_training_that_is_interrupted_goes_on(lesson, tiny, monkeypatch, capsys):
    vars(lesson).update(real=IMAGES, EVERY=2)

    def run(name):
        parts, run = lesson.train_dcgan(name, tiny, 5)
        return parts["averaged"], run.history

    training_checks.check_an_interrupted_training_goes_on(
        lesson, monkeypatch, capsys, run, at=3, saved=2
    )


def test_the_share_that_is_called_real(lesson):
    bright = lambda pictures, training: pictures[:, 14, 14, :] * (1 if training else -1)
    pictures = np.full((130, 28, 28, 1), -1, np.float32)
    pictures[:32] = 1
    assert lesson.share_called_real(bright, pictures) == 32 / 128  # two whole batches


def test_features_are_the_numbers_before_the_last_layer(lesson):
    vars(lesson).update(real=IMAGES, tests=IMAGES[:5], SCORED=7)
    network = lesson.make_fast_discriminator()
    known, asked = lesson.features_of(network)
    assert (known.shape, asked.shape) == ((7, 512), (5, 512))
    last = network.layers[-1]
    np.testing.assert_allclose(last(known), network(IMAGES[:7]), rtol=1e-4, atol=1e-5)
