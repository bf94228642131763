"""MNIST and Fashion-MNIST: from a folder, Debian's package, Keras's download, or the project."""

import dataclasses
import gzip
import hashlib
import itertools
import os
import socket
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .course import DATA, from_root, sources

KEYS = ("x_train", "y_train", "x_test", "y_test")
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
IDX = "train-images-idx3,train-labels-idx1,t10k-images-idx3,t10k-labels-idx1"
IDX_FILES = [f"{part}-ubyte" for part in IDX.split(",")]
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
CERTIFICATES = "Give Python your network's certificates (SSL_CERT_FILE; Mac: Install Certificates)"
OFFICIAL_COUNT = 60_000  # training pictures of either set
OFFICIAL_HASHES = {  # first digits of the SHA-256 of each array; MNIST's training half has no order
    "mnist": ("", "", "6d87418db22cc8", "ddeff807876a96"),
    "fashion_mnist": ("2e487a6c89124f", "657fbd221bfc9f", "c867c93ff95360", "3d0e6c6ea990b5"),
}
Batch = np.ndarray | tuple[np.ndarray, ...]
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
CLASS_NAMES = {"mnist": tuple("0123456789"), "fashion_mnist": tuple(CLOTHES.split(","))}
EMBEDDED = {"mnist": "embedded_digits.npz", "fashion_mnist": "embedded_clothes.npz"}


class DataError(ValueError):
    """A data file is not what it should be. The message says what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class ImageData:
    """Grey pictures, uint8 (N, 28, 28), 0 is black; and labels, uint8 (N,), 0 to 9."""

    name: str  # "mnist" or "fashion_mnist"
    source: str  # "folder", "download", "Debian" or "embedded"
    class_names: tuple[str, ...]
    train_images: np.ndarray = dataclasses.field(repr=False)
    train_labels: np.ndarray = dataclasses.field(repr=False)
    test_images: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)


def load(name: str) -> ImageData:
    """Load a data set, and print where it came from and how many pictures it has.

    The first that applies: `COURSE_DATA=embedded`, the part that comes with the project;
    `COURSE_DATA_DIR`, a folder with `<name>.npz` in Keras's layout or the four official idx files;
    Debian's package of Fashion-MNIST; Keras's copy or download; or that part, with a notice.

    ValueError: an unknown name, or value of `COURSE_DATA`. FileNotFoundError: no such folder, or no
    files in it. DataError: a file is damaged or holds something else.
    """
    if name not in TITLES:
        raise ValueError(f"There is no data set {name!r}. Choose one of: {', '.join(TITLES)}.")
    wanted, folder = (os.environ.get(key) or "" for key in ("COURSE_DATA", "COURSE_DATA_DIR"))
    if wanted not in ("", "embedded"):
        raise ValueError(f"COURSE_DATA is {wanted!r}; the only value is 'embedded'. Or remove it.")
    if wanted == "embedded":
        source, arrays = "embedded", _read_embedded(name, "COURSE_DATA=embedded asks for it.")
    elif folder:
        source, arrays = "folder", _read_folder(name, from_root(folder))
    elif name == "fashion_mnist" and DEBIAN.is_dir():
        source, arrays = "Debian", _read_folder(name, DEBIAN)
    else:
        source, arrays = _read_keras(name)
    arrays = [np.require(array, np.uint8, "CW") for array in arrays]
    official = is_official(name, arrays)
    counts = f"{len(arrays[0]):,} training images, {len(arrays[2]):,} test images"
    remark = "" if official or source == "embedded" else " They are not the official set."
    print(f"{TITLES[name]} (source: {source}): {counts}.{remark}")
    sources[name] = "official" if official else source
    return ImageData(name, source, CLASS_NAMES[name], *arrays)


def is_official(name: str, arrays: Sequence[np.ndarray]) -> bool:
    """Tell, by hash, whether (x_train, y_train, x_test, y_test) are the official arrays."""
    hashes = [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
    same = map(str.startswith, hashes, OFFICIAL_HASHES[name])
    return len(arrays[0]) == OFFICIAL_COUNT and all(same)


def read_idx(folder: Path) -> tuple[np.ndarray, ...]:
    """Read the four official idx files, plain or `.gz`. DataError: one is missing or damaged."""
    arrays = []
    for file in IDX_FILES:
        path = folder / (file if (folder / file).is_file() else f"{file}.gz")
        try:
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix else content
            sizes = np.frombuffer(content, ">u4", content[3], 4)
            arrays.append(np.frombuffer(content, np.uint8, -1, 4 + sizes.nbytes).reshape(sizes))
        except Exception as error:  # damaged bytes raise a dozen kinds of errors
            raise DataError(f"'{path}' is no whole idx file: {error}. Copy it again.") from None
    return tuple(arrays)


def batches(images: Batch, batch_size: int, seed: int, first_step: int = 0) -> Iterator[Batch]:
    """Yield batches of shuffled images for ever; with `first_step=n` those that follow n others.

    The order depends on seed and epoch alone. Less than a batch at the end of an epoch is dropped.
    Images: an array (N, ...), or a tuple of such, shuffled alike. ValueError: no batch can be made.
    """
    arrays = images if isinstance(images, tuple) else (images,)
    counts = [len(array) for array in arrays]
    if len({*counts}) > 1 or not 1 <= batch_size <= counts[0]:
        raise ValueError(f"No batch of {batch_size} fits {counts} pictures. Make it smaller.")
    for step in itertools.count(first_step):
        epoch, place = divmod(step, counts[0] // batch_size)
        if step == first_step or place == 0:
            order = np.random.default_rng([seed, epoch]).permutation(counts[0])
        chosen = order[place * batch_size : (place + 1) * batch_size]
        batch = tuple(array[chosen] for array in arrays)
        yield batch if isinstance(images, tuple) else batch[0]


def _read_embedded(name: str, reason: str) -> tuple[np.ndarray, ...]:
    """Read the part that comes with the project, and say between two bars that it is a part."""
    text = f"NOTICE: this is the part of {TITLES[name]} that comes with the course. All cells "
    text += f"work, but numbers differ from those in the text. Why: {reason}"
    print("#" * 80, textwrap.fill(text, 80), "#" * 80, sep="\n")
    return _read_npz(DATA / EMBEDDED[name], "Restore it: git checkout -- data")


def _read_folder(name: str, folder: Path) -> tuple[np.ndarray, ...]:
    """Read `<name>.npz`, or the idx files: those of both sets have the same names."""
    if (folder / f"{name}.npz").is_file():
        return _read_npz(folder / f"{name}.npz", "Copy the file again.")
    for place in (folder / name.replace("_", "-"), folder / name, folder):
        if list(place.glob(f"{IDX_FILES[0]}*")) and is_official(name, arrays := read_idx(place)):
            return arrays
    found = sorted(path.name for path in folder.glob("*"))[:8]
    seen = f"'{folder}' is no folder with {name}.npz or its four idx files. It has {found}"
    raise FileNotFoundError(f"{seen}. Set COURSE_DATA_DIR to another folder, or remove it.")


def _read_keras(name: str) -> tuple[str, tuple[np.ndarray, ...]]:
    """Read Keras's copy or download; if that fails, the embedded part."""
    import keras

    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    home = home if os.access(home, os.W_OK) else Path("/tmp/.keras")  # as keras.utils.get_file
    names = ["mnist.npz"] if name == "mnist" else [f"fashion-mnist/{file}.gz" for file in IDX_FILES]
    files = [home / "datasets" / file for file in names]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # seconds; Keras sets none: a silent network would hang
    try:
        train, test = getattr(keras.datasets, name).load_data()
        if not is_official(name, (*train, *test)):
            raise DataError("the arrays have another checksum than the official ones")
        return "download", (*train, *test)
    except Exception as error:  # Keras raises a bare Exception when a URL cannot be fetched
        if all(file.exists() for file in files):
            seen = f"Keras's copy of {name} cannot be used: {error}. If it is a web page, log in. "
            remedy = f"Remove {', '.join(map(str, files))} and run this cell again."
            raise DataError(seen + remedy) from None
        advice = CERTIFICATES if "SSL" in str(error) else "Connect to the network"
        reason = f"the download to '{files[0].parent}' failed ({error}). {advice} and restart the "
        reason += f"kernel, or set COURSE_DATA_DIR to a folder with {name}.npz."
        return "embedded", _read_embedded(name, reason)
    finally:
        socket.setdefaulttimeout(before)


def _read_npz(path: Path, remedy: str) -> tuple[np.ndarray, ...]:
    """Read the four arrays of an `.npz` file in Keras's layout, and check them."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = tuple(np.asarray(stored[key]) for key in KEYS)
    except Exception as error:  # damaged bytes raise a dozen kinds of errors
        raise DataError(f"'{path}' is no whole data set: {error}. {remedy}") from None
    for part, x, y in (("train", *arrays[:2]), ("test", *arrays[2:])):
        fit = x.dtype == np.uint8 and x.shape == (max(1, y.size), 28, 28) and y.ndim == 1
        if not fit or not set(np.unique(y)) <= set(range(10)):
            seen = f"x_{part} is {x.dtype} {x.shape}, y_{part} {y.shape} holds {np.unique(y)[:11]}"
            wanted = "uint8 (N, 28, 28), and N labels 0 to 9"
            raise DataError(f"'{path}': {seen}. Needed are {wanted}. {remedy}")
    return arrays
