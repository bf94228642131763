"""The functions of chapter 05, taken out of the notebook, against values that are known."""

import os
import shutil
import subprocess
import sys
import types

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import article_case, article_networks
from benchmarks.tables import code_of, definitions, read_rows
from helpers.checkpoints import CheckpointError
from helpers.course import run_folder
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions

IMAGES = np.random.default_rng(0).uniform(0, 1, (160, 28, 28, 1)).astype(np.float32)
WIDTHS = {"width_g": 2, "width_d": 1}
PARTS = ("generator", "discriminator")


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("05")


@pytest.fixture(scope="module")
def small():
    """The chapter's own training, with short epochs, small batches and narrow networks."""
    chapter = load_definitions("05")
    vars(chapter).update(EPOCH_STEPS=2, BATCH=16, real=IMAGES)
    defaults = chapter.make_gan.__defaults__
    chapter.make_gan.__defaults__ = (WIDTHS, *defaults[1:])
    return chapter


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """A training of three epochs: (folder of results, model, history)."""
    folder = tmp_path_factory.mktemp("trained")
    gan = small.make_gan(small.mended_targets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_RESULTS_DIR", str(folder))
        return folder, gan, small.train("whole", gan, epochs=3)


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


def state_of(gan):
    """Return all that a training changes, as arrays."""
    optimizers = [value for part in PARTS for value in gan.optimizers[part].variables]
    networks = [value for part in PARTS for value in getattr(gan, part).variables]
    return [np.asarray(value) for value in [*networks, *optimizers, gan.seeds.state]]


# ---------------------------------------------------------------- networks, targets, losses


def test_the_networks_are_those_of_the_case(chapter):
    generator = chapter.make_generator(chapter.ARTICLE["width_g"])
    discriminator = chapter.make_discriminator(chapter.ARTICLE["width_d"])
    assert (generator.count_params(), discriminator.count_params()) == (2_450_049, 1_113_345)
    shapes = [layer.output.shape[1:] for layer in layers_of(generator, keras.layers.Conv2D)]
    assert shapes == [(14, 14, 128), *[(28, 28, 128)] * 3, (28, 28, 1)]
    shapes = [layer.output.shape[1:] for layer in layers_of(discriminator, keras.layers.Conv2D)]
    assert shapes == [(24, 24, 32), (20, 20, 64), (16, 16, 128), (12, 12, 256)]
    assert [layer.rate for layer in layers_of(discriminator, keras.layers.Dropout)] == [0.4] * 5
    slopes = {layer.negative_slope for layer in layers_of(generator, keras.layers.LeakyReLU)}
    assert slopes == {0.2}
    last = generator.layers[-1], discriminator.layers[-1]
    assert {layer.activation.__name__ for layer in last} == {"sigmoid"}


def test_small_networks_have_the_same_form_and_at_most_ten_million_multiplications(chapter):
    for make, width in (
        (chapter.make_generator, "width_g"),
        (chapter.make_discriminator, "width_d"),
    ):
        large = make(chapter.ARTICLE[width])
        for widths in (chapter.SMALL, chapter.TINY):
            network = make(widths[width])
            assert [type(layer) for layer in network.layers] == [type(x) for x in large.layers]
            assert chapter.multiplications(network) <= 10e6
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    convolution = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(4, 3)])
    assert chapter.multiplications(dense) == 15
    assert chapter.multiplications(convolution) == 4 * 4 * 3 * 3 * 2 * 4


def test_targets(chapter):
    """Smallest and largest target of real pictures, then of fakes."""
    wanted = {
        "case": ((0.85, 1), (1, 1.15)),
        "mended": ((0.85, 1), (0, 0.15)),
        "one_sided": ((0.85, 1), (0, 0)),
        "plain": ((1, 1), (0, 0)),
    }
    assert wanted.keys() == chapter.TARGETS.keys()
    for name, make_targets in chapter.TARGETS.items():
        seeds = keras.random.SeedGenerator(0)
        once, again = make_targets(1_000, seeds), make_targets(1_000, seeds)
        for targets, fresh, (low, high) in zip(once, again, wanted[name]):
            assert targets.shape == (1_000, 1) and targets.dtype == "float32"
            assert low <= np.min(targets) and np.max(targets) <= high
            assert np.mean(targets) == pytest.approx((low + high) / 2, abs=0.01)
            assert np.array_equal(targets, fresh) == (low == high)  # fresh noise each time


def test_the_hand_values_of_the_post_mortem(chapter):
    pairs = (0.925, 0.925), (1.075, 1.0)
    real, fake = (float(chapter.cross_entropy([[t]], [[p]])) for t, p in pairs)
    by_hand = -0.925 * np.log(0.925) - 0.075 * np.log(0.075), 0.075 * np.log(1e-7)
    assert real == pytest.approx(by_hand[0], abs=1e-4)
    assert real == pytest.approx(0.266, abs=5e-4)
    assert fake == pytest.approx(by_hand[1], abs=0.015)  # 1 - 1e-7 is rounded in float32
    assert (real + fake) / 2 == pytest.approx(-0.47, abs=0.01)
    assert 0 < float(chapter.cross_entropy([[1.0]], [[1.0]])) < 2e-7


def test_the_ends_of_the_mended_game_are_those_of_the_text(chapter):
    """A guess costs ln 2 on average; who sees every difference pays 0.266."""
    targets = tf.constant([[0.925], [0.075]])
    assert float(chapter.cross_entropy(targets, tf.constant([[0.5], [0.5]]))) == pytest.approx(
        np.log(2)
    )
    assert float(chapter.cross_entropy(targets, targets)) == pytest.approx(0.266, abs=5e-4)


def test_costs_has_its_lowest_points_where_the_targets_are(chapter):
    """The logits of 0.925 and 0.075 are 2.5 and -2.5; the axis ends at 16 and -16."""
    lowest = {}
    for place, name in enumerate(chapter.TARGETS):
        lines = chapter.costs(place).axes[0].lines
        lowest[name] = [float(line.get_xdata()[line.get_markevery()[0]]) for line in lines]
    for name, (on_real, on_fakes) in {
        "case": (2.5, 16),
        "mended": (2.5, -2.5),
        "one_sided": (2.5, -16),
        "plain": (16, -16),
    }.items():
        assert lowest[name] == pytest.approx([on_real, on_fakes], abs=0.11)


# ---------------------------------------------------------------- fit, metrics, data


def test_a_mean_reports_the_epoch_and_a_plain_number_the_last_batch(chapter):
    line, x = chapter.Line(), np.ones(3, np.float32)
    line.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    history = line.fit(x, 2 * x, batch_size=1, epochs=2, verbose=0).history
    losses = [4 * 0.64**step for step in range(6)]  # the error shrinks by 0.8 a step
    assert history["loss"] == pytest.approx([np.mean(losses[:3]), np.mean(losses[3:])])
    assert history["last_loss"] == pytest.approx([losses[2], losses[5]])
    assert float(line.slope) == pytest.approx(2 * (1 - 0.8**6))


def test_fit_reports_means_of_the_epoch(small):
    """With networks at rest, on the same pictures: the mean of two epochs of one step each."""
    dataset, settings = tf.data.Dataset.from_tensors(IMAGES[:16]).repeat(), small.QUIET
    at_rest = dict(make_optimizer=keras.optimizers.SGD, rate=0.0)
    one, other = (small.make_gan(small.plain_targets, **at_rest) for _ in range(2))
    each = one.fit(dataset, steps_per_epoch=1, epochs=2, **settings).history
    both = other.fit(dataset, steps_per_epoch=2, epochs=1, **settings).history
    assert each.keys() == both.keys() == set(small.NAMES)
    for name in small.NAMES:
        assert both[name] == pytest.approx([np.mean(each[name])], rel=1e-5)
    assert each["discriminator_loss"][0] != each["discriminator_loss"][1]  # other noise


def test_a_dataset_gives_each_picture_once_a_pass_and_skips_to_a_step(small, monkeypatch):
    monkeypatch.setattr(small, "BATCH", 32)
    numbered = np.arange(96, dtype=np.float32).reshape(96, 1, 1, 1)
    batches = iter(small.make_dataset(numbered))
    passes = [np.concatenate([np.ravel(next(batches)) for _ in range(3)]) for _ in range(2)]
    assert all(sorted(order) == list(range(96)) for order in passes)
    assert list(passes[0]) != list(passes[1])
    resumed = iter(small.make_dataset(numbered, first_step=4))
    assert list(np.ravel(next(resumed))) == list(passes[1][32:64])


@pytest.mark.parametrize("moving, resting", [PARTS, PARTS[::-1]])
def test_each_half_of_a_step_moves_its_own_network(small, moving, resting):
    gan = small.make_gan(small.plain_targets)
    halves = {
        "discriminator": lambda: small.train_discriminator(gan, tf.constant(IMAGES[:16])),
        "generator": lambda: small.train_generator(gan, 16),
    }
    before = [values(getattr(gan, name)) for name in (moving, resting)]
    numbers = tf.function(halves[moving])()
    after = [values(getattr(gan, name)) for name in (moving, resting)]
    assert np.isfinite(float(numbers[f"{moving}_loss"]))
    trained = gan.generator if moving == "generator" else gan.discriminator
    changed = [not np.array_equal(a, b) for a, b in zip(before[0], after[0])]
    assert sum(changed) >= len(trained.trainable_variables)
    assert equal(before[1], after[1])


def test_the_losses_of_a_step_are_those_of_the_text(small):
    """A network at rest whose answers are known: 0.5 for everything."""
    gan = small.make_gan(small.plain_targets, make_optimizer=keras.optimizers.SGD, rate=0.0)
    gan.discriminator.set_weights([0 * weight for weight in gan.discriminator.get_weights()])
    found = small.train_discriminator(gan, tf.constant(IMAGES[:16])) | small.train_generator(
        gan, 16
    )
    assert float(found["discriminator_loss"]) == pytest.approx(np.log(2), abs=1e-5)
    assert float(found["generator_loss"]) == pytest.approx(np.log(2), abs=1e-5)
    assert np.all(found["real_answer"] == 0.5) and np.all(found["fake_answer"] == 0.5)


# ---------------------------------------------------------------- training


class Cut(keras.callbacks.Callback):
    """Stop as the square in the toolbar does, in the middle of the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == 1:
            raise KeyboardInterrupt


def test_a_training_that_is_interrupted_goes_on_with_equal_results(
    small, whole, monkeypatch, capsys
):
    """Bit for bit: there is no batch normalisation, and dropout, noise and order are kept."""
    gan, history = whole
    fit = keras.Model.fit
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            small.FashionGAN,
            "fit",
            lambda *of, callbacks, **more: fit(*of, callbacks=[*callbacks, Cut()], **more),
        )
        small.train("cut", small.make_gan(small.mended_targets), epochs=3)
    resumed = small.make_gan(small.mended_targets)
    for network in (resumed.generator, resumed.discriminator):
        # other first weights: all must come from the checkpoint
        network.set_weights([0.5 * weight for weight in network.get_weights()])
    resumed_history = small.train("cut", resumed, epochs=3)
    assert "The checkpoint of step 1 is loaded" in capsys.readouterr().out
    assert resumed_history.pop("seconds") != history["seconds"]
    assert resumed_history == {name: history[name] for name in resumed_history}
    assert {len(curve) for curve in resumed_history.values()} == {3}
    assert {*small.NAMES} < {*resumed_history}
    assert equal(state_of(gan), state_of(resumed))
    pictures = sorted((run_folder("05_keras_fit/cut") / "epochs").glob("*.png"))
    assert [path.stem for path in pictures] == ["001", "002", "003"]


def test_a_training_that_is_complete_says_so(small, whole, capsys):
    gan, history = whole
    again = small.make_gan(small.mended_targets)
    assert small.train("whole", again, epochs=3) == history
    assert "complete, nothing was trained now" in capsys.readouterr().out
    assert equal(values(gan.generator), values(again.generator))


@pytest.mark.usefixtures("whole")
def test_a_reader_who_changed_something_is_told(small, monkeypatch):
    for told, gan in {
        r"generator.* was .*, is ": small.make_gan(
            small.mended_targets, {"width_g": 3, "width_d": 1}
        ),
        "targets was mended_targets, is plain_targets": small.make_gan(small.plain_targets),
    }.items():
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("whole", gan, epochs=3)
    for told, name, value in (
        ("batch_size was 16, is 8", "BATCH", 8),
        ("label_noise was 0.15, is 0.3", "LABEL_NOISE", 0.3),
        (r"pictures was 0\.\d+, is 0\.\d+", "real", IMAGES / 2),
    ):
        gan = small.make_gan(small.mended_targets)
        with monkeypatch.context() as patch, pytest.raises(CheckpointError, match=told):
            patch.setattr(small, name, value)
            small.train("whole", gan, epochs=3)


def test_what_the_chapter_says_of_keras_callbacks(small, tmp_path):
    """BackupAndRestore loses the random states; TerminateOnNaN sees no loss of ours."""
    cut, again, fresh = (small.make_gan(small.plain_targets) for _ in range(3))
    for gan in (cut, again):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            steps = dict(epochs=2, steps_per_epoch=2)
            gan.fit(small.make_dataset(IMAGES), callbacks=[backup, Cut()], **steps, **small.QUIET)
    assert not equal(values(cut.generator), values(fresh.generator))
    first_step = small.make_gan(small.plain_targets)
    first_step.fit(small.make_dataset(IMAGES), steps_per_epoch=1, **small.QUIET)
    # `again` has restored the first epoch, and drew as many numbers as after no epoch at all
    assert np.array_equal(again.seeds.state.numpy(), first_step.seeds.state.numpy())
    broken = small.make_gan(lambda count, seeds: (tf.fill((count, 1), float("nan")),) * 2)
    stop = keras.callbacks.TerminateOnNaN()
    counts = dict(epochs=2, steps_per_epoch=2)
    history = broken.fit(small.make_dataset(IMAGES), callbacks=[stop], **counts, **small.QUIET)
    assert np.isnan(history.history["discriminator_loss"]).tolist() == [True, True]


def test_seeds_differ_in_all_that_is_random(small):
    """First weights, the random numbers of noise and targets, and the order of the pictures."""
    same, once, other = (small.make_gan(small.mended_targets, seed=seed) for seed in (1, 1, 2))
    assert equal(state_of(same), state_of(once))
    assert not np.array_equal(np.asarray(once.seeds.state), np.asarray(other.seeds.state))
    assert not np.array_equal(values(once.generator)[0], values(other.generator)[0])
    first = []
    for seed in (1, 1, 2):
        small.make_gan(small.mended_targets, seed=seed)
        first.append(np.asarray(next(iter(small.make_dataset(IMAGES)))))
    assert np.array_equal(first[0], first[1]) and not np.array_equal(first[0], first[2])


# ---------------------------------------------------------------- save and load


def test_a_saved_model_comes_back_with_its_class(small, tmp_path):
    gan = small.make_gan(small.mended_targets)
    gan.fit(small.make_dataset(IMAGES), steps_per_epoch=1, **small.QUIET)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras", compile=False)
    assert type(loaded) is small.FashionGAN and loaded.get_config() == WIDTHS
    assert equal(
        values(gan.generator, gan.discriminator), values(loaded.generator, loaded.discriminator)
    )


def test_a_new_process_needs_the_class(small, tmp_path):
    """Run the cells that the lesson names, and nothing else, in a fresh Python."""
    gan, path = small.make_gan(small.mended_targets), tmp_path / "gan.keras"
    gan.save(path)
    cells = [c.source for c in nbformat.read(small.__file__, 4).cells if c.cell_type == "code"]
    starts = ("def convolution", "@keras.saving", "NAMES")
    for cell in cells:
        assert "starts = " not in cell or repr(starts).replace("'", '"') in cell
    own = [cell for cell in cells if cell.startswith(starts)]
    assert len(own) == 3
    imports = "import sys\nimport keras\nimport tensorflow as tf\nfrom keras import layers"
    load = "print(keras.models.load_model(sys.argv[1], compile=False).count_params())"
    said = []
    for program in ([imports, load], [imports, *own, load]):
        command = [sys.executable, "-c", "\n".join(program), str(path)]
        said.append(subprocess.run(command, capture_output=True, text=True, check=False))
    assert "Could not locate class 'FashionGAN'" in said[0].stderr
    assert int(said[1].stdout) == gan.count_params()


# ---------------------------------------------------------------- measured tables


def test_the_table_says_what_the_chapter_says(chapter):
    rows = read_rows(article_case.TABLE)
    assert tuple(rows[0]) == (*article_case.KEY, *article_case.FOUND)
    names = [targets.__name__ for targets in chapter.TARGETS.values()]
    wanted = [(name, str(seed)) for seed in article_case.SEEDS for name in names]
    assert [(row["targets"], row["seed"]) for row in rows] == wanted and len(wanted) == 12
    assert {row["code"] for row in rows} == {code_of(chapter, article_case.NOT_USED)}
    assert {*definitions(chapter)} >= article_case.NOT_USED
    for row in rows:
        found = {name: float(row[name]) for name in article_case.FOUND}
        assert all(np.isfinite([*found.values()]))
        signs = (
            found["discriminator_loss"] < 0,
            found["generator_loss"] < 1e-4,
            found["fake_answer"] > max(0.999, found["real_answer"]),
        )
        if row["targets"] == "case_targets":
            assert all(signs) and found["fcd"] > 500 and found["recall"] == 0
        else:
            assert not any(signs) and found["fcd"] < 100 and found["recall"] > 0.1


def test_the_curve_of_the_case_shows_what_the_post_mortem_says():
    rows = read_rows(article_networks.CURVE)
    assert tuple(rows[0]) == article_networks.COLUMNS
    every = article_networks.EPOCH_STEPS
    assert [int(row["step"]) for row in rows] == list(range(every, 301, every))
    for row in rows[-5:]:
        assert float(row["discriminator_loss"]) < 0 <= float(row["generator_loss"]) < 1e-4
        assert float(row["fake_answer"]) > max(0.999, float(row["real_answer"]))


def test_the_networks_of_the_case_are_trained_as_in_the_case(monkeypatch):
    """The benchmark's own dataset and rates: pictures of 0 to 1, 128 in a batch."""
    seen = []

    class Stop(Exception):
        pass

    def fit(gan, dataset, **settings):
        rates = {part: float(gan.optimizers[part].learning_rate) for part in PARTS}
        seen.extend([gan, rates, np.asarray(next(iter(dataset)))])
        raise Stop

    white = types.SimpleNamespace(train_images=np.full((200, 28, 28), 255, np.uint8))
    monkeypatch.setenv("COURSE_BUDGET", "full")  # the benchmark sets it: put back after the test
    monkeypatch.setattr(keras.Model, "fit", fit)
    monkeypatch.setattr(article_networks, "complete_clothes", lambda: white)
    with pytest.raises(Stop):
        article_networks.main()
    gan, rates, batch = seen
    assert gan.get_config() == {"width_g": 128, "width_d": 32}
    assert gan.make_targets.__name__ == "case_targets"
    assert rates == pytest.approx({"generator": 1e-4, "discriminator": 1e-5})
    assert gan.optimizers["generator"].beta_1 == 0.9  # Keras's own
    assert batch.shape == (128, 28, 28, 1) and batch.dtype == np.float32 and batch.max() == 1
