"""The functions of the further lesson of chapter 09: fast networks, against known values."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import style_fast as benchmark
from benchmarks.tables import MEASURED, read_rows
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import equal, values
from tools.models import train_painters
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FURTHER

RNG = np.random.default_rng(0)
NAME = "09_fast_style"


@pytest.fixture(scope="module")
def lesson():
    return load_definitions("09", FURTHER / f"{NAME}.ipynb")


@pytest.fixture(scope="module")
def small():
    """The lesson with tiny networks, and a checkpoint every 2 steps."""
    lesson = load_definitions("09", FURTHER / f"{NAME}.ipynb")
    vars(lesson).update(EVERY=2, RATE=1e-2, DECODER_RATE=1e-2, SIDE=64)
    lesson.make_fast.__defaults__ = (True, False, 4, 1)
    lesson.styles = {name: bytes_of((32, 40), n) for n, name in enumerate(("street", "wave"))}
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


def normal(*shape, mean=0.0, deviation=1.0):
    return RNG.normal(mean, deviation, shape).astype(np.float32)


# ---------------------------------------------------------------- losses


def test_gram_matrices_of_a_batch_are_those_of_numpy(lesson):
    x = normal(3, 4, 5, 6)
    ones = np.concatenate([np.ones_like(x[..., :1]), x], axis=-1)
    expected = np.einsum("nhwc,nhwd->ncd", ones, ones) / 20
    np.testing.assert_allclose(lesson.gram(x), expected, rtol=1e-4, atol=1e-6)


def test_the_losses_of_one_picture_are_those_of_the_core_lesson(lesson):
    chapter = load_definitions("09")
    x, y = normal(1, 6, 7, 5), normal(1, 8, 6, 5, mean=1.0, deviation=2.0)
    np.testing.assert_allclose(lesson.gram(x)[0], chapter.gram(x), rtol=1e-5)
    assert float(lesson.relative(x, 2 * x)) == pytest.approx(float(chapter.relative(x, 2 * x)))
    (marks, goal), (core_marks, core_goal) = lesson.marks_of(y), chapter.marks_of(y)
    np.testing.assert_allclose(goal[0], core_goal, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(marks(x)[0], core_marks(x), rtol=1e-4, atol=1e-5)


def test_the_loss_of_a_batch_is_the_mean_of_its_pictures(lesson):
    x, y = normal(3, 4, 5, 6), normal(3, 4, 5, 6)
    each = [float(lesson.relative(x[n : n + 1], y[n : n + 1])) for n in range(3)]
    assert float(lesson.relative(x, y)) == pytest.approx(np.mean(each), rel=1e-5)
    assert np.ptp(each) > 1e-3


def test_a_look_sees_pixels_and_layers_from_near_and_afar(lesson, eyes):
    x = batch(2, 32)
    seen = lesson.make_look(eyes)(x)
    assert [layer.shape[1] for layer in seen] == [
        *(32, 32, 32, 16, 16, 8, 8),
        *(16, 16, 16, 8, 8, 4, 4),
    ]
    np.testing.assert_array_equal(seen[0], x)
    np.testing.assert_allclose(seen[6], eyes(x)[5], atol=1e-5)
    np.testing.assert_allclose(seen[7], x.reshape(2, 16, 2, 16, 2, 3).mean((2, 4)), atol=1e-6)


def test_the_style_loss_of_the_painting_itself_is_zero(lesson, eyes):
    """That is 0.01, the small addition under the root; of another picture it is larger."""
    painting, look = lesson.scaled(bytes_of((32, 40)))[None], lesson.make_look(eyes)
    style_loss = lesson.make_style_loss(look, painting)
    assert float(style_loss(look(painting))) == pytest.approx(0.01, abs=1e-3)
    assert float(style_loss(look(batch(1, 32)))) > 0.1


# ---------------------------------------------------------------- pictures


def test_pieces_come_from_all_pictures(lesson):
    pictures = [np.full((40, 60, 3), value, np.uint8) for value in (10, 90)]
    pieces = lesson.cut_pieces(pictures, 3, np.random.default_rng(0), side=16)
    assert pieces.shape == (6, 16, 16, 3)
    assert [{*piece.ravel()} for piece in pieces] == [{10}] * 3 + [{90}] * 3


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (33, 90)])
def test_pictures_of_any_size_keep_it(lesson, size):
    """A painter that gives back its input gives the recoloured picture; sides divide by 8."""
    picture, seen = RNG.integers(0, 256, (*size, 3), dtype=np.uint8), []

    def same(pictures):
        seen.append(pictures.shape)
        return pictures

    made = lesson.paint_with(same, picture, picture)
    np.testing.assert_array_equal(made, picture)
    assert seen[0][1] % 8 == seen[0][2] % 8 == 0
    too_bright = lambda pictures: pictures + 9
    assert {*lesson.paint_with(too_bright, picture, picture).ravel()} == {255}


def test_a_painted_picture_has_the_palette_of_the_painting(lesson):
    painting = RNG.integers(100, 120, (40, 40, 3), dtype=np.uint8)
    made = lesson.paint_with(lambda x: x, bytes_of((32, 40)), painting)
    assert made.min() >= 100 and made.max() < 120


def test_mixed_colours_keep_grey_grey_and_stay_in_their_range(lesson):
    grey = np.full((60, 4, 4, 3), RNG.integers(0, 256, (60, 1, 1, 1)), np.uint8)
    mixed = lesson.mix_colours(grey, np.random.default_rng(0))
    assert mixed.dtype == np.float32 and np.abs(mixed).max() <= 1
    np.testing.assert_allclose(mixed, mixed[..., :1].repeat(3, -1), atol=1e-5)
    colourful = np.float32(lesson.mix_colours(bytes_of((32, 32))[None].repeat(60, 0), RNG))
    assert np.abs(colourful).max() <= 1 and len({*np.round(colourful.mean((1, 2, 3)), 4)}) > 30


# ---------------------------------------------------------------- a network for one style


FORMS = [{}, {"norm": False}, {"change": True}]


@pytest.mark.parametrize("form", FORMS)
def test_networks_give_pictures_of_the_size_they_get(lesson, form):
    network = lesson.make_fast(width=4, blocks=1, **form)
    assert network(batch(2, 24)).shape == (2, 24, 24, 3)
    weights = {layer.__class__.__name__ for layer in network.layers}
    assert ("GroupNormalization" in weights) == form.get("norm", True)


def test_only_a_network_that_paints_a_change_begins_with_its_input(lesson):
    x = batch(2, 24)
    np.testing.assert_array_equal(lesson.make_fast(change=True, width=4, blocks=1)(x), x)
    assert np.abs(lesson.make_fast(width=4, blocks=1)(x) - x).mean() > 0.1


def test_only_instance_normalisation_forgets_the_contrast_of_one_picture(lesson):
    strong, gaps = batch(1, 24), {}
    for norm in (True, False):
        keras.utils.set_random_seed(0)
        network = lesson.make_fast(norm, width=4, blocks=1)
        one, other = network(np.concatenate([strong, 0.25 * strong])).numpy()
        gaps[norm] = np.abs(one - other).mean() / np.abs(one).mean()
    assert gaps[True] < 0.1 * gaps[False]


def test_pictures_of_one_batch_do_not_see_each_other(lesson):
    x, network = batch(2, 24), lesson.make_fast(width=4, blocks=1)
    np.testing.assert_allclose(network(x)[:1], network(x[:1]), atol=1e-4)


def fast_parts(small, seed=0):
    keras.utils.set_random_seed(seed)
    return small.make_parts(small.make_fast(), 1e-2, 10)


def test_a_fast_step_moves_the_network_and_not_the_eyes(small, eyes):
    parts, before, pieces = fast_parts(small), values(eyes), batch(2, 24)
    first = values(parts["network"])
    painting = small.scaled(small.styles["wave"])[None]
    step = small.make_fast_step(**parts, eyes=eyes, painting=painting)
    found = [step(pieces) for _ in range(10)]
    assert set(found[0]) == {"style_loss", "content_loss"}
    assert float(found[-1]["style_loss"]) < 0.9 * float(found[0]["style_loss"])
    assert equal(values(eyes), before) and not equal(values(parts["network"]), first)


def test_a_training_can_go_on_from_another_network(small):
    other = fast_parts(small, 5)["network"]
    made = small.make_fast_parts(10, 0, first=other)["network"]
    assert equal(values(made), values(other)) and made is not other
    assert not equal(values(small.make_fast_parts(10, 0)["network"]), values(other))


def test_networks_made_again_are_the_ones_that_train(small, eyes):
    painting = small.scaled(small.styles["wave"])[None]
    old, new = fast_parts(small), fast_parts(small, 1)
    small.make_fast_step(**old, eyes=eyes, painting=painting)(batch())
    still, before = values(old["network"]), values(new["network"])
    small.make_fast_step(**new, eyes=eyes, painting=painting)(batch())
    assert equal(values(old["network"]), still) and not equal(values(new["network"]), before)


# ---------------------------------------------------------------- any style


def test_adain_gives_the_moments_of_the_style_and_keeps_the_places(lesson):
    x, y = normal(2, 8, 9, 5, mean=1, deviation=2), normal(1, 6, 7, 5, mean=-3, deviation=0.5)
    made = lesson.adain(x, y).numpy()
    np.testing.assert_allclose(made.mean(axis=(1, 2)), y.mean(axis=(1, 2)).repeat(2, 0), atol=1e-3)
    np.testing.assert_allclose(made.std(axis=(1, 2)), y.std(axis=(1, 2)).repeat(2, 0), rtol=1e-2)
    for channel in range(5):
        assert np.corrcoef(made[0, ..., channel].ravel(), x[0, ..., channel].ravel())[0, 1] > 0.999
    np.testing.assert_allclose(lesson.adain(x, x), x, atol=1e-3)


def test_wct_gives_the_gram_matrix_of_the_style(lesson):
    turned = [np.linalg.qr(RNG.normal(0, 1, (5, 5)))[0] for _ in range(2)]
    mix = [axes * [2, 1.5, 1, 0.8, 0.5] @ axes.T for axes in turned]  # no direction is left out
    x = np.float32(normal(2, 9, 8, 5, mean=1) @ mix[0])
    y = np.float32(normal(1, 7, 9, 5, mean=-2) @ mix[1] + 3)
    made = lesson.wct(x, y)
    wanted = lesson.gram(y).numpy().repeat(2, 0)
    np.testing.assert_allclose(lesson.gram(made), wanted, rtol=0.01, atol=0.01 * wanted.max())
    far = lesson.gram(lesson.adain(x, y)).numpy()
    assert np.abs(far - wanted).max() > 0.05 * wanted.max()
    np.testing.assert_allclose(lesson.wct(x, x), x, rtol=1e-3, atol=1e-2)


def test_powers_of_a_covariance_are_those_of_numpy(lesson):
    axes = np.linalg.qr(RNG.normal(0, 1, (4, 4)))[0]
    covariance = axes * [4, 2, 1, 0.5] @ axes.T
    root = lesson.power(np.float32(covariance)[None], 0.5)[0].numpy()
    np.testing.assert_allclose(root @ root, covariance, rtol=1e-3, atol=1e-3)
    whitening = lesson.power(np.float32(covariance)[None], -0.5)[0].numpy()
    np.testing.assert_allclose(whitening @ root, np.eye(4), atol=1e-3)


def test_directions_with_nearly_no_variation_are_not_made_strong(lesson):
    """A dead channel, and one that is a copy: the result is finite, and not large."""
    x = normal(1, 8, 8, 4)
    x[..., 1], x[..., 2] = x[..., 0], 0
    made = lesson.wct(x, normal(1, 8, 8, 4)).numpy()
    assert np.isfinite(made).all() and np.abs(made).max() < 10


def test_the_encoder_sees_layer_4_and_the_colours(lesson, eyes):
    x = batch(2, 32)
    seen = lesson.make_encoder(eyes)(x)
    assert seen.shape == (2, 16, 16, 4 + 3)
    np.testing.assert_allclose(seen[..., :4], eyes(x)[3], atol=1e-5)
    half = x.reshape(2, 16, 2, 16, 2, 3).mean((2, 4))
    np.testing.assert_allclose(seen[..., 4:], half, atol=1e-6)
    assert lesson.make_decoder(eyes)(seen).shape == x.shape


def test_a_decoder_step_moves_the_decoder_only(small, eyes):
    parts, before = small.make_parts(small.make_decoder(eyes), 1e-2, 10), values(eyes)
    first = values(parts["network"])
    step = small.make_decoder_step(**parts, eyes=eyes)
    losses = [step(batch()) for _ in range(2)][-1]
    assert set(losses) == {"pixel_loss", "feature_loss"}
    assert np.isfinite([float(loss) for loss in losses.values()]).all()
    assert equal(values(eyes), before) and not equal(values(parts["network"]), first)


def test_a_decoder_learns_to_draw_again(small, eyes):
    keras.utils.set_random_seed(0)
    pieces = small.scaled(np.stack([bytes_of((32, 32), n) for n in range(2)]))
    step = small.make_decoder_step(
        **small.make_parts(small.make_decoder(eyes), 1e-2, 60), eyes=eyes
    )
    losses = [float(step(pieces)["pixel_loss"]) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]


def test_strength_goes_from_the_photograph_to_the_style(small, eyes):
    keras.utils.set_random_seed(0)
    decoder, x, style = small.make_decoder(eyes), batch(1, 32), small.styles["wave"]
    encoder = small.make_encoder(eyes)
    painters = [small.restyle(eyes, decoder, style, strength=s, far=(1,)) for s in (0, 0.5, 1)]
    none, half, full = (paint(x) for paint in painters)
    clipped = lambda features: np.clip(decoder(features), -1, 1)
    seen, goal = encoder(x), encoder(small.scaled(style)[None])
    np.testing.assert_allclose(none, clipped(seen), atol=1e-4)
    np.testing.assert_allclose(full, clipped(small.wct(seen, goal)), atol=2e-3)
    assert not np.allclose(half, full, atol=1e-3)


def test_a_picture_is_painted_from_afar_and_then_from_near(small, eyes):
    """From afar both the picture and the painting are made smaller, by the mean."""
    keras.utils.set_random_seed(0)
    decoder, style = small.make_decoder(eyes), small.styles["wave"]
    half = lambda x: np.reshape(x, (1, x.shape[1] // 2, 2, x.shape[2] // 2, 2, 3)).mean((2, 4))
    x, goal = batch(1, 32), small.make_encoder(eyes)(half(small.scaled(style)[None]))
    changed = small.adain(small.make_encoder(eyes)(half(x)), goal)
    afar = tf.image.resize(np.clip(decoder(changed), -1, 1), (32, 32))
    made = [small.restyle(eyes, decoder, style, small.adain, far=far) for far in ((2,), (1,))]
    np.testing.assert_allclose(made[0](x), afar, atol=2e-3)
    both = small.restyle(eyes, decoder, style, small.adain)  # the lesson's way
    np.testing.assert_allclose(both(x), made[1](afar), atol=2e-2)


def test_the_smallest_picture_that_is_fitted_can_be_painted(small, eyes):
    tiny = small.fitted(bytes_of((64, 96)), 96)
    paint = small.restyle(eyes, small.make_decoder(eyes), small.styles["wave"], far=(4, 2, 1))
    assert small.paint_with(paint, tiny, small.styles["wave"]).shape == tiny.shape


# ---------------------------------------------------------------- trainings


@pytest.mark.parametrize("which", ["fast", "decoder"])
def test_a_training_that_is_interrupted_goes_on(small, eyes, monkeypatch, capsys, which):
    pieces = RNG.integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)

    def run(name):
        if which == "fast":
            return small.train_fast(f"{name}_fast", eyes, pieces, small.styles["wave"], steps=5)
        return small.train_decoder(f"{name}_decoder", eyes, pieces, steps=5)

    losses = ("style_loss",) if which == "fast" else ("pixel_loss",)
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=losses
    )


def test_a_reader_who_changed_something_is_told(small, eyes):
    """Other pieces (so also another painting, which recolours them), other eyes, another form."""
    pieces, style = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8), small.styles["wave"]
    small.train_fast("main", eyes, pieces, style, steps=1)
    others = load_definitions("09").make_eyes((4,) * 8)
    again = {"pictures": (eyes, 255 - pieces), "eyes": (others, pieces)}
    for name, changed in again.items():
        with pytest.raises(CheckpointError, match=rf"{name} was(?s:.*)fresh=True"):
            small.train_fast("main", *changed, style, steps=3)
    with pytest.raises(CheckpointError, match=r"painting was(?s:.*)fresh=True"):
        small.train_fast("main", eyes, pieces, small.styles["street"], steps=3)
    small.train_decoder("drawn", eyes, pieces, steps=1)
    small.DEPTH = 3
    try:
        with pytest.raises(CheckpointError, match=r"depth was(?s:.*)fresh=True"):
            small.train_decoder("drawn", eyes, pieces, steps=3)
    finally:
        small.DEPTH = 4
    small.train_fast("formed", eyes, pieces, style, steps=1, norm=True)
    with pytest.raises(CheckpointError, match=r"norm was(?s:.*)fresh=True"):
        small.train_fast("formed", eyes, pieces, style, steps=3, norm=False)


# ---------------------------------------------------------------- tools and tables


@pytest.fixture
def scored(small, eyes, monkeypatch):
    """The lesson as the benchmark loads it, tiny; the judge's scores are the picture's mean."""
    small.eyes, small.tests = eyes, [bytes_of((64, 80), 5), bytes_of((80, 64), 6)]
    small.pieces = small.coloured = RNG.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    small.painting, small.core = small.styles["street"], load_definitions("09")
    judged = lambda made, *_: dict.fromkeys(("judge", "layout", "copied"), made.mean())
    small.ways = SimpleNamespace(judge=lambda: None, scores_of=judged)
    small.decoder_of = lambda seed, steps: benchmark.trained_decoder(small, seed, steps)
    small.long = lambda: small.make_fast()
    return small


@pytest.mark.parametrize("way", ["recoloured", "a_change", "WCT", "slow"])
def test_the_benchmark_scores_a_way(scored, way):
    found = benchmark.score(scored, (way, "1", "1", "code"))
    assert tuple(found) == benchmark.FOUND and np.isfinite([*found.values()]).all()
    if way == "recoloured":  # the photograph's own content, no painting
        expected = [scored.recoloured(x, scored.painting).mean() for x in scored.tests]
        assert found["judge"] == pytest.approx(np.mean(expected), abs=1e-3)
        assert found["content"] == pytest.approx(0.01, abs=1e-4)
    else:
        assert found["content"] > 0.02


def test_each_row_is_trained_with_its_own_seed(scored):
    one, other, again = (benchmark.trained_form(scored, "one_style", s, 1) for s in (1, 2, 1))
    assert equal(values(one), values(again)) and not equal(values(one), values(other))


def test_times_are_measured_by_turns(scored, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "TIMED", 2)
    monkeypatch.setattr(benchmark, "speed_now", lambda: 300.0)
    benchmark.measure_times(scored, tmp_path, turns=2)
    rows = read_rows(tmp_path / f"{benchmark.TIMES}.csv")
    found = {row["way"]: float(row["seconds"]) for row in rows}
    assert set(found) == {*benchmark.SLOW, "long", "AdaIN", "WCT"} and min(found.values()) > 0
    assert found["slow"] == pytest.approx(4 * found["slow_25"], rel=1e-2)


def test_the_painters_are_trained_with_the_lessons_code(small, eyes, monkeypatch):
    """Two steps each; nothing is published."""
    pictures = [bytes_of((32, 40), seed) for seed in range(4)]
    monkeypatch.setattr(small, "load_photographs", lambda: (pictures, []))
    monkeypatch.setattr(small.cut_pieces, "__defaults__", (24,))
    monkeypatch.setattr(train_painters, "load_definitions", lambda *_: small)
    monkeypatch.setattr(train_painters, "PIECES", 1)
    monkeypatch.setattr(train_painters.pretrained, "load", lambda _: eyes)
    assert [*train_painters.PLANS] == [*train_painters.STEPS]
    for name in [*train_painters.PLANS][1:]:
        network, run, measured = train_painters.PLANS[name][0](2)
        assert isinstance(network, keras.Model) and run.startswith("09_fast_style/pretrained-")
        assert len(measured) == 2 and np.isfinite([*measured.values()]).all()
    with pytest.raises(SystemExit, match="no model 'x'"):
        train_painters.main("x")


def test_the_eyes_are_trained_with_the_cores_code(monkeypatch):
    """Two steps with few patches; the share of held-out patches is counted as in the lesson."""
    chapter = load_definitions("09")
    vars(chapter).update(PATCH=16, BATCH=4)
    chapter.make_eyes.__defaults__ = ((4,) * 8,)
    monkeypatch.setattr(train_painters, "load_definitions", lambda *_: chapter)
    monkeypatch.setattr(train_painters, "CUT", 1)
    network, run, measured = train_painters.train_eyes(2)
    assert len(network.outputs) == 8 and run == "09_style_transfer/pretrained-eyes"
    assert measured["pictures"] == 24 and 0 <= measured["accuracy"] <= 1


def test_a_published_form_gives_the_same_pictures(lesson, eyes):
    """Eight outputs and mirrored borders are kept by the copy in float16."""
    x, network = tf.constant(batch(1, 32)), lesson.make_fast(width=4, blocks=1)
    decoder = lesson.make_decoder(eyes)
    for model, given in ((eyes, x), (network, x), (decoder, lesson.make_encoder(eyes)(x))):
        copy = train_painters.pretrained.in_dtype(model, "float16")
        pairs = zip(*(y if isinstance(y, list) else [y] for y in (copy(given), model(given))))
        for one, other in pairs:
            np.testing.assert_allclose(one, other, atol=0.05)
    assert len(train_painters.pretrained.in_dtype(eyes, "float16").outputs) == 8


def test_the_table_is_complete(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    lesson = load_definitions("09", FURTHER / f"{NAME}.ipynb")
    lesson.ways = load_definitions("09", FURTHER / "09_ways_to_look.ipynb")
    lesson.ways.core = lesson.core = load_definitions("09")
    wanted = benchmark.plan(lesson)
    table = read_rows(MEASURED / f"{benchmark.NAME}.csv")
    assert [tuple(row[name] for name in benchmark.KEY) for row in table] == wanted
    assert len(wanted) == 2 + 12 * 3 and lesson.SEED not in benchmark.SEEDS
