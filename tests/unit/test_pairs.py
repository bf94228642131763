"""Pairs of pictures: the shipped ones, edges of clothes, and folders of the reader's own."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from helpers import course, pairs
from helpers.datasets import load
from helpers.pairs import DataError, load_pairs
from tools.data import draw_pairs

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def embedded(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")


@pytest.mark.parametrize(
    "name, train, test, channels", [("openmoji", 1_717, 206, 1), ("fluent", 1_111, 160, 3)]
)
def test_pairs_of_symbols_are_on_white_and_in_a_mixed_order(name, train, test, channels, capsys):
    pairs = load_pairs(name)
    assert pairs.train_inputs.shape == (train, 64, 64, channels)
    assert pairs.train_targets.shape == (train, 64, 64, 3)
    assert pairs.test_inputs.shape == (test, 64, 64, channels)
    assert pairs.test_targets.shape == (test, 64, 64, 3)
    assert pairs.source == course.sources[name] == "embedded"
    for part in (pairs.train_inputs, pairs.train_targets, pairs.test_inputs, pairs.test_targets):
        assert part.dtype == np.uint8 and part.min() < 10 and part.max() == 255
        assert (part[:, 0, 0] == 255).mean() > 0.9  # corners
    assert f"{train:,} train + {test} test pairs, 64 x 64 pixels." in capsys.readouterr().out
    turned = load_pairs(name, order="target-input")
    assert np.array_equal(turned.test_inputs, pairs.test_targets)


def test_what_is_drawn_and_its_colours_lie_in_the_same_place():
    pairs = load_pairs("openmoji")
    dark = pairs.train_inputs[..., 0] < 50
    assert pairs.train_targets[dark].mean() < 30


@pytest.mark.parametrize("name", draw_pairs.DRAWN)
def test_the_shipped_pairs_are_those_that_the_program_draws(name, capsys):
    pairs = load_pairs(name)
    assert pairs.train_inputs.shape == pairs.train_targets.shape == (1_000, 64, 64, 3)
    assert pairs.test_inputs.shape == pairs.test_targets.shape == (100, 64, 64, 3)
    assert pairs.source == course.sources[name] == "embedded"
    for number in (0, 7, 999, 1_050):
        inputs, targets = draw_pairs.DRAWN[name](number, side=64)
        part, place = ("train", number) if number < 1_000 else ("test", number - 1_000)
        assert np.array_equal(getattr(pairs, f"{part}_inputs")[place], inputs)
        assert np.array_equal(getattr(pairs, f"{part}_targets")[place], targets)
    assert "1,000 train + 100 test pairs, 64 x 64 pixels" in capsys.readouterr().out


def test_edges_lie_where_the_garments_change(monkeypatch):
    clothes = load("fashion_mnist")
    few = dataclasses.replace(
        clothes, train_images=clothes.train_images[:50], test_images=clothes.test_images[:20]
    )
    monkeypatch.setattr(pairs, "load", lambda name: few)
    edges = load_pairs("edges", 32)
    assert edges.train_inputs.shape == edges.train_targets.shape == (50, 32, 32, 1)
    assert set(np.unique(edges.train_inputs)) == {0, 255} and edges.source == "embedded"
    assert (edges.test_targets[:, 0] == 255).all()  # white around the garment
    dark = edges.train_inputs[..., 0] == 0
    slopes = np.gradient(edges.train_targets[..., 0].astype(float), axis=(1, 2))
    changes = np.abs(slopes).sum(axis=0)
    assert changes[dark].mean() > 3 * changes[~dark].mean()


def test_edges_are_made_of_a_part_of_the_clothes(monkeypatch):
    monkeypatch.setattr(pairs, "canny", lambda image, *_: image > 0.5)  # in no time
    edges = load_pairs("edges", 32)
    assert (len(edges.train_inputs), len(edges.test_inputs)) == (10_000, 1_000)


def draw(path, width=32, height=16, mode="RGB"):
    """Write a pair: a dark and a light half with a little noise."""
    half = width // 2
    pixels = RNG.integers(0, 30, (height, width, 3), dtype=np.uint8)
    pixels[:, half:] += 200
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        draw(tmp_path / "mine" / f"{number:02}.png")
    return tmp_path / "mine"


def test_loose_files_are_split_the_same_way_each_time(folder, capsys):
    pairs, again = load_pairs(folder, 16), load_pairs(str(folder), 16)
    assert pairs.name == "mine" and pairs.source == "folder"
    assert pairs.train_inputs.shape == (11, 16, 16, 3) and len(pairs.test_inputs) == 1
    assert np.array_equal(pairs.test_inputs, again.test_inputs)
    assert pairs.train_inputs.mean() < 40 and pairs.train_targets.mean() > 180
    turned = load_pairs(folder, 16, order="target-input")
    assert np.array_equal(turned.train_inputs, pairs.train_targets)
    assert np.array_equal(turned.test_targets, pairs.test_inputs)
    assert "Of 12 pairs 1 are kept for the test" in capsys.readouterr().out


@pytest.mark.parametrize("test", ["test", "val"])
def test_parts_are_read_from_their_folders_and_resized(tmp_path, test):
    for part, count in (("train", 3), (test, 2)):
        for number in range(count):
            draw(tmp_path / part / f"{number}.png", 64, 32)
    pairs = load_pairs(tmp_path, 16)
    assert (len(pairs.train_inputs), len(pairs.test_inputs)) == (3, 2)
    assert pairs.train_targets.shape[1:] == (16, 16, 3)


def test_files_that_are_no_pairs_are_left_out_and_named(folder, capsys):
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:80])
    (folder / "notes.txt").write_text("mine")
    draw(folder / "single.png", 16, 16)
    (folder / ".hidden.png").write_bytes(b"")
    assert len(load_pairs(folder, 16).train_inputs) == 11
    printed = capsys.readouterr().out
    assert "3 files were left out" in printed and ".hidden" not in printed
    for name in ("broken.png", "notes.txt", "single.png: 16 x 16 pixels are not two pictures"):
        assert name in printed


def test_transparent_grey_and_deep_pictures_are_read(tmp_path):
    clear = Image.new("RGBA", (32, 16), (0, 0, 0, 0))
    clear.save(tmp_path / "0.png")
    Image.fromarray(np.full((16, 32), 257 * 100, np.uint16)).save(tmp_path / "1.png")
    Image.new("L", (32, 16), 50).save(tmp_path / "2.png")
    pairs = load_pairs(tmp_path, 16)
    values = sorted(np.concatenate([pairs.train_inputs, pairs.test_inputs]).mean(axis=(1, 2, 3)))
    assert values == [50, 100, 255]  # what is transparent becomes white


def test_a_folder_without_pairs_and_no_folder_are_told(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match=r"nowhere' is no folder.*sketches"):
        load_pairs(tmp_path / "nowhere", 16)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"Too few pairs.*two pictures side by side"):
        load_pairs(tmp_path / "empty", 16)
    (folder / "train").mkdir()
    with pytest.raises(DataError, match="Too few pairs"):
        load_pairs(folder, 16)


@pytest.mark.parametrize(
    "arguments", [("sketches", 100), ("edges", 64), ("streets", 64, "input"), ("sketches", 0)]
)
def test_sizes_and_orders_that_cannot_be_are_told(arguments):
    with pytest.raises(ValueError, match=r"size is .* and order .*Give size="):
        load_pairs(*arguments)
