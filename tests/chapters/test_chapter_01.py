"""The functions of chapter 01, taken out of the notebook, against values that are known."""

import numpy as np
import pytest

from tools.notebooks.definitions import load_definitions


@pytest.fixture(scope="module")
def chapter():
    return load_definitions("01")


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 5, 4), dtype=np.uint8)


def test_both_counts_agree_with_a_third_way(chapter):
    counts = chapter.count_values(IMAGES)
    assert counts.shape == (5, 4, 256) and counts.sum() == IMAGES.size
    assert np.array_equal(counts, chapter.count_by_loop(IMAGES))
    for value in (0, 17, 255):
        assert np.array_equal(counts[:, :, value], (value == IMAGES).sum(axis=0))


def test_bits_per_pixel_of_known_tables(chapter):
    black = np.zeros((3, 5, 4), dtype=np.uint8)
    for share, bits in ((1, 0), (1 / 2, 1), (1 / 8, 3), (1 / 256, 8), (0, np.inf)):
        P = np.zeros((5, 4, 256))
        P[:, :, 0], P[:, :, 9] = share, 1 - share
        assert chapter.bits_per_pixel(P, black) == bits


def test_smoothing_gives_probabilities_and_no_zero(chapter):
    P = chapter.probabilities(chapter.count_values(IMAGES), 0.1)
    np.testing.assert_allclose(P.sum(axis=2), 1)
    value = IMAGES[0, 2, 1]
    count = np.sum(IMAGES[:, 2, 1] == value)
    np.testing.assert_allclose(P[2, 1, value], (count + 0.1) / (30 + 25.6))
    assert P.min() > 0


@pytest.mark.parametrize("way", ["draw_by_loop", "draw", "draw_from_counts"])
def test_all_ways_to_draw_follow_the_table(chapter, way):
    counts = np.zeros((2, 3, 256), dtype=int)
    counts[..., 0], counts[..., 100], counts[..., 255] = 1, 2, 5
    counts[1, 2] = 0
    counts[1, 2, 7] = 8
    table = counts if way == "draw_from_counts" else counts / 8
    drawn = getattr(chapter, way)(table, 2_000, np.random.default_rng(1))
    assert drawn.shape == (2_000, 2, 3) and drawn.dtype == np.uint8
    assert set(np.unique(drawn)) == {0, 7, 100, 255} and (drawn[:, 1, 2] == 7).all()
    for value, share in ((0, 1 / 8), (100, 2 / 8), (255, 5 / 8)):
        found = (drawn[:, 0, 1] == value).mean()
        assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / 2_000)
    together = np.mean((drawn[:, 0, 0] == 255) & (drawn[:, 0, 1] == 255))  # pixels are independent
    assert abs(together - (5 / 8) ** 2) < 0.06


def test_draw_never_gives_a_value_of_probability_zero(chapter):
    class Edges:
        """Random numbers at the ends of their range, where rounding could choose a wrong value."""

        def random(self, shape):
            return np.where(np.arange(shape[1]) % 2, np.nextafter(1, 0), 0.0) * np.ones(shape)

    P = np.zeros((28, 28, 256))
    P[..., 3:10] = 1 / 7  # seven sevenths have a sum just beside 1
    drawn = chapter.draw(P, 4, Edges())
    assert set(np.unique(drawn)) == {3, 9}


def test_neighbour_correlation_of_known_images(chapter):
    column = RNG.integers(0, 256, (500, 6, 1))
    assert chapter.neighbour_correlation(np.repeat(column, 6, axis=2)) == pytest.approx(1)
    assert abs(chapter.neighbour_correlation(RNG.integers(0, 256, (5_000, 6, 6)))) < 0.02
