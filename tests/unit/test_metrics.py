"""The scores: formulas against other ways to compute them, and what a score must notice.

The judge looks at as few pictures as the statistics allow: 256 of each kind. Then the floor is
high, because a covariance of so few is uncertain, and only strong effects are seen.
"""

import dataclasses
import re

import numpy as np
import pytest
from scipy import linalg, ndimage

from helpers import datasets, metrics

RNG = np.random.default_rng(0)


def load_embedded(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "embedded")
        return datasets.load(name)


@pytest.fixture(scope="module")
def digits():
    return load_embedded("mnist")


@pytest.fixture(scope="module")
def clothes():
    return load_embedded("fashion_mnist")


@pytest.fixture(scope="module")
def real(clothes):
    """Pictures to compare with: uint8 (512, 28, 28)."""
    return clothes.train_images[:512]


@pytest.fixture(scope="module")
def others(clothes):
    """Other real pictures, which play the generator's part: float (256, 28, 28) in [-1, 1]."""
    return clothes.train_images[512:768] / 127.5 - 1


@pytest.fixture(scope="module")
def many(clothes):
    """More of these, with their labels."""
    return clothes.train_images[512:2_048], clothes.train_labels[512:2_048]


# ---------------------------------------------------------------- the distance itself

FIRST = RNG.normal(size=(4_000, 16))
SECOND = RNG.normal(1, 2, size=(4_000, 16)) @ RNG.normal(size=(16, 16))


def test_the_distance_of_known_distributions():
    """Variances 1 and 4 on each axis, means 3 apart: 16 (1 + 4 - 2 * 2) + 16 * 9."""
    assert metrics.frechet_distance(FIRST, FIRST) == pytest.approx(0, abs=1e-9)
    middle = FIRST.mean(axis=0)
    wider = 2 * (FIRST - middle) + middle + 3
    expected = np.trace(np.cov(FIRST.T)) + 16 * 9
    assert metrics.frechet_distance(FIRST, wider) == pytest.approx(expected)


def test_the_distance_is_that_of_the_formula_with_a_matrix_root():
    covariances = [np.cov(features.T) for features in (FIRST, SECOND)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((FIRST.mean(axis=0) - SECOND.mean(axis=0)) ** 2)
    expected += np.trace(covariances[0] + covariances[1] - 2 * root)
    assert metrics.frechet_distance(FIRST, SECOND) == pytest.approx(expected, rel=1e-9)
    assert metrics.frechet_distance(SECOND, FIRST) == pytest.approx(expected, rel=1e-9)


def test_features_that_are_not_finite_or_do_not_match_have_no_distance():
    with pytest.raises(ValueError, match="infs or NaNs"):
        metrics.frechet_distance(FIRST, np.where(FIRST > 3, np.nan, FIRST))
    with pytest.raises(ValueError, match="16.*15|15.*16"):
        metrics.frechet_distance(FIRST, SECOND[:, :15])


# ---------------------------------------------------------------- FCD


def test_real_pictures_reach_the_floor_and_it_is_said(clothes, real, others, capsys):
    score = metrics.frechet_classifier_distance(real, others, clothes)
    assert score.samples == 256
    assert score.fcd == pytest.approx(score.floor, rel=0.2)
    said = capsys.readouterr().out
    assert f"FCD {score.fcd:.1f}, floor {score.floor:.2f}" in said
    assert "256 generated" in said
    assert "256 real" in said
    assert "fashion_mnist, embedded" in said
    looks = metrics._look_at_bytes.cache_info().misses
    assert metrics.frechet_classifier_distance(real, others, clothes) == score
    assert metrics._look_at_bytes.cache_info().misses == looks  # known pictures cost nothing


def test_uint8_and_float_pictures_have_the_same_score(clothes, real, others):
    as_bytes = np.round((others + 1) * 127.5).astype(np.uint8)
    score = metrics.frechet_classifier_distance(real, others[..., None], clothes)
    same = metrics.frechet_classifier_distance(real / 127.5 - 1, as_bytes, clothes)
    assert same.fcd == pytest.approx(score.fcd, rel=1e-3)


DISTURBED = {
    "noise": lambda images, strength: images + strength * RNG.normal(size=images.shape),
    "blur": lambda images, strength: ndimage.gaussian_filter(
        images, (0, 3 * strength, 3 * strength)
    ),
}


@pytest.mark.parametrize("disturb", DISTURBED.values(), ids=DISTURBED)
def test_the_score_grows_with_noise_and_blur(clothes, real, others, disturb):
    fakes = [np.clip(disturb(others, strength), -1, 1) for strength in (0, 0.3, 0.8)]
    scores = [metrics.frechet_classifier_distance(real, fake, clothes).fcd for fake in fakes]
    assert scores[1] > 1.2 * scores[0]
    assert scores[2] > 1.2 * scores[1]


def test_left_out_classes_raise_the_score_and_lower_the_recall(clothes, real, many):
    images, labels = many
    fakes = [images[labels < classes][:256] for classes in (10, 6, 3)]
    scores = [metrics.frechet_classifier_distance(real, fake, clothes).fcd for fake in fakes]
    recalls = [metrics.precision_recall(real, fake, clothes).recall for fake in fakes]
    assert scores[1] > 1.1 * scores[0]
    assert scores[2] > 1.1 * scores[1]
    assert recalls[0] - 0.05 > recalls[1] > recalls[2] + 0.05


def test_fakes_in_the_order_of_their_classes_are_drawn_from_all_of_them(clothes, real, many):
    """A score of the first N alone would see two classes."""
    images, labels = many
    in_order = images[np.argsort(labels, kind="stable")]
    score = metrics.frechet_classifier_distance(real, in_order, clothes)
    assert score.samples == 256
    assert score.fcd == pytest.approx(score.floor, rel=0.2)


def test_real_pictures_given_as_fakes_are_not_compared_with_themselves(clothes, real):
    score = metrics.frechet_classifier_distance(real, real, clothes)
    assert score.fcd > 0.3 * score.floor


def test_cheats_are_scored_and_scored_badly(clothes, real, others):
    """A dead generator, one picture again and again, noise: no error, and no good score."""
    cheats = {
        "black": np.full((256, 28, 28), -1.0),
        "white": np.ones((256, 28, 28)),
        "one picture": np.repeat(others[:1], 256, axis=0),
        "noise": RNG.uniform(-1, 1, (256, 28, 28)),
    }
    for title, fake in cheats.items():
        score = metrics.frechet_classifier_distance(real, fake, clothes)
        assert score.fcd > 2 * score.floor, title


# ---------------------------------------------------------------- precision and recall


def test_precision_and_recall_by_hand():
    """Real: 0, 1, 2, 3 on a line, each within reach of its third neighbour: 3, 2, 2 and 3 away."""
    known = np.array([[0.0], [1], [2], [3]])
    asked = np.array([[-3.1], [-2.9], [5.9], [6.1]])
    assert metrics._covered_share(asked, known) == 0.5


def test_precision_and_recall_notice_copies_and_noise(clothes, real, others, capsys):
    good = metrics.precision_recall(real, others, clothes)
    assert f"precision {good.precision:.2f}, recall {good.recall:.2f}" in capsys.readouterr().out
    assert good.samples == 256
    assert min(good.precision, good.recall) > 0.5
    alike = np.clip(others[:1] + 0.001 * RNG.random((256, 28, 28)), -1, 1)
    assert metrics.precision_recall(real, alike, clothes).recall < 0.02
    noise = RNG.uniform(-1, 1, (256, 28, 28))
    assert metrics.precision_recall(real, noise, clothes).precision < 0.02


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize("name, least", [("digits", 0.95), ("clothes", 0.85)])
def test_classes_are_read_and_strange_pictures_are_not(name, least, request, monkeypatch):
    """A classifier is sure about everything: what it sees must also look like real pictures."""
    monkeypatch.setattr(metrics, "SMALL_SAMPLE", 400)
    data = request.getfixturevalue(name)
    images, labels = data.test_images[:300], data.test_labels[:300]
    assert metrics.class_accuracy(images, labels, data) > least
    assert metrics.class_accuracy(images, (labels + 1) % 10, data) < 0.1
    assert metrics.class_accuracy(images[labels == 9], 9, data) > 0.85

    classes, confidences = metrics.read_classes(images, data)
    assert np.mean(classes == labels) > least
    assert confidences.max() <= 1
    assert not np.any((confidences > 0) & (confidences < 0.1))  # the most probable of ten
    assert np.mean(confidences > 0) > 0.96
    shares = metrics.class_shares(images, data)
    assert shares.sum() == pytest.approx(np.mean(confidences > 0))
    assert shares == pytest.approx(np.bincount(labels, minlength=10) / 300, abs=0.06)

    strange = {
        "noise": RNG.uniform(-1, 1, (50, 28, 28)),
        "black": np.full((50, 28, 28), -1.0),
        "grey": RNG.normal(0, 0.02, (50, 28, 28)),
    }
    for title, pictures in strange.items():
        _, confidences = metrics.read_classes(pictures, data)
        assert np.mean(confidences > 0) <= 0.02, title
        assert metrics.class_shares(pictures, data).sum() <= 0.02, title


def test_labels_must_be_one_for_each_picture_or_one_for_all(clothes):
    with pytest.raises(ValueError, match=r"3 images, but labels are \(2,\)"):
        metrics.class_accuracy(GOOD[:3], [1, 2], clothes)
    with pytest.raises(ValueError, match=r"3 images, but labels are \(3, 10\)"):
        metrics.class_accuracy(GOOD[:3], np.eye(10)[:3], clothes)


# ---------------------------------------------------------------- bad input

GOOD = np.linspace(-1, 1, 600 * 784, dtype=np.float32).reshape(600, 28, 28)
BAD = {
    "fake is float32 (255, 28, 28), but it must be": GOOD[:255],
    "fake is int64 (600, 28, 28), but it must be uint8 or float": GOOD.astype(np.int64),
    "fake is float32 (600, 27, 28), but it must be": GOOD[:, :27],
    "fake is float32 (600, 28, 28, 3), but it must be": GOOD[..., None].repeat(3, axis=-1),
    "fake is float32 (28, 28), but it must be": GOOD[0],
    "fake goes from nan to nan, not from -1 to 1": np.where(GOOD > 0.999, np.nan, GOOD),
    "fake goes from -2 to 2, not from -1 to 1": 2 * GOOD,
    "From 0 to 1: give 2 * fake - 1": (GOOD + 1) / 2,
}


@pytest.mark.parametrize("says, fake", BAD.items(), ids=BAD)
def test_bad_pictures_are_refused(clothes, real, says, fake):
    for measure in (metrics.frechet_classifier_distance, metrics.precision_recall):
        with pytest.raises(ValueError, match=re.escape(says)):
            measure(real, fake, clothes)


def test_too_few_real_pictures_are_refused(clothes):
    with pytest.raises(ValueError, match=r"real is .*\(511, 28, 28\).*N at least 512"):
        metrics.frechet_classifier_distance(GOOD[:511], GOOD, clothes)


def test_only_digits_and_clothes_have_a_judge(clothes):
    with pytest.raises(KeyError, match="faces"):
        metrics.class_accuracy(GOOD, 1, dataclasses.replace(clothes, name="faces"))
