"""The functions of chapter 03, taken out of the notebook, against values that are known."""

import keras
import numpy as np
import pytest

from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("03")


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with tiny networks and a checkpoint every 2 steps."""
    chapter = load_definitions("03")
    vars(chapter).update(
        BATCH=4,
        EVERY=2,
        make_generator=lambda: training_checks.make_tiny_generator(chapter.LATENT),
        make_discriminator=training_checks.make_tiny_discriminator,
    )
    return chapter


def norms_of(network):
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]


def test_the_networks_are_those_of_the_source(chapter):
    generator, discriminator = chapter.make_generator(), chapter.make_discriminator()
    assert (generator.count_params(), discriminator.count_params()) == (844_161, 720_833)
    assert generator.output_shape == (None, 28, 28, 1)
    assert generator.layers[-1].activation.__name__ == "tanh"
    kinds = [type(layer).__name__ for layer in generator.layers]
    assert kinds.count("UpSampling2D") == 2 and kinds.count("BatchNormalization") == 4
    assert {layer.momentum for layer in norms_of(generator)} == {0.9}
    layers = discriminator.layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64, 64, 128, 128]
    assert [layer.strides[0] for layer in convolutions] == [2, 2, 2, 1]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}
    dropouts = [layer for layer in layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.4] * 4
    assert layers[-1].activation.__name__ == "linear"  # logits


def test_the_nearest_picture_and_its_distance_by_hand(chapter):
    changed = IMAGES[[7, 3]].copy()
    changed[0, 0, :2] += 1  # 1 of [-1, 1] is 127.5 greys
    places, distances = chapter.find_nearest(changed, IMAGES)
    assert list(places) == [7, 3]
    assert distances == pytest.approx([2 * 127.5 / 784, 0], abs=1e-4)


def test_losses_by_hand(chapter):
    real, fake = np.float32([[2.0], [0.0]]), np.float32([[-1.0], [3.0]])
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    expected = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))
    np.testing.assert_allclose(chapter.discriminator_loss(real, fake), expected, rtol=1e-6)
    expected = -np.mean(np.log(sigmoid(fake)))
    np.testing.assert_allclose(chapter.generator_loss(fake), expected, rtol=1e-6)
    assert [float(share) for share in chapter.accuracies(real, fake)] == [0.5, 0.5]


def test_the_value_of_the_game(chapter):
    assert chapter.value([0.5], [0.5, 0.5]) == pytest.approx(-2 * np.log(2))
    data, forger = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    best = chapter.best_value(data, forger)
    for other in np.random.default_rng(0).uniform(0.01, 0.99, (200, 3)):
        # no other discriminator does better
        assert np.sum(data * np.log(other)) + np.sum(forger * np.log(1 - other)) <= best
    mixture = (data + forger) / 2
    divergences = [np.sum(p * np.log(p / mixture)) for p in (data, forger)]
    assert best == pytest.approx(sum(divergences) - 2 * np.log(2))  # Goodfellow 2014, theorem 1


def test_each_loss_moves_its_own_network(small, monkeypatch):
    """Without dropout, whose noise would hide what a step does."""
    keras.utils.set_random_seed(0)
    without = lambda: training_checks.make_tiny_discriminator(dropout=0.0)
    monkeypatch.setitem(vars(small), "make_discriminator", without)
    training_checks.check_each_loss_moves_its_own_network(
        small.make_train_step, small.make_parts, IMAGES[:8]
    )


@pytest.mark.parametrize(
    "check",
    [
        training_checks.check_noise_dropout_and_normalisation_act,
        training_checks.check_networks_made_again_are_the_ones_that_train,
    ],
)
def test_the_train_step(small, check):
    check(small.make_train_step, small.make_parts, IMAGES[:8])


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    run = lambda name: small.train_gan(name, IMAGES, 1)
    training_checks.check_everything_is_kept(small, monkeypatch, run)


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys
):
    run = lambda name: small.train_gan(name, IMAGES, 5)
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_a_settled_generator_has_the_means_of_its_present_weights(small, monkeypatch):
    monkeypatch.setitem(vars(small), "BATCH", 64)
    generator = small.make_generator()
    first = generator.layers[0]  # a jump that the running means have not seen
    first.set_weights([30 * weight for weight in first.get_weights()])
    noise = small.noise_of(256, seed=3)
    before = values(generator)
    copy = small.settled(generator)
    norms = norms_of(copy)
    inputs = keras.Model(copy.inputs[0], [norm.input for norm in norms])(noise, training=False)
    for numbers, norm in zip(inputs, norms):
        axes = tuple(range(len(numbers.shape) - 1))
        variance = np.mean(norm.moving_variance)
        assert np.mean(np.var(numbers, axis=axes)) == pytest.approx(variance, rel=0.3)
        away = np.abs(np.mean(numbers, axis=axes) - norm.moving_mean)
        assert away.mean() < 0.3 * np.sqrt(variance)
    assert {norm.momentum for norm in norms} == {0.9}
    assert equal(values(generator), before)
    trained = ([w.numpy() for w in model.trainable_variables] for model in (copy, generator))
    assert equal(*trained)


def test_a_reader_who_changed_the_network_is_told(small, monkeypatch):
    small.train_gan("main", IMAGES, 1)
    other = lambda: training_checks.make_tiny_discriminator(dropout=0.1)
    monkeypatch.setitem(vars(small), "make_discriminator", other)
    with pytest.raises(CheckpointError, match="rate was 0.3, is 0.1.*(?s:.*)fresh=True"):
        small.train_gan("main", IMAGES, 1)


def test_the_shares_that_can_be_read(chapter, monkeypatch):
    read = lambda images, data: (np.array([1, 1, 7]), np.array([0.95, 0.5, 0.9]))
    monkeypatch.setattr(chapter.metrics, "read_classes", read)
    monkeypatch.setitem(vars(chapter), "mnist", None)
    assert chapter.readable(IMAGES[:3]) == pytest.approx(2 / 3)


def test_generate_works_in_parts_and_repeats(small):
    generator = small.make_generator()
    pictures = small.generate(generator, 501, seed=1)
    assert pictures.shape == (501, 28, 28, 1) and np.abs(pictures).max() <= 1
    np.testing.assert_allclose(small.generate(generator, 3, seed=1), pictures[:3], atol=1e-5)
