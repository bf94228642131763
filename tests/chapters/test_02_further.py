"""The functions of the notebooks beside chapter 02, against values that are known."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import entropy, multivariate_normal, norm
from sklearn.linear_model import LogisticRegression

from helpers import datasets
from helpers.checkpoints import CheckpointError
from helpers.course import ROOT
from tests.support.training_checks import (
    check_an_interrupted_training_goes_on,
    equal,
    values,
)
from tools.notebooks.definitions import load_definitions

FOLDER = ROOT / "notebooks" / "further"
RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 28, 28, 1), dtype=np.float32)


@pytest.fixture(scope="module")
def clouds():
    return load_definitions("02", FOLDER / "02_variational_autoencoder.ipynb")


@pytest.fixture(scope="module")
def uses():
    return load_definitions("02", FOLDER / "02_uses.ipynb")


def make_tiny_encoder(numbers=4):
    inputs = keras.Input((28, 28, 1))
    x = keras.layers.Conv2D(2, 3, strides=4, activation="relu")(inputs)
    both = keras.layers.Dense(2 * numbers)(keras.layers.Flatten()(x))
    return keras.Model(inputs, [both[:, :numbers], both[:, numbers:]])


def make_tiny_decoder(numbers=4):
    inputs = keras.Input((numbers,))
    x = keras.layers.Reshape((7, 7, 2))(keras.layers.Dense(7 * 7 * 2)(inputs))
    last = dict(strides=4, padding="same", activation="sigmoid")
    return keras.Model(inputs, keras.layers.Conv2DTranspose(1, 4, **last)(x))


def make_tiny_plain_encoder():
    both = make_tiny_encoder()
    return keras.Model(both.input, both.output[0])


@pytest.fixture(scope="module")
def small_clouds():
    """The notebook's own training, with few images, tiny networks and short ways between saves."""
    notebook = load_definitions("02", FOLDER / "02_variational_autoencoder.ipynb")
    tiny = dict(make_encoder=make_tiny_encoder, make_decoder=make_tiny_decoder)
    vars(notebook).update(train_images=IMAGES, BATCH=8, EVERY=4, **tiny)
    return notebook


@pytest.fixture(scope="module")
def small_uses():
    notebook = load_definitions("02", FOLDER / "02_uses.ipynb")
    tiny = dict(make_encoder=make_tiny_plain_encoder, make_decoder=make_tiny_decoder)
    vars(notebook).update(train_images=IMAGES, BATCH=8, EVERY=4, STEPS=6, **tiny)
    return notebook


# ------------------------------------------------------------------- variational autoencoder


def test_the_networks_have_the_sizes_that_are_printed(clouds, uses):
    encoder, decoder = clouds.make_encoder(32), clouds.make_decoder(32)
    assert (encoder.count_params(), decoder.count_params()) == (219_584, 122_241)
    assert [tuple(output.shape) for output in encoder.outputs] == [(None, 32)] * 2
    assert decoder.output.shape[1:] == (28, 28, 1)
    pictures = decoder(100 * RNG.standard_normal((3, 32), dtype=np.float32)).numpy()
    assert pictures.min() >= 0 and pictures.max() <= 1
    assert (uses.make_encoder().count_params(), uses.make_decoder().count_params()) == (
        119_200,
        122_241,
    )


def test_the_two_outputs_of_the_encoder_are_the_two_halves(clouds):
    encoder = clouds.make_encoder(5)
    mean, log_variance = encoder(IMAGES[:3])
    dense = next(layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense))
    both = keras.Model(encoder.input, dense.output)(IMAGES[:3])
    np.testing.assert_allclose(np.concatenate([mean, log_variance], axis=1), both, rtol=1e-5)


def test_the_kl_divergence_of_known_clouds(clouds):
    mean = np.float32([[0, 0], [1, -2], [0, 0]])
    log_variance = np.float32([[0, 0], [0, 0], [np.log(4), 0]])
    by_hand = [0, 2.5, (4 - 1 - np.log(4)) / 2]
    np.testing.assert_allclose(clouds.kl_divergence(mean, log_variance), by_hand, rtol=1e-6)
    # against its definition, the mean of ln(q / p)
    samples = np.random.default_rng(0).normal(1.5, 0.5, 400_000)
    logarithm = -np.log(0.5) - (samples - 1.5) ** 2 / (2 * 0.5**2) + samples**2 / 2
    found = clouds.kl_divergence(np.float32([[1.5]]), np.float32([[2 * np.log(0.5)]]))
    np.testing.assert_allclose(found, [logarithm.mean()], rtol=0.01)


def test_the_three_lines_are_a_bound_that_the_posterior_reaches(clouds, capsys):
    """For x = 2z + noise all is known: p(x), the bound, and the posterior N(0.4 x, 0.2)."""
    exact = -(3**2) / (2 * 5) - np.log(2 * np.pi * 5) / 2
    bound = lambda mu, sigma: (
        -((3 - 2 * mu) ** 2 + 4 * sigma**2) / 2
        - np.log(2 * np.pi) / 2
        - (mu**2 + sigma**2 - 1 - np.log(sigma**2)) / 2
    )
    for mu, sigma in ((1.0, 0.6), (1.2, np.sqrt(0.2))):
        clouds.check_three_lines(mu, sigma)
        printed = [float(word) for word in capsys.readouterr().out.split() if "." in word]
        assert printed == pytest.approx([exact, bound(mu, sigma), bound(mu, sigma)], abs=0.01)
    assert bound(1.2, np.sqrt(0.2)) == pytest.approx(exact)
    assert bound(1.0, 0.6) < exact - 0.1


@pytest.mark.parametrize("with_clouds", [True, False])
def test_a_step_follows_the_gradient_of_the_loss(clouds, with_clouds):
    keras.utils.set_random_seed(1)
    encoder, decoder, weight = make_tiny_encoder(3), make_tiny_decoder(3), 1.5
    before, noise = values(encoder, decoder), tf.random.Generator.from_seed(5)
    optimizer = keras.optimizers.SGD(1e-4)
    step = clouds.make_train_step(encoder, decoder, optimizer, noise, weight, with_clouds)
    numbers = step(IMAGES[:8])
    after = values(encoder, decoder)
    for variable, value in zip(encoder.weights + decoder.weights, before):
        variable.assign(value)
    epsilon = tf.random.Generator.from_seed(5).normal((8, 3))
    with tf.GradientTape() as tape:
        mean, log_variance = encoder(IMAGES[:8])
        codes = mean + epsilon * tf.exp(log_variance) ** 0.5 if with_clouds else mean
        error = weight * tf.reduce_sum((decoder(codes) - IMAGES[:8]) ** 2) / 8
        kl = tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance) / 16
        wanted = error + kl if with_clouds else error
    variables = encoder.trainable_variables + decoder.trainable_variables
    gradients = tape.gradient(wanted, variables)
    np.testing.assert_allclose(numbers["error"], error, rtol=1e-5)
    assert ("price" in numbers) == with_clouds
    if with_clouds:
        np.testing.assert_allclose(numbers["price"], kl, rtol=1e-4)
    for old, new, gradient in zip(before, after, gradients):
        np.testing.assert_allclose(new - old, -1e-4 * gradient, atol=2e-6, rtol=1e-3)


def test_a_training_that_is_interrupted_draws_the_same_noise_again(
    small_clouds, monkeypatch, capsys
):
    def run(name):
        *networks, history = small_clouds.make_and_train(name, 4, 6, 1, True, 2.0)
        return networks, history

    check_an_interrupted_training_goes_on(
        small_clouds, monkeypatch, capsys, run, 5, 4, ["error", "price"], exact=True
    )


def test_plain_and_variational_start_with_the_same_weights(small_clouds, monkeypatch):
    seen = []
    monkeypatch.setitem(vars(small_clouds), "train", lambda *_, **parts: seen.append(parts))
    for with_clouds in (False, True):
        small_clouds.make_and_train("x", 4, 6, 1, with_clouds, 2.0)
    first, second = (values(parts["encoder"], parts["decoder"]) for parts in seen)
    assert equal(first, second)


def test_a_reader_who_changed_the_weight_is_told(small_clouds):
    small_clouds.make_and_train("weight", 4, 2, 1, True, 2.0)
    with pytest.raises(CheckpointError, match=r"weight was 2.0, is 50.0"):
        small_clouds.make_and_train("weight", 4, 2, 1, True, 50.0)


def test_prices_are_sorted_means_over_the_pictures(clouds, monkeypatch):
    monkeypatch.setitem(vars(clouds), "test_images", IMAGES)
    mean, log_variance = np.float32([[0, 2], [0, 0]]), np.zeros((2, 2), np.float32)
    encoder = types.SimpleNamespace(predict=lambda *_, **__: (mean, log_variance))
    np.testing.assert_allclose(clouds.prices(encoder), [1, 0])


def test_the_linear_theory_is_the_best_linear_bound():
    """lambda > s^2 survives at 0.5 ln(lambda / s^2): found by maximising the bound in one number.

    Data of variance v, x = a z + noise s, cloud N(b x, c): the mean bound in closed form.
    """
    solutions = load_definitions(
        "02", ROOT / "notebooks" / "solutions" / "02_variational_autoencoder.ipynb"
    )
    a, b, c = np.meshgrid(
        np.linspace(0, 4, 161), np.linspace(0, 1, 161), np.linspace(0.02, 1, 99), indexing="ij"
    )
    for v, s in ((4.0, 1.0), (2.0, 1.0), (0.8, 1.0), (1.0, 0.5)):
        kl = (b**2 * v + c - 1 - np.log(c)) / 2
        loss = (v * (1 - a * b) ** 2 + a**2 * c) / (2 * s**2) + kl
        found = kl.ravel()[loss.argmin()]
        assert found == pytest.approx(solutions.predicted_prices([v], s)[0], abs=0.02)


def test_codes_are_split_in_two_halves(clouds, monkeypatch):
    monkeypatch.setitem(vars(clouds), "train_images", IMAGES)
    encoder = types.SimpleNamespace(predict=lambda images, verbose: (images[:, 0, :2, 0], None))
    fitted, held_out = clouds.codes_of(types.SimpleNamespace(encoder=encoder))
    assert fitted.dtype == np.float64 and len(fitted) == len(held_out) == 20
    np.testing.assert_allclose(np.concatenate([fitted, held_out]), IMAGES[:, 0, :2, 0])


def test_codes_are_drawn_from_the_clouds(clouds):
    mean, log_variance = np.full((50_000, 2), [1, -3]), np.log(np.full((50_000, 2), [0.25, 4]))
    encoder = types.SimpleNamespace(predict=lambda images, verbose: (mean, log_variance))
    drawn = clouds.draw_codes(types.SimpleNamespace(encoder=encoder), IMAGES, seed=0)
    np.testing.assert_allclose(drawn.mean(axis=0), [1, -3], atol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), [0.5, 2], rtol=0.02)


def test_a_mixture_of_one_component_is_the_normal_distribution(clouds):
    codes = RNG.standard_normal((500, 3)) @ RNG.standard_normal((3, 3)) + 2
    mixture = clouds.fit_mixture(codes, 1)
    normal = multivariate_normal(codes.mean(axis=0), np.cov(codes.T, bias=True))
    assert mixture.score(codes) == pytest.approx(normal.logpdf(codes).mean(), abs=1e-3)


def test_the_cheats_do_not_win_all_scores(clouds, monkeypatch):
    """The grey blot wins none of them; one good digit, repeated, has no recall."""
    monkeypatch.setenv("COURSE_DATA", "embedded")
    mnist = datasets.load("mnist")
    monkeypatch.setitem(vars(clouds), "mnist", mnist)
    train, test = clouds.scaled(mnist.train_images), clouds.scaled(mnist.test_images)
    real = clouds.judge(test[RNG.permutation(len(test))[:512]])
    blot = clouds.judge(np.repeat(train.mean(axis=0, keepdims=True), 512, axis=0))
    digit = clouds.judge(np.repeat(test[:1], 512, axis=0))
    assert blot[0] == blot[2] == 0 and blot[1] > 5 * real[1]
    assert digit[2] < 0.05 and digit[1] > 3 * real[1]
    assert real[0] > 0.9 and real[2] > 0.5


# ------------------------------------------------------------------------------------- uses


def test_the_step_of_the_uses_follows_the_gradient(uses):
    encoder, decoder = make_tiny_plain_encoder(), make_tiny_decoder()
    before = values(encoder, decoder)
    step = uses.make_train_step(encoder, decoder, keras.optimizers.SGD(1e-3))
    error = 784 * step(IMAGES[:8], IMAGES[8:16])["mse"]
    after = values(encoder, decoder)
    for variable, value in zip(encoder.weights + decoder.weights, before):
        variable.assign(value)
    with tf.GradientTape() as tape:
        wanted = tf.reduce_sum((decoder(encoder(IMAGES[:8])) - IMAGES[8:16]) ** 2) / 8
    gradients = tape.gradient(wanted, encoder.trainable_variables + decoder.trainable_variables)
    np.testing.assert_allclose(error, wanted, rtol=1e-5)
    for old, new, gradient in zip(before, after, gradients):
        np.testing.assert_allclose(new - old, -1e-3 * gradient, atol=1e-5, rtol=1e-3)


def test_a_denoiser_that_is_interrupted_gets_the_same_noise_again(small_uses, monkeypatch, capsys):
    def run(name):
        *networks, history = small_uses.make_and_train(name, 0.5, 1)
        return networks, history

    check_an_interrupted_training_goes_on(
        small_uses, monkeypatch, capsys, run, 5, 4, ["mse"], exact=True
    )


def test_noise_depends_on_seed_and_step_and_stays_in_range(uses):
    once, again = uses.add_noise(IMAGES, 0.5, 1, 2), uses.add_noise(IMAGES, 0.5, 1, 2)
    others = uses.add_noise(IMAGES, 0.5, 1, 3), uses.add_noise(IMAGES, 0.5, 2, 2)
    assert np.array_equal(once, again)
    assert not any(np.array_equal(once, other) for other in others)
    assert once.dtype == np.float32 and once.min() == 0 and once.max() == 1
    assert np.array_equal(uses.add_noise(IMAGES, 0, 1, 2), IMAGES)
    middle = uses.add_noise(np.full((200, 28, 28, 1), 0.5, np.float32), 0.5, 0, 0) - 0.5
    share = np.mean((middle > 0) & (middle < 0.25))  # half a standard deviation
    assert abs(share - 0.1915) < 0.01  # of the normal distribution


def test_contrast_is_restored_by_a_line(uses, monkeypatch):
    monkeypatch.setitem(vars(uses), "train_images", IMAGES)
    monkeypatch.setitem(vars(uses), "test_images", IMAGES[:5])
    dull = lambda images, size: size + 0.5 * images
    np.testing.assert_allclose(uses.with_contrast(dull, 0.2, 0), IMAGES[:5], atol=1e-4)


def test_filters_keep_pictures_apart(uses):
    images = np.zeros((2, 28, 28, 1), np.float32)
    images[1] = 1
    for method, size in ((uses.gaussian, 1.1), (uses.median, 3)):
        np.testing.assert_allclose(method(images, size), images, atol=1e-6)
    np.testing.assert_array_equal(uses.gaussian(IMAGES, 0), IMAGES)


def test_more_numbers_of_pca_draw_a_nearer_picture(uses, monkeypatch):
    monkeypatch.setitem(vars(uses), "pca", uses.PCA().fit(IMAGES.reshape(-1, 784)))
    errors = [uses.mse(uses.project(IMAGES, numbers), IMAGES) for numbers in (0, 10, 20, 40)]
    assert errors[0] == pytest.approx(IMAGES.var(axis=0).mean(), rel=1e-4)
    assert np.all(np.diff(errors) < 0) and errors[-1] == pytest.approx(0, abs=1e-6)


def test_bits_are_the_entropy(uses):
    assert uses.bits_of([5, 5, 5]) == 0
    assert uses.bits_of(range(8)) == pytest.approx(3)
    counts = np.array([1, 2, 5, 8])
    assert uses.bits_of(np.repeat(range(4), counts)) == pytest.approx(entropy(counts, base=2))
    # of a rounded normal distribution: that of its density, minus the logarithm of the width
    rounded = np.round(np.random.default_rng(0).standard_normal(200_000) / 0.1)
    theory = norm.entropy() / np.log(2) - np.log2(0.1)
    assert uses.bits_of(rounded) == pytest.approx(theory, abs=0.01)


def test_compressed_codes_lie_on_a_grid_and_near(uses, monkeypatch):
    monkeypatch.setitem(vars(uses), "few", IMAGES)
    sizes, errors = [], []
    for width in (0.5, 0.1, 0.02):
        size, pictures = uses.compress(IMAGES.reshape(40, -1), lambda codes: codes, width)
        assert np.abs(pictures - IMAGES).max() <= width / 2 + 1e-6
        np.testing.assert_allclose(pictures / width, np.round(pictures / width), atol=1e-4)
        sizes.append(size)
        errors.append(uses.mse(pictures, IMAGES))
    assert errors[-1] == pytest.approx(0.02**2 / 12, rel=0.05)  # of uniform rounding
    assert np.all(np.diff(errors) < 0) and np.all(np.diff(sizes) > 0)


def test_a_file_of_a_sheet_gives_each_digit_back(uses, monkeypatch):
    monkeypatch.setitem(vars(uses), "SIDE", 6)
    digits = uses.scaled(RNG.integers(0, 256, (36, 28, 28)))
    size, opened = uses.through_file(digits, ".png")
    np.testing.assert_allclose(opened, digits, atol=1e-6)
    assert 784 < size < 830  # noise cannot be compressed
    blots = uses.scaled(np.repeat(np.arange(36) * 7, 784).reshape(36, 28, 28))
    for extension in (".jpg", ".webp"):
        size, opened = uses.through_file(blots, extension, quality=60)
        assert uses.mse(opened, blots) < 2e-3 and size < 100


def test_the_probe_reads_what_is_there(uses, monkeypatch):
    labels = RNG.integers(0, 10, 1000)
    monkeypatch.setitem(vars(uses), "labels", labels)
    monkeypatch.setitem(vars(uses), "test_labels", labels[:500])
    told, empty = np.eye(10)[labels], RNG.standard_normal((1000, 10))
    classifier = LogisticRegression()
    for pool, low, high in ((told, 1, 1), (empty, 0, 0.25)):
        scores = uses.probe(classifier, [(pool, pool[:500])] * 3, 200)
        assert len(scores) == 3 and low <= np.mean(scores) <= high


def test_the_probe_uses_the_chosen_labels_only(uses, monkeypatch):
    """Labels that are not chosen may be anything."""
    pool, labels = RNG.standard_normal((1000, 10)), RNG.integers(0, 10, 1000)
    chosen = [np.random.default_rng(seed).permutation(1000)[:100] for seed in uses.SEEDS]
    hidden = labels.copy()
    hidden[np.setdiff1d(np.arange(1000), np.concatenate(chosen))] = -1
    monkeypatch.setitem(vars(uses), "test_labels", labels[:500])
    scores = []
    for known in (labels, hidden):
        monkeypatch.setitem(vars(uses), "labels", known)
        scores.append(uses.probe(LogisticRegression(), [(pool, pool[:500])] * 3, 100))
    assert scores[0] == scores[1]
