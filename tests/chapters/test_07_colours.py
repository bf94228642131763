"""What a discriminator does to colours: the benchmark, and the table that chapter 07 shows."""

import re

import nbformat
import numpy as np
import pytest

from benchmarks import pix2pix_colours as benchmark
from benchmarks.tables import MEASURED, definitions, pictures_fit, read_rows
from tools.notebooks.execution import FOLDER

TABLE, PICTURES = (MEASURED / f"{benchmark.NAME}.{end}" for end in ("csv", "npz"))


@pytest.fixture(scope="module")
def lesson():
    return benchmark.load_lesson()


def test_kinds_of_colours_by_hand():
    kinds = {(250, 30, 20): 0, (255, 230, 0): 0, (10, 90, 20): 1, (90, 180, 240): 2}
    kinds |= {(100, 61, 100): 3, (0, 0, 0): 3, (101, 61, 80): 0, (255, 255, 235): 4}
    np.testing.assert_array_equal(benchmark.colour_kinds(np.uint8([*kinds])), [*kinds.values()])


def test_the_truth_is_right_and_other_colours_are_not(lesson):
    inside = benchmark.inside_of(lesson, lesson.drawings.test_inputs, lesson.drawings.test_targets)
    assert 0.1 < inside.mean() < 0.5
    found = {}
    for run in benchmark.plan(lesson, (1,)):
        if not run[1]:
            found[run[0]] = benchmark.score(lesson, run, None)
            shares = [found[run[0]][name] for name in benchmark.KINDS]
            assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert found["designers"]["right"] == 1 and found["designers"]["distance"] == 0
    others, one = found[benchmark.OTHERS], found["one colour"]
    assert others["right"] < one["right"] == pytest.approx(found["designers"]["red"], abs=1e-4)
    assert others["distance"] > one["distance"] and others["blue"] > 0.1 > one["blue"]


def test_the_knob_moves_colours_away_from_grey(lesson, monkeypatch, tmp_path):
    """The strongest channel stays the strongest one, and differences are doubled."""
    run = next(run for run in benchmark.plan(lesson, (1,)) if run[0] == benchmark.STRONGER)
    made = np.random.default_rng(0).integers(90, 140, (3, 8, 8, 3), dtype=np.uint8)
    place = tmp_path / benchmark.NAME
    place.mkdir()
    monkeypatch.setattr(benchmark, "checksum", lambda _: "code")
    np.savez(place / f"L1_1_{benchmark.STEPS}_code.npz", images=made)
    images = benchmark.outputs(lesson, run, tmp_path)
    gaps = [np.ptp(x.astype(int), axis=-1) for x in (images, made)]
    np.testing.assert_allclose(gaps[0], 2 * gaps[1], atol=1)
    # Cut at 255, or equal after rounding: hardly any.
    assert (images.argmax(axis=-1) == made.argmax(axis=-1)).mean() > 0.95


def test_the_blue_cheat_paints_some_drawings_and_leaves_the_others(lesson):
    targets, inputs = lesson.drawings.test_targets, lesson.drawings.test_inputs
    made = np.full_like(targets, 200)
    painted = benchmark.some_blue(lesson, made, 1)
    changed = (painted != made).any(axis=(1, 2, 3))
    assert 5 < changed.sum() < 35
    inside = benchmark.inside_of(lesson, inputs, targets)[changed]
    assert {*benchmark.colour_kinds(painted[changed][inside])} == {benchmark.BLUE}
    assert (painted[changed][~inside] == 200).all()


def test_both_kinds_begin_alike_and_see_the_same(lesson, monkeypatch):
    seen, starts, drawings = [], [], lesson.drawings
    step_of = lambda generator, gan, **_: (
        starts.append((generator, gan)) or (lambda x, y: seen.append((x, y)))
    )
    monkeypatch.setattr(lesson, "make_train_step", step_of)
    batch = drawings.train_inputs[:4], drawings.train_targets[:4]
    for run in benchmark.plan(lesson, (2,)):
        if run[0] in benchmark.TRAINED:
            benchmark.make_training(lesson, run)[1](batch, 5)
    (one, gan), (other, more) = starts
    assert (gan, more) == (False, True) and len(seen) == 2
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(*seen):
        np.testing.assert_array_equal(a, b)


def test_the_benchmark_goes_on_and_stores_pictures(lesson, tmp_path, monkeypatch):
    made = []

    class Generator:
        """It paints nothing."""

    def make(lesson, run):
        made.append(run[:3:2])
        return Generator(), lambda batch, step: None

    copy = lambda generator, inputs: np.repeat(inputs, 3, axis=-1)
    artist = lesson.translate
    translate = lambda network, x: (copy if isinstance(network, Generator) else artist)(network, x)
    monkeypatch.setattr(benchmark, "make_training", make)
    monkeypatch.setattr(benchmark, "STEPS", 1)
    monkeypatch.setattr(lesson, "translate", translate)
    fill = lambda most: benchmark.fill(lesson, (1,), tmp_path / "table", tmp_path / "kept", most)
    rows = lambda: read_rows(tmp_path / f"table/{TABLE.name}")
    fill(5)
    assert len(rows()) == 5 and made == [("L1", "1")] and not (tmp_path / PICTURES.name).exists()
    fill(100)
    assert made == [("L1", "1"), ("L1 + cGAN", "1")]
    assert [row["variant"] for row in rows()] == [run[0] for run in benchmark.plan(lesson, (1,))]
    white = {row["variant"]: float(row["white"]) for row in rows() if row["recipe"]}
    assert white.pop(benchmark.SOME_BLUE) < 1 and {*white.values()} == {1.0}
    with np.load(tmp_path / f"table/{PICTURES.name}") as file:
        np.testing.assert_array_equal(file["L1, seed 1"], copy(None, file["lines"]))
        assert len(file["lines"]) == benchmark.STORED


def test_the_table_has_each_kind_with_three_seeds(lesson):
    wanted = benchmark.plan(lesson, benchmark.SEEDS)
    assert [tuple(row[name] for name in benchmark.KEY) for row in read_rows(TABLE)] == wanted
    assert pictures_fit(PICTURES, wanted) and PICTURES.stat().st_size < 400_000
    used = {*definitions(lesson)} - benchmark.NOT_USED
    assert {*definitions(lesson)} >= benchmark.NOT_USED | benchmark.LOOKS
    assert {"make_train_step", "make_parts", "jitter", "make_generator", "coloured"} <= used


def test_the_chapter_shows_the_means_of_the_table():
    """Its Markdown table is written by hand: each number must be that of the measured one."""
    cells = nbformat.read(FOLDER / "07_pix2pix.ipynb", as_version=4).cells
    text = next(cell.source for cell in cells if cell.source.count("| red | green |"))
    shown = re.findall(r"^\| ([^|]+) \| ([\d.| %]+) \|$", text, re.M)
    found = {}
    for row in read_rows(TABLE):
        numbers = [float(row[name]) for name in benchmark.FOUND if name != "blue_right"]
        found.setdefault(row["variant"], []).append(numbers)
    shown = [
        (name.replace("12,000", "12 000"), numbers) for name, numbers in shown
    ]  # no commas in CSV
    assert {name for name, _ in shown} == {*found}
    for name, numbers in shown:
        *shares, distance = np.mean(found[name], axis=0)
        wanted = [f"{100 * share:.0f} %" for share in shares] + [f"{distance:.0f}"]
        assert numbers.split(" | ") == wanted, name


def test_what_the_table_must_show():
    """D brings colours that L1 leaves out, with each seed, and it knows no more than L1."""
    rows = {(row["variant"], row["seed"]): row for row in read_rows(TABLE)}
    other = lambda row: float(row["green"]) + float(row["blue"])
    for seed in map(str, benchmark.SEEDS):
        l1, both = rows["L1", seed], rows["L1 + cGAN", seed]
        assert other(both) > 2 * other(l1)
        skill = [float(row["right"]) - float(row["luck"]) for row in (l1, both)]
        assert skill[0] > 0.05 and abs(skill[1] - skill[0]) < 0.02
        assert 0.15 < float(both["blue_right"]) < 0.35
        assert other(rows[benchmark.STRONGER, seed]) < other(both)
        cheat = rows[benchmark.SOME_BLUE, seed]
        assert float(cheat["right"]) - float(cheat["luck"]) > 0.05 and other(cheat) > 2 * other(l1)
