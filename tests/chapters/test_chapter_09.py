"""The functions of chapter 09, taken out of the notebook, against values that are known."""

import types

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks import style_features as benchmark
from benchmarks.tables import MEASURED, definitions, read_rows
from helpers.checkpoints import CheckpointError
from helpers.course import DATA
from helpers.datasets import DataError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.data.write_npz import array_hash
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

RNG = np.random.default_rng(0)
PAINTINGS = ("wave", "poppies", "composition", "street")


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("09")


@pytest.fixture(scope="module")
def small():
    """The chapter with small patches, a batch of 4, and a checkpoint every 2 (eyes: 10) steps."""
    chapter = load_definitions("09")
    vars(chapter).update(EVERY=2, BATCH=4, PATCH=16, EYES_RATE=1e-2)
    chapter.make_eyes.__defaults__ = ((4,) * 8,)
    return chapter


@pytest.fixture(scope="module")
def eyes(small):
    keras.utils.set_random_seed(3)
    return small.make_eyes()


def picture(height=40, width=48, seed=0):
    """Smooth noise, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def features(channels=5, height=6, width=7):
    return RNG.normal(0, 1, (1, height, width, channels)).astype(np.float32)


# ---------------------------------------------------------------- data


def test_the_paintings_are_the_four_of_the_data_card():
    card = (DATA / "README.md").read_text(encoding="utf-8")
    path = DATA / "paintings.npz"
    assert path.stat().st_size < 900_000
    with np.load(path) as file:
        assert tuple(file) == PAINTINGS
        for name in file:
            assert file[name].dtype == np.uint8 and file[name].shape[1:] == (320, 3)
            assert f"| `paintings.npz` | `{name}` | `{array_hash(file[name])}` |" in card


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_files_of_any_kind_are_fitted(chapter, tmp_path, mode):
    path = tmp_path / "mine.png"
    Image.fromarray(picture(60, 90)).convert(mode).save(path)
    made = chapter.fitted(str(path), 48)
    assert made.shape == (32, 48, 3) and made.dtype == np.uint8


@pytest.mark.parametrize(
    "given", [picture(60, 90), picture(60, 90)[..., 0], picture(60, 90) / 255.0]
)
def test_arrays_are_fitted(chapter, given):
    made = chapter.fitted(given, 96)
    assert made.shape == (64, 96, 3) and np.ptp(made) > 100


def test_what_cannot_be_fitted_is_said(chapter, tmp_path):
    with pytest.raises(ValueError, match=r"\(500, 20\) becomes \[192, 8\]"):
        chapter.fitted(np.zeros((20, 500, 3), np.uint8), 192)
    (tmp_path / "no.png").write_text("no picture")
    with pytest.raises(DataError, match=r"no\.png' cannot be read"):
        chapter.fitted(str(tmp_path / "no.png"), 192)
    with pytest.raises(DataError, match=r"not_there\.jpg' cannot be read"):
        chapter.fitted(str(tmp_path / "not_there.jpg"), 192)


def test_a_sheet_has_its_pictures_in_rows(chapter):
    images = np.arange(100)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    sheet = chapter.sheet(images)
    assert sheet.shape == (16, 36)
    np.testing.assert_array_equal(sheet[::2, ::3].ravel(), np.arange(96))


def test_patches_come_from_their_picture_and_their_columns(small):
    left, right = np.full((60, 100, 3), 10, np.uint8), np.full((60, 100, 3), 90, np.uint8)
    left[:, 80:], right[:, 80:] = 20, 100
    gallery = {"one": left, "two": right}
    for first, last, wanted in ((0, 0.8, (10, 90)), (0.8, 1, (20, 100))):
        patches, labels = small.cut_patches(gallery, 5, np.random.default_rng(1), first, last)
        assert patches.shape == (10, 16, 16, 3) and labels.tolist() == [0] * 5 + [1] * 5
        assert {*patches[:5].ravel()} == {wanted[0]} and {*patches[5:].ravel()} == {wanted[1]}


def test_mixed_colours_are_a_matrix_and_a_shift_for_each_patch(chapter):
    patches = RNG.uniform(-1, 1, (3, 8, 8, 3)).astype(np.float32)
    mixed = chapter.mix_colours(patches, tf.random.Generator.from_seed(1)).numpy()
    matrices = []
    for old, new in zip(patches.reshape(3, -1, 3), mixed.reshape(3, -1, 3)):
        with_one = np.hstack([old, np.ones((64, 1))])
        matrix, rest, *_ = np.linalg.lstsq(with_one, new, rcond=None)
        assert rest.max() < 1e-6  # nothing else was done
        np.testing.assert_allclose(np.square(matrix[:3]).sum(axis=0), 1, rtol=1e-4)
        assert np.abs(matrix[3]).max() <= 0.3
        matrices.append(matrix)
    assert not np.allclose(matrices[0], matrices[1], atol=0.1)


# ---------------------------------------------------------------- features and losses


def test_gram_matrices_are_those_of_numpy(chapter):
    x = features()
    expected = np.einsum("hwc,hwd->cd", x[0], x[0]) / 42
    np.testing.assert_allclose(chapter.gram(x), expected, rtol=1e-4, atol=1e-6)
    shuffled = RNG.permutation(x.reshape(-1, 5)).reshape(x.shape)
    np.testing.assert_allclose(chapter.gram(shuffled), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(chapter.gram(2 * x), 4 * expected, rtol=1e-4, atol=1e-6)


def test_the_toys_of_the_text(chapter):
    grams = {name: chapter.gram(toy).numpy().tolist() for name, toy in chapter.TOYS.items()}
    assert grams["first"] == grams["exchanged"] == [[0.5, 0.5], [0.5, 2]]
    assert grams["below"] == [[0.5, 0], [0, 2]]
    first, below = chapter.TOYS["first"], chapter.TOYS["below"]
    assert float(chapter.relative(first, below)) == pytest.approx(0.8)
    assert float(chapter.gram_distance(first, below)) == pytest.approx(0.5 / 4.25)
    chess = tf.constant([[0.0, 1], [1, 0]])[None, ..., None]
    assert float(chapter.total_variation(chess)) == 0.5
    assert float(chapter.total_variation(tf.ones((1, 4, 5, 3)))) == 0


def test_distances_are_zero_for_the_same_and_large_for_others(chapter):
    x, other = features(), 3 + features()
    rng = tf.random.Generator.from_seed(1)
    for name, distance in chapter.DISTANCES.items():
        same, far = float(distance(x, x, rng)), float(distance(x, other, rng))
        assert same < (0.1 if name == "sliced" else 1e-10) and far > 5 * same + 0.1, name


def test_channels_count_alike(chapter):
    """A channel that is thirty times as strong does not hide an error in a weak one."""
    wanted = features(2) * np.float32([30, 1])
    wrong = wanted * np.float32([1, 3])
    assert float(chapter.gram_distance(wrong, wanted)) < 0.01
    assert float(chapter.alike_distance(wrong, wanted)) > 0.1


def test_a_sliced_distance_sees_what_a_gram_matrix_misses(chapter):
    """Two channels with the same second moments: one of them is two values, one is normal."""
    values_of = lambda flat: np.float32(flat / np.sqrt(np.mean(flat**2))).reshape(1, 50, 80, 1)
    two, normal = values_of(np.sign(RNG.normal(size=4000))), values_of(RNG.normal(size=4000))
    rng = tf.random.Generator.from_seed(1)
    assert float(chapter.gram_distance(two, normal)) < 1e-6
    same = float(chapter.sliced_distance(normal, normal, rng))
    assert float(chapter.sliced_distance(two, normal, rng)) > 5 * same


def test_recolouring_fits_mean_and_covariance(chapter):
    old, new = RNG.normal(0, 0.1, (1, 30, 40, 3)), RNG.normal(0, 0.05, (20, 25, 3))
    new = new @ RNG.normal(0, 1, (3, 3)) + [0.1, -0.2, 0.3]
    made = chapter.recoloured(np.float32(old), np.float32(new))
    assert made.shape == old.shape and made.dtype == np.float32
    flat = lambda x: np.reshape(x, (-1, 3))
    np.testing.assert_allclose(flat(made).mean(0), flat(new).mean(0), atol=1e-3)
    np.testing.assert_allclose(np.cov(flat(made).T), np.cov(flat(new).T), atol=1e-3)


def test_eyes_have_eight_layers_and_the_receptive_field_of_the_text(chapter):
    eyes = chapter.make_eyes()
    shapes = [tuple(seen.shape) for seen in eyes(np.zeros((1, 40, 48, 3), np.float32))]
    assert [shape[3] for shape in shapes] == [*chapter.FILTERS]
    assert [shape[1:3] for shape in shapes] == [
        size for size in ((40, 48), (20, 24), (10, 12), (5, 6)) for _ in range(2)
    ]
    x = tf.Variable(RNG.normal(0, 1, (1, 160, 160, 3)).astype(np.float32))
    with tf.GradientTape() as tape:
        one = tf.reduce_sum(eyes(x)[-1][0, 10, 10])
    touched = np.abs(tape.gradient(one, x).numpy()).sum(axis=(0, 2, 3)) > 0
    assert touched.sum() == 68


def test_looking_from_afar_is_looking_at_a_smaller_picture(small, eyes):
    x = RNG.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    half = x.reshape(1, 16, 2, 24, 2, 3).mean(axis=(2, 4))
    for far, wanted in ((1, x), (2, half)):
        pixels, *seen = small.look(eyes, x, far)
        np.testing.assert_allclose(pixels, wanted, atol=1e-6)
        for one, other in zip(seen, eyes(wanted), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


# ---------------------------------------------------------------- training of the eyes


def test_each_step_moves_all_weights_and_draws_other_colours(small):
    parts = small.make_eyes_parts(3, 100, 0)
    before, state = values(parts["eyes"], parts["head"]), parts["rng"].state.numpy().copy()
    patches = small.scaled(RNG.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8))
    losses = small.make_eyes_step(**parts)(patches, np.array([0, 1, 2, 0]))
    assert set(losses) == {"loss", "accuracy"} and 0 <= float(losses["accuracy"]) <= 1
    assert float(losses["loss"]) == pytest.approx(np.log(3), abs=1.5)
    moved = [np.any(a != b) for a, b in zip(before, values(parts["eyes"], parts["head"]))]
    assert sum(moved) >= len(moved) - 2 and np.any(parts["rng"].state.numpy() != state)


def test_eyes_that_are_interrupted_go_on_with_the_same_bits(small, monkeypatch, capsys):
    patches = RNG.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(12) % 3
    histories = {}
    monkeypatch.setattr(small, "EVERY", 0.4)  # a checkpoint every two steps

    def run(name):
        class Noted(small.Training):
            def __init__(self, *arguments, **parts):
                super().__init__(*arguments, **parts)
                histories[name] = self

        with monkeypatch.context() as patch:
            patch.setattr(small, "Training", Noted)
            eyes, head = small.train_eyes(name, patches, labels, steps=5)
        return [eyes, head], histories[name].history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("loss",), exact=True
    )


# ---------------------------------------------------------------- painting


def test_a_step_moves_the_pixels_and_nothing_else(small, eyes):
    made, before = small.make_painter(picture(), picture(seed=1), eyes, 10), values(eyes)
    first = made.parts["canvas"].numpy().copy()
    losses = made.step()
    assert set(losses) == {"style_loss", "content_loss", "variation"}
    assert float(losses["content_loss"]) == 0  # it began with the photograph itself
    assert np.any(made.parts["canvas"].numpy() != first) and equal(values(eyes), before)
    assert np.abs(made.parts["canvas"].numpy()).max() <= 1
    result = made.result()
    assert result.dtype == np.uint8 and result.shape == (40, 48, 3)


def expected_losses(chapter, eyes, canvas, photograph, painting, looks=2, layer=6):
    """Compute the losses once more, with NumPy where this is easy."""
    style = []
    for far in range(looks):
        size = 2**far
        smaller = lambda x, size=size: keras.ops.average_pool(x, size, size)
        for one, other in zip(
            [smaller(canvas), *eyes(smaller(canvas))], [smaller(painting), *eyes(smaller(painting))]
        ):
            one, other = np.asarray(one)[0], np.asarray(other)[0]
            strength = np.sqrt(np.square(other).mean(axis=(0, 1)))
            strength += 0.03 * strength.mean()
            grams = [
                np.einsum("hwc,hwd->cd", x / strength, x / strength) / (x.shape[0] * x.shape[1])
                for x in (one, other)
            ]
            style.append(np.square(grams[0] - grams[1]).sum() / np.square(grams[1]).sum())
    seen, kept = (np.asarray([x, *eyes(x)][layer]) for x in (canvas, photograph))
    content = np.square(seen - kept).sum() / np.square(kept).sum()
    down, across = np.diff(canvas, axis=1), np.diff(canvas, axis=2)
    variation = (np.square(down).sum() + np.square(across).sum()) / (2 * canvas.size)
    return dict(style_loss=np.mean(style), content_loss=content, variation=variation)


def test_the_losses_are_those_of_the_text(small, eyes):
    made = small.make_painter(picture(), picture(seed=1), eyes, 10, distance="alike")
    photograph = made.parts["canvas"].numpy().copy()
    moved = np.clip(photograph + RNG.normal(0, 0.1, photograph.shape), -1, 1).astype(np.float32)
    made.parts["canvas"].assign(moved)
    losses = made.step()
    painting = small.scaled(picture(seed=1))[None]
    for name, value in expected_losses(small, eyes, moved, photograph, painting).items():
        assert float(losses[name]) == pytest.approx(float(value), rel=1e-3), name


def test_settings_do_what_they_say(small, eyes):
    content, style = picture(), picture(seed=1)
    plain = small.make_painter(content, style, eyes, 10, recoloured=False)
    np.testing.assert_array_equal(plain.result(), content)
    one = small.make_painter(content, style, eyes, 10, style_layers="0", looks=1)
    alone = float(one.step()["style_loss"])
    photograph = small.recoloured(small.scaled(content)[None], small.scaled(style)[None])
    assert alone == pytest.approx(
        float(small.alike_distance(photograph, small.scaled(style)[None])), rel=1e-4
    )
    with pytest.raises(KeyError, match="nearest"):
        small.make_painter(content, style, eyes, 10, distance="nearest")


def test_the_style_loss_falls(small, eyes):
    made = small.make_painter(picture(), picture(seed=1), eyes, 30, rate=0.05, recoloured=False)
    losses = [float(made.step()["style_loss"]) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_painter_made_again_paints_its_own_canvas(small, eyes):
    """The trap of a step over global names: the old picture would be painted on, in silence."""
    old, new = (small.make_painter(picture(), picture(seed=n), eyes, 10) for n in (1, 2))
    still = new.result()
    old.step()
    np.testing.assert_array_equal(new.result(), still)
    first = old.result()
    new.step()
    np.testing.assert_array_equal(old.result(), first)


@pytest.mark.parametrize("distance", ["alike", "sliced"])
def test_a_picture_that_is_interrupted_goes_on_with_the_same_bits(
    small, eyes, monkeypatch, capsys, distance
):
    def run(name):
        made, history = small.paint(
            f"{name}_{distance}", picture(), picture(seed=1), eyes, steps=5, distance=distance
        )
        holder = types.SimpleNamespace(weights=[tf.Variable(np.float32(made))])
        return holder, history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("style_loss",), exact=True
    )


def test_a_reader_who_changed_something_is_told(small, eyes):
    small.paint("main", picture(), picture(seed=1), eyes, steps=1)
    for told, arguments, changes in (
        (
            "content_weight was 0.05, is 0.5",
            (picture(), picture(seed=1), eyes),
            dict(content_weight=0.5),
        ),
        ("pictures was", (picture(), picture(seed=2), eyes), {}),
        ("pictures was", (picture(), picture(seed=1), small.make_eyes()), {}),
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.paint("main", *arguments, steps=3, **changes)
    small.paint("main", picture(), picture(seed=2), eyes, steps=1, fresh=True)


# ---------------------------------------------------------------- ways to look, and their table


def test_other_ways_to_look_have_their_forms(chapter, eyes):
    x = RNG.uniform(-1, 1, (1, 20, 24, 3)).astype(np.float32)
    assert [tuple(seen.shape) for seen in chapter.make_filters()(x)] == [(1, 20, 24, 32)] * 4
    for features in chapter.softened(eyes)(x):
        np.testing.assert_allclose(tf.reduce_sum(features, axis=-1), 1, rtol=1e-5)
    (cut,) = chapter.cut_all(x)
    assert cut.shape == (1, 14, 18, 147)
    np.testing.assert_array_equal(cut[0, 2, 3], x[0, 2:9, 3:10].ravel())


def test_scores_know_the_obvious_cheats():
    stripes = lambda period, turned=False: np.repeat(
        np.uint8(127 + 100 * np.sin(np.indices((60, 80))[int(turned)] * 2 * np.pi / period))[
            ..., None
        ],
        3,
        axis=-1,
    )
    photograph, painting = stripes(16), stripes(4, True)
    strokes, kept = benchmark.strokes, benchmark.kept
    assert strokes(photograph, photograph, painting) == pytest.approx(1)
    assert strokes(painting, photograph, painting) == 0
    assert kept(photograph, photograph) == pytest.approx(1)
    assert abs(kept(painting, photograph)) < 0.3
    pale = np.uint8(photograph / 3 + 80)  # neither palette nor contrast counts
    assert strokes(pale, photograph, painting) == pytest.approx(1, abs=0.1)
    between = np.uint8(photograph / 2 + painting / 2)
    assert strokes(between, photograph, painting) < 0.9


def test_the_benchmark_goes_on_and_writes_what_the_lesson_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = load_definitions("09")
    lesson.SIDE, lesson.PATCH, lesson.eyes = 48, 16, lesson.make_eyes((2,) * 8)
    names = {name for pair in benchmark.PAIRS for name in pair}
    lesson.gallery = {name: picture(60, 80, seed) for seed, name in enumerate(sorted(names))}
    lesson.styles = lesson.gallery
    lesson.judge = benchmark.make_judge(len(names))
    monkeypatch.setattr(benchmark, "WAYS", {"eyes_gram": dict(distance="gram")})
    with pytest.raises(SystemExit, match="First measure the time"):
        benchmark.fill(lesson, tmp_path, tmp_path, 100)
    monkeypatch.setattr(benchmark, "speed_now", lambda: 300.0)
    monkeypatch.setattr(benchmark, "TIMED", 1)
    benchmark.measure_times(lesson, tmp_path, seconds=1e-4)
    rows = lambda name=benchmark.NAME: read_rows(tmp_path / f"{name}.csv")
    benchmark.fill(lesson, tmp_path, tmp_path, 3)
    assert len(rows()) == 3 and not (tmp_path / f"{benchmark.NAME}.npz").exists()
    benchmark.fill(lesson, tmp_path, tmp_path, 100)
    assert [row["features"] for row in rows()] == [
        name for name in (*benchmark.BASELINES, "eyes_gram") for _ in benchmark.PAIRS
    ]
    for row in rows()[:4]:
        assert float(row["strokes"]) == pytest.approx(1) and float(row["kept"]) == pytest.approx(1)
    means = {row["features"]: row for row in rows(benchmark.MEANS)}
    assert list(means) == [*benchmark.BASELINES, "eyes_gram"]
    with np.load(tmp_path / f"{benchmark.NAME}.npz") as file:
        assert list(file) == list(means)

    def refuse(*_):
        raise AssertionError("this was painted before")

    monkeypatch.setattr(benchmark, "paint", refuse)
    benchmark.fill(lesson, tmp_path, tmp_path, 100)


def test_what_a_run_does_not_use_is_defined(chapter):
    assert {*definitions(chapter)} >= benchmark.NOT_USED
    used = {*definitions(chapter)} - benchmark.NOT_USED
    assert {"make_paint_step", "make_painter", "look", "gram", "sliced_distance"} <= used


def test_the_table_is_complete(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = load_definitions("09")
    wanted = benchmark.plan(lesson, benchmark.steps_of(MEASURED))
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert (MEASURED / f"{benchmark.NAME}.npz").stat().st_size < 400_000


def test_no_place_is_left_to_fill():
    for path in (FOLDER / "09_style_transfer.ipynb", FOLDER / "solutions/09_style_transfer.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
