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
    assert pairs.train_inputs.shape == (11, 16, 16, 3) and len(pairs.test_inputs) == 1
    assert np.array_equal(pairs.test_inputs, again.test_inputs) and are_pairs(pairs)
    turned = load_pairs(folder, 16, order="target-input")
    assert np.array_equal(turned.train_inputs, pairs.train_targets)
    assert np.array_equal(turned.test_targets, pairs.test_inputs)
    printed = capsys.readouterr().out
    assert "Kept for the test: 1 of 12 pairs." in printed
    cut = "Each file of 32 x 16 is cut into two halves of 16 x 16"
    assert f"{cut} (input left, target right): 12." in printed
    assert f"{cut} (target left, input right): 12." in printed


@pytest.mark.parametrize(
    "train, test",
    [("train", "test"), ("Train", "Test"), ("training", "validation"), ("TRAIN", "val")],
)
def test_parts_are_found_under_their_usual_names(tmp_path, capsys, train, test):
    for part, count in ((train, 3), (test, 2)):
        for number in range(count):
            write_pair(tmp_path / part / f"{number}.png", 32, 32)
    pairs = load_pairs(tmp_path, 16)
    assert (len(pairs.train_inputs), len(pairs.test_inputs)) == (3, 2) and are_pairs(pairs)
    assert "not read" not in capsys.readouterr().out


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
    assert f"Joined by name: inputs of '{first}' and targets of '{second}'" in printed
    assert "cut into two halves" not in printed and "WARNING" not in printed
    turned = load_pairs(tmp_path, 16, order="target-input")
    assert np.array_equal(turned.train_targets, pairs.train_inputs)
    assert f"targets of '{first}' and inputs of '{second}'" in capsys.readouterr().out


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
    assert "Folders that are not read: 1 (AB)." in capsys.readouterr().out


def test_files_without_a_partner_are_counted_and_named(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", "abc")
    write(tmp_path / "A" / "lonely.png", INPUT)
    write(tmp_path / "B" / "a.jpg", TARGET)  # a second a
    assert len(load_pairs(tmp_path, 16).train_inputs) == 2
    printed = capsys.readouterr().out
    assert "Files without a partner, left out: 2 (A/lonely.png, B/a." in printed


def test_names_like_those_of_cityscapes_are_joined_by_what_differs(tmp_path, capsys):
    for scene in ("aachen_000000_000019", "aachen_000001_000019", "bochum_000000_000313"):
        write(tmp_path / "labels" / f"{scene}_gtFine_color.png", INPUT)
        write(tmp_path / "images" / f"{scene}_leftImg8bit.png", TARGET)
    assert are_pairs(load_pairs(tmp_path, 16))
    shown = "aachen_000000_000019_gtFine_color.png and images/aachen_000000_000019_leftImg8bit.png"
    assert f"as labels/{shown}." in capsys.readouterr().out
    (tmp_path / "labels" / "bochum_000000_000313_gtFine_color.png").unlink()  # one town is left
    assert are_pairs(load_pairs(tmp_path, 16))
    assert "left out: 1 (images/bochum_000000_000313_left" in capsys.readouterr().out


def test_numbers_in_names_are_not_taken_away(tmp_path):
    for number in range(3):
        write(tmp_path / "A" / f"day2024_{number}.png", INPUT + 3 * number)
        write(tmp_path / "B" / f"day2025_{number}.png", TARGET + 3 * number)
    with pytest.raises(DataError, match="No file name of .* fits"):
        load_pairs(tmp_path, 16)
    for number in range(3):
        (tmp_path / "B" / f"day2025_{number}.png").rename(
            tmp_path / "B" / f"night2024_{number}.png"
        )
    assert are_pairs(load_pairs(tmp_path, 16))


def test_equal_names_fit_whatever_their_words_are(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", ("a_1", "a1", "A 1 (copy)", "!"))
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) == 3 and are_pairs(pairs)
    assert "without a partner" not in capsys.readouterr().out


def test_names_that_do_not_fit_are_told(tmp_path):
    for number in (1, 2):
        write(tmp_path / "A" / f"drawing{number}.png", INPUT)
        write(tmp_path / "B" / f"photo{number + 2}.png", TARGET)
    with pytest.raises(DataError, match=r"A/drawing1.png.*B/photo3.png.*the same name"):
        load_pairs(tmp_path, 16)
    for name in ("A/sketch.png", "B/photo.png"):
        write(tmp_path / "single" / name, INPUT)
    with pytest.raises(DataError, match=r"fits: 1 \(A/sketch.png\) with 1 \(B/photo.png\)"):
        load_pairs(tmp_path / "single", 16)
    write_sides(tmp_path / "classes", "A", "B/cats", "ab")
    with pytest.raises(DataError, match=r"fits: 2 \(A/a.png, A/b.png\) with 0 \(\)"):
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
    with pytest.raises(DataError, match=r"Which two folders .* 3 \(images, labels, masks\)\?"):
        load_pairs(tmp_path, 16)


@pytest.mark.parametrize(
    "width, height, seen",
    [
        (64, 48, "4:3, like a single photo"),
        (48, 32, "3:2, like a single photo"),
        (64, 36, "16:9, like a single photo"),
        (96, 32, "3:1, like three pictures side by side"),
    ],
)
def test_files_that_may_be_no_pairs_are_read_with_a_warning(tmp_path, capsys, width, height, seen):
    for number in range(12):
        write_pair(tmp_path / f"{number}.png", width // 2, height)
    assert len(load_pairs(tmp_path, 16).train_inputs) == 11
    printed = capsys.readouterr().out
    cut = f"Each file of {width} x {height} is cut into two halves of {width // 2} x {height}"
    warning = f"WARNING: files of the proportion {seen}: 12. If they hold no pairs, put inputs"
    assert cut in printed and warning in printed


def test_pairs_that_are_square_photos_upright_photos_or_wide_give_no_warning(tmp_path, capsys):
    for number, (width, height) in enumerate([(32, 32), (27, 48), (64, 36), (64, 48), (32, 16)]):
        write_pair(tmp_path / f"{number}.png", width, height)
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) + len(pairs.test_inputs) == 5 and are_pairs(pairs)
    printed = capsys.readouterr().out
    assert "WARNING" not in printed and printed.count("cut into") == 3
    assert "The others have 2 more sizes." in printed


def test_two_folders_of_two_proportions_are_read_with_a_warning(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", "abc")
    write(tmp_path / "B" / "a.png", TARGET, width=24)
    assert are_pairs(load_pairs(tmp_path, 16))
    printed = capsys.readouterr().out
    assert "Pairs of 16 x 16 (input) and 24 x 16 (target): 1." in printed
    assert "WARNING: pairs of two proportions: 1." in printed


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
    assert "inputs that are in the training part, too: 2 (test/copy.png, test/same inp" in printed
    assert "targets that are in the training part, too: 1 (test/copy.png)" in printed


def test_subfolders_that_are_not_read_are_named(tmp_path, capsys):
    for name in ("train/0", "train/1", "train/extra/2", "test/0", "val/0", "raw/deep/0", ".git/0"):
        write_pair(tmp_path / f"{name}.png")
    load_pairs(tmp_path, 16)
    assert "not read: 3 (raw, train/extra, val). Subf" in capsys.readouterr().out
    write_sides(tmp_path / "cities", "A/train", "B/train", "ab")
    write(tmp_path / "cities/A/train/aachen/c.png", INPUT)
    load_pairs(tmp_path / "cities", 16)
    assert "not read: 1 (A/train/aachen)" in capsys.readouterr().out


def test_a_folder_for_each_class_is_told(tmp_path, capsys):
    for name in ("shoes", "bags"):
        write_pair(tmp_path / "train" / name / "0.png")
    with pytest.raises(DataError, match=r"Too few pairs.*Its folders: \['train'\]"):
        load_pairs(tmp_path, 16)
    assert "not read: 1 (train). Subfolders are not looked into." in capsys.readouterr().out


def test_label_maps_get_no_new_colours(tmp_path, capsys):
    maps = np.zeros((90, 90), np.uint8)
    maps[20:71, 13:47], maps[40:, 60:] = 1, 2
    colours = np.array([(128, 64, 128), (0, 0, 142), (70, 130, 180)], np.uint8)
    photo = RNG.integers(0, 255, (90, 90, 3), dtype=np.uint8)
    known = {tuple(colour) for colour in colours}
    colours_of = lambda images: {tuple(pixel) for pixel in images.reshape(-1, 3)}
    for name in ("side/0", "side/1", "two/labels/0", "two/labels/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "two" / "images").mkdir()
    for number in range(2):
        palette = Image.fromarray(np.roll(maps, number))
        palette.putpalette(colours.tobytes())
        assert palette.mode == "P"
        palette.save(tmp_path / "two" / "labels" / f"{number}.png")
        Image.fromarray(photo).save(tmp_path / "two" / "images" / f"{number}.png")
        sheet = np.concatenate([photo, colours[np.roll(maps, number)]], axis=1)
        Image.fromarray(sheet).save(tmp_path / "side" / f"{number}.png")
    pairs = load_pairs(tmp_path / "two", 32)
    assert colours_of(pairs.train_inputs) == colours_of(pairs.test_inputs) == known
    assert "resized by the nearest pixel: 1 (labels)" in capsys.readouterr().out
    smooth = load_pairs(tmp_path / "side", 32)
    exact = load_pairs(tmp_path / "side", 32, label_maps="targets")
    assert colours_of(exact.train_targets) == known < colours_of(smooth.train_targets)
    assert np.array_equal(exact.train_inputs, smooth.train_inputs)
    turned = load_pairs(tmp_path / "side", 32, "target-input", label_maps="inputs")
    assert np.array_equal(turned.train_inputs, exact.train_targets)


def test_numbers_of_classes_are_told(tmp_path, capsys):
    for number in range(3):
        write(tmp_path / "labels" / f"{number}.png", 0)
        write(tmp_path / "images" / f"{number}.png", TARGET)
    load_pairs(tmp_path, 16)
    seen = (
        "WARNING: all inputs are nearly black (largest value 19). If these are numbers of classes"
    )
    assert seen in capsys.readouterr().out


def test_a_large_folder_shows_its_progress(tmp_path, capfd):
    for number in range(201):
        write_pair(tmp_path / f"{number}.png")
    load_pairs(tmp_path, 8)
    captured = capfd.readouterr()
    assert "201/201" in captured.out and captured.err == ""
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
    assert len(load_pairs(folder, 16).train_inputs) == 11
    printed = capsys.readouterr().out
    assert "left out: 4" in printed and ".hidden" not in printed and str(folder) not in printed
    assert "Files that are no pictures: 1 (notes.txt)." in printed
    for name in (
        "broken.png: image",
        "no picture.jpg: cannot identify image file 'no p",
        "odd.png: 33 x 16 pixels are not",
    ):
        assert f"\n  {name}" in printed
    assert "single.png: 16 x 16 pixels are not two pictures side by side" in printed


def test_a_pair_of_which_one_file_is_damaged_is_left_out(tmp_path, capsys):
    write_sides(tmp_path, "A", "B", "abcd")
    (tmp_path / "B" / "b.png").write_bytes((tmp_path / "B" / "b.png").read_bytes()[:80])
    pairs = load_pairs(tmp_path, 16)
    assert len(pairs.train_inputs) == 2 and are_pairs(pairs)
    assert "left out: 1\n  B/b.png: image file is truncated" in capsys.readouterr().out


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
    with pytest.raises(DataError, match=r"Too few pairs .*Its folders: \['test'\]"):
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
