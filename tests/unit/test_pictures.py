"""Any single picture, as a trained network wants it: each mistake, and what is said of it."""

import types

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.datasets import DataError
from helpers.pictures import open_picture


def network(height=32, width=32, channels=3):
    return types.SimpleNamespace(input_shape=(None, height, width, channels))


def drawing(size=(64, 64), mode="RGB", lines="black", ground="white"):
    """Return a picture of a thick cross, black on white."""
    picture = Image.new(mode, size, ground)
    pen = ImageDraw.Draw(picture)
    pen.line((8, 8, 55, 55), lines, 8)
    pen.line((8, 55, 55, 8), lines, 8)
    return picture


CROSS = np.asarray(drawing())
CLEAR = (0, 0, 0, 0)
EXPECTED = np.asarray(drawing().resize((32, 32))) / 127.5 - 1


def check(result, expected=EXPECTED):
    assert result.shape == (1, *expected.shape) and result.dtype == np.float32
    assert np.abs(result[0] - expected).max() < 0.02


def said(capsys):
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "array, seen",
    [
        (CROSS, " of 0 to 255, 64 x 64, RGB): "),
        (CROSS.astype(int), " of 0 to 255, 64 x 64, RGB): "),
        (CROSS.astype(np.float32), " of 0 to 255, 64 x 64, RGB): "),
        (CROSS.astype(np.uint16) * 257, " of 0 to 6.554e+04, "),
        (CROSS / 255, " of 0 to 1, 64 x 64, "),
        (CROSS // 255, " of 0 to 1, 64 x 64, "),
        (CROSS / 255 * 1.04 - 0.02, " of -0.02 to 1.02, "),  # resized elsewhere
        (CROSS > 127, " of 0 to 1, 64 x 64, "),
        ((CROSS / 127.5 - 1).astype(np.float16), " of -1 to 1, 64 x 64, "),
        (CROSS[np.newaxis], " 0 to 255, 64 x 64, RGB"),
        (CROSS[..., 0], " 0 to 255, 64 x 64, L"),
        (CROSS[..., :1], " 0 to 255, 64 x 64, L"),
        (CROSS[np.newaxis, ..., :1] / 255, "ndarray of 0 to 1, 64 x 64, L"),
        (np.asarray(drawing(mode="RGBA")), " 0 to 255, 64 x 64, RGBA"),
        (np.asarray(drawing(mode="LA", lines=(0, 255), ground=(255, 255))), "64 x 64, LA"),
        (CROSS[..., 0].tolist(), "list of 0 to 255, 64 x 64, L"),
        (keras.ops.convert_to_tensor(CROSS), " of 0 to 255, 64 x 64, RGB): "),
    ],
)
def test_arrays_of_each_kind_become_the_same(array, seen, capsys):
    check(open_picture(array, network()))
    printed = said(capsys)
    assert seen in printed and "resized to 32 x 32" in printed
    assert printed.endswith("Now (1, 32, 32, 3), values -1.00 to 1.00.\n") and "dark" not in printed


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_pictures_of_each_mode_become_the_same(mode, capsys):
    picture = drawing().convert("L").convert(mode) if mode != "CMYK" else drawing().convert(mode)
    if mode == "I;16":
        picture = Image.fromarray(CROSS[..., 0].astype(np.uint16) * 257)
    check(open_picture(picture, network()))
    assert f"(Image, 64 x 64, {mode}): " in said(capsys)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif"])
def test_files_of_each_format_are_opened(tmp_path, ending, capsys):
    drawing().save(tmp_path / f"mine.{ending}", **{"quality": 95} if ending == "jpg" else {})
    result = open_picture(tmp_path / f"mine.{ending}", network())
    assert np.abs(result[0] - EXPECTED).max() < 0.2
    assert f"Picture (mine.{ending}, 64 x 64," in said(capsys)


def test_a_relative_path_starts_at_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_picture("data/embedded_digits.png", network()).shape == (1, 32, 32, 3)


def test_what_is_transparent_becomes_white(capsys):
    check(open_picture(drawing(mode="RGBA", ground=CLEAR), network()))
    assert "made white where it was transparent" in said(capsys)
    array = np.asarray(drawing(mode="RGBA", ground=CLEAR)) / 255
    check(open_picture(array, network()))
    assert said(capsys).count("made white where it was transparent") == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_those_of_the_network(channels, capsys):
    result = open_picture(drawing(lines="red"), network(channels=channels))
    assert result.shape == (1, 32, 32, channels)
    assert ("made grey" in said(capsys)) == (channels == 1)
    red = result[0, 16, 16]
    assert np.allclose(red, [1, -1, -1] if channels == 3 else [-0.4], atol=0.02)
    open_picture(drawing(mode="L"), network(channels=channels))
    assert "made grey" not in said(capsys)


def test_size_and_channels_are_taken_from_a_real_network(capsys):
    inputs = keras.Input((16, 16, 1))
    generator = keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same")(inputs))
    result = open_picture(drawing((300, 200)), generator)
    assert result.shape == (1, 16, 16, 1) and generator(result).shape == (1, 16, 16, 3)


def test_another_proportion_is_kept_on_white(capsys):
    wide = np.full((20, 40, 3), 100, np.uint8)
    result = open_picture(wide, network())
    assert (result[0, :8] == 1).all() and (result[0, 24:] == 1).all()
    assert np.allclose(result[0, 8:24], 100 / 127.5 - 1)
    assert "resized to 32 x 32, padded with white. Now" in said(capsys)
    assert open_picture(wide, network(height=10, width=20)).shape == (1, 10, 20, 3)
    assert "padded" not in said(capsys)


def test_small_pictures_are_enlarged_and_fitting_ones_stay(capsys):
    result = open_picture(drawing().resize((8, 8)), network())
    assert result.shape == (1, 32, 32, 3) and len(np.unique(result)) > 20  # smooth, no blocks
    array = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(open_picture(array, network())[0], np.float32(array) / 127.5 - 1)
    assert open_picture(Image.fromarray(array), network()).any()
    assert "RGB): nothing to do. Now" in said(capsys)


@pytest.mark.parametrize(
    "picture",
    [
        drawing(lines="white", ground="black"),
        drawing(mode="L", lines="white", ground="black"),
        drawing(mode="RGBA", lines="white", ground=CLEAR),
        drawing(mode="RGBA", lines="white", ground="black"),
        1 - CROSS / 255,
        CROSS < 127,  # as from skimage's canny
    ],
)
def test_white_lines_are_told_and_inverted_if_asked(picture, capsys):
    open_picture(picture, network())
    assert "dark or empty: for dark lines on white, give invert=True." in said(capsys)
    check(open_picture(picture, network(), invert=True))
    printed = said(capsys)
    assert "inverted" in printed and "dark" not in printed


def test_what_was_inverted_by_mistake_is_told(capsys):
    open_picture(drawing(), network(), invert=True)
    assert "dark or empty: for dark lines on white, give invert=False." in said(capsys)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photo_is_turned_as_its_camera_says(tmp_path, orientation, capsys):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = np.full((64, 64, 3), 255, np.uint8)
    rows, columns = slice(None, 16), slice(None, 32)  # upright: dark on top, at the left
    undo = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: np.rot90,
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    picture[rows, columns] = 0
    Image.fromarray(np.ascontiguousarray(undo(picture))).save(tmp_path / "a.png", exif=exif)
    result = open_picture(tmp_path / "a.png", network())
    dark = np.zeros((32, 32, 3), bool)
    dark[:8, :16] = True
    assert ((result[0] < 0) == dark).all() and "turned upright" in said(capsys)


@pytest.mark.parametrize(
    "array, seen",
    [
        (CROSS * 2.0 - 255, "values are -255 to 255, none of 0..1, -1..1 and 0..255"),
        (CROSS * 1000.0, "values are 0 to 2.55e"),
        (CROSS / 85 - 2, "values are -2 to 1,"),
        (np.full((8, 8), np.nan), "values are nan"),
        (CROSS[np.newaxis].repeat(5, 0), r"shape is \(5, 64, 64, 3\). Needed is one picture"),
        (np.zeros((8, 8, 5)), r"shape is \(8, 8, 5\)"),
        (np.zeros(8), r"shape is \(8,\)"),
        (np.moveaxis(CROSS, 2, 0), r"shape is \(3, 64, 64\)"),
    ],
)
def test_arrays_that_are_no_picture_are_told(array, seen):
    with pytest.raises(ValueError, match=seen):
        open_picture(array, network())


@pytest.mark.parametrize(
    "shape", [(None, 100), (None, 32, 32, 6), (None, None, None, 3), [(None, 8, 8, 3)] * 2]
)
def test_networks_that_take_no_picture_are_told(shape):
    with pytest.raises(ValueError, match=r"network takes .*Needed is \(None, height, width"):
        open_picture(drawing(), types.SimpleNamespace(input_shape=shape))


def test_files_that_are_no_picture_are_told(tmp_path):
    with pytest.raises(DataError, match=r"nothing.png' cannot be read: .*No such file .*nothing"):
        open_picture(tmp_path / "nothing.png", network())
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(
        DataError, match=r"phone.heic' cannot be read: .*Save it again, as PNG, JPEG"
    ):
        open_picture(tmp_path / "phone.heic", network())
    drawing().save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:100])
    with pytest.raises(DataError, match="cut.png' cannot be read"):
        open_picture(tmp_path / "cut.png", network())
