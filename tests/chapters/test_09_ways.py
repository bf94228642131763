"""The functions of `further/09_ways_to_look`, and its table, against values that are known."""

import io
from collections import Counter

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
from skimage.color import rgb2gray
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
ROWS = 3 * 8 + 3 * (4 + 6) * 8 + 2 * 6 * 4  # rivals; with seeds: rivals and ways; other weights
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


def pieces_of(painting, photograph):
    """Return all pieces of a painting that have the photograph's size."""
    (height, width), (high, wide) = photograph.shape[:2], painting.shape[:2]
    places = [(y, x) for y in range(high - height + 1) for x in range(wide - width + 1)]
    return [painting[y : y + height, x : x + width] for y, x in places]


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
    assert found.shape == (12, 40, 48)
    kernel = gabor_kernel(1 / 9, np.pi / 6)
    parts = [convolve(values, part, mode="mirror") for part in (kernel.real, kernel.imag)]
    np.testing.assert_allclose(found[1], np.hypot(*parts), atol=1e-6)


def test_layout_and_copied_of_pictures_that_are_known(lesson):
    photograph = stripes(16)
    assert lesson.layout(photograph, photograph) == pytest.approx(1)
    assert lesson.layout(stripes(5, True), photograph) < 0.5
    noise = picture(64, 80, 2)
    assert lesson.copied(noise[4:60, 6:70], noise) == pytest.approx(1, abs=1e-2)
    assert lesson.copied(noise, picture(90, 90, 3)) < 0.8


def test_without_colour_is_scikit_image_s_grey_in_three_equal_channels(lesson):
    x = picture()
    found = lesson.without_colour(x)
    assert found.shape == x.shape and found.dtype == np.uint8
    assert (found == found[..., :1]).all()
    np.testing.assert_allclose(found[..., 0], 255 * rgb2gray(x), atol=0.5)
    np.testing.assert_array_equal(lesson.without_colour(found), found)


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
        street, poppies = file["street"], file["poppies"]
    cat = lesson.fitted(skimage.data.chelsea(), lesson.SMALL)
    made = lesson.cheats(cat, street, poppies)
    assert [*made] == lesson.CHEATS and {*made} == {*benchmark.RIVALS}
    text = dict(photograph=(1.0, 0.23), recoloured=(0.97, 0.22), start=(0.96, 0.21))
    text |= dict(sharpened=(0.96, 0.20), hybrid=(0.08, 0.96))
    text |= dict(wrong_piece=(-0.06, 0.27), piece=(-0.04, 1.0))
    for name, expected in text.items():
        found = lesson.layout(made[name], cat), lesson.copied(made[name], street)
        np.testing.assert_allclose(found, expected, atol=0.011, err_msg=name)


def test_pieces_come_from_the_right_paintings(lesson):
    photograph, painting, other = (picture(*size) for size in ((16, 20), (20, 26, 1), (22, 24, 2)))
    before, found = (photograph.copy(), painting.copy(), other.copy()), []
    for seed in range(8):
        made = lesson.cheats(photograph, painting, other, seed)
        assert {(x.shape, x.dtype.name) for x in made.values()} == {((16, 20, 3), "uint8")}
        right = [np.array_equal(made["piece"], x) for x in pieces_of(painting, photograph)]
        wrong = [lesson.recoloured(x, painting) for x in pieces_of(other, photograph)]
        assert sum(right) == 1 and any(np.array_equal(made["wrong_piece"], x) for x in wrong)
        found.append(right.index(True))
    assert len({*found}) > 3  # another seed, another place
    assert all(map(np.array_equal, before, (photograph, painting, other)))


def test_each_cheat_is_made_as_the_text_says(lesson):
    photograph, painting, other = picture(48, 56), picture(60, 70, 1), picture(64, 72, 2)
    made, again, new = (lesson.cheats(photograph, painting, other, seed) for seed in (1, 1, 2))
    assert equal(made.values(), again.values())
    same = {name for name in made if np.array_equal(made[name], new[name])}
    assert same == {*benchmark.FIXED}
    np.testing.assert_array_equal(made["photograph"], photograph)
    np.testing.assert_array_equal(made["recoloured"], lesson.recoloured(photograph, painting))
    first = np.float32(made["recoloured"])
    blurred = lambda x, sigma: lesson.gaussian_filter(np.float32(x), (sigma, sigma, 0))
    sharp = (2 * first - blurred(first, 2)).clip(0, 255)
    np.testing.assert_allclose(made["sharpened"], sharp, atol=0.51)
    hybrids = [blurred(first, 5) + x - blurred(x, 5) for x in pieces_of(painting, photograph)]
    assert min(np.abs(made["hybrid"] - x.clip(0, 255)).max() for x in hybrids) < 0.51


def test_start_is_the_canvas_on_which_a_painting_begins(small):
    photograph, painting = picture(48, 56), picture(60, 70, 1)
    start = small.cheats(photograph, painting, painting, 5)["start"]
    kept = small.quickly(photograph, painting, 1, 5, eyes=small.make_eyes(), rate=0.0)
    np.testing.assert_allclose(start.astype(int), kept, atol=1)


@pytest.fixture(scope="module")
def judge(small):
    """A tiny judge that has learned nothing."""
    return small.make_judge_parts(np.arange(3), 10, 0)["network"]


def test_the_judge_compares_gram_matrices_in_the_painting_s_units(small, judge):
    photograph, painting = picture(64, 64), picture(64, 80, 1)
    assert small.judged(judge, painting, painting) == pytest.approx(0.01)
    grey = [
        np.round(255 * rgb2gray(x))[None, ..., None].repeat(3, -1) for x in (photograph, painting)
    ]
    layers = [judge(small.scaled(x))[1].numpy()[0] for x in grey]
    one, own = (layer.reshape(-1, layer.shape[-1]).astype(float) for layer in layers)
    unit, mean = own.std(axis=0) + 0.3 * own.std(axis=0).mean(), own.mean(axis=0)
    one, own = (gram_of((flat - mean) / unit) for flat in (one, own))
    expected = np.sqrt(np.square(one - own).sum() / np.square(own).sum() + 1e-4)
    only = lambda x: [judge(x)[1], None]
    assert small.judged(only, photograph, painting) == pytest.approx(expected, rel=1e-3)


def test_the_judge_sees_no_colours_and_learns_from_no_painting(small, judge, tiny, monkeypatch):
    made, painting = picture(64, 64), picture(64, 80, 1)
    expected = small.judged(judge, small.without_colour(made), small.without_colour(painting))
    assert small.judged(judge, made, painting) == expected
    asked = []
    monkeypatch.setattr(tiny, "train_judge", lambda name, *patches: asked.append(patches) or "J")
    monkeypatch.setattr(tiny, "CUT", 2)
    assert benchmark.trained_judge(tiny) == "J"
    ((patches, labels),) = asked
    assert {*labels} == {*range(len(tiny.gallery) - len(tiny.styles))} == {*range(20)}
    assert (patches == patches[..., :1]).all()


def test_scores_are_shares_of_the_recoloured_photograph_s_distance(small, judge):
    photograph, painting = picture(64, 64), picture(64, 80, 1)
    score = lambda made: small.scores_of(made, photograph, painting, judge, dict(one=painting))
    recoloured = small.recoloured(photograph, painting)
    found = score(recoloured)
    assert tuple(found) == benchmark.FOUND
    assert found["judge"] == found["lists"] == pytest.approx(1)
    found, made = score(photograph), (photograph, recoloured)
    for name, marks_of in dict(judge=small.own_marks, lists=small.sliced_marks).items():
        one, other = (small.judged(judge, x, painting, marks_of) for x in made)
        assert found[name] == pytest.approx(one / other)
    assert found["layout"] == pytest.approx(1)
    assert found["copied"] == small.copied(photograph, painting)


def test_a_painting_itself_is_named_and_another_one_is_not(small, judge):
    photograph = picture(64, 80)
    styles = {name: picture(64, 80, number) for number, name in enumerate("abc", 1)}
    named = lambda made, right: small.scores_of(made, photograph, right, judge, styles)["named"]
    for name, painting in styles.items():
        found = [named(made, painting) for made in styles.values()]
        assert found == [other == name for other in styles]
    only = dict(a=styles["a"])
    assert small.scores_of(photograph, photograph, styles["a"], judge, only)["named"] == 1


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
    monkeypatch.setattr(benchmark, "PAIRS", (*benchmark.PAIRS[:2], benchmark.PAIRS[4]))
    monkeypatch.setattr(benchmark, "DIAGONAL", benchmark.DIAGONAL[:2])
    monkeypatch.setattr(benchmark, "SEEDS", (1,))
    tiny = benchmark.load_lesson()
    benchmark.make_tiny(tiny)
    return tiny


def test_each_photograph_and_painting_is_used_twice(lesson):
    contents, styles = (Counter(names) for names in zip(*benchmark.PAIRS))
    assert contents == dict.fromkeys(benchmark.CONTENTS, 2)
    assert styles == dict.fromkeys(benchmark.STYLES, 2) and len({*benchmark.PAIRS}) == 8
    assert dict(benchmark.DIAGONAL) == lesson.PAIRED and benchmark.PAIRS[:4] == benchmark.DIAGONAL
    assert {*benchmark.OTHERS} == {*benchmark.OTHERS.values()} == {*benchmark.STYLES}
    assert all(style != other for style, other in benchmark.OTHERS.items())


def test_the_plan_has_all_rivals_ways_seeds_and_weights(lesson, monkeypatch):
    monkeypatch.setattr(lesson, "steps", dict.fromkeys(benchmark.WAYS, 9), raising=False)
    monkeypatch.setattr(benchmark, "code_for", lambda lesson: "code")
    rows = benchmark.plan(lesson)
    assert len({*rows}) == len(rows) == ROWS
    eyes = {row[3:6] for row in rows if row[0] == "eyes" and row[1:3] == ("china", "composition")}
    assert eyes == {(w, "1", "9") for w in ("0.025", "0.1", "0.4")} | {
        ("0.1", s, "9") for s in "23"
    }
    of = lambda name: [row[3:6] for row in rows if row[:3] == (name, "coffee", "poppies")]
    assert of("recoloured") == [("0", "0", "0")]
    assert of("piece") == [("0", seed, "0") for seed in "123"]
    assert len(benchmark.plan(lesson, (1,))) == 3 * 8 + (4 + 6) * 8 + 2 * 6 * 4


def test_the_benchmark_goes_on_scores_again_and_stores_pictures(tiny, tmp_path, monkeypatch):
    fill = lambda most: benchmark.fill(tiny, tmp_path, tmp_path / "kept", most)
    with pytest.raises(SystemExit, match="First measure the time"):
        fill(1)
    steps = [dict(way=name, steps=number + 1) for number, name in enumerate(benchmark.WAYS)]
    write_rows(tmp_path / f"{benchmark.TIMES}.csv", ("way", "steps"), steps)
    rows = lambda: read_rows(tmp_path / f"{benchmark.NAME}.csv")
    stored = tmp_path / f"{benchmark.NAME}.npz"
    fill(23)  # all rivals, and two pictures
    assert len(rows()) == 23 and not stored.exists()
    assert len([*(tmp_path / "kept").rglob("*.png")]) == 2
    fill(100)
    assert len(rows()) == (3 + 4 + 6) * 3 + 2 * 6 * 2
    assert {row["steps"] for row in rows() if row["way"] == "filters"} == {"6"}
    with np.load(stored) as file:
        assert {*file} == {"rows", *benchmark.WAYS, *benchmark.RIVALS}
        with Image.open(io.BytesIO(file["eyes"].tobytes())) as sheet:
            first, second = np.asarray(sheet, float).reshape(2, 112, 112, 3)
    for square, name in ((first, "chelsea"), (second, "coffee")):  # each painting is its photograph
        photograph = Image.fromarray(tiny.fitted(tiny.gallery[name], tiny.SMALL))
        assert np.abs(square - np.asarray(photograph.resize((112, 112)))).mean() < 8

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
    assert {(row["lists"], row["code"]) for row in rows()} == {("0.5", "new")}


def test_each_row_has_its_own_eyes_and_weight(tiny, monkeypatch):
    asked = []
    monkeypatch.setattr(tiny, "eyes_of", lambda seed: asked.append(seed))
    monkeypatch.setattr(tiny, "make_ways", load_definitions("09", PLACE).make_ways)
    note = lambda one, other, steps, seed, **changes: asked.append((steps, seed, changes))
    monkeypatch.setattr(tiny, "quickly", note)
    benchmark.make_picture(tiny, ("sliced", "coffee", "wave", "0.2", "3", "17", "code"))
    assert asked[0] == 3 and asked[1][:2] == (17, 3) and asked[1][2]["content"] == 0.2
    assert asked[1][2]["marks_of"].keywords == dict(seed=3)


def test_a_rival_has_its_own_seed_and_the_right_other_painting(tiny):
    photograph, wave = benchmark.pictures_of(tiny, "coffee", "wave")
    expected = tiny.cheats(photograph, wave, tiny.styles["composition"], 2)
    for name in ("start", "hybrid", "wrong_piece", "piece"):
        found = benchmark.make_picture(tiny, (name, "coffee", "wave", "0", "2", "0", "code"))
        np.testing.assert_array_equal(found, expected[name])


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
    lesson.steps = benchmark.steps_of(MEASURED)
    wanted = benchmark.plan(lesson)
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert len(wanted) == ROWS and lesson.SEED not in benchmark.SEEDS
    assert np.isfinite([float(row[name]) for row in table for name in benchmark.FOUND]).all()
    path = MEASURED / f"{benchmark.NAME}.npz"
    with np.load(path) as stored:
        assert str(stored["rows"]) == checksum(map(str, wanted))
    assert path.stat().st_size < 600_000


def test_the_solutions_have_the_lesson_s_functions(lesson):
    solutions = load_definitions("09", SOLUTIONS)
    ours, theirs = definitions(solutions), definitions(lesson)
    same = {name for name in ours if name in theirs} - {"DIRECTIONS"}
    assert len(same) > 25 and all(ours[name] == theirs[name] for name in same)
    for name in (*benchmark.SETTINGS, *benchmark.SETTINGS_OF_JUDGE, "SEED", "PAINTING"):
        assert getattr(solutions, name) == getattr(lesson, name), name


def test_no_place_is_left_to_fill():
    for path in (PLACE, SOLUTIONS):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
