"""The functions of chapter 05, taken out of the notebook, against values that are known."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import article_networks, failure_catalogue, mystery_runs
from helpers.checkpoints import CheckpointError
from tests.training import equal, interrupt_at, values
from tools.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(0, 1, (160, 28, 28, 1)).astype(np.float32)
TINIEST = {"generator": {"width": 2}, "discriminator": {"width": 1}}


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("05")


@pytest.fixture(autouse=True)
def quiet():
    tf.get_logger().setLevel("ERROR")


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own training, with short epochs and small batches."""
    for name, value in {"EPOCH_STEPS": 2, "BATCH": 16, "TRIAL_STEPS": 3, "HEAD_START": 2, "TINY": TINIEST, "few": IMAGES}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    monkeypatch.setattr(chapter.make_dataset, "__defaults__", (16, 0))
    return chapter


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_networks_are_those_of_the_article(chapter):
    generator, discriminator = chapter.make_networks(chapter.ARTICLE)
    assert (generator.count_params(), discriminator.count_params()) == (2_450_049, 1_113_345)
    shapes = [layer.output.shape[1:] for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert shapes == [(14, 14, 128), *[(28, 28, 128)] * 3, (28, 28, 1)]
    shapes = [layer.output.shape[1:] for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert shapes == [(24, 24, 32), (20, 20, 64), (16, 16, 128), (12, 12, 256)]
    assert [layer.rate for layer in discriminator.layers if isinstance(layer, keras.layers.Dropout)] == [0.4] * 5
    assert {layer.activation.__name__ for layer in (generator.layers[-1], discriminator.layers[-1])} == {"sigmoid"}


def test_small_networks_have_the_same_form_and_at_most_ten_million_multiplications(chapter):
    for sizes in (chapter.SMALL, chapter.TINY):
        for network, large in zip(chapter.make_networks(sizes), chapter.make_networks(chapter.ARTICLE)):
            assert [type(layer) for layer in network.layers] == [type(layer) for layer in large.layers]
            assert chapter.multiplications(network) <= 10e6
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    convolution = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(4, 3)])
    assert (chapter.multiplications(dense), chapter.multiplications(convolution)) == (15, 4 * 4 * 3 * 3 * 2 * 4)


def test_targets_of_the_article_and_mended_ones(chapter):
    for make, low, high in ((chapter.article_targets, (0, -0.15), (0.15, 0)), (chapter.noisy_targets, (0, 0.85), (0.15, 1))):
        seeds = keras.random.SeedGenerator(0)
        once, again = make(1_000, seeds), make(1_000, seeds)
        for targets, smallest, largest in zip(once, low, high):
            assert targets.shape == (1_000, 1) and np.min(targets) >= smallest and np.max(targets) <= largest
            assert np.mean(targets) == pytest.approx((smallest + largest) / 2, abs=0.01)
        assert not equal(map(np.asarray, once), map(np.asarray, again))  # fresh noise each time


def test_the_hand_values_of_the_post_mortem(chapter):
    real, fake = (float(chapter.cross_entropy([[t]], [[p]])) for t, p in ((0.075, 0.075), (-0.075, 0.0)))
    assert (real, fake) == pytest.approx((-0.075 * np.log(0.075) - 0.925 * np.log(0.925), 0.075 * np.log(1e-7)), abs=1e-3)
    assert (real + fake) / 2 == pytest.approx(-0.47, abs=0.005)
    assert 0 < float(chapter.cross_entropy([[0.0]], [[0.0]])) < 2e-7


def test_a_dataset_gives_each_picture_once_a_pass_and_skips_to_a_step(chapter):
    numbered = np.arange(96, dtype=np.float32).reshape(96, 1, 1, 1)
    batches = iter(chapter.make_dataset(numbered, batch_size=32))
    passes = [np.concatenate([np.ravel(next(batches)) for _ in range(3)]) for _ in range(2)]
    assert all(sorted(order) == list(range(96)) for order in passes) and list(passes[0]) != list(passes[1])
    resumed = iter(chapter.make_dataset(numbered, batch_size=32, first_step=4))
    assert list(np.ravel(next(resumed))) == list(passes[1][32:64])


@pytest.mark.parametrize("half, moving, resting", [
    (lambda chapter, gan: chapter.train_discriminator(gan, tf.constant(IMAGES[:16])), "discriminator", "generator"),
    (lambda chapter, gan: chapter.train_generator(gan, 16), "generator", "discriminator"),
])  # fmt: skip
def test_each_half_of_a_step_moves_its_own_network(small, half, moving, resting):
    gan = small.make_gan(small.plain_targets, TINIEST)
    before = {name: values(getattr(gan, name)) for name in (moving, resting)}
    tf.function(lambda: half(small, gan))()
    trained = [weight.numpy() for weight in getattr(gan, moving).trainable_variables]
    assert not equal(before[moving][: len(trained)], trained)
    kept = [weight.numpy() for weight in getattr(gan, resting).trainable_variables]
    assert all(any(np.array_equal(old, new) for old in before[resting]) for new in kept)


def test_a_training_that_is_interrupted_goes_on_with_equal_results(small, monkeypatch, capsys):
    """Bit for bit: the networks have no batch normalisation, and dropout, noise and the order of the data are kept."""
    whole = small.make_gan(small.noisy_targets, TINIEST)
    history = small.train("whole", whole, IMAGES, epochs=3)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(small, patch, 3)
        small.train("cut", small.make_gan(small.noisy_targets, TINIEST), IMAGES, epochs=3)
    resumed = small.make_gan(small.noisy_targets, TINIEST)
    for network in (resumed.generator, resumed.discriminator):  # other first weights: all must come from the checkpoint
        network.set_weights([0.5 * weight for weight in network.get_weights()])
    resumed_history = small.train("cut", resumed, IMAGES, epochs=3)
    assert "The checkpoint of step 2 is loaded" in capsys.readouterr().out
    for name in ("step", "generator_loss", "discriminator_loss", "real_accuracy", "fake_spread"):
        assert resumed_history[name] == history[name] and len(history[name]) == 6
    for part in ("generator", "discriminator", "generator_optimizer", "discriminator_optimizer"):
        one, other = ([np.asarray(variable) for variable in getattr(gan, part).variables] for gan in (whole, resumed))
        assert equal(one, other), part
    pictures = sorted((small.chapter_folder("05_keras_fit/whole") / "epochs").glob("*.png"))
    assert [path.name for path in pictures] == ["epoch_001.png", "epoch_002.png", "epoch_003.png"]


def test_what_the_chapter_says_of_backup_and_restore(small, tmp_path):
    """It brings back networks and built optimizers, and loses the random states."""

    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def fit(gan, *callbacks):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        gan.fit(small.make_dataset(IMAGES), epochs=2, steps_per_epoch=2, shuffle=False, verbose=0, callbacks=[backup, *callbacks])

    cut, again, seen = (small.make_gan(small.plain_targets, TINIEST) for _ in range(3))
    with pytest.raises(KeyboardInterrupt):
        fit(cut, Cut())
    with pytest.raises(KeyboardInterrupt):
        fit(again, Cut())
    assert equal(values(cut.generator), values(again.generator)) and not equal(values(cut.generator), values(seen.generator))
    assert equal(*([np.asarray(v) for v in gan.generator_optimizer.variables] for gan in (cut, again)))
    assert not np.array_equal(cut.seeds.state.numpy(), again.seeds.state.numpy())


def test_a_reader_who_changed_the_networks_is_told(small):
    small.train("main", small.make_gan(small.noisy_targets, TINIEST), IMAGES, epochs=1)
    other = {"generator": {"width": 3}, "discriminator": {"width": 1}}
    with pytest.raises(CheckpointError, match="generator"):
        small.train("main", small.make_gan(small.noisy_targets, other), IMAGES, epochs=1)
    with pytest.raises(CheckpointError, match="targets was 'noisy_targets', is 'plain_targets'"):
        small.train("main", small.make_gan(small.plain_targets, TINIEST), IMAGES, epochs=1)


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_checkpoint(small, monkeypatch, capsys):
    small.train("bad", small.make_gan(small.noisy_targets, TINIEST), IMAGES, epochs=1)
    gan = small.make_gan(small.noisy_targets, TINIEST)
    gan.generator_loss = lambda answers: tf.reduce_mean(answers) * float("nan")
    history = small.train("bad", gan, IMAGES, epochs=3)
    assert "generator_loss" in capsys.readouterr().out
    assert len(history["step"]) == 3 and np.isnan(history["generator_loss"][-1])  # stopped at the first step of epoch 2
    again = small.make_gan(small.noisy_targets, TINIEST)
    assert len(small.train("bad", again, IMAGES, epochs=2)["step"]) == 4 and np.isfinite(values(again.generator)[0]).all()


def test_a_saved_network_loads_without_the_chapters_code(small, tmp_path):
    generator, _ = small.make_networks(TINIEST)
    generator.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    assert equal(values(generator), values(loaded))


# ---------------------------------------------------------------- the catalogue

def test_symptoms_are_seen_in_curves_that_have_them(chapter):
    steps = chapter.TRIAL_STEPS
    healthy = {"real_accuracy": [0.6] * steps, "fake_accuracy": [0.55] * steps, "fake_spread": [0.25] * steps, "generator_gradient": [2.0] * steps,
               "running_mean": [0.0] + [0.3] * (steps - 1), "weights_moved": [0.0] + [0.1] * (steps - 1), "discriminator_loss": [0.7] * steps}  # fmt: skip
    ill = {"real_accuracy": [1.0] * steps, "fake_accuracy": [0.99] * steps, "fake_spread": [0.001] * steps, "generator_gradient": [0.01] * steps,
           "running_mean": [0.0] * steps, "weights_moved": [0.0] * steps, "discriminator_loss": [0.7, float("nan")]}  # fmt: skip
    for name, (_, symptom) in chapter.CATALOGUE.items():
        assert symptom(ill) is True or symptom(ill) == np.True_, name
        assert not symptom(healthy), name


def test_failures_that_need_no_long_training_show_their_symptom(small):
    """The others are measured with three seeds in benchmarks/failure_catalogue.csv."""
    for name in ("forgotten training", "old model"):
        failure, symptom = small.CATALOGUE[name]
        assert [bool(symptom(failure(5, mended)[1])) for mended in (False, True)] == [True, False], name


def test_the_table_says_that_every_failure_showed_its_symptom_in_three_seeds_of_three(chapter):
    rows = rows_of(failure_catalogue.TABLE)
    assert tuple(rows[0]) == failure_catalogue.COLUMNS and len(chapter.CATALOGUE) >= 6
    wanted = [(name, str(mended), str(seed)) for name in chapter.CATALOGUE for mended in (False, True) for seed in failure_catalogue.SEEDS]
    assert [(row["failure"], row["mended"], row["seed"]) for row in rows] == wanted
    assert all(row["symptom"] == str(row["mended"] == "False") for row in rows)
    assert {row["code"] for row in rows} == {failure_catalogue.code_of_chapter()}, "the chapter's failures changed: run python -m benchmarks.failure_catalogue"


def test_the_articles_curve_shows_what_the_post_mortem_says():
    rows = rows_of(article_networks.CURVE)
    assert [int(row["step"]) for row in rows] == list(range(1, article_networks.STEPS + 1)) and article_networks.STEPS >= 300
    last = rows[-50:]
    assert max(float(row["discriminator_loss"]) for row in last) < 0 and max(float(row["generator_loss"]) for row in last) < 1e-5


def test_each_mystery_run_shows_the_signs_of_its_diagnosis(chapter):
    rows = rows_of(mystery_runs.TABLE)
    runs = [{name: [float(row[name]) for row in rows if row["run"] == run] for name in rows[0] if name != "run"} for run in "123"]
    assert [len(run["step"]) for run in runs] == [chapter.budget(smoke=100, lesson=100, full=100)] * 3
    assert all(np.isfinite(list(run.values())).all() for run in runs)
    chapter_steps, chapter.TRIAL_STEPS = chapter.TRIAL_STEPS, 100
    try:
        assert [chapter.all_alike(run) for run in runs][0] and not chapter.always_right(runs[0])  # mode collapse
        assert max(runs[1]["discriminator_loss"][-20:]) < 0 and max(runs[1]["fake_accuracy"][-20:]) == 0  # labels replaced by noise
        assert chapter.hardly_a_gradient(runs[2]) and chapter.always_right(runs[2]) and max(runs[2]["generator_loss"]) < 0  # vanishing gradient
    finally:
        chapter.TRIAL_STEPS = chapter_steps


def test_the_articles_networks_are_trained_on_scaled_pictures(chapter, monkeypatch):
    """The benchmark's own dataset: pictures of 0 to 1 with a channel axis."""
    seen = []

    class Stop(Exception):
        pass

    def fit(self, dataset, **settings):
        seen.append(np.asarray(next(iter(dataset))))
        raise Stop

    monkeypatch.setenv("COURSE_BUDGET", "full")  # the benchmark sets it too; so it is put back after the test
    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(article_networks.datasets, "load", lambda name: type("Data", (), {"source": "folder", "train_images": np.full((200, 28, 28), 255, np.uint8)}))
    with pytest.raises(Stop):
        article_networks.main()
    assert seen[0].shape == (128, 28, 28, 1) and seen[0].dtype == np.float32 and seen[0].max() == 1
