"""The functions of `further/09_ways_to_look`, and its table, against values that are known."""

import keras
import nbformat
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image
from scipy.ndimage import convolve
from scipy.signal import correlate2d
from scipy.special import softmax
from scipy.stats import wasserstein_distance
from skimage.filters import gabor_kernel

from benchmarks import style_ways as benchmark
from benchmarks.tables import MEASURED, checksum, definitions, read_rows, write_rows
from helpers.course import DATA
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER, FURTHER

PLACE = FURTHER / "09_ways_to_look.ipynb"
SOLUTIONS = FOLDER / "solutions/09_ways_to_look.ipynb"
RNG = np.random.default_rng(0)
SMALL = dict(EACH=2, DIRECTIONS=4, PATCH=32, BATCH=4, EVERY=2, JUDGE_RATE=1e-2)


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("09", PLACE)


@pytest.fixture(scope="module")
def core():
    return load_definitions("09")


@pytest.fixture(scope="module")
def small():
    """The lesson with few filters and directions, small patches and one look."""
    lesson = load_definitions("09", PLACE)
    vars(lesson).update(SMALL)
    lesson.make_eyes.__defaults__ = ((4,) * 8,)
    lesson.PAINTING |= dict(looks=1)
    return lesson


def picture(height=40, width=48, seed=0):
    """Smooth noise, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def features(channels=5, height=6, width=7):
    return RNG.normal(1, 2, (1, height, width, channels)).astype(np.float32)


def gram_of(flat, ones=True):
    flat = np.concatenate([np.ones((len(flat), 1)), flat], axis=1) if ones else flat
    return flat.T @ flat / len(flat)


# ---------------------------------------------------------------- marks


def test_what_the_lesson_repeats_is_what_the_chapter_has(lesson, core):
    ours, theirs = definitions(lesson), definitions(core)
    for name in ("scaled", "gram", "relative", "total_variation", "look", "make_eyes"):
        assert ours[name] == theirs[name], name
    for name in ("cut_patches", "mix_colours", "FILTERS"):
        assert ours[name] == theirs[name], name
    assert lesson.PAINTING == core.PAINTING and lesson.PHOTOGRAPHS == core.PHOTOGRAPHS


def test_the_gallery_is_that_of_the_chapter(lesson, core, monkeypatch):
    for module in (lesson, core):
        monkeypatch.setattr(module, "fitted", lambda found, side: (np.shape(found), side))
    styles = {"wave": np.zeros((3, 4, 3))}
    assert lesson.load_gallery(styles) == core.load_gallery(styles)


def test_marks_are_those_of_numpy_and_scipy(lesson):
    wanted, x = features(), features(height=4)
    flat, own = x.reshape(-1, 5).astype(float), wanted.reshape(-1, 5).astype(float)
    unit = own.std(axis=0) + 0.3 * own.std(axis=0).mean()
    by_hand = {
        lesson.own_marks: gram_of((flat - own.mean(axis=0)) / unit),
        lesson.plain_marks: gram_of(flat, ones=False),
        lesson.soft_marks: gram_of(softmax(flat / own.std(), axis=1), ones=False),
    }
    for marks_of, expected in by_hand.items():
        marks, goal = marks_of(wanted)
        np.testing.assert_allclose(marks(x), expected, rtol=1e-3, atol=1e-5)
        np.testing.assert_array_equal(marks(wanted), goal)


def test_pixels_get_no_softmax(lesson):
    x = features(3)
    marks, _ = lesson.soft_marks(x)
    expected = gram_of(x.reshape(-1, 3).astype(float), ones=False)
    np.testing.assert_allclose(marks(x), expected, rtol=1e-4)


def test_the_toys_of_the_text(lesson):
    right, wrong = tf.constant([[10, 0.1], [20, 0.3]]), tf.constant([[10, 0.3], [20, 0.1]])
    for marks_of, blind in ((lesson.plain_marks, True), (lesson.own_marks, False)):
        marks, goal = marks_of(right)
        errors = [float(lesson.relative(marks(x), goal)) for x in (wrong, -right)]
        assert (max(errors) < 0.02) if blind else (min(errors) > 0.15)
    one, other = np.float32([[0], [3], [3]]), np.float32([[1], [1], [4]])
    assert lesson.gram(one).numpy().tolist() == lesson.gram(other).numpy().tolist()
    assert float(lesson.relative(other, one)) == pytest.approx(np.sqrt(6 / 18), abs=1e-3)
    found = lesson.rank_means(3, 2) @ [0, 3, 3]
    np.testing.assert_allclose(found, [1, 3], rtol=1e-6)


def test_rank_means_are_means_of_equal_parts_of_the_list(lesson):
    ordered = np.sort(RNG.normal(size=60))
    whole = lesson.rank_means(60, 12) @ ordered
    np.testing.assert_allclose(whole, ordered.reshape(12, 5).mean(axis=1), rtol=1e-4, atol=1e-5)
    for count, ranks in ((7, 12), (60, 7), (5, 5)):
        weights = lesson.rank_means(count, ranks)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(weights.sum(axis=0), ranks / count, rtol=1e-5)
        fine = np.repeat(np.arange(count), ranks).reshape(ranks, count)  # each value, ranks times
        np.testing.assert_allclose(weights @ np.arange(count), fine.mean(axis=1), rtol=1e-4)


def test_sliced_marks_give_scipy_s_wasserstein_distance(lesson):
    """In one channel each direction is 1 or -1, and lists of RANKS numbers stay as they are."""
    one, other = RNG.normal(size=(2, 1, 8, lesson.RANKS // 8, 1)).astype(np.float32)
    marks, goal = lesson.sliced_marks(one)
    found = np.abs(marks(3 * other) - goal).mean()
    expected = wasserstein_distance(one.ravel(), 3 * other.ravel()) / (1.3 * one.std())
    assert found == pytest.approx(expected, rel=1e-3)
    assert marks(other).shape == goal.shape == (lesson.RANKS, lesson.DIRECTIONS)


def test_no_marks_know_places_and_sorted_lists_give_each_place_a_slope(lesson):
    wanted, x = features(), features()
    shuffled = RNG.permutation(x.reshape(-1, 5)).reshape(x.shape)
    for name in ("own_marks", "plain_marks", "soft_marks", "sliced_marks"):
        marks, _ = getattr(lesson, name)(wanted)
        np.testing.assert_allclose(marks(x), marks(shuffled), rtol=1e-3, atol=1e-4)
    pixels = tf.Variable(x)
    marks, goal = lesson.sliced_marks(features(height=9))
    with tf.GradientTape() as tape:
        loss = lesson.relative(marks(pixels), goal)
    assert np.abs(tape.gradient(loss, pixels)).max(axis=-1).min() > 0


# ---------------------------------------------------------------- eyes without training


def test_filters_are_correlations_with_a_mirrored_border(small):
    keras.utils.set_random_seed(0)
    network, x = small.make_filters(), RNG.normal(size=(1, 20, 24, 3)).astype(np.float32)
    found = network(x)
    kernels, bias = network.get_weights()[-2:]  # of the largest size
    padded = np.pad(x[0], [(7, 7), (7, 7), (0, 0)], mode="reflect")
    planes = [correlate2d(padded[..., c], kernels[..., c, 1], "valid") for c in range(3)]
    expected = np.maximum(sum(planes) + bias[1], 0)
    np.testing.assert_allclose(found[0, ..., -1], expected, atol=1e-4)
    assert found.shape == (1, 20, 24, 4 * small.EACH)


def test_patches_are_pieces_of_the_picture(lesson):
    x = RNG.uniform(-1, 1, (1, 20, 24, 3)).astype(np.float32)
    (cut,) = lesson.cut_all(x)
    assert cut.shape == (1, 14, 18, 147)
    np.testing.assert_array_equal(cut[0, 2, 3], x[0, 2:9, 3:10].ravel())


def test_each_way_paints_and_moves_no_eyes(small):
    keras.utils.set_random_seed(3)
    content, style, eyes = picture(), picture(48, 64, 1), small.make_eyes()
    before, made = values(eyes), {}
    ways = small.make_ways(eyes, 1)
    assert tuple(ways) == benchmark.WAYS == small.NAMES
    for name, way in ways.items():
        made[name] = small.quickly(content, style, 2, **way)
        assert made[name].shape == content.shape and made[name].dtype == np.uint8
    assert equal(values(eyes), before)
    assert len({picture.tobytes() for picture in made.values()}) == len(made)
    x, again = np.float32(content)[None], small.make_ways(eyes, 1)["filters"]["eyes"]
    np.testing.assert_array_equal(again(x)[0], ways["filters"]["eyes"](x)[0])


def test_the_step_is_that_of_the_chapter(small, core):
    keras.utils.set_random_seed(3)
    eyes, losses = small.make_eyes(), []
    photograph, painting = (small.scaled(picture(64, 64, seed))[None] for seed in (0, 1))
    for module in (small, core):
        canvas, optimizer = tf.Variable(0.5 * photograph), keras.optimizers.Adam(0.05)
        optimizer.build([canvas])
        settings = small.PAINTING | dict(looks=2)
        step = module.make_paint_step(canvas, optimizer, eyes, photograph, painting, **settings)
        losses.append([{k: float(v) for k, v in step().items()} for _ in range(2)])
    for one, other in zip(*losses):
        assert one == pytest.approx(other, rel=1e-4)


# ---------------------------------------------------------------- scores


def stripes(period, turned=False):
    wave = 127 + 100 * np.sin(np.indices((64, 80))[int(turned)] * 2 * np.pi / period)
    return np.repeat(np.uint8(wave)[..., None], 3, axis=-1)


def test_energies_are_scipy_s_convolutions(lesson):
    x = picture()
    found, values = lesson.energies(x), lesson.grey(x)
    assert found.shape == (18, 40, 48)
    kernel = gabor_kernel(1 / 9, np.pi / 6)
    parts = [convolve(values, part, mode="mirror") for part in (kernel.real, kernel.imag)]
    np.testing.assert_allclose(found[7], np.hypot(*parts), atol=1e-6)


def test_scores_of_pictures_that_are_known(lesson):
    photograph, painting = stripes(16), stripes(5, True)
    assert lesson.gabor(photograph, photograph, painting) == 1
    assert lesson.gabor(painting, photograph, painting) == 0
    assert lesson.layout(photograph, photograph) == pytest.approx(1)
    noise = picture(64, 80, 2)
    assert lesson.copied(noise[4:60, 6:70], noise) == pytest.approx(1, abs=1e-2)
    assert lesson.copied(noise, picture(90, 90, 3)) < 0.8


def test_copied_is_the_largest_correlation_of_all_shifts(lesson):
    made, painting = picture(30, 34, 4), picture(40, 44, 5)
    fine = lambda x: lesson.grey(x) - lesson.gaussian_filter(lesson.grey(x), 5)
    piece, whole = fine(made)[3:27, 5:29], fine(painting)
    shifts = [(y, x) for y in range(40 - 23) for x in range(44 - 23)]
    found = [np.corrcoef(piece.ravel(), whole[y : y + 24, x : x + 24].ravel()) for y, x in shifts]
    expected = max(matrix[0, 1] for matrix in found)
    assert lesson.copied(made, painting, 24) == pytest.approx(expected, abs=1e-4)


def test_the_cheats_win_what_the_text_says(lesson):
    """With the numbers of the text. The judge is trained; the notebook shows what it says."""
    with np.load(DATA / "paintings.npz") as file:
        street = file["street"]
    cat = lesson.fitted(skimage.data.chelsea(), lesson.SMALL)
    made = dict(photograph=cat) | lesson.cheats(cat, street)
    made |= dict(piece=street[-len(cat) :, -cat.shape[1] :])
    assert tuple(made) == benchmark.RIVALS == lesson.CHEATS
    text = dict(photograph=(1.0, 1.0, 0.23), recoloured=(1.0, 0.97, 0.22), piece=(0.75, 0.07, 1.0))
    text |= dict(sharpened=(1.19, 0.96, 0.20), hybrid=(1.13, 0.17, 0.97))
    for name, expected in text.items():
        found = lesson.gabor(made[name], cat, street), lesson.layout(made[name], cat)
        found = (*found, lesson.copied(made[name], street))
        np.testing.assert_allclose(found, expected, atol=0.011, err_msg=name)


def test_the_judge_compares_gram_matrices_in_the_painting_s_units(small):
    judge = small.make_judge_parts(np.arange(3), 10, 0)["network"]
    photograph, painting = picture(64, 64), picture(64, 80, 1)
    assert small.judged(judge, painting, painting) == pytest.approx(0.01)
    recoloured = small.recoloured(photograph, painting)
    found = small.scores_of(recoloured, photograph, painting, judge)
    assert tuple(found) == benchmark.FOUND and found["judge"] == pytest.approx(1)
    layers = [judge(small.scaled(x)[None])[1].numpy()[0] for x in (photograph, painting)]
    one, own = (layer.reshape(-1, layer.shape[-1]).astype(float) for layer in layers)
    unit = own.std(axis=0) + 0.3 * own.std(axis=0).mean()
    one, own = (
        gram_of((flat - flat_own) / unit)
        for flat, flat_own in zip((one, own), [own.mean(axis=0)] * 2)
    )
    expected = np.sqrt(np.square(one - own).sum() / np.square(own).sum() + 1e-4)
    only = lambda x: [judge(x)[1], None]
    assert small.judged(only, photograph, painting) == pytest.approx(expected, rel=1e-3)


def test_a_judge_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    patches, labels = RNG.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), np.arange(12) % 3
    run = lambda name: small.train_judge(name, patches, labels, steps=5)
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("loss",)
    )


# ---------------------------------------------------------------- table and pictures


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The benchmark's lesson; nothing is trained, and each painting is its photograph."""
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    monkeypatch.setattr(benchmark, "CONTENTS", benchmark.CONTENTS[:2])
    monkeypatch.setattr(benchmark, "STYLES", benchmark.STYLES[:2])
    monkeypatch.setattr(benchmark, "SEEDS", (1,))
    tiny = benchmark.load_lesson()
    benchmark.make_tiny(tiny)
    return tiny


def test_the_benchmark_goes_on_scores_again_and_stores_pictures(tiny, tmp_path, monkeypatch):
    fill = lambda most: benchmark.fill(tiny, tmp_path, tmp_path / "kept", most)
    with pytest.raises(SystemExit, match="First measure the time"):
        fill(1)
    steps = [dict(way=name, steps=number + 1) for number, name in enumerate(benchmark.WAYS)]
    write_rows(tmp_path / f"{benchmark.TIMES}.csv", ("way", "steps"), steps)
    rows = lambda: read_rows(tmp_path / f"{benchmark.NAME}.csv")
    stored = tmp_path / f"{benchmark.NAME}.npz"
    fill(22)  # all rivals, and two pictures
    assert len(rows()) == 22 and not stored.exists()
    assert len([*(tmp_path / "kept").rglob("*.png")]) == 2
    fill(100)
    assert len(rows()) == (5 + 7) * 4 + 2 * 7 * 2
    assert {row["steps"] for row in rows() if row["way"] == "patches"} == {"7"}
    with np.load(stored) as file:
        assert {*file} == {"rows", *benchmark.WAYS, *benchmark.RIVALS}

    def refuse(*_):
        raise AssertionError("this was painted before")

    usual, before = benchmark.make_picture, rows()
    paint = lambda lesson, run: (usual if run[0] in benchmark.RIVALS else refuse)(lesson, run)
    monkeypatch.setattr(benchmark, "make_picture", paint)
    fill(100)
    assert rows() == before
    same = benchmark.code_for(tiny, looks=False)
    other_scores = lambda lesson, looks=True: "new" if looks else same
    monkeypatch.setattr(benchmark, "code_for", other_scores)
    tiny.scores_of = lambda *_: dict.fromkeys(benchmark.FOUND, 0.5)
    fill(100)
    assert {(row["gabor"], row["code"]) for row in rows()} == {("0.5", "new")}


def test_each_row_has_its_own_eyes_and_weight(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(tiny, "eyes_of", lambda seed: asked.append(seed))
    monkeypatch.setattr(tiny, "make_ways", load_definitions("09", PLACE).make_ways)
    note = lambda one, other, steps, seed, **changes: asked.append((steps, seed, changes))
    monkeypatch.setattr(tiny, "quickly", note)
    benchmark.make_picture(tiny, ("sliced", "coffee", "wave", "0.2", "3", "17", "code"))
    assert asked[0] == 3 and asked[1][:2] == (17, 3) and asked[1][2]["content"] == 0.2
    assert asked[1][2]["marks_of"].keywords == dict(seed=3)


def test_times_are_measured_with_the_lesson_s_painter(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "speed_now", lambda: 300.0)
    monkeypatch.setattr(benchmark, "TIMED", 1)
    small.gallery, small.styles = {"chelsea": picture()}, {"street": picture(40, 48, 1)}
    monkeypatch.setattr(small, "SMALL", 48)
    benchmark.measure_times(small, tmp_path, seconds=1e-4)
    assert benchmark.steps_of(tmp_path) == dict.fromkeys(benchmark.WAYS, 1)
    assert "minutes at 300 GFLOP/s" in capsys.readouterr().out


def test_what_a_run_uses_is_defined(lesson, core):
    assert {*definitions(lesson)} >= benchmark.NOT_USED | benchmark.LOOKS
    assert not benchmark.NOT_USED & benchmark.LOOKS
    used = {*definitions(lesson)} - benchmark.NOT_USED - benchmark.LOOKS
    assert {"make_paint_step", "quickly", "make_ways", "sliced_marks", "PAINTING"} <= used
    assert {*definitions(core)} >= benchmark.USED_09


def test_the_table_is_complete(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = benchmark.load_lesson()
    wanted = benchmark.plan(lesson, benchmark.steps_of(MEASURED))
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert len(wanted) == (5 + 3 * 7) * 16 + 2 * 7 * 4 and lesson.SEED not in benchmark.SEEDS
    assert np.isfinite([float(row[name]) for row in table for name in benchmark.FOUND]).all()
    path = MEASURED / f"{benchmark.NAME}.npz"
    with np.load(path) as stored:
        assert str(stored["rows"]) == checksum(map(str, wanted))
    assert path.stat().st_size < 600_000


def test_the_solutions_have_the_lesson_s_functions(lesson):
    ours, theirs = definitions(load_definitions("09", SOLUTIONS)), definitions(lesson)
    same = {name for name in ours if name in theirs} - {"DIRECTIONS"}
    assert len(same) > 25 and all(ours[name] == theirs[name] for name in same)


def test_no_place_is_left_to_fill():
    for path in (PLACE, SOLUTIONS):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
