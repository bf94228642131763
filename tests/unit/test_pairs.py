"""Pairs of pictures: the shipped ones, and edges of clothes. For folders: test_folders.py."""

import dataclasses

import numpy as np
import pytest

from helpers import course, pairs
from helpers.datasets import load
from helpers.pairs import load_pairs


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


@pytest.mark.parametrize(
    "arguments", [("openmoji", 100), ("edges", 64), ("fluent", 64, "input"), ("openmoji", 0)]
)
def test_sizes_and_orders_that_cannot_be_are_told(arguments):
    with pytest.raises(ValueError, match=r"size is .* and order .*Give size="):
        load_pairs(*arguments)
