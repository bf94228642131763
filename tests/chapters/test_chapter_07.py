"""The functions of chapter 07, taken out of the notebook, against values that are known."""

import dataclasses
import json
import re

import imageio.v3 as iio
import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import pix2pix_ablations as ablations
from helpers import datasets, pretrained
from helpers.checkpoints import CheckpointError
from helpers.pairs import PairData
from tests import training
from tests.training import values
from tools import streets
from tools.definitions import load_definitions
from tools.notebooks import FOLDER

RNG = np.random.default_rng(0)
CONVOLUTIONS = keras.layers.Conv2D, keras.layers.Conv2DTranspose


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("07")


@pytest.fixture(scope="module")
def data():
    """A few street pairs of 16 x 16 pixels."""
    drawn = [np.stack(side) for side in zip(*(streets.street(number, 16) for number in range(24)))]
    inputs, targets = drawn
    return PairData("tiny", "embedded", inputs[:16], targets[:16], inputs[16:], targets[16:], inputs[:0], targets[:0])


# ---------------------------------------------------------------- networks

def test_the_paper_s_networks_have_the_paper_s_numbers(chapter):
    generator, discriminator = chapter.make_generator(256, 64), chapter.make_discriminator(256, 64, 70)
    assert generator.count_params() == 54_425_859 and generator.output_shape == (None, 256, 256, 3)
    assert discriminator.output_shape == (None, 30, 30, 1) and chapter.receptive_field(discriminator) == 70
    filters = [layer.filters for layer in generator.layers if isinstance(layer, CONVOLUTIONS)]
    assert filters == [64, 128, 256, 512, 512, 512, 512, 512, 512, 512, 512, 512, 256, 128, 64, 3]
    assert [layer.rate for layer in generator.layers if isinstance(layer, keras.layers.Dropout)] == [0.5] * 3
    assert sum(layer.use_bias for layer in generator.layers if isinstance(layer, CONVOLUTIONS)) == 1


def test_first_weights_differ_from_layer_to_layer_and_have_the_paper_s_spread(chapter):
    kernels = [w.numpy() for w in chapter.make_generator().trainable_variables if w.name == "kernel"]
    same = [kernel for kernel in kernels if kernel.shape == kernels[-3].shape]
    assert all(kernel.std() == pytest.approx(0.02, rel=0.1) for kernel in kernels)
    assert not any(np.array_equal(a, b) for i, a in enumerate(same) for b in same[:i])


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("skips", [True, False])
def test_the_depth_follows_the_size(chapter, size, skips):
    generator = chapter.make_generator(size, 8, skips, channels=1)
    shapes = [layer.output.shape[1] for layer in generator.layers if isinstance(layer, CONVOLUTIONS)]
    assert min(shapes) == 1 and generator.output_shape == (None, size, size, 1)
    assert sum(isinstance(layer, keras.layers.Concatenate) for layer in generator.layers) == (len(shapes) // 2 - 1 if skips else 0)


@pytest.mark.parametrize("patch", [1, 16, 34, 70, 142])
def test_the_receptive_field_is_what_the_gradient_sees(chapter, patch):
    """At a size that holds the whole field, in random pictures, so that no gradient is 0 by chance."""
    network = chapter.make_discriminator(192, 4, patch)
    assert chapter.receptive_field(network) == patch
    seen = chapter.seen_pixels(network, RNG.normal(size=(1, 192, 192, 3)).astype(np.float32))
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == patch


def test_the_receptive_field_by_hand(chapter):
    conv = keras.layers.Conv2D
    network = keras.Sequential([keras.Input((32, 32, 1)), conv(1, 3, strides=2), conv(1, 5), conv(1, 3, strides=3)])
    assert chapter.receptive_field(network) == ((3 - 1) * 1 + 5 - 1) * 2 + 3  # backwards: 1, 3, 7, 15


def test_skips_carry_places(chapter):
    """A changed pixel of the input changes the output near it most, only with skips."""
    keras.utils.set_random_seed(3)
    picture = RNG.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    other = picture.copy()
    other[0, 20, 40] *= -1
    shares = {}
    for skips in (True, False):
        network = chapter.make_generator(skips=skips)
        change = np.abs(network(other) - network(picture))[0].sum(axis=-1)
        shares[skips] = change[12:28, 32:48].sum() / change.sum()
    assert shares[True] > 0.8 and shares[False] < 0.3


# ---------------------------------------------------------------- data

def test_jitter_is_equal_on_both_sides_and_different_for_each_pair(chapter):
    pictures = RNG.integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    one, other = chapter.jitter(pictures, pictures, np.random.default_rng(1))
    np.testing.assert_array_equal(one, other)
    inputs, targets = chapter.jitter(pictures, 255 - pictures, np.random.default_rng(1))
    np.testing.assert_array_equal(inputs, 255 - targets)
    again, _ = chapter.jitter(np.repeat(pictures[:1], 30, axis=0), pictures, np.random.default_rng(1))
    assert len({picture.tobytes() for picture in again}) > 20 and one.shape == pictures.shape and one.dtype == np.uint8


def test_jitter_enlarges_cuts_and_mirrors(chapter):
    """Each row and column of the result is one of the picture, in order; none is left out; eight of the 72 are not there."""
    rows, columns = np.mgrid[0:64, 0:64]
    place = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    mirrored = 0
    for seed in range(40):
        (cut,), _ = chapter.jitter(place[None], place[None], np.random.default_rng(seed))
        down, across = cut[:, 0, 0].astype(int), cut[0, :, 1].astype(int)
        mirrored += across[0] > across[-1]
        across = np.sort(across)
        for line in (down, across):
            assert set(np.diff(line)) == {0, 1} and line[-1] - line[0] in (55, 56, 57)
    assert 8 < mirrored < 32


def test_scaling(chapter):
    assert chapter.scaled(np.uint8([0, 255])).tolist() == [-1, 1]
    model = lambda inputs, training: inputs  # gives back what it gets
    images = RNG.integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(chapter.translate(model, images), images)


def test_classes_of_maps(chapter):
    assert {name: tuple(colour) for name, colour in chapter.CLASSES.items()} == streets.CLASSES
    colours = np.array(list(streets.CLASSES.values()), np.uint8)
    np.testing.assert_array_equal(chapter.classes_of(colours[[[3, 0], [6, 5]]]), [[3, 0], [6, 5]])


# ---------------------------------------------------------------- losses and scores

def test_losses_by_hand(chapter):
    logits = tf.constant([[0.0], [2.0]])
    costs = np.log1p(np.exp(-logits.numpy())), np.log1p(np.exp(logits.numpy()))
    assert float(chapter.cross_entropy(1.0, logits)) == pytest.approx(costs[0].mean(), rel=1e-6)
    assert float(chapter.discriminator_loss(logits, logits)) == pytest.approx((costs[0].mean() + costs[1].mean()) / 2, rel=1e-6)
    assert float(chapter.l1_distance(tf.constant([1.0, 2.0]), tf.constant([0.5, 4.0]))) == pytest.approx(1.25)


def test_sharpness_and_distance_by_hand(chapter):
    picture = np.zeros((1, 3, 3, 3))
    picture[0, 1, 1] = 90
    assert chapter.sharpness(picture) == pytest.approx(180 / 6)  # six neighbours in each direction, two of them differ by 90
    assert chapter.distance(np.uint8([[200]]), np.uint8([[210]])) == 10  # no overflow
    assert chapter.sharpness(RNG.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)) > 40


def test_segmentation_scores_by_hand(chapter):
    scores = chapter.segmentation_scores(np.array([[0, 0], [1, 2]]), np.array([[0, 1], [1, 1]]), 4)
    assert scores["per_pixel"] == 0.5
    assert scores["per_class"] == pytest.approx((1 / 2 + 1 + 0) / 3)  # class 3 is not there
    assert scores["iou"] == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)


def test_the_judge_reads_real_streets_and_not_others(chapter):
    judge = pretrained.load("07_segmenter_streets")
    drawn = [np.stack(side) for side in zip(*(streets.street(number, 64) for number in range(1_000, 1_020)))]
    maps, pictures = drawn
    assert chapter.street_scores(judge, pictures, maps)["iou"] > 0.85
    assert chapter.street_scores(judge, pictures, maps[::-1])["iou"] < 0.5
    assert chapter.street_scores(judge, np.full_like(pictures, 120), maps)["iou"] < 0.2


# ---------------------------------------------------------------- training

RECIPES = {"BOTH": {}, "L1": dict(adversarial=0.0), "cGAN": dict(l1=0.0), "encoder-decoder": dict(skips=False), "patch": dict(patch=1)}


@pytest.fixture(params=["BOTH", "cGAN", "patch"])
def step(request, chapter, data):
    recipe = chapter.BOTH | RECIPES[request.param]
    inputs, targets = (tf.constant(chapter.scaled(side[:4])) for side in (data.train_inputs, data.train_targets))

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts, recipe=recipe)

        def run(_):
            fooled, loss_d, l1, *_ = train_step(inputs, targets)
            return recipe["adversarial"] * fooled + recipe["l1"] * l1, loss_d

        return run

    return make_train_step, lambda: chapter.make_parts(recipe, (16, 16, 3), 0)


@pytest.mark.parametrize("check", [training.check_each_loss_moves_its_own_network, training.check_networks_made_again_are_the_ones_that_train])
def test_the_train_step(step, check):
    check(*step, None)


def test_what_the_weights_of_the_losses_do(chapter, data):
    """With adversarial=0 another discriminator changes nothing for the generator; with l1=0 other targets change only what D says."""
    inputs, targets = (tf.constant(chapter.scaled(side[:4])) for side in (data.train_inputs, data.train_targets))

    def generator_after(change, patch, targets):
        parts = chapter.make_parts(chapter.BOTH | dict(patch=34), (16, 16, 3), 0)
        keras.utils.set_random_seed(patch)
        parts["discriminator"] = chapter.make_discriminator(16, patch=patch)
        keras.utils.set_random_seed(5)
        chapter.make_train_step(**parts, recipe=chapter.BOTH | change)(inputs, targets)
        return values(parts["generator"])

    close = lambda one, other: all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))
    spectator = dict(adversarial=0.0)
    assert close(generator_after(spectator, 34, targets), generator_after(spectator, 16, targets))
    assert not close(generator_after({}, 34, targets), generator_after({}, 16, targets))
    assert close(generator_after(dict(l1=0.0), 34, targets), generator_after(dict(l1=0.0), 34, -targets))
    assert not close(generator_after({}, 34, targets), generator_after({}, 34, -targets))


@pytest.fixture
def small(chapter, monkeypatch):
    """The chapter's own loop, with a checkpoint every 2 steps, and no sets to load."""
    for name, value in {"EVERY": 2, "SAVE_EVERY": 2, "BATCH": 4, "LARGER": 18}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    return chapter


@pytest.mark.parametrize("change", ["BOTH", "encoder-decoder"])
def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(small, monkeypatch, capsys, data, change):
    run = lambda name, steps=5: small.train(name, small.BOTH | RECIPES[change], data, steps)
    training.check_everything_is_kept(small, monkeypatch, lambda: run("kept", 1), also=())
    training.check_an_interrupted_training_goes_on(small, monkeypatch, capsys, run, at=3, saved=2, losses=("adversarial_loss", "discriminator_loss", "l1"))


def test_a_reader_who_changed_the_recipe_is_told(small, data):
    small.train("main", small.BOTH, data, 2)
    for change in (dict(l1=10.0), dict(patch=16), dict(skips=False)):
        with pytest.raises(CheckpointError):
            small.train("main", small.BOTH | change, data, 2)
    other = dataclasses.replace(data, train_inputs=data.train_inputs[::-1])
    with pytest.raises(CheckpointError):  # another set of the same size: not the old model, in silence
        small.train("main", small.BOTH, other, 4)


def test_dropout_acts_while_training_and_not_when_pictures_are_made(chapter, data):
    generator = chapter.make_parts(chapter.BOTH, (16, 16, 3), 0)["generator"]
    made = [chapter.translate(generator, data.test_inputs, training=training_) for training_ in (False, False, True, True)]
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[2], made[3])


def test_a_folder_with_odd_files_trains_after_naming_them(small, tmp_path, capsys):
    """200 files: 192 pairs, five broken ones, two of another size, and a text."""
    for number in range(194):
        pair = np.concatenate(streets.street(number % 6, 16), axis=1)
        iio.imwrite(tmp_path / f"{number:03d}.png", pair if number < 192 else pair.repeat(2, axis=0).repeat(2, axis=1))
    whole = (tmp_path / "000.png").read_bytes()
    for number in range(5):
        (tmp_path / f"broken_{number}.png").write_bytes(whole[: 60 * number])
    (tmp_path / "notes.txt").write_text("my streets")
    data = datasets.pairs(tmp_path, 16)
    printed = capsys.readouterr().out
    assert len(data.left_out) == 8 and all(name in printed for name in data.left_out)
    _, history = small.train("own", small.BOTH, data, 3)
    assert history["step"] == [1, 2, 3] and np.isfinite(history["l1"]).all()


def test_grey_pairs_of_another_size_train_too(small):
    images = RNG.integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)
    data = PairData("grey", "folder", images, 255 - images, images[:2], 255 - images[:2], images[:0], images[:0])
    small.LARGER = 36
    generator, history = small.train("grey", small.BOTH, data, 2)
    assert generator.output_shape == (None, 32, 32, 1) and np.isfinite(history["l1"]).all()


# ---------------------------------------------------------------- what is shipped

@pytest.fixture(scope="module")
def rows():
    return ablations.read()


def test_the_table_of_the_ablations_is_whole_and_of_this_code(chapter, rows):
    assert [ablations.key_of(row) for row in sorted(rows, key=lambda row: int(row["seed"]))] == ablations.wanted(chapter)
    assert all(int(row["steps"]) == ablations.STEPS and float(row["l1"]) > 0 and float(row["sharpness"]) > 0 for row in rows)
    assert all((row["iou"] != "") == (row["data"] == "streets") for row in rows)


def of(rows, data, run, score):
    return np.array([float(row[score]) for row in rows if (row["data"], row["run"]) == (data, run)])


def test_what_the_chapter_says_of_the_ablations(rows):
    """In each of the three seeds."""
    assert (of(rows, "streets", "L1 + cGAN", "iou") > of(rows, "streets", "encoder-decoder", "iou")).all()
    assert (of(rows, "sketches", "L1 + cGAN", "sharpness") > of(rows, "sketches", "L1", "sharpness")).all()
    assert (of(rows, "streets", "patch 16", "iou") > of(rows, "streets", "L1", "iou")).all()  # the paper's order holds with this patch
    assert (of(rows, "streets", "L1", "iou") > of(rows, "streets", "L1 + cGAN", "iou")).all()  # and not with patch 34
    assert (of(rows, "streets", "patch 142", "iou") < of(rows, "streets", "L1 + cGAN", "iou")).all()


def test_the_paper_s_numbers_stand_beside_the_right_runs(chapter):
    paper = {"L1": ".42 .15 .11", "cGAN": ".57 .22 .16", "L1 + cGAN": ".66 .23 .17", "encoder-decoder": ".29 .09 .05 (U-Net there: .55 .20 .14)",
             "patch 1": ".39 .15 .10", "patch 16": ".65 .21 .17", "patch 142": ".42 .16 .11 (patch 286)"}  # fmt: skip
    assert dict(zip(chapter.ABLATIONS, chapter.PAPER, strict=True)) == paper


def test_a_line_is_measured_again_when_the_code_changes(chapter, monkeypatch):
    before = ablations.code_of(chapter, chapter.BOTH)
    assert before != ablations.code_of(chapter, chapter.BOTH | dict(patch=1))
    for name in ablations.USED:
        with monkeypatch.context() as patch:
            patch.setattr(chapter, name, lambda *_: None)
            assert before != ablations.code_of(chapter, chapter.BOTH), name


def test_every_function_of_a_run_is_in_its_checksum(chapter):
    """What `measure` calls, and what that calls."""
    def names(code):
        inner = [const for const in code.co_consts if hasattr(const, "co_names")]
        return set(code.co_names).union(*map(names, inner))

    reached, new = set(), {"train", "translate", "distance", "sharpness", "street_scores"}
    while new:
        reached |= new
        new = {name for function in new for name in names(getattr(chapter, function).__code__)} - reached
        new = {name for name in new if getattr(getattr(chapter, name, None), "__module__", None) == chapter.__name__}
    assert reached == set(ablations.USED)


@pytest.fixture
def driver(chapter, data, monkeypatch, tmp_path):
    """The ablations' own main, with tiny sets and two steps a run."""
    monkeypatch.setenv("COURSE_BUDGET", "lesson")
    for name, value in {"TABLE": tmp_path / "t.csv", "SHEET": tmp_path / "s.png", "STEPS": 2, "SEEDS": (1, 2), "ON_SKETCHES": ("L1",), "SHOWN": 2}.items():
        monkeypatch.setattr(ablations, name, value)
    for name, value in {"SIZE": 16, "BATCH": 4, "LARGER": 18, "SAVE_EVERY": 1, "ABLATIONS": {run: chapter.ABLATIONS[run] for run in ("L1 + cGAN", "L1")}}.items():
        monkeypatch.setitem(vars(chapter), name, value)
    monkeypatch.setitem(vars(chapter), "street_scores", lambda *_: dict(per_pixel=0.5, per_class=0.4, iou=0.3))
    monkeypatch.setattr(ablations, "code_of", lambda chapter, recipe: "abc")
    monkeypatch.setattr(ablations, "load_definitions", lambda number: chapter)
    monkeypatch.setattr(ablations.pretrained, "load", lambda name: None)
    monkeypatch.setattr(ablations.datasets, "pairs", lambda kind, size: dataclasses.replace(data, name=kind))
    return tmp_path


def test_the_driver_goes_on_where_it_stopped(driver, chapter, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        training.interrupt_at(chapter, patch, 1)
        ablations.main()
    assert ablations.read() == []
    ablations.main()
    first = ablations.TABLE.read_text()
    assert [(row["data"], row["run"], row["seed"]) for row in ablations.read()] == [
        (data, run, seed) for seed in "12" for data, run in (("streets", "L1 + cGAN"), ("streets", "L1"), ("sketches", "L1"))]
    assert iio.imread(ablations.SHEET).shape == (4 * 16, 2 * 16, 3)
    assert "The checkpoint of step 1 is loaded" not in capsys.readouterr().out.partition("abc")[2]  # all later runs were new
    ablations.write(ablations.read()[1:])  # one line is lost: only this one is measured again
    calls, whole = [], ablations.measure
    monkeypatch.setattr(ablations, "measure", lambda *arguments: calls.append(arguments[3]) or whole(*arguments))
    ablations.main()
    assert calls == ["L1 + cGAN"] and len(ablations.read()) == len(first.splitlines()) - 1


def test_the_shipped_generator_hears_the_hatching(chapter):
    """Yellow wool for horizontal lines, blue denim for diagonal ones, on a garment that was in no training."""
    from tools import sketches

    artist, sheets = pretrained.load("07_pix2pix_sketches"), []
    y, x = (np.mgrid[0:64, 0:64] + 0.5) / 64
    inside = (x > 0.25) & (x < 0.75) & (y > 0.15) & (y < 0.85)
    border = inside ^ ((x > 0.27) & (x < 0.73) & (y > 0.17) & (y < 0.83))
    for hatching in ("horizontal", "diagonal"):
        sheet = np.full((64, 64), 255, np.uint8)
        sheet[inside & sketches.hatched(hatching, x, y, 1 / 64)] = 115
        sheet[border & inside] = 0
        sheets.append(np.repeat(sheet[..., None], 3, axis=-1))
    made = chapter.translate(artist, np.stack(sheets)).astype(int)
    wool, denim = (picture[20:44, 24:40].mean(axis=(0, 1)) for picture in made)
    assert wool[0] > wool[2] + 60 and denim[2] > denim[0] + 40


def test_the_project_s_solution_beats_the_baseline():
    """The scores that its stored outputs show; nbval runs the code itself."""
    notebook = nbformat.read(FOLDER / "projects/07_street_solution.ipynb", as_version=4)
    text = "\n".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    scores = {name: float(iou) for name, iou in re.findall(r"^(baseline|mine|real) .* iou ([\d.]+)", text, flags=re.MULTILINE)}
    assert scores["baseline"] < scores["mine"] - 0.05 and scores["mine"] >= 0.7 and scores["mine"] < scores["real"]


def test_the_project_s_contract_is_checked():
    start = load_definitions("07", FOLDER / "projects/07_street.ipynb")
    maps = RNG.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    assert np.array_equal(start.check(lambda maps: maps, maps), maps)
    calls = iter(range(100))
    for wrong, message in (
        (lambda maps: maps / 255, "must be uint8"),
        (lambda maps: maps[:1], "must be uint8"),
        (lambda maps: maps.tolist(), "must be uint8"),
        (lambda maps: maps // (1 + next(calls)), "two results"),
        (lambda maps: np.uint8(maps // len(maps)), "alone looks otherwise"),
    ):
        with pytest.raises(ValueError, match=message):
            start.check(wrong, maps)


def test_the_card_says_how_the_artist_and_the_judge_were_measured():
    card = pretrained.card()
    assert card["07_segmenter_streets"]["measured"]["iou"] > 0.9
    assert card["07_pix2pix_sketches"]["measured"]["sharpness"] > 0.8 * card["07_pix2pix_sketches"]["measured"]["sharpness_real"]


def test_the_numbers_of_the_record_are_those_of_the_table(rows):
    notebook = nbformat.read(FOLDER / "07_pix2pix.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and "record(" in cell.source)
    recorded = json.loads(cell.outputs[-1].text)
    for name, run in {"l1": "L1", "cgan": "cGAN", "l1_cgan": "L1 + cGAN", "encoder_decoder": "encoder-decoder"}.items():
        assert recorded[f"street_iou_{name}"] == pytest.approx(of(rows, "streets", run, "iou").mean())
    assert (recorded["unet_parameters_256"], recorded["patch_output_256"]) == (54_425_859, 30)
