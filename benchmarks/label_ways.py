"""The ways of chapter 06 to give networks a label, on clothes, with three seeds.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.label_ways runs [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.label_ways looks [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.label_ways price

`runs` takes about 40 minutes on the reference machine, then `looks` about 20. Each goes on where it
stopped, and makes at most `most` rows. Networks, step, averaging and the scores within a class are
the chapter's. A row is made again only when the chapter's code, the recipe or the judge has
changed. Two rows have no training of their
own: `none + sorting` is the twin without labels, whose pictures the judge sorts, and `real` is what
a perfect generator would reach. `joined + half weight` is a control for wrong labels: the fakes
count only half in the discriminator's loss, and nothing stands in their place. The averaged
generators stay in `results/label_ways`. `looks` takes them and asks more: the same scores after
the judge has sorted the pictures of **each** way, so that obedience no longer counts; how many
pictures are hard to name; and a Frechet distance of principal components of the pixels, which has
seen no labels. `price` trains nothing: it computes what the best generator would draw if pictures
with a wrong label are shown, with the judge's probabilities of the real test pictures.
"""

import os
import sys
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import brentq
from scipy.special import softmax
from sklearn.decomposition import PCA

from benchmarks.tables import MEASURED, Run, code_of, complete_clothes, fill_table, judge
from helpers import datasets, metrics
from helpers.course import results_folder, start
from tools.notebooks.definitions import load_definitions

TABLE, LOOKED = MEASURED / "label_ways.csv", MEASURED / "label_looks.csv"
KEY = ("way", "recipe", "seed", "steps", "code", "judge")
FOUND = ("asked", "fcd", "class_fcd", "class_precision", "class_recall")
SORTED = ("sorted_fcd", "sorted_class_fcd", "sorted_class_precision", "sorted_class_recall")
FOUND_BY_LOOKING = (*SORTED, "hard", "strange", "pixel_fcd")
SEEDS = (1, 2, 3)
HALF_WEIGHT = "joined + half weight"
HARD, COMPONENTS, LOOKED_AT = 0.6, 64, 30_000  # probability; of the pixels; pictures
PER_CLASS, SORTED_FROM, SORTING = 1_000, 100_000, " + sorting"
EXCHANGED = "0", "0.05", "0.12", "0.5", "1"  # shares of real pictures with exchanged labels
NOT_TRAINED = [("real", ""), ("real + sorting", ""), ("photocopier", "")]
NOT_TRAINED += [("real + exchanged labels", share) for share in EXCHANGED]
# The recipes. Each one changes the chapter's PLAIN.
WAYS = {x: {"way": x} for x in ("none", "map", "joined", "projection", "class output")} | {
    **{f"{x} + wrong labels": {"way": x, "wrong_labels": True} for x in ("joined", "projection")},
    "projection + conditional": {"norm": "conditional"},
    "projection + both": {"norm": "conditional", "wrong_labels": True},
}
NOT_USED = {"STAGES", "ENTRIES", "EVERY", "SEED", "ASKED", "SCORED"}
NOT_USED |= {"PLAIN", "train_cgan", "table_of", "draw_ten"}
NOT_USED |= {"right_shares", "asked_shares", "classifier_accuracy"}
LOOKS = {"within", "draw"}  # what only looks at a trained generator


def ways_of(chapter: ModuleType) -> list[str]:
    """Return the chapter's ways, in the order of the table: the twin twice, then the others."""
    others = [way for way in WAYS if way != "none"]
    return ["none", f"none{SORTING}", *others, HALF_WEIGHT]


def recipe_of(chapter: ModuleType, way: str) -> dict[str, Any]:
    if way == HALF_WEIGHT:
        return chapter.PLAIN | WAYS["joined"] | {"fakes": "half"}
    return chapter.PLAIN | WAYS[way.removesuffix(SORTING)]


def half_weight(losses: Any) -> Any:
    """Return the chapter's losses, with half the weight on the fakes for the discriminator."""

    def changed(real: Any, fake: Any, labels: Any, wrong: Any = None) -> tuple[Any, Any]:
        loss_g, loss_d = losses(real, fake, labels, wrong)
        on_fakes = keras.losses.BinaryCrossentropy(from_logits=True)
        return loss_g, loss_d - on_fakes(tf.zeros_like(fake["logit"]), fake["logit"]) / 2

    return changed


def train(chapter: ModuleType, run: Run, data: datasets.ImageData) -> keras.Model:
    """Train from the start; return the averaged generator."""
    recipe, seed = recipe_of(chapter, run[0]), int(run[2])
    parts, averaged = chapter.make_parts(recipe, seed), chapter.make_generator(recipe["norm"])
    if "fakes" in recipe:
        chapter.losses = half_weight(losses := chapter.losses)
    train_step = chapter.make_train_step(**parts, wrong_labels=recipe["wrong_labels"])
    average_step = chapter.make_average_step(parts["generator"], averaged)
    pairs = chapter.scaled(data.train_images), chapter.one_hot(data.train_labels)
    ordered = datasets.batches(pairs, chapter.BATCH, seed)
    for step in range(1, chapter.STEPS + 1):
        train_step(*map(tf.constant, next(ordered)))
        average_step(tf.constant(float(step)))
    if "fakes" in recipe:
        chapter.losses = losses
    return averaged


def generator_of(chapter: ModuleType, run: Run, data: datasets.ImageData) -> keras.Model:
    """Return the averaged generator of a run, trained now or before (as `none` for sorting)."""
    _, recipe, seed, steps, *_ = run  # any judge can look at it
    trained = code_of(chapter, NOT_USED | LOOKS)
    name = "_".join([recipe.replace("/", "-"), seed, steps, trained])
    place = results_folder() / "label_ways" / f"{name}.keras"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        train(chapter, run, data).save(place)
    return keras.models.load_model(place)


def sort_by_judge(images: np.ndarray, data: datasets.ImageData) -> tuple[np.ndarray, np.ndarray]:
    """Return the first pictures of each class that the judge reads, and these classes."""
    read, _ = metrics.read_classes(images, data)
    places = np.concatenate([np.flatnonzero(read == n)[:PER_CLASS] for n in range(10)])
    return images[places], read[places]


def exchange(images: np.ndarray, share: float) -> np.ndarray:
    """Return the pictures; a share of them, chosen by chance, have changed places by chance."""
    rng, images = np.random.default_rng(0), images.copy()
    places = rng.permutation(len(images))[: round(share * len(images))]
    images[places] = images[rng.permutation(places)]
    return images


def pictures(
    chapter: ModuleType, run: Run, data: datasets.ImageData
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures of a run, and the class that each one was asked for."""
    way, share = run[:2]
    if way == "photocopier":
        labels = data.train_labels
        first = np.concatenate([np.flatnonzero(labels == n)[:PER_CLASS] for n in range(10)])
        return data.train_images[first], labels[first]
    if way == "real + sorting":
        return sort_by_judge(data.test_images, data)
    if way.startswith("real"):
        order = np.argsort(data.test_labels, kind="stable")
        images, asked = data.test_images[order], data.test_labels[order]
        return exchange(images, float(share or 0)), asked
    generator = generator_of(chapter, run, data)
    if way.endswith(SORTING):
        many = np.tile(np.arange(10), SORTED_FROM // 10)
        return sort_by_judge(chapter.draw(generator, many, seed=0), data)
    asked = np.repeat(np.arange(10), PER_CLASS)
    return chapter.draw(generator, asked, seed=0), asked


def score(chapter: ModuleType, run: Run, data: datasets.ImageData) -> dict[str, float]:
    """Score the pictures of a run."""
    images, asked = pictures(chapter, run, data)
    keras.backend.clear_session()
    fcd = metrics.frechet_classifier_distance(data.train_images, images, data).fcd
    class_fcd, precision, recall = chapter.within(images, asked, data).mean(axis=1)
    return {
        "asked": round(metrics.class_accuracy(images, asked, data), 4),
        "fcd": round(fcd, 2),
        "class_fcd": round(float(class_fcd), 2),
        "class_precision": round(float(precision), 3),
        "class_recall": round(float(recall), 3),
    }


def look(chapter: ModuleType, run: Run, data: datasets.ImageData) -> dict[str, float]:
    """Score the pictures of a run once more: sorted, by their confidence, and by their pixels."""
    if run[0] == "real":
        images = data.test_images / np.float32(127.5) - 1
    else:
        many = np.tile(np.arange(10), LOOKED_AT // 10)
        images = chapter.draw(generator_of(chapter, run, data), many, seed=0).squeeze(-1)
        keras.backend.clear_session()
    chosen, read = sort_by_judge(images, data)
    fcd = metrics.frechet_classifier_distance(data.train_images, chosen, data).fcd
    scores = [fcd, *chapter.within(chosen, read, data).mean(axis=1)]
    images = images[: metrics.LARGEST_SAMPLE]
    _, confidences = metrics.read_classes(images, data)
    usual, strange = confidences[confidences > 0], np.mean(confidences == 0)
    real = data.train_images[:: len(data.train_images) // metrics.LARGEST_SAMPLE] / 127.5 - 1
    pixels = PCA(COMPONENTS, random_state=0).fit(real.reshape(len(real), -1))
    parts = [pixels.transform(x.reshape(len(x), -1)) for x in (real, images)]
    scores += [np.mean(usual < HARD), strange, metrics.frechet_distance(*parts)]
    return dict(zip(FOUND_BY_LOOKING, (round(float(score), 4) for score in scores)))


def best_with_wrong_labels(chances: np.ndarray) -> np.ndarray:
    """Return how often the best generator draws each picture for each class.

    The best discriminator is p / (p + q/2 + r/2), with the data p, the generator q and the pairs
    with a wrong label r. The best generator makes it equal wherever it draws, so there (q + r) / p
    is one number for each class. The number is such that each class is drawn as often as it comes.

    Args:
        chances: p(y|x), (N, K); rows have the sum 1.

    Returns:
        (N, K), with the column sums of `chances`.
    """
    wrong = (1 - chances) / (chances.shape[1] - 1)  # a wrong label is one of the others
    drawn = np.empty_like(chances)
    for column, (p, r) in enumerate(zip(chances.T, wrong.T)):
        excess = lambda level, p=p, r=r: np.maximum(level * p - r, 0).sum() - p.sum()
        level = brentq(excess, 0, 1e3)
        drawn[:, column] = np.maximum(level * p - r, 0)
    return drawn


def print_price(data: datasets.ImageData) -> None:
    """Print the asked share and the share of hard pictures, without wrong labels and with them."""
    images = metrics._checked(data.test_images, "images")
    _, logits = metrics._look(images, data)
    chances = softmax(logits.astype(np.float64), axis=1)
    _, confidences = metrics.read_classes(data.test_images, data)
    chances, usual = chances[confidences > 0], confidences[confidences > 0]
    best = chances.argmax(axis=1)
    for name, drawn in ("real", chances), ("best generator", best_with_wrong_labels(chances)):
        asked = drawn[np.arange(len(best)), best].sum() / drawn.sum()
        hard = drawn.sum(axis=1) @ (usual < HARD) / drawn.sum()
        print(f"{name}: asked {asked:.3f}, hard {hard:.3f}")


def main(what: str = "", most: str = "1000") -> None:
    if what not in ("runs", "looks", "price"):
        raise SystemExit("Say what to do: runs, looks or price.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    chapter, data = load_definitions("06"), complete_clothes()
    if what == "price":
        print_price(data)
        return
    same = str(chapter.STEPS), code_of(chapter, NOT_USED), judge()
    recipes = {
        way: "/".join(map(str, recipe_of(chapter, way).values())) for way in ways_of(chapter)
    }
    wanted = [(way, recipe, str(seed), *same) for seed in SEEDS for way, recipe in recipes.items()]
    if what == "looks":
        wanted = [run for run in wanted if not run[0].endswith(SORTING)]
        wanted.append(("real", "", "", "0", *same[1:]))
        make = lambda run: look(chapter, run, data)
        fill_table(LOOKED, KEY, FOUND_BY_LOOKING, wanted, make, int(most))
        return
    wanted += [(way, share, "", "0", *same[1:]) for way, share in NOT_TRAINED]
    fill_table(TABLE, KEY, FOUND, wanted, lambda run: score(chapter, run, data), int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
