"""The functions of the notebooks beside chapter 04, against values that are known."""

import tomllib
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks import recipe_changes
from benchmarks.tables import definitions
from helpers.course import DATA, ROOT
from tests.support import training_checks
from tests.support.training_checks import NETWORKS, values
from tools.notebooks.definitions import load_definitions

FOLDER = ROOT / "notebooks"
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
BESIDE = ["further/04_recipes", "further/04_inside", "solutions/04_recipes"]


def load(beside):
    return load_definitions("04", FOLDER / f"{beside}.ipynb")


@pytest.fixture(scope="module")
def recipes():
    return load("further/04_recipes")


@pytest.fixture(scope="module")
def inside():
    return load("further/04_inside")


def tiny(lesson):
    """The improved recipe with tiny networks."""
    return lesson.IMPROVED | dict(
        make_generator=lambda: training_checks.make_tiny_generator(lesson.LATENT),
        make_discriminator=lambda: training_checks.make_tiny_discriminator(dropout=0.0),
        batch_size=4,
    )


LOSSES = ["cross_entropy", "discriminator_loss", "generator_loss", "accuracies", "steepness"]
TRAINING = ["make_train_step", "make_parts", "kept_share", "make_training", "noise_of", "generate"]
LIGHT = ["make_light_generator", "make_light_discriminator", "LIGHT", "IMPROVED"]
TUTORIAL = ["upwards", "downwards", "make_generator", "make_discriminator", "TUTORIAL"]


@pytest.mark.parametrize("beside", BESIDE)
def test_the_training_is_that_of_the_chapter(beside):
    ours, theirs = definitions(load_definitions("04")), definitions(load(beside))
    names = [*LOSSES, *TRAINING, *LIGHT, *(TUTORIAL if beside == "further/04_recipes" else ())]
    for name in names:
        assert ours[name] == theirs[name], f"{name} differs from chapter 04's"


def test_the_changes_lead_from_the_tutorial_to_the_improved_recipe(recipes):
    table = recipe_changes.rows(recipes)
    first, *_ = table.values()
    assert first == recipes.TUTORIAL
    assert table["improved"] == recipes.IMPROVED
    for name, change in recipes.CHANGES.items():
        recipe = table[f"without {name}"]
        differs = {key for key in recipe if recipe[key] != recipes.IMPROVED[key]}
        assert differs == set(change)
        assert all(recipe[key] == recipes.TUTORIAL[key] for key in change)


def test_the_recipe_of_the_paper(recipes):
    """Radford, Metz and Chintala 2015, section 4."""
    numbers = {key: value for key, value in recipes.PAPER.items() if not key.startswith("make")}
    wanted = {"rate": 2e-4, "beta_1": 0.5, "batch_size": 128, "penalty": 0.0, "average": 0.0}
    assert numbers == wanted
    keras.utils.set_random_seed(0)
    networks = [recipes.PAPER[f"make_{name}"]() for name in NETWORKS]
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
                assert layer.kernel_size == (5, 5) and layer.strides == (2, 2)
                assert np.std(layer.kernel) == pytest.approx(0.02, rel=0.1)
    kinds = [[type(layer).__name__ for layer in network.layers] for network in networks]
    assert "ReLU" in kinds[0] and "LeakyReLU" not in kinds[0] and "Dropout" not in kinds[1]
    leaky = [layer for layer in networks[1].layers if isinstance(layer, keras.layers.LeakyReLU)]
    assert leaky and all(float(layer.negative_slope) == pytest.approx(0.2) for layer in leaky)
    assert kinds[0].count("BatchNormalization") == 2
    assert kinds[1].count("BatchNormalization") == 1  # not in its first layer
    assert networks[0].layers[-1].activation.__name__ == "tanh"
    assert [network.output_shape for network in networks] == [(None, 28, 28, 1), (None, 1)]


def test_the_line_of_normal_pixels_is_that_of_the_chapter(recipes):
    ranges = tomllib.loads((DATA / "expected.toml").read_text())["04_dcgan"]["lesson"]["official"]
    low, high = ranges["fcd_normal"]
    assert low < recipes.NORMAL_PIXELS["fcd"] < high


def test_two_numbers_follow_their_losses_and_rest_only_with_the_penalty(recipes):
    """Mescheder and others 2018: the gradients are those of the losses, and the goal is zero."""
    (theta, psi), (next_theta, next_psi) = recipes.two_numbers(0.3, steps=1, rate=0.05)
    softplus = lambda x: np.log1p(np.exp(x))
    generator_loss = lambda theta: softplus(-psi * theta)
    discriminator_loss = lambda psi: softplus(psi * theta) + 0.3 / 2 * psi**2  # real: log 2
    for loss, old, new in (
        (generator_loss, theta, next_theta),
        (discriminator_loss, psi, next_psi),
    ):
        slope = (loss(old + 1e-5) - loss(old - 1e-5)) / 2e-5
        assert new == pytest.approx(old - 0.05 * slope, abs=1e-7)
    far = {gamma: np.linalg.norm(recipes.two_numbers(gamma), axis=1) for gamma in (0, 0.3)}
    assert far[0][-1] > 0.5 and far[0.3][-1] < 0.02


@pytest.mark.parametrize("memory", [0, 0.5, 0.9])
def test_the_circle_of_two_numbers_grows_with_their_memory(recipes, memory):
    two, three = recipes.two_numbers(0, memory, steps=2)[1:]
    free = recipes.two_numbers(0, steps=1, rate=0.05 * (1 - memory))
    np.testing.assert_allclose(two, free[1])
    newest = recipes.two_numbers(0, steps=1)  # the slopes at the start
    wanted = (1 - memory) * (memory * (newest[1] - newest[0]) + slopes_at(recipes, two))
    np.testing.assert_allclose(three - two, wanted)
    far = np.linalg.norm(recipes.two_numbers(0, memory, steps=20_000)[-1])
    assert far == pytest.approx(np.sqrt(2 * 0.05 * (1 + memory) / (1 - memory)), rel=0.03)


def slopes_at(recipes, point):  # times minus the rate
    theta, psi = point
    slopes = -recipes.sigmoid(-psi * theta) * psi, recipes.sigmoid(psi * theta) * theta
    return -0.05 * np.array(slopes)


@pytest.mark.parametrize("lesson", ["recipes", "inside"])
def test_each_loss_moves_its_own_network(lesson, request):
    lesson = request.getfixturevalue(lesson)
    training_checks.check_each_loss_moves_its_own_network(
        lesson.make_train_step, lambda: lesson.make_parts(tiny(lesson), 0), IMAGES[:8]
    )


@pytest.mark.parametrize("beside", BESIDE)
def test_a_training_that_is_interrupted_goes_on(beside, monkeypatch, capsys):
    lesson = load(beside)
    vars(lesson).update(clothes=IMAGES, EVERY=2)
    pictures = (IMAGES,) if beside == "further/04_inside" else ()

    def run(name):
        parts, run = lesson.train_dcgan(name, tiny(lesson), 5, 0, *pictures)
        return parts["averaged"], run.history

    training_checks.check_an_interrupted_training_goes_on(
        lesson, monkeypatch, capsys, run, at=3, saved=2
    )


def test_logits_are_those_of_whole_batches_as_in_training(inside):
    centre = lambda pictures, training: pictures[:, 14, 14, :] * (1 if training else -1)
    logits = inside.logits_of(centre, IMAGES.repeat(6, axis=0)[:130])
    np.testing.assert_array_equal(logits, IMAGES.repeat(6, axis=0)[:128, 14, 14])


def test_a_pattern_of_two_pixels_is_measured_in_plain_windows(inside):
    row, column = np.indices((28, 28, 1))[:2]
    pictures = np.full((50, 28, 28, 1), -1.0)
    pictures[:, 4:20, 4:20] = RNG.uniform(-0.5, 0.5, (50, 1, 1, 1))
    strength, _, count = inside.pattern_of(pictures)
    assert strength == pytest.approx(0, abs=1e-4) and count == 50 * 9**2
    grain = pictures + RNG.normal(0, 1 / 127.5, pictures.shape) * (pictures > -1)
    assert inside.pattern_of(grain)[1] == pytest.approx(0.8, abs=0.1)
    for place, wave in enumerate((row, column, row + column)):
        stamped = grain + 2 / 127.5 * (-1.0) ** wave * (pictures > -1)
        strength, ratio, _ = inside.pattern_of(stamped)
        assert strength[place] == pytest.approx(2, abs=0.1) and ratio[place] > 1.7
        assert np.delete(strength, place).max() < 0.4 and np.delete(ratio, place).max() < 1


def test_a_few_rough_pictures_do_not_decide_the_pattern(inside):
    row, column = np.indices((28, 28, 1))[:2]
    pictures = np.zeros((20, 28, 28, 1))
    pictures[0] += 50 / 127.5 * (-1.0) ** (row + column)
    assert inside.pattern_of(pictures)[0] == pytest.approx(0)


def test_windows_with_an_edge_are_left_out(inside):
    pictures = np.full((1, 28, 28, 1), 0.0)
    pictures[:, :, 14:] = 0.5
    assert inside.pattern_of(pictures)[2] == 21 * (7 + 7)


def test_windows_with_a_strong_chessboard_are_not_left_out(inside):
    row, column = np.indices((28, 28, 1))[:2]
    pictures = np.tile(20 / 127.5 * (-1.0) ** (row + column), (2, 1, 1, 1))
    strength, _, count = inside.pattern_of(pictures)
    assert strength[2] == pytest.approx(20) and count == 2 * 21**2


def test_the_sums_of_the_weights_that_meet_are_compared(inside):
    assert inside.unequal(np.ones((4, 4, 2, 3))) == 0
    row, column = np.indices((4, 4))
    places = np.where((row % 2 == 1) & (column % 2 == 0), 1.0, 0.0)  # the sums 0, 0, 4 and 0
    kernel = np.broadcast_to(places[..., np.newaxis, np.newaxis], (4, 4, 2, 3))
    assert inside.unequal(kernel) == pytest.approx(np.std([0, 0, 4, 0]) / 2)
    far = inside.unequal(RNG.normal(size=(4, 4, 96, 48)))
    assert far == pytest.approx(np.sqrt(3 / 4), abs=0.02)  # independent sums


def test_what_is_left_stands_at_a_right_angle(inside):
    vector, unit = RNG.normal(size=(2, 100))
    unit = unit / np.linalg.norm(unit)
    left = inside.without_part(vector, unit)
    assert left @ unit == pytest.approx(0)
    np.testing.assert_allclose(inside.without_part(vector + 3 * unit, unit), left)


def test_features_are_the_numbers_after_a_layer():
    inside = load("further/04_inside")
    vars(inside).update(clothes=np.repeat(IMAGES, 3, 0), tests=IMAGES[:5], SCORED=7, LOOKS=1)
    network = inside.make_light_discriminator()
    before = values(network)
    for layer, size in ((-4, 1024), (-2, 512)):
        known, asked = inside.features_of(network, layer)
        assert (known.shape, asked.shape) == ((7, size), (5, size))
        for last in network.layers[layer + 1 :]:
            known = last(known)
        wanted = network(np.repeat(IMAGES, 3, 0)[:7])
        np.testing.assert_allclose(known, wanted, rtol=1e-4, atol=1e-5)
    trained = [np.asarray(weight) for weight in network.trainable_variables]
    assert all(any(np.array_equal(one, other) for other in before) for one in trained)


def test_brightness_leaves_out_dark_pixels(inside):
    pictures = np.full((2, 28, 28, 1), -1, np.float32)
    pictures[0, :14] = 200 / 127.5 - 1
    pictures[1, :7] = 200 / 127.5 - 1  # a smaller thing of the same grey
    assert inside.brightness(pictures) == pytest.approx([200, 200])
    assert inside.brightness(-np.ones((1, 28, 28, 1))) == 0


def test_a_change_is_that_of_the_brightness_of_all_pictures(monkeypatch):
    inside = load("further/04_inside")
    before = np.full((4, 28, 28, 1), -1, np.float32)
    before[:, :7] = 0
    after = before.copy()
    after[:, :7] += np.float32([0.2, 0.4, 0.6, 0.8]).reshape(4, 1, 1, 1)
    after[:, 20:] = 1  # outside the clothes: does not count
    vars(inside).update(fashion=SimpleNamespace(class_names=("Dress", "Ankle boot")))
    read = np.array([0, 0, 1, 0]), np.array([0.95, 0.5, 0.95, 0.95])  # right, unsure, a boot, right
    monkeypatch.setattr(inside.metrics, "read_classes", lambda images, data: read)
    kept, same, change, area, boots = inside.compare("Dress", before, after)
    assert (kept, same, boots, area) == (2 / 4, 3 / 4, 1 / 4, 8 / 7)  # 7 rows, now 15
    assert change == pytest.approx(0.5 * 127.5, rel=1e-5)


def test_new_pixels_keep_black_and_white(inside):
    grey = {"Bag": np.float32([-1, 0, 0.5, 1])}
    np.testing.assert_allclose(inside.new_pixels(grey, 2, -1)["Bag"], [-1, -0.5, 0.125, 1])
    np.testing.assert_allclose(inside.new_pixels(grey, 2, 1)["Bag"], [-1, 0.5, 0.875, 1])


def test_shuffled_weights_stay_in_their_kernel(inside):
    vars(inside).update(rng=np.random.default_rng(0))
    kernel = RNG.normal(size=(4, 4, 2, 3))
    shuffled = inside.shuffled(kernel)
    assert not np.array_equal(shuffled, kernel)
    flat = [np.sort(some.reshape(16, -1), axis=0) for some in (shuffled, kernel)]
    np.testing.assert_array_equal(*flat)


def test_a_direction_goes_from_dark_boots_to_bright_ones(inside):
    level, boots = np.arange(8.0), RNG.normal(size=(8, 5))
    wanted = boots[6:].mean(axis=0) - boots[:2].mean(axis=0)
    np.testing.assert_allclose(inside.direction(boots, level), wanted)
    assert np.linalg.norm(inside.unit(wanted)) == pytest.approx(1)
