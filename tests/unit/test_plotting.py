import io

import imageio.v3 as iio
import matplotlib.colors
import numpy as np
import PIL.Image
import pytest

from helpers import plotting

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)


def pixels(figure):
    """Return a figure as grey values (H, W) from 0 to 255, exactly as large as it was made."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    return iio.imread(buffer.getvalue())[..., 0]


def test_a_grid_shows_every_pixel_at_its_place():
    seen = pixels(plotting.image_grid(IMAGES, (0, 255), columns=4, scale=2))
    step = 28 + plotting.GAP
    for n, image in enumerate(IMAGES):
        top, left = plotting.GAP + n // 4 * step, plotting.GAP + n % 4 * step
        shown = seen[2 * top : 2 * (top + 28) : 2, 2 * left : 2 * (left + 28) : 2]
        np.testing.assert_allclose(shown, image, atol=1)
    assert (seen[-40:-10, -40:-10] == 255).all()  # the empty place is white


def test_the_value_range_decides_about_grey():
    half = np.zeros((1, 28, 28))
    for value_range, grey in (((-1, 1), 127), ((0, 1), 0), ((-3, 1), 191)):
        assert abs(int(pixels(plotting.image_grid(half, value_range))[30, 30]) - grey) <= 1


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 12, 3), (1, 1, 1)])
def test_shapes_that_are_pictures(shape):
    assert plotting.image_grid(np.zeros(shape), (0, 1))._repr_png_().startswith(b"\x89PNG")


BAD = {
    "one flat picture": (np.zeros((28, 28)), (0, 1), r"shape \(28, 28\)"),
    "two channels": (np.zeros((3, 28, 28, 2)), (0, 1), "shape"),
    "no pictures": (np.zeros((0, 28, 28)), (0, 1), "shape"),
    "NaN": (np.full((2, 28, 28), np.nan), (0, 1), "1,568 values .* NaN"),
    "infinite": (np.full((2, 28, 28), np.inf), (0, 1), "NaN or infinite"),
    "text": (np.full((2, 28, 28), "x"), (0, 1), "must be numbers"),
    "objects": (np.full((2, 28, 28), None), (0, 1), "must be numbers"),
    "out of range": (np.full((2, 28, 28), -1.0), (0, 1), "from -1 to -1, outside of value_range"),
    "empty range": (np.zeros((2, 28, 28)), (1, 1), "value_range is"),
    "turned range": (np.zeros((2, 28, 28)), (1, 0), "value_range is"),
    "endless range": (np.zeros((2, 28, 28)), (0, np.inf), "value_range is"),
    "one picture with a channel": (np.zeros((28, 28, 1)), (0, 1), r"Give images\[None\]"),
    "no range": (np.zeros((2, 28, 28)), None, "value_range is None"),
}


@pytest.mark.parametrize("images, value_range, message", BAD.values(), ids=BAD)
def test_what_is_no_picture(images, value_range, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plotting.image_grid(images, value_range)
    with pytest.raises(ValueError, match=message):
        plotting.write_gif(tmp_path / "a.gif", images, value_range)
    assert not (tmp_path / "a.gif").exists()


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"scale": 0}, {"scale": 1.5}, {"columns": "3"}])
def test_sizes_are_whole_numbers(wrong, tmp_path):
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        plotting.image_grid(IMAGES, (0, 255), **wrong)
    if "scale" in wrong:
        with pytest.raises(ValueError, match="whole number, 1 or more"):
            plotting.write_gif(tmp_path / "a.gif", IMAGES, (0, 255), **wrong)


def test_clip_shows_what_is_outside():
    seen = pixels(plotting.image_grid(np.full((1, 28, 28), 7.0), (0, 1), clip=True))
    assert seen[30, 30] == 255


def test_titles_must_match():
    with pytest.raises(ValueError, match="7 images but 2 titles"):
        plotting.image_grid(IMAGES, (0, 255), titles=["a", "b"])
    assert len(plotting.image_grid(IMAGES, (0, 255), titles=range(7)).axes[0].texts) == 7


def test_paired_rows_keep_columns_together():
    figure = plotting.paired_rows({"original": IMAGES, "negative": 255 - IMAGES}, (0, 255))
    assert [text.get_text() for text in figure.axes[0].texts] == ["original", "negative"]
    sheet = figure.axes[0].images[0].get_array()
    top, left = plotting.GAP, sheet.shape[1] - (28 + plotting.GAP)
    last = sheet[top : top + 28, left : left + 28]
    below = sheet[top + 28 + plotting.GAP : top + 56 + plotting.GAP, left : left + 28]
    np.testing.assert_allclose(last + below, 1)
    with pytest.raises(ValueError, match="same shape"):
        plotting.paired_rows({"a": IMAGES, "b": IMAGES[:3]}, (0, 255))
    with pytest.raises(ValueError, match="no row"):
        plotting.paired_rows({}, (0, 255))


def test_history_curves():
    history = {"generator": [3, 2, 1], "discriminator": [1, np.nan, 3], "accuracy": [0.5, 0.6, 0.7]}
    figure = plotting.history_curves(
        history, {"loss": ["generator", "discriminator"], "share": ["accuracy"]}, value_ranges={"share": (0, 1)}
    )
    assert [len(axes.lines) for axes in figure.axes] == [2, 1]
    assert figure.axes[1].get_ylim() == (0, 1)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xydata(), [(1, 3), (2, 2), (3, 1)])
    for bad, message in (({}, "nothing to draw"), ({"a": [[1, 2]]}, "one row"), ({"a": [1], "b": [1, 2]}, "2 values")):
        with pytest.raises(ValueError, match=message):
            plotting.history_curves(bad, x=[5])
    with pytest.raises(ValueError, match="no gen. It has: generator"):
        plotting.history_curves(history, {"loss": ["gen"]})


@pytest.mark.parametrize("log", [(), ("loss",)])
def test_curves_can_be_seen(log):
    history = {"generator": np.logspace(0, -3, 50), "discriminator": np.logspace(-3, 0, 50)}
    figure = plotting.history_curves(history, {"loss": list(history)}, log=log)
    picture = iio.imread(figure._repr_png_())[..., :3].astype(int)
    axes = figure.axes[0]
    assert axes.get_yscale() == ("log" if log else "linear")
    for line in axes.lines:
        colour = np.round(255 * np.array(matplotlib.colors.to_rgb(line.get_color())))
        rows, columns = np.nonzero((abs(picture - colour) < 30).all(axis=-1))
        assert np.ptp(columns) > 200 and np.ptp(rows) > 100  # it goes through the whole panel
    low, high = axes.get_ylim()
    assert low < 1e-3 < 1 < high
    box = axes.get_legend().get_window_extent()
    assert box.y1 < axes.get_window_extent().y0  # the legend hides no curve


def test_grid_png():
    images = np.zeros((5, 4, 6))
    images[3] = 1
    png = plotting.grid_png(images, (0, 1), columns=3, scale=2)
    picture = iio.imread(png)
    assert picture.shape == (2 * (2 * 6 + 2), 2 * (3 * 8 + 2)) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[::2, ::2], picture[1::2, 1::2])
    small = picture[::2, ::2]
    assert (small[2:6, 2:8] == 0).all() and (small[8:12, 2:8] == 255).all() and (small[8:12, 18:24] == 255).all()
    assert plotting.grid_png(images * 7 - 3, (0, 1)) == plotting.grid_png(np.clip(images * 7 - 3, 0, 1), (0, 1))


def test_latent_scatter():
    codes, labels = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    figure = plotting.latent_scatter(codes, labels, ["a", "b", "c"], value_range=(-4, 4))
    assert sum(len(dots.get_offsets()) for dots in figure.axes[0].collections) == 30
    assert figure.axes[0].get_xlim() == (-4, 4)
    with pytest.raises(ValueError, match=r"shape \(30, 1\)"):
        plotting.latent_scatter(codes[:, :1], labels, ["a", "b", "c"])
    with pytest.raises(ValueError, match="from 0 to 1"):
        plotting.latent_scatter(codes, labels, ["a", "b"])
    with pytest.raises(ValueError, match="11 class names"):
        plotting.latent_scatter(codes, labels, list("abcdefghijk"))
    with pytest.raises(ValueError, match="finite"):
        plotting.latent_scatter(codes * np.nan, labels, ["a", "b", "c"])


def test_write_gif(tmp_path):
    path = plotting.write_gif(tmp_path / "new/steps.gif", IMAGES, (0, 255), frames_per_second=5, scale=3)
    frames = iio.imread(path)
    assert frames.shape[:3] == (7, 84, 84)
    np.testing.assert_allclose(frames[2][1::3, 1::3, 0], IMAGES[2], atol=2)
    assert iio.immeta(path)["duration"] == 200
    before = path.read_bytes()
    with pytest.raises(ValueError, match="frames_per_second is 0"):
        plotting.write_gif(path, IMAGES, (0, 255), frames_per_second=0)
    for greys in (1, 257):
        with pytest.raises(ValueError, match=f"greys is {greys}, but it must lie between 2 and 256"):
            plotting.write_gif(path, IMAGES, (0, 255), greys=greys)
    assert path.read_bytes() == before


def test_a_gif_with_few_greys_is_smaller(tmp_path):
    whole = plotting.write_gif(tmp_path / "whole.gif", IMAGES, (0, 255))
    few = plotting.write_gif(tmp_path / "few.gif", IMAGES, (0, 255), greys=5)
    shown = iio.imread(few)[..., 0].astype(int)
    assert set(np.unique(shown)) <= {0, 64, 128, 191, 255} and np.abs(shown[:, ::2, ::2] - IMAGES).max() <= 32
    assert few.stat().st_size < whole.stat().st_size


def test_figures_are_not_shown_twice():
    import matplotlib.pyplot as plt

    plotting.image_grid(IMAGES, (0, 255))
    assert not plt.get_fignums()  # pyplot does not know the figure, so a notebook shows it only as a cell's value


def test_pictures_of_curves_have_few_colours_and_grey_pictures_keep_theirs():
    png = plotting.history_curves({"a": [1, 2, 3], "b": [3, 1, 2]}, {"both": ["a", "b"]})._repr_png_()
    picture = iio.imread(io.BytesIO(png))[..., :3].astype(int)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= 64
    for colour in ((31, 119, 180), (255, 127, 14)):  # Matplotlib's first two
        assert np.abs(picture - colour).sum(axis=-1).min() < 20
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    drawn = iio.imread(io.BytesIO(plotting.image_grid(ramp, (0, 255))._repr_png_()))[..., 0]
    assert len(np.unique(drawn)) > 200


def test_coloured_sheets_keep_rare_colours():
    """A few yellow pixels among many greys and blues stay yellow, in a picture of at most 256 colours."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(60, 190, (20, 64, 64, 1)) + rng.integers(-15, 15, (20, 64, 64, 3))
    pictures[0, 20:24, 20:24] = (225, 180, 40)
    figure = plotting.image_grid(pictures.astype(np.uint8), (0, 255))
    shown = PIL.Image.open(io.BytesIO(figure._repr_png_()))
    assert shown.mode == "P" and len(shown.getcolors()) <= 256
    pixels = np.asarray(shown.convert("RGB")).astype(int)
    assert (np.abs(pixels - (225, 180, 40)).max(axis=-1) < 25).sum() >= 12
