"""The functions of chapter 06, taken out of the notebook, against values that are known."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import label_ways
from benchmarks.tables import code_of, definitions, read_rows
from helpers import datasets, metrics, pretrained
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tools.notebooks.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
LABELS = np.arange(24) % 10
DISCRIMINATORS = ("none", "map", "joined", "projection", "class output")
TRAINED = ("projection", "class output", "projection + wrong labels", "projection + conditional")


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("06")


@pytest.fixture(scope="module")
def small():
    """The chapter's own training with small batches and a checkpoint every 2 steps."""
    chapter = load_definitions("06")
    vars(chapter).update(EVERY=2, BATCH=4)
    return chapter


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def outputs(chapter, way, images, label):
    keras.utils.set_random_seed(0)
    discriminator = chapter.make_discriminator(way)
    return discriminator([images, chapter.one_hot([label] * len(images))])


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("wrong", [[10], [-1], [2.5], 7, [[1, 2]], [None], [float("nan")]])
def test_a_wrong_label_is_a_clear_error(chapter, wrong):
    with pytest.raises(ValueError, match="not a list of whole numbers from 0 to 9"):
        chapter.one_hot(wrong)


def test_one_hot(chapter):
    assert chapter.one_hot([0, 9]).tolist() == [[1, *[0] * 9], [*[0] * 9, 1]]
    assert chapter.one_hot(np.uint8([3])).dtype == np.float32


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("norm", ["plain", "conditional"])
def test_a_label_changes_what_a_generator_draws(chapter, norm):
    generator = chapter.make_generator(norm)
    z = np.random.default_rng(0).standard_normal((4, 100), dtype=np.float32)
    one, other = (np.asarray(generator([z, chapter.one_hot([y] * 4)])) for y in (2, 5))
    assert one.shape == (4, 28, 28, 1) and np.abs(one - other).max() > 1e-5


def test_conditional_normalisation_by_hand(chapter):
    """Each class has a row of scales and a row of shifts, which start at 1 and 0."""
    x, label = keras.Input((2, 2, 3)), keras.Input((10,))
    model = keras.Model([x, label], chapter.conditional_norm(x, label))
    values = np.random.default_rng(0).normal(5, 2, (6, 2, 2, 3)).astype(np.float32)
    labels = chapter.one_hot([0, 1, 1, 0, 4, 4])
    plain = np.asarray(model([values, labels], training=True))
    normed = (values - values.mean(axis=(0, 1, 2))) / np.sqrt(values.var(axis=(0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(plain, normed, atol=1e-4)
    scale, shift = layers_of(model, keras.layers.Dense)
    scales, shifts = np.random.default_rng(1).normal(size=(2, 10, 3)).astype(np.float32)
    scale.set_weights([scales])
    shift.set_weights([shifts])
    found = np.asarray(model([values, labels], training=True))
    rows = labels.argmax(axis=1)
    by_hand = normed * scales[rows][:, None, None] + shifts[rows][:, None, None]
    np.testing.assert_allclose(found, by_hand, atol=1e-3)


@pytest.mark.parametrize("way", DISCRIMINATORS)
def test_which_discriminators_see_the_label(chapter, way):
    one, other = (outputs(chapter, way, IMAGES[:4], label) for label in (2, 5))
    seen = not np.allclose(one["logit"], other["logit"], atol=1e-6)
    assert seen == (way in ("map", "joined", "projection"))
    assert ("classes" in one) == (way == "class output")
    if way == "class output":
        assert one["classes"].shape == (4, 10)


def test_the_projection_by_hand(chapter):
    """With features f and a direction v of each class y, the logit is w.f + b + v_y.f."""
    model = chapter.make_discriminator("projection")
    directions, last = (
        next(dense for dense in layers_of(model, keras.layers.Dense) if dense.kernel.shape == shape)
        for shape in ((10, 512), (512, 1))
    )
    inputs = [IMAGES[:2], chapter.one_hot([4, 7])]
    f = np.asarray(keras.Model(model.inputs, last.input)(inputs))
    wanted = np.sum(f * np.asarray(directions.kernel)[[4, 7]], axis=1, keepdims=True)
    by_hand = f @ np.asarray(last.kernel) + np.asarray(last.bias) + wanted
    np.testing.assert_allclose(model(inputs)["logit"], by_hand, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- losses and step


def test_losses_by_hand(chapter):
    real, fake = {"logit": tf.constant([[0.0]])}, {"logit": tf.constant([[1.0]])}
    loss_g, loss_d = chapter.losses(real, fake, None)
    low, high = np.log1p(np.exp(-1)), np.log1p(np.exp(1))
    assert (float(loss_g), float(loss_d)) == pytest.approx((low, np.log(2) + high))
    _, loss_d = chapter.losses(real, fake, None, tf.constant([[-1.0]]))
    assert float(loss_d) == pytest.approx(np.log(2) + (high + low) / 2)
    labels, classes = chapter.one_hot([7]), {"classes": tf.zeros((1, 10))}
    loss_g, loss_d = chapter.losses(real | classes, fake | classes, labels)
    assert float(loss_g) == pytest.approx(low + np.log(10))
    assert float(loss_d) == pytest.approx(np.log(2) + high + 2 * np.log(10))


def step_and_parts(chapter, way):
    """Return (make_train_step for images alone, make_parts): the labels are always the same."""
    labels, recipe = tf.constant(chapter.one_hot(LABELS[:8])), chapter.PLAIN | label_ways.WAYS[way]

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts, wrong_labels=recipe["wrong_labels"])
        return lambda images: train_step(tf.constant(images), labels)

    return make_train_step, lambda: chapter.make_parts(recipe, 0)


@pytest.mark.parametrize("way", TRAINED)
def test_each_loss_moves_its_own_network(small, way):
    training_checks.check_each_loss_moves_its_own_network(*step_and_parts(small, way), IMAGES[:8])


def test_networks_made_again_are_the_ones_that_train(small):
    check = training_checks.check_networks_made_again_are_the_ones_that_train
    check(*step_and_parts(small, "projection"), IMAGES[:8])


def test_wrong_labels_are_wrong_and_reach_the_discriminator(small):
    """All three kinds of pairs are shown; no picture keeps its label in the third one."""
    seen = []
    recipe = small.PLAIN | dict(wrong_labels=True)
    parts = small.make_parts(recipe, 0)
    discriminator = parts["discriminator"]

    class Look(keras.Model):
        def call(self, inputs, training=None):
            tf.py_function(lambda *both: seen.append([part.numpy() for part in both]), inputs, [])
            return discriminator(inputs, training=training)

    look = Look()
    look.built = True
    look.inner = discriminator
    step = small.make_train_step(**parts | dict(discriminator=look), wrong_labels=True)
    labels = small.one_hot(LABELS[:8])
    for _ in range(5):
        step(tf.constant(IMAGES[:8]), tf.constant(labels))
    wrong = [pair for pair in seen if not np.array_equal(pair[1], labels)]
    assert len(seen) == 15 and len(wrong) == 5
    for images, others in wrong:
        assert np.array_equal(images, IMAGES[:8]) and np.array_equal(others.sum(axis=1), [1] * 8)
        assert not (others * labels).any()


# ---------------------------------------------------------------- training


def test_the_average_follows(small):
    generator, averaged = (small.make_generator("plain") for _ in range(2))
    average_step = small.make_average_step(generator, averaged)
    assert training_checks.equal(generator.get_weights(), averaged.get_weights())
    start = averaged.get_weights()[0]
    generator.set_weights([weight + 1 for weight in generator.get_weights()])
    average_step(tf.constant(1.0))
    np.testing.assert_allclose(averaged.get_weights()[0], start + 1 - 2 / 11, atol=1e-5)


def run_of(small, recipe, data, steps):
    return lambda name: small.train_cgan(name, recipe, data, steps)


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    data = IMAGES, small.one_hot(LABELS)
    run = run_of(small, small.PLAIN, data, 1)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=("averaged", "noise"))


def test_a_training_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    data, recipe = (IMAGES, small.one_hot(LABELS)), small.PLAIN | dict(wrong_labels=True)
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run_of(small, recipe, data, 5), at=3, saved=2
    )


def test_a_reader_who_changed_the_recipe_is_told(small):
    data = IMAGES, small.one_hot(LABELS)
    small.train_cgan("main", small.PLAIN, data, 1)
    for told, change, given in (
        ("wrong_labels was False, is True", dict(wrong_labels=True), data),
        ("way was projection, is joined", dict(way="joined"), data),
        ("pictures was .*, is ", {}, (IMAGES, data[1][::-1])),  # other labels
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train_cgan("main", small.PLAIN | change, given, 1)


# ---------------------------------------------------------------- scores, tables, what is shipped


def test_right_shares_count_the_classes_that_are_read(chapter, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    digits = datasets.load("mnist")
    few = dict(train_images=digits.train_images[:500], test_images=digits.test_images[:300])
    digits = dataclasses.replace(digits, **few)  # the judge looks at them
    images, labels = digits.test_images, digits.test_labels[:300]
    shares = chapter.right_shares(images, labels, digits)
    assert shares.shape == (10,) and shares.min() > 0.9
    assert chapter.right_shares(images, (labels + 1) % 10, digits).max() < 0.1


@pytest.mark.parametrize(
    "name, data, classes",
    [("06_cgan_digits", "mnist", (3, 8)), ("06_cgan_clothes", "fashion_mnist", (1, 9))],
)
def test_labels_steer(chapter, monkeypatch, name, data, classes):
    """The same noise with exchanged labels is read as the other class."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    generator, read = pretrained.load(name), datasets.load(data)
    for asked, other in (classes, classes[::-1]):
        pictures = chapter.draw(generator, [asked] * 50, seed=1)
        assert metrics.class_accuracy(pictures, asked, read) > 0.9
        assert metrics.class_accuracy(pictures, other, read) < 0.05


def test_the_shipped_generators_reach_what_is_asked_of_them():
    """The shares on the card were measured with 10,000 pictures, on the complete sets."""
    card = pretrained.card()
    digits, clothes = (card[f"06_cgan_{name}"]["measured"] for name in ("digits", "clothes"))
    assert digits["asked_class"] >= 0.99 and digits["recall"] >= 0.5
    assert clothes["asked_class"] >= 0.9


def test_within_a_class_each_cheat_loses_one_of_the_scores(chapter, monkeypatch):
    """One picture of each class has no recall; pictures with mixed labels have a large FCD."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    digits = datasets.load("mnist")
    classes, known = (3, 8), digits.train_labels
    monkeypatch.setitem(vars(chapter), "CLASSES", 2)
    halves = [np.split(digits.train_images[known == label][:600], 2) for label in classes]
    firsts, others = (np.concatenate(half) for half in zip(*halves))
    asked = np.repeat([0, 1], 300)
    parts = dict(train_images=np.tile(firsts, (2, 1, 1)), train_labels=np.tile(asked, 2))
    digits = dataclasses.replace(digits, **parts)
    honest, deaf, same = (
        chapter.within(images, asked, digits).mean(axis=1)
        for images in (others, np.random.default_rng(0).permutation(others), others[300 * asked])
    )
    fcd, precision, recall = range(3)
    assert honest[fcd] < deaf[fcd] / 2 and honest[recall] > 0.4
    assert same[recall] == 0 and same[fcd] > honest[fcd]
    assert deaf[precision] < 0.7 * honest[precision]


def test_the_judge_sorts(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.setattr(label_ways, "PER_CLASS", 20)
    digits = datasets.load("mnist")
    found, asked = label_ways.sort_by_judge(digits.train_images[:500], digits)
    read, _ = metrics.read_classes(found, digits)
    assert read.tolist() == asked.tolist() == np.repeat(np.arange(10), 20).tolist()


def test_pictures_are_exchanged_as_often_as_asked():
    images = np.arange(1_000)
    for share in (0, 0.3, 1):
        found = label_ways.exchange(images, share)
        assert sorted(found) == sorted(images)
        assert np.mean(found != images) == pytest.approx(share, abs=0.01)


def test_wrong_labels_have_the_price_of_the_chapter():
    """A picture with two names loses a ninth; a label below one in ten is not used any more."""
    certain, twofold, seldom = np.repeat(np.eye(10), 500, axis=0), np.zeros(10), np.zeros(10)
    twofold[[4, 9]], seldom[[0, 1]] = 0.5, (0.95, 0.05)
    chances = np.vstack([certain, twofold, seldom])
    drawn = label_ways.best_with_wrong_labels(chances)
    assert drawn.sum(axis=0) == pytest.approx(chances.sum(axis=0))
    assert drawn[-2].sum() == pytest.approx(8 / 9, abs=0.003)
    assert drawn[-1, 1] == 0 and drawn[-1, 0] == pytest.approx(0.95 - 0.05 / 9, abs=0.003)
    assert drawn[:5_000].sum(axis=1) == pytest.approx(1, abs=0.001)


def test_a_generator_that_is_kept_belongs_to_its_recipe(chapter, monkeypatch, tmp_path):
    """The twin is trained once for both of its rows; a way that was changed is trained again."""
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path))
    trained = []
    tiny = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    monkeypatch.setattr(label_ways, "train", lambda *run: trained.append(run) or tiny)
    same = "1", "2000", "code", "judge"
    for way, recipe in (("none", "a/b"), ("none + sorting", "a/b"), ("none", "a/c")):
        label_ways.generator_of(chapter, (way, recipe, *same), None)
    assert len(trained) == 2


def test_the_table_belongs_to_the_chapter(chapter):
    rows = read_rows(label_ways.TABLE)
    assert tuple(rows[0]) == (*label_ways.KEY, *label_ways.FOUND)
    ways = label_ways.ways_of(chapter)
    assert len(ways) == len(label_ways.WAYS) + 2
    wanted = [(way, str(seed)) for seed in label_ways.SEEDS for way in ways]
    trained, others = rows[: len(wanted)], rows[len(wanted) :]
    assert [(row["way"], row["seed"]) for row in trained] == wanted
    assert [(row["way"], row["recipe"]) for row in others] == label_ways.NOT_TRAINED
    for row in trained:
        recipe = label_ways.recipe_of(chapter, row["way"])
        assert row["recipe"] == "/".join(map(str, recipe.values()))
    assert {row["code"] for row in rows} == {code_of(chapter, label_ways.NOT_USED)}
    assert {*definitions(chapter)} >= label_ways.NOT_USED


def test_the_table_of_looks_has_each_trained_generator_and_real_pictures(chapter):
    rows, trained = read_rows(label_ways.LOOKED), read_rows(label_ways.TABLE)
    assert tuple(rows[0]) == (*label_ways.KEY, *label_ways.FOUND_BY_LOOKING)
    runs = [row for row in trained if row["seed"] and not row["way"].endswith("sorting")]
    runs.append({name: "" for name in label_ways.KEY} | {"way": "real", "steps": "0"})
    compared = "way", "recipe", "seed", "steps"
    assert [[row[name] for name in compared] for row in rows] == [
        [row[name] for name in compared] for row in runs
    ]
    assert {row["code"] for row in rows} == {code_of(chapter, label_ways.NOT_USED)}
    assert float(rows[-1]["pixel_fcd"]) < min(float(row["pixel_fcd"]) for row in rows[:-1])


def test_half_weight_changes_only_the_weight_of_the_fakes(chapter):
    real, fake = ({"logit": tf.constant([[value]])} for value in (1.5, -0.5))
    label = chapter.one_hot([7])
    (of_g, of_d), half = chapter.losses(real, fake, label), label_ways.half_weight(chapter.losses)
    found_g, found_d = half(real, fake, label)
    assert float(found_g) == float(of_g)
    assert float(of_d - found_d) == pytest.approx(np.log1p(np.exp(-0.5)) / 2, rel=1e-5)
