"""The functions of further/05_failures, against runs whose failure is known."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import failures
from benchmarks.tables import code_of, judge, read_rows
from helpers import datasets
from helpers.course import ROOT
from tests.support import training_checks
from tools.notebooks.definitions import load_definitions

NOTEBOOK = ROOT / "notebooks/further/05_failures.ipynb"
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (40, 28, 28, 1)).astype(np.float32)
HEALTHY = dict(
    discriminator_loss=0.5,
    generator_loss=1.5,
    real_accuracy=0.75,
    fake_accuracy=0.8,
    gradient=4.0,
    moved=0.5,
    running=1.5,
)


@pytest.fixture(scope="module")
def lesson():
    lesson = load_definitions("05", NOTEBOOK)
    lesson.fashion = datasets.load("fashion_mnist")
    return lesson


@pytest.fixture(scope="module")
def small():
    lesson = load_definitions("05", NOTEBOOK)
    vars(lesson).update(clothes=IMAGES, BATCH=8, STEPS=3, EVERY=2, LOOKED_AT=8)
    make = lambda recipe: training_checks.make_tiny_generator(lesson.LATENT)
    lesson.make_generator = make
    return lesson


def history_of(**ill):
    return {name: [value] * 100 for name, value in (HEALTHY | ill).items()}


def real(lesson, count=300):
    return lesson.scaled(lesson.fashion.train_images[:count])


@pytest.mark.parametrize(
    "failure, ill",
    [
        ("healthy", {}),
        ("not a number", dict(generator_loss=float("nan"))),
        ("stale step", dict(moved=0.0)),
        ("hardly trains", dict(moved=0.005)),
        ("forgotten training", dict(running=0.0)),
        ("noise for labels", dict(discriminator_loss=-0.2)),
        ("discriminator wins", dict(real_accuracy=1.0, fake_accuracy=1.0)),
    ],
)
def test_the_doctor_reads_a_history(lesson, failure, ill):
    """The samples are real pictures: they have nothing to complain of."""
    diagnosis, evidence, remedy = lesson.doctor(history_of(**ill), real(lesson))
    assert diagnosis == failure
    assert (diagnosis == "healthy") == (not evidence) == (not remedy)


def test_the_doctor_reads_samples(lesson):
    images = real(lesson)
    few = np.repeat(images[:3], 100, axis=0)
    for failure, samples in {
        "wrong range": (images + 1) / 2,
        "saturated output": np.where(images > 0, 1.0, -1.0).astype(np.float32),
        "mode collapse": few,
        "unknown": RNG.uniform(-1, 1, images.shape).astype(np.float32),
        "not a number": images * np.float32("nan"),
    }.items():
        assert lesson.doctor(history_of(), samples)[0] == failure


def test_only_one_thing_differs_from_the_healthy_recipe(lesson):
    for name, change in lesson.FAILURES.items():
        assert len(change) == 1 and change.keys() <= lesson.HEALTHY.keys(), name
        assert lesson.HEALTHY | change != lesson.HEALTHY, name
    assert {*lesson.RULES} == {*lesson.FAILURES, "not a number", "unknown"}


def test_a_stale_step_trains_the_old_generator(small):
    history, _ = small.run_of("stale", small.HEALTHY | dict(stale=True))
    assert history["moved"] == [0.0] * 3
    history, _ = small.run_of("fresh", small.HEALTHY)
    assert min(history["moved"]) > 0


def test_the_targets(lesson):
    noise = tf.random.Generator.from_seed(0)
    for_real, for_fakes = lesson.noise_for_labels(noise)
    assert np.min(for_real) >= 0.85 and np.max(for_real) <= 1
    assert np.min(for_fakes) >= 1 and np.max(for_fakes) <= 1.15
    assert for_real.shape == for_fakes.shape == (lesson.BATCH, 1)


@pytest.mark.parametrize("name", ["saturating", "non_saturating"])
def test_losses_of_the_generator_by_hand(lesson, name):
    logits = np.float32([[-2.0], [3.0]])
    probability = 1 / (1 + np.exp(-logits))
    wanted = {"saturating": np.log(1 - probability), "non_saturating": -np.log(probability)}
    assert float(getattr(lesson, name)(logits)) == pytest.approx(wanted[name].mean(), abs=1e-5)


def test_each_loss_moves_its_own_network(small):
    def make_train_step(**parts):
        return small.make_train_step(**parts, recipe=small.HEALTHY)

    parts = lambda: small.make_parts(small.HEALTHY, 0)
    training_checks.check_each_loss_moves_its_own_network(make_train_step, parts, IMAGES[:8])


def test_a_training_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    def run(name):
        generator, history = small.train_gan(name, small.HEALTHY, 5, 0)
        return [generator], history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_the_catalogue_shows_each_failure_and_its_cure_in_three_seeds(lesson):
    rows = read_rows(failures.TABLES["catalogue"])
    assert len(failures.SEEDS) >= 3 and {row["judge"] for row in rows} == {judge()}
    assert {row["code"] for row in rows} == {code_of(lesson, failures.NOT_USED)}
    assert [row["failure"] for row in rows] == [
        name for name in ("healthy", *lesson.FAILURES) for _ in failures.SEEDS
    ]
    assert all(row["diagnosis"] == row["failure"] for row in rows)
    cured = [float(row["fcd"]) for row in rows if row["failure"] == "healthy"]
    others = [float(row["fcd"]) for row in rows if row["failure"] != "healthy"]
    assert max(cured) < 38 < min(others)  # the normal pixels of chapter 04


def test_an_unknown_generator_is_refused(lesson):
    lesson.FAILURES["odd"] = dict(generator="convolution")
    with pytest.raises(ValueError, match="'convolution', not 'dense' or 'convolutions'"):
        lesson.show_failure("odd")
    del lesson.FAILURES["odd"]


def test_the_doctor_was_asked_about_thirty_runs_that_it_had_not_seen(lesson):
    rows = read_rows(failures.TABLES["doctor"])
    assert len(rows) == len(failures.plan(lesson, "doctor")) >= 30
    assert not {row["seed"] for row in rows} & {
        str(seed) for seed in (*failures.SEEDS, lesson.SEED)
    }
    assert {row["code"] for row in rows} == {code_of(lesson, failures.NOT_USED)}
    assert sum(row["failure"] == "healthy" for row in rows) == 9
    assert np.mean([row["diagnosis"] == row["failure"] for row in rows]) >= 0.9


def test_a_failure_without_a_rule_is_never_called_healthy(lesson):
    rows = read_rows(failures.TABLES["strange"])
    assert [(row["failure"], row["seed"]) for row in rows] == [
        (name, str(seed)) for name in failures.STRANGE for seed in failures.STRANGE_SEEDS
    ]
    assert {row["code"] for row in rows} == {code_of(lesson, failures.NOT_USED)}
    assert not {row["diagnosis"] for row in rows} & {"healthy"}
    assert sum(row["diagnosis"] == "unknown" for row in rows) == 6


@pytest.mark.parametrize("letter", failures.MYSTERIES)
def test_a_mystery_run_is_the_one_that_the_table_tells_of(lesson, letter):
    failure, seed = failures.MYSTERIES[letter]
    history, samples = lesson.patient(letter)
    diagnosis, evidence, _ = lesson.doctor(history, samples)
    rows = read_rows(failures.TABLES["doctor"])
    (row,) = [row for row in rows if (row["failure"], row["seed"]) == (failure, seed)]
    assert diagnosis == row["diagnosis"]
    if "recall" not in evidence:  # the stored pixels are rounded, and real pictures may be others
        assert evidence == row["evidence"]


def test_a_stale_training_that_is_interrupted_trains_on_the_old_generator(small, monkeypatch):
    """The checkpoint holds both generators: the one that trains, and the one that draws."""
    stale = small.HEALTHY | {"stale": True}
    _, history = small.train_gan("stale_whole", stale, 5, 0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        training_checks.interrupt_at(small, patch, 3)
        small.train_gan("stale_cut", stale, 5, 0)
    _, resumed = small.train_gan("stale_cut", stale, 5, 0)
    np.testing.assert_allclose(resumed["generator_loss"], history["generator_loss"], atol=1e-5)
    assert resumed["moved"] == [0.0] * 5
