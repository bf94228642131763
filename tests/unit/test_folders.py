"""Folders of the reader's own pairs: each layout, and each mistake, with a small folder."""

import unicodedata

import numpy as np
import pytest
from PIL import Image
from skimage import color, data, feature

from helpers import course
from helpers.datasets import DataError
from helpers.pairs import load_pairs

RNG = np.random.default_rng(0)
INPUT, TARGET = 80, 200  # values of the first and of the second picture, with a little noise


def write(path, *values, width=16, height=16, **options):
    """Write pictures of these values side by side; noise makes each file unlike the others."""
    panels = [RNG.integers(v, v + 20, (height, width, 3), dtype=np.uint8) for v in values]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(panels, axis=1)).save(path, **options)


def write_pair(path, *size, **options):
    write(path, INPUT, TARGET, **dict(zip(("width", "height"), size)), **options)


def write_sides(folder, first, second, names, ending="png"):
    """Write pairs into two folders, each pair three lighter than the one before."""
    for number, name in enumerate(names):
        write(folder / first / f"{name}.png", INPUT + 3 * number)
        write(folder / second / f"{name}.{ending}", TARGET + 3 * number)


def are_pairs(pairs):
    """Tell whether all inputs are first pictures, and all targets the second ones of the same."""
    inputs = np.concatenate([pairs.train_inputs, pairs.test_inputs]).mean(axis=(1, 2, 3))
    targets = np.concatenate([pairs.train_targets, pairs.test_targets]).mean(axis=(1, 2, 3))
    return (np.abs(targets - inputs - (TARGET - INPUT)) < 1.5).all()


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        write_pair(tmp_path / "mine" / f"{number:02}.png")
    return tmp_path / "mine"


def test_loose_files_are_split_the_same_way_each_time(folder, capsys):
    pairs, again = load_pairs(folder, 16), load_pairs(str(folder), 16)
    assert pairs.name == "mine" and pairs.source == course.sources["mine"] == "folder"
    assert pairs.train_inputs.shape == (10, 16, 16, 3) and len(pairs.test_inputs) == 2
    assert np.array_equal(pairs.test_inputs, again.test_inputs) and are_pairs(pairs)
    turned = load_pairs(folder, 16, order="target-input")
    assert np.array_equal(turned.train_inputs, pairs.train_targets)
    assert np.array_equal(turned.test_targets, pairs.test_inputs)
    printed = capsys.readouterr().out
    assert "Each tenth pair is kept for the test: 2." in printed
    cut = "Each file of 32 x 16 is cut into two halves of 16 x 16"
    assert f"{cut} (input left, target right): 10." in printed
    assert f"{cut} (target left, input right): 10." in printed


@pytest.mark.parametrize(
    "train, test",
    [("train", "test"), ("Train", "Test"), ("training", "validation"), ("TRAIN", "val")],
)
def test_parts_are_found_under_their_usual_names(tmp_path, capsys, train, test):
    for part, names in ((train, ("1.png", "2.png", "2.bmp")), (test, ("1.png", "2.PNG"))):
        for name in names:
            write_pair(tmp_path / part / name, 32, 32)
    pairs = load_pairs(tmp_path, 16)
    assert (len(pairs.train_inputs), len(pairs.test_inputs)) == (3, 2) and are_pairs(pairs)
    assert "Not read" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "first, second",
    [
        ("A", "B"),
        ("a", "b"),
        ("input", "target"),
        ("Inputs", "Targets"),
        ("input", "output"),
        ("labels", "images"),
        ("masks", "photos"),
        ("trainA", "trainB"),
        ("train_A", "train_B"),
        ("A/train", "B/train"),
        ("train/labels", "train/images"),
    ],
)
def test_two_folders_of_single_pictures_are_joined_by_name(tmp_path, capsys, first, second):
    write_sides(tmp_path, first, second, "gfedcba", ending="jpg")
    pairs = load_pairs(tmp_path, 16)
    assert (len(pairs.train_inputs), len(pairs.test_inputs)) == (6, 1) and are_pairs(pairs)
    printed = capsys.readouterr().out
    assert f"Joined by name: inputs as {first}/b.png and targets as {second}/b.jpg." in printed
    assert "cut into two halves" not in printed and "WARNING" not in printed
    turned = load_pairs(tmp_path, 16, order="target-input")
    assert np.array_equal(turned.train_targets, pairs.train_inputs)
    assert f"name: targets as {first}/b.png and inputs as" in capsys.readouterr().out


@pytest.mark.parametrize("layout", ["{part}{side}", "{part}/{side}", "{side}/{part}"])
def test_parts_of_two_folders_are_found_in_three_layouts(tmp_path, layout):
    for part, names in (("train", "abc"), ("test", "de"), ("val", "f")):
        sides = [layout.format(part=part, side=side) for side in "AB"]
        write_sides(tmp_path, *sides, names)
    pairs = load_pairs(tmp_path, 16)
    assert (len(pairs.train_inputs), len(pairs.test_inputs)) == (3, 2) and are_pairs(pairs)


def test_the_tools_of_pix2pix_leave_three_folders_of_which_two_are_read(tmp_path, capsys):
    write_sides(tmp_path, "A/train", "B/train", "abc")
    write_pair(tmp_path / "AB" / "train" / "a.png")
    assert are_pairs(load_pairs(tmp_path, 16))
    assert (
        "Not read in 'AB/train', for they belong to no pair: 1 (a.png)." in capsys.readouterr().out
    )


def test_files_without_a_partner_are_counted_and_named(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", "abc")
    write(tmp_path / "A" / "lonely.png", INPUT)
    write(tmp_path / "B" / "a.jpg", TARGET)  # a second a
    assert len(load_pairs(tmp_path, 16).train_inputs) == 2
    printed = capsys.readouterr().out
    assert "Not read in 'A', for they belong to no pair: 1 (lonely.png)." in printed
    assert "Not read in 'B', for they belong to no pair: 1 (a." in printed


def test_names_that_do_not_fit_are_told(tmp_path):
    for number in (1, 2):
        write(tmp_path / "A" / f"drawing{number}.png", INPUT)
        write(tmp_path / "B" / f"photo{number + 2}.png", TARGET)
    with pytest.raises(DataError, match=r"A/drawing1.png.*B/photo3.png.*the same name"):
        load_pairs(tmp_path, 16)
    for name in ("A/sketch.png", "B/photo.png"):
        write(tmp_path / "single" / name, INPUT)
    with pytest.raises(DataError, match=r"No names fit: 1 \(A/sketch.png\) with 1 \(B/photo.png\)"):
        load_pairs(tmp_path / "single", 16)
    write_sides(tmp_path / "classes", "A", "B/cats", "ab")
    with pytest.raises(DataError, match="Too few pairs in .*: 0 for training, 0 for the test"):
        load_pairs(tmp_path / "classes", 16)


def test_names_from_a_mac_are_the_same_names(tmp_path):
    for name in ("사과", "café", "Zoë"):
        write(tmp_path / "A" / f"{unicodedata.normalize('NFD', name)}.png", INPUT)
        write(tmp_path / "B" / f"{unicodedata.normalize('NFC', name).lower()}.PNG", TARGET)
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) == 2 and are_pairs(pairs)


def test_more_than_two_sides_are_not_guessed(tmp_path):
    write_sides(tmp_path, "labels", "images", "abc")
    write(tmp_path / "masks" / "a.png", INPUT)
    with pytest.raises(
        DataError, match=r"Which two folders hold the pairs: image or label or mask\?"
    ):
        load_pairs(tmp_path, 16)


@pytest.mark.parametrize("width, height", [(60, 48), (64, 48), (48, 32), (64, 36), (96, 32)])
def test_files_that_may_be_no_pairs_are_read_with_a_warning(tmp_path, capsys, width, height):
    for number in range(12):
        write_pair(tmp_path / f"{number}.png", width // 2, height)
    assert len(load_pairs(tmp_path, 16).train_inputs) == 10
    printed = capsys.readouterr().out
    cut = f"Each file of {width} x {height} is cut into two halves of {width // 2} x {height}"
    warning = "WARNING: Single photos, or three pictures side by side, have this proportion. Put"
    assert cut in printed and warning in printed


def test_pairs_that_are_square_photos_upright_photos_or_wide_give_no_warning(tmp_path, capsys):
    for number, (width, height) in enumerate([(32, 32), (27, 48), (64, 36), (64, 48), (32, 16)]):
        write_pair(tmp_path / f"{number}.png", width, height)
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) + len(pairs.test_inputs) == 5 and are_pairs(pairs)
    printed = capsys.readouterr().out
    assert "WARNING" not in printed and printed.count("cut into") == 5


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_photos_are_turned_as_their_camera_says(tmp_path, orientation):
    undo = {3: 180, 6: 90, 8: 270}[orientation]  # degrees against the clock
    for number in range(3):
        write_pair(tmp_path / f"{number}.png")
        lying = Image.open(tmp_path / f"{number}.png").rotate(undo, expand=True)
        exif = Image.Exif()
        exif[0x0112] = orientation
        lying.save(tmp_path / f"{number}.jpg", exif=exif)
        (tmp_path / f"{number}.png").unlink()
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) == 2 and are_pairs(pairs)


def test_copies_between_training_and_test_are_counted(tmp_path, capsys):
    for number in range(4):
        write_pair(tmp_path / "train" / f"{number}.png")
        write_pair(tmp_path / "test" / f"{number}.png")
    load_pairs(tmp_path, 16)
    assert "training part, too" not in capsys.readouterr().out
    (tmp_path / "test" / "copy.png").write_bytes((tmp_path / "train" / "2.png").read_bytes())
    mixed = Image.open(tmp_path / "test" / "1.png")
    mixed.paste(Image.open(tmp_path / "train" / "3.png").crop((0, 0, 16, 16)))
    mixed.save(tmp_path / "test" / "same input.png")
    load_pairs(tmp_path, 16)
    printed = capsys.readouterr().out
    assert "WARNING: 2 inputs of the test are in the training part, too. Leave" in printed
    assert "WARNING: 1 targets of the test are in the training part, too. Leave" in printed


def test_subfolders_that_are_not_read_are_named(tmp_path, capsys):
    for name in ("train/0", "train/1", "train/extra/2", "test/0", "val/0", "raw/deep/0", ".git/0"):
        write_pair(tmp_path / f"{name}.png")
    load_pairs(tmp_path, 16)
    printed = capsys.readouterr().out
    for name in ("raw/deep", "train/extra", "val"):
        assert f"Not read in '{name}', for they belong to no pair: 1 (" in printed
    assert printed.count("Not read") == 3
    write_sides(tmp_path / "cities", "A/train", "B/train", "ab")
    write(tmp_path / "cities/A/train/aachen/c.png", INPUT)
    load_pairs(tmp_path / "cities", 16)
    assert "Not read in 'A/train/aachen'" in capsys.readouterr().out


def test_a_folder_for_each_class_is_told(tmp_path, capsys):
    for name in ("shoes", "bags"):
        write_pair(tmp_path / "train" / name / "0.png")
    with pytest.raises(DataError, match="Too few pairs.*: 0 for training"):
        load_pairs(tmp_path, 16)
    printed = capsys.readouterr().out
    assert "Not read in 'train/bags'" in printed and "Not read in 'train/shoes'" in printed


@pytest.mark.parametrize("name", ["labels", "Masks"])
def test_label_maps_get_no_new_colours(tmp_path, name):
    maps = np.zeros((90, 90), np.uint8)
    maps[20:71, 13:47], maps[40:, 60:] = 1, 2
    colours = np.array([(128, 64, 128), (0, 0, 142), (70, 130, 180)], np.uint8)
    photo = RNG.integers(0, 255, (90, 90, 3), dtype=np.uint8)
    known = {tuple(colour) for colour in colours}
    colours_of = lambda images: {tuple(pixel) for pixel in images.reshape(-1, 3)}
    for side in (name, "images"):
        (tmp_path / side).mkdir()
    for number in range(2):
        palette = Image.fromarray(np.roll(maps, number))
        palette.putpalette(colours.tobytes())
        assert palette.mode == "P"
        palette.save(tmp_path / name / f"{number}.png")
        Image.fromarray(photo).save(tmp_path / "images" / f"{number}.png")
    pairs = load_pairs(tmp_path, 32)
    assert colours_of(pairs.train_inputs) == colours_of(pairs.test_inputs) == known
    assert len(colours_of(pairs.train_targets)) > 900  # smooth


def test_a_large_folder_shows_its_progress(tmp_path, capfd):
    write_pair(tmp_path / "test" / "0.png")
    for number in range(201):
        write_pair(tmp_path / f"{number}.png")
    load_pairs(tmp_path, 8)
    captured = capfd.readouterr()
    assert "201/201" in captured.out and "1/1" not in captured.out and captured.err == ""
    (tmp_path / "0.png").unlink()
    load_pairs(tmp_path, 8)
    assert "/200" not in capfd.readouterr().out


def test_files_that_are_no_pairs_are_left_out_and_named(folder, capsys):
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:80])
    (folder / "no picture.jpg").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    write(folder / "single.png", INPUT)
    write(folder / "odd.png", INPUT, width=33)
    (folder / ".hidden.png").write_bytes(b"")
    pairs = load_pairs(folder, 16)
    assert len(pairs.train_inputs) + len(pairs.test_inputs) == 12 and are_pairs(pairs)
    printed = capsys.readouterr().out
    assert ".hidden" not in printed
    assert "Not read in '.', for they belong to no pair: 1 (notes.txt)." in printed
    assert "Pairs that cannot be read, left out: 4\n" in printed
    for name, reason in (
        ("broken.png", "'mine/broken.png' cannot be read: image file is truncated"),
        ("no picture.jpg", "'mine/no picture.jpg' cannot be read: cannot identify image file"),
        ("odd.png", "33 x 16 pixels are not two pictures side by side"),
        ("single.png", "16 x 16 pixels are not two pictures side by side"),
    ):
        assert f"\n  {name}: {reason}" in printed


def test_a_pair_of_which_one_file_is_damaged_is_left_out(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", "abcd")
    (tmp_path / "B" / "b.png").write_bytes((tmp_path / "B" / "b.png").read_bytes()[:80])
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) == 2 and are_pairs(pairs)
    seen = "left out: 1\n  A/b.png: 'B/b.png' cannot be read: image file is truncated"
    assert seen in capsys.readouterr().out


def test_transparent_grey_deep_and_printed_pictures_are_read(tmp_path):
    Image.new("RGBA", (32, 16), (0, 0, 0, 0)).save(tmp_path / "0.png")
    Image.fromarray(np.full((16, 32), 257 * 100, np.uint16)).save(tmp_path / "1.png")
    Image.new("L", (32, 16), 50).save(tmp_path / "2.png")
    Image.new("LA", (32, 16), (0, 128)).save(tmp_path / "3.png")
    Image.new("CMYK", (32, 16), (0, 0, 0, 55)).save(tmp_path / "4.jpg", quality=100)
    palette = Image.new("P", (32, 16), 1)
    palette.putpalette([0, 0, 0, 7, 7, 7])
    palette.save(tmp_path / "5.gif")
    pairs = load_pairs(tmp_path, 16)
    values = sorted(np.concatenate([pairs.train_inputs, pairs.test_inputs]).mean(axis=(1, 2, 3)))
    assert values == [7, 50, 100, 127, 200, 255]  # what is transparent becomes white


def test_a_folder_without_pairs_and_no_folder_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere' is no folder.*openmoji"):
        load_pairs(tmp_path / "nowhere", 16)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"Too few pairs.*two pictures side by side.*'trainA'"):
        load_pairs(tmp_path / "empty", 16)
    write_pair(tmp_path / "alone" / "test" / "0.png")
    write_pair(tmp_path / "alone" / "test" / "1.png")
    with pytest.raises(DataError, match=r"Too few pairs .*: 0 for training, 2 for"):
        load_pairs(tmp_path / "alone", 16)


def photographs():
    """Yield square pieces of real photographs, (64, 64, 3)."""
    for photo in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
        for top in range(0, photo.shape[0] - 63, 64):
            for left in range(0, photo.shape[1] - 63, 64):
                yield photo[top : top + 64, left : left + 64]


@pytest.mark.parametrize("layout", ["side by side", "two folders"])
def test_a_folder_cut_from_real_photographs(tmp_path, capsys, layout):
    """From edges to colour, as a folder of streets and their maps would be read."""
    pieces = list(photographs())
    for number, piece in enumerate(pieces):
        lines = np.uint8(255 * ~feature.canny(color.rgb2gray(piece), 2))
        lines = np.repeat(lines[..., np.newaxis], 3, axis=-1)
        part = "test" if number % 5 == 0 else "train"
        sides = {f"{part}A": lines, f"{part}B": piece}
        if layout == "side by side":
            sides = {part: np.concatenate([lines, piece], axis=1)}
        for place, pixels in sides.items():
            (tmp_path / place).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / place / f"{number:03}.png")
    pairs = load_pairs(tmp_path, 64)
    tests = pieces[::5]
    assert len(pairs.train_inputs) == len(pieces) - len(tests) and len(pieces) > 150
    assert np.array_equal(pairs.test_targets, tests)
    assert set(np.unique(pairs.test_inputs)) == {0, 255}
    grey = color.rgb2gray(pairs.train_targets)
    slopes = np.abs(np.gradient(grey, axis=(1, 2))).sum(axis=0)
    dark = pairs.train_inputs[..., 0] == 0
    assert slopes[dark].mean() > 2 * slopes[~dark].mean()  # the lines lie on the changes
    assert "left out" not in capsys.readouterr().out
