"""The functions of chapter 09, taken out of the notebook, against values that are known."""

import json
import types

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image
from skimage.exposure import match_histograms

from benchmarks import style_blind
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
SMALLEST = 0.01  # what `relative` says of two equal things: the root of 0.0001
LOSSES = {"style_loss", "content_loss", "variation"}


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("09")


@pytest.fixture(scope="module")
def small():
    return load_small()


def load_small():
    """Return the chapter, one look, small patches, a checkpoint every 2 (eyes: 10) steps."""
    chapter = load_definitions("09")
    vars(chapter).update(EVERY=2, BATCH=4, PATCH=16, EYES_RATE=1e-2)
    chapter.PAINTING |= dict(looks=1)  # each look more is traced once more
    chapter.make_eyes.__defaults__ = ((4,) * 8,)
    return chapter


@pytest.fixture(scope="module")
def eyes(small):
    return small_eyes(small)


def small_eyes(chapter):
    keras.utils.set_random_seed(3)
    return chapter.make_eyes()


def train_small(chapter, name):
    """Paint for tests/support/same_bits.py; return all that a painting changes, and its curves."""
    kept = []

    def make_painter(*arguments, **changes):
        made = whole(*arguments, **changes)
        kept.extend([made.parts["canvas"], *made.parts["optimizer"].variables])
        return made

    whole, chapter.make_painter = chapter.make_painter, make_painter
    _, history = chapter.paint(name, picture(), picture(seed=1), small_eyes(chapter), steps=5)
    return kept, history


def picture(height=64, width=80, seed=0):
    """Return smooth noise, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def features(channels=5, height=6, width=7):
    return RNG.normal(0, 1, (1, height, width, channels)).astype(np.float32)


def shuffled(maps):
    """Put the places of feature maps in another order, the channels of a place together."""
    return RNG.permutation(maps.reshape(-1, maps.shape[-1])).reshape(maps.shape)


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
    made = chapter.fitted(str(path), 96)
    assert made.shape == (64, 96, 3) and made.dtype == np.uint8


def test_a_telephones_upright_photograph_is_not_squashed(chapter, tmp_path):
    """It is stored lying, with a note that it must be turned; its upper half is white."""
    upright = np.zeros((90, 60, 3), np.uint8)
    upright[:45] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn by 90 degrees, clockwise
    Image.fromarray(np.rot90(upright)).save(tmp_path / "mine.png", exif=exif)
    made = chapter.fitted(str(tmp_path / "mine.png"), 96)
    assert made.shape == (96, 64, 3) and made[:40].min() > 200 > 50 > made[56:].max()


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


def test_the_smallest_picture_that_is_fitted_can_be_painted(small, eyes):
    """From four times as far away it has 16 pixels, and the last layer 2: enough for a mirror."""
    tiny = small.fitted(picture(64, 96), 96)
    losses = small.make_painter(tiny, tiny, eyes, 1, looks=3).step()
    assert all(np.isfinite(float(loss)) for loss in losses.values())


def test_the_gallery_has_24_pictures(chapter):
    with np.load(DATA / "paintings.npz") as file:
        gallery = chapter.load_gallery({name: file[name] for name in file})
    assert len(gallery) == 24 and tuple(gallery)[:4] == PAINTINGS
    for made in gallery.values():
        assert made.dtype == np.uint8 and max(made.shape[:2]) == 320 and made.shape[2] == 3


def test_patches_come_from_their_picture_and_their_columns(small):
    left, right = np.full((60, 100, 3), 10, np.uint8), np.full((60, 100, 3), 90, np.uint8)
    left[:, 80:], right[:, 80:] = 20, 100
    gallery = {"one": left, "two": right}
    for first, last, wanted in ((0, 0.8, (10, 90)), (0.8, 1, (20, 100))):
        patches, labels = small.cut_patches(gallery, 5, np.random.default_rng(1), first, last)
        assert patches.shape == (10, 16, 16, 3) and labels.tolist() == [0] * 5 + [1] * 5
        assert {*patches[:5].ravel()} == {wanted[0]} and {*patches[5:].ravel()} == {wanted[1]}


def colour_matrices(old, new):
    """Return for each patch the matrix that makes its new colours of the old ones."""
    matrices = []
    for one, other in zip(old.reshape(len(old), -1, 3), new.reshape(len(new), -1, 3)):
        matrix, rest, *_ = np.linalg.lstsq(one, other, rcond=None)
        assert rest.max() < 1e-6  # nothing else was done
        matrices.append(matrix)
    return np.array(matrices)


def test_a_third_keeps_its_colours_a_third_is_grey_a_third_is_mixed(chapter):
    patches = RNG.integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
    mixed = chapter.mix_colours(patches, np.random.default_rng(1))
    assert mixed.dtype == np.float32 and mixed.shape == patches.shape
    matrices = colour_matrices(chapter.scaled(patches), mixed)
    contrast = matrices.sum(axis=1)  # each column's weights add up to it: grey stays grey
    np.testing.assert_allclose(contrast, contrast[:, :1] * np.ones(3), atol=1e-4)
    assert 0.5 <= contrast.min() < 0.6 and 1.4 < contrast.max() <= 1.5
    plain = matrices / contrast[:, :1, np.newaxis]
    same = np.abs(plain - np.eye(3)).max(axis=(1, 2)) < 1e-3
    grey = np.abs(plain - 1 / 3).max(axis=(1, 2)) < 1e-3
    assert 70 < same.sum() < 130 and 70 < grey.sum() < 130 and not (same & grey).any()
    others = plain[~same & ~grey].reshape(-1, 9)
    assert len(others) > 70 and others.std(axis=0).min() > 0.3


def test_grey_stays_grey(chapter):
    patches = RNG.integers(0, 256, (20, 8, 8, 1), dtype=np.uint8).repeat(3, axis=3)
    mixed = chapter.mix_colours(patches, np.random.default_rng(1))
    assert np.ptp(mixed, axis=3).max() < 1e-4


# ---------------------------------------------------------------- Gram matrices and losses


def test_gram_matrices_are_those_of_numpy_with_a_channel_of_ones(chapter):
    x = features()
    expected = np.empty((6, 6))
    expected[1:, 1:] = np.einsum("hwc,hwd->cd", x[0], x[0]) / 42
    expected[0, 1:] = expected[1:, 0] = x.mean(axis=(0, 1, 2))
    expected[0, 0] = 1
    np.testing.assert_allclose(chapter.gram(x), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(chapter.gram(shuffled(x)), expected, rtol=1e-4, atol=1e-6)


def test_a_negative_has_another_matrix_only_because_of_the_ones(chapter):
    x = features() + 0.5
    one, other = chapter.gram(x).numpy(), chapter.gram(-x).numpy()
    np.testing.assert_allclose(one[1:, 1:], other[1:, 1:], rtol=1e-5)
    np.testing.assert_allclose(one[0, 1:], -other[0, 1:], rtol=1e-5)
    assert float(chapter.relative(one, other)) > 0.3


def test_the_toys_of_the_text(chapter):
    grams = {name: chapter.gram(toy).numpy().tolist() for name, toy in chapter.TOYS.items()}
    assert grams["together"] == grams["moved"] == [[1, 0.5, 1], [0.5, 0.5, 1], [1, 1, 2]]
    assert grams["apart"] == [[1, 0.5, 1], [0.5, 0.5, 0], [1, 0, 2]]


def test_the_losses_by_hand(chapter):
    together, moved, apart = chapter.TOYS.values()
    style = lambda one, other: float(chapter.relative(chapter.gram(one), chapter.gram(other)))
    assert float(chapter.relative(together, apart)) == pytest.approx(1.6**0.5, abs=1e-4)
    assert float(chapter.relative(moved, together)) == pytest.approx(2**0.5, abs=1e-4)
    assert style(together, apart) == pytest.approx((2 / 7.75) ** 0.5, abs=2e-4)
    assert style(moved, together) == pytest.approx(SMALLEST)
    chess = tf.constant([[0.0, 1], [1, 0]])[None, ..., None]
    assert float(chapter.total_variation(chess)) == 0.5
    assert float(chapter.total_variation(tf.ones((1, 4, 5, 3)))) == 0


def test_relative_is_one_for_nothing_and_has_no_unit(chapter):
    x, other = features(), features()
    assert float(chapter.relative(0 * x, x)) == pytest.approx(1, abs=1e-4)
    distance = float(chapter.relative(other, x))
    lengths = np.linalg.norm(other - x), np.linalg.norm(x)
    assert distance == pytest.approx(lengths[0] / lengths[1], abs=1e-4)
    assert float(chapter.relative(50 * other, 50 * x)) == pytest.approx(distance, rel=1e-5)
    same = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = chapter.relative(same, x)
    assert np.isfinite(tape.gradient(loss, same)).all()  # where the root would have no end


def test_marks_have_the_painting_s_own_mean_and_unit(chapter):
    strengths = np.float32([100, 5, 1, 0.001])
    x = 7 + strengths * features(4, 20, 30)
    marks, wanted = chapter.marks_of(x)
    np.testing.assert_array_equal(marks(x), wanted)
    deviations = x.std(axis=(0, 1, 2))
    units = deviations + 0.3 * deviations.mean()
    np.testing.assert_allclose(wanted[0], [1, 0, 0, 0, 0], atol=1e-3)
    found = np.sqrt(np.diag(wanted)[1:])
    np.testing.assert_allclose(found, deviations / units, rtol=0.02, atol=1e-3)
    assert 0.9 < found[0] < 1 and found[3] < 0.01  # the nearly blind one stays quiet


def test_marks_know_no_places_and_no_common_unit(chapter):
    x, other = features(4, 20, 30), features(4, 20, 30) + 1
    marks, wanted = chapter.marks_of(x)
    np.testing.assert_allclose(marks(shuffled(other)), marks(other), rtol=1e-3, atol=1e-4)
    larger, same = chapter.marks_of(30 * x)
    np.testing.assert_allclose(same, wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(larger(30 * other), marks(other), rtol=1e-3, atol=1e-4)
    assert float(chapter.relative(marks(-other), marks(other))) > 0.3  # a negative


def test_a_strong_channel_s_scale_does_not_count(chapter):
    """Where the part that is added to the unit is negligible, marks do not know the scale."""
    x = features(200, 8, 9)
    strong = lambda maps, scale: np.concatenate([scale * maps[..., :1], maps[..., 1:]], axis=-1)
    found = []
    for scale in (100, 1000):
        marks, _ = chapter.marks_of(strong(x, scale))
        found.append(marks(strong(2 * x + 1, scale))[:2, :2])
    np.testing.assert_allclose(*found, rtol=0.02)
    weak, wanted = features(2) * np.float32([30, 1]), np.float32([1, 3])
    marks, goal = chapter.marks_of(weak)  # an error in the weaker one is seen
    assert float(chapter.relative(marks(weak * wanted), goal)) > 0.1
    assert float(chapter.relative(chapter.gram(weak * wanted), chapter.gram(weak))) < 0.05


# ---------------------------------------------------------------- the eyes


def test_eyes_have_eight_layers(chapter):
    seen = chapter.make_eyes()(np.zeros((1, 40, 48, 3), np.float32))
    assert [layer.shape[3] for layer in seen] == [*chapter.FILTERS]
    assert [tuple(layer.shape[1:3]) for layer in seen] == [
        size for size in ((40, 48), (20, 24), (10, 12), (5, 6)) for _ in range(2)
    ]


def test_receptive_fields_are_those_of_the_text(chapter):
    keras.utils.set_random_seed(1)
    eyes, x = chapter.make_eyes(), tf.Variable(RNG.normal(0, 1, (1, 96, 96, 3)).astype(np.float32))
    for layer, size in ((0, 3), (1, 5), (3, 14), (5, 32)):
        with tf.GradientTape() as tape:
            seen = eyes(x)[layer]
            one = tf.reduce_sum(seen[0, seen.shape[1] // 2, seen.shape[2] // 2])
        touched = np.abs(tape.gradient(one, x).numpy()).sum(axis=(0, 3)) > 0
        assert touched.any(axis=0).sum() == touched.any(axis=1).sum() == size


def test_the_border_is_a_mirror(small, eyes):
    x = RNG.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    wider = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    np.testing.assert_allclose(eyes(wider)[0][:, 1:-1, 1:-1], eyes(x)[0], atol=1e-5)
    for seen in eyes(0.3 + 0 * x):  # a picture of one colour: no layer sees a frame
        np.testing.assert_allclose(seen, seen[:, :1, :1] + 0 * seen, atol=1e-5)


def test_looking_from_afar_is_looking_at_a_smaller_picture(small, eyes):
    x = RNG.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    half = x.reshape(1, 16, 2, 24, 2, 3).mean(axis=(2, 4))
    for far, wanted in ((1, x), (2, half)):
        pixels, *seen = small.look(eyes, x, far)
        np.testing.assert_allclose(pixels, wanted, atol=1e-6)
        for one, other in zip(seen, eyes(wanted), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_each_step_of_the_eyes_moves_their_weights(small):
    parts = small.make_eyes_parts(3, 100, 0)
    before = values(parts["eyes"], parts["head"])
    patches = RNG.uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    losses = small.make_eyes_step(**parts)(patches, np.array([0, 1, 2, 0]))
    assert set(losses) == {"loss", "accuracy"} and 0 <= float(losses["accuracy"]) <= 1
    assert float(losses["loss"]) == pytest.approx(np.log(3), abs=1.5)
    moved = [np.any(a != b) for a, b in zip(before, values(parts["eyes"], parts["head"]))]
    assert sum(moved) >= len(moved) - 2


def labelled_patches():
    return np.random.default_rng(5).integers(0, 256, (12, 16, 16, 3), np.uint8), np.arange(12) % 3


def test_each_step_draws_other_colours(small, monkeypatch):
    drawn, whole = [], small.mix_colours

    def noted(patches, rng):
        drawn.append(rng.bit_generator.state["state"]["state"])
        return whole(patches, rng)

    monkeypatch.setattr(small, "mix_colours", noted)
    for seed in (1, 2):
        small.train_eyes(f"colours_{seed}", *labelled_patches(), steps=3, seed=seed)
    assert len(drawn) == len({*drawn}) == 6


def test_eyes_that_are_interrupted_go_on_with_the_same_bits(small, monkeypatch, capsys):
    histories = {}
    monkeypatch.setattr(small, "EVERY", 0.4)  # a checkpoint every two steps

    def run(name):
        class Noted(small.Training):
            def __init__(self, *arguments, **parts):
                super().__init__(*arguments, **parts)
                histories[name] = self

        with monkeypatch.context() as patch:
            patch.setattr(small, "Training", Noted)
            eyes, head = small.train_eyes(name, *labelled_patches(), steps=5)
        return [eyes, head], histories[name].history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("loss",), exact=True
    )


# ---------------------------------------------------------------- painting


def test_a_step_moves_the_pixels_and_nothing_else(small, eyes):
    made, before = small.make_painter(picture(), picture(seed=1), eyes, 10), values(eyes)
    first = made.parts["canvas"].numpy().copy()
    losses = made.step()
    assert set(losses) == LOSSES
    assert np.any(made.parts["canvas"].numpy() != first) and equal(values(eyes), before)
    assert np.abs(made.parts["canvas"].numpy()).max() <= 1
    result = made.result()
    assert result.dtype == np.uint8 and result.shape == (64, 80, 3)


def test_the_canvas_begins_as_its_settings_say(small, eyes):
    both = picture(), picture(seed=1)
    plain = small.make_painter(*both, eyes, 10, noise=0.0)
    np.testing.assert_array_equal(plain.result(), match_histograms(*both, channel_axis=-1))
    assert float(plain.step()["content_loss"]) == pytest.approx(SMALLEST)
    canvas = lambda **changes: (
        small.make_painter(*both, eyes, 10, **changes).parts["canvas"].numpy()
    )
    noise = canvas(begin=0.0, noise=0.1)
    assert noise.std() == pytest.approx(0.1, rel=0.05) and abs(noise.mean()) < 0.01
    again, other = (canvas(begin=0.0, noise=0.1, seed=seed) for seed in (small.SEED, 1))
    assert np.array_equal(noise, again) and not np.array_equal(noise, other)


def expected_losses(eyes, canvas, photograph, painting, own):
    """Compute the losses once more: means and products of two channels each, no matrices."""
    style = []
    for look in range(own["looks"]):
        smaller = [mean_of_squares(x, 2**look) for x in (canvas, painting)]
        for layer in range(own["first_layer"], own["last_layer"] + 1):
            one, other = (layers_of(eyes, x)[layer][0] for x in smaller)
            middle, deviation = tf.reduce_mean(other, (0, 1)), tf.math.reduce_std(other, (0, 1))
            unit = deviation + 0.3 * tf.reduce_mean(deviation)
            marks = [(x - middle) / unit for x in (one, other)]
            means = [tf.reduce_mean(x, (0, 1)) for x in marks]
            products = [tf.reduce_mean(x[..., None] * x[..., None, :], (0, 1)) for x in marks]
            wrong = 2 * squares(means[0] - means[1]) + squares(products[0] - products[1])
            length = 1 + 2 * squares(means[1]) + squares(products[1])
            style.append(tf.sqrt(wrong / length + 1e-4))
    seen, kept = (layers_of(eyes, x)[own["content_layer"]] for x in (canvas, photograph))
    down, across = canvas[:, 1:] - canvas[:, :-1], canvas[:, :, 1:] - canvas[:, :, :-1]
    return dict(
        style_loss=sum(style) / len(style),
        content_loss=tf.sqrt(squares(seen - kept) / squares(kept) + 1e-4),
        variation=(squares(down) + squares(across)) / (2 * np.prod(canvas.shape)),
    )


def squares(x):
    return tf.reduce_sum(x * x)


def layers_of(eyes, x):
    return [x, *eyes(x)]


def mean_of_squares(x, side):
    """Return a picture whose pixels are the means of squares with this side."""
    _, height, width, _ = x.shape
    cut = tf.reshape(x, (1, height // side, side, width // side, side, 3))
    return tf.reduce_mean(cut, (2, 4))


def painted_once(small, eyes, rate, **changes):
    """Take a step with plain gradient descent; return canvas before and after, losses, settings."""
    own = small.PAINTING | changes
    photograph, painting = (
        tf.constant(small.scaled(picture(seed=seed))[None] / 2) for seed in (0, 1)
    )
    before = photograph + RNG.normal(0, 0.1, photograph.shape).astype(np.float32)
    canvas, optimizer = tf.Variable(before), keras.optimizers.SGD(rate)
    optimizer.build([canvas])
    step = small.make_paint_step(canvas, optimizer, eyes, photograph, painting, **own)
    losses = step()
    return before, canvas.numpy(), losses, (photograph, painting, own)


@pytest.mark.parametrize(
    "changes",
    [dict(looks=3), dict(style=0.5, content=2.0, smooth=3.0, looks=2, content_layer=3)],
    ids=["as in the lesson", "other settings"],
)
def test_the_step_computes_the_losses_of_the_text_and_goes_along_their_slope(small, eyes, changes):
    rate = 1.0
    before, after, losses, (photograph, painting, own) = painted_once(small, eyes, rate, **changes)
    place = tf.Variable(before)
    with tf.GradientTape() as tape:
        expected = expected_losses(eyes, tf.convert_to_tensor(place), photograph, painting, own)
        parts = ("style", "style_loss"), ("content", "content_loss"), ("smooth", "variation")
        whole = sum(own[weight] * expected[name] for weight, name in parts)
    slope = tape.gradient(whole, place).numpy()
    for name in LOSSES:
        assert float(losses[name]) == pytest.approx(float(expected[name]), rel=1e-3), name
    assert np.abs(after).max() < 1 and np.abs(slope).max() > 1e-4
    tolerance = 1e-3 * np.abs(slope).max() + 2e-7  # float32 cuts the canvas
    np.testing.assert_allclose((before - after) / rate, slope, rtol=0.01, atol=tolerance)


def test_a_single_layer_can_be_asked(small, eyes):
    layer = dict(first_layer=0, last_layer=0, looks=1, noise=0.0)
    both = picture(), picture(seed=1)
    found = float(small.make_painter(*both, eyes, 10, **layer).step()["style_loss"])
    photograph, painting = (
        small.scaled(x)[None] for x in (match_histograms(*both, channel_axis=-1), both[1])
    )
    marks, goal = small.marks_of(painting)
    assert found == pytest.approx(float(small.relative(marks(photograph), goal)), rel=1e-3)


def means_only(wanted):
    """Another `marks_of`: the mean of each channel, nothing else."""
    marks = lambda features: tf.reduce_mean(features, (0, 1, 2))
    return marks, marks(wanted)


def test_another_way_to_read_marks_can_be_given(small, eyes):
    both = picture(), picture(seed=1)
    losses = [
        float(small.make_painter(*both, eyes, 10, **changes).step()["style_loss"])
        for changes in ({}, dict(marks_of=means_only), dict(marks_of=small.marks_of))
    ]
    assert losses[0] == pytest.approx(losses[2], rel=1e-4)
    assert abs(losses[0] - losses[1]) > 0.01
    small.paint("marks", *both, eyes, steps=1, marks_of=means_only)
    with pytest.raises(CheckpointError, match="marks_of was means_only, is None"):
        small.paint("marks", *both, eyes, steps=2)


def test_the_style_loss_falls(small, eyes):
    made = small.make_painter(picture(), picture(seed=1), eyes, 30)
    losses = [float(made.step()["style_loss"]) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_quickly_paints_what_a_painter_paints(small, eyes):
    arguments = picture(), picture(seed=1), eyes
    made = small.make_painter(*arguments, 2, content=0.5)
    for _ in range(2):
        made.step()
    np.testing.assert_array_equal(small.quickly(*arguments, 2, content=0.5), made.result())


def test_a_painter_made_again_paints_its_own_canvas(small, eyes):
    """The trap of a step over global names: the old picture would be painted on, in silence."""
    old, new = (small.make_painter(picture(), picture(seed=n), eyes, 10) for n in (1, 2))
    still = new.result()
    old.step()
    np.testing.assert_array_equal(new.result(), still)
    first = old.result()
    new.step()
    np.testing.assert_array_equal(old.result(), first)
    assert not np.array_equal(new.result(), still)


def test_all_that_is_trained_and_all_settings_are_kept(small, eyes, monkeypatch):
    kept = lambda run, also: training_checks.check_everything_is_kept(
        small, monkeypatch, run, also, networks=()
    )
    run = lambda name: small.train_eyes(name, *labelled_patches(), steps=1)
    assert kept(run, {"eyes", "head", "optimizer"}) == {"eyes", "head", "optimizer", "fresh"}
    run = lambda name: small.paint(name, picture(), picture(seed=1), eyes, steps=1)
    also = {"canvas", "optimizer", "pictures", "seed", *small.PAINTING}
    assert kept(run, also) == {*also, "fresh"}


def test_a_painting_that_is_interrupted_goes_on(small, eyes, monkeypatch, capsys):
    def run(name):
        made, history = small.paint(name, picture(), picture(seed=1), eyes, steps=5)
        tiny = tf.Variable(np.float32(made) / 1000)  # one of 255 may be rounded the other way
        return types.SimpleNamespace(weights=[tiny]), history

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("style_loss",)
    )


def test_a_painting_that_is_interrupted_ends_with_the_same_bits(tmp_path):
    training_checks.check_resumed_bits(__name__, tmp_path, ("style_loss",), fewest=5)


def test_a_reader_who_changed_something_is_told(small, eyes):
    small.paint("main", picture(), picture(seed=1), eyes, steps=1)
    other_eyes = small.make_eyes()
    for told, arguments, changes in (
        ("content was 0.1, is 0.5", (picture(), picture(seed=1), eyes), dict(content=0.5)),
        ("seed was 42, is 1", (picture(), picture(seed=1), eyes), dict(seed=1)),
        ("pictures was", (picture(seed=2), picture(seed=1), eyes), {}),
        ("pictures was", (picture(), picture(seed=2), eyes), {}),
        ("pictures was", (picture(), picture(seed=1), other_eyes), {}),
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.paint("main", *arguments, steps=3, **changes)
    small.paint("main", picture(), picture(seed=2), eyes, steps=1, fresh=True)


# ---------------------------------------------------------------- the easel


@pytest.fixture
def easel(small, eyes, monkeypatch):
    models = {name: picture(seed=seed) for seed, name in enumerate(("one", "two"))}
    styles = {name: picture(seed=seed) for seed, name in enumerate(("wave", "street"), start=2)}
    monkeypatch.setattr(small, "easel", {}, raising=False)
    for name, thing in dict(models=models, styles=styles, eyes=eyes).items():
        monkeypatch.setattr(small, name, thing, raising=False)
    return small


def test_the_easel_goes_on_while_the_same_pictures_are_chosen(easel):
    tile, text = easel.paint_on([0, 1, 2], steps=1)
    assert tile["shape"] == [64, 80, 3] and len(tile["values"]) == 64 * 80 * 3
    assert text.startswith("style loss 0.") or text.startswith("style loss 1.")
    painter = easel.easel["painter"]
    assert float(easel.easel["weight"]) == pytest.approx(1.6 / 4**2)
    more, _ = easel.paint_on([0, 1, 4], steps=2)  # only the strength was changed
    assert easel.easel["painter"] is painter and more["values"] != tile["values"]
    assert float(easel.easel["weight"]) == pytest.approx(1.6 / 4**4)
    assert int(painter.parts["optimizer"].iterations) == 3


def test_the_easel_begins_anew_with_other_pictures(easel):
    easel.paint_on([0, 0, 2], steps=1)
    painter = easel.easel["painter"]
    easel.paint_on([1, 0, 2], steps=1)
    assert easel.easel["painter"] is not painter
    assert int(easel.easel["painter"].parts["optimizer"].iterations) == 1


def test_a_strong_style_keeps_less_of_the_photograph(easel):
    kept = []
    for strength in (0, 4):
        easel.easel.clear()
        easel.paint_on([0, 1, strength], steps=15)
        kept.append(float(easel.easel["painter"].step()["content_loss"]))
    assert kept[0] < kept[1]


def test_no_place_is_left_to_fill():
    for path in (FOLDER / "09_style_transfer.ipynb", FOLDER / "solutions/09_style_transfer.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]


# ---------------------------------------------------------------- the test for readers


def test_the_readers_get_ten_pairs_and_their_decoys_in_grey(small, eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(small, "SIDE", 96)
    monkeypatch.setattr(small, "PAINT_STEPS", 1)
    styles = {name: picture(seed=seed) for seed, name in enumerate(PAINTINGS)}
    style_blind.make(small, eyes, styles, tmp_path)
    key = json.loads((tmp_path / "key.json").read_text())
    shown = [(*pair, kind) for pair in style_blind.PAIRS for kind in style_blind.KINDS]
    assert sorted(map(tuple, key.values())) == sorted(shown) and [*key.values()] != shown
    for name in (*key, *(f"painting_{name}" for name in PAINTINGS)):
        made = Image.open(tmp_path / f"{name}.png")
        shares = np.histogram(made, bins=4, range=(0, 256))[0] / np.prod(made.size)
        assert made.mode == "L" and np.abs(shares - 0.25).max() < 0.05  # no palette is left
