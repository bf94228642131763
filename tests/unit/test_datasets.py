"""Every way in to a data set ends in the same arrays, and every wrong file is named."""

import gzip
import hashlib
import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import course, datasets
from helpers.course import ROOT
from helpers.datasets import DataError, load

RNG = np.random.default_rng(0)


def arrays(**changes):
    count = 20
    good = {
        "x_train": RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        "y_train": np.arange(count, dtype=np.uint8) % 10,
        "x_test": RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        "y_test": np.arange(count, dtype=np.uint8) % 10,
    }
    return good | changes


SMALL = arrays()  # plays the official Fashion-MNIST


@pytest.fixture
def official(monkeypatch, tmp_path):
    """Let small arrays be the official ones, and no file of the machine be found."""
    hashes = [hashlib.sha256(array.tobytes()).hexdigest() for array in SMALL.values()]
    monkeypatch.setattr(datasets, "OFFICIAL_COUNT", 20)
    monkeypatch.setitem(datasets.OFFICIAL_HASHES, "fashion_mnist", hashes)
    monkeypatch.setattr(datasets, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras/datasets").mkdir(parents=True)
    return tmp_path


def write_idx(folder, packed=True, content=SMALL):
    folder.mkdir(parents=True, exist_ok=True)
    for file, array in zip(datasets.IDX_FILES, content.values()):
        sizes = np.array(array.shape, ">u4").tobytes()
        whole = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
        path = folder / (f"{file}.gz" if packed else file)
        path.write_bytes(gzip.compress(whole) if packed else whole)


def answer_of_keras(monkeypatch, answer):
    import keras

    def load_data():
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", load_data)


def by_folder_npz(monkeypatch, place):
    np.savez_compressed(place / "fashion_mnist.npz", **SMALL)
    monkeypatch.setenv("COURSE_DATA_DIR", str(place))


def by_idx(packed, part):
    def prepare(monkeypatch, place):
        write_idx(place / part, packed)
        monkeypatch.setenv("COURSE_DATA_DIR", str(place))

    return prepare


def by_idx_beside_those_of_another_set(monkeypatch, place):
    write_idx(place / "fashion-mnist", content=arrays())
    by_idx(True, "")(monkeypatch, place)


def by_debian(monkeypatch, place):
    write_idx(datasets.DEBIAN)


def by_download(monkeypatch, place):
    train = SMALL["x_train"], SMALL["y_train"]
    answer_of_keras(monkeypatch, (train, (SMALL["x_test"], SMALL["y_test"])))


WAYS = {
    "npz": (by_folder_npz, "folder"),
    "idx": (by_idx(False, ""), "folder"),
    "idx, packed": (by_idx(True, ""), "folder"),
    "idx in a folder of its own": (by_idx(True, "fashion-mnist"), "folder"),
    "idx beside those of another set": (by_idx_beside_those_of_another_set, "folder"),
    "Debian": (by_debian, "Debian"),
    "download": (by_download, "download"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_ends_in_the_official_arrays(official, monkeypatch, capsys, way):
    prepare, source = WAYS[way]
    prepare(monkeypatch, official)
    data = load("fashion_mnist")
    found = data.train_images, data.train_labels, data.test_images, data.test_labels
    for array, wanted in zip(found, SMALL.values(), strict=True):
        assert np.array_equal(array, wanted) and array.dtype == np.uint8
        array[0] = 0  # a reader may write into them
    assert data.source == source and course.sources["fashion_mnist"] == "official"
    assert "20 training images, 20 test images.\n" in capsys.readouterr().out


def test_the_complete_set_of_this_machine_is_the_official_one(monkeypatch):
    """Runs where a data folder is set; the hashes are those of the data card."""
    from tests.conftest import AS_STARTED

    if "COURSE_DATA_DIR" not in AS_STARTED:
        pytest.skip("no COURSE_DATA_DIR")
    monkeypatch.setenv("COURSE_DATA_DIR", AS_STARTED["COURSE_DATA_DIR"])
    for name in ("mnist", "fashion_mnist"):
        data = load(name)
        found = data.train_images, data.train_labels, data.test_images, data.test_labels
        assert datasets.is_official(name, found)


def test_a_set_of_the_readers_own_is_named(official, monkeypatch, capsys):
    np.savez(official / "fashion_mnist.npz", **arrays(y_train=np.zeros(20, np.int64)))
    monkeypatch.setenv("COURSE_DATA_DIR", str(official))
    data = load("fashion_mnist")
    assert data.train_labels.dtype == np.uint8
    assert "They are not the official set" in capsys.readouterr().out
    assert course.sources["fashion_mnist"] == "folder"


@pytest.mark.parametrize(
    "name, counts", [("mnist", (7_996, 2_004)), ("fashion_mnist", (10_000, 2_000))]
)
def test_the_embedded_part_is_read_at_once_and_with_a_notice(monkeypatch, capsys, name, counts):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.setenv("COURSE_DATA_DIR", "nowhere")  # COURSE_DATA comes first
    data = load(name)
    assert data.source == "embedded"
    assert (len(data.train_images), len(data.test_images)) == counts
    assert set(data.train_labels) == set(data.test_labels) == set(range(10))
    assert "NOTICE: this is the part of" in capsys.readouterr().out


class Trap:
    """Leaves a trace when it is unpickled: such a file could run any code."""

    opened = False

    def __reduce__(self):
        return setattr, (Trap, "opened", True)


BAD_ARRAYS = {
    "float images": {"x_train": np.zeros((20, 28, 28), np.float32)},
    "another size": {"x_test": np.zeros((20, 32, 32), np.uint8)},
    "a channel axis": {"x_train": np.zeros((20, 28, 28, 1), np.uint8)},
    "no images": {"x_train": np.zeros((0, 28, 28), np.uint8), "y_train": np.zeros(0, np.uint8)},
    "label 10": {"y_train": np.full(20, 10, np.uint8)},
    "label -1": {"y_test": np.arange(20) % 10 - 1},
    "text labels": {"y_train": np.array(["three"] * 20)},
    "one-hot labels": {"y_train": np.eye(10, dtype=np.uint8)[np.arange(20) % 10]},
    "too few labels": {"y_train": np.zeros(19, np.uint8)},
    "Python objects": {"x_train": np.array([Trap()] * 20, dtype=object)},
}


@pytest.mark.parametrize("change", BAD_ARRAYS)
def test_wrong_arrays_are_named_with_the_file_and_the_remedy(official, monkeypatch, change):
    np.savez(official / "mnist.npz", **arrays(**BAD_ARRAYS[change]))
    monkeypatch.setenv("COURSE_DATA_DIR", str(official))
    with pytest.raises(DataError, match=r"mnist.npz'.*Copy the file again"):
        load("mnist")
    assert not Trap.opened


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", pickle.dumps([1]), "half"])
def test_damaged_files_are_an_error_and_never_replaced(official, monkeypatch, content):
    path = official / "mnist.npz"
    np.savez_compressed(path, **arrays())
    path.write_bytes(path.read_bytes()[:9_000] if content == "half" else content)
    monkeypatch.setenv("COURSE_DATA_DIR", str(official))
    with pytest.raises(DataError, match=r"mnist.npz' is no whole data set.*Copy the file again"):
        load("mnist")


def test_idx_files_that_are_cut_or_another_set_are_named(official, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", str(official))
    write_idx(official, content=arrays())
    with pytest.raises(FileNotFoundError, match=r"no folder with .* its four idx files. It has"):
        load("fashion_mnist")
    path = official / f"{datasets.IDX_FILES[0]}.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"images-idx3-ubyte.gz' is no whole idx file"):
        load("fashion_mnist")
    path.unlink()
    (official / "notes.txt").write_text("mine")
    with pytest.raises(
        FileNotFoundError, match=r"no folder with fashion_mnist.npz or its four.*notes.txt"
    ):
        load("fashion_mnist")


def test_a_folder_that_is_not_there_and_unknown_names_are_told(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(
        FileNotFoundError, match=r"nowhere' is no folder with .* Set COURSE_DATA_DIR to"
    ):
        load("mnist")
    with pytest.raises(ValueError, match=r"no data set 'cifar10'. Choose one of: mnist, fashion"):
        load("cifar10")
    monkeypatch.setenv("COURSE_DATA", "embeded")
    with pytest.raises(ValueError, match="COURSE_DATA is 'embeded'"):
        load("mnist")


# ------------------------------------------------------------ Keras's loader


def test_debians_package_needs_no_download(official, monkeypatch):
    by_download(monkeypatch, official)
    assert load("fashion_mnist").source == "download"
    by_debian(monkeypatch, official)
    assert load("fashion_mnist").source == "Debian"


@pytest.mark.parametrize("writable", [True, False])
def test_a_failed_download_names_the_folder_that_keras_used(
    official, monkeypatch, capsys, writable
):
    """Keras's own `get_file` runs, up to the network."""
    from keras.src.utils import file_utils

    home, asked = official / ("keras" if writable else "nowhere"), []

    def refuse(origin, target, _):
        asked.append(Path(target).parent)
        raise OSError("no network")

    monkeypatch.setattr(file_utils, "urlretrieve", refuse)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(home))
    monkeypatch.setattr(os, "makedirs", lambda *_, **__: None)  # nothing is left in /tmp
    monkeypatch.setenv("KERAS_HOME", str(home))
    assert load("mnist").source == "embedded"
    printed = "".join(capsys.readouterr().out.replace("#", "").split())
    assert f"thedownloadto'{asked[0]}'failed(nonetwork)" in printed
    assert asked[0].is_relative_to(home) == writable


@pytest.mark.parametrize(
    "error, says",
    [
        ("URL fetch failure on ...: None -- no answer", "Connect to the network"),
        ("URL fetch failure: [SSL: CERTIFICATE_VERIFY_FAILED]", "certificates"),
    ],
)
def test_a_failed_download_gives_the_embedded_part_and_says_why(
    official, monkeypatch, capsys, error, says
):
    answer_of_keras(monkeypatch, Exception(error))
    assert load("fashion_mnist").source == "embedded"
    printed = " ".join(capsys.readouterr().out.replace("#", " ").split())
    assert "URL fetch failure" in printed and says in printed and "COURSE_DATA_DIR" in printed
    assert "Remove" not in printed  # no advice about files that are not there


def test_a_web_page_in_place_of_the_files_is_an_error_that_names_them(official, monkeypatch):
    folder = official / "keras/datasets/fashion-mnist"
    folder.mkdir()
    for file in datasets.IDX_FILES:
        (folder / f"{file}.gz").write_bytes(b"<html>Log in</html>")
    answer_of_keras(monkeypatch, gzip.BadGzipFile("not a gzipped file"))
    with pytest.raises(DataError, match=r"not a gzipped file.*web page.*Remove .*keras/datasets"):
        load("fashion_mnist")


def test_a_download_of_other_pictures_is_an_error(official, monkeypatch):
    folder = official / "keras/datasets/fashion-mnist"
    folder.mkdir()
    for file in datasets.IDX_FILES:
        (folder / f"{file}.gz").write_bytes(b"")
    train = 255 - SMALL["x_train"], SMALL["y_train"]
    answer_of_keras(monkeypatch, (train, (SMALL["x_test"], SMALL["y_test"])))
    with pytest.raises(DataError, match="another checksum"):
        load("fashion_mnist")


def test_nothing_is_loaded_on_import():
    code = "import sys, helpers.datasets; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# ------------------------------------------------------------ batches


def take(count, *arguments, **options):
    return list(itertools.islice(datasets.batches(*arguments, **options), count))


def test_batches_use_each_image_once_an_epoch_in_another_order():
    images = np.arange(23)
    batches = take(10, images, 4, seed=1)
    for epoch in (batches[:5], batches[5:]):
        assert [len(batch) for batch in epoch] == [4] * 5 and len(np.unique(epoch)) == 20
    assert not np.array_equal(batches[:5], batches[5:])
    assert not np.array_equal(batches, take(10, images, 4, seed=2))


@pytest.mark.parametrize("first", [0, 1, 4, 5, 7, 123])
def test_batches_go_on_where_a_run_was_stopped(first):
    images = np.arange(23)
    whole = take(first + 6, images, 4, seed=1)[first:]
    assert np.array_equal(take(6, images, 4, seed=1, first_step=first), whole)


def test_batches_shuffle_arrays_alike():
    for one, other in take(7, (np.arange(20), np.arange(20) * 10), 4, seed=0):
        assert np.array_equal(one * 10, other)


@pytest.mark.parametrize("images, size", [(np.arange(3), 4), ((np.arange(3), np.arange(4)), 2)])
def test_batches_that_cannot_be_made_are_told(images, size):
    with pytest.raises(ValueError, match=f"No batch of {size}"):
        take(1, images, size, seed=0)
