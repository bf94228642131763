"""The functions of the notebooks beside chapter 05, against values that are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import stabilisers
from benchmarks.tables import code_of, judge, read_rows
from helpers.course import ROOT
from tests.support import training_checks
from tools.notebooks.definitions import load_definitions

FOLDER = ROOT / "notebooks"
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (40, 28, 28, 1)).astype(np.float32)
WAYS = [
    "plain",
    "hinge",
    "spectral",
    "Keras spectral",
    "hinge + spectral",
    "R1",
    "WGAN-GP",
    "WGAN-GP 5 turns",
]


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("05", FOLDER / "further" / "05_stabilisers.ipynb")


@pytest.fixture(scope="module")
def small():
    lesson = load_definitions("05", FOLDER / "further" / "05_stabilisers.ipynb")
    vars(lesson).update(clothes=IMAGES, BATCH=8, EVERY=2)
    lesson.make_generator = lambda: training_checks.make_tiny_generator(lesson.LATENT)
    return lesson


def test_the_power_iteration_finds_the_largest_singular_value(lesson):
    matrix = RNG.normal(size=(7, 5)).astype(np.float32)
    u = tf.constant(RNG.normal(size=(1, 5)).astype(np.float32))
    for _ in range(200):
        stretch, u = lesson.largest_stretch(tf.constant(matrix), u)
    _, singular, directions = np.linalg.svd(matrix)
    assert float(stretch) == pytest.approx(singular[0], rel=1e-4)
    assert abs(np.dot(u[0], directions[0])) == pytest.approx(1, abs=1e-3)


def test_a_spectral_layer_is_a_convolution_whose_kernel_has_the_norm_one(lesson):
    layer = lesson.SpectralConv2D(4, 3, strides=2, padding="same")
    pictures = tf.constant(IMAGES[:2])
    for _ in range(100):
        layer(pictures, training=True)
    kernel = layer.kernel.numpy()
    largest = np.linalg.svd(kernel.reshape(-1, 4), compute_uv=False)[0]
    plain = keras.layers.Conv2D(4, 3, strides=2, padding="same")
    plain.build(pictures.shape)
    plain.set_weights([kernel / largest, layer.bias.numpy()])
    np.testing.assert_allclose(layer(pictures), plain(pictures), atol=1e-4)


def test_a_spectral_layer_turns_its_vector_only_in_training(lesson):
    layer, pictures = lesson.SpectralConv2D(4, 3), tf.constant(IMAGES[:2])
    layer(pictures)
    before = layer.u.numpy()
    layer(pictures, training=False)
    np.testing.assert_array_equal(layer.u, before)
    layer(pictures, training=True)
    assert np.abs(layer.u.numpy() - before).max() > 1e-3
    assert [w.name for w in layer.trainable_variables] == ["kernel", "bias"]


def test_both_spectral_layers_answer_the_same_and_only_ours_keeps_its_kernel(lesson):
    ours, of_keras = lesson.SpectralConv2D(4, 3), lesson.keras_spectral(4, 3)
    pictures = tf.constant(IMAGES[:2])
    for layer in (ours, of_keras):
        layer(pictures)
    of_keras.layer.set_weights([ours.kernel, ours.bias])
    kernel = ours.kernel.numpy()
    for _ in range(100):
        answers = [layer(pictures, training=True) for layer in (ours, of_keras)]
    np.testing.assert_allclose(*answers, atol=1e-3)
    np.testing.assert_array_equal(ours.kernel, kernel)
    largest = np.linalg.svd(of_keras.layer.kernel.numpy().reshape(-1, 4), compute_uv=False)[0]
    assert largest == pytest.approx(1, abs=1e-3) != np.linalg.svd(kernel.reshape(-1, 4))[1][0]


def test_a_gradient_flows_through_the_stretch(lesson):
    """The norm of the divided kernel cannot change: no part of the gradient is along it."""
    layer, pictures = lesson.SpectralConv2D(1, 28), tf.constant(IMAGES[:1])
    for _ in range(3):
        layer(pictures, training=True)
    with tf.GradientTape() as tape:
        answer = layer(pictures)
    gradient = tape.gradient(answer, layer.kernel).numpy()
    assert np.abs(gradient).max() > 1e-3
    assert np.sum(gradient * layer.kernel.numpy()) == pytest.approx(0, abs=1e-3)


def test_the_losses_by_hand(lesson):
    real, fake = np.float32([3, 0.5]), np.float32([-2, 1])
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    wanted = {
        "non_saturating": (
            -np.mean(np.log(sigmoid(real))) - np.mean(np.log(1 - sigmoid(fake))),
            -np.mean(np.log(sigmoid(fake))),
        ),
        "hinge": (0.25 + 1.0, 0.5),
        "wasserstein": (-0.5 - 1.75, 0.5),
    }
    for name, both in wanted.items():
        found = [float(x) for x in getattr(lesson, name)(real, fake)]
        assert found == pytest.approx(both, abs=1e-5)


def test_the_penalties_by_hand(lesson):
    """D(x) = sum of x^3 / 3 has the slopes x^2; the penalty is taken between real and fake."""
    cubes = lambda images: tf.reduce_sum(images**3, axis=[1, 2, 3], keepdims=True) / 3
    real, fakes = tf.fill((6, 1, 2, 1), 2.0), tf.zeros((6, 1, 2, 1))
    assert float(lesson.r1(cubes, real, fakes, None)) == pytest.approx(2 * 4**2 / 2)
    shares = tf.constant([0.0, 0.5, 1.0] * 2, shape=(6, 1, 1, 1))  # at 0, 1 and 2
    lengths = np.array([0, np.sqrt(2), np.sqrt(2) * 4])
    penalty = float(lesson.gradient_penalty(cubes, real, fakes, shares))
    assert penalty == pytest.approx(np.mean((lengths - 1) ** 2), rel=1e-4)


def one_step(lesson, way):
    """Return (make_train_step, make_parts) for the shared checks."""

    def make_train_step(**parts):
        step = lesson.make_train_step(**parts, way=way)
        return lambda real: step(tf.constant(real), way["strength"], True)

    return make_train_step, lambda: lesson.make_parts(way, 1e-3, 0)


@pytest.mark.parametrize("name", ["spectral", "R1", "WGAN-GP"])
def test_each_loss_moves_its_own_network(small, name):
    both = one_step(small, small.WAYS[name])
    training_checks.check_each_loss_moves_its_own_network(*both, IMAGES[:8])


@pytest.mark.parametrize("name", ["plain", "hinge + spectral", "WGAN-GP"])
def test_the_steepness_is_the_mean_length_of_the_slopes_at_the_fakes(small, name):
    way = small.WAYS[name]
    parts, same = (small.make_parts(way, 1e-3, 0) for _ in range(2))
    step = small.make_train_step(**parts, way=way)
    found = step(tf.constant(IMAGES[:8]), way["strength"], True)["fake_slope"]
    same["noise"].uniform((8, 1, 1, 1))
    fakes = same["generator"](same["noise"].normal((8, small.LATENT)), training=True)
    lengths = np.sqrt(small.squared_slopes(same["discriminator"], fakes))
    assert float(found) == pytest.approx(lengths.mean(), rel=1e-3)


def test_networks_made_again_are_the_ones_that_train(small):
    both = one_step(small, small.WAYS["plain"])
    training_checks.check_networks_made_again_are_the_ones_that_train(*both, IMAGES[:8])


def test_a_way_says_when_there_is_a_penalty_and_when_the_generator_moves(small, monkeypatch):
    seen = []

    def make_train_step(**_):
        return lambda real, strength, both: seen.append((strength, both)) or {}

    monkeypatch.setattr(small, "make_train_step", make_train_step)
    for name in ("R1", "WGAN-GP 5 turns"):
        _, step = small.make_training(small.WAYS[name], 1e-3, 0)
        for number in range(20):
            step(IMAGES[:8], number)
    lazy, turns = seen[:20], seen[20:]
    assert [n for n, (strength, _) in enumerate(lazy) if strength] == [0, 16]
    assert [lazy[0][0], lazy[1][0]] == pytest.approx([1.6, 0.0])
    assert all(both for _, both in lazy) and all(strength == 10 for strength, _ in turns)
    assert [n for n, (_, both) in enumerate(turns) if both] == [0, 5, 10, 15]


def test_a_training_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    def run(name):
        parts, run = small.train_gan(name, small.WAYS["spectral"], 1e-3, 5, 0)
        return [parts["averaged"], parts["discriminator"]], run.history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2
    )


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    run = lambda name: small.train_gan(name, small.WAYS["plain"], 1e-3, 1, 0)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=("averaged", "noise"))


def test_the_table_has_each_way_with_three_seeds_and_both_rates_at_the_same_time(lesson):
    rows = read_rows(stabilisers.RUNS)
    ratios = {row["way"]: float(row["ratio"]) for row in read_rows(stabilisers.TIMES)}
    assert [*lesson.WAYS] == WAYS == [*ratios]
    pairs = [(name, rate) for rate in (lesson.RATE, lesson.HIGH) for name in WAYS]
    others = sorted({*lesson.RATES} - {lesson.RATE, lesson.HIGH})
    pairs += [(name, rate) for rate in others for name in stabilisers.SWEPT]
    asked = [("plain", lesson.RATE), ("R1", lesson.RATE)]
    asked += [("plain", lesson.HIGH), ("spectral", lesson.HIGH)]
    wanted = [
        (name, str(rate), str(seed), str(round(stabilisers.TIME * min(1, ratios[name]))))
        for seeds, chosen in ((stabilisers.SEEDS, pairs), (stabilisers.MORE_SEEDS, asked))
        for seed in seeds
        for name, rate in chosen
    ]
    assert [tuple(row[name] for name in stabilisers.KEY[:4]) for row in rows] == wanted
    assert {row["code"] for row in rows} == {code_of(lesson, stabilisers.NOT_USED)}
    assert {row["judge"] for row in rows} == {judge()}
    assert pytest.approx(10 * lesson.RATE) == lesson.HIGH and len(stabilisers.SEEDS) >= 3
    assert lesson.SEED not in stabilisers.SEEDS + stabilisers.MORE_SEEDS


def test_the_table_of_other_strengths_is_of_this_code(lesson):
    rows = read_rows(stabilisers.STRENGTHS)
    asked = [(f"R1 {gamma}", str(rate)) for gamma, rate in stabilisers.R1_WITH]
    asked += [(f"spectral {by}", str(rate)) for by, rate in stabilisers.SPECTRAL_WITH]
    each_step = stabilisers.R1_EACH_STEP_WITH
    asked += [(f"R1 {gamma} each", str(rate)) for gamma, rate in each_step]
    asked += [(f"{name} beta_2 0.9", str(rate)) for name, rate in stabilisers.SHORT_MEMORY]
    asked += [(f"{way} beta_2 0.9 {who}", str(lesson.HIGH)) for way, who in stabilisers.WHOSE]
    for way in stabilisers.CLIPPED:
        asked += [(f"{way} clip {most:.0f}", str(lesson.HIGH)) for most in stabilisers.LONGEST]
    asked += [(f"plain slow {player}", str(lesson.HIGH)) for player in stabilisers.SLOW]
    asked += [("hinge + spectral 16", str(lesson.HIGH))]
    wanted = [(*pair, str(seed)) for pair in asked for seed in stabilisers.SEEDS]
    more = [(way, str(rate)) for way, rate in stabilisers.ASKED]
    wanted += [(*pair, str(seed)) for pair in more for seed in stabilisers.MORE_SEEDS]
    assert [(row["way"], row["rate"], row["seed"]) for row in rows] == wanted
    assert {row["code"] for row in rows} == {code_of(lesson, stabilisers.NOT_USED)}
    assert {row["judge"] for row in rows} == {judge()}


def test_the_watched_steps_are_of_this_code(lesson):
    rows = read_rows(stabilisers.STEPS)
    numbers = range(0, stabilisers.TIME, stabilisers.TOGETHER)
    wanted = [(str(seed), str(step)) for seed in stabilisers.WATCHED_SEEDS for step in numbers]
    assert [(row["seed"], row["step"]) for row in rows] == wanted
    assert {row["code"] for row in rows} == {code_of(lesson, stabilisers.NOT_USED)}


def test_the_kept_pictures_are_those_of_the_watched_generators():
    with np.load(stabilisers.PICTURES) as kept:
        ways, pictures, fcds = (kept[name] for name in ("ways", "pictures", "fcds"))
    watched = {name.split("_")[0] for name in read_rows(stabilisers.STEPS)[0]} - {
        "seed",
        "step",
        "code",
    }
    assert {*ways} == watched and pictures.dtype == np.uint8
    assert pictures.shape == (2, 5, stabilisers.SHOWN, 28, 28) and fcds.shape == (2, 5)
    drawn = pictures.std(axis=2).mean(axis=(2, 3))  # do the pictures of a generator differ?
    assert (drawn.argmax(axis=1) == [*ways].index("generator")).all()
    assert (fcds.argmin(axis=1) == [*ways].index("generator")).all()


def test_a_clipped_gradient_is_as_long_as_the_limit():
    weight = keras.Variable([3.0, 4.0])
    adams = [keras.optimizers.SGD(1.0) for _ in range(2)]
    for adam in adams:
        adam.build([weight])
    parts = dict(zip(("generator_optimizer", "discriminator_optimizer"), adams))
    stabilisers.change_adams(parts, {"clip": 10.0})
    adams[0].apply([tf.constant([30.0, 40.0])], [weight])
    assert weight.numpy() == pytest.approx([3 - 6, 4 - 8], rel=1e-5)
    adams[1].apply([tf.constant([3.0, 4.0])], [weight])  # shorter: as it is
    assert weight.numpy() == pytest.approx([-6, -8], rel=1e-5)


def test_adam_notes_its_gradient_and_its_step():
    weight = keras.Variable([3.0, 4.0])
    adam = stabilisers.WatchedAdam(0.1)
    adam.build([weight])
    adam.apply([tf.constant([30.0, 40.0])], [weight])
    assert adam.seen.numpy() == pytest.approx([50, 0.1 * 2**0.5], rel=1e-4)
    assert weight.numpy() == pytest.approx([2.9, 3.9], rel=1e-4)


def test_the_smallest_gan_arrives_with_a_price_and_small_steps_only(lesson):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def at_the_end(name, rate):
        return np.hypot(*lesson.smallest_gan(lesson.WAYS[name], rate, round(60 / rate))[-1])

    theta, psi = 1.0, 1.0
    for place, (found_theta, found_psi) in enumerate(
        lesson.smallest_gan(lesson.WAYS["R1"], 0.5, 9)
    ):
        assert (found_theta, found_psi) == pytest.approx((theta, psi), rel=1e-4), place
        slope_psi = theta * sigmoid(psi * theta) + 0.1 * psi  # gamma is 0.1
        theta, psi = theta + 0.5 * sigmoid(-psi * theta) * psi, psi - 0.5 * slope_psi
    assert at_the_end("R1", 0.1) < 0.1 < 0.4 < at_the_end("plain", 0.1)
    assert at_the_end("R1", 1.0) > 0.9 and at_the_end("hinge", 1.0) > 1_000


def test_networks_are_called_as_they_are_trained(lesson):
    generator, discriminator = lesson.make_generator(), lesson.make_discriminator()
    assert generator.output_shape == discriminator.input_shape == (None, 28, 28, 1)
    assert discriminator.output_shape == (None, 1)
    norms = [x for x in discriminator.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert not norms
