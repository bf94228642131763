"""The functions of chapter 03, taken out of the notebook, against values that are known."""

import ast
import re

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.colors import to_rgba
from scipy.spatial.distance import jensenshannon

from helpers import plotting
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import NETWORKS, equal, values
from tools.notebooks.definitions import load_definitions

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (24, 28, 28, 1)).astype(np.float32)
PLANE = {"across", "down", "plane"}  # what `opinion` reads
LABORATORY = {"lab", "rng", "lab_noise", "heaps"}  # what `play_lab` reads


def run_assignments(chapter, names):
    """Run the notebook's own assignments to these names, which are no definitions."""
    for cell in nbformat.read(chapter.__file__, as_version=4).cells:
        for node in ast.parse(cell.source).body if cell.cell_type == "code" else ():
            targets = node.targets if isinstance(node, ast.Assign) else ()
            parts = [part for target in targets for part in ast.walk(target)]
            if names & {part.id for part in parts if isinstance(part, ast.Name)}:
                exec(ast.unparse(node), vars(chapter))
    assert names <= set(vars(chapter))


@pytest.fixture(scope="module")
def chapter():
    chapter = load_definitions("03")
    run_assignments(chapter, PLANE)
    return chapter


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with a checkpoint every 2 steps."""
    chapter = load_definitions("03")
    vars(chapter).update(BATCH=4, EVERY=2)
    return chapter


@pytest.fixture
def laboratory(chapter):
    """The laboratory, just started, and its points."""
    keras.utils.set_random_seed(1)
    run_assignments(chapter, LABORATORY)
    chapter.play_lab(chapter.heaps, "restart")
    return chapter


def tiny_pair(small, dropout=0.3):
    generator = training_checks.make_tiny_generator(small.LATENT)
    return generator, training_checks.make_tiny_discriminator(dropout)


def tiny_parts(small, dropout=0.3):
    return small.make_parts(*tiny_pair(small, dropout), 1e-3, 1e-3)


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def sigmoid(x):
    return 1 / (1 + np.exp(-np.float64(x)))


# ------------------------------------------------------------------------ data and networks


def test_scaled_brings_grey_values_to_minus_one_and_one(chapter):
    images = chapter.scaled(np.array([[[0, 255, 51]]], dtype=np.uint8))
    assert images.shape == (1, 1, 3, 1) and images.dtype == np.float32
    np.testing.assert_allclose(images.ravel(), [-1, 1, -0.6], atol=1e-6)


def test_the_heavy_pair(chapter):
    generator, discriminator = chapter.make_heavy_pair()
    assert (generator.count_params(), discriminator.count_params()) == (844_161, 720_833)
    assert generator.output_shape == (None, 28, 28, 1)
    kinds = [type(layer).__name__ for layer in generator.layers]
    grown = ["UpSampling2D", *["Conv2D", "BatchNormalization", "ReLU"]]
    wanted = ["Dense", "BatchNormalization", "ReLU", "Reshape", *grown, *grown, *grown[1:]]
    assert kinds == [*wanted, "Conv2D"]
    assert generator.layers[3].output.shape[1:] == (7, 7, 64)
    norms = layers_of(generator, keras.layers.BatchNormalization)
    assert {norm.momentum for norm in norms} == {0.9}
    drawing = layers_of(generator, keras.layers.Conv2D)
    assert [layer.filters for layer in drawing] == [128, 64, 64, 1]
    assert generator.layers[-1].activation.__name__ == "tanh"
    looking = layers_of(discriminator, keras.layers.Conv2D)
    assert [layer.filters for layer in looking] == [64, 64, 128, 128]
    assert [layer.strides[0] for layer in looking] == [2, 2, 2, 1]
    assert {layer.activation.__name__ for layer in looking} == {"relu"}
    assert {layer.kernel_size for layer in drawing + looking} == {(5, 5)}
    dropouts = layers_of(discriminator, keras.layers.Dropout)
    assert [layer.rate for layer in dropouts] == [0.4] * 4
    assert discriminator.layers[-1].activation.__name__ == "linear"  # logits


def test_dropout_and_the_statistics_of_a_batch_act_only_in_training(chapter):
    generator, discriminator = chapter.make_heavy_pair()
    noise = chapter.noise_of(4, seed=0)
    alone, together = generator(noise[:1]), generator(noise)[:1]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert np.abs(generator(noise[:2], training=True)[0] - alone[0]).max() > 1e-3
    assert np.array_equal(discriminator(IMAGES), discriminator(IMAGES))
    looks = [discriminator(IMAGES, training=True) for _ in range(2)]
    assert not np.array_equal(*looks)


def test_the_pair_of_the_lesson_draws_pictures_and_gives_logits(chapter):
    generator, discriminator = chapter.make_generator(), chapter.make_discriminator()
    assert (generator.name, discriminator.name) == NETWORKS
    pictures = generator(chapter.noise_of(3, seed=0))
    assert pictures.shape == (3, 28, 28, 1) and np.abs(pictures).max() <= 1
    assert generator.layers[-1].activation.__name__ == "tanh"
    assert discriminator(pictures).shape == (3, 1)
    assert discriminator.layers[-1].activation.__name__ == "linear"


def test_the_networks_of_the_plane(chapter):
    generator = chapter.make_point_network("generator", 2)
    discriminator = chapter.make_point_network("discriminator", 1)
    assert (generator.name, discriminator.name) == NETWORKS
    count = 2 * 64 + 64 + 64 * 64 + 64
    assert generator.count_params() == count + 64 * 2 + 2
    assert discriminator.count_params() == count + 64 + 1
    for network in (generator, discriminator):
        names = [layer.activation.__name__ for layer in network.layers]
        assert names == ["relu", "relu", "linear"]


# --------------------------------------------------------------------------------- theory


def test_the_value_by_hand(chapter):
    assert chapter.value([0.5], [0.5, 0.5]) == pytest.approx(-2 * np.log(2))
    expected = (np.log(0.9) + np.log(0.8)) / 2 + np.log(1 - 0.25)
    assert chapter.value([0.9, 0.8], [0.25]) == pytest.approx(expected)


def test_the_divergence_is_that_of_scipy(chapter):
    for p, q in RNG.dirichlet(np.ones(7), (20, 2)):
        assert chapter.jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2)
        assert chapter.jensen_shannon(p, q) == pytest.approx(chapter.jensen_shannon(q, p))
    assert chapter.jensen_shannon(p, p) == 0
    p = np.array([1 - 1e-12, 1e-12])
    assert chapter.jensen_shannon(p, p[::-1]) == pytest.approx(np.log(2))  # its largest value


def test_no_discriminator_has_a_larger_value_than_the_best_one(chapter):
    """Goodfellow and others 2014, proposition 1 and theorem 1, on piles of banknotes."""

    def value_of(answers, piles):
        return chapter.value(*(np.repeat(answers, pile) for pile in piles))

    for piles in RNG.integers(1, 9, (10, 2, 4)):
        p, q = piles / piles.sum(axis=1, keepdims=True)
        best = chapter.best_discriminator(p, q)
        largest = value_of(best, piles)
        assert largest == pytest.approx(-2 * np.log(2) + 2 * jensenshannon(p, q) ** 2)
        near = np.clip(best + 0.01 * RNG.standard_normal((100, 4)), 0.001, 0.999)
        for other in [*RNG.uniform(0.001, 0.999, (200, 4)), *near]:
            assert value_of(other, piles) <= largest


# --------------------------------------------------------------------------------- losses


def test_losses_by_hand(chapter):
    real, fake = np.float32([[2.0], [0.0]]), np.float32([[-1.0], [3.0]])
    expected = -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake)))
    np.testing.assert_allclose(chapter.discriminator_loss(real, fake), expected, rtol=1e-6)
    negative = -chapter.value(sigmoid(real), sigmoid(fake))
    np.testing.assert_allclose(chapter.discriminator_loss(real, fake), negative, rtol=1e-6)
    expected = -np.mean(np.log(sigmoid(fake)))
    np.testing.assert_allclose(chapter.generator_loss(fake), expected, rtol=1e-6)


def test_the_slopes_of_the_losses(chapter):
    """Of one logit: -(1 - D) for what should be called real, D for what should be called fake."""
    for logit in (-80.0, -5.0, 0.0, 3.0, 80.0):
        fake = tf.Variable([[logit]])
        with tf.GradientTape(persistent=True) as tape:
            loss_g = chapter.generator_loss(fake)
            loss_real = chapter.discriminator_loss(fake, tf.zeros((1, 1)))
            loss_fake = chapter.discriminator_loss(tf.zeros((1, 1)), fake)
        losses = loss_g, loss_real, loss_fake
        slopes = np.ravel([tape.gradient(loss, fake) for loss in losses])
        d = sigmoid(logit)
        np.testing.assert_allclose(slopes, [d - 1, d - 1, d], atol=1e-6)
        assert np.isfinite(losses).all()


# ------------------------------------------------------------------------------ the step


def test_a_step_takes_both_gradients_before_it_moves_a_network(small):
    """Against gradients that are computed here, one after the other, at the old weights."""
    keras.utils.set_random_seed(0)
    parts = tiny_parts(small, dropout=0.0)
    parts |= {f"{name}_optimizer": keras.optimizers.SGD(1.0) for name in NETWORKS}
    generator, discriminator = parts["generator"], parts["discriminator"]
    old = values(generator, discriminator)
    z = tf.random.Generator.from_seed(small.SEED).normal((8, small.LATENT))  # as in make_parts
    losses = small.make_train_step(**parts)(IMAGES[:8])
    trained = {name: parts[name].trainable_variables for name in NETWORKS}
    new = {name: [w.numpy() for w in trained[name]] for name in NETWORKS}
    for weight, value in zip(generator.weights + discriminator.weights, old):
        weight.assign(value)
    with tf.GradientTape() as tape:
        loss_g = tf.reduce_mean(tf.nn.softplus(-discriminator(generator(z, training=True))))
    wanted = {"generator": tape.gradient(loss_g, trained["generator"])}
    with tf.GradientTape() as tape:
        fakes = tf.nn.softplus(discriminator(generator(z, training=True)))
        loss_d = tf.reduce_mean(tf.nn.softplus(-discriminator(IMAGES[:8]))) + tf.reduce_mean(fakes)
    wanted["discriminator"] = tape.gradient(loss_d, trained["discriminator"])
    assert set(losses) == {"generator_loss", "discriminator_loss"}
    np.testing.assert_allclose(losses["generator_loss"], loss_g, rtol=1e-5)
    np.testing.assert_allclose(losses["discriminator_loss"], loss_d, rtol=1e-5)
    for name in NETWORKS:
        assert np.abs(wanted[name][0]).max() > 1e-6
        for before, after, gradient in zip(trained[name], new[name], wanted[name]):
            np.testing.assert_allclose(after - before, -gradient, atol=1e-6)


def test_each_loss_moves_its_own_network(small):
    """Without dropout, whose noise would hide what a step does."""
    keras.utils.set_random_seed(0)
    training_checks.check_each_loss_moves_its_own_network(
        small.make_train_step, lambda: tiny_parts(small, dropout=0.0), IMAGES[:8]
    )


@pytest.mark.parametrize(
    "check",
    [
        training_checks.check_noise_dropout_and_normalisation_act,
        training_checks.check_networks_made_again_are_the_ones_that_train,
    ],
)
def test_the_train_step(small, check):
    """The checks call the random generator `rng`; the chapter calls it `noise`."""

    def make_parts():
        parts = tiny_parts(small)
        return parts | {"rng": parts.pop("noise")}

    check(lambda rng, **parts: small.make_train_step(noise=rng, **parts), make_parts, IMAGES[:8])


def test_the_step_works_with_points_too(chapter):
    keras.utils.set_random_seed(0)
    networks = [chapter.make_point_network(name, n) for name, n in zip(NETWORKS, (2, 1))]
    train_step = chapter.make_train_step(**chapter.make_parts(*networks, 1e-3, 3e-3))
    first = float(train_step(chapter.ring(128, RNG))["discriminator_loss"])
    losses = [float(train_step(chapter.ring(128, RNG))["discriminator_loss"]) for _ in range(40)]
    assert min(losses) < first


def test_each_network_has_an_optimizer_of_its_own(small):
    networks = tiny_pair(small)
    one, other = (small.make_parts(*networks, 1e-3, 3e-3) for _ in range(2))
    optimizers = [one[f"{name}_optimizer"] for name in NETWORKS]
    assert [float(adam.learning_rate) for adam in optimizers] == pytest.approx([1e-3, 3e-3])
    assert [adam.beta_1 for adam in optimizers] == [0.5, 0.5]
    assert (one["generator"], one["discriminator"]) == networks
    draws = [parts["noise"].normal((3, 5)).numpy() for parts in (one, other)]
    assert np.array_equal(*draws) and not np.array_equal(one["noise"].normal((3, 5)), draws[0])


def test_noise_is_normal_and_repeats(chapter):
    noise = chapter.noise_of(2_000, seed=3)
    assert noise.shape == (2_000, chapter.LATENT) and noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    assert np.array_equal(noise[:5], chapter.noise_of(5, seed=3))
    assert not np.array_equal(noise[:5], chapter.noise_of(5, seed=4))


# ------------------------------------------------------------------------------- training


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    run = lambda name: small.train_gan(name, IMAGES, 1, tiny_pair(small))
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=("noise",))


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys
):
    def run(name):
        keras.utils.set_random_seed(0)
        networks = tiny_pair(small)
        return list(networks), small.train_gan(name, IMAGES, 5, networks).history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_a_reader_who_changed_the_network_is_told_and_can_start_afresh(small, capsys):
    small.train_gan("main", IMAGES, 1, tiny_pair(small))
    with pytest.raises(CheckpointError, match=r"rate was 0.3, is 0.1.*(?s:.*)fresh=True"):
        small.train_gan("main", IMAGES, 1, tiny_pair(small, dropout=0.1))
    small.train_gan("main", IMAGES, 1, tiny_pair(small, dropout=0.1), fresh=True)
    assert "starts at step 0" in capsys.readouterr().out


# ------------------------------------------------------------------------------- the plane


def test_the_ring_has_eight_heaps_inside_the_plane(chapter):
    points = chapter.ring(8_000, np.random.default_rng(1))
    assert points.shape == (8_000, 2) and points.dtype == np.float32
    assert np.array_equal(points, chapter.ring(8_000, np.random.default_rng(1)))
    assert np.abs(points).max() < 1
    centres = 0.75 * np.exp(1j * np.pi / 4 * np.arange(8))
    away = points[:, :1] + 1j * points[:, 1:] - centres
    nearest = np.abs(away).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest, minlength=8) / 8_000, 1 / 8, atol=0.02)
    rest = away[np.arange(8_000), nearest]
    assert np.abs(rest).max() < 0.27  # the centres are 0.57 apart
    assert [rest.real.std(), rest.imag.std()] == pytest.approx([0.05, 0.05], rel=0.05)


def discriminator_of(wanted):
    """Return a network whose logit is `wanted` of (x, y)."""
    return lambda points: tf.reshape(wanted(points[:, 0], points[:, 1]), (-1, 1))


def test_the_opinion_starts_in_the_upper_left_corner(chapter):
    field = chapter.opinion(discriminator_of(lambda x, y: 2 * x + 5 * y))
    assert field.shape == (40, 40)
    corners = field[[0, 0, -1, -1], [0, -1, 0, -1]]  # upper left, upper right, lower left and right
    np.testing.assert_allclose(corners, sigmoid([3, 7, -7, -3]), rtol=1e-5)


def test_a_drawing_of_the_game(chapter):
    ax = plotting.Figure().subplots()
    generator = lambda z: tf.constant(z) / 10
    real = chapter.ring(50, RNG)
    chapter.draw_game(ax, generator, discriminator_of(lambda x, y: 4 * y), real, "step 7")
    (image,) = ax.images
    assert image.origin == "upper" and list(image.get_extent()) == [-1, 1, -1, 1]
    assert image.get_array()[0].min() > 0.97 and image.get_array()[-1].max() < 0.03
    assert image.get_clim() == (0, 1)  # white is one half
    green, white, pink = image.cmap([1.0, 0.5, 0.0])[:, :3]
    assert green[1] > green[0] and pink[0] > pink[1] and white.min() > 0.95
    drawn = {tuple(dots.get_facecolor()[0]): dots.get_offsets() for dots in ax.collections}
    green, pink = (to_rgba(plotting.COLOURS[kind]) for kind in ("real", "fake"))
    np.testing.assert_allclose(drawn[green], real)
    assert len(drawn[pink]) == 300 and np.abs(drawn[pink]).max() < 0.6
    assert (ax.get_title(), ax.get_xlim(), ax.get_ylim()) == ("step 7", (-1, 1), (-1, 1))


def test_play_draws_the_game_at_its_moments(chapter, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    axes = plotting.Figure().subplots(1, 3)
    chapter.play(axes, rate_g=1e-3, rate_d=3e-3, moments=(0, 50, 100))
    assert [ax.get_title() for ax in axes] == ["step 0", "step 50", "step 100"]
    fields = [np.asarray(ax.images[0].get_array()) for ax in axes]
    middle = [field[19:21, 19:21].mean() for field in fields]
    assert middle[2] < 0.45 < middle[0]  # nothing real is in the middle of the ring


# --------------------------------------------------------------------------- the laboratory


def number_in(text):
    assert re.fullmatch(r"step [\d,]+, V = -?\d+\.\d{3}", text), text
    return float(text.split()[-1])


def test_the_laboratory_gives_what_the_widget_draws(laboratory):
    field, fakes, pushes, text = laboratory.play_lab(laboratory.heaps, "both")
    assert np.shape(field) == (40, 40) and 0 <= np.min(field) <= np.max(field) <= 1
    assert np.shape(fakes) == np.shape(pushes) == (200, 2)
    np.testing.assert_allclose(fakes, laboratory.lab["generator"](laboratory.lab_noise))
    np.testing.assert_allclose(field, laboratory.opinion(laboratory.lab["discriminator"]))
    assert text.startswith("step 20, V = ")
    assert laboratory.play_lab(laboratory.heaps, "both")[3].startswith("step 40, ")


@pytest.mark.parametrize("players", [*NETWORKS, "both"])
def test_only_the_asked_network_moves(laboratory, players):
    laboratory.play_lab(laboratory.heaps, "both")  # now both optimizers have a momentum
    before = {name: values(laboratory.lab[name]) for name in NETWORKS}
    laboratory.play_lab(laboratory.heaps, players)
    moved = {name for name in NETWORKS if not equal(values(laboratory.lab[name]), before[name])}
    assert moved == ({*NETWORKS} if players == "both" else {players})


def test_restart_makes_new_networks_and_trains_nothing(laboratory):
    laboratory.play_lab(laboratory.heaps, "both")
    old = {name: laboratory.lab[name] for name in NETWORKS}
    before = {name: values(old[name]) for name in NETWORKS}
    text = laboratory.play_lab(laboratory.heaps, "restart")[3]
    assert text.startswith("step 0, ")
    for name in NETWORKS:
        assert laboratory.lab[name] is not old[name] and equal(values(old[name]), before[name])
        assert not equal(values(laboratory.lab[name]), before[name])
    laboratory.play_lab(laboratory.heaps, "both")
    assert all(equal(values(old[name]), before[name]) for name in NETWORKS)


def test_the_pushes_point_uphill_for_the_discriminator(laboratory):
    for _ in range(5):
        _, fakes, pushes, _ = laboratory.play_lab(laboratory.heaps, "discriminator")
    discriminator = laboratory.lab["discriminator"]
    with tf.GradientTape() as tape:
        tape.watch(places := tf.constant(fakes))
        logits = discriminator(places)
    slopes = tape.gradient(logits, places)
    np.testing.assert_allclose(pushes, (1 - sigmoid(logits)) * slopes, atol=1e-5)
    higher = discriminator(places + 1e-3 * pushes / tf.norm(pushes, axis=1, keepdims=True))
    assert np.mean(higher > logits) > 0.98  # a kink of a ReLU may be in the way
    assert np.abs(slopes).max() > 0.1


def test_the_text_of_the_laboratory_has_the_value_of_the_game(laboratory):
    points = laboratory.heaps[:50]
    for players in ("restart", "discriminator", "generator", "both"):
        _, fakes, _, text = laboratory.play_lab(points, players)
        logits = [laboratory.lab["discriminator"](xy).numpy() for xy in (points, fakes)]
        expected = -sum(np.mean(np.logaddexp(0, x)) for x in (-logits[0], logits[1]))
        assert number_in(text) == pytest.approx(expected, abs=6e-4)


@pytest.mark.filterwarnings("error::RuntimeWarning")  # it would be written under the widget
@pytest.mark.parametrize("factor", [1e3, -1e3])
def test_a_discriminator_that_is_sure_of_everything_gives_numbers(laboratory, factor):
    laboratory.play_lab(laboratory.heaps, "both")
    last = laboratory.lab["discriminator"].layers[-1]
    last.set_weights([factor * weights for weights in last.get_weights()])
    for players in NETWORKS:
        field, fakes, pushes, text = laboratory.play_lab(laboratory.heaps, players)
        assert np.isfinite(np.concatenate([np.ravel(x) for x in (field, fakes, pushes)])).all()
        number_in(text)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_the_laboratory_starts_again_without_points_and_plays_for_one(laboratory):
    nothing = np.zeros((0, 2), np.float32)
    field, fakes, pushes, text = laboratory.play_lab(nothing, "restart")
    assert np.shape(field) == (40, 40) and np.shape(fakes) == (200, 2)
    assert np.isfinite(pushes).all() and "nan" not in text
    number_in(laboratory.play_lab(np.float32([[0.5, -0.5]]), "both")[3])
    laboratory.lab.clear()  # as after its cell was run again, in the middle of a run
    number_in(laboratory.play_lab(laboratory.heaps, "both")[3])


# ----------------------------------------------------------------------- samples and scores


def test_generate_works_in_parts_and_repeats(chapter):
    generator = training_checks.make_tiny_generator(chapter.LATENT)
    pictures = chapter.generate(generator, 501, seed=1)
    assert pictures.shape == (501, 28, 28, 1) and np.abs(pictures).max() <= 1
    np.testing.assert_allclose(chapter.generate(generator, 3, seed=1), pictures[:3], atol=1e-5)
    assert np.abs(chapter.generate(generator, 3, seed=2) - pictures[:3]).max() > 1e-3


def test_each_score_has_its_name(chapter, monkeypatch):
    asked = []

    def known(name, answer):
        replace = lambda *given: asked.append((name, *map(id, given))) or answer
        monkeypatch.setattr(chapter.metrics, name, replace)

    fake, real, data = np.zeros(3), np.zeros(4), "mnist"
    known("frechet_classifier_distance", chapter.metrics.FrechetScore(5.0, 0.5, 4))
    known("precision_recall", chapter.metrics.Coverage(0.1, 0.7, 4))
    known("read_classes", (np.array([1, 1, 7]), np.array([0.95, 0.5, 0.9])))
    scores = chapter.scores_of(fake, real, data)
    assert set(scores) == {"read", "recall", "fcd", "fcd_floor"}
    assert [scores["recall"], scores["fcd"], scores["fcd_floor"]] == [0.7, 5.0, 0.5]
    assert scores["read"] == pytest.approx(2 / 3)
    assert {name: given for name, *given in asked} == {
        "frechet_classifier_distance": [id(real), id(fake), id(data)],
        "precision_recall": [id(real), id(fake), id(data)],
        "read_classes": [id(fake), id(data)],
    }
