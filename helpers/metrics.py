"""How good are generated pictures? Scores of digits and clothes, seen through a small frozen classifier.

The judges were trained once by `tools/make_classifiers.py` and never change, so that scores can be compared. They know digits and clothes
only: on other pictures the scores mean nothing. A score depends on the number of pictures and on the data set, so it is printed with both.
"""

import functools
import hashlib
import typing

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from . import pretrained

LARGEST_SAMPLE = 10_000
FEWEST = 256  # twice as many as features: with fewer pictures a covariance says little
JUDGES = {"mnist": "classifier_digits", "fashion_mnist": "classifier_clothes"}
NEIGHBOURS = 3  # of the precision and recall paper
USUAL = 5_000  # real pictures that say which features are usual
AT_A_TIME = 500  # pictures that go through the network together


class FrechetScore(typing.NamedTuple):
    """An FCD with what is needed to judge it. The smaller the better; `floor` is what real pictures reach."""

    fcd: float
    floor: float
    samples: int


class Coverage(typing.NamedTuple):
    """Precision: share of generated pictures that look real. Recall: share of real pictures that could have been generated."""

    precision: float
    recall: float
    samples: int


def frechet_classifier_distance(real, fake, data):
    """Compare the features of generated and real pictures as two normal distributions (FCD), and print the result.

    As the FID (Heusel et al. 2017, arXiv:1706.08500), but with the course's own classifier as judge, so its numbers cannot be
    compared with an FID. The real pictures are split into halves. N is 10,000, or half of the real pictures, or the number of fakes, whichever is
    the smallest. The score compares N fakes with N of the first half; the floor compares N of the second half with them.

    Args:
        real: uint8, or float in [-1, 1], (N, 28, 28[, 1]): pictures that the generator should imitate.
        fake: the same form. Of more than N, N are drawn, the same ones each time.
        data: the ImageData of `datasets.load`; its name chooses the judge, its source is printed.

    Returns:
        FrechetScore (fcd, floor, samples).

    Raises:
        ValueError: wrong shape, dtype or range, NaN, or fewer than 256 fakes or 512 real pictures.
    """
    judge = _judge(data)
    real, fake = _checked(real, "real", 2 * FEWEST), _checked(fake, "fake", FEWEST)
    samples = min(LARGEST_SAMPLE, len(real) // 2, len(fake))
    reference, others = _real_moments(judge, real, samples)
    fcd = _distance(reference, _moments(_features(judge, fake[np.random.default_rng(1).permutation(len(fake))[:samples]])))
    floor = _distance(reference, others)
    print(f"FCD {fcd:.1f}, floor {floor:.2f} ({samples:,} generated pictures against {samples:,} real ones; {data.name}, {data.source})")
    return FrechetScore(fcd, floor, samples)


def frechet_distance(first, second):
    """Return the squared Frechet distance of two sets of features, each taken as a normal distribution.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), with means m and covariances C (Dowson and Landau 1982).

    Args:
        first, second: finite float32 or float64 (N, D) of one D, N at least 2 (it may differ); computed in their dtype.

    Returns:
        float, 0 or more.

    Raises:
        ValueError: another shape or dtype, NaN.
    """
    for features in (first, second):
        if np.ndim(features) != 2 or len(features) < 2 or np.shape(features)[1] != np.shape(first)[1]:
            raise ValueError(f"Features have the shapes {np.shape(first)} and {np.shape(second)}, but they must be (N, D), N at least 2, one D.")
        if not np.issubdtype(features.dtype, np.floating) or not np.isfinite(features).all():
            raise ValueError(f"Features must be finite float numbers; seen: {features.dtype}, {np.sum(~np.isfinite(features)):,} not finite.")
    return _distance(_moments(first), _moments(second))


def precision_recall(real, fake, data, samples=2_000):
    """Measure how many fakes look real (precision) and how much of the real pictures' variety is there (recall), and print both.

    A picture is covered by a set if its features are nearer to some picture of the set than this one's third nearest neighbour within the set
    (Kynkaanniemi et al. 2019, arXiv:1904.06991). One kind of picture repeated for ever has a recall near 0.

    Args:
        real, fake, data: as in `frechet_classifier_distance`; at least 256 of each.
        samples: how many of each are compared, if there are so many; drawn evenly from each set.

    Returns:
        Coverage (precision, recall, samples).

    Raises:
        ValueError: as in `frechet_classifier_distance`, or `samples` is no whole number above 3.
    """
    judge = _judge(data)
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples <= NEIGHBOURS:
        raise ValueError(f"samples is {samples!r}, but it must be a whole number above {NEIGHBOURS}.")
    real, fake = _checked(real, "real", FEWEST), _checked(fake, "fake", FEWEST)
    samples = min(samples, len(real), len(fake))
    sets = [_features(judge, images[np.linspace(0, len(images) - 1, samples).astype(int)]) for images in (real, fake)]
    precision, recall = _covered(sets[0], sets[1]), _covered(sets[1], sets[0])
    print(f"precision {precision:.2f}, recall {recall:.2f} ({samples:,} pictures each; {data.name}, {data.source})")
    return Coverage(precision, recall, samples)


def class_accuracy(images, labels, data):
    """Return the share of pictures that the frozen classifier reads as the given class.

    Args:
        images: as in `frechet_classifier_distance`.
        labels: whole numbers 0 to 9, (N,), or one for all.
        data: as in `frechet_classifier_distance`.

    Returns:
        float, 0 to 1.

    Raises:
        ValueError: as above, or labels of another number or range.
    """
    judge, labels, images = _judge(data), np.asarray(labels), _checked(images, "images", 1)
    if labels.shape not in ((), (len(images),)) or not np.issubdtype(labels.dtype, np.integer) or not ((labels >= 0) & (labels <= 9)).all():
        raise ValueError(f"labels must be one whole number from 0 to 9, or one for each of {len(images):,} images; seen: {labels!r}.")
    return float(np.mean(_through(judge, images)[1].argmax(axis=1) == labels))


def read_classes(images, data):
    """Let the frozen classifier read pictures.

    A classifier has an answer to everything: it reads pure noise with a probability near 1. So the features are looked at, too. A picture
    is strange if its features are farther from the middle of the training pictures (Mahalanobis distance) than those of 99 % of the test
    pictures. The confidence of a strange picture is 0.

    Args:
        images, data: as in `frechet_classifier_distance`.

    Returns:
        (classes, confidences): int64 (N,), the most probable class, and float32 (N,), its probability, or 0 for a strange picture.
    """
    judge = _judge(data)
    features, logits = _through(judge, _checked(images, "images", 1))
    confidences = softmax(logits, axis=1).max(axis=1)
    mean, inverse, limit = _usual_features(judge, data)
    return logits.argmax(axis=1), np.where(_mahalanobis(features, mean, inverse) <= limit, confidences, 0)


def class_shares(images, data):
    """Return the shares of the ten classes that the frozen classifier reads, strange pictures left out: float64 (10,).

    It makes mistakes (it takes most shirts for tops or coats), so compare with the shares that it reads in real pictures, not with their labels.

    Args:
        images, data: as in `frechet_classifier_distance`.
    """
    classes, confidences = read_classes(images, data)
    return np.bincount(classes[confidences > 0], minlength=10) / len(classes)


def nearest_images(images, candidates):
    """Find for each picture the candidate with the smallest mean absolute difference of grey values.

    Args:
        images, candidates: as in `frechet_classifier_distance`; both uint8, or both float in [-1, 1].

    Returns:
        (index, distance): int64 (N,) into candidates; float (N,), the mean absolute difference in grey values of 0 to 255.

    Raises:
        ValueError: wrong shape, dtype or range, NaN.
    """
    images, candidates = _checked(images, "images", 1), _checked(candidates, "candidates", 1)
    search = NearestNeighbors(n_neighbors=1, metric="manhattan", algorithm="brute").fit(candidates.reshape(len(candidates), -1))
    distances, places = search.kneighbors(images.reshape(len(images), -1))
    return places[:, 0], distances[:, 0] / 784 * 127.5


def _checked(images, name, fewest):
    """Return pictures as float32 (N, 28, 28, 1) in [-1, 1], or say what is wrong with them."""
    images = np.asarray(images)
    if images.ndim not in (3, 4) or images.shape[1:] not in ((28, 28), (28, 28, 1)):
        raise ValueError(f"{name} has shape {images.shape}, but it must be (N, 28, 28) or (N, 28, 28, 1).")
    if len(images) < fewest:
        raise ValueError(f"{name} has {len(images):,} pictures, but this needs {fewest} or more. Give more pictures.")
    if images.dtype == np.uint8:
        images = images.astype(np.float32) / 127.5 - 1
    elif not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} is {images.dtype}, but it must be uint8 (0 to 255) or float (-1 to 1).")
    elif not np.isfinite(images).all():
        raise ValueError(f"{np.sum(~np.isfinite(images)):,} values of {name} are NaN or infinite. Look at the training's losses.")
    elif images.min() < -1.001 or images.max() > 1.001:
        raise ValueError(f"{name} goes from {images.min():.4g} to {images.max():.4g}, but floats must lie in [-1, 1].")
    elif -0.05 < images.min() < 0.05 and images.max() > 0.5:  # enlarging can leave a little less than 0
        raise ValueError(f"{name} goes from {images.min():.4g} to {images.max():.4g}: is it in [0, 1]? Give 2 * {name} - 1, or uint8.")
    return images.astype(np.float32).reshape(-1, 28, 28, 1)


def _judge(data):
    if getattr(data, "name", None) not in JUDGES:
        raise ValueError(f"data is {data!r}, but it must be what datasets.load('mnist') or datasets.load('fashion_mnist') returned.")
    return _load_judge(JUDGES[data.name])


@functools.cache
def _load_judge(name):
    """Return the classifier as a compiled function, so that it is loaded and traced once a kernel."""
    model = pretrained.load(name)
    import tensorflow as tf

    shape = tf.TensorSpec((None, 28, 28, 1), tf.float32)
    return tf.function(lambda images: model(images, training=False), input_signature=[shape], autograph=False)


def _through(judge, images):
    parts = [judge(images[at : at + AT_A_TIME]) for at in range(0, len(images), AT_A_TIME)]
    return [np.concatenate([part[n] for part in parts]) for n in (0, 1)]


def _features(judge, images):
    return _through(judge, images)[0].astype(np.float64)


def _moments(features):
    return features.mean(axis=0), np.cov(features, rowvar=False, dtype=features.dtype)


_real_cache = {}  # the real pictures are judged once a kernel


def _usual_features(judge, data):
    """Return mean and inverse covariance of the features of training pictures, and the distance within which 99 % of the test pictures lie."""
    halves = [images[:USUAL] for images in (data.train_images, data.test_images)]
    key = (id(judge), *(hashlib.blake2b(images.tobytes()).digest() for images in halves))
    if key not in _real_cache:
        train, test = (_features(judge, _checked(images, "data", 1)) for images in halves)
        mean, covariance = _moments(train)
        inverse = np.linalg.pinv(covariance, hermitian=True)
        _real_cache[key] = mean, inverse, np.quantile(_mahalanobis(test, mean, inverse), 0.99)
    return _real_cache[key]


def _mahalanobis(features, mean, inverse):
    return cdist(features, mean[np.newaxis], "mahalanobis", VI=inverse)[:, 0]


def _real_moments(judge, real, samples):
    """Return the moments of N pictures of each half. The halves are the same each time."""
    key = (id(judge), samples, hashlib.blake2b(real.tobytes()).digest())
    if key not in _real_cache:
        order = np.random.default_rng(0).permutation(len(real))
        halves = order[: len(real) // 2], order[len(real) // 2 :]
        _real_cache[key] = [_moments(_features(judge, real[half[:samples]])) for half in halves]
    return _real_cache[key]


def _distance(first, second):
    (mean_1, covariance_1), (mean_2, covariance_2) = first, second
    values, vectors = np.linalg.eigh(covariance_1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2), which is stable.
    product = np.linalg.eigvalsh(root @ covariance_2 @ root)
    traces = np.trace(covariance_1) + np.trace(covariance_2) - 2 * np.sqrt(np.maximum(product, 0)).sum()
    return float(max(0.0, np.sum((mean_1 - mean_2) ** 2) + traces))


def _covered(known, asked):
    """Return the share of `asked` features that lie within reach of a `known` one."""
    search = NearestNeighbors().fit(known)
    reach = search.kneighbors(n_neighbors=NEIGHBOURS)[0][:, -1]  # without the picture itself
    return float(np.mean((pairwise_distances(asked, known) <= reach).any(axis=1)))
