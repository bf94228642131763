"""MNIST and Fashion-MNIST from a folder, from Keras's own download, or from the sets embedded in this project.

Nothing is read or fetched on import.
"""

import dataclasses
import http.client
import math
import os
import socket
import textwrap
import zipfile
from pathlib import Path

import numpy as np

from .budget import quiet_import
from .pairs import PairData, PairError, pairs, unpack  # noqa: F401  (a reader finds them here)
from .paths import DATA, from_root

KEYS = ("x_train", "y_train", "x_test", "y_test")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
LARGEST_UNPACKED = 512 * 2**20  # bytes; both full sets unpack to 55 MB
LARGEST_RATIO = 50  # unpacked to packed; real pictures reach about 5
DOWNLOAD_TIMEOUT = 30  # seconds without any answer

_loaded = {}  # name of a data set: its source, for the folder in which results are kept
_drawn = set()  # names of those that are the same everywhere: drawn by this project


class DataError(ValueError):
    """A data file is not what it should be. The message names the file, what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class _Info:
    title: str
    class_names: tuple
    embedded: str
    about_embedded: str
    keras_files: tuple
    official: tuple = (60_000, 10_000)


_SETS = {
    "mnist": _Info(
        "MNIST",
        tuple("0123456789"),
        "embedded_digits.npz",
        "1,797 handwritten digits of scikit-learn, enlarged from 8 x 8 to 28 x 28",
        ("mnist.npz",),
    ),
    "fashion_mnist": _Info(
        "Fashion-MNIST",
        CLOTHES,
        "embedded_atelier.npz",
        "the Atelier, 12,000 clothes drawn by a program of this project",
        tuple(f"fashion-mnist/{part}-ubyte.gz" for part in (
            "train-labels-idx1", "train-images-idx3", "t10k-labels-idx1", "t10k-images-idx3")),
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ImageData:
    """A set of labelled grey pictures.

    Attributes:
        name: "mnist" or "fashion_mnist".
        source: "folder", "download" or "embedded".
        class_names: ten strings; the label is the index.
        train_images, test_images: uint8 (N, 28, 28), 0 is black and 255 is white.
        train_labels, test_labels: uint8 (N,), 0 to 9.
    """

    name: str
    source: str
    class_names: tuple
    train_images: np.ndarray = dataclasses.field(repr=False)
    train_labels: np.ndarray = dataclasses.field(repr=False)
    test_images: np.ndarray = dataclasses.field(repr=False)
    test_labels: np.ndarray = dataclasses.field(repr=False)


def load(name):
    """Load a data set and print where it came from and how many images it has.

    The first of these that applies is used: (a) `COURSE_DATA=embedded`: the embedded set; (b) `COURSE_DATA_DIR`: the
    file `<name>.npz` in that folder, in Keras's layout; (c) Keras's own loader (cache, or download); (d) if the download
    fails, the embedded set, with a notice.

    Args:
        name: "mnist" or "fashion_mnist".

    Returns:
        ImageData.

    Raises:
        ValueError: unknown name, or an unknown value of `COURSE_DATA`.
        FileNotFoundError: `COURSE_DATA_DIR` is no folder, or the file is not in it.
        DataError: a file is corrupt, truncated or holds something else. There is no silent fall-back.
    """
    if name not in _SETS:
        raise ValueError(f"There is no data set {name!r}. Choose one of: {', '.join(map(repr, _SETS))}.")
    wanted = os.environ.get("COURSE_DATA") or ""
    if wanted not in ("", "embedded"):
        raise ValueError(f"COURSE_DATA is {wanted!r}, but the only value is 'embedded'. Remove it to load {name!r}.")
    if wanted == "embedded":
        source, arrays = "embedded", _read_embedded(name)
        _notice(name, "COURSE_DATA=embedded asks for it. Remove this variable and restart the kernel for the real one.")
    elif os.environ.get("COURSE_DATA_DIR"):
        source, arrays = "folder", _read_folder(name, os.environ["COURSE_DATA_DIR"])
    else:
        source, arrays = _download_or_embedded(name)
    info, (x_train, y_train, x_test, y_test) = _SETS[name], arrays
    print(f"{info.title} (source: {source}): {_counts(name, source, len(x_train), len(x_test))}.")
    _loaded[name] = source
    return ImageData(name, source, info.class_names, x_train, y_train, x_test, y_test)


def loaded_source():
    """Return the source of the data sets that this kernel loaded: "folder", "download", "embedded", a sum of several
    such as "download+embedded", or "none"."""
    varying = {source for name, source in _loaded.items() if name not in _drawn}
    return "+".join(sorted(varying or set(_loaded.values()))) or "none"


def note_source(name, source, drawn=False):
    """Take note that a set was loaded; `drawn` ones count only where there is no other."""
    _loaded[name] = source
    if drawn:
        _drawn.add(name)


def batches(images, batch_size, seed, first_step=0):
    """Yield batches of shuffled images for ever. The order depends on `seed` and the epoch alone.

    So a training that goes on after step n gets, with `first_step=n`, the batches that it would have got without the stop.
    What is left over at the end of an epoch, less than a batch, is dropped.

    Args:
        images: array (N, ...), or a tuple of arrays of the same length that are shuffled alike.
        batch_size: 1 to N.
        seed: int, 0 or more.
        first_step: number of batches to skip.

    Yields:
        Array (batch_size, ...), or a tuple of them.

    Raises:
        ValueError: no batch can be made, the arrays differ in length, or a number is not whole or below 0.
    """
    for name, value in {"batch_size": batch_size, "seed": seed, "first_step": first_step}.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"{name} is {value!r}, but it must be a whole number, 0 or more.")
    lengths = sorted({len(array) for array in images}) if isinstance(images, tuple) else [len(images)]
    if len(lengths) != 1 or not 1 <= batch_size <= lengths[0]:
        raise ValueError(f"batch_size is {batch_size} and there are {lengths} images: no batch can be made of them.")
    return _endless_batches(images, lengths[0], batch_size, seed, first_step)


def _endless_batches(images, length, batch_size, seed, step):
    steps_an_epoch, order = length // batch_size, None
    while True:
        epoch, place = divmod(step, steps_an_epoch)
        if order is None or place == 0:
            order = np.random.default_rng([seed, epoch]).permutation(length)
        chosen = order[place * batch_size : (place + 1) * batch_size]
        yield tuple(array[chosen] for array in images) if isinstance(images, tuple) else images[chosen]
        step += 1


def _counts(name, source, train, test):
    """Tell the counts, and the official one beside a count that differs from it."""
    parts = []
    for count, kind, official in zip((train, test), ("training", "test"), _SETS[name].official):
        rest = "" if source == "embedded" or count == official else f"; the full set has {official:,}"
        parts.append(f"{count:,} {kind} images{rest}")
    return (". " if ";" in parts[0] else ", ").join(parts)


def _notice(name, reason):
    """Print, in a frame that is hard to miss, that the pictures are not those of the named set."""
    info = _SETS[name]
    lines = textwrap.wrap(f"NOTICE: this is NOT {info.title}. It is the embedded set: {info.about_embedded}.", 76)
    lines += textwrap.wrap(f"Why: {reason}", 76)
    lines += textwrap.wrap("All cells work, but numbers and pictures differ from those printed in the course.", 76)
    frame = "#" * 80
    print(frame, *(f"# {line:<76} #" for line in lines), frame, sep="\n")


def _read_embedded(name):
    return _read_npz(DATA / _SETS[name].embedded, "Restore it from the project: git checkout -- data")


def _read_folder(name, folder):
    """Read `<name>.npz` from the folder that `COURSE_DATA_DIR` names."""
    remedy = "Set COURSE_DATA_DIR to the folder that holds the files (a relative one starts at the project's root), " \
             "or remove the variable to download them."  # fmt: skip
    try:
        place = from_root(folder)
    except RuntimeError as error:  # a user's home that is not known
        raise FileNotFoundError(f"COURSE_DATA_DIR is {folder!r}: {error} {remedy}") from None
    if not place.is_dir():
        raise FileNotFoundError(f"COURSE_DATA_DIR is {folder!r}, but '{place}' is not a folder. {remedy}")
    path = place / f"{name}.npz"
    if not path.is_file():
        found = ", ".join(sorted(p.name for p in place.glob("*.npz"))[:8]) or "no .npz file"
        raise FileNotFoundError(f"COURSE_DATA_DIR is {folder!r}, but it has no {path.name}. Found: {found}. {remedy}")
    return _read_npz(path, "Copy the file again, or remove COURSE_DATA_DIR to download it.")


def _download_or_embedded(name):
    """Ask Keras for the data set; if it cannot be fetched, say so and read the embedded one."""
    with quiet_import():
        import keras

    info, title = _SETS[name], _SETS[name].title
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    files = [cache / file for file in info.keras_files]
    cached = [file for file in files if file.exists()]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras sets none, and a silent network would hang for minutes
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:
        # Keras raises a bare Exception when a URL cannot be fetched. All else that can go wrong is about a file.
        unreachable = type(error) is Exception or isinstance(error, (ConnectionError, TimeoutError, http.client.HTTPException))
        if not unreachable:
            raise DataError(_damaged_cache(title, files, error)) from None
        if not all(file.exists() for file in cached):
            raise DataError(
                f"Keras's cached copy of {title} ('{cached[0]}') had a wrong checksum. Keras removed it, and a new download "
                "failed. Connect to the network and run this cell again. Without a network, it then takes the embedded set."
            ) from None
        print(f"The download of {title} failed: {error}")
        _notice(name, "the download failed. For the real pictures, connect to the network, restart the kernel and run "
                      f"again. Or put {name}.npz, in Keras's layout, into a folder and set COURSE_DATA_DIR to it.")  # fmt: skip
        return "embedded", _read_embedded(name)
    finally:
        socket.setdefaulttimeout(before)
    counts = (len(x_train), len(x_test))
    if counts != info.official:
        raise DataError(_damaged_cache(title, files, f"{counts[0]:,} + {counts[1]:,} images instead of 60,000 + 10,000"))
    remedy = f"Delete {', '.join(map(repr, map(str, files)))} and run this cell again."
    return "download", _check_arrays((x_train, y_train, x_test, y_test), title, remedy)


def _damaged_cache(title, files, found):
    names = ", ".join(f"'{file}'" for file in files)
    return f"Keras's cached copy of {title} cannot be read: {found}. Delete {names} and run this cell again."


def _read_npz(path, remedy):
    """Read the four arrays of an `.npz` file in Keras's layout. Each one's header is looked at before it is unpacked.

    A header tells whether an array holds Python objects (which could run code), has another shape, or would fill the
    memory. Only members with the exact names are opened.
    """
    try:
        packed = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > min(LARGEST_UNPACKED, LARGEST_RATIO * packed):
                raise DataError(
                    f"'{path}' has {packed:,} bytes but unpacks to {unpacked:,}. Pictures do not shrink so far, so "
                    f"nothing was unpacked. {remedy}"
                )
            missing = [key for key in KEYS if names.count(f"{key}.npy") != 1]
            if missing:
                raise DataError(
                    f"'{path}' has no {', '.join(missing)}, or more than one. It holds: {', '.join(names) or 'nothing'}. "
                    f"{remedy}"
                )
            for key in KEYS:
                _check_header(archive, key, path, remedy)
            arrays = tuple(_read_member(archive, key) for key in KEYS)
    except (DataError, PermissionError):
        raise
    except Exception as error:  # damaged bytes make zipfile, zlib and NumPy raise a dozen kinds of errors
        raise DataError(f"'{path}' ({packed:,} bytes) is not a whole .npz file: {error}. {remedy}") from None
    return _check_arrays(arrays, f"'{path}'", remedy)


def _read_member(archive, key):
    with archive.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check_header(archive, key, path, remedy):
    """Check the dtype and the size that an array's header declares, without unpacking the array."""
    with archive.open(f"{key}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        header = file.tell()
    if dtype.hasobject:
        raise DataError(
            f"'{path}': {key} holds Python objects ({dtype}), which can run code when they are read. It was not read. "
            f"{remedy}"
        )
    declared, present = dtype.itemsize * math.prod(shape), archive.getinfo(f"{key}.npy").file_size - header
    if declared != present:
        raise DataError(f"'{path}': the header of {key} promises {declared:,} bytes, but {present:,} are there. {remedy}")


def _check_arrays(arrays, origin, remedy):
    """Return the arrays with uint8 labels, or raise a DataError that says which one is wrong, and how."""
    for part, images, labels in (("train", *arrays[:2]), ("test", *arrays[2:])):
        x, y = f"x_{part}", f"y_{part}"
        if images.dtype != np.uint8:
            raise DataError(f"{origin}: {x} is {images.dtype}, but grey values are uint8 (0 to 255). {remedy}")
        if images.ndim != 3 or images.shape[1:] != (28, 28):
            raise DataError(f"{origin}: {x} has shape {images.shape}, but it must be (N, 28, 28). {remedy}")
        if len(images) == 0:
            raise DataError(f"{origin}: {x} is empty. {remedy}")
        if not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f"{origin}: {y} is {labels.dtype}, but labels are whole numbers. {remedy}")
        if labels.shape != (len(images),):
            raise DataError(f"{origin}: {y} has shape {labels.shape}, but {x} has {len(images):,} images. {remedy}")
        if labels.min() < 0 or labels.max() > 9:
            raise DataError(
                f"{origin}: {y} goes from {labels.min()} to {labels.max()}, but labels go from 0 to 9. {remedy}"
            )
    x_train, y_train, x_test, y_test = arrays
    return x_train, y_train.astype(np.uint8), x_test, y_test.astype(np.uint8)
