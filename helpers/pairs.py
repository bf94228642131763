"""Pairs of pictures: emoji, drawn ones, edges of clothes, or a folder of the reader's own."""

import dataclasses
import io
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import canny
from tqdm import tqdm

from .course import DATA, from_root, sources
from .datasets import DataError, load
from .pictures import FORMATS, flatten, read_picture

SIZES = {"openmoji": 64, "fluent": 64, "edges": 32}  # pixels
ORDERS = {"input-target": 1, "target-input": -1}
SUFFIXES = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
# Folders of the reader's own. Of two sides, the one that stands first here is the first of a pair.
SIDES = ["a", "input", "source", "label", "mask", "image", "photo", "b", "target", "output"]
PART = "(train|training|test|testing|val|valid|validation)?"
PLACE = re.compile(f"{PART}(?:({'|'.join(SIDES)})s?)?{PART}")  # "traina": trainA, A/train, ...
ODD = (5 / 4, 4 / 3, 3 / 2, 16 / 9, 3)  # proportions of single photos, and of three pictures
LAYOUTS = "files with two pictures side by side, loose or in 'train' and 'test'; or two folders, "
LAYOUTS += f"'A' and 'B', 'input' and 'target', 'trainA' and 'trainB', ...; {', '.join(FORMATS)}"
Pair = tuple[Path, ...]  # two files, or one with both pictures; paths are relative to the folder
# A name in small letters, and in one form: a Mac writes é and 한 in pieces.
_plain = lambda name: unicodedata.normalize("NFC", str(name).casefold())
_count = lambda names: f"{len(names):,} ({', '.join(sorted(names)[:5])}{', …' * (len(names) > 5)})"


@dataclasses.dataclass(frozen=True)
class PairData:
    """Pictures and what should be made of them, uint8 (N, size, size, C): C is 3; 1 for lines."""

    name: str
    source: str  # "embedded" (in this project), "folder", or that of Fashion-MNIST
    train_inputs: np.ndarray = dataclasses.field(repr=False)
    train_targets: np.ndarray = dataclasses.field(repr=False)
    test_inputs: np.ndarray = dataclasses.field(repr=False)
    test_targets: np.ndarray = dataclasses.field(repr=False)


def load_pairs(source: str | Path, size: int = 64, order: str = "input-target") -> PairData:
    """Load pairs of pictures, and print where they came from and how many there are.

    The source is "openmoji" (lines to colours), "fluent" (flat to solid), "edges" (of
    Fashion-MNIST, size 32), or a folder: of files with two pictures side by side, or with two
    folders, as `A` and `B` or `labels` and `images`, joined by name (see data/README.md). Each is
    resized to `size`, 8 to 1,024. `order="target-input"`: the second, picture or folder, is the
    input.

    ValueError: a wrong size or order. FileNotFoundError: no such folder. DataError: no pairs in it.
    """
    if size not in range(8, 1025) or size != SIZES.get(source, size) or order not in ORDERS:
        wanted = f"size={SIZES.get(source, '8 to 1024')} and an order of {list(ORDERS)}"
        raise ValueError(f"{source}: size is {size!r} and order {order!r}. Give {wanted}.")
    name, origin = Path(source).name, "embedded" if source in SIZES else "folder"
    if source == "edges":
        origin = (clothes := load("fashion_mnist")).source
        train, test = _edges(clothes.train_images[:10_000]), _edges(clothes.test_images[:1_000])
    elif source in SIZES:
        train, test = _read_shipped(name)
    elif (folder := from_root(source)).is_dir():
        train, test = _read_folder(folder, size, order.split("-"))
    else:
        raise FileNotFoundError(f"'{folder}' is no folder. Give one, or one of {list(SIZES)}.")
    if source != "edges":
        sources[name] = origin
    counts = f"{len(train[0]):,} train + {len(test[0]):,} test pairs, {size} x {size} pixels"
    print(f"{name} (source: {origin}): {counts}.")
    return PairData(name, origin, *train[:: ORDERS[order]], *test[:: ORDERS[order]])


def _edges(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the garments' edges, black on white, and the garments on white, (N, 32, 32, 1)."""
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    lines = [canny(image / 255, 0.8, 0.08, 0.2) for image in images]
    return np.where(lines, 0, 255).astype(np.uint8)[..., None], 255 - images[..., None]


def _read_shipped(name: str) -> list[list[np.ndarray]]:
    """Return [inputs, targets] for training and for the test, each uint8 (N, 64, 64, C)."""
    with np.load(DATA / f"pairs_{name}.npz") as file:
        parts = file["train"], file["test"]
        strips = [Image.open(io.BytesIO(file[key])) for key in file if " " in key]
    inputs, targets = np.concatenate(strips).reshape(2, -1, 64, 64, 3)
    return [[inputs[part][..., : 1 if name == "openmoji" else 3], targets[part]] for part in parts]


def _read_folder(folder: Path, size: int, roles: list[str]) -> list[np.ndarray]:
    """Return [training, test], each uint8 (2, N, size, size, 3): the first and second pictures."""
    train, test = _find_pairs(folder)
    if not test:
        train, test = [pair for number, pair in enumerate(train) if number % 10], train[::10]
        print(f"Each tenth pair is kept for the test: {len(test):,}.")
    read = [_read_pairs(folder, pairs, size, roles) for pairs in (train, test)]
    if not read[0].size or not read[1].size:
        seen = f"{read[0].shape[1]} for training, {read[1].shape[1]} for the test"
        raise DataError(f"Too few pairs in '{folder}': {seen}. Needed are {LAYOUTS}.")
    for role, known, asked in zip(roles, *read):
        digests = {hash(picture.tobytes()) for picture in known}
        if copies := sum(hash(picture.tobytes()) in digests for picture in asked):
            text = f"{copies:,} {role}s of the test are in the training part, too"
            print(f"WARNING: {text}. Leave one copy of each.")
    return read


def _find_pairs(folder: Path) -> list[list[Pair]]:
    """Return the pairs for training and for the test, and print which files belong to none."""
    forms = ["[!.]*/" * depth + "[!.]*" for depth in range(4)]
    found = [path for form in forms for path in folder.glob(form) if path.is_file()]
    found = sorted(path.relative_to(folder) for path in found)
    parts: dict[str, dict[str, dict[str, Path]]] = {"tra": {}, "": {}, "tes": {}, "val": {}}
    for path in found:
        match = PLACE.fullmatch(re.sub(r"[\W_]", "", _plain(path.parent)))
        if match and path.suffix.lower() in SUFFIXES:
            before, side, after = match.groups("")
            name = _plain(path.stem if side else path.name)
            parts[(before or after)[:3]].setdefault(side, {})[name] = path
    pairs = [_join(parts["tra"]) or _join(parts[""]), _join(parts["tes"]) or _join(parts["val"])]
    alone = set(found) - {path for part in pairs for files in part for path in files}
    for place in sorted({path.parent for path in alone})[:5]:
        names = [path.name for path in alone if path.parent == place]
        print(f"Not read in '{place}', for they belong to no pair: {_count(names)}.")
    return pairs


def _join(sides: dict[str, dict[str, Path]]) -> list[Pair]:
    """Join files of two folders that have the same name; if there are no two, take the others."""
    known = [sides[side] for side in SIDES if side in sides]
    if len(known) > 2:
        seen = f"Which two folders hold the pairs: {' or '.join(sides)}?"
        raise DataError(f"{seen} Leave two there, and move the others away.")
    if len(known) < 2:
        return [(path,) for path in sides.get("", {}).values()]
    one, other = known
    if pairs := [(one[name], other[name]) for name in one if name in other]:
        return pairs
    seen = " with ".join(_count([str(path) for path in files.values()]) for files in known)
    raise DataError(f"No names fit: {seen}. Give both pictures of a pair the same name.")


def _read_pairs(folder: Path, pairs: list[Pair], size: int, roles: list[str]) -> np.ndarray:
    """Return the pairs that can be read, uint8 (2, N, size, size, 3), and print what they are."""
    read, done = np.empty((2, len(pairs), size, size, 3), np.uint8), 0
    halves, left_out = Counter(), []
    for pair in tqdm(pairs, unit="pair", file=sys.stdout, disable=len(pairs) <= 200):
        try:
            pictures = [flatten(read_picture(folder / path)) for path in pair]
            if len(pair) == 1:
                width, height = pictures[0].size
                if width % 2 or width <= height:
                    raise DataError(f"{width} x {height} pixels are not two pictures side by side")
                boxes = [(left, 0, left + width // 2, height) for left in (0, width // 2)]
                pictures = [pictures[0].crop(box) for box in boxes]
                halves[pictures[0].size] += 1
        except ValueError as error:
            left_out.append(f"  {pair[0]}: {error}")
            continue
        for side, (picture, path) in enumerate(zip(pictures, 2 * pair)):
            maps = re.search("label|mask", _plain(path.parent))
            method = Image.Resampling.NEAREST if maps else Image.Resampling.BICUBIC
            read[side, done] = picture.resize((size, size), method)
        done += 1
    if left_out:
        print(f"Pairs that cannot be read, left out: {len(left_out):,}", *left_out[:5], sep="\n")
    if pairs and len(pairs[0]) == 2:
        shown = (f"{role}s as {path}" for role, path in zip(roles, pairs[0]))
        print(f"Joined by name: {' and '.join(shown)}.")
    for (width, height), count in halves.most_common(5):
        text = f"{2 * width} x {height} is cut into two halves of {width} x {height}"
        print(f"Each file of {text} ({roles[0]} left, {roles[1]} right): {count:,}.")
        if np.isclose(2 * width / height, ODD, rtol=0.01).any():
            text = "Single photos, or three pictures side by side, have this proportion"
            print(f"WARNING: {text}. Put inputs and targets into two folders, A and B.")
    return read[:, :done]
