"""Grids, rows, curves, points and films: what is seen in them, pixel by pixel where it matters."""

import io
import os
import subprocess
import sys

import imageio.v3 as iio
import matplotlib
import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest

from helpers import plotting
from helpers.course import ROOT

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
STEP = 28 + 2 * plotting.MARGIN
EDGE = 10  # pixels that Matplotlib leaves around a tight picture


def shown(figure):
    """Return what a notebook shows, as whole numbers (H, W, 3) from 0 to 255."""
    picture = PIL.Image.open(io.BytesIO(figure._repr_png_())).convert("RGB")
    return np.asarray(picture).astype(int)


def in_colour(picture, colour):
    """Return where a picture (H, W, 3) has a colour, nearly."""
    wanted = 255 * np.array(matplotlib.colors.to_rgb(colour))
    return np.abs(picture - wanted).max(axis=-1) < 30


def drawn_colours(figure):
    return {line.get_label(): line.get_color() for axes in figure.axes for line in axes.lines}


# ---------------------------------------------------------------- grids and rows


def test_a_grid_shows_every_pixel_at_its_place():
    picture = shown(plotting.image_grid(IMAGES, (0, 255), columns=4, scale=2))[..., 0]
    for place, image in enumerate(IMAGES):
        top = EDGE + 2 * (plotting.MARGIN + place // 4 * STEP)
        left = EDGE + 2 * (plotting.MARGIN + place % 4 * STEP)
        np.testing.assert_allclose(picture[top : top + 56 : 2, left : left + 56 : 2], image, atol=1)
    assert (picture[-40:, -40:] == 255).all()  # the empty place is white


def test_the_value_range_decides_about_grey():
    for value_range, grey in (((-1, 1), 127), ((0, 1), 0), ((-3, 1), 191)):
        picture = shown(plotting.image_grid(np.zeros((1, 28, 28)), value_range))
        assert abs(picture[40, 40, 0] - grey) <= 1


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 12, 3), (2, 3, 3), (1, 1, 1)])
def test_pictures_of_these_shapes_are_drawn(shape):
    grid = plotting.image_grid(np.zeros(shape), (0, 1))
    assert grid.axes[0].images[0].get_array().ndim == (3 if shape[3:] == (3,) else 2)


FLAT, STACK = np.zeros((28, 28)), np.zeros((2, 28, 28))
BAD = {
    "one flat picture": (FLAT, (0, 1), r"shape \(28, 28\).*One: images\[None\]"),
    "one grey picture": (FLAT[..., None], (0, 1), r"shape \(28, 28, 1\).*One: images\[None\]"),
    "one photo": (np.zeros((28, 28, 3)), (0, 1), r"shape \(28, 28, 3\).*One: images\[None\]"),
    "two channels": (np.zeros((3, 28, 28, 2)), (0, 1), r"shape \(3, 28, 28, 2\)"),
    "no pictures": (np.zeros((0, 28, 28)), (0, 1), r"shape \(0, 28, 28\)"),
    "NaN": (STACK * np.nan, (0, 1), "1,568 values .* NaN"),
    "infinite": (STACK + np.inf, (0, 1), "1,568 values .* inf"),
    "out of range": (STACK - 1, (0, 1), r"from -1 to -1, value_range is \(0, 1\)"),
    "empty range": (STACK + 1, (1, 1), r"value_range is \(1, 1\)"),
    "turned range": (STACK, (1, 0), r"value_range is \(1, 0\)"),
    "endless range": (STACK, (0, np.inf), r"value_range is \(0, inf\)"),
}


@pytest.mark.parametrize("images, value_range, message", BAD.values(), ids=BAD)
def test_what_is_no_picture_is_named(images, value_range, message):
    with pytest.raises(ValueError, match=message):
        plotting.image_grid(images, value_range)


def test_clip_shows_what_is_outside():
    grid = plotting.image_grid(np.full((1, 28, 28), 7.0), (0, 1), clip=True)
    assert shown(grid)[40, 40, 0] == 255


def test_each_title_stands_above_its_picture():
    grid = plotting.image_grid(IMAGES, (0, 255), columns=4, titles=range(7), title="seven")
    assert [text.get_text() for text in grid.axes[0].texts] == list("0123456")
    assert grid.axes[0].get_title() == "seven"
    sheet = grid.axes[0].images[0].get_array()
    for place, text in enumerate(grid.axes[0].texts):
        x, y = text.get_position()
        left = int(x) - 14
        below = sheet[int(y) + plotting.MARGIN :][:28, left : left + 28]
        np.testing.assert_allclose(below, IMAGES[place] / 255)
    with pytest.raises(ValueError, match="7 images but 2 titles"):
        plotting.image_grid(IMAGES, (0, 255), titles=["a", "b"])


def test_texts_outside_of_the_sheet_are_in_the_picture():
    plain = shown(plotting.image_grid(IMAGES, (0, 255)))
    titled = shown(plotting.image_grid(IMAGES, (0, 255), title="Seven pictures"))
    named = shown(plotting.paired_rows({"a long name": IMAGES}, (0, 255)))
    assert (titled[: len(titled) - len(plain)] < 100).any()  # letters above
    assert (named[:, : named.shape[1] - plain.shape[1]] < 100).any()  # letters to the left
    np.testing.assert_array_equal(titled[-70:], plain[-70:])
    np.testing.assert_array_equal(named[:, -400:], plain[:, -400:])


def test_a_column_of_rows_shows_one_picture():
    figure = plotting.paired_rows({"original": IMAGES, "negative": 255 - IMAGES}, (0, 255))
    assert [text.get_text().strip() for text in figure.texts] == ["original", "negative"]
    assert figure.texts[0].get_position()[1] > figure.texts[1].get_position()[1]
    above, below = np.split(figure.axes[0].images[0].get_array(), 2)
    inside = np.kron(np.ones(7), np.pad(np.ones((28, 28)), plotting.MARGIN)) > 0
    np.testing.assert_allclose((above + below)[inside], 1)
    with pytest.raises(ValueError, match="same shape"):
        plotting.paired_rows({"a": IMAGES, "b": IMAGES[:3]}, (0, 255))


def test_a_grid_as_png_is_the_same_sheet_in_whole_pixels():
    images = np.zeros((5, 4, 6))
    images[3] = 1
    picture = iio.imread(plotting.grid_png(images, (0, 1), columns=3, scale=2))
    assert picture.shape == (2 * 2 * 6, 2 * 3 * 8) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[::2, ::2], picture[1::2, 1::2])
    sheet = plotting.image_grid(images, (0, 1), columns=3).axes[0].images[0].get_array()
    np.testing.assert_array_equal(picture[::2, ::2], 255 * sheet)
    wide = images * 7 - 3
    assert plotting.grid_png(wide, (0, 1)) == plotting.grid_png(np.clip(wide, 0, 1), (0, 1))
    assert iio.imread(plotting.grid_png(images, (0, 1), scale=1)).shape == (2 * 6, 3 * 8)


def test_figures_are_shown_once():
    plotting.image_grid(IMAGES, (0, 255))
    assert not plt.get_fignums()  # pyplot does not know it: a notebook shows it as a cell's value


def test_greys_stay_exact_and_rare_colours_stay():
    """A few yellow pixels among greys and blues stay yellow, in at most 256 colours."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    drawn = shown(plotting.image_grid(ramp, (0, 255), scale=1))[..., 0]
    start = EDGE + plotting.MARGIN
    assert np.abs(drawn[start:, start:][:16, :16] - ramp[0]).max() <= 1
    rng = np.random.default_rng(0)
    greys, tints = rng.integers(6, 19, (20, 64, 64, 1)), rng.integers(-3, 3, (20, 64, 64, 3))
    pictures = 10 * greys + 5 * tints
    pictures[0, 20:24, 20:24] = (225, 180, 40)
    png = plotting.image_grid(pictures.astype(np.uint8), (0, 255))._repr_png_()
    picture = PIL.Image.open(io.BytesIO(png))
    assert picture.mode == "P" and len(picture.getcolors()) <= 256
    near = np.abs(np.asarray(picture.convert("RGB")).astype(int) - (225, 180, 40)).max(axis=-1) < 25
    assert near.sum() >= 12


def test_soft_shades_stay_soft():
    """In pictures of more colours than a curve has, each one is at most 2 grey values away."""
    y, x = np.mgrid[0:128, 0:128]
    shades = np.stack([x + 64, y + 32, 255 - (x + y) // 2], axis=-1).astype(np.uint8)
    drawn = shown(plotting.image_grid(shades[np.newaxis], (0, 255), scale=1)).astype(int)
    start = EDGE + plotting.MARGIN
    assert np.abs(drawn[start:, start:][:128, :128] - shades).max() <= 2
    assert drawn.max() == 255  # white stays white


# ---------------------------------------------------------------- a reader's own matplotlibrc

READERS_OWN = "image.origin: lower\ntext.usetex: True\nsavefig.facecolor: black\nfont.size: 30\n"
DRAW = """
import sys
import matplotlib, numpy as np
from helpers import course, plotting
print(matplotlib.rcParams["image.origin"], matplotlib.rcParams["text.usetex"])
course.start()
images = np.linspace(0, 1, 2 * 64).reshape(2, 8, 8)
figure = plotting.image_grid(images, (0, 1), titles=["a", "b"], title="A title")
with open(sys.argv[1], "wb") as file:
    file.write(figure._repr_png_())
"""


def test_a_readers_matplotlibrc_changes_nothing(tmp_path):
    (tmp_path / "matplotlibrc").write_text(READERS_OWN)
    environment = os.environ | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    command = [sys.executable, "-c", DRAW, tmp_path / "drawn.png"]
    said = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert said.startswith("lower True")  # the file was read
    images = np.linspace(0, 1, 2 * 64).reshape(2, 8, 8)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = plotting.image_grid(images, (0, 1), titles=["a", "b"], title="A title")
        assert (tmp_path / "drawn.png").read_bytes() == figure._repr_png_()


def test_pictures_are_not_upside_down_without_start_either():
    usual = plotting.image_grid(IMAGES, (0, 255))._repr_png_()
    with matplotlib.rc_context({"image.origin": "lower"}):
        assert plotting.image_grid(IMAGES, (0, 255))._repr_png_() == usual


# ---------------------------------------------------------------- curves and points


def test_curves_stand_in_their_panels():
    history = {"generator": [3, 2, 1], "discriminator": [1, np.nan, 3], "accuracy": [0.5, 0.6, 0.7]}
    panels = {"loss": ["generator", "discriminator"], "accuracy": ["accuracy"]}
    loss, share = plotting.history_curves(history, panels).axes
    assert (len(loss.lines), len(share.lines)) == (2, 1)
    assert share.get_ylim() == (0, 1.05)
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [(1, 3), (2, 2), (3, 1)])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), [1, np.nan, 3])
    assert loss.get_legend() and not share.get_legend()
    moved = plotting.history_curves(history, panels, x=[10, 20, 30])
    np.testing.assert_array_equal(moved.axes[1].lines[0].get_xdata(), [10, 20, 30])
    with pytest.raises(ValueError, match="same first dimension"):
        plotting.history_curves(history, panels, x=[10])


@pytest.mark.parametrize("log", [(), ("loss",)])
def test_curves_can_be_seen_in_whole(log):
    history = {"generator": np.logspace(0, -3, 50), "discriminator": np.logspace(-3, 0, 50)}
    figure = plotting.history_curves(history, {"loss": list(history)}, log=log)
    picture, axes = shown(figure), figure.axes[0]
    assert axes.get_yscale() == ("log" if log else "linear")
    for line in axes.lines:
        rows, columns = np.nonzero(in_colour(picture, line.get_color()))
        assert np.ptp(columns) > 200 and np.ptp(rows) > 100  # it goes through the whole panel
    low, high = axes.get_ylim()
    assert low < 1e-3
    assert high > 1
    legend = axes.get_legend().get_window_extent()
    assert legend.y1 < axes.get_window_extent().y0  # it hides no curve


def test_the_same_thing_has_the_same_colour_in_all_figures():
    names = ["real_accuracy", "fake_accuracy", "generator_loss", "discriminator_loss"]
    alike = {"real pictures": 0, "fakes": 1, "generated": 1, "generator_gradient": 2}
    curves = {name: [1, 2, 3] for name in [*names, *alike, "validation"]}
    together = drawn_colours(plotting.history_curves(curves, {"all": names}))
    assert len(set(together.values())) == 4
    for name in names:
        assert drawn_colours(plotting.history_curves(curves, {"alone": [name]})) == {
            name: together[name]
        }
    for name, place in alike.items():
        panels = {"other": ["validation", name]}
        colours = drawn_colours(plotting.history_curves(curves, panels))
        assert colours[name] == together[names[place]]
        assert colours["validation"] not in together.values()


def test_curves_of_one_colour_differ_in_their_line():
    curves = {"generator_loss": [1, 2], "generator_gradient": [2, 1]}
    first, second = plotting.history_curves(curves, {"both": list(curves)}).axes[0].lines
    assert first.get_color() == second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_long_curves_are_drawn_as_means_of_neighbours():
    assert plotting.neighbour_means([1, 3, 5, 7, 10], 2) == [3, 8.5]  # 1, 3, 5 and 7, 10
    assert plotting.neighbour_means([1, 3, 5], 3) == plotting.neighbour_means([1, 3, 5], 9)
    assert plotting.neighbour_means([], 3) == []
    line = plotting.history_curves({"a": range(1, 101)}, {"a": ["a"]}, points=10).axes[0].lines[0]
    np.testing.assert_array_equal(
        line.get_xydata(), [(n + 5.5, n + 5.5) for n in range(0, 100, 10)]
    )


def test_codes_have_the_colour_and_name_of_their_class():
    codes, labels = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    figure = plotting.latent_scatter(codes, labels, ["a", "b", "c"], title="codes")
    dots = figure.axes[0].collections
    for label, name in enumerate("abc"):
        np.testing.assert_array_equal(dots[label].get_offsets(), codes[labels == label])
        assert dots[label].get_label() == name
        seen = dots[label].get_facecolor()[0, :3]
        np.testing.assert_allclose(seen, matplotlib.colors.to_rgb(f"C{label}"))
    assert figure.axes[0].get_title() == "codes"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    bad = {
        r"codes \(30, 1\)": (codes[:, :1], labels, ["a", "b", "c"]),
        "finite": (codes * np.nan, labels, ["a", "b", "c"]),
        "labels < 2": (codes, labels, ["a", "b"]),
        "labels < 3": (codes, labels[:-1], ["a", "b", "c"]),
    }
    for message, arguments in bad.items():
        with pytest.raises(ValueError, match=message):
            plotting.latent_scatter(*arguments)
