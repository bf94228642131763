"""The functions of chapter 01, taken out of the notebook, against values that are known."""

import numpy as np
import pytest

from tools.notebooks.definitions import load_definitions


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("01")


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8)
BLACK = np.zeros((3, 28, 28), dtype=np.uint8)
COUNTS = np.zeros((28, 28, 256))
COUNTS[..., 0], COUNTS[..., 100], COUNTS[..., 255] = 1, 2, 5
COUNTS[1, 2] = 8 * (np.arange(256) == 7)


def test_both_counts_agree_with_a_third_way(chapter):
    counts = chapter.count_values(IMAGES)
    assert counts.shape == (28, 28, 256) and counts.sum() == IMAGES.size
    assert np.array_equal(counts, chapter.count_by_loop(IMAGES))
    for value in (0, 17, 255):
        assert np.array_equal(counts[:, :, value], (value == IMAGES).sum(axis=0))


def test_bits_per_pixel_of_known_tables(chapter):
    for share, bits in ((1, 0), (1 / 2, 1), (1 / 8, 3), (1 / 256, 8), (0, np.inf)):
        P = np.zeros((28, 28, 256))
        P[:, :, 0], P[:, :, 9] = share, 1 - share
        assert chapter.bits_per_pixel(P, BLACK) == bits


def test_smoothing_gives_probabilities_and_no_zero(chapter):
    P = chapter.probabilities(chapter.count_values(IMAGES), 0.1)
    np.testing.assert_allclose(P.sum(axis=2), 1)
    value = IMAGES[0, 2, 1]
    count = np.sum(IMAGES[:, 2, 1] == value)
    np.testing.assert_allclose(P[2, 1, value], (count + 0.1) / (30 + 25.6))
    assert P.min() > 0


def drawn_by(chapter, way):
    P = COUNTS / 8
    if way == "draw_above":  # four equal rows: the pixel above makes no difference
        P = np.repeat(P[:, :, None], 4, axis=2)
    few = way == "draw_by_loop"
    return getattr(chapter, way)(P, 60 if few else 2_000, np.random.default_rng(1))


@pytest.mark.parametrize("way", ["draw_by_loop", "draw", "draw_above"])
def test_all_ways_to_draw_follow_the_table(chapter, way):
    drawn = drawn_by(chapter, way)
    assert drawn.shape[1:] == (28, 28) and drawn.dtype == np.uint8
    assert set(np.unique(drawn)) == {0, 7, 100, 255} and (drawn[:, 1, 2] == 7).all()
    others = drawn[:, 2:]
    for value, share in ((0, 1 / 8), (100, 2 / 8), (255, 5 / 8)):
        assert abs((others == value).mean() - share) < 0.01
    for first, second in ((others[:, :-1], others[:, 1:]), (others[..., :-1], others[..., 1:])):
        together = np.mean((first == 255) & (second == 255))  # pixels are independent
        assert abs(together - (5 / 8) ** 2) < 0.01


def test_the_level_above_is_that_of_the_pixel_above(chapter):
    level = chapter.level_above(IMAGES)
    assert np.array_equal(chapter.level_above(IMAGES[3]), level[3])  # one picture alone
    assert (level[:, 0] == 0).all() and np.array_equal(level[:, 1:], IMAGES[:, :-1] // 64)


def test_the_second_model_counts_pairs_and_trusts_the_table(chapter):
    P = COUNTS / 8
    T = chapter.train_above(IMAGES, P)
    np.testing.assert_allclose(T.sum(axis=3), 1)
    i, j, level, value = 5, 6, 2, 255
    seen = IMAGES[IMAGES[:, i - 1, j] // 64 == level, i, j]
    wanted = (np.sum(seen == value) + chapter.TRUST * 5 / 8) / (len(seen) + chapter.TRUST)
    assert T[i, j, level, value] == pytest.approx(wanted)


def test_the_second_model_of_equal_rows_needs_the_bits_of_the_table(chapter):
    P = chapter.probabilities(COUNTS, 0.1)
    T = np.repeat(P[:, :, None], 4, axis=2)
    assert chapter.bits_above(T, IMAGES) == pytest.approx(chapter.bits_per_pixel(P, IMAGES))
    T[:, :, 0] = 1 / 256
    assert chapter.bits_above(T, BLACK) == pytest.approx(8)


def test_a_copy_of_the_row_above_costs_nothing_only_the_second_model(chapter):
    """Half of the pictures are white, half are black: one pixel tells all others."""
    pictures = np.repeat(np.uint8([0, 255]), 50)[:, None, None] * np.ones((28, 28), np.uint8)
    P = chapter.count_values(pictures) / 100
    assert chapter.bits_per_pixel(P, pictures) == pytest.approx(1)
    told = (50 + chapter.TRUST / 2) / (50 + chapter.TRUST)  # the first row is told nothing
    first_row = (chapter.TRUST / 2 + 50) / (chapter.TRUST + 100)
    wanted = -(27 * np.log2(told) + np.log2(first_row)) / 28
    assert chapter.bits_above(chapter.train_above(pictures, P), pictures) == pytest.approx(wanted)


def test_correlation_of_known_images(chapter):
    column = RNG.integers(0, 256, (500, 6, 1), dtype=np.uint8)
    same = np.repeat(column, 6, axis=2)
    assert chapter.correlation(same, same) == pytest.approx(1)
    assert chapter.correlation(same, 255 - same) == pytest.approx(-1)
    noise = RNG.integers(0, 256, (5_000, 6, 6), dtype=np.uint8)
    assert abs(chapter.correlation(noise[:, :-1], noise[:, 1:])) < 0.02
