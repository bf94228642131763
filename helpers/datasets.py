"""MNIST and Fashion-MNIST: from a folder, Keras's download, Debian's package, or the project.

Nothing is read or fetched on import.
"""

import dataclasses
import gzip
import hashlib
import os
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .course import DATA, from_root, note_source, quiet_import

KEYS = ("x_train", "y_train", "x_test", "y_test")
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
DOWNLOAD_TIMEOUT = 30  # seconds without any answer
RESTORE = "Restore it from the project: git checkout -- data"


class DataError(ValueError):
    """A data file is not what it should be. The message says what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class _Info:
    title: str
    class_names: tuple[str, ...]
    embedded: str
    keras_files: tuple[str, ...]
    hashes: dict[str, str]  # SHA-256 of the bytes of official arrays


_SETS = {
    "mnist": _Info(
        "MNIST",
        tuple("0123456789"),
        "embedded_digits.npz",
        ("mnist.npz",),
        {  # the order of the training half is not the same in every copy
            "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        },
    ),
    "fashion_mnist": _Info(
        "Fashion-MNIST",
        tuple(CLOTHES.split(",")),
        "embedded_clothes.npz",
        tuple(f"fashion-mnist/{file}.gz" for file in IDX_FILES.values()),
        {
            "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
    ),
}


@dataclasses.dataclass(frozen=True)
class ImageData:
    """A set of labelled grey pictures.

    Attributes:
        name: "mnist" or "fashion_mnist".
        source: "folder", "download", "Debian" or "embedded".
        class_names: ten texts; the label is the index.
        train_images, test_images: uint8 (N, 28, 28), 0 is black and 255 is white.
        train_labels, test_labels: uint8 (N,), 0 to 9.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    train_images: np.ndarray = dataclasses.field(repr=False)
    train_labels: np.ndarray = dataclasses.field(repr=False)
    test_images: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)


def load(name: str) -> ImageData:
    """Load a data set, and print where it came from and how many pictures it has.

    The first of these that applies is used: `COURSE_DATA=embedded`: the part that comes with the
    project. `COURSE_DATA_DIR`: `<name>.npz` in Keras's layout or the four official idx files in
    that folder. Keras's copy of an earlier download. Debian's package. Keras's download. If that
    fails, the part that comes with the project, with a notice.

    Args:
        name: "mnist" or "fashion_mnist".

    Raises:
        ValueError: unknown name, or an unknown value of `COURSE_DATA`.
        FileNotFoundError: `COURSE_DATA_DIR` is no folder, or the files are not in it.
        DataError: a file is damaged or holds something else.
    """
    if name not in _SETS:
        raise ValueError(f"There is no data set {name!r}. Choose one of: {', '.join(_SETS)}.")
    wanted, folder = (os.environ.get(key) or "" for key in ("COURSE_DATA", "COURSE_DATA_DIR"))
    if wanted not in ("", "embedded"):
        raise ValueError(f"COURSE_DATA is {wanted!r}; the only value is 'embedded'. Or remove it.")
    if wanted == "embedded":
        source, arrays = "embedded", _read_embedded(name, "COURSE_DATA=embedded asks for it.")
    elif folder:
        source, arrays = "folder", _read_folder(name, folder)
    elif name == "fashion_mnist" and DEBIAN.is_dir() and not _files_of_keras(name):
        source, arrays = "Debian", read_idx(DEBIAN)
    else:
        source, arrays = _download_or_embedded(name)
    info, official = _SETS[name], is_official(name, arrays)
    if source in ("download", "Debian") and not official:
        raise DataError(
            f"The pictures of {info.title} ({source}) are not the official ones: they have another "
            f"checksum. Remove {_listed(_files_of_keras(name)) or DEBIAN} and run this cell again."
        )
    counts = f"{len(arrays[0]):,} training images, {len(arrays[2]):,} test images"
    remark = "" if official or source == "embedded" else ". They are not the official set"
    print(f"{info.title} (source: {source}): {counts}{remark}.")
    note_source(name, "official" if official else source)
    return ImageData(name, source, info.class_names, *arrays)


def is_official(name: str, arrays: tuple[np.ndarray, ...]) -> bool:
    """Tell whether (x_train, y_train, x_test, y_test) are the official arrays, by hash."""
    found = dict(zip(KEYS, arrays))
    hashes = _SETS[name].hashes
    return len(arrays[0]) == 60_000 and all(
        hashlib.sha256(found[key].tobytes()).hexdigest() == known for key, known in hashes.items()
    )


def read_idx(folder: Path) -> tuple[np.ndarray, ...]:
    """Read the four official idx files, plain or `.gz`, as (x_train, y_train, x_test, y_test).

    Format: http://yann.lecun.com/exdb/mnist (a magic number, the sizes, then the bytes).

    Raises:
        FileNotFoundError: one of them is missing.
        DataError: one of them is damaged.
    """
    arrays = []
    for file in IDX_FILES.values():
        path = next((p for p in (folder / file, folder / f"{file}.gz") if p.is_file()), None)
        if path is None:
            raise FileNotFoundError(f"'{folder}' has no {file} and no {file}.gz.")
        try:
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            sizes = np.frombuffer(content, ">u4", content[3], 4)
            pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * len(sizes))
            arrays.append(pixels.reshape(sizes))
        except Exception as error:  # damaged bytes raise a dozen kinds of errors
            raise DataError(f"'{path}' is no whole idx file: {error}. Copy it again.") from None
    return tuple(arrays)


def batches(
    images: np.ndarray | tuple[np.ndarray, ...], batch_size: int, seed: int, first_step: int = 0
) -> Iterator[np.ndarray | tuple[np.ndarray, ...]]:
    """Yield batches of shuffled images for ever. The order depends on seed and epoch alone.

    So a training that goes on after step n gets, with `first_step=n`, the batches that it would
    have got without the stop. Less than a batch at the end of an epoch is dropped.

    Args:
        images: array (N, ...), or a tuple of arrays of one length that are shuffled alike.
        batch_size: 1 to N.
        seed: 0 or more.
        first_step: number of batches to skip.

    Raises:
        ValueError: no batch can be made, or the arrays differ in length.
    """
    arrays = images if isinstance(images, tuple) else (images,)
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or not 1 <= batch_size <= min(lengths):
        raise ValueError(f"No batch of {batch_size} can be made of arrays of {lengths} pictures.")
    length, step, order = min(lengths), first_step, None
    while True:
        epoch, place = divmod(step, length // batch_size)
        if order is None or place == 0:
            order = np.random.default_rng([seed, epoch]).permutation(length)
        chosen = order[place * batch_size : (place + 1) * batch_size]
        batch = tuple(array[chosen] for array in arrays)
        yield batch if isinstance(images, tuple) else batch[0]
        step += 1


def _read_embedded(name: str, reason: str) -> tuple[np.ndarray, ...]:
    """Read the part that comes with the project, and say in a frame that it is a part."""
    text = (
        f"NOTICE: this is a part of {_SETS[name].title}, the one that comes with the course. "
        f"All cells work, but numbers differ from those in the text. Why: {reason}"
    )
    lines = [f"# {line:<76} #" for line in textwrap.wrap(text, 76)]
    print("#" * 80, *lines, "#" * 80, sep="\n")
    return _read_npz(DATA / _SETS[name].embedded, RESTORE)


def _read_folder(name: str, folder: str) -> tuple[np.ndarray, ...]:
    """Read `<name>.npz`, or idx files, from the folder that `COURSE_DATA_DIR` names."""
    place, title = from_root(folder), _SETS[name].title
    remedy = "Set COURSE_DATA_DIR to the folder that holds the files, or remove the variable."
    if not place.is_dir():
        raise FileNotFoundError(f"COURSE_DATA_DIR: '{place}' is not a folder. {remedy}")
    if (place / f"{name}.npz").is_file():
        return _read_npz(place / f"{name}.npz", "Copy the file again.")
    for part in (name.replace("_", "-"), name, ""):  # both sets use the same file names
        if list((place / part).glob("train-images-idx3-ubyte*")):
            arrays = read_idx(place / part)
            if not is_official(name, arrays):
                raise DataError(f"The idx files in '{place / part}' are not those of {title}.")
            return arrays
    found = ", ".join(sorted(path.name for path in place.iterdir())[:8]) or "nothing"
    raise FileNotFoundError(
        f"COURSE_DATA_DIR: '{place}' has no {name}.npz and none of the four idx files of {title}. "
        f"It has: {found}. {remedy}"
    )


def _files_of_keras(name: str) -> list[Path]:
    """Return the files of a data set that Keras downloaded earlier."""
    homes = [Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser(), Path("/tmp/.keras")]
    files = [home / "datasets" / file for home in homes for file in _SETS[name].keras_files]
    return [file for file in files if file.exists()]


def _listed(paths: list[Path]) -> str:
    return ", ".join(f"'{path}'" for path in paths)


def _download_or_embedded(name: str) -> tuple[str, tuple[np.ndarray, ...]]:
    """Ask Keras for the data set; if it cannot be fetched, say so and read the embedded part."""
    with quiet_import():
        import keras

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras sets none: a silent network would hang
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
        return "download", (x_train, y_train, x_test, y_test)
    except Exception as error:  # Keras raises a bare Exception when a URL cannot be fetched
        if files := _files_of_keras(name):
            raise DataError(
                f"Keras's copy of {_SETS[name].title} cannot be read: {error}. Remove "
                f"{_listed(files)} and run this cell again: it is downloaded anew."
            ) from None
        reason = f"the download failed ({error}). Connect to the network and restart the kernel,"
        if "CERTIFICATE" in str(error).upper():
            reason += " install your network's certificates,"
        reason += f" or put {name}.npz into a folder and set COURSE_DATA_DIR to it."
        return "embedded", _read_embedded(name, reason)
    finally:
        socket.setdefaulttimeout(before)


def _read_npz(path: Path, remedy: str) -> tuple[np.ndarray, ...]:
    """Read the four arrays of an `.npz` file in Keras's layout, and check them."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = [stored[key] for key in KEYS]
    except Exception as error:  # damaged bytes raise a dozen kinds of errors
        raise DataError(f"'{path}' is no whole .npz file of a data set: {error}. {remedy}") from None
    for part, images, labels in (("train", *arrays[:2]), ("test", *arrays[2:])):
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
            seen = f"x_{part} is {images.dtype} {images.shape}, but must be uint8 (N, 28, 28)"
        elif labels.shape != (len(images),) or not set(np.unique(labels)) <= set(range(10)):
            seen = f"y_{part} {labels.shape} must be {len(images)} whole numbers from 0 to 9"
        else:
            continue
        raise DataError(f"'{path}': {seen}. {remedy}")
    return arrays[0], arrays[1].astype(np.uint8), arrays[2], arrays[3].astype(np.uint8)
