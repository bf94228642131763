"""The project of chapter 07, task and solution: the score, what it is not fooled by, the table."""

import re

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import project_edges, tables
from benchmarks.tables import checksum, code_of, definitions, judge, read_rows, write_rows
from helpers import datasets, pairs
from helpers.checkpoints import CheckpointError
from tests.support import training_checks
from tests.support.training_checks import values
from tools.notebooks.definitions import load_definitions

RNG = np.random.default_rng(0)
SAME = {"for_judge", "lines_of", "overlap", "make_score", "GOALS", "points_of", "show_scores"}
SAME |= {"down", "up", "make_generator", "scaled", "translate", "check", "my_translate"}
SAME |= {"SIZE", "WIDTH", "BATCH", "RATE", "LEARNED"}
BASELINES = project_edges.BASELINES
NOT_SAME = {"my_translate"}  # the one thing that a student writes
TRAINED = [row for row in read_rows(project_edges.TABLE) if row["seed"]]
NOT_MEASURED = "python -m benchmarks.project_edges was not run to its end"
DRAWINGS, GARMENTS = RNG.integers(0, 256, (2, 16, 16, 16, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def task():
    return load_definitions("07", project_edges.TASK)


@pytest.fixture(scope="module")
def solution():
    return load_definitions("07", project_edges.SOLUTION)


def make_small(path):
    """Return a notebook's definitions with small networks for 16 x 16 pixels."""
    small = load_definitions("07", path)
    vars(small).update(SIZE=16, WIDTH=4, BATCH=4, EVERY=2, RATE=2e-3)
    return small


@pytest.fixture(scope="module")
def small_task():
    return make_small(project_edges.TASK)


@pytest.fixture(scope="module")
def small():
    return make_small(project_edges.SOLUTION)


@pytest.fixture(scope="module")
def few():
    """The embedded clothes, and a part of the pairs of edges: 60 to learn from, 300 for a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "embedded")
        clothes = datasets.load("fashion_mnist")
        patch.setattr(pairs, "load", lambda name: clothes)
        patch.setattr(pairs, "canny", lambda image, *_: image > 0.5)  # in no time
        data = pairs.load_pairs("edges", 32)
    targets = data.train_targets[:60], data.test_targets[:300]
    inputs = data.train_inputs[:60], data.test_inputs[:300]
    return clothes, pairs.PairData(
        "edges", "embedded", inputs[0], targets[0], inputs[1], targets[1]
    )


# ---------------------------------------------------------------- both notebooks are one project


def test_what_must_not_be_changed_is_the_same_in_both_notebooks(task, solution):
    one, other = definitions(task), definitions(solution)
    assert {*one} >= SAME and {*other} >= SAME
    assert {name for name in SAME if one[name] != other[name]} == NOT_SAME


# ---------------------------------------------------------------- the score


def test_the_score_draws_lines_as_the_pairs_were_drawn(task, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    clothes = datasets.load("fashion_mnist")
    inputs, targets = pairs._edges(clothes.test_images[:30])
    assert np.array_equal(task.lines_of(targets), inputs[..., 0] == 0)
    assert np.array_equal(task.for_judge(targets), clothes.test_images[:30])


def test_overlap_by_hand(task):
    one = np.zeros((3, 2, 4), bool)
    one[0, 0, :3] = one[1, 1, :2] = one[2] = True
    other = np.roll(one, 1, axis=2)
    np.testing.assert_allclose(task.overlap(one, other), [2 / 3, 1 / 2, 1])
    assert task.overlap(one[:1], np.zeros((1, 2, 4), bool)) == [0]


def test_the_smallest_share_gives_the_points(task):
    none, full = ({name: goal[n] for name, goal in task.GOALS.items()} for n in (0, 1))
    assert task.points_of(full) == 8 and task.points_of(none) == 0
    for name, (least, most) in task.GOALS.items():
        assert task.points_of(full | {name: least}) == 0
        assert task.points_of(full | {name: least + 0.25 * (most - least)}) == pytest.approx(2)
        assert task.points_of(full | {name: most + 10 * (most - least)}) == 8


def test_copies_and_changed_garments_are_told_apart(task, few):
    clothes, data = few
    score = task.make_score(clothes, data.train_targets, data.test_targets)
    labels = clothes.test_labels[:300]
    real = score(data.test_targets, data.test_inputs, labels)
    assert real["copies"] == pytest.approx(0.01) and real["class_share"] > 0.85
    copied = np.resize(data.train_targets, data.test_targets.shape)
    assert score(copied, data.test_inputs, labels)["copies"] == 1
    flat = np.full_like(data.test_targets, 200)
    assert score(flat, data.test_inputs, labels)["fcd"] > 5 * real["fcd"]


def test_a_look_up_finds_the_nearest_drawing_and_its_parts(task):
    lines = np.where(RNG.random((20, 32, 32, 1)) < 0.1, 0, 255).astype(np.uint8)
    garments = RNG.integers(0, 256, lines.shape, dtype=np.uint8)
    assert np.array_equal(task.look_up(lines[[7, 3]], 32, lines, garments), garments[[7, 3]])
    mixed, wanted = lines[[7]].copy(), garments[[7]].copy()
    mixed[:, :16, 16:], wanted[:, :16, 16:] = lines[3, :16, 16:], garments[3, :16, 16:]
    # blurred over the seam, but by far the nearest
    assert np.array_equal(task.look_up(mixed, 16, lines, garments), wanted)


def test_each_baseline_is_there_and_of_the_right_form(task, few):
    clothes, data = few
    cheats = task.make_cheats(clothes, data, data.train_inputs, data.train_targets)
    assert tuple(cheats) == BASELINES
    for pictures in cheats.values():
        assert pictures.dtype == np.uint8 and pictures.shape == data.test_targets.shape
    assert np.array_equal(cheats["look-up, moved"][:, :, 1:], cheats["look-up"][:, :, :-1])
    spread = [cheats[name].std() for name in ("real", "blurred by 1", "blurred by 2")]
    assert spread[0] > spread[1] > spread[2]


# ---------------------------------------------------------------- networks


def test_the_generator_treats_each_picture_alone(small_task):
    keras.utils.set_random_seed(1)
    generator = small_task.make_generator()
    together = small_task.translate(generator, DRAWINGS)
    alone = [small_task.translate(generator, DRAWINGS[n : n + 1]) for n in range(16)]
    assert np.abs(together.astype(int) - np.concatenate(alone)).max() <= 1
    x = small_task.scaled(DRAWINGS)
    np.testing.assert_allclose(generator(x, training=True), generator(x, training=False), atol=1e-5)


def test_skips_carry_places(task):
    """A changed pixel of the drawing changes the picture near it most."""
    keras.utils.set_random_seed(3)
    generator = task.make_generator()
    assert generator.output_shape == (None, 32, 32, 1)
    drawing = np.ones((1, 32, 32, 1), np.float32)
    drawing[0, 4:28, 8:24] = -1
    other = drawing.copy()
    other[0, 12, 20] = 1
    change = np.abs(generator(other) - generator(drawing))[0, ..., 0]
    assert change[9:16, 17:24].mean() > 2 * change.mean()


@pytest.mark.parametrize("patch", [16, 34])
def test_a_logit_sees_a_patch(solution, patch, monkeypatch):
    """At a size that holds the whole patch."""
    monkeypatch.setattr(solution, "SIZE", 64)
    network = solution.make_discriminator(patch)
    sides = [tf.constant(RNG.normal(size=(1, 64, 64, 1)).astype(np.float32)) for _ in range(2)]
    with tf.GradientTape() as tape:
        tape.watch(sides)
        logits = network(sides)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    for slopes in tape.gradient(middle, sides):
        for axis in (1, 2):
            seen = np.flatnonzero(np.any(slopes[0, ..., 0], axis=axis - 1))
            assert seen[-1] - seen[0] + 1 == patch


# ---------------------------------------------------------------- training


def test_the_start_learns_l1(small_task):
    parts = small_task.make_parts(0)
    step = small_task.make_train_step(**parts)
    sides = [tf.constant(small_task.scaled(side[:4])) for side in (DRAWINGS, GARMENTS // 4)]
    by_hand = np.abs(parts["generator"](sides[0]) - sides[1]).mean()
    losses = [float(step(*sides)["l1"]) for _ in range(20)]
    assert losses[0] == pytest.approx(by_hand, rel=1e-5) and losses[-1] < losses[0] - 0.05


def step_and_parts(small, way):
    """Return (make_train_step, make_parts) as the shared checks want them."""
    recipe = small.PLAIN | small.WAYS[way]
    sides = [tf.constant(small.scaled(side[:4])) for side in (DRAWINGS, GARMENTS)]

    def make_train_step(**parts):
        parts.pop("averaged", None)
        step = small.make_train_step(**parts, adversarial=recipe["adversarial"], l1=recipe["l1"])
        return lambda _: step(*sides)

    return make_train_step, lambda: small.make_training(recipe, 0)[0]


def test_each_loss_moves_its_own_network(small):
    both = step_and_parts(small, "weaker L1")
    training_checks.check_each_loss_moves_its_own_network(*both, None)


def test_networks_made_again_are_the_ones_that_train(small):
    both = step_and_parts(small, "weaker L1")
    training_checks.check_networks_made_again_are_the_ones_that_train(*both, None)


@pytest.fixture
def eager():
    """Run each step as it is: for a single one this is quicker than to make a graph."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager")
def test_with_weight_0_the_discriminator_only_watches(small):
    """In the way "L1" another discriminator changes nothing for the generator, in others it does.

    Adam divides by the size of a gradient, so a factor alone would show nothing.
    """

    def generator_after(way, seed):
        make_train_step, make_parts = step_and_parts(small, way)
        parts = make_parts()
        keras.utils.set_random_seed(seed)
        parts["discriminator"].set_weights(small.make_discriminator(16).get_weights())
        make_train_step(**parts)(None)
        return np.concatenate([np.ravel(weight) for weight in values(parts["generator"])])

    close = lambda way: np.allclose(generator_after(way, 1), generator_after(way, 2), atol=1e-6)
    assert close("L1") and not close("weaker L1")


def test_all_that_a_training_changes_is_kept(small, monkeypatch):
    run = lambda name: small.train(name, "L1 + cGAN", DRAWINGS, GARMENTS, 1)
    training_checks.check_everything_is_kept(small, monkeypatch, run, also=("averaged",))


def test_a_training_that_is_interrupted_goes_on(small, monkeypatch, capsys):
    def run(name):
        parts, history = small.train(name, "weaker L1", DRAWINGS, GARMENTS, 5)
        return [parts["generator"], parts["averaged"]], history

    losses = ("generator_loss", "discriminator_loss", "l1_distance")
    training_checks.check_an_interrupted_training_goes_on(
        small, monkeypatch, capsys, run, at=3, saved=2, losses=losses
    )


def test_another_way_under_the_same_name_is_told(small):
    small.train("main", "L1 + cGAN", DRAWINGS, GARMENTS, 1)
    for way, told in (("weaker L1", r"l1 was 100\.0, is 10\.0"), ("L1", "adversarial was 1.0, is")):
        with pytest.raises(CheckpointError, match=f"{told}(?s:.*)fresh=True"):
            small.train("main", way, DRAWINGS, GARMENTS, 2)


# ---------------------------------------------------------------- the contract


def test_the_contract_is_checked(task):
    drawings = RNG.integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    assert np.array_equal(task.check(lambda drawings: drawings, drawings), drawings)
    calls = iter(range(100))
    last = lambda seen: np.where(np.array_equal(seen, drawings[3:]), seen // 2, seen)
    for wrong, message in (
        (lambda drawings: drawings / 255, r"must be uint8 \(4, 32, 32, 1\); seen: .*float64"),
        (lambda drawings: drawings[:1], r"must be uint8.*\(1, 32, 32, 1\)"),
        (lambda drawings: drawings.tolist(), "must be uint8.*list"),
        (lambda drawings: drawings // (1 + next(calls)), "two results"),
        (lambda drawings: np.uint8(drawings // len(drawings)), "Drawing 0 alone.*grey values"),
        (last, "Drawing 3 alone gives another picture"),
    ):
        with pytest.raises(ValueError, match=message):
            task.check(wrong, drawings)


# ---------------------------------------------------------------- the table


def rows_of(way, weights="", part="test"):
    rows = read_rows(project_edges.TABLE)
    key = (way, weights, part)
    return [row for row in rows if (row["way"], row["weights"], row["part"]) == key]


def scores_of(row):
    return {name: float(row[name]) for name in project_edges.FOUND}


def test_no_baseline_gets_a_point_and_real_garments_get_all(task):
    points = {way: task.points_of(scores_of(row)) for way in BASELINES for row in rows_of(way)}
    assert points == dict.fromkeys(BASELINES, 0) | {"real": 8}


def test_the_rows_belong_to_the_present_code(task, solution):
    codes = {"start": code_of(task, project_edges.NOT_OF_START)}
    codes |= dict.fromkeys(solution.WAYS, code_of(solution, project_edges.NOT_OF_WAYS))
    codes |= dict.fromkeys(BASELINES, code_of(task, project_edges.NOT_OF_BASELINES))
    rows = read_rows(project_edges.TABLE)
    assert tuple(rows[0]) == (*project_edges.KEY, *project_edges.FOUND)
    assert {(row["way"], row["code"]) for row in rows} <= {*codes.items()}
    assert {row["judge"] for row in rows} == {judge()}
    left_out = project_edges.NOT_OF_START | project_edges.NOT_OF_BASELINES
    assert {*definitions(task)} >= left_out
    assert {*definitions(solution)} >= project_edges.NOT_OF_WAYS


@pytest.mark.skipif(not TRAINED, reason=NOT_MEASURED)
def test_the_table_is_whole(task, solution, monkeypatch):
    monkeypatch.setattr(project_edges.Project, "__init__", lambda self: None)
    project = project_edges.Project()
    project.task, project.solution = task, solution
    wanted = [run[:5] for run in project_edges.wanted_runs(project)]
    found = [tuple(row[n] for n in project_edges.KEY[:5]) for row in read_rows(project_edges.TABLE)]
    assert found == wanted


@pytest.mark.skipif(not TRAINED, reason=NOT_MEASURED)
def test_unchanged_code_gets_no_point_and_the_solution_most_of_them(task):
    points = lambda *kind: [task.points_of(scores_of(row)) for row in rows_of(*kind)]
    for kind in [("start", "last"), *(("L1", k) for k in ("last", "averaged", "sharper", "noisy"))]:
        assert points(*kind) == [0, 0, 0], kind
    assert min(points("weaker L1", "averaged")) >= 5


@pytest.fixture
def driver(small_task, small, monkeypatch, tmp_path):
    """A project of tiny pictures; its trainings and its judge are only counted."""
    vars(small_task).update(LEARNED=12, STEPS=2)
    vars(small).update(LEARNED=12, STEPS=2)
    monkeypatch.setenv("COURSE_BUDGET", "lesson")  # the benchmark sets it: put back after the test

    def init(self):
        self.task, self.solution = small_task, small
        self.sides = DRAWINGS[:12], GARMENTS[:12]
        self.parts = {"choice": (DRAWINGS[12:14], None), "test": (DRAWINGS[14:], None)}
        self.baselines = {name: GARMENTS[n : n + 2] for n, name in enumerate(BASELINES)}
        self.score = lambda pictures, drawings, labels: dict.fromkeys(
            project_edges.FOUND[:-1], float(pictures.mean())
        )

    quick = {"TABLE": tmp_path / "table.csv", "SEEDS": (1,), "start": lambda: None}
    for name, value in quick.items():
        monkeypatch.setattr(project_edges, name, value)
    monkeypatch.setattr(tables, "machine_gflops", lambda: 300)
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)
    monkeypatch.setattr(project_edges.Project, "__init__", init)
    return project_edges


@pytest.mark.parametrize("path, least, most", [("TASK", 0, 0), ("SOLUTION", 5, 8)])
def test_the_stored_outputs_show_these_points(path, least, most):
    """Those of the last cell: the start as it is, and the solution trained anew."""
    cells = nbformat.read(getattr(project_edges, path), as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    text = "\n".join(output.get("text", "") for output in outputs)
    if "Budget: smoke" in text:
        pytest.skip("the outputs are those of a smoke run: make outputs CHAPTER=07")
    assert least <= float(re.search(r"Points for the scores: ([\d.]+) of 8", text)[1]) <= most


def test_the_driver_goes_on_where_it_stopped(driver, small, monkeypatch):
    asked = []

    def generator_of(project, run):
        asked.append(run[:3])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return lambda drawings, training: drawings / 2, 7.4

    monkeypatch.setattr(driver, "generator_of", generator_of)
    with pytest.raises(KeyboardInterrupt):
        driver.main()
    assert len(read_rows(driver.TABLE)) == 12  # the baselines, and both parts of the start
    driver.main()
    rows = read_rows(driver.TABLE)
    found = [(row["way"], row["weights"], row["part"]) for row in rows[10:]]
    kinds = [("start", "last"), ("L1", "last"), ("L1", "averaged"), ("L1", "sharper")]
    kinds += [("L1", "noisy")]
    kinds += [(way, kind) for way in [*small.WAYS][1:] for kind in ("last", "averaged")]
    assert found == [(*kind, part) for kind in kinds for part in ("choice", "test")]
    assert {row["seconds"] for row in rows[10:]} == {"7"}
    write_rows(driver.TABLE, rows[0], rows[1:])  # one row is lost: only this one ...
    asked.clear()
    driver.main()
    assert asked == [] and read_rows(driver.TABLE) == rows  # ... is measured again


def test_a_row_has_the_weights_that_it_names(driver, small):
    project = driver.Project()
    runs = {run[:2]: run for run in driver.wanted_runs(project) if run[2] == "test"}
    start = driver.generator_of(project, runs["start", "last"])[0]
    last = driver.generator_of(project, runs["weaker L1", "last"])[0]
    averaged, seconds = driver.generator_of(project, runs["weaker L1", "averaged"])
    networks = [np.concatenate([np.ravel(w) for w in values(n)]) for n in (start, last, averaged)]
    assert not any(np.allclose(networks[n], networks[n - 1], atol=1e-5) for n in range(3))
    assert seconds > 0


def test_sharper_and_noisy_pictures():
    pictures = np.full((2, 16, 16, 1), 255, np.uint8)
    pictures[:, 4:12, 4:12] = 100
    sharper, noisy = (project_edges.changed(pictures, kind) for kind in ("sharper", "noisy"))
    assert np.array_equal(project_edges.changed(pictures, "last"), pictures)
    assert sharper[0, 4, 8, 0] < 90 and sharper[0, 3, 8, 0] == 255
    assert (noisy[pictures == 255] == 255).all()
    assert noisy[pictures == 100].std() == pytest.approx(project_edges.NOISE, rel=0.2)


def test_a_row_is_made_again_when_its_code_changes(task, monkeypatch):
    code = definitions(task)
    codes = lambda: [
        checksum(text for name, text in sorted(code.items()) if name not in unused)
        for unused in (project_edges.NOT_OF_START, project_edges.NOT_OF_BASELINES)
    ]
    before = codes()
    for name, moves in {
        "overlap": (True, True),
        "down": (True, False),
        "look_up": (False, True),
        "GOALS": (False, False),
    }.items():
        monkeypatch.setitem(code, name, "changed")
        assert tuple(a != b for a, b in zip(before, codes())) == moves, name
        monkeypatch.undo()
