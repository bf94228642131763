"""The functions of the further lesson of chapter 09: fast networks, against known values."""

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import style_fast as benchmark
from benchmarks.tables import MEASURED, definitions, read_rows
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.models import train_painters
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER, FURTHER

RNG = np.random.default_rng(0)
NAME = "09_fast_style"


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("09", FURTHER / f"{NAME}.ipynb")


@pytest.fixture(scope="module")
def small():
    """The lesson with tiny networks, a batch of 2, and a checkpoint every 2 steps."""
    lesson = load_definitions("09", FURTHER / f"{NAME}.ipynb")
    vars(lesson).update(EVERY=2, BATCH=2, RATE=1e-2, SIDE=32)
    lesson.make_fast.__defaults__ = (4, 1, "instance")
    lesson.make_decoder.__defaults__ = (4, 4)
    lesson.styles = {name: bytes_of((32, 40), n) for n, name in enumerate(("wave", "poppies"))}
    return lesson


@pytest.fixture(scope="module")
def eyes():
    keras.utils.set_random_seed(3)
    return load_definitions("09").make_eyes((4,) * 8)


def bytes_of(size, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (size[0] // 8, size[1] // 8, 3))
    return np.uint8(coarse.repeat(8, 0).repeat(8, 1))


def batch(count=2, size=16):
    return RNG.uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


def test_gram_matrices_of_a_batch_are_those_of_numpy(lesson):
    x = RNG.normal(0, 1, (3, 4, 5, 6)).astype(np.float32)
    expected = np.einsum("nhwc,nhwd->ncd", x, x) / 20
    np.testing.assert_allclose(lesson.gram(x), expected, rtol=1e-4, atol=1e-6)


def test_recoloured_bytes_have_mean_and_covariance_of_the_palette(lesson):
    old = np.uint8(RNG.normal(120, 20, (40, 50, 3)).clip(0, 255))
    new = np.uint8((RNG.normal(0, 12, (30, 30, 3)) @ RNG.normal(0, 0.7, (3, 3)) + 130).clip(0, 255))
    made = lesson.recoloured(old, new)
    flat = lambda x: x.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(flat(made).mean(0), flat(new).mean(0), atol=1)
    np.testing.assert_allclose(np.cov(flat(made).T), np.cov(flat(new).T), atol=12)


def test_pieces_come_from_all_pictures(lesson):
    pictures = [np.full((40, 60, 3), value, np.uint8) for value in (10, 90)]
    pieces = lesson.cut_pieces(pictures, 3, np.random.default_rng(0), side=16)
    assert pieces.shape == (6, 16, 16, 3)
    assert [{*piece.ravel()} for piece in pieces] == [{10}] * 3 + [{90}] * 3


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (33, 90)])
def test_pictures_of_any_size_keep_it(lesson, size):
    """A painter that gives back its input gives back the picture; its sides are multiples of 4."""
    picture, seen = RNG.integers(0, 256, (*size, 3), dtype=np.uint8), []

    def same(pictures):
        seen.append(pictures.shape)
        return pictures

    np.testing.assert_array_equal(lesson.paint_with(same, picture), picture)
    assert seen[0][1] % 4 == seen[0][2] % 4 == 0
    too_bright = lambda pictures: pictures + 9
    assert {*lesson.paint_with(too_bright, picture).ravel()} == {255}


def test_networks_give_pictures_of_the_size_they_get(lesson):
    for norm in lesson.NORMS:
        network = lesson.make_fast(4, 1, norm)
        made = network(batch(2, 24)).numpy()
        assert made.shape == (2, 24, 24, 3) and np.abs(made).max() <= 1
    assert lesson.make_decoder(4, 4)(RNG.normal(0, 1, (2, 6, 5, 4))).shape == (2, 24, 20, 3)


def test_only_instance_normalisation_forgets_the_contrast_of_one_picture(lesson):
    keras.utils.set_random_seed(0)
    strong = batch(1, 24)
    both = np.concatenate([strong, 0.25 * strong])
    gaps = {}
    for norm in lesson.NORMS:
        one, other = lesson.make_fast(4, 1, norm)(both, training=True).numpy()
        gaps[norm] = np.abs(one - other).mean() / np.abs(one).mean()
    assert gaps["instance"] < 0.1 * min(gaps["batch"], gaps["none"])


def fast_parts(small, seed=0):
    return small.make_fast_parts(10, seed, "instance")


def test_a_fast_step_moves_the_network_and_not_the_eyes(small, eyes):
    parts, before = fast_parts(small), values(eyes)
    first = values(parts["network"])
    painting = small.scaled(small.styles["wave"])[None]
    step = small.make_fast_step(**parts, eyes=eyes, painting=painting)
    losses = step(batch(), batch())
    assert set(losses) == {"style_loss", "content_loss"}
    assert equal(values(eyes), before) and not equal(values(parts["network"]), first)


def test_the_style_loss_of_the_painting_itself_is_zero(small, eyes):
    """With a network that gives back its input."""
    painting = small.scaled(small.styles["wave"])[None]
    inputs = keras.Input((None, None, 3))
    same = keras.layers.Conv2D(3, 1, use_bias=False)
    network = keras.Model(inputs, same(inputs))
    network.set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)])
    rest = keras.optimizers.SGD(0.0)
    rest.build(network.trainable_variables)
    losses = small.make_fast_step(network, rest, eyes, painting)(painting, painting)
    assert float(losses["style_loss"]) < 1e-6 and float(losses["content_loss"]) < 1e-6


def test_networks_made_again_are_the_ones_that_train(small, eyes):
    painting = small.scaled(small.styles["wave"])[None]
    old, new = fast_parts(small), fast_parts(small, 1)
    small.make_fast_step(**old, eyes=eyes, painting=painting)(batch(), batch())
    still, before = values(old["network"]), values(new["network"])
    small.make_fast_step(**new, eyes=eyes, painting=painting)(batch(), batch())
    assert equal(values(old["network"]), still) and not equal(values(new["network"]), before)


def test_adain_gives_the_moments_of_the_style_and_keeps_the_places(lesson):
    x = RNG.normal(1, 2, (2, 8, 9, 5)).astype(np.float32)
    y = RNG.normal(-3, 0.5, (1, 6, 7, 5)).astype(np.float32)
    made = lesson.adain(x, y).numpy()
    np.testing.assert_allclose(made.mean(axis=(1, 2)), y.mean(axis=(1, 2)).repeat(2, 0), atol=1e-3)
    np.testing.assert_allclose(made.std(axis=(1, 2)), y.std(axis=(1, 2)).repeat(2, 0), rtol=1e-2)
    for channel in range(5):
        assert np.corrcoef(made[0, ..., channel].ravel(), x[0, ..., channel].ravel())[0, 1] > 0.999
    np.testing.assert_allclose(lesson.adain(x, x), x, atol=1e-3)


def test_an_adain_step_moves_the_decoder_only(small, eyes):
    parts, before = small.make_adain_parts(10, 0), values(eyes)
    first = values(parts["decoder"])
    losses = small.make_adain_step(**parts, eyes=eyes)(batch(), batch())
    assert np.isfinite([float(loss) for loss in losses.values()]).all()
    assert equal(values(eyes), before) and not equal(values(parts["decoder"]), first)


def test_strength_goes_from_the_photograph_to_the_style(small, eyes):
    decoder, x = small.make_decoder(), batch(1, 32)
    encoder = small.make_encoder(eyes)
    none, half, full = (
        small.restyle(eyes, decoder, small.styles["wave"], strength)(x) for strength in (0, 0.5, 1)
    )
    np.testing.assert_allclose(none, decoder(encoder(x)), atol=1e-5)
    wanted = small.adain(encoder(x), encoder(small.scaled(small.styles["wave"])[None]))
    np.testing.assert_allclose(full, decoder(wanted), atol=1e-4)
    assert not np.allclose(half, full, atol=1e-4)


def test_half_of_the_styles_are_paintings_and_none_is_held_out(small):
    pieces = np.full((8, 16, 16, 3), 200, np.uint8)
    paintings = [np.full((40, 40, 3), value, np.uint8) for value in (10, 90)]
    small.cut_pieces.__defaults__ = (16,)
    cut = small.cut_styles(paintings, pieces, np.random.default_rng(0))
    assert cut.shape == pieces.shape
    assert {10, 90, 200} >= {*cut.ravel()} and (cut == 200).any() and (cut != 200).any()


@pytest.mark.parametrize("which", ["fast", "adain"])
def test_a_training_that_is_interrupted_goes_on(small, eyes, monkeypatch, capsys, which):
    pieces = RNG.integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)

    def run(name):
        if which == "fast":
            return small.train_fast(f"{name}_fast", eyes, pieces, "wave", steps=5)
        return small.train_adain(f"{name}_adain", eyes, pieces, pieces[::-1], steps=5)

    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=("style_loss",)
    )


def test_a_reader_who_changed_the_style_is_told(small, eyes):
    pieces = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    small.train_fast("main", eyes, pieces, "wave", steps=1)
    with pytest.raises(CheckpointError, match=r"style was wave, is poppies(?s:.*)fresh=True"):
        small.train_fast("main", eyes, pieces, "poppies", steps=3)


def test_the_benchmark_scores_each_norm(small, eyes, tmp_path):
    small.eyes, small.tests = eyes, [bytes_of((32, 32), 5)]
    small.pieces = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    for run in benchmark.plan(small, seeds=(1,), steps=1):
        found = benchmark.score(small, run)
        assert set(found) == set(benchmark.FOUND) and np.isfinite([*found.values()]).all()
    assert {*definitions(small)} >= benchmark.USED


def test_the_painters_are_trained_with_the_lessons_code(small, eyes, monkeypatch):
    """Two steps each; nothing is published."""
    pieces = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    small.cut_pieces.__defaults__ = (24,)
    monkeypatch.setattr(train_painters, "load_further", lambda: (small, pieces))
    monkeypatch.setattr(train_painters.pretrained, "load", lambda _: eyes)
    for name in ("09_fast_wave", "09_adain_decoder"):
        network, run, measured = train_painters.PLANS[name][0](2)
        assert isinstance(network, keras.Model) and run.startswith("09_fast_style/pretrained-")
        assert np.isfinite([*measured.values()]).all()
    with pytest.raises(SystemExit, match="no model 'x'"):
        train_painters.main("x")


def test_a_published_form_keeps_all_layers(eyes):
    """The eyes have eight outputs and no fixed size: the copy in float16 has them, too."""
    copy = train_painters.pretrained.in_dtype(eyes, "float16")
    assert len(copy.outputs) == 8
    x = tf.constant(batch(1, 32))
    for one, other in zip(copy(x), eyes(x)):
        np.testing.assert_allclose(one, other, atol=0.05)


def test_the_table_is_complete(lesson):
    wanted = benchmark.plan(lesson)
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert len(wanted) == 9 and lesson.SEED not in benchmark.SEEDS


def test_no_place_is_left_to_fill():
    for path in (FURTHER / f"{NAME}.ipynb", FOLDER / f"solutions/{NAME}.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell.source[:60] for cell in cells if "«" in cell.source]
