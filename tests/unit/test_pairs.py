import gzip
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import numpy as np
import PIL.Image
import psutil
import pytest

from helpers import datasets, pairs
from helpers.paths import ROOT
from tools import make_pairs, sketches, streets
from tools.atelier import DESIGNS

RNG = np.random.default_rng(0)


def write_pair(path, width=48, height=24, mode="RGB", left=10, right=200):
    """Write a picture whose left half is dark and whose right half is light, with a mark at the top of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), left, np.uint8)
    pixels[:, width // 2 :] = right
    pixels[: height // 2, :, 0] += 30
    PIL.Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        write_pair(tmp_path / f"mine/{number:03d}.png")
    return tmp_path / "mine"


# ---------------------------------------------------------------- folders


def test_a_folder_of_pairs(folder, capsys):
    data = datasets.pairs(folder, 24)
    assert data.train_inputs.shape == (18, 24, 24, 3) and data.test_targets.shape == (2, 24, 24, 3) and data.val_inputs.shape == (0, 24, 24, 3)
    assert {array.dtype for array in (data.train_inputs, data.train_targets, data.test_inputs, data.val_targets)} == {np.dtype("uint8")}
    assert data.train_inputs[0, 20, 3].tolist() == [10, 10, 10] and data.train_targets[0, 3, 20].tolist() == [230, 200, 200]
    printed = capsys.readouterr().out
    assert "2 of its 20 pairs (10%) are kept for the test" in printed and "mine (source: folder): 18 train + 2 test pairs, 24 x 24 pixels." in printed


def test_the_order_of_the_halves_is_an_argument(folder):
    usual, turned = datasets.pairs(folder, 24), datasets.pairs(str(folder), 24, order="target-input")
    np.testing.assert_array_equal(usual.train_inputs, turned.train_targets)
    np.testing.assert_array_equal(usual.test_targets, turned.test_inputs)


def test_the_split_is_the_same_each_time_and_covers_all(tmp_path):
    for number in range(20):
        write_pair(tmp_path / f"{number:03d}.png", left=10 * number)
    first, again = (datasets.pairs(tmp_path, 8, test_share=0.25) for _ in range(2))
    np.testing.assert_array_equal(first.test_inputs, again.test_inputs)
    greys = np.concatenate([first.train_inputs, first.test_inputs])[:, -1, 0, 0]
    assert len(first.test_inputs) == 5 and sorted(greys) == [10 * number for number in range(20)]


@pytest.mark.parametrize("names, test, val", [(("train", "val", "test"), 30, 20), (("train", "val"), 20, 0), (("train", "test"), 30, 0)])
def test_folders_train_val_and_test(tmp_path, names, test, val):
    for name, grey in (("train", 10), ("val", 20), ("test", 30)):
        if name in names:
            for number in range(3):
                write_pair(tmp_path / name / f"{number}.jpg", left=grey)
    data = datasets.pairs(tmp_path, 12)
    assert abs(int(data.test_inputs[0, -1, 0, 0]) - test) <= 2 and len(data.test_inputs) == 3
    assert len(data.val_inputs) == (3 if val else 0) and (not val or abs(int(data.val_inputs[0, -1, 0, 0]) - val) <= 2)


def test_odd_files_are_named_and_left_out(tmp_path, capsys):
    """200 pairs with five broken files, two of another size and a text file."""
    for number in range(192):
        write_pair(tmp_path / f"{number:03d}.png")
    whole = (tmp_path / "000.png").read_bytes()
    broken = {"b1.png": b"", "b2.png": whole[: len(whole) // 2], "b3.jpg": b"no picture", "b4.png": whole[:-20][:60] + bytes(40), "b5.jpeg": b"\xff\xd8\xff\xe0" + bytes(50)}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    write_pair(tmp_path / "s1.png", 60, 30)
    write_pair(tmp_path / "s2.png", 48, 30)
    (tmp_path / "notes.txt").write_text("my pairs")
    data = datasets.pairs(tmp_path, 24)
    assert set(data.left_out) == {*broken, "s1.png", "s2.png", "notes.txt"} and len(data.train_inputs) + len(data.test_inputs) == 192
    printed = capsys.readouterr().out
    assert "8 files were left out:" in printed and all(name in printed for name in data.left_out)
    assert "s1.png: 60 x 30 pixels, most have 48 x 24" in printed and "notes.txt: no .png, .jpg, .jpeg file" in printed


@pytest.mark.parametrize("files, message", [
    ({}, "has no pairs: 0 files"),
    ({"a.txt": None}, "has no pairs: 1 files were looked at, such as 'a.txt': no .png"),
    ({f"{n}.png": (48, 24) if n % 2 else (60, 30) for n in range(8)}, "a mixture of sizes: 4 of 48 x 24, 4 of 60 x 30|4 of 60 x 30, 4 of 48 x 24"),
    ({"train/a.png": (48, 24), "test/b.png": (48, 24), "c.png": (48, 24)}, "1 loose pictures, such as 'c.png'"),
    ({"train/a.png": (48, 24)}, "has only the folder train"),
    ({"test/a.png": (48, 24), "val/a.png": (48, 24)}, "has only the folders val, test"),
    ({"train/a.png": (48, 24), "train/b.png": (48, 24), "test/a.txt": None}, "nothing in test can be used"),
    ({"a.png": (24, 24), "b.png": (25, 24)}, "24 x 24 pixels are not two pictures side by side"),
    ({"a.png": (48, 24)}, "has 1 pair, too few"),
])  # fmt: skip
def test_an_empty_or_mixed_folder_is_an_error(tmp_path, files, message):
    for name, size in files.items():
        if size:
            write_pair(tmp_path / name, *size)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("text")
    with pytest.raises(pairs.PairError, match=message):
        datasets.pairs(tmp_path, 24)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "I;16", "LA"])
def test_other_kinds_of_pictures_become_rgb(tmp_path, mode):
    """The left half is dark, the right one light, in each kind."""
    for number in range(3):
        if mode == "I;16":
            pixels = np.repeat(np.uint16([[10, 200]]) * 257, 24, axis=1).repeat(24, axis=0)
            PIL.Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        else:
            write_pair(tmp_path / f"{number}.png", mode=mode, right=255 if mode == "1" else 200)
    data = datasets.pairs(tmp_path, 24)
    dark, light = data.train_inputs[0, -1, 5].astype(int), data.train_targets[0, -1, 5].astype(int)
    assert data.train_inputs.shape == (2, 24, 24, 3) and (dark <= 16).all() and (abs(light - (255 if mode == "1" else 200)) <= 4).all()


def test_what_is_transparent_becomes_white(tmp_path):
    """Black lines on a transparent sheet, as drawing programs export them."""
    pixels = np.zeros((24, 48, 4), np.uint8)
    pixels[10:14, :, 3] = 255
    for number in range(3):
        PIL.Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    data = datasets.pairs(tmp_path, 24)
    assert (data.train_inputs[0, 0] == 255).all() and (data.train_inputs[0, 12] == 0).all()


def test_limit_and_memory(folder, monkeypatch):
    data = datasets.pairs(folder, 24, limit=10)
    assert len(data.train_inputs) + len(data.test_inputs) == 10
    monkeypatch.setattr(pairs, "LARGEST_MEMORY", 6 * 24 * 24 * 15)
    with pytest.raises(pairs.PairError, match="20 pairs of 24 x 24 pixels need .* limit=5000"):
        datasets.pairs(folder, 24)
    datasets.pairs(folder, 24, limit=10)


def test_a_huge_picture_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 48 * 24)
    write_pair(folder / "huge.png", 60, 30)
    assert "exceeds limit of 1152 pixels" in datasets.pairs(folder, 24).left_out["huge.png"]


@pytest.mark.parametrize("options, message", [
    (dict(size=4), "size is 4"), (dict(size=64.0), "size is 64.0"), (dict(size=True), "size is True"), (dict(order="left"), "order is 'left'"),
    (dict(limit=0), "limit is 0"), (dict(test_share=1), "test_share is 1"), (dict(source=""), "source is ''"), (dict(source=3), "source is 3"),
    (dict(source=["a"]), "source is"), (dict(source="streets", size=300), "drawn up to 256"), (dict(source="streets", limit=5), "order and limit are for folders"),
    (dict(source="sketches", order="target-input"), "order and limit are for folders"),
    (dict(source=["a"]), "source is"), (dict(source="streets", size=300), "drawn up to 256"), (dict(source="streets", limit=5), "order and limit are for folders"),
    (dict(source="sketches", order="target-input"), "order and limit are for folders"),
])  # fmt: skip
def test_wrong_arguments(folder, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.pairs(**dict(source=folder) | options)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder.*'sketches', 'streets', 'edges', 'facades'"):
        datasets.pairs(tmp_path / "nowhere")


# ---------------------------------------------------------------- public sets


@pytest.mark.parametrize("name", pairs.PUBLIC)
def test_a_public_set_that_is_not_there(name, monkeypatch, tmp_path):
    monkeypatch.setattr(pairs, "DATA", tmp_path)
    with pytest.raises(FileNotFoundError, match=rf"'{name}' .* is not on this computer.*https://.*datasets.unpack"):
        datasets.pairs(name)


def test_a_public_set_is_found_where_the_message_says(monkeypatch, tmp_path, folder):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "data"))
    shutil.copytree(folder, tmp_path / "data/facades")
    data = datasets.pairs("facades", 24)
    assert data.train_targets[0, -1, 0, 0] == 10  # the photograph is on the left there
    assert (data.name, data.source) == ("facades", "folder")


# ---------------------------------------------------------------- drawn sets


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def few(monkeypatch, count=12):
    """Let the drawing program draw a few pairs only."""
    real = pairs._run

    def run(command, failed):
        assert command[:3] == [sys.executable, "-m", "tools.make_pairs"]
        name, size, path = command[3:]
        code = f"from tools import make_pairs; make_pairs.make.__defaults__ = ({count},); make_pairs.main({name!r}, {size!r}, {path!r})"
        real([sys.executable, "-c", code], failed)

    monkeypatch.setattr(pairs, "_run", run)


@pytest.mark.parametrize("name", pairs.DRAWN)
def test_a_drawn_set_is_drawn_once_and_a_damaged_file_again(name, cache, monkeypatch, capsys):
    few(monkeypatch)
    monkeypatch.setattr(pairs, "TRAIN", 10)
    data = datasets.pairs(name, 16)
    assert data.train_inputs.shape == (10, 16, 16, 3) and data.test_targets.shape == (2, 16, 16, 3) and data.source == "embedded"
    assert capsys.readouterr().out.count("This happens once") == 1
    np.testing.assert_array_equal(datasets.pairs(name, 16).train_inputs, data.train_inputs)
    assert "This happens" not in capsys.readouterr().out
    (file,) = cache.glob("*.npz")
    file.write_bytes(file.read_bytes()[:1000])
    np.testing.assert_array_equal(datasets.pairs(name, 16).train_targets, data.train_targets)
    assert len(list(cache.glob("*"))) == 2  # the file and its lock


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
def test_a_drawing_that_is_interrupted_leaves_no_process_and_no_file(cache, signal_):
    """Stop the program that draws; its workers end, and the next call draws anew."""
    code = f"import pathlib; from helpers import pairs; pairs.CACHE = pathlib.Path({str(cache)!r}); pairs.pairs('streets', 128)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(family := psutil.Process(process.pid).children(recursive=True)) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    assert len(family) >= 2
    if signal_ == signal.SIGKILL:
        family[0].kill()  # the program in the middle; its workers must notice
    else:
        process.send_signal(signal_)
    assert process.wait(30) != 0
    assert psutil.wait_procs(family, timeout=30)[1] == []
    assert not list(cache.glob("*.npz"))


def test_a_file_that_cannot_be_opened_is_not_removed(cache, monkeypatch):
    few(monkeypatch)
    datasets.pairs("streets", 16)

    def refuse(path):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(pairs.np, "load", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        datasets.pairs("streets", 16)
    assert len(list(cache.glob("*.npz"))) == 1


def test_two_kernels_that_want_the_same_set_draw_it_once(cache, monkeypatch, capsys):
    few(monkeypatch)
    threads = [threading.Thread(target=datasets.pairs, args=("streets", 16)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert capsys.readouterr().out.count("This happens once") == 1


def test_a_program_that_fails_is_told(cache, monkeypatch):
    monkeypatch.setattr(pairs, "_run", lambda command, failed, real=pairs._run: real(["sh", "-c", "echo no; echo ValueError: no paint left; exit 1"], failed))
    with pytest.raises(RuntimeError, match="could not be drawn: ValueError: no paint left"):
        datasets.pairs("streets", 16)
    assert not list(cache.glob("*.npz"))


@pytest.mark.parametrize("draw", [sketches.garment, streets.street])
def test_drawings_are_the_same_each_time_and_differ_from_each_other(draw):
    first, again, other = draw(3, 32), draw(3, 32), draw(13, 32)
    for one, two, three in zip(first, again, other):
        assert one.shape == (32, 32, 3) and one.dtype == np.uint8
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()


@pytest.mark.parametrize("draw", [sketches.garment, streets.street])
@pytest.mark.parametrize("side", [16, 100, 128])
def test_drawings_have_any_size(draw, side):
    for picture in draw(5, side):
        assert picture.shape == (side, side, 3) and picture.std() > 20


def test_maps_have_the_colours_of_cityscapes_only():
    maps = np.stack([streets.street(number, 32)[0] for number in range(12)])
    seen = {tuple(colour) for colour in maps.reshape(-1, 3).tolist()}
    assert seen == set(streets.CLASSES.values())


def test_the_hatching_tells_the_colour():
    """The task has an answer: of garments with room for hatching, the sketch's lines and the cloth belong together."""
    import colorsys

    hues = {}
    for number in range(120):
        rng = np.random.default_rng((2026, number))
        cloth = list(sketches.CLOTHS)[rng.integers(len(sketches.CLOTHS))]
        sketch, picture = sketches.garment(number, 64)
        hatched = ((sketch > 60) & (sketch < 200)).any(axis=-1).mean() > 0.03
        if number % len(DESIGNS) in (0, 2, 8) and (hatched or cloth == "cotton"):
            coloured = picture[np.ptp(picture, axis=-1) > 25].astype(float)
            hues.setdefault(cloth, []).append(colorsys.rgb_to_hsv(*coloured.mean(axis=0))[0])
    assert set(hues) == set(sketches.CLOTHS)
    for cloth, found in hues.items():
        wanted = sketches.CLOTHS[cloth].hue
        assert max(min(abs(hue - wanted), 1 - abs(hue - wanted)) for hue in found) < 0.08, cloth


def test_counts_of_the_drawn_sets():
    assert (make_pairs.TRAIN, make_pairs.TEST) == (1_000, 100) and pairs.TRAIN == make_pairs.TRAIN
    assert set(make_pairs.DRAWN) == set(pairs.DRAWN)
    assert all((ROOT / "tools" / file).is_file() for file in pairs.DRAWN.values())


def test_edges_of_fashion_mnist(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.setattr(pairs, "EDGES", (50, 20))
    data = datasets.pairs("edges", 32)
    assert data.train_inputs.shape == (50, 32, 32, 1) and data.test_targets.shape == (20, 32, 32, 1) and data.source == "embedded"
    assert set(np.unique(data.train_inputs)) == {0, 255} and 0.02 < (data.train_inputs == 0).mean() < 0.3
    assert (data.train_targets[:, 0] == 255).all()  # white around the garment
    dark = data.train_inputs[..., 0] == 0
    changes = np.abs(np.gradient(data.train_targets[..., 0].astype(float), axis=(1, 2))).sum(axis=0)
    assert changes[dark].mean() > 3 * changes[~dark].mean()  # the lines are where the picture changes
    with pytest.raises(ValueError, match="'edges' are 32 x 32"):
        datasets.pairs("edges", 64)


def test_a_drawn_set_moves_no_results_where_a_real_one_is_loaded(monkeypatch):
    monkeypatch.setattr(datasets, "_loaded", {})
    monkeypatch.setattr(datasets, "_drawn", set())
    datasets.note_source("streets", "embedded", drawn=True)
    assert datasets.loaded_source() == "embedded"
    datasets.note_source("mnist", "folder")
    assert datasets.loaded_source() == "folder"


# ---------------------------------------------------------------- archives


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files, links=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return path


@pytest.fixture(params=["zip", "tar.gz"])
def make_archive(request, tmp_path):
    pack = zipped if request.param == "zip" else tarred
    return lambda files: pack(tmp_path / f"set.{request.param}", files)


def left_behind(tmp_path):
    return sorted(path.name for path in tmp_path.rglob("*") if not path.name.startswith("set."))


FILES = {"facades/train/1.jpg": RNG.bytes(3000), "facades/test/2.jpg": RNG.bytes(3000)}


def test_an_archive_is_unpacked(make_archive, tmp_path):
    folder = datasets.unpack(make_archive(FILES), tmp_path / "new/facades")
    assert (folder / "train/1.jpg").read_bytes() == FILES["facades/train/1.jpg"] and (folder / "test/2.jpg").is_file()
    assert left_behind(tmp_path) == ["1.jpg", "2.jpg", "facades", "new", "test", "train"]


def test_parts_at_the_top_stay(make_archive, tmp_path):
    assert (datasets.unpack(make_archive({"train/1.jpg": b"x" * 100}), tmp_path / "mine") / "train/1.jpg").is_file()


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"])
def test_a_path_that_leaves_the_folder_is_refused(make_archive, tmp_path, name):
    with pytest.raises(pairs.PairError, match="leaves the folder"):
        datasets.unpack(make_archive(FILES | {name: b"evil"}), tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_a_link_is_refused(tmp_path):
    archive = tarred(tmp_path / "set.tar.gz", FILES, [("facades/link", "/etc")])
    with pytest.raises(pairs.PairError, match="'facades/link', which is a link"):
        datasets.unpack(archive, tmp_path / "out")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.writestr(link, "/etc")
    with pytest.raises(pairs.PairError, match="'link', which is a link"):
        datasets.unpack(tmp_path / "set.zip", tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_an_archive_that_unpacks_to_gigabytes_is_refused(make_archive, tmp_path):
    archive = make_archive({"big.png": bytes(100 * 2**20)})  # a thousand times its size
    with pytest.raises(pairs.PairError, match="unpacks to more than"):
        datasets.unpack(archive, tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_a_truncated_archive_is_refused(make_archive, tmp_path):
    archive = make_archive(FILES)
    archive.write_bytes(archive.read_bytes()[:-1500])
    with pytest.raises(pairs.PairError, match="is no whole archive"):
        datasets.unpack(archive, tmp_path / "out")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8, 0.97])
def test_a_changed_byte_is_found(make_archive, tmp_path, place):
    """Wherever it lies: in a header, in a picture, at the end. A part of the set may not be lost in silence."""
    archive = make_archive({f"facades/train/{number}.jpg": RNG.bytes(3000) for number in range(6)})
    content = bytearray(archive.read_bytes())
    content[int(place * len(content))] ^= 255
    archive.write_bytes(content)
    with pytest.raises(pairs.PairError, match="is no whole archive"):
        datasets.unpack(archive, tmp_path / "out")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("cut", [3584, 3584 + 512, 3584 + 200, 2 * 3584])
def test_a_tar_that_is_cut_between_its_files_is_refused(tmp_path, cut):
    """Without gzip nothing but the zeros at its end tells that it is whole."""
    archive = tarred(tmp_path / "set.tar.gz", {f"{number}.jpg": RNG.bytes(3000) for number in range(3)})
    (tmp_path / "set.tar").write_bytes(gzip.decompress(archive.read_bytes())[:cut])
    with pytest.raises(pairs.PairError, match="is no whole archive"):
        datasets.unpack(tmp_path / "set.tar", tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_a_plain_tar_is_unpacked(tmp_path):
    archive = tarred(tmp_path / "set.tar.gz", FILES)
    (tmp_path / "set.tar").write_bytes(gzip.decompress(archive.read_bytes()))
    assert (datasets.unpack(tmp_path / "set.tar", tmp_path / "out") / "test/2.jpg").read_bytes() == FILES["facades/test/2.jpg"]


def test_an_archive_made_on_a_mac(make_archive, tmp_path):
    """The Finder adds files of its own; and a folder in a folder is opened."""
    files = {"x/mine/train/1.jpg": b"1" * 100, "__MACOSX/x/._mine": b"mac", "x/.DS_Store": b"mac", "x/mine/train/._1.jpg": b"mac"}
    folder = datasets.unpack(make_archive(files), tmp_path / "out")
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == ["train", "train/1.jpg"]


@pytest.mark.parametrize("names, message", [
    (["a.jpg", "A.jpg"], "twice, or another name"), (["/".join("abcdefghijklmnopqrstuvw")], "folders more than 20 deep"), (["a:b.jpg"], "not allowed on every computer"),
])  # fmt: skip
def test_names_that_some_computers_cannot_hold(make_archive, tmp_path, names, message):
    with pytest.raises(pairs.PairError, match=message):
        datasets.unpack(make_archive(dict.fromkeys(names, b"x" * 3000)), tmp_path / "new/out")
    assert left_behind(tmp_path) == []


def test_too_many_files_are_refused(make_archive, tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "MOST_MEMBERS", 10)
    with pytest.raises(pairs.PairError, match="more than 10 files"):
        datasets.unpack(make_archive({f"{number}.jpg": b"" for number in range(11)}), tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_a_name_of_gigabytes_is_refused_before_it_fills_the_memory(tmp_path):
    """A tar header may announce a name of any length."""
    with gzip.open(tmp_path / "set.tar.gz", "wb") as file:
        member = tarfile.TarInfo("././@LongLink")
        member.type, member.size = tarfile.GNUTYPE_LONGNAME, 200 * 2**20
        file.write(member.tobuf())
        for _ in range(200):
            file.write(bytes(2**20))
    with pytest.raises(pairs.PairError, match="unpacks to more than"):
        datasets.unpack(tmp_path / "set.tar.gz", tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_a_full_disk_is_told_as_it_is(make_archive, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    archive = make_archive(FILES)
    monkeypatch.setattr(pairs, "_copy_members", full)
    with pytest.raises(OSError, match="No space left"):
        datasets.unpack(archive, tmp_path / "new/out")
    assert left_behind(tmp_path) == []


def test_a_folder_in_the_folder_is_named(tmp_path):
    write_pair(tmp_path / "mine/train/1.png")
    with pytest.raises(pairs.PairError, match="It has the folders mine: is one of them meant"):
        datasets.pairs(tmp_path, 24)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", gzip.compress(b"not a tar")])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "set.tar.gz").write_bytes(content)
    with pytest.raises(pairs.PairError, match="no whole archive|is empty"):
        datasets.unpack(tmp_path / "set.tar.gz", tmp_path / "out")
    assert left_behind(tmp_path) == []


def test_nothing_is_overwritten(make_archive, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        datasets.unpack(make_archive(FILES), tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        datasets.unpack(tmp_path / "set.nothing", tmp_path / "other")


def test_a_folder_that_cannot_be_written(make_archive, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("no")

    archive = make_archive(FILES)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        datasets.unpack(archive, tmp_path / "out")
    assert left_behind(tmp_path) == []
