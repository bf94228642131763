"""The functions of chapter 06, taken out of the notebook, against values that are known."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers import datasets, metrics, pretrained
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tools.notebooks.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
LABELS = np.arange(24) % 10


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("06")


def make_tiny_pair(filters=4):
    """Networks with a label that have what chapter 06 has: batch normalisation and a projection."""
    noise, label = keras.Input((100,)), keras.Input((10,))
    generator = training_checks.make_tiny_generator(110)
    picture = generator(keras.layers.Concatenate()([noise, label]))
    image = keras.Input((28, 28, 1))
    features = keras.layers.Flatten()(keras.layers.Conv2D(filters, 5, strides=4)(image))
    wanted = keras.layers.Dense(features.shape[-1], use_bias=False)(label)
    match = keras.layers.Dot(axes=1)([features, wanted])
    logit = keras.layers.Add()([keras.layers.Dense(1)(features), match])
    return keras.Model([noise, label], picture), keras.Model([image, label], logit)


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with small layers of Maxout and a checkpoint every 2 steps."""
    chapter = load_definitions("06")
    maxout = chapter.Maxout
    vars(chapter).update(EVERY=2, SAVE_EVERY=2, Maxout=lambda units, pieces: maxout(8, pieces))
    return chapter


@pytest.fixture(scope="module")
def recipes(small):
    """Recipes with labels, by name, and one without."""
    few = dict(batch_size=4)
    return {
        "dense": small.OURS | few,
        "convolutional": small.CONVOLUTIONAL | few | dict(networks=make_tiny_pair),
        "without labels": small.OURS | few | dict(networks=small.make_gan),
    }


def test_the_networks_are_those_of_the_source(chapter):
    for make, counts in (
        (chapter.make_gan, (579_728, 566_273)),
        (chapter.make_cgan, (693_520, 1_224_351)),
    ):
        assert tuple(network.count_params() for network in make()) == counts
    generator, discriminator = chapter.make_cgan()
    layers = discriminator.image, discriminator.label, discriminator.judge
    assert [layer.lines.units for layer in layers] == [1_200, 250, 960]
    assert [layer.dropout.rate for layer in layers] == [0.5] * 3
    assert discriminator.judge.lines.kernel.shape[0] == 290
    assert generator.last.activation.__name__ == "tanh"


# ---------------------------------------------------------------- Maxout


def test_maxout_by_hand(chapter):
    """Unit 0 is max(x - 1, -2, 0.5 x), unit 1 is max(-x, x, 1): three pieces each."""
    unit = chapter.Maxout(2, 3)
    unit(tf.zeros((1, 1)))
    slopes, starts = [[1, -1, 0, 1, 0.5, 0]], [-1, 0, -2, 0, 0, 1]  # of units 0, 1, 0, 1, 0, 1
    unit.lines.set_weights([np.float32(slopes), np.float32(starts)])
    x = np.float32([[-6], [-3], [0], [4]])
    np.testing.assert_allclose(unit(x), [[-2, 6], [-1.5, 3], [0, 1], [3, 4]])
    assert unit(x).shape == (4, 2)  # no axis too many


def test_maxout_has_straight_pieces_and_acts_as_dropout_says(chapter):
    unit = chapter.Maxout(50, 1)  # one piece: nothing to choose from, so it must be linear
    x = np.float32(np.random.default_rng(0).normal(size=(6, 4)))
    whole = np.asarray(unit(x))
    np.testing.assert_allclose(whole, unit.lines(x), rtol=1e-5)
    assert (whole < 0).any() and np.array_equal(whole, unit(x))
    dropped = np.asarray(unit(x, training=True))
    assert 0.3 < np.mean(dropped == 0) < 0.7
    np.testing.assert_allclose(dropped[dropped != 0], 2 * whole[dropped != 0], rtol=1e-5)


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "wrong", [[10], [-1], [3.0], [2.5], ["7"], 7, [True], [[1, 2]], [None], [float("nan")]]
)
def test_a_wrong_label_is_a_clear_error(chapter, wrong):
    for use in (chapter.one_hot, lambda labels: chapter.draw(None, labels, np.zeros((1, 100)))):
        with pytest.raises(ValueError, match="whole numbers from 0 to 9") as error:
            use(wrong)
        assert repr(wrong) in str(error.value)


def test_labels_and_pictures_must_be_as_many(small, recipes):
    with pytest.raises(ValueError, match="There are 3 labels for 4 rows of noise"):
        small.draw(None, [1, 2, 3], small.make_noise(4, 0))
    fewer = IMAGES, small.one_hot(LABELS[:-1])
    with pytest.raises(ValueError, match="No batch of 4 can be made"):
        small.train("short", recipes["convolutional"], fewer, 1, lambda model: IMAGES[:2])


def test_one_hot(chapter):
    assert chapter.one_hot([0, 9]).tolist() == [[1, *[0] * 9], [*[0] * 9, 1]]
    assert chapter.one_hot(np.uint8([3])).dtype == np.float32


@pytest.mark.parametrize(
    "name, data, classes",
    [("06_cgan_digits", "mnist", (3, 8)), ("06_cgan_clothes", "fashion_mnist", (1, 9))],
)
def test_labels_steer(chapter, monkeypatch, name, data, classes):
    """The same noise with exchanged labels is read as the other class."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    generator, read = pretrained.load(name), datasets.load(data)
    noise = chapter.make_noise(50, 1)
    for asked, other in (classes, classes[::-1]):
        pictures = chapter.draw(generator, [asked] * 50, noise)
        assert metrics.class_accuracy(pictures, asked, read) > 0.9
        assert metrics.class_accuracy(pictures, other, read) < 0.05


def test_both_players_get_the_label(chapter):
    """Another label changes what each network of each kind says."""
    noise = chapter.make_noise(4, 0)
    for make in (chapter.make_cgan, chapter.make_convolutional):
        for network, first in zip(make(), (noise, IMAGES[:4])):
            inputs = ([first, chapter.one_hot([label] * 4)] for label in (2, 5))
            one, other = (np.asarray(network(pair)) for pair in inputs)
            assert np.abs(one - other).max() > 1e-5


def test_the_projection_by_hand(chapter):
    """With features f and a direction v of each class y, the logit is w.f + b + v_y.f."""
    model = chapter.make_projection_discriminator()
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    direction, last = sorted(dense, key=lambda layer: layer.units, reverse=True)
    assert direction.kernel.shape == (10, 2_048) and not direction.use_bias
    flat = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    inputs = [IMAGES[:2], chapter.one_hot([4, 7])]
    f = np.asarray(keras.Model(model.inputs, flat.output)(inputs))
    wanted = np.sum(f * np.asarray(direction.kernel)[[4, 7]], axis=1, keepdims=True)
    by_hand = f @ np.asarray(last.kernel) + np.asarray(last.bias) + wanted
    np.testing.assert_allclose(model(inputs), by_hand, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- training


def test_losses_by_hand(chapter):
    for logit, target, loss in (
        (0.0, 1.0, np.log(2)),
        (1.0, 1.0, np.log1p(np.exp(-1))),
        (1.0, 0.0, np.log1p(np.exp(1))),
    ):
        found = float(chapter.cross_entropy(target, tf.constant([[logit]])))
        assert found == pytest.approx(loss, rel=1e-6)


def step_and_parts(chapter, recipe, labelled):
    """Return (make_train_step for images alone, make_parts): the labels are always the same."""
    labels = (tf.constant(chapter.one_hot(LABELS[:8])),) if labelled else ()

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts)
        return lambda images: train_step(tf.constant(images), *labels)

    return make_train_step, lambda: chapter.make_parts(recipe, 0)


@pytest.mark.parametrize("name", ["convolutional", "without labels"])
def test_each_loss_moves_its_own_network(small, recipes, name):
    with_or_without = step_and_parts(small, recipes[name], name != "without labels")
    training_checks.check_each_loss_moves_its_own_network(*with_or_without, IMAGES[:8])


def test_networks_made_again_are_the_ones_that_train(small, recipes):
    training_checks.check_networks_made_again_are_the_ones_that_train(
        *step_and_parts(small, recipes["dense"], True), IMAGES[:8]
    )


def test_noise_and_dropout_act(small, recipes):
    make_train_step, make_parts = step_and_parts(small, recipes["dense"], True)
    parts = training_checks.resting(make_parts(), *training_checks.NETWORKS)
    maxout = [getattr(parts["discriminator"], name) for name in ("image", "label", "judge")]
    seeds = [layer.dropout.seed_generator.state for layer in maxout]
    before = [state.numpy() for state in (*seeds, parts["rng"].state)]
    train_step = make_train_step(**parts)
    assert len({float(train_step(IMAGES[:8])["generator_loss"]) for _ in range(3)}) == 3
    now = [state.numpy() for state in (*seeds, parts["rng"].state)]
    assert all(np.any(old != new) for old, new in zip(before, now, strict=True))


def test_all_that_a_training_changes_is_kept(small, recipes, monkeypatch):
    data = IMAGES, small.one_hot(LABELS)
    run = lambda name: small.train(name, recipes["dense"], data, 1, lambda model: IMAGES[:2])
    training_checks.check_everything_is_kept(small, monkeypatch, run)


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, recipes, monkeypatch, capsys
):
    """With layers of Maxout, whose dropout lies deep inside of the network."""
    data = IMAGES, small.one_hot(LABELS)
    run = lambda name: small.train(name, recipes["dense"], data, 5, lambda model: IMAGES[:2])
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_a_reader_who_changed_the_recipe_is_told(small, recipes):
    recipe, data = recipes["convolutional"], (IMAGES, small.one_hot(LABELS))
    small.train("main", recipe, data, 1, lambda model: IMAGES[:2])
    for told, change, given in (
        ("batch_size was 4, is 8", dict(batch_size=8), data),
        ("beta_1 was 0.5, is 0.9", dict(beta_1=0.9), data),
        ("filters was 4, is 8", dict(networks=lambda: make_tiny_pair(8)), data),
        ("pictures was .*, is ", {}, (IMAGES, data[1][::-1])),  # other labels
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", recipe | change, given, 1, lambda model: IMAGES[:2])


# ---------------------------------------------------------------- what is shipped


def test_the_shipped_generators_obey():
    """The shares on the card were measured with 1,000 pictures each, on the real sets."""
    card = pretrained.card()
    digits, source = (card[f"06_cgan_{n}"]["measured"] for n in ("digits", "digits_source"))
    clothes = card["06_cgan_clothes"]["measured"]
    assert digits["asked_class"] >= 0.98
    assert clothes["asked_class"] >= 0.88
    assert 0.5 < source["asked_class"] < digits["asked_class"]


def test_asked_shares_count_the_classes_that_are_read(chapter, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    generator, digits = pretrained.load("06_cgan_digits"), datasets.load("mnist")
    few = dict(train_images=digits.train_images[:500], test_images=digits.test_images[:300])
    digits = dataclasses.replace(digits, **few)  # the judge looks at them
    shares = chapter.asked_shares(generator, digits, count=10)
    assert shares.shape == (10,) and shares.min() > 0.6

    def draws_the_next_digit(inputs, training):
        return generator([inputs[0], np.roll(inputs[1], 1, axis=1)], training=training)

    assert chapter.asked_shares(draws_the_next_digit, digits, count=10).max() < 0.2
    assert set(np.unique(chapter.like(digits, 2_000))) == set(range(10))
