"""Bad files, each with the message that a reader sees; and the order folder, download, embedded."""

import gzip
import io
import itertools
import pickle
import zipfile

import numpy as np
import pytest

from helpers import datasets
from helpers.datasets import DataError
from helpers.paths import ROOT

RNG = np.random.default_rng(0)


def arrays(count=20, **changes):
    """Return four good arrays in Keras's layout, some of them replaced."""
    good = {
        "x_train": RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        "y_train": np.arange(count, dtype=np.uint8) % 10,
        "x_test": RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        "y_test": np.arange(count, dtype=np.uint8) % 10,
    }
    return {**good, **changes}


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A data folder with a good mnist.npz, to which COURSE_DATA_DIR points."""
    place = tmp_path / "data"
    place.mkdir()
    np.savez_compressed(place / "mnist.npz", **arrays())
    monkeypatch.setenv("COURSE_DATA_DIR", str(place))
    return place


def test_a_folder_is_read_and_its_counts_are_told(folder, capsys):
    data = datasets.load("mnist")
    assert data.source == "folder" and data.class_names == tuple("0123456789")
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert images.shape == (20, 28, 28) and images.dtype == labels.dtype == np.uint8
    printed = capsys.readouterr().out
    assert "20 training images; the full set has 60,000. 20 test images; the full set has 10,000." in printed


def test_no_remark_beside_an_official_count():
    assert datasets._counts("mnist", "folder", 60_000, 10_000) == "60,000 training images, 10,000 test images"
    assert datasets._counts("fashion_mnist", "folder", 50_890, 10_000) == (
        "50,890 training images; the full set has 60,000. 10,000 test images"
    )


def test_labels_of_another_integer_type_become_uint8(folder):
    np.savez(folder / "mnist.npz", **arrays(y_train=np.arange(20, dtype=np.int64) % 10))
    assert datasets.load("mnist").train_labels.dtype == np.uint8


BAD_ARRAYS = {
    "float images": ({"x_train": np.zeros((20, 28, 28), np.float32)}, "x_train is float32.*uint8"),
    "images with NaN": ({"x_train": np.full((20, 28, 28), np.nan)}, "x_train is float64"),
    "another size": ({"x_test": RNG.integers(0, 9, (20, 32, 32), dtype=np.uint8)}, r"x_test has shape \(20, 32, 32\)"),
    "a channel axis": ({"x_train": RNG.integers(0, 9, (20, 28, 28, 1), dtype=np.uint8)}, r"shape \(20, 28, 28, 1\)"),
    "flat images": ({"x_train": RNG.integers(0, 9, (20, 784), dtype=np.uint8)}, r"shape \(20, 784\)"),
    "no images": ({"x_train": np.zeros((0, 28, 28), np.uint8), "y_train": np.zeros(0, np.uint8)}, "x_train is empty"),
    "label 10": ({"y_train": np.full(20, 10, np.uint8)}, "y_train goes from 10 to 10"),
    "label -1": ({"y_test": np.arange(20) % 10 - 1}, "y_test goes from -1 to 8"),
    "float labels": ({"y_train": np.full(20, np.nan)}, "y_train is float64"),
    "text labels": ({"y_train": np.array(["three"] * 20)}, "y_train is <U5"),
    "one-hot labels": ({"y_train": np.eye(10, dtype=np.uint8)[np.arange(20) % 10]}, r"y_train has shape \(20, 10\)"),
    "too few labels": ({"y_train": np.zeros(19, np.uint8)}, r"y_train has shape \(19,\), but x_train has 20 images"),
}


@pytest.mark.parametrize("changes, message", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_wrong_arrays_are_named(folder, changes, message):
    np.savez_compressed(folder / "mnist.npz", **arrays(**changes))
    with pytest.raises(DataError, match=message) as error:
        datasets.load("mnist")
    assert "mnist.npz" in str(error.value) and "Copy the file again" in str(error.value)


def test_missing_keys_are_named_and_found_ones_told(folder):
    np.savez(folder / "mnist.npz", train=np.zeros(3), y_train=np.zeros(3))
    with pytest.raises(DataError, match="has no x_train, x_test, y_test, or more than one. It holds: train.npy, y_train.npy"):
        datasets.load("mnist")


class Trap:
    """Leaves a trace when it is unpickled."""

    opened = False

    def __reduce__(self):
        return setattr, (Trap, "opened", True)


@pytest.mark.parametrize("key", datasets.KEYS)
def test_python_objects_are_never_unpickled(folder, key):
    np.savez(folder / "mnist.npz", **arrays(**{key: np.array([Trap()] * 20, dtype=object)}))
    with pytest.raises(DataError, match=f"{key} holds Python objects"):
        datasets.load("mnist")
    assert not Trap.opened
    pickle.loads(pickle.dumps(Trap()))  # the trap works
    assert Trap.opened
    Trap.opened = False


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_an_error(folder, share):
    content = (folder / "mnist.npz").read_bytes()
    (folder / "mnist.npz").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"mnist.npz' \([\d,]+ bytes\) is not a whole .npz file"):
        datasets.load("mnist")


def test_damaged_bytes_are_an_error(folder):
    content = bytearray((folder / "mnist.npz").read_bytes())
    content[5_000:5_100] = bytes(100)
    (folder / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a whole .npz file"):
        datasets.load("mnist")


@pytest.mark.parametrize("content", [b"<html>404</html>", pickle.dumps([1, 2]), gzip.compress(b"x" * 1000)])
def test_another_kind_of_file_is_an_error(folder, content):
    (folder / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a whole .npz file"):
        datasets.load("mnist")


def test_a_file_that_unpacks_to_a_hundred_times_its_size_is_not_unpacked(folder):
    blank = np.zeros((10_000, 28, 28), np.uint8)
    np.savez_compressed(folder / "mnist.npz", **arrays(x_train=blank, y_train=np.zeros(10_000, np.uint8)))
    packed = (folder / "mnist.npz").stat().st_size
    assert blank.nbytes > 100 * packed
    with pytest.raises(DataError, match="unpacks to .* nothing was unpacked"):
        datasets.load("mnist")


def test_a_header_that_promises_too_much_takes_no_memory(folder):
    header = io.BytesIO()
    shape = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 28, 28)}
    np.lib.format.write_array_header_1_0(header, shape)
    good = arrays()
    with zipfile.ZipFile(folder / "mnist.npz", "w") as archive:
        for key in datasets.KEYS:
            content = io.BytesIO()
            np.lib.format.write_array(content, good[key])
            archive.writestr(f"{key}.npy", header.getvalue() + bytes(100) if key == "x_train" else content.getvalue())
    with pytest.raises(DataError, match="x_train promises 784,000,000,000 bytes"):
        datasets.load("mnist")


def with_member(path, name, content):
    """Add a member to a zip file, also one whose name is already there."""
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(name, content)


def npy(header):
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize("content", [b"nonsense", npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (10**12,)}")])
def test_only_members_with_the_exact_names_are_opened(folder, content):
    with_member(folder / "mnist.npz", "x_train", content)  # NumPy would prefer it to x_train.npy
    assert datasets.load("mnist").train_images.shape == (20, 28, 28)


def test_two_members_of_one_name_are_an_error(folder):
    with_member(folder / "mnist.npz", "x_train.npy", b"second")
    with pytest.raises(DataError, match="has no x_train, or more than one"):
        datasets.load("mnist")


@pytest.mark.parametrize(
    "content",
    [
        npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 1000000000000000000000)}\n"),
        npy(b"((((\n"), npy(b"{[]: 1}\n"), b"",
        npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 28, 28)}\n") + bytes(28 * 28 + 1),
    ],
)  # fmt: skip
def test_headers_that_make_no_sense_are_an_error(folder, content):
    good = arrays()
    with zipfile.ZipFile(folder / "mnist.npz", "w") as archive:
        for key in datasets.KEYS:
            file = io.BytesIO()
            np.lib.format.write_array(file, good[key])
            archive.writestr(f"{key}.npy", content if key == "x_train" else file.getvalue())
    with pytest.raises(DataError, match="mnist.npz"):
        datasets.load("mnist")


def test_a_home_folder_that_is_not_known(monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", "~nobody_of_this_name/data")
    with pytest.raises(FileNotFoundError, match="COURSE_DATA_DIR is '~nobody"):
        datasets.load("mnist")


def test_a_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="nowhere.*is not a folder. Set COURSE_DATA_DIR"):
        datasets.load("mnist")


def test_a_folder_without_the_file_tells_what_it_has(folder):
    with pytest.raises(FileNotFoundError, match="has no fashion_mnist.npz. Found: mnist.npz"):
        datasets.load("fashion_mnist")


def test_a_relative_folder_starts_at_the_projects_root(monkeypatch, folder, tmp_path):
    import os

    monkeypatch.setenv("COURSE_DATA_DIR", os.path.relpath(folder, ROOT))
    monkeypatch.chdir(tmp_path)
    assert datasets.load("mnist").source == "folder"


def test_unknown_names(monkeypatch):
    with pytest.raises(ValueError, match="no data set 'cifar10'. Choose one of: 'mnist', 'fashion_mnist'"):
        datasets.load("cifar10")
    monkeypatch.setenv("COURSE_DATA", "embeded")
    with pytest.raises(ValueError, match="COURSE_DATA is 'embeded'"):
        datasets.load("mnist")


@pytest.mark.parametrize("name, counts", [("mnist", (1_500, 297)), ("fashion_mnist", (10_000, 2_000))])
def test_embedded_at_once_and_with_a_notice(monkeypatch, capsys, name, counts):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    monkeypatch.setenv("COURSE_DATA_DIR", "nowhere")  # COURSE_DATA comes first
    data = datasets.load(name)
    assert data.source == "embedded" and (len(data.train_images), len(data.test_images)) == counts
    assert set(data.train_labels) == set(data.test_labels) == set(range(10))
    assert "NOTICE: this is NOT" in capsys.readouterr().out


# ---------------------------------------------------------------- Keras's loader


@pytest.fixture
def keras_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras/datasets").mkdir(parents=True)
    return tmp_path / "keras"


def make_loader(monkeypatch, answer):
    """Let Keras's loader of MNIST give `answer`, or raise it."""
    import keras

    def load_data():
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)


def test_a_download_is_used(monkeypatch, keras_home, capsys):
    train = np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.uint8)
    test = np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000, np.uint8)
    make_loader(monkeypatch, (train, test))
    assert datasets.load("mnist").source == "download"
    assert "NOTICE" not in capsys.readouterr().out


def test_a_failed_download_gives_the_embedded_set_and_says_so(monkeypatch, keras_home, capsys):
    make_loader(monkeypatch, Exception("URL fetch failure on ...: None -- no answer"))
    assert datasets.load("mnist").source == "embedded"
    printed = capsys.readouterr().out
    assert "URL fetch failure" in printed and "NOTICE: this is NOT MNIST" in printed
    assert "COURSE_DATA_DIR" in printed and "connect to the network" in printed


def test_without_network_kerass_own_loader_fails_into_the_embedded_set(monkeypatch, tmp_path):
    import keras

    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path))
    assert datasets.load("fashion_mnist").source == "embedded"


def test_wrong_labels_of_a_download_name_the_files(monkeypatch, keras_home):
    train = np.zeros((60_000, 28, 28), np.uint8), np.full(60_000, 200, np.uint8)
    test = np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000, np.uint8)
    make_loader(monkeypatch, (train, test))
    with pytest.raises(DataError, match="y_train goes from 200 to 200.*Delete '.*mnist.npz'"):
        datasets.load("mnist")


@pytest.mark.parametrize("damage", [PermissionError("no"), IsADirectoryError("is a folder"), zipfile.BadZipFile("bad CRC"), EOFError("ended early"), gzip.BadGzipFile("not gzip")])
def test_a_damaged_cache_is_an_error(monkeypatch, keras_home, damage):
    (keras_home / "datasets/mnist.npz").write_bytes(b"half")
    make_loader(monkeypatch, damage)
    with pytest.raises(DataError, match="Keras's cached copy of MNIST cannot be read.*Delete '.*mnist.npz'"):
        datasets.load("mnist")


def test_a_cached_file_that_keras_removed_for_its_checksum_is_an_error(monkeypatch, keras_home):
    import keras

    cached = keras_home / "datasets/mnist.npz"
    cached.write_bytes(b"half")

    def load_data():
        cached.unlink()
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    with pytest.raises(DataError, match="'.*mnist.npz'. had a wrong checksum. Keras removed it"):
        datasets.load("mnist")


def test_another_count_than_the_official_one_is_an_error(monkeypatch, keras_home):
    one = np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8)
    make_loader(monkeypatch, (one, one))
    with pytest.raises(DataError, match=r"1 \+ 1 images instead of 60,000 \+ 10,000"):
        datasets.load("mnist")


def test_nothing_is_loaded_on_import():
    import subprocess
    import sys

    code = "import sys, helpers.datasets, helpers.results; assert not {'keras', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- batches


def take(count, *arguments, **options):
    return list(itertools.islice(datasets.batches(*arguments, **options), count))


def test_batches_use_each_image_once_an_epoch_in_another_order():
    images = np.arange(23)
    batches = take(10, images, 4, seed=1)
    for epoch in (batches[:5], batches[5:]):
        assert [len(batch) for batch in epoch] == [4] * 5 and len(np.unique(epoch)) == 20
    assert not np.array_equal(batches[:5], batches[5:])
    assert not np.array_equal(batches, take(10, images, 4, seed=2))


@pytest.mark.parametrize("first_step", [0, 1, 4, 5, 7, 123])
def test_batches_go_on_where_a_run_was_stopped(first_step):
    images = np.arange(23)
    assert np.array_equal(take(6, images, 4, seed=1, first_step=first_step), take(first_step + 6, images, 4, seed=1)[first_step:])


def test_batches_shuffle_arrays_alike():
    for pair in take(7, (np.arange(20), np.arange(20) * 10), 4, seed=0):
        assert np.array_equal(pair[0] * 10, pair[1])
    assert isinstance(take(1, (np.arange(20),), 4, seed=0)[0], tuple)


def test_batches_that_cannot_be_made_are_told_at_once():
    for arguments, says in [
        ((np.arange(3), 4, 0), "batch_size is 4 and there are .3. images"), ((np.arange(3), 0, 0), "no batch"),
        (((np.arange(3), np.arange(4)), 2, 0), "3, 4"), ((np.arange(3), 2.0, 0), "batch_size is 2.0"),
        ((np.arange(3), 2, -1), "seed is -1"), ((np.arange(3), 2, 0, -3), "first_step is -3"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=says):
            datasets.batches(*arguments)
