import dataclasses
import re

import numpy as np
import pytest
from scipy import linalg, ndimage

from helpers import datasets, metrics

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def clothes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "embedded")
        yield datasets.load("fashion_mnist")


@pytest.fixture(scope="module")
def halves(clothes):
    """Two thousand pictures to be judged, and as many others that play the generator's part: [-1, 1]."""
    images = clothes.train_images.astype(np.float32) / 127.5 - 1
    return images[:2_000], images[2_000:4_000]


# ---------------------------------------------------------------- the distance itself

FIRST, SECOND = RNG.normal(size=(4_000, 16)), RNG.normal(1, 2, size=(4_000, 16)) @ RNG.normal(size=(16, 16))


def test_the_distance_of_identical_features_is_zero():
    assert metrics.frechet_distance(FIRST, FIRST) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_known_distributions():
    """Variances 1 and 4 on each axis, means 3 apart: 16 (1 + 4 - 2 * 2) + 16 * 9."""
    distance = metrics.frechet_distance(FIRST, 2 * (FIRST - FIRST.mean(axis=0)) + FIRST.mean(axis=0) + 3)
    assert distance == pytest.approx(np.trace(np.cov(FIRST.T)) + 16 * 9)


def test_the_distance_is_that_of_the_formula_with_a_matrix_root():
    means, covariances = zip(*((features.mean(axis=0), np.cov(features.T)) for features in (FIRST, SECOND)))
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert metrics.frechet_distance(FIRST, SECOND) == pytest.approx(expected, rel=1e-9)
    assert metrics.frechet_distance(SECOND, FIRST) == pytest.approx(expected, rel=1e-9)


def test_float32_and_float64_agree_within_one_percent(clothes, halves):
    judge = metrics._judge(clothes)
    features = [metrics._features(judge, images[..., None]) for images in (halves[0], ndimage.gaussian_filter(halves[1], (0, 0.7, 0.7)))]
    exact = metrics.frechet_distance(*features)
    single = metrics.frechet_distance(*(part.astype(np.float32) for part in features))
    assert exact > 2 and single == pytest.approx(exact, rel=0.01) and single != exact


# ---------------------------------------------------------------- FCD

def fcd(clothes, halves, fake):
    return metrics.frechet_classifier_distance(halves[0], fake, clothes).fcd


def test_real_pictures_reach_the_floor(clothes, halves):
    score = metrics.frechet_classifier_distance(halves[0], halves[1], clothes)
    assert score.samples == 1_000 and score.fcd == pytest.approx(score.floor, rel=0.2)


@pytest.mark.parametrize("disturb", [
    lambda images, strength: np.clip(images + strength * RNG.normal(size=images.shape), -1, 1),
    lambda images, strength: ndimage.gaussian_filter(images, (0, 3 * strength, 3 * strength)),
], ids=["noise", "blur"])  # fmt: skip
def test_it_grows_with_noise_and_blur(clothes, halves, disturb):
    scores = [fcd(clothes, halves, disturb(halves[1], strength)) for strength in (0, 0.15, 0.3, 0.6)]
    assert all(after > 1.2 * before for before, after in zip(scores, scores[1:])), scores


def test_it_grows_and_recall_falls_with_each_class_that_is_left_out(clothes, halves):
    labels = clothes.train_labels[2_000:4_000]
    scores, recalls = [], []
    for classes in (10, 8, 5, 3):
        fake = np.resize(halves[1][labels < classes], halves[1].shape)
        scores.append(fcd(clothes, halves, fake))
        recalls.append(metrics.precision_recall(halves[0], fake, clothes).recall)
    assert all(after > 1.2 * before for before, after in zip(scores, scores[1:])), scores
    assert all(after < before - 0.05 for before, after in zip(recalls, recalls[1:])), recalls


def test_uint8_and_float_pictures_have_the_same_score(clothes):
    images = clothes.train_images[:1_024]
    floats = (images.astype(np.float64) - 127.5) / 127.5
    as_bytes = metrics.frechet_classifier_distance(images[:512], images[512:], clothes)
    assert metrics.frechet_classifier_distance(floats[:512, ..., None], floats[512:], clothes).fcd == pytest.approx(as_bytes.fcd, rel=1e-3)


def test_it_says_number_source_and_floor(clothes, halves, capsys):
    score = metrics.frechet_classifier_distance(halves[0], halves[1][:300], clothes)
    said = capsys.readouterr().out
    assert score.samples == 300 and f"FCD {score.fcd:.1f}, floor {score.floor:.2f}" in said
    assert "300 generated" in said and "300 real" in said and "fashion_mnist, embedded" in said


def test_the_score_is_the_same_each_time(clothes, halves):
    assert fcd(clothes, halves, halves[1]) == fcd(clothes, halves, halves[1])


# ---------------------------------------------------------------- the other measures

def test_copies_of_one_picture_have_no_recall(clothes, halves):
    alike = halves[1][:1] + 0.001 * RNG.random((500, 28, 28))
    coverage = metrics.precision_recall(halves[0], np.clip(alike, -1, 1), clothes)
    assert coverage.recall < 0.02 and coverage.samples == 500
    good = metrics.precision_recall(halves[0], halves[1], clothes)
    assert good.recall > 0.6 and good.precision > 0.6
    noise = metrics.precision_recall(halves[0], RNG.uniform(-1, 1, (500, 28, 28)), clothes)
    assert noise.precision < 0.02


def test_classes_are_read(clothes):
    images, labels = clothes.test_images[:500], clothes.test_labels[:500]
    assert metrics.class_accuracy(images, labels, clothes) > 0.9
    assert metrics.class_accuracy(images[labels == 9], 9, clothes) > 0.9
    assert metrics.class_accuracy(images, (labels + 1) % 10, clothes) < 0.1
    classes, confidences = metrics.read_classes(images, clothes)
    assert classes.shape == confidences.shape == (500,) and confidences.max() <= 1
    assert 0.9 < np.mean(confidences >= 0.1) and not np.any((confidences > 0) & (confidences < 0.1))  # the others are strange


def test_noise_is_not_read(clothes, monkeypatch):
    """A classifier is sure about everything. What it sees must also look like real pictures."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    for data in (clothes, datasets.load("mnist")):
        strange = {"noise": RNG.uniform(-1, 1, (100, 28, 28)), "black": np.full((100, 28, 28), -1.0), "grey": RNG.normal(0, 0.02, (100, 28, 28))}
        for name, images in strange.items():
            assert np.mean(metrics.read_classes(images, data)[1] >= 0.9) < 0.02, name
            assert metrics.class_shares(images, data).sum() < 0.02, name
        assert np.mean(metrics.read_classes(data.test_images, data)[1] >= 0.9) > 0.85
        assert metrics.class_shares(data.test_images, data) == pytest.approx(np.full(10, 0.1), abs=0.03)


def test_all_fakes_have_a_share_in_the_score(clothes):
    """Pictures in the order of their classes must not be cut off at the first N."""
    images, order = clothes.train_images[5_000:], np.argsort(clothes.train_labels[5_000:], kind="stable")
    sorted_ = metrics.frechet_classifier_distance(clothes.train_images[:4_000], images[order], clothes)
    shuffled = metrics.frechet_classifier_distance(clothes.train_images[:4_000], images, clothes)
    assert sorted_.samples == 2_000 and sorted_.fcd == pytest.approx(shuffled.fcd, rel=0.2)


@pytest.mark.parametrize("samples", [0, 3, 1.5, True])
def test_precision_needs_enough_samples(clothes, samples):
    with pytest.raises(ValueError, match="must be a whole number above 3"):
        metrics.precision_recall(GOOD, GOOD, clothes, samples=samples)


@pytest.mark.parametrize("value", [-1, 0.5, 1])
def test_a_dead_generator_is_scored_all_the_same(clothes, value):
    score = metrics.frechet_classifier_distance(clothes.train_images[:600], np.full((300, 28, 28), float(value)), clothes)
    assert score.fcd > 50


def test_the_classifier_of_digits_reads_digits(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    digits = datasets.load("mnist")
    assert metrics.class_accuracy(digits.test_images, digits.test_labels, digits) > 0.9


def test_nearest_images_by_hand(clothes):
    images = clothes.train_images[:50]
    changed = images[[7, 3]].copy()
    changed[0, 0, :2] = 255 - changed[0, 0, :2]  # two pixels of a corner, which is black
    places, distances = metrics.nearest_images(changed, images)
    assert list(places) == [7, 3]
    assert distances == pytest.approx([2 * 255 / 784, 0], abs=1e-4)


# ---------------------------------------------------------------- bad input

GOOD = np.linspace(-1, 1, 600 * 784, dtype=np.float32).reshape(600, 28, 28)


@pytest.mark.parametrize("fake, says", [
    (GOOD[:255], "has 255 pictures, but this needs 256"),
    (np.where(GOOD == GOOD[0, 0, 0], np.nan, GOOD), "1 values of fake are NaN"),
    (2 * GOOD, "floats must lie in [-1, 1]"),
    ((GOOD + 1) / 2, "is it in [0, 1]"),
    (GOOD.astype(np.int64), "is int64"),
    (GOOD[:, :27], "has shape (600, 27, 28)"),
    (GOOD[..., None].repeat(3, axis=-1), "has shape (600, 28, 28, 3)"),
    (GOOD[0], "has shape (28, 28)"),
])  # fmt: skip
def test_bad_pictures_are_refused(clothes, fake, says):
    real = clothes.train_images[:600]
    for measure in (metrics.frechet_classifier_distance, metrics.precision_recall):
        with pytest.raises(ValueError, match=re.escape(says)):
            measure(real, fake, clothes)


def test_too_few_real_pictures_and_strange_data(clothes):
    with pytest.raises(ValueError, match="real has 511 pictures, but this needs 512"):
        metrics.frechet_classifier_distance(GOOD[:511], GOOD, clothes)
    for data in ("mnist", None, dataclasses.replace(clothes, name="faces")):
        with pytest.raises(ValueError, match="data is .* but it must be what datasets.load"):
            metrics.frechet_classifier_distance(GOOD, GOOD, data)


@pytest.mark.parametrize("labels", [10, -1, [1, 2], 1.0, "shoe"])
def test_labels_that_are_none(clothes, labels):
    with pytest.raises(ValueError, match="labels must be one whole number from 0 to 9"):
        metrics.class_accuracy(GOOD[:3], labels, clothes)
