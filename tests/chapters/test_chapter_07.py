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
from benchmarks.tables import read_rows, write_rows
from helpers import pretrained
from helpers.checkpoints import CheckpointError
from helpers.course import run_folder
from helpers.pairs import PairData
from tests.support import training_checks
from tests.support.training_checks import values
from tools.data import sketches, streets
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

RNG = np.random.default_rng(0)
CONVOLUTIONS = keras.layers.Conv2D, keras.layers.Conv2DTranspose
TINY = 4  # filters of the first layer


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("07")


def make_small():
    """Return the chapter with tiny networks for 4 x 4 pixels, and a checkpoint every 2 steps."""
    chapter = load_definitions("07")
    vars(chapter).update(EVERY=2, SAVE_EVERY=2, BATCH=4, LARGER=5, RATE=2e-3)
    # the paper's first weights are so small that a tiny network would need many steps to show them
    chapter.conv_settings = lambda: dict(kernel_size=4, padding="same", use_bias=False)
    chapter.BOTH |= dict(patch=1)
    chapter.make_generator.__defaults__ = (4, TINY, True, 3)
    chapter.make_discriminator.__defaults__ = (4, TINY, 1, 3)
    return chapter


@pytest.fixture(scope="module")
def small():
    return make_small()


def drawn(numbers, size):
    """Return (maps, pictures) of streets."""
    return [np.stack(side) for side in zip(*(streets.street(n, size) for n in numbers))]


@pytest.fixture(scope="module")
def data():
    """A few pairs of 4 x 4 pixels; the targets are bright, as first fakes are not."""
    inputs = np.random.default_rng(7).integers(0, 256, (24, 4, 4, 3), dtype=np.uint8)
    targets = 190 + inputs // 4
    return PairData("tiny", "embedded", inputs[:16], targets[:16], inputs[16:], targets[16:])


def layers_of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


# ---------------------------------------------------------------- networks


def test_the_paper_s_networks_have_the_paper_s_numbers(chapter):
    generator = chapter.make_generator(256, 64)
    discriminator = chapter.make_discriminator(256, 64, 70)
    assert generator.count_params() == 54_425_859
    assert generator.output_shape == (None, 256, 256, 3)
    assert discriminator.output_shape == (None, 30, 30, 1)
    assert chapter.receptive_field(discriminator) == 70
    convolutions = layers_of(generator, CONVOLUTIONS)
    downwards, upwards = [64, 128, 256, *[512] * 5], [*[512] * 4, 256, 128, 64, 3]
    assert [layer.filters for layer in convolutions] == downwards + upwards
    assert [layer.rate for layer in layers_of(generator, keras.layers.Dropout)] == [0.5] * 3
    assert sum(layer.use_bias for layer in convolutions) == 1


def test_first_weights_differ_from_layer_to_layer_and_have_the_paper_s_spread(chapter):
    kernels = [w.numpy() for w in chapter.make_generator().trainable_variables]
    kernels = [kernel for kernel in kernels if kernel.ndim == 4]
    same = [kernel for kernel in kernels if kernel.shape == kernels[-3].shape]
    assert all(kernel.std() == pytest.approx(0.02, rel=0.1) for kernel in kernels)
    assert not any(np.array_equal(a, b) for i, a in enumerate(same) for b in same[:i])


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("skips", [True, False])
def test_the_depth_follows_the_size(chapter, size, skips):
    generator = chapter.make_generator(size, TINY, skips, channels=1)
    shapes = [layer.output.shape[1] for layer in layers_of(generator, CONVOLUTIONS)]
    assert min(shapes) == 1 and generator.output_shape == (None, size, size, 1)
    joints = layers_of(generator, keras.layers.Concatenate)
    assert len(joints) == (len(shapes) // 2 - 1 if skips else 0)


@pytest.mark.parametrize("patch", [1, 16, 34, 70, 142])
def test_the_receptive_field_is_what_the_gradient_sees(chapter, patch):
    """At a size that holds the whole field, in random pictures: no gradient is 0 by chance."""
    network = chapter.make_discriminator(192, TINY, patch)
    assert chapter.receptive_field(network) == patch
    seen = chapter.seen_pixels(network, RNG.normal(size=(1, 192, 192, 3)).astype(np.float32))
    for axis in (0, 1):
        lines = np.flatnonzero(seen.any(axis=axis))
        assert lines[-1] - lines[0] + 1 == patch


def test_the_receptive_field_by_hand(chapter):
    conv = keras.layers.Conv2D
    stages = [conv(1, 3, strides=2), conv(1, 5), conv(1, 3, strides=3)]
    network = keras.Sequential([keras.Input((32, 32, 1)), *stages])
    by_hand = ((3 - 1) * 1 + 5 - 1) * 2 + 3  # backwards: 1, 3, 7, 15
    assert chapter.receptive_field(network) == by_hand


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
    same = np.repeat(pictures[:1], 30, axis=0)
    again, _ = chapter.jitter(same, pictures, np.random.default_rng(1))
    assert len({picture.tobytes() for picture in again}) > 20
    assert one.shape == pictures.shape and one.dtype == np.uint8


def test_jitter_enlarges_cuts_and_mirrors(chapter):
    """Each row and column of the result is one of the picture, in order, and none is left out;
    eight of the 72 are not there."""
    rows, columns = np.mgrid[0:64, 0:64]
    place = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    mirrored = 0
    for seed in range(40):
        (cut,), _ = chapter.jitter(place[None], place[None], np.random.default_rng(seed))
        down, across = cut[:, 0, 0].astype(int), cut[0, :, 1].astype(int)
        mirrored += across[0] > across[-1]
        for line in (down, np.sort(across)):
            assert set(np.diff(line)) == {0, 1} and line[-1] - line[0] in (55, 56, 57)
    assert 8 < mirrored < 32


def test_scaling(chapter):
    assert chapter.scaled(np.uint8([0, 255])).tolist() == [-1, 1]
    model = lambda inputs, training: inputs  # gives back what it gets
    images = RNG.integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(chapter.translate(model, images), images)


def test_classes_of_maps(chapter):
    assert {name: tuple(colour) for name, colour in chapter.CLASSES.items()} == streets.CLASSES
    colours = np.array([*streets.CLASSES.values()], np.uint8)
    np.testing.assert_array_equal(chapter.classes_of(colours[[[3, 0], [6, 5]]]), [[3, 0], [6, 5]])


# ---------------------------------------------------------------- losses and scores


def test_losses_by_hand(chapter):
    logits = tf.constant([[0.0], [2.0]])
    real, fake = (np.log1p(np.exp(sign * logits.numpy())).mean() for sign in (-1, 1))
    assert float(chapter.cross_entropy(1.0, logits)) == pytest.approx(real, rel=1e-6)
    both = float(chapter.discriminator_loss(logits, logits))
    assert both == pytest.approx((real + fake) / 2, rel=1e-6)
    distance = chapter.l1_distance(tf.constant([1.0, 2.0]), tf.constant([0.5, 4.0]))
    assert float(distance) == pytest.approx(1.25)


def test_sharpness_and_distance_by_hand(chapter):
    picture = np.zeros((1, 3, 3, 3))
    picture[0, 1, 1] = 90
    # six neighbours in each direction, two of them differ by 90
    assert chapter.sharpness(picture) == pytest.approx(180 / 6)
    assert chapter.distance(np.uint8([[200]]), np.uint8([[210]])) == 10  # no overflow
    assert chapter.sharpness(RNG.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)) > 40


def test_segmentation_scores_by_hand(chapter):
    truth, read = np.array([[0, 0], [1, 2]]), np.array([[0, 1], [1, 1]])
    scores = chapter.segmentation_scores(truth, read, 4)
    assert scores["per_pixel"] == 0.5
    assert scores["per_class"] == pytest.approx((1 / 2 + 1 + 0) / 3)  # class 3 is not there
    assert scores["iou"] == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)


def test_the_judge_reads_real_streets_and_not_others(chapter):
    judge = pretrained.load("07_segmenter_streets")
    maps, pictures = drawn(range(1_000, 1_012), 64)
    iou = lambda pictures, maps: chapter.street_scores(judge, pictures, maps)["iou"]
    assert iou(pictures, maps) > 0.85
    assert iou(pictures, maps[::-1]) < 0.5
    assert iou(np.full_like(pictures, 120), maps) < 0.2


# ---------------------------------------------------------------- training


def step_and_parts(chapter, data, **change):
    """Return (make_train_step, make_parts) for the shared checks, with both losses weighted."""
    recipe = chapter.BOTH | change
    sides = data.train_inputs[:4], data.train_targets[:4]
    pictures = [tf.constant(chapter.scaled(side)) for side in sides]

    def make_train_step(**parts):
        train_step = chapter.make_train_step(**parts, recipe=recipe)

        def run(_):
            numbers = train_step(*pictures)
            weighted = recipe["adversarial"] * numbers["adversarial_loss"]
            return numbers | {"generator_loss": weighted + recipe["l1"] * numbers["l1"]}

        return run

    return make_train_step, lambda: chapter.make_parts(recipe, (4, 4, 3), 0)


@pytest.mark.parametrize("change", [{}, dict(l1=0.0, adversarial=10.0)])
def test_each_loss_moves_its_own_network(small, data, change):
    both = step_and_parts(small, data, **change)
    training_checks.check_each_loss_moves_its_own_network(*both, None)


def test_networks_made_again_are_the_ones_that_train(small, data):
    both = step_and_parts(small, data)
    training_checks.check_networks_made_again_are_the_ones_that_train(*both, None)


@pytest.fixture
def eager():
    """Run each step as it is: for a single one this is quicker than to make a graph."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager")
def test_what_the_weights_of_the_losses_do(small, data):
    """With adversarial=0 another discriminator changes nothing for the generator; with l1=0 other
    targets change only what the discriminator says."""
    sides = data.train_inputs[:4], data.train_targets[:4]
    inputs, targets = (tf.constant(small.scaled(side)) for side in sides)

    def generator_after(seed=0, sign=1, **change):
        parts = small.make_parts(small.BOTH, (4, 4, 3), 0)
        keras.utils.set_random_seed(seed)
        parts["discriminator"] = small.make_discriminator()
        small.make_train_step(**parts, recipe=small.BOTH | change)(inputs, sign * targets)
        return np.concatenate([np.ravel(weight) for weight in values(parts["generator"])])

    close = lambda one, other: np.allclose(one, other, atol=1e-6)
    usual = generator_after()
    assert not close(usual, generator_after(seed=1))
    assert not close(usual, generator_after(sign=-1))
    spectator = dict(adversarial=0.0)
    assert close(generator_after(**spectator), generator_after(seed=1, **spectator))
    assert close(generator_after(l1=0.0), generator_after(l1=0.0, sign=-1))


def test_all_that_a_training_changes_is_kept(small, data, monkeypatch):
    run = lambda name: small.train(name, small.BOTH, data, 1)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=())


def test_a_training_that_is_interrupted_goes_on_when_the_cell_is_run_again(
    small, monkeypatch, capsys, data
):
    run = lambda name: small.train(name, small.BOTH, data, 5)
    losses = ("adversarial_loss", "discriminator_loss", "l1")
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=losses
    )


def test_a_reader_who_changed_something_is_told(small, data, monkeypatch):
    small.train("main", small.BOTH, data, 1)
    changed = dataclasses.replace(data, train_inputs=data.train_inputs[::-1])
    for told, change, given in (
        (r"l1 was 100\.0, is 10\.0", dict(l1=10.0), data),
        (r"adversarial was 1\.0, is 0\.0", dict(adversarial=0.0), data),
        ("skips was True, is False", dict(skips=False), data),
        ("pictures was .*, is ", {}, changed),  # not the old model with other pictures, in silence
    ):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", small.BOTH | change, given, 4)
    monkeypatch.setitem(vars(small), "BATCH", 8)
    with pytest.raises(CheckpointError, match="batch_size was 4, is 8"):
        small.train("main", small.BOTH, data, 4)


def test_dropout_acts_while_training_and_not_when_pictures_are_made(small, data):
    generator = small.make_parts(small.BOTH, (4, 4, 3), 0)["generator"]
    translate = lambda training: small.translate(generator, data.test_inputs, training=training)
    assert np.array_equal(translate(False), translate(False))
    assert not np.array_equal(translate(True), translate(True))


def test_grey_pairs_of_another_size_train_too(small, monkeypatch):
    monkeypatch.setitem(vars(small), "LARGER", 9)
    images = RNG.integers(0, 256, (8, 8, 8, 1), dtype=np.uint8)
    data = PairData("grey", "folder", images, 255 - images, images[:2], 255 - images[:2])
    generator, history = small.train("grey", small.BOTH, data, 1)
    assert generator.output_shape == (None, 8, 8, 1) and np.isfinite(history["l1"]).all()


# ---------------------------------------------------------------- what is shipped


@pytest.fixture(scope="module")
def rows():
    return read_rows(ablations.TABLE)


def test_the_table_of_the_ablations_is_whole(chapter, rows):
    by_seed = sorted(rows, key=lambda row: int(row["seed"]))
    found = [(row["data"], row["run"], row["seed"]) for row in by_seed]
    assert found == [key[:3] for key in ablations.wanted(chapter)]
    for row in rows:
        assert int(row["steps"]) == ablations.STEPS
        assert float(row["l1"]) > 0 and float(row["sharpness"]) > 0
        assert (row["iou"] != "") == (row["data"] == "streets")


def of(rows, data, run, score):
    return np.array([float(r[score]) for r in rows if (r["data"], r["run"]) == (data, run)])


def test_what_the_chapter_says_of_the_ablations(rows):
    """In each of the three seeds."""
    iou = lambda run: of(rows, "streets", run, "iou")
    sharpness = lambda run: of(rows, "sketches", run, "sharpness")
    assert (iou("L1 + cGAN") > iou("encoder-decoder")).all()
    assert (sharpness("L1 + cGAN") > sharpness("L1")).all()
    assert (iou("patch 16") > iou("L1")).all()  # the paper's order holds with this patch
    assert (iou("L1") > iou("L1 + cGAN")).all()  # and not with patch 34
    assert (iou("patch 142") < iou("L1 + cGAN")).all()


def test_the_paper_s_numbers_stand_beside_the_right_runs(chapter):
    paper = {
        "L1": ".42 .15 .11",
        "cGAN": ".57 .22 .16",
        "L1 + cGAN": ".66 .23 .17",
        "encoder-decoder": ".29 .09 .05 (U-Net there: .55 .20 .14)",
        "patch 1": ".39 .15 .10",
        "patch 16": ".65 .21 .17",
        "patch 142": ".42 .16 .11 (patch 286)",
    }
    assert dict(zip(chapter.ABLATIONS, chapter.PAPER, strict=True)) == paper


def test_a_line_is_measured_again_when_the_code_changes(chapter, monkeypatch):
    code = ablations.definitions(chapter)
    code_of = lambda **change: ablations.code_of(chapter, chapter.BOTH | change)
    before = code_of()
    assert before != code_of(patch=1)
    for name in (*ablations.FUNCTIONS, *ablations.SETTINGS, "make_artist"):
        changed = code | {name: "changed"}
        monkeypatch.setattr(ablations, "definitions", lambda _, changed=changed: changed)
        assert (code_of() == before) == (name == "make_artist"), name


def test_every_function_of_a_run_is_in_its_checksum(chapter):
    """What `measure` calls, and what that calls."""

    def names(code):
        inner = [const for const in code.co_consts if hasattr(const, "co_names")]
        return set(code.co_names).union(*map(names, inner))

    things = vars(chapter).items()
    ours = {name for name, thing in things if getattr(thing, "__module__", "") == chapter.__name__}
    reached, new = set(), {"train", "translate", "distance", "sharpness", "street_scores"}
    while new:
        reached |= new
        called = set().union(*(names(getattr(chapter, name).__code__) for name in new))
        new = (called & ours) - reached
    assert reached == set(ablations.FUNCTIONS)


@pytest.fixture
def driver(data, monkeypatch, tmp_path):
    """The chapter that the ablations' own main trains: tiny sets, two runs of two steps."""
    chapter = make_small()
    chapter.SAVE_EVERY = 1
    chapter.ABLATIONS = {"L1 + cGAN": chapter.BOTH, "L1": chapter.BOTH | dict(adversarial=0.0)}
    chapter.street_scores = lambda *_: dict(per_pixel=0.5, per_class=0.4, iou=0.3)
    monkeypatch.setenv("COURSE_BUDGET", "lesson")  # the benchmark sets it: put back after the test
    for name, value in {
        "TABLE": tmp_path / "table.csv",
        "SHEET": tmp_path / "sheet.png",
        "STEPS": 2,
        "SEEDS": (1,),
        "ON_SKETCHES": (),
        "SHOWN": 2,
        "code_of": lambda chapter, recipe: "abc",
        "load_definitions": lambda number: chapter,
    }.items():
        monkeypatch.setattr(ablations, name, value)
    monkeypatch.setattr(ablations.pretrained, "load", lambda name: None)
    load = lambda kind, size: dataclasses.replace(data, name=kind)
    monkeypatch.setattr(ablations.pairs, "load_pairs", load)
    return chapter


def test_the_driver_goes_on_where_it_stopped(driver, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        training_checks.interrupt_at(driver, patch, 1)
        ablations.main()
    assert read_rows(ablations.TABLE) == []
    ends, asked, train = {}, [], driver.train

    def remember(name, *rest):
        asked.append(name)
        run_folder(f"07_pix2pix/{name}").mkdir(parents=True, exist_ok=True)
        ends[name] = ends.get(name) or train(name, *rest)
        return ends[name]

    driver.train = remember
    ablations.main()
    assert capsys.readouterr().out.count("The checkpoint of step 1 is loaded") == 1
    assert asked == ["streets-l1_cgan-1-abc", "streets-l1-1-abc"]
    rows = read_rows(ablations.TABLE)
    found = [(row["data"], row["run"], row["iou"]) for row in rows]
    assert found == [("streets", run, "0.3000") for run in ("L1 + cGAN", "L1")]
    assert iio.imread(ablations.SHEET).shape == (4 * 4, 2 * 4, 3)
    write_rows(ablations.TABLE, ablations.COLUMNS, rows[1:])  # one line is lost: only this one ...
    asked.clear()
    ablations.main()
    assert asked == ["streets-l1_cgan-1-abc"]  # ... is measured again
    assert read_rows(ablations.TABLE) == rows


def test_the_shipped_generator_hears_the_hatching(chapter):
    """Yellow wool for horizontal lines, blue denim for diagonal ones, on a garment that was in no
    training."""
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
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    text = "\n".join(output.get("text", "") for output in outputs)
    found = re.findall(r"^(baseline|mine|real) .* iou ([\d.]+)", text, flags=re.MULTILINE)
    scores = {name: float(iou) for name, iou in found}
    assert scores["baseline"] < scores["mine"] - 0.05 and 0.7 <= scores["mine"] < scores["real"]


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
    artist = card["07_pix2pix_sketches"]["measured"]
    assert artist["sharpness"] > 0.8 * artist["sharpness_real"]


def test_the_numbers_of_the_record_are_those_of_the_table(rows):
    notebook = nbformat.read(FOLDER / "07_pix2pix.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cell = next(cell for cell in cells if "record(" in cell.source)
    recorded = json.loads(cell.outputs[-1].text)
    names = {"l1": "L1", "cgan": "cGAN", "l1_cgan": "L1 + cGAN"}
    for name, run in (names | {"encoder_decoder": "encoder-decoder"}).items():
        mean = of(rows, "streets", run, "iou").mean()
        assert recorded[f"street_iou_{name}"] == pytest.approx(mean)
    assert (recorded["unet_parameters_256"], recorded["patch_output_256"]) == (54_425_859, 30)
