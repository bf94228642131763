"""How good are generated pictures? Scores, seen through a frozen classifier of digits or clothes.

Pictures are uint8, or float in [-1, 1], (N, 28, 28[, 1]); else a ValueError says what is wrong.
"""

import functools
from collections import namedtuple

import numpy as np
from numpy.typing import ArrayLike as Array
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.neighbors import NearestNeighbors

from . import pretrained
from .datasets import ImageData

JUDGES = {"mnist": "classifier_digits", "fashion_mnist": "classifier_clothes"}
LARGEST_SAMPLE = 10_000
SMALL_SAMPLE = 2_000  # for precision and recall, and to know which features are usual
FEWEST = 256  # twice as many as features: with fewer pictures a covariance says little
FrechetScore = namedtuple("FrechetScore", "fcd floor samples")
Coverage = namedtuple("Coverage", "precision recall samples")
_load_once = functools.cache(pretrained.load)
_draw = lambda pool, count, seed: pool[np.random.default_rng(seed).permutation(len(pool))[:count]]
_look = lambda images, data: _look_at_bytes(JUDGES[data.name], images.tobytes())


def frechet_classifier_distance(real: Array, fake: Array, data: ImageData) -> FrechetScore:
    """Print and return the Frechet distance of N generated and N real pictures, seen by the judge.

    As the FID (Heusel et al. 2017, arXiv:1706.08500), and not to be compared with one. The floor is
    what N other real pictures reach. There must be 512 real pictures and 256 fakes.
    """
    real, fake = _checked(real, "real", 2 * FEWEST), _checked(fake, "fake", FEWEST)
    samples = min(LARGEST_SAMPLE, len(real) // 2, len(fake))
    real, fake = _draw(real, 2 * samples, 0), _draw(fake, samples, 1)
    parts = real[:samples], real[samples:], fake
    reference, others, made = (_look(part, data)[0] for part in parts)
    fcd, floor = frechet_distance(reference, made), frechet_distance(reference, others)
    counts = f"{samples:,} generated pictures against {samples:,} real ones"
    print(f"FCD {fcd:.1f}, floor {floor:.2f} ({counts}; {data.name}, {data.source})")
    return FrechetScore(fcd, floor, samples)


def frechet_distance(first: Array, second: Array) -> float:
    """Return the squared Frechet distance of finite features (N, D), taken as normal distributions.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), means m, covariances C (Dowson and Landau 1982).
    """
    first, second = (np.asarray_chkfinite(features, float) for features in (first, second))
    covariances = [np.cov(features, rowvar=False) for features in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2), which is stable.
    product = np.linalg.eigvalsh(root @ covariances[1] @ root)
    spread = np.trace(sum(covariances)) - 2 * np.sqrt(np.maximum(product, 0)).sum()
    return float(np.maximum(0, np.sum((first.mean(axis=0) - second.mean(axis=0)) ** 2) + spread))


def precision_recall(real: Array, fake: Array, data: ImageData) -> Coverage:
    """Print and return the share of fakes that look real, and of reals that look like some fake.

    A set covers a picture that is nearer to one of its own than that one's third neighbour is
    (Kynkaanniemi et al. 2019, arXiv:1904.06991). At most 2,000 are compared; there must be 256.
    """
    real, fake = _checked(real, "real", FEWEST), _checked(fake, "fake", FEWEST)
    samples = min(SMALL_SAMPLE, len(real), len(fake))
    known, made = _look(_draw(real, samples, 0), data)[0], _look(_draw(fake, samples, 1), data)[0]
    precision, recall = _covered_share(made, known), _covered_share(known, made)
    counts = f"{samples:,} pictures each; {data.name}, {data.source}"
    print(f"precision {precision:.2f}, recall {recall:.2f} ({counts})")
    return Coverage(precision, recall, samples)


def _covered_share(asked: np.ndarray, known: np.ndarray) -> float:
    reach = NearestNeighbors(n_neighbors=3).fit(known).kneighbors()[0][:, -1]
    return float(np.mean((cdist(asked, known) <= reach).any(axis=1)))


def class_accuracy(images: Array, labels: Array, data: ImageData) -> float:
    """Return the share of pictures that the judge reads as their class: labels (N,), or one."""
    logits = _look(_checked(images, "images"), data)[1]
    if np.shape(labels) not in ((), (len(logits),)):
        raise ValueError(f"There are {len(logits):,} images, but labels are {np.shape(labels)}.")
    return float(np.mean(logits.argmax(axis=1) == np.asarray(labels)))


def read_classes(images: Array, data: ImageData) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable class of each picture, int64 (N,), and its probability.

    A classifier is sure of everything, even of noise. So the probability of a strange picture is
    0: its features lie farther from 0 than those of 99 % of the test pictures. (Over the pictures
    that trained the judge, features have mean 0 and covariance 1: a Mahalanobis distance.)
    """
    features, logits = _look(_checked(images, "images"), data)
    usual = _look(_checked(_draw(data.test_images, SMALL_SAMPLE, 0), "data"), data)[0]
    far = np.quantile(np.linalg.norm(usual, axis=1), 0.99)
    sure = softmax(logits, axis=1).max(axis=1)
    return logits.argmax(axis=1), np.where(np.linalg.norm(features, axis=1) > far, 0, sure)


def class_shares(images: Array, data: ImageData) -> np.ndarray:
    """Return the shares (10,) of the classes, without strange pictures; compare with real ones."""
    classes, confidences = read_classes(images, data)
    return np.bincount(classes[confidences > 0], minlength=10) / len(classes)


def _checked(images: Array, name: str, fewest: int = 1) -> np.ndarray:
    """Return pictures as float32 (N, 28, 28, 1) in [-1, 1], or say what is wrong with them."""
    images = np.asarray(images)
    floating = np.issubdtype(images.dtype, np.floating)
    fits = images.shape[1:] in ((28, 28), (28, 28, 1)) and len(images) >= fewest
    if not fits or not (floating or images.dtype == np.uint8):
        wanted = f"uint8 or float, (N, 28, 28) or (N, 28, 28, 1), N at least {fewest}"
        raise ValueError(f"{name} is {images.dtype} {images.shape}, but it must be {wanted}.")
    images = images.reshape(-1, 28, 28, 1).astype(np.float32)
    low, high = images.min(), images.max()
    positive = -0.05 < low < 0.05 and high > 0.5  # enlarging can leave a little less than 0
    if floating and (positive or not -1.001 <= low <= high <= 1.001):
        hint = f"From 0 to 1: give 2 * {name} - 1. NaN: look at the losses."
        raise ValueError(f"{name} goes from {low:.4g} to {high:.4g}, not from -1 to 1. {hint}")
    return images if floating else images / 127.5 - 1


@functools.lru_cache(maxsize=8)  # so that the real pictures are looked at once a kernel
def _look_at_bytes(judge: str, content: bytes) -> list[np.ndarray]:
    images = np.frombuffer(content, np.float32).reshape(-1, 28, 28, 1)
    batches = np.array_split(images, 1 + len(images) // 500)
    parts = [_load_once(judge).predict_on_batch(batch) for batch in batches]
    return [np.concatenate(part) for part in zip(*parts)]
