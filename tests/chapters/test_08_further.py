"""The functions of the notebook beside chapter 08, against values that are known."""

import functools
import itertools
import types

import imageio.v3 as iio
import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab
from skimage.exposure import match_histograms

from benchmarks import cyclegan_truth as benchmark
from benchmarks.tables import MEASURED, checksum, definitions, read_rows
from helpers import pairs
from helpers.checkpoints import CheckpointError
from tests.support import benchmark_checks, same_bits, training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER, FURTHER

PLACE = FURTHER / "08_hidden_truth.ipynb"
RNG = np.random.default_rng(0)
COARSE = 16  # pixels of the smallest pictures
SMALL = dict(SIZE=COARSE, BATCH=4, SHIFT=1, KEPT=6, RATE=3e-4, EVERY=2)
LOSSES = ("fooling_loss", "cycle_loss", "identity_loss", "discriminators_loss")


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("08", PLACE)


@pytest.fixture(scope="module")
def solutions():
    return load_definitions("08", FOLDER / "solutions/08_hidden_truth.ipynb")


@pytest.fixture(scope="module")
def small():
    return load_small()


def load_small():
    """Return the lesson with tiny networks, a batch of 4 and 4, and a checkpoint every 2 steps."""
    lesson = load_definitions("08", PLACE)
    vars(lesson).update(SMALL)
    lesson.make_generator.__defaults__ = (COARSE, 2, 1, True, lesson.resize_conv)
    plain = lesson.make_discriminator.__defaults__[-1]
    lesson.make_discriminator.__defaults__ = (COARSE, 4, 1, plain)
    return lesson


@pytest.fixture(scope="module")
def heaps():
    return small_heaps()


def small_heaps():
    """Return two heaps of noise; the second one has a bright stripe."""
    rng = np.random.default_rng(7)
    x, y = rng.integers(0, 256, (2, 20, COARSE, COARSE, 3), dtype=np.uint8)
    y[:, :, 4:8] = 250
    names = "train_x", "train_y", "test_x", "test_y"
    return types.SimpleNamespace(**dict(zip(names, (x[:16], y[:16], x[16:], y[16:]))))


def train_small(chapter, name):
    """Train for tests/support/same_bits.py; return all that a training changes, and its curves."""
    return same_bits.train_cyclegan(chapter, name, small_heaps())


@pytest.fixture(scope="module")
def emoji():
    return pairs.load_pairs("openmoji")


def pictures(count=3, size=COARSE):
    return RNG.uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def random_weights(network):
    network.set_weights([RNG.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return network


# ---------------------------------------------------------------- data


def test_no_pair_is_left_in_the_heaps_and_the_truth_is_hidden(lesson, emoji):
    lines = lambda images: np.repeat(images, 3, axis=-1)
    for seed in (1, 2):
        heaps = lesson.two_heaps(emoji, seed)
        first, second = heaps.numbers
        assert len(first) == len(second) == 858 and not {*first} & {*second}
        np.testing.assert_array_equal(heaps.train_x, emoji.train_targets[first])
        np.testing.assert_array_equal(heaps.paired_y, lines(emoji.train_inputs[first]))
        np.testing.assert_array_equal(heaps.train_y, lines(emoji.train_inputs[second]))
        np.testing.assert_array_equal(heaps.test_x, emoji.test_targets)
        np.testing.assert_array_equal(heaps.test_y, lines(emoji.test_inputs))
    assert not np.array_equal(first, lesson.two_heaps(emoji, 1).numbers[0])


def test_each_picture_is_shifted_for_itself(lesson):
    images = RNG.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    moved, places = lesson.shifted(images, np.random.default_rng(1)), set()
    for image, after in zip(images, moved):
        larger = np.pad(image, [(4, 4), (4, 4), (0, 0)], mode="edge")
        found = [
            (top, left)
            for top, left in itertools.product(range(9), repeat=2)
            if np.array_equal(larger[top : top + 12, left : left + 12], after)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 20


def test_two_folders_are_read_as_they_are(lesson, tmp_path):
    """Other names, sizes and counts; the middle of a wide picture is taken."""
    images = RNG.integers(0, 256, (23, 64, 64, 3), dtype=np.uint8)
    for side, part in (("x", images), ("y", images[::-1][:21])):
        (tmp_path / side).mkdir()
        for number, image in enumerate(part):
            iio.imwrite(tmp_path / side / f"{side}{number:02}.png", image)
    found = lesson.two_folders((tmp_path / "x", tmp_path / "y"))
    for heap, part in (("x", images[:21]), ("y", images[::-1][:21])):
        np.testing.assert_array_equal(getattr(found, f"test_{heap}"), part[::10])
        rest = part[np.arange(21) % 10 > 0]
        np.testing.assert_array_equal(getattr(found, f"train_{heap}"), rest)
    wide = np.full((80, 240, 3), 255, np.uint8)
    wide[:, 80:160] = (10, 120, 30)
    (tmp_path / "wide").mkdir()
    iio.imwrite(tmp_path / "wide/one.png", wide)
    read = lesson.read_heap(tmp_path / "wide").astype(int)
    assert read.shape == (1, 64, 64, 3)
    assert np.abs(read[:, :, 1:-1] - (10, 120, 30)).max() <= 1  # the white is just beside it
    with pytest.raises(AssertionError, match=r"\[23, 1\] pictures. Put at least 20"):
        lesson.two_folders((tmp_path / "x", tmp_path / "wide"))
    with pytest.raises(AssertionError, match="my/summer: name two folders"):
        lesson.two_folders("my/summer")


# ---------------------------------------------------------------- Reinhard


def test_reinhard_gives_the_other_heap_s_colours(lesson, emoji):
    """Mean and spread, where nothing is cut off; on real pictures they come nearer."""
    lab = lambda images: rgb2lab(images).reshape(-1, 3)
    one, other = RNG.integers(100, 140, (2, 30, 16, 16, 3), dtype=np.uint8)
    other = np.uint8(other // 2 + np.array([60, 50, 40]))
    found, wanted = lab(lesson.reinhard(one, one, other)), lab(other)
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=0.3)
    np.testing.assert_allclose(found.std(axis=0), wanted.std(axis=0), rtol=0.05)
    heaps = lesson.two_heaps(emoji, 1)
    before, after = (
        heaps.train_x[:200],
        lesson.reinhard(heaps.train_x[:200], heaps.train_x, heaps.train_y),
    )
    for statistic in (np.mean, np.std):
        old, new, goal = (statistic(lab(x), axis=0) for x in (before, after, heaps.train_y))
        assert np.abs(new - goal).sum() < 0.5 * np.abs(old - goal).sum()


def test_reinhard_with_the_same_heap_changes_nothing(lesson, emoji):
    images = emoji.test_targets[:30]
    assert np.abs(lesson.reinhard(images, images, images).astype(int) - images).max() <= 1


# ---------------------------------------------------------------- networks


def make_paper_networks(lesson, size=256, blocks=9):
    generator = lesson.make_generator(size, 64, blocks, False, lesson.transposed_conv)
    return generator, lesson.make_discriminator(size, 64, 3, lesson.norm)


def test_the_paper_s_networks_have_the_paper_s_numbers(lesson):
    """Counted layer by layer, from the short form; the authors' program says 11.378 and 2.765 M."""
    conv = lambda kernel, first, second: kernel * kernel * first * second + second
    ways = conv(3, 64, 128) + conv(3, 128, 256) + conv(3, 256, 128) + conv(3, 128, 64)
    by_hand = conv(7, 3, 64) + ways + 9 * 2 * conv(3, 256, 256) + conv(7, 64, 3)
    generator, discriminator = make_paper_networks(lesson)
    assert generator.count_params() == by_hand == 11_378_179
    assert generator.output_shape == (None, 256, 256, 3)
    assert make_paper_networks(lesson, 128, 6)[0].count_params() == by_hand - 3 * 1_180_160
    channels = (3, 64, 128, 256, 512, 1)
    by_hand = sum(conv(4, *pair) for pair in itertools.pairwise(channels))
    assert discriminator.count_params() == by_hand == 2_764_737
    assert discriminator.output_shape == (None, 30, 30, 1)


def test_the_paper_s_layers_are_in_the_paper_s_order(lesson):
    generator, discriminator = make_paper_networks(lesson, 64, 2)
    up, down = keras.layers.Conv2DTranspose, keras.layers.Conv2D
    found = [
        (layer.filters, layer.kernel_size[0], layer.strides[0] * (-1 if type(layer) is up else 1))
        for layer in generator.layers
        if isinstance(layer, (up, down))
    ]
    blocks = [(256, 3, 1)] * 4
    first, last = [(64, 7, 1), (128, 3, 2), (256, 3, 2)], [(128, 3, -2), (64, 3, -2), (3, 7, 1)]
    assert found == first + blocks + last
    norms = [
        layer for layer in generator.layers if isinstance(layer, keras.layers.GroupNormalization)
    ]
    assert len(norms) == len(found) - 1 and not any(norm.weights for norm in norms)
    kinds = [type(layer).__name__ for layer in discriminator.layers]
    assert kinds.count("GroupNormalization") == 3 and kinds.count("LeakyReLU") == 4
    assert kinds.index("GroupNormalization") > kinds.index("LeakyReLU")  # none after the first


def test_the_patch_is_what_the_gradient_sees(lesson, solutions):
    """Against the formula, from the output back to the input."""
    for downs in (1, 2, 3):
        network, field = lesson.make_discriminator(192, 4, downs), 1
        for layer in reversed(network.layers):
            if isinstance(layer, keras.layers.Conv2D):
                field = (field - 1) * layer.strides[0] + layer.kernel_size[0]
        assert field == (16, 34, 70)[downs - 1]
        assert solutions.patch_of(network) == (field, field)


def test_the_border_is_a_mirror(lesson):
    x = keras.Input((6, 6, 1))
    network = keras.Model(x, lesson.reflected_conv(x, 1, 3))
    network.set_weights([np.ones((3, 3, 1, 1)), np.zeros(1)])
    image = RNG.normal(size=(1, 6, 6, 1)).astype(np.float32)
    padded = np.pad(image[0, :, :, 0], 1, mode="reflect")
    by_hand = [[padded[i : i + 3, j : j + 3].sum() for j in range(6)] for i in range(6)]
    np.testing.assert_allclose(network(image)[0, :, :, 0], by_hand, rtol=1e-4, atol=1e-5)


def test_a_new_generator_is_a_copy_if_it_adds_its_input(small):
    images = pictures()
    np.testing.assert_array_equal(small.make_generator()(images), images)
    whole = small.make_generator(add_input=False)(images).numpy()
    assert np.abs(whole).max() <= 1 and not np.allclose(whole, images, atol=0.1)
    changed = random_weights(small.make_generator())(images).numpy()
    assert np.abs(changed).max() <= 1 and not np.allclose(changed, images, atol=0.01)


# ---------------------------------------------------------------- losses and training


def test_losses_by_hand(lesson):
    real, fake = RNG.normal(0.5, 1, (2, 3, 7, 7, 1)).astype(np.float32)
    by_hand = (((real - 1) ** 2).mean() + (fake**2).mean()) / 2
    assert float(lesson.discriminator_loss(real, fake)) == pytest.approx(by_hand, rel=1e-5)
    ones, others = pictures(2, 32), pictures(2, 32)
    assert float(lesson.l1_distance(ones, others)) == pytest.approx(np.abs(ones - others).mean())


def ready(small, heaps, rate=None, **changes):
    """Return parts whose networks are no copies, the recipe, and a batch."""
    recipe = small.RECIPE | changes
    parts = small.make_parts(heaps, 100, 0, **recipe)
    rng = np.random.default_rng(3)
    for name in small.NETWORKS:
        weights = [rng.normal(0, 0.3, w.shape) for w in parts[name].get_weights()]
        parts[name].set_weights(weights)
        if rate is not None:
            parts[f"{name}_optimizer"] = keras.optimizers.SGD(rate)
            parts[f"{name}_optimizer"].build(parts[name].trainable_variables)
    batch = [tf.constant(small.scaled(heap[:4])) for heap in (heaps.train_x, heaps.train_y)]
    return parts, recipe, batch


def test_the_step_is_that_of_the_chapter(small, heaps):
    chapter = load_definitions("08")
    ends = []
    for module in (small, chapter):
        parts, recipe, batch = ready(small, heaps, rate=1e-3)
        more = dict(history=True) if module is chapter else {}
        train_step = module.make_train_step(parts, **recipe, **more)
        losses = [train_step(*batch) for _ in range(2)][-1]
        networks = values(*(parts[name] for name in small.NETWORKS))
        ends.append(([float(losses[name]) for name in LOSSES], networks))
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-5)
    for one, other in zip(ends[0][1], ends[1][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def expected_losses(small, parts, recipe, x, y, judged_x, judged_y):
    """Compute what the generators pay, and the discriminators, once more from the formulas."""
    g, f, d_x, d_y = (parts[name] for name in small.NETWORKS)
    square, distance = lambda z: tf.reduce_mean(z * z), small.l1_distance
    loss_g = square(d_y(g(x)) - 1) + square(d_x(f(y)) - 1)
    loss_g += recipe["cycle"] * (distance(f(g(x)), x) + distance(g(f(y)), y))
    loss_g += recipe["identity"] * (distance(g(y), y) + distance(f(x), x))
    loss_d = square(d_x(x) - 1) + square(d_x(judged_x)) + square(d_y(y) - 1) + square(d_y(judged_y))
    return loss_g, loss_d / 2


def judged_by(small, parts, x, y):
    """Return what the discriminators will see, without a change of any state."""
    rng = tf.random.Generator.from_state(parts["rng"].state.numpy(), "philox")
    fakes = {"x": parts["generator_yx"](y), "y": parts["generator_xy"](x)}
    copies = {side: tf.Variable(parts[f"buffer_{side}"]) for side in "xy"}
    return [tf.stop_gradient(small.swap(copies[side], fakes[side], rng)) for side in "xy"]


def test_each_loss_moves_its_own_network_along_its_slope(small, heaps):
    """One network at a time moves, and along the slope of its own loss; the others rest."""
    parts, recipe, batch = ready(small, heaps, 0.0)
    train_step, rate = small.make_train_step(parts, **recipe), 1e-4
    for moving, name in enumerate(small.NETWORKS):
        before = {network: values(parts[network]) for network in small.NETWORKS}
        judged = judged_by(small, parts, *batch)
        with tf.GradientTape() as tape:
            losses = expected_losses(small, parts, recipe, *batch, *judged)
            loss = losses[moving > 1]
        slopes = tape.gradient(loss, parts[name].trainable_variables)
        parts[f"{name}_optimizer"].learning_rate = rate
        found = train_step(*batch)
        parts[f"{name}_optimizer"].learning_rate = 0.0
        assert {*found} == {*LOSSES}
        assert float(found["discriminators_loss"]) == pytest.approx(float(losses[1]), rel=1e-4)
        for network in small.NETWORKS:
            assert equal(values(parts[network]), before[network]) == (network != name)
        for old, new, slope in zip(before[name], values(parts[name]), slopes, strict=True):
            scale = np.abs(slope).max() + 1e-3
            np.testing.assert_allclose((old - new) / rate, slope, rtol=0.03, atol=0.02 * scale)


def test_networks_made_again_are_the_ones_that_train(small, heaps):
    old, new = (ready(small, heaps) for _ in range(2))
    networks = lambda parts: values(*(parts[name] for name in small.NETWORKS))
    small.make_train_step(old[0], **old[1])(*old[2])
    still, before = networks(old[0]), networks(new[0])
    small.make_train_step(new[0], **new[1])(*new[2])
    assert equal(networks(old[0]), still) and not equal(networks(new[0]), before)


def test_all_that_a_training_changes_is_kept(small, heaps, monkeypatch):
    run = lambda name: small.train(name, heaps, steps=1)
    also = {"buffer_x", "buffer_y", "rng", "shift", *small.RECIPE}
    kept = training_checks.check_everything_is_kept(small, monkeypatch, run, also, small.NETWORKS)
    optimizers = {f"{name}_optimizer" for name in small.NETWORKS}
    assert kept == {*small.NETWORKS, *optimizers, *also, "fresh"}


def test_a_training_that_is_interrupted_goes_on_with_the_same_bits(tmp_path):
    training_checks.check_resumed_bits(__name__, tmp_path, LOSSES[:2])


def test_an_entry_that_no_recipe_has_is_refused(small, heaps):
    with pytest.raises(AssertionError, match="only .*'cycle', 'identity'.*not all of .*cylce"):
        small.train("wrong", heaps, steps=1, cylce=0.0)


def test_a_reader_who_changed_a_weight_is_told(small, heaps):
    small.train("main", heaps, steps=1)
    with pytest.raises(CheckpointError, match="cycle was 1.0, is 7.0(?s:.*)fresh=True"):
        small.train("main", heaps, steps=4, cycle=7.0)
    small.train("main", heaps, steps=1, fresh=True)


# ---------------------------------------------------------------- scores


def test_scores_by_hand(lesson):
    """Half of the picture is a dark line; a line that is missing, paint that was left, a colour."""
    truth = np.full((2, 4, 4, 3), 255, np.uint8)
    truth[:, :2] = 0
    zero = dict(distance=0, lines=0, paper=0, colour=0)
    assert lesson.scores_of(truth, truth) == zero
    lost, painted = np.full_like(truth, 255), truth.copy()
    painted[:, 2:] = (255, 225, 195)
    assert lesson.scores_of(lost, truth) == dict(distance=127.5, lines=255, paper=0, colour=0)
    assert lesson.scores_of(painted, truth) == dict(distance=15, lines=0, paper=30, colour=30)
    np.testing.assert_array_equal(lesson.distances(painted, truth), [15, 15])


def test_the_histogram_is_that_of_the_other_heap(lesson, emoji):
    """Against scikit-image, which matches one array to another one."""
    heaps = lesson.two_heaps(emoji, 1)
    made = lesson.histogram(heaps.train_x, heaps.train_x, heaps.train_y)
    np.testing.assert_array_equal(made[..., 0], made[..., 2])
    bright = [heap.max(axis=-1).ravel() for heap in (heaps.train_x, heaps.train_y)]
    found, wanted = (np.sort(x.astype(float)) for x in (made[..., 0].ravel(), bright[1]))
    assert np.abs(found - wanted).mean() < 0.5 * np.abs(np.sort(bright[0]) - wanted).mean()
    library = match_histograms(bright[0], bright[1])
    assert np.abs(library - made[..., 0].ravel()).mean() < 1


def test_a_message_is_found_where_it_is_and_noise_destroys_it(lesson, monkeypatch):
    """A made-up pair of networks: G writes each colour, divided by 32, into the paper."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    truth = np.full_like(colours, 255)
    truth[:, :4] = colours[:, :4] = 0  # lines, on which nothing can be written
    made = np.where(truth == 0, 0, np.uint8(255 - colours // 32))
    back = lambda _, x: np.where(x < 128, 0, np.clip((255 - x.astype(int)) * 32, 0, 255))
    monkeypatch.setattr(lesson, "translate", back)
    found = lesson.ways_back(None, made, truth, colours, noise=8)
    assert {*found} == {*benchmark.BACK} and found["back"] < 20
    assert found["honest"] == pytest.approx(colours.mean()) and found["noisy"] > 50
    assert found["its_paper"] == found["back"] and found["its_lines"] == found["honest"]
    quiet = lesson.ways_back(None, made, truth, colours, noise=0)
    assert quiet["noisy"] == quiet["back"]


# ---------------------------------------------------------------- table and pictures


@pytest.fixture
def tiny(emoji):
    lesson = benchmark.load_lesson()
    benchmark.make_tiny(lesson)
    return lesson


def test_the_benchmark_goes_on_scores_again_and_stores_pictures(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny, "DATA", tmp_path)
    shown = tiny.emoji.test_targets[benchmark.EIGHT]

    def look(rows, pictures):
        names = [run[0] for run in benchmark.plan(tiny, (1,))]
        assert [row["variant"] for row in rows] == names
        assert {row["distance"] for row in rows if row["recipe"]} == {rows[0]["distance"]}
        np.testing.assert_array_equal(tiny.stored("Pix2Pix"), shown)  # nothing was trained
        assert not np.array_equal(tiny.stored("reinhard"), shown)

    plain = dict.fromkeys(("distance", "lines", "paper", "colour"), 0.5)
    scoring = "scores_of", lambda *_: plain
    benchmark_checks.check_it_goes_on_and_scores_again(
        benchmark, tiny, tmp_path, monkeypatch, 4, look, "make_training", scoring, "paper"
    )


def test_both_methods_see_equally_many_pictures_and_the_pairs_are_pairs(tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(tiny, "make_train_step", lambda *_, **__: lambda x, y: seen.append((x, y)))
    step = lambda *_, **__: lambda x, y: seen.append((x, y))
    monkeypatch.setattr(tiny.pix2pix, "make_train_step", step)
    monkeypatch.setattr(tiny, "make_paired_step", step)
    monkeypatch.setattr(tiny, "shifted", lambda images, rng: images)
    monkeypatch.setattr(tiny.pix2pix, "jitter", lambda x, y, rng: (x, y))
    heaps, sides = tiny.two_heaps(tiny.emoji, 2), {}
    for run in benchmark.plan(tiny, (2,)):
        if run[1]:
            _, step_of, sides[run[0]] = benchmark.make_training(tiny, run)
            step_of([side[:4] for side in sides[run[0]]], 0)
    for name, (x, y) in sides.items():
        assert x is not None and len(x) == len(y) == 858
        np.testing.assert_array_equal(x, heaps.train_x)
        wanted = heaps.paired_y if name in (benchmark.SAME, benchmark.PIX2PIX) else heaps.train_y
        np.testing.assert_array_equal(y, wanted)
    assert len(seen) == 5 and all(x.shape == y.shape == (4, 64, 64, 3) for x, y in seen)


def test_the_paired_step_learns_the_pairs(lesson):
    lesson.make_paired_step = functools.partial(benchmark.make_paired_step, lesson)
    generator = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1)])
    step = lesson.make_paired_step(generator, keras.optimizers.Adam(0.05))
    x = pictures(4, 4)
    losses = [float(step(tf.constant(x), tf.constant(0.5 * x))["l1"]) for _ in range(80)]
    assert losses[-1] < 0.1 * losses[0]


def test_what_a_run_does_not_use_is_defined(lesson):
    assert {*definitions(lesson)} >= benchmark.NOT_USED | benchmark.LOOKS
    assert not benchmark.NOT_USED & benchmark.LOOKS
    used = {*definitions(lesson)} - benchmark.NOT_USED - benchmark.LOOKS
    assert {"make_train_step", "make_parts", "two_heaps", "shifted"} <= used
    chapter = load_definitions("07")
    assert {*definitions(chapter)} >= benchmark.NOT_USED_07
    used = {*definitions(chapter)} - benchmark.NOT_USED_07
    assert {"make_train_step", "make_parts", "jitter", "make_generator"} <= used


def test_the_table_has_each_kind_with_three_seeds(monkeypatch):
    """At the lesson's number of steps, whatever budget the tests run with."""
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = benchmark.load_lesson()
    wanted = benchmark.plan(lesson, benchmark.SEEDS)
    assert (
        len(wanted) == 2 + 3 * (len(benchmark.RIVALS) + 3 + 2)
        and lesson.SEED not in benchmark.SEEDS
    )
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    names = {run[0] for run in wanted}
    assert {*lesson.NAMES, benchmark.SAME, benchmark.PIX2PIX} == names
    cells = [cell for cell in nbformat.read(PLACE, as_version=4).cells if "NAMES +=" in cell.source]
    printed = "".join(output.text for output in cells[0].outputs)
    assert {line[:15].strip() for line in printed.splitlines()[1:]} == names
    for row in table:
        wanted_names = [n for n in benchmark.FOUND if row[n] or row["variant"] in lesson.VERSIONS]
        assert np.isfinite([float(row[name]) for name in wanted_names]).all()
    path = MEASURED / f"{benchmark.NAME}.npz"
    with np.load(path) as stored:
        assert str(stored["rows"]) == checksum(map(str, wanted))
        assert {*stored} == {"rows", *names} - {*benchmark.SAME_FOR_ALL}
    assert path.stat().st_size < 600_000


def test_no_place_is_left_to_fill():
    for path in (PLACE, FOLDER / "solutions/08_hidden_truth.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
