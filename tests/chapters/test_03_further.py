"""The functions of the notebook beside chapter 03, against values that are known."""

import inspect

import keras
import numpy as np
import pytest

from helpers import datasets, metrics, pretrained
from helpers.course import ROOT
from tests.support.training_checks import (
    check_an_interrupted_training_goes_on,
    check_each_loss_moves_its_own_network,
    equal,
    make_tiny_discriminator,
    make_tiny_generator,
    values,
)
from tools.notebooks.definitions import load_definitions

FOLDER = ROOT / "notebooks"
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (40, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def variety():
    return load_definitions("03", FOLDER / "further" / "03_variety.ipynb")


@pytest.fixture(scope="module")
def small():
    """The notebook's own training, with few images, tiny networks and short ways between saves."""
    notebook = load_definitions("03", FOLDER / "further" / "03_variety.ipynb")
    tiny = dict(
        make_generator=lambda: make_tiny_generator(100),
        make_discriminator=lambda: make_tiny_discriminator(dropout=0.0),
    )
    vars(notebook).update(seen=IMAGES, BATCH=8, EVERY=4, STEPS=6, **tiny)
    return notebook


def covered_in_plain_loops(asked, known, neighbour):
    covered = 0
    for one in asked:
        for place, other in enumerate(known):
            others = np.delete(known, place, axis=0)
            reach = np.sort(np.linalg.norm(others - other, axis=1))[neighbour - 1]
            if np.linalg.norm(one - other) <= reach:
                covered += 1
                break
    return covered / len(asked)


def test_the_training_is_that_of_the_chapter(variety):
    chapter = load_definitions("03")
    names = ["block", "make_generator", "make_discriminator", "make_train_step"]
    for name in [*names, "cross_entropy", "discriminator_loss", "generator_loss", "scaled"]:
        one, other = (inspect.getsource(getattr(module, name)) for module in (variety, chapter))
        assert one == other, f"{name} differs from chapter 03's"
    assert variety.LATENT == chapter.LATENT


def test_both_pairs_of_rates_start_with_the_same_weights_and_noise(small):
    first, second = (small.make_parts(1, *rates) for rates in small.RATES.values())
    other = small.make_parts(2, 1e-3, 1e-3)
    weights = [values(parts["generator"], parts["discriminator"]) for parts in (first, second)]
    assert equal(*weights)
    assert not equal(weights[0], values(other["generator"], other["discriminator"]))
    draws = [parts["noise"].normal((3,)).numpy() for parts in (first, second, other)]
    assert equal(draws[:1], draws[1:2]) and not equal(draws[:1], draws[2:])
    for parts, rates in zip((first, second), small.RATES.values()):
        optimizers = parts["generator_optimizer"], parts["discriminator_optimizer"]
        assert [float(one.learning_rate) for one in optimizers] == pytest.approx(rates)


def test_each_loss_moves_its_own_network(small):
    check_each_loss_moves_its_own_network(
        small.make_train_step, lambda: small.make_parts(1, 1e-3, 1e-3), IMAGES[:8]
    )


def test_an_interrupted_training_goes_on(small, monkeypatch, capsys):
    def run(name):
        parts = small.make_parts(1, 1e-3, 1e-3)
        history = small.train(name, 1, **parts).history
        return [parts["generator"], parts["discriminator"]], history

    check_an_interrupted_training_goes_on(small, monkeypatch, capsys, run, 5, 4)


@pytest.mark.parametrize("neighbour", [1, 3])
def test_covered_share_is_its_definition(variety, neighbour):
    known, asked = RNG.standard_normal((30, 2)), 1.5 * RNG.standard_normal((50, 2))
    found = variety.covered_share(asked, known, neighbour)
    assert found == covered_in_plain_loops(asked, known, neighbour)
    assert 0 < found < 1
    assert variety.covered_share(known, known, neighbour) == 1


def test_covered_share_is_the_precision_and_recall_of_the_helper(variety, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    data = datasets.load("fashion_mnist")
    monkeypatch.setitem(vars(variety), "judge", pretrained.load("classifier_clothes"))
    one, other = (variety.scaled(data.test_images[start : start + 300]) for start in (0, 300))
    other = np.clip(1.2 * other, -1, 1)
    scores = metrics.precision_recall(one, other, data)
    seen, made = variety.features(one), variety.features(other)
    assert scores.precision == pytest.approx(variety.covered_share(made, seen), abs=0.011)
    assert scores.recall == pytest.approx(variety.covered_share(seen, made), abs=0.011)


def test_coverage_asks_for_the_reach_of_real_pictures(variety):
    real, made = RNG.standard_normal((30, 2)), 0.5 * RNG.standard_normal((20, 2))
    reach = [np.sort(np.linalg.norm(real - one, axis=1))[3] for one in real]
    found = [np.linalg.norm(made - one, axis=1).min() <= far for one, far in zip(real, reach)]
    assert variety.coverage(real, made) == pytest.approx(np.mean(found))
    assert 0 < np.mean(found) < 1
    lonely = np.concatenate([made, [[1e6, 0]]])  # lifts the recall to 1, and not the coverage
    assert variety.covered_share(real, lonely) > variety.covered_share(real, made)
    assert variety.coverage(real, lonely) == variety.coverage(real, made)


def test_nearest_finds_the_nearest(variety):
    asked, known = RNG.standard_normal((20, 5)), RNG.standard_normal((40, 5))
    distances, places = variety.nearest(asked, known)
    table = np.linalg.norm(asked[:, np.newaxis] - known, axis=2)
    np.testing.assert_array_equal(places, table.argmin(axis=1))
    np.testing.assert_allclose(distances, table.min(axis=1))


def test_a_distance_of_grey_values_is_a_root_mean_square(variety):
    first, second = RNG.integers(0, 256, (2, 5, 28, 28)).astype(np.uint8)
    views = [variety.grey_values(variety.scaled(images)) for images in (first, second)]
    distances = np.linalg.norm(views[0] - views[1], axis=1)
    squares = (first.astype(float) - second) ** 2
    np.testing.assert_allclose(distances, squares.mean(axis=(1, 2)) ** 0.5, rtol=1e-5)


def test_the_three_answers_tell_copies_from_new_points(variety):
    seen, hidden, new = RNG.standard_normal((3, 2_000, 4))
    usual = variety.nearest(hidden, seen)[0]
    answers = {}
    for name, points in {
        "new": new,
        "copies": seen,
        "blurred": seen + 1e-3 * RNG.standard_normal(seen.shape),
        "common": 0.5 * new,  # all near the middle, where neighbours are close, but not copied
    }.items():
        to_seen, to_hidden = (variety.nearest(points, known)[0] for known in (seen, hidden))
        answers[name] = variety.three_answers(to_seen, to_hidden, usual)
    for answer, wanted, tolerance in zip(answers["new"], [1, 0.01, 0.5], [0.05, 0.01, 0.04]):
        assert answer == pytest.approx(wanted, abs=tolerance)
    np.testing.assert_allclose(answers["copies"], [0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(answers["blurred"], [0, 1, 1], atol=0.02)
    assert answers["common"][0] < 0.8  # the ratio alone would accuse them
    assert answers["common"][2] == pytest.approx(0.5, abs=0.04)


def test_the_cheats_win_the_scores_that_the_text_says(variety, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    data = datasets.load("fashion_mnist")
    boots = variety.scaled(data.train_images[data.train_labels == 9])
    seen, hidden = boots[:600], boots[600:900]
    monkeypatch.setitem(vars(variety), "seen", seen)
    monkeypatch.setitem(vars(variety), "fashion", data)
    monkeypatch.setitem(vars(variety), "boot", 9)
    monkeypatch.setitem(vars(variety), "judge", pretrained.load("classifier_clothes"))
    monkeypatch.setitem(vars(variety), "reference", variety.features(seen[300:]))
    one = variety.scores_of(np.repeat(seen[:1], 300, axis=0))
    copies, real = variety.scores_of(seen[:300]), variety.scores_of(hidden)
    _, _, recall, covered, fcd, _ = one
    assert recall < 0.05 and covered < 0.05 and fcd > 3 * real[4]
    assert copies[2] > real[2] and copies[4] < real[4] and copies[0] > 0.8


def test_a_lonely_picture_covers_much():
    solutions = load_definitions("03", FOLDER / "solutions" / "03_variety.ipynb")
    real, made = np.array([[0.0], [1], [5], [6]]), np.array([[5], [5.5], [6], [-6]])
    assert solutions.covered_share(real, made, 1) == 1
    assert solutions.covered_share(real, made[:3], 1) == 0.5


def test_an_even_way_has_even_steps(monkeypatch):
    solutions = load_definitions("03", FOLDER / "solutions" / "03_variety.ipynb")
    monkeypatch.setitem(vars(solutions), "features", lambda images: images)
    ends = RNG.standard_normal((5, 1, 128))
    lengths = solutions.step_lengths(np.linspace(0, 1, 9).reshape(1, 9, 1) * ends)
    np.testing.assert_allclose(lengths, np.linalg.norm(ends, axis=2) / 8 * np.ones(8))


def test_keras_is_not_asked_for_private_things(variety):
    """The lesson's features come from the public outputs of the shipped judge."""
    judge = pretrained.load("classifier_clothes")
    assert [tuple(output.shape) for output in judge.outputs] == [(None, 128), (None, 10)]
    assert isinstance(judge, keras.Model)
