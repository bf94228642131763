"""The functions of chapter 05, taken out of the notebook, against values that are known."""

import os
import re
import shutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import article_networks, failure_catalogue, mystery_runs
from benchmarks.tables import definitions, read_rows
from helpers.checkpoints import CheckpointError
from helpers.course import run_folder
from tests.support.training_checks import equal, interrupt_at, values
from tools.notebooks.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(0, 1, (160, 28, 28, 1)).astype(np.float32)
WIDTHS = {"generator": {"width": 2}, "discriminator": {"width": 1}}
PARTS = ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer")


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("05")


def make_tiny_networks(sizes):
    generator = keras.Sequential(
        [
            keras.Input((128,)),
            keras.layers.Dense(7 * 7 * 2),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Reshape((7, 7, 2)),
            keras.layers.Conv2D(sizes["generator"]["width"], 3, padding="same"),
            keras.layers.UpSampling2D(4),
            keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(sizes["discriminator"]["width"], 5, strides=4),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Dropout(0.4),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    return generator, discriminator


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with short epochs, small batches and tiny networks."""
    chapter = load_definitions("05")
    steps = dict(EPOCH_STEPS=2, TRIAL_STEPS=3, HEAD_START=2)
    networks = dict(make_networks=make_tiny_networks, TINY=WIDTHS)
    vars(chapter).update(**steps, **networks, BATCH=16, few=IMAGES)
    chapter.make_dataset.__defaults__ = (16, 0)
    chapter.make_gan.__defaults__ = (WIDTHS, *chapter.make_gan.__defaults__[1:])
    return chapter


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """A training of three epochs: (folder of results, model, history)."""
    folder = tmp_path_factory.mktemp("trained")
    gan = small.make_gan(small.noisy_targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_RESULTS_DIR", str(folder))
        return folder, gan, small.train("whole", gan, IMAGES, epochs=3)


@pytest.fixture
def whole(trained):
    """The same, (model, history), with a copy of the results for this test alone."""
    folder, gan, history = trained
    shutil.copytree(folder, os.environ["COURSE_RESULTS_DIR"])
    return gan, history


@pytest.fixture(autouse=True)
def quiet():
    tf.get_logger().setLevel("ERROR")


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def variables_of(gan, part):
    return [np.asarray(variable) for variable in getattr(gan, part).variables]


def test_the_networks_are_those_of_the_article(chapter):
    generator, discriminator = chapter.make_networks(chapter.ARTICLE)
    assert (generator.count_params(), discriminator.count_params()) == (2_450_049, 1_113_345)
    shapes = [layer.output.shape[1:] for layer in layers_of(generator, keras.layers.Conv2D)]
    assert shapes == [(14, 14, 128), *[(28, 28, 128)] * 3, (28, 28, 1)]
    shapes = [layer.output.shape[1:] for layer in layers_of(discriminator, keras.layers.Conv2D)]
    assert shapes == [(24, 24, 32), (20, 20, 64), (16, 16, 128), (12, 12, 256)]
    assert [layer.rate for layer in layers_of(discriminator, keras.layers.Dropout)] == [0.4] * 5
    last = generator.layers[-1], discriminator.layers[-1]
    assert {layer.activation.__name__ for layer in last} == {"sigmoid"}


def test_small_networks_have_the_same_form_and_at_most_ten_million_multiplications(chapter):
    article = chapter.make_networks(chapter.ARTICLE)
    for sizes in (chapter.SMALL, chapter.TINY):
        for network, large in zip(chapter.make_networks(sizes), article):
            assert [type(layer) for layer in network.layers] == [type(x) for x in large.layers]
            assert chapter.multiplications(network) <= 10e6
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    convolution = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(4, 3)])
    assert chapter.multiplications(dense) == 15
    assert chapter.multiplications(convolution) == 4 * 4 * 3 * 3 * 2 * 4


def test_targets_of_the_article_and_mended_ones(chapter):
    for make, low, high in (
        (chapter.article_targets, (0, -0.15), (0.15, 0)),
        (chapter.noisy_targets, (0, 0.85), (0.15, 1)),
    ):
        seeds = keras.random.SeedGenerator(0)
        once, again = make(1_000, seeds), make(1_000, seeds)
        for targets, smallest, largest in zip(once, low, high):
            assert targets.shape == (1_000, 1)
            assert np.min(targets) >= smallest and np.max(targets) <= largest
            assert np.mean(targets) == pytest.approx((smallest + largest) / 2, abs=0.01)
        assert not equal(map(np.asarray, once), map(np.asarray, again))  # fresh noise each time


def test_the_hand_values_of_the_post_mortem(chapter):
    pairs = (0.075, 0.075), (-0.075, 0.0)
    real, fake = (float(chapter.cross_entropy([[t]], [[p]])) for t, p in pairs)
    by_hand = -0.075 * np.log(0.075) - 0.925 * np.log(0.925), 0.075 * np.log(1e-7)
    assert (real, fake) == pytest.approx(by_hand, abs=1e-3)
    assert (real + fake) / 2 == pytest.approx(-0.47, abs=0.005)
    assert 0 < float(chapter.cross_entropy([[0.0]], [[0.0]])) < 2e-7


def test_a_dataset_gives_each_picture_once_a_pass_and_skips_to_a_step(chapter):
    numbered = np.arange(96, dtype=np.float32).reshape(96, 1, 1, 1)
    batches = iter(chapter.make_dataset(numbered, batch_size=32))
    passes = [np.concatenate([np.ravel(next(batches)) for _ in range(3)]) for _ in range(2)]
    assert all(sorted(order) == list(range(96)) for order in passes)
    assert list(passes[0]) != list(passes[1])
    resumed = iter(chapter.make_dataset(numbered, batch_size=32, first_step=4))
    assert list(np.ravel(next(resumed))) == list(passes[1][32:64])


@pytest.mark.parametrize("moving, resting", [PARTS[:2], PARTS[1::-1]])
def test_each_half_of_a_step_moves_its_own_network(small, moving, resting):
    gan = small.make_gan(small.plain_targets)
    halves = {
        "discriminator": lambda: small.train_discriminator(gan, tf.constant(IMAGES[:16])),
        "generator": lambda: small.train_generator(gan, 16),
    }
    trained = [getattr(gan, name).trainable_variables for name in (moving, resting)]
    before = [[weight.numpy() for weight in weights] for weights in trained]
    numbers = tf.function(halves[moving])()
    after = [[weight.numpy() for weight in weights] for weights in trained]
    assert f"{moving}_loss" in numbers and np.isfinite([*numbers.values()]).all()
    assert not equal(before[0], after[0]) and equal(before[1], after[1])


# ---------------------------------------------------------------- training


def test_a_training_that_is_interrupted_goes_on_with_equal_results(
    small, whole, monkeypatch, capsys
):
    """Bit for bit: there is no batch normalisation, and dropout, noise and order are kept."""
    gan, history = whole
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(small, patch, 3)
        small.train("cut", small.make_gan(small.noisy_targets), IMAGES, epochs=3)
    resumed = small.make_gan(small.noisy_targets)
    for network in (resumed.generator, resumed.discriminator):
        # other first weights: all must come from the checkpoint
        network.set_weights([0.5 * weight for weight in network.get_weights()])
    resumed_history = small.train("cut", resumed, IMAGES, epochs=3)
    assert "The checkpoint of step 2 is loaded" in capsys.readouterr().out
    assert resumed_history.pop("seconds") != history["seconds"]
    assert resumed_history == {name: history[name] for name in resumed_history}
    assert {len(curve) for curve in resumed_history.values()} == {6}
    assert {"generator_loss", "discriminator_loss", "fake_spread"} < {*resumed_history}
    for part in PARTS:
        assert equal(variables_of(gan, part), variables_of(resumed, part)), part
    pictures = sorted((run_folder("05_keras_fit/cut") / "epochs").glob("*.png"))
    assert [path.stem for path in pictures] == ["epoch_001", "epoch_002", "epoch_003"]


def test_a_training_that_is_complete_says_so(small, whole, capsys):
    gan, history = whole
    again = small.make_gan(small.noisy_targets)
    assert small.train("whole", again, IMAGES, epochs=3) == history
    assert "complete, nothing was trained now" in capsys.readouterr().out
    assert equal(values(gan.generator), values(again.generator))


@pytest.mark.usefixtures("whole")
def test_a_reader_who_changed_something_is_told(small, monkeypatch):
    other = {"generator": {"width": 3}, "discriminator": {"width": 1}}
    for told, gan in {
        r"generator\..* was .*, is ": small.make_gan(small.noisy_targets, other),
        "targets was noisy_targets, is plain_targets": small.make_gan(small.plain_targets),
    }.items():
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("whole", gan, IMAGES, epochs=3)
    monkeypatch.setitem(vars(small), "BATCH", 8)
    with pytest.raises(CheckpointError, match="batch_size was 16, is 8"):
        small.train("whole", small.make_gan(small.noisy_targets), IMAGES, epochs=3)


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_checkpoint(
    small, whole, capsys
):
    gan = small.make_gan(small.noisy_targets)
    gan.generator_loss = lambda answers: tf.reduce_mean(answers) * float("nan")
    history = small.train("whole", gan, IMAGES, epochs=5)
    told = r"Stopped at step 1 of this epoch: .*generator_loss.* not finite"
    assert re.search(told, capsys.readouterr().out)
    assert len(history["step"]) == 7 and np.isnan(history["generator_loss"][-1])
    again = small.make_gan(small.noisy_targets)
    history = small.train("whole", again, IMAGES, epochs=4)
    assert len(history["step"]) == 8 and np.isfinite(history["generator_loss"]).all()
    assert all(np.isfinite(weight).all() for weight in values(again.generator))


def test_what_the_chapter_says_of_backup_and_restore(small, tmp_path):
    """It brings back networks and built optimizers, and loses the random states."""

    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    cut, again, fresh = (small.make_gan(small.plain_targets) for _ in range(3))
    for gan in (cut, again):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        plain = dict(epochs=2, steps_per_epoch=2, shuffle=False, verbose=0)
        with pytest.raises(KeyboardInterrupt):
            gan.fit(small.make_dataset(IMAGES), callbacks=[backup, Cut()], **plain)
    for network, optimizer in zip(PARTS[:2], PARTS[2:]):
        assert equal(values(getattr(cut, network)), values(getattr(again, network)))
        assert equal(variables_of(cut, optimizer), variables_of(again, optimizer))
    assert not equal(values(cut.generator), values(fresh.generator))
    assert not np.array_equal(cut.seeds.state.numpy(), again.seeds.state.numpy())


def test_a_saved_network_loads_without_the_chapters_code(chapter, tmp_path):
    generator, _ = chapter.make_networks(WIDTHS)
    generator.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    assert equal(values(generator), values(loaded))


# ---------------------------------------------------------------- the catalogue


def test_symptoms_are_seen_in_curves_that_have_them(chapter):
    steps = chapter.TRIAL_STEPS
    healthy = {
        "real_accuracy": [0.6] * steps,
        "fake_accuracy": [0.55] * steps,
        "fake_spread": [0.25] * steps,
        "generator_gradient": [2.0] * steps,
        "running_mean": [0.0] + [0.3] * (steps - 1),
        "weights_moved": [0.0] + [0.1] * (steps - 1),
        "discriminator_loss": [0.7] * steps,
    }
    ill = {
        "real_accuracy": [1.0] * steps,
        "fake_accuracy": [0.99] * steps,
        "fake_spread": [0.001] * steps,
        "generator_gradient": [0.01] * steps,
        "running_mean": [0.0] * steps,
        "weights_moved": [0.0] * steps,
        "discriminator_loss": [0.7, float("nan")],
    }
    for name, (_, symptom) in chapter.CATALOGUE.items():
        assert symptom(ill) and not symptom(healthy), name


@pytest.mark.parametrize("name", ["forgotten training", "old model"])
def test_failures_that_need_no_long_training_show_their_symptom(small, name):
    """The others are measured with three seeds in data/measured/failure_catalogue.csv."""
    failure, symptom = small.CATALOGUE[name]
    histories = [failure(5, mended)[1] for mended in (False, True)]
    assert [bool(symptom(history)) for history in histories] == [True, False]
    # the second one began anew: no checkpoint was kept
    assert [history["step"] for history in histories] == [[1, 2, 3], [1, 2, 3]]


def test_the_table_says_that_every_failure_showed_its_symptom_in_three_seeds_of_three(chapter):
    rows = read_rows(failure_catalogue.TABLE)
    assert tuple(rows[0]) == failure_catalogue.COLUMNS and len(chapter.CATALOGUE) >= 6
    wanted = [
        (name, str(mended), str(seed))
        for name in chapter.CATALOGUE
        for mended in (False, True)
        for seed in failure_catalogue.SEEDS
    ]
    assert [(row["failure"], row["mended"], row["seed"]) for row in rows] == wanted
    assert all(row["symptom"] == str(row["mended"] == "False") for row in rows)
    assert len({row["code"] for row in rows}) == 1
    names = failure_catalogue.SETTINGS | failure_catalogue.NOT_USED
    assert names <= {*definitions(chapter)}


def test_the_articles_curve_shows_what_the_post_mortem_says():
    rows = read_rows(article_networks.CURVE)
    assert tuple(rows[0]) == article_networks.COLUMNS
    assert [int(row["step"]) for row in rows] == list(range(1, article_networks.STEPS + 1))
    assert article_networks.STEPS >= 300
    last = rows[-50:]
    assert max(float(row["discriminator_loss"]) for row in last) < 0
    assert max(float(row["generator_loss"]) for row in last) < 1e-5


def test_each_mystery_run_shows_the_signs_of_its_diagnosis(chapter):
    rows = read_rows(mystery_runs.TABLE)
    runs = [
        {name: [float(row[name]) for row in rows if row["run"] == run] for name in rows[0]}
        for run in "123"
    ]
    assert [len(run["step"]) for run in runs] == [chapter.TRIAL_STEPS] * 3 == [100] * 3
    assert all(np.isfinite([*run.values()]).all() for run in runs)
    collapsed, noise_for_labels, vanishing = runs
    assert chapter.all_alike(collapsed) and not chapter.always_right(collapsed)
    assert max(noise_for_labels["discriminator_loss"][-20:]) < 0
    assert max(noise_for_labels["fake_accuracy"][-20:]) == 0
    assert chapter.hardly_a_gradient(vanishing) and chapter.always_right(vanishing)
    assert max(vanishing["generator_loss"]) < 0


def test_the_articles_networks_are_trained_on_scaled_pictures(monkeypatch):
    """The benchmark's own dataset: pictures of 0 to 1 with a channel axis."""
    seen = []

    class Stop(Exception):
        pass

    def fit(_, dataset, **settings):
        seen.append(np.asarray(next(iter(dataset))))
        raise Stop

    white = types.SimpleNamespace(train_images=np.full((200, 28, 28), 255, np.uint8))
    monkeypatch.setenv("COURSE_BUDGET", "full")  # the benchmark sets it: put back after the test
    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(article_networks, "complete_clothes", lambda: white)
    with pytest.raises(Stop):
        article_networks.main()
    assert seen[0].shape == (128, 28, 28, 1) and seen[0].dtype == np.float32 and seen[0].max() == 1
