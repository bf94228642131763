"""Pairs of pictures: from a folder of side-by-side pictures, drawn by this project, or edges of Fashion-MNIST."""

import collections
import contextlib
import dataclasses
import functools
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import filelock
import numpy as np
import PIL.Image

from .course import DATA, ROOT, from_root

DRAWN = {"sketches": "sketches.py", "streets": "streets.py"}  # by a program in tools/
CACHE = ROOT / "build/pairs"
TRAIN = 1_000  # drawn pairs for training; 100 more are for the test
LARGEST_DRAWN = 256  # pixels
EDGES = (10_000, 1_000)  # pictures of Fashion-MNIST, training and test
PUBLIC = {  # name: what it shows, where it is found, the order of its halves
    "facades": ("labels and photographs of house fronts", "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz", "target-input"),
    "maps": ("aerial photographs and maps", "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz", "input-target"),
    "cityscapes": ("segmentation maps and streets", "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/cityscapes.tar.gz", "target-input"),
    "edges2shoes": ("edges and photographs of shoes", "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz", "input-target"),
    "sketch2creature": ("sketches and coloured creatures, 830 pairs", "https://www.kaggle.com/datasets/norod78/sketch2pokemon", "target-input"),
}  # fmt: skip
ORDERS = ("input-target", "target-input")
ENDINGS = (".png", ".jpg", ".jpeg")
SPLITS = ("train", "val", "test")
LEAST_ALIKE = 0.8  # of a folder's pictures must have one size
LARGEST_MEMORY = 4 * 2**30  # bytes of all pictures
LARGEST_UNPACKED = 4 * 2**30  # bytes
LARGEST_RATIO = 50  # unpacked to packed; archives of pictures reach about 2
LARGEST_PIECE = 2**24  # bytes that are read at once; a longer name in an archive is an attack
MOST_MEMBERS, DEEPEST = 200_000, 20  # files of an archive, and parts of a path in it
SHOWN = 10  # files that a message names


NAMES = ", ".join(map(repr, (*DRAWN, "edges", *PUBLIC)))


class PairError(ValueError):
    """A folder or an archive is not what it should be. The message names it, says what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class PairData:
    """Pictures and what should be made of them.

    Attributes:
        name: of the set, or the folder's.
        source: "embedded" (drawn by this project), "folder", or that of Fashion-MNIST.
        train_inputs, train_targets, test_inputs, test_targets: uint8 (N, size, size, C), C 3, or 1 for "edges".
        val_inputs, val_targets: the same; empty if the set has no such part beside its test pairs.
        left_out: mapping of a file's name to why it was left out.
    """

    name: str
    source: str
    train_inputs: np.ndarray = dataclasses.field(repr=False)
    train_targets: np.ndarray = dataclasses.field(repr=False)
    test_inputs: np.ndarray = dataclasses.field(repr=False)
    test_targets: np.ndarray = dataclasses.field(repr=False)
    val_inputs: np.ndarray = dataclasses.field(repr=False)
    val_targets: np.ndarray = dataclasses.field(repr=False)
    left_out: dict = dataclasses.field(default_factory=dict, repr=False)

    @functools.cached_property
    def checksum(self):
        """Name and a checksum of the training pairs: a training that goes on must have the same ones."""
        inputs, targets = map(np.ascontiguousarray, (self.train_inputs, self.train_targets))
        return f"{self.name} {zlib.crc32(targets, zlib.crc32(inputs)):08x}"


def pairs(source, size=64, order=None, limit=None, test_share=0.1):
    """Load pairs of pictures, and print where they came from and how many there are.

    Args:
        source: "sketches" (line sketch to coloured garment) or "streets" (segmentation map to street): 1,000 + 100 pairs that a program of
            this project draws, once for each size up to 256. "edges": Fashion-MNIST, edges to garment, 10,000 + 1,000 pairs, only at size 32. The name of
            a public set, if you have unpacked it. Or a folder (a path) of PNG or JPEG files, each with two pictures side by side: in
            `train`, and `test` or `val`, or all in the folder itself.
        size: height and width of the pictures in pixels, 8 to 1,024; those of a folder are resized.
        order: of a folder: which half of a file is on the left: "input-target" or "target-input". Default: as the public set has it; else
            "input-target".
        limit: of a folder: take at most so many files of each part, chosen evenly.
        test_share: of a folder without parts, this share is kept for the test (the same files each time).

    Returns:
        PairData. Files that are no pictures, or have another size than most, are left out, and the print names them.

    Raises:
        ValueError: an unknown name, or a wrong size, order, limit or share.
        FileNotFoundError: a public set that is not there (the message says where to find it), or no such folder.
        PairError: a folder without pairs, or with a mixture of sizes or of forms; or pictures that need too much memory.
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 8 <= size <= 1024:
        raise ValueError(f"size is {size!r}, but it must be a whole number of pixels, 8 to 1024, such as 64.")
    if order not in (None, *ORDERS):
        raise ValueError(f"order is {order!r}, but it must be one of: {', '.join(map(repr, ORDERS))}.")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 1):
        raise ValueError(f"limit is {limit!r}, but it must be a whole number, 1 or more, or None for all files.")
    if not isinstance(test_share, (int, float)) or not 0 < test_share < 1:
        raise ValueError(f"test_share is {test_share!r}, but it must lie between 0 and 1, such as 0.1.")
    if not isinstance(source, (str, os.PathLike)) or not str(source).strip():
        raise ValueError(f"source is {source!r}, but it must be a folder, or one of: {NAMES}.")
    if source in (*DRAWN, "edges"):
        if (order, limit) != (None, None):
            raise ValueError(f"order and limit are for folders, not for {source!r}. Take a part of its arrays, or exchange inputs and targets, yourself.")
        data = _drawn(source, int(size)) if source in DRAWN else _edges(size)
    else:
        folder, order = _folder_of(source, order)
        data = _read_folder(folder, int(size), order or ORDERS[0], limit, test_share)
    from .datasets import note_source

    note_source(data.name, "embedded" if source in DRAWN else data.source, drawn=source in DRAWN)
    counts = [f"{len(getattr(data, f'{part}_inputs')):,} {part}" for part in SPLITS if len(getattr(data, f"{part}_inputs"))]
    print(f"{data.name} (source: {data.source}): {' + '.join(counts)} pairs, {data.train_inputs.shape[1]} x {data.train_inputs.shape[2]} pixels.")
    return data


def _drawn(name, size):
    """Read a drawn set from the cache; draw it first, if it is not there. The file's name has a checksum of the program."""
    if size > LARGEST_DRAWN:
        raise ValueError(f"size is {size}, but the {name} are drawn up to {LARGEST_DRAWN} x {LARGEST_DRAWN} pixels.")
    programs = [ROOT / "tools" / file for file in ("make_pairs.py", "atelier.py", DRAWN[name])]
    code = hashlib.sha256(b"".join(path.read_bytes() for path in programs)).hexdigest()[:12]
    path = CACHE / f"{name}_{size}_{code}.npz"
    CACHE.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{path}.lock"):  # another kernel may want the same set now
        for _ in range(2):
            if not path.exists():
                print(f"Drawing the {name} at {size} x {size} pixels. This happens once: up to a minute at 64 x 64, longer for more pixels.", flush=True)
                _run([sys.executable, "-m", "tools.make_pairs", name, str(size), str(path)], f"The {name} could not be drawn")
            try:
                with np.load(path) as file:
                    inputs, targets = file["inputs"], file["targets"]
                break
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                if getattr(error, "errno", None):
                    raise  # the computer's fault, not the file's
                path.unlink(missing_ok=True)  # a damaged file of the cache is drawn again
        else:
            raise RuntimeError(f"The file of the {name} in '{CACHE}' is damaged each time it is drawn. Is the disk full?")
    return PairData(name, "embedded", inputs[:TRAIN], targets[:TRAIN], inputs[TRAIN:], targets[TRAIN:], inputs[:0], targets[:0])


def _run(command, failed):
    """Run a program of this project. If the kernel is interrupted, the program is ended, too."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{failed}: {(said.strip() or 'no message').splitlines()[-1]}")


def _edges(size):
    """Make edges of Fashion-MNIST's garments, black on white, and the garments on white, both 32 x 32 and grey."""
    from skimage.feature import canny

    from .datasets import load

    if size != 32:
        raise ValueError(f"size is {size}, but 'edges' are 32 x 32: the 28 x 28 pictures of Fashion-MNIST with a border. Give size=32.")
    fashion = load("fashion_mnist")

    def made(images, count):
        images = np.pad(images[:count], ((0, 0), (2, 2), (2, 2)))
        lines = np.stack([canny(image / 255, sigma=0.8, low_threshold=0.08, high_threshold=0.2) for image in images])
        return np.where(lines, 0, 255).astype(np.uint8)[..., np.newaxis], (255 - images)[..., np.newaxis]

    train, test = made(fashion.train_images, EDGES[0]), made(fashion.test_images, EDGES[1])
    return PairData("edges", fashion.source, *train, *test, train[0][:0], train[1][:0])


def _folder_of(source, order):
    """Return the folder that `source` means, and the order of its pictures."""
    if source in PUBLIC:
        about, where, usual = PUBLIC[source]
        places = [from_root(os.environ["COURSE_DATA_DIR"]) / source] if os.environ.get("COURSE_DATA_DIR") else []
        places.append(DATA / "pairs" / source)
        for place in places:
            if place.is_dir():
                return place, order or usual
        raise FileNotFoundError(
            f"{source!r} ({about}) is not on this computer. The course does not download it, because no official checksum of it is known. "
            f"Fetch it from {where} . Then, to check and unpack it: datasets.unpack('<the archive>', {str(places[0].relative_to(ROOT) if places[0].is_relative_to(ROOT) else places[0])!r}) ."
        )
    folder = from_root(source)
    if not folder.is_dir():
        raise FileNotFoundError(f"'{folder}' is not a folder. Give a folder of pairs (a relative one starts at the project's root), or one of: {NAMES}.")
    return folder, order


def _read_folder(folder, size, order, limit, test_share):
    parts = {part: folder / part for part in SPLITS if (folder / part).is_dir()}
    loose = [path for path in _files(folder) if path.suffix.lower() in ENDINGS]
    if parts and loose:
        raise PairError(f"'{folder}' has the folders {', '.join(parts)} and {len(loose):,} loose pictures, such as {loose[0].name!r}. Which are meant? Move one or the other away.")
    if parts and ("train" not in parts or len(parts) == 1):
        raise PairError(f"'{folder}' has only the folder{'s' * (len(parts) > 1)} {', '.join(parts)}. It needs train, and test or val.")
    files = {part: _files(path) for part, path in parts.items()} or {"": _files(folder)}
    files = {part: _evenly(paths, limit) for part, paths in files.items()}
    read = {part: [(path, *_look(path)) for path in paths] for part, paths in files.items()}
    shapes = collections.Counter(shape for rows in read.values() for _, shape, problem in rows if not problem)
    if not shapes:
        seen = sum(map(len, read.values()))
        reason = next((f", such as {path.name!r}: {problem}" for rows in read.values() for path, _, problem in rows), "")
        raise PairError(f"'{folder}' has no pairs: {seen:,} files were looked at{reason}. Needed are PNG or JPEG files with two pictures side by side.{_subfolders(folder)}")
    (usual, count), total = shapes.most_common(1)[0], sum(shapes.values())
    if count < LEAST_ALIKE * total:
        found = ", ".join(f"{number:,} of {w} x {h}" for (w, h), number in shapes.most_common(4))
        raise PairError(f"'{folder}' is a mixture of sizes: {found}. Pairs of one set have one size (width x height). Sort them into folders.")
    left_out, kept = {}, {}
    for part, rows in read.items():
        for path, shape, problem in rows:
            if not problem and shape != usual:
                problem = f"{shape[0]} x {shape[1]} pixels, most have {usual[0]} x {usual[1]}"
            if problem:
                left_out[f"{part}/{path.name}".lstrip("/")] = problem
            else:
                kept.setdefault(part, []).append(path)
    missing = [part for part in read if part not in kept]
    if missing:
        raise PairError(f"'{folder}': nothing in {', '.join(missing)} can be used. {_named(left_out)}")
    needed = 6 * size * size * total
    if needed > LARGEST_MEMORY:
        raise PairError(f"{total:,} pairs of {size} x {size} pixels need {needed / 2**30:.0f} GiB of memory. Give a smaller size, or limit=5000.")
    if "" in kept:
        kept = _split(folder, kept[""], test_share)
    elif "test" not in kept:
        kept["test"] = kept.pop("val")
    arrays = {part: _stacked(paths, size, order) for part, paths in kept.items()}
    if left_out:
        print(_named(left_out))
    empty = np.zeros((0, size, size, 3), np.uint8)
    return PairData(folder.name, "folder", *arrays["train"], *arrays["test"], *arrays.get("val", (empty, empty)), left_out)


def _subfolders(folder):
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return f" It has the folders {', '.join(names[:SHOWN])}: is one of them meant?" if names else ""


def _files(folder):
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _evenly(paths, limit):
    if limit is None or len(paths) <= limit:
        return paths
    return [paths[place] for place in np.linspace(0, len(paths) - 1, int(limit)).astype(int)]


def _look(path):
    """Return (width, height) of a file's picture, and what is wrong with it or ""."""
    if path.suffix.lower() not in ENDINGS:
        return None, f"no {', '.join(ENDINGS)} file"
    try:
        with _opened(path) as picture:
            width, height = picture.size
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        return None, f"cannot be read ({str(error)[:60] or type(error).__name__})"
    if width % 2 or width < 16 or not 0.6 <= width / 2 / height <= 1.7:
        return None, f"{width} x {height} pixels are not two pictures side by side"
    return (width, height), ""


@contextlib.contextmanager
def _opened(path):
    """Open a picture and read it whole. A picture that would fill the memory is an error; so is a file that ends too early."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(path, formats=("PNG", "JPEG")) as picture:
            picture.load()
            yield picture


def _as_rgb(picture):
    """Return a picture in RGB; what is transparent becomes white, and 16 bits become 8."""
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if picture.mode.startswith("I"):
        picture = PIL.Image.fromarray(np.uint8(np.asarray(picture, dtype=np.uint32) // 257))
    return picture.convert("RGB")


def _stacked(paths, size, order):
    """Return (inputs, targets), uint8 (N, size, size, 3), of files that were looked at before."""
    halves = np.empty((2, len(paths), size, size, 3), np.uint8)
    for number, path in enumerate(paths):
        try:
            with _opened(path) as picture:
                picture = _as_rgb(picture)
        except Exception as error:
            raise PairError(f"'{path}' could be read a moment ago, and now not any more: {error}. Was it changed? Run this cell again.") from None
        half = picture.width // 2
        for side in (0, 1):
            part = picture.crop((side * half, 0, (side + 1) * half, picture.height))
            halves[side, number] = part.resize((size, size), PIL.Image.Resampling.BOX if size < half else PIL.Image.Resampling.BICUBIC)
    return tuple(halves if order == "input-target" else halves[::-1])


def _split(folder, paths, test_share):
    count = max(1, round(len(paths) * test_share))
    if count >= len(paths):
        raise PairError(f"'{folder}' has {len(paths):,} pair, too few for a training and a test part. Two or more are needed.")
    test = set(np.random.default_rng(0).permutation(len(paths))[:count].tolist())
    print(f"'{folder.name}' has no folders train and test: {count:,} of its {len(paths):,} pairs ({test_share:.0%}) are kept for the test.")
    return {"train": [path for n, path in enumerate(paths) if n not in test], "test": [path for n, path in enumerate(paths) if n in test]}


def _named(left_out):
    lines = [f"  {name}: {reason}" for name, reason in list(left_out.items())[:SHOWN]]
    rest = [f"  and {len(left_out) - SHOWN:,} more"] if len(left_out) > SHOWN else []
    return "\n".join([f"{len(left_out):,} files were left out:", *lines, *rest])


def unpack(archive, folder):
    """Unpack a .zip, .tar, .tar.gz or .tgz archive into a new folder. It is there whole, or not at all.

    Args:
        archive: path of the file.
        folder: where to; it must not exist yet. If the archive holds one folder only, that folder's content is taken.

    Returns:
        Path of the folder.

    Raises:
        FileNotFoundError: there is no such archive.
        FileExistsError: the folder exists; nothing is overwritten.
        PairError: the archive is damaged or cut off, unpacks to more than 4 GiB or 50 times its size, holds a link, too many files, or a path
            that leaves the folder. Nothing is left behind.
        OSError: the folder cannot be written.
    """
    archive, folder = from_root(archive), from_root(folder)
    if not archive.is_file():
        raise FileNotFoundError(f"There is no file '{archive}'. Give the path of the archive that you downloaded.")
    if folder.exists():
        raise FileExistsError(f"'{folder}' exists already, and nothing is overwritten. Remove it or give another folder.")
    new_parents = [parent for parent in folder.parents if not parent.exists()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.unpacking."
    for left in folder.parent.glob(f"{prefix}*"):  # of an earlier one that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as place:
            os.replace(_unpacked(archive, Path(place) / "content"), folder)
    except BaseException:
        for parent in new_parents:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise
    return folder


def _unpacked(archive, place):
    """Unpack into `place`, and return the folder in it that has more than one folder."""
    place.mkdir()
    try:
        _copy_members(archive, place)
    except PairError:
        raise
    except Exception as error:  # damaged bytes make zipfile, tarfile and zlib raise a dozen kinds of errors
        if getattr(error, "errno", None):
            raise  # a full disk, for example
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PairError(f"'{archive}' ({archive.stat().st_size:,} bytes) is no whole archive: {reason}. Download it again. Nothing was kept.") from None
    if not any(place.iterdir()):
        raise PairError(f"'{archive}' is empty. Download it again. Nothing was kept.")
    while len(inside := list(place.iterdir())) == 1 and inside[0].is_dir() and inside[0].name not in SPLITS:
        (place,) = inside
    return place


def _copy_members(archive, place):
    """Copy each file of an archive; what an ordinary set of pictures does not hold is refused."""
    limit, seen = min(LARGEST_UNPACKED, LARGEST_RATIO * archive.stat().st_size), set()
    for name, open_member in _members(archive, limit):
        path = PurePosixPath(name.replace("\\", "/"))
        if "__MACOSX" in path.parts or path.name.startswith("._") or path.name == ".DS_Store":
            continue  # what a Mac adds
        if path.is_absolute() or ".." in path.parts or ":" in name or not path.parts:
            raise PairError(f"'{archive}' holds {name[:200]!r}, a path that leaves the folder or is not allowed on every computer. Nothing was kept.")
        if open_member is None:
            raise PairError(f"'{archive}' holds {name!r}, which is a link or a device, not a file. Do not trust this file. Nothing was kept.")
        same = unicodedata.normalize("NFC", str(path)).casefold()
        if same in seen:
            raise PairError(f"'{archive}' holds {name!r} twice, or another name that some computers cannot tell from it. Nothing was kept.")
        seen.add(same)
        if len(seen) > MOST_MEMBERS or len(path.parts) > DEEPEST:
            raise PairError(f"'{archive}' holds more than {MOST_MEMBERS:,} files, or folders more than {DEEPEST} deep. No set of pictures does. Nothing was kept.")
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member() as source, open(target, "xb") as out:
            while block := source.read(2**20):
                limit -= len(block)
                if limit < 0:
                    raise _too_large(archive)
                out.write(block)


def _too_large(archive):
    return PairError(f"'{archive}' has {archive.stat().st_size:,} bytes, but unpacks to more than {LARGEST_RATIO} times as many, or than {LARGEST_UNPACKED / 2**30:.0f} GiB. Nothing was kept.")


class _Bounded:
    """A stream that gives neither more than `limit` bytes in all nor large pieces: an archive's names can be bombs, too."""

    def __init__(self, stream, limit, archive):
        self._stream, self._left, self._archive = stream, limit, archive
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size):
        block = self._stream.read(min(size, LARGEST_PIECE + 1))
        self._left -= len(block)
        if len(block) > LARGEST_PIECE or self._left < 0:
            raise _too_large(self._archive)
        return block


def _members(archive, limit):
    """Yield (name, function that opens it) of each file; None in place of the function for what is no file. Folders are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                link = member.external_attr >> 16 & 0o170000 == 0o120000
                if not member.is_dir():
                    yield member.filename, None if link else lambda member=member: file.open(member)
        return
    with open(archive, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Bounded(gzip.GzipFile(fileobj=raw) if packed else raw, 2 * limit + 2**20, archive)
        with tarfile.TarFile(fileobj=stream) as file:
            for member in file:
                if not member.isdir():
                    yield member.name, (lambda member=member: file.extractfile(member)) if member.isfile() else None
            stream.seek(file.offset)  # tarfile ends in silence at a damaged header; a whole archive ends with zeros
            if stream.read(512) != bytes(512):
                raise tarfile.ReadError("it ends in the middle, or a part is damaged")
            while stream.read(2**20):  # to the end, so that gzip checks its checksum
                pass
