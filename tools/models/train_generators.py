"""Train the generators that come with the course, with the chapters' own code, and score them.

    make pretrained                                  those that are not on the card yet
    make pretrained NAME=03_gan_boots                this one, on the card or not
    python -m tools.models.train_generators score    score all again, as after a change of judges

All on the complete official sets, see data/README.md. A training that is stopped goes on when the
command is given again; its checkpoints are in `results/full/`.
"""

import dataclasses
import os
import shutil
import sys
from functools import partial
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.color import rgb2hsv

from helpers import datasets, metrics, pairs, pretrained
from helpers.course import run_folder, start
from tools.models.publish_model import publish_model, update_card
from tools.notebooks.definitions import load_definitions

NOISE_SEED = 1  # of the pictures that are scored
LEAST_CHROMA, FEWEST = 40, 20  # largest minus smallest channel, grey values; coloured pixels
HUES, VERSIONS, MOST_VERSIONS = 12, 24, (8, 16)  # of a drawing: on average, and the limits
BENT, SMOOTH = 1.0, 6.0  # of a line: by how many pixels (standard deviation), and how slowly
LEAST_STEP = 50  # of a channel between two pixels: there a flat picture gets a line
Trained = tuple[Any, dict[str, list[float]]]  # a generator of built-in layers, and its history


def gan(chapter: Any, run: str, data: datasets.ImageData, steps: int, heavy: bool) -> Trained:
    pair = chapter.make_generator(), chapter.make_discriminator()
    pair = chapter.make_heavy_pair() if heavy else pair
    trained = chapter.train_gan(run, chapter.scaled(data.train_images), steps, pair)
    return pair[0], trained.history


def dcgan(chapter: Any, run: str, data: datasets.ImageData, steps: int) -> Trained:
    chapter.clothes = chapter.scaled(data.train_images)  # a variable of the notebook
    parts, trained = chapter.train_dcgan(run, chapter.IMPROVED, steps, chapter.SEED)
    return parts["averaged"], trained.history


def cgan(chapter: Any, run: str, data: datasets.ImageData, steps: int) -> Trained:
    labelled = chapter.scaled(data.train_images), chapter.one_hot(data.train_labels)
    recipe = chapter.PLAIN | {"norm": "conditional"}
    return chapter.train_cgan(run, recipe, labelled, steps)


def pix2pix(chapter: Any, run: str, data: pairs.PairData, steps: int) -> Trained:
    parts, history = chapter.train(run, like_sketches(data), gan=True, steps=steps, mirror=True)
    return parts["generator"], history


def like_sketches(data: pairs.PairData) -> pairs.PairData:
    """Return training pairs of two sets, turned, sheared, scaled and bent, rare hues more often.

    A sketch on the pad is not drawn like an emoji: it leans, has another size, and its lines are
    not straight. So each pair has many versions, none of which is the pair itself. And a second
    style is added: the flat Fluent pictures and their outlines (its test has the same symbols as
    that of OpenMoji). A fifth of the set has hardly any colour, and is left out: with it, a
    generator paints what it does not know grey. Most of the rest is yellow or red, so rarer hues
    are repeated more often (as rare colours weigh more in Zhang and others, "Colorful image
    colorization", 2016).
    """
    both = np.concatenate([data.train_inputs, data.train_targets], axis=-1)
    both = np.concatenate([both, outlined(pairs.load_pairs("fluent").train_inputs)])
    middle = np.array([middle_colour(pair) for pair in both])
    both, middle = (x[np.ptp(middle, axis=1) >= LEAST_CHROMA] for x in (both, middle))
    hues = np.int32(rgb2hsv(middle / 255)[:, 0] * HUES)  # red to orange is the first
    shares = np.bincount(hues, minlength=HUES) / len(hues)
    versions = np.int32(np.clip(VERSIONS / (HUES * shares[hues]), *MOST_VERSIONS))
    repeated = np.repeat(both, versions, axis=0)
    rng = np.random.default_rng(NOISE_SEED)
    matrices = affine_matrices(rng, len(repeated))
    turned = np.stack([warped(rng, pair, matrix) for pair, matrix in zip(repeated, matrices)])
    return dataclasses.replace(data, train_inputs=turned[..., :1], train_targets=turned[..., 1:])


def outlined(flat: np.ndarray) -> np.ndarray:
    """Return pairs, uint8 (N, H, W, 4): black lines where a colour changes, and lines on colours.

    A line is two pixels wide. `flat` is uint8 (N, H, W, 3).
    """
    steps = np.zeros(flat.shape[:3], int)
    for axis in (1, 2):
        jumps = np.abs(np.diff(flat.astype(int), axis=axis)).max(axis=-1)
        for edges in ((1, 0), (0, 1)):
            pads = [edges if place == axis else (0, 0) for place in range(3)]
            steps = np.maximum(steps, np.pad(jumps, pads))
    lines = np.where(steps > LEAST_STEP, 0, 255).astype(np.uint8)[..., np.newaxis]
    return np.concatenate([lines, np.minimum(lines, flat)], axis=-1)


def middle_colour(pair: np.ndarray) -> np.ndarray:
    """Return the median of what is coloured in a drawing, (3,); grey if nothing is."""
    lines, colours = pair[..., 0], pair[..., 1:]
    coloured = colours[(lines > 200) & (np.ptp(colours, axis=-1) > LEAST_CHROMA)]
    return np.median(coloured, axis=0) if len(coloured) > FEWEST else np.zeros(3)


def affine_matrices(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return (count, 2, 2): rotations of up to 0.2 radians, shears up to 0.1, sizes 0.7 to 1.1."""
    angles, shears = rng.uniform(-0.2, 0.2, count), rng.uniform(-0.1, 0.1, count)
    cosines, sines, ones = np.cos(angles), np.sin(angles), np.ones(count)
    turns = np.moveaxis(np.array([[cosines, -sines], [sines, cosines]]), -1, 0)
    leans = np.moveaxis(np.array([[ones, shears], [0 * ones, ones]]), -1, 0)
    return turns @ leans / rng.uniform(0.7, 1.1, (count, 1, 1))


def warped(rng: np.random.Generator, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn a picture, uint8 (H, W, C), about its middle and bend it a little; outside is white."""
    size = image.shape[:2]
    middle = (np.reshape(size, (2, 1, 1)) - 1) / 2
    bends = gaussian_filter(rng.standard_normal((2, *size)), (0, SMOOTH, SMOOTH))
    places = np.tensordot(matrix, np.indices(size) - middle, 1) + middle
    places += bends * (BENT / bends.std())
    turn = partial(map_coordinates, coordinates=places, order=1, cval=255)
    return np.stack([turn(side) for side in np.moveaxis(image, -1, 0)], axis=-1)


DIGITS, CLOTHES, BOOTS, DRAWINGS = "mnist", "fashion_mnist", "ankle boots", "openmoji"
LIGHT, HEAVY = (partial(gan, heavy=choice) for choice in (False, True))
CONDITIONAL = "conditional GAN, averaged generator of"
BOTH = "(OpenMoji, Fluent's outlines)"
PLANS = {  # name: how it is trained, from what, steps, what it is
    "04_dcgan_clothes": (dcgan, CLOTHES, 25_000, "improved recipe, averaged generator of clothes"),
    "03_gan_boots": (LIGHT, BOOTS, 5_000, "light generator of ankle boots"),
    "03_gan_digits": (HEAVY, DIGITS, 2_000, "generator of digits, the heavy pair"),
    "06_cgan_digits": (cgan, DIGITS, 8_000, f"{CONDITIONAL} digits"),
    "07_pix2pix_openmoji": (pix2pix, DRAWINGS, 12_000, f"Pix2Pix, from lines to colours {BOTH}"),
    "06_cgan_clothes": (cgan, CLOTHES, 15_000, f"{CONDITIONAL} clothes"),
}


def load_pictures(name: str) -> datasets.ImageData | pairs.PairData:
    """Load what a plan is trained from: drawings, or a complete official set or a part of it."""
    if name == DRAWINGS:
        return pairs.load_pairs(name)
    data = datasets.load(CLOTHES if name == BOOTS else name)
    if len(data.train_images) != 60_000:
        raise SystemExit("This wants the complete official sets. See data/README.md")
    chosen = data.train_labels == 9 if name == BOOTS else slice(None)
    parts = {"train_images": data.train_images[chosen], "train_labels": data.train_labels[chosen]}
    return dataclasses.replace(data, **parts)


def measure(chapter: Any, generator: Any, data: Any) -> dict[str, float]:
    """Return what the card says about a generator's pictures."""
    if isinstance(data, pairs.PairData):
        lines, targets = data.test_inputs, data.test_targets
        made = chapter.translate(generator, lines)
        inside = targets.min(axis=-1) < 250
        patterns = (chapter.pattern_strengths(images, inside) for images in (made, targets))
        distance = np.abs(made.astype(float) - targets).mean()
        return {
            "texture_distance": chapter.texture_distance(*patterns),
            "l1_grey_values": distance,
        }
    count, asked = metrics.LARGEST_SAMPLE, {}
    if len(generator.inputs) == 2:  # noise and label
        asked = {"asked_class": np.mean(chapter.asked_shares(generator, data))}
        fakes = chapter.draw(generator, np.resize(np.arange(chapter.CLASSES), count), NOISE_SEED)
    else:
        fakes = chapter.generate(generator, count, NOISE_SEED)
    score = metrics.frechet_classifier_distance(data.train_images, fakes, data)
    recall = metrics.precision_recall(data.train_images, fakes, data).recall
    return score._asdict() | {"recall": recall} | asked


def make(name: str) -> None:
    """Train a generator, score it in the form in which it is published, and publish it."""
    train, pictures, steps, about = PLANS[name]
    number, title, part = name.split("_", 2)
    chapter, data, run = load_definitions(number), load_pictures(pictures), f"pretrained-{part}"
    generator, history = train(chapter, run, data, steps)
    small = pretrained.in_dtype(pretrained.in_dtype(generator, "float16"), "float32")
    measured = {"steps": len(history["step"])} | measure(chapter, small, data)
    about, command = f"chapter {number}'s {about}", f"make pretrained NAME={name}"
    publish_model(name, generator, about, command, **measured)
    shutil.rmtree(run_folder(f"{number}_{title}/{run}"))  # the next time it is trained again


def score(name: str) -> None:
    """Score a published generator with the present judges. Its file stays as it is."""
    steps = {"steps": pretrained.card()[name]["measured"]["steps"]}
    chapter, data = load_definitions(name[:2]), load_pictures(PLANS[name][1])
    update_card(name, steps | measure(chapter, pretrained.load(name), data))


def main(wanted: str = "") -> None:
    if wanted not in ("", "score", *PLANS):
        raise SystemExit(f"There is no model {wanted!r}. Choose one of: {', '.join(PLANS)}.")
    os.environ["COURSE_BUDGET"] = "full"
    published = pretrained.card()
    work, names = make, [wanted] if wanted else [name for name in PLANS if name not in published]
    if wanted == "score":  # no judge knows drawings
        work = score
        names = [name for name in PLANS if name in published and PLANS[name][1] != DRAWINGS]
    for name in names:
        start()  # anew: a run's folder is named after the first set that is loaded
        work(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
