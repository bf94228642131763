"""A folder of the reader's own pairs: which files belong together, what is read, what is not."""

import hashlib
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from .datasets import DataError
from .pictures import FORMATS, flatten, resampling

SUFFIXES = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS}
PARTS = {
    "train": ("train", "training", ""),
    "test": ("test", "testing", "val", "valid", "validation"),
}
SIDES = "a input inputs source label labels mask masks image images photo photos b target targets"
SIDES += " output outputs"  # of two folders, the earlier one in this row is the first of a pair
ODD = {f"{w}:{h}, like a single photo": w / h for w, h in [(5, 4), (4, 3), (3, 2), (16, 9)]}
ODD["3:1, like three pictures side by side"] = 3
WANTED = "Needed are files with two pictures side by side, loose or in 'train' and 'test'; or two "
WANTED += "folders of single pictures: 'A' and 'B', 'input' and 'target', 'trainA' and 'trainB'"


def read_folder(folder: Path, size: int, roles: list[str], label_maps: str) -> list[np.ndarray]:
    """Return [training, test], each uint8 (2, N, size, size, 3), and print what was read.

    Roles are "input" and "target", in the order in which the two pictures of a pair lie. The rest
    is as in `pairs.load_pairs`. DataError: no pairs, or it is not clear which.
    """
    parts = {part: _join(folder, sides, roles) for part, sides in _find_parts(folder).items()}
    read, files = _read_parts(folder, parts, size, roles, label_maps)
    counts = {part: len(paths) for part, paths in files.items()}
    if not counts.get("train") or not all(counts.values()) or sum(counts.values()) < 2:
        inside = sorted(path.name for path in folder.glob("[!.]*/"))[:8]
        raise DataError(f"Too few pairs in '{folder}': {counts}. Its folders: {inside}. {WANTED}.")
    if "test" not in read:
        mixed = np.random.default_rng(0).permutation(counts["train"])
        test = np.sort(mixed[: max(1, round(len(mixed) / 10))])
        print(f"Kept for the test: {len(test):,} of {len(mixed):,} pairs.")
        files["test"] = [files["train"][place] for place in test]
        read["test"] = read["train"][:, test]
        read["train"] = np.delete(read["train"], test, axis=1)
    for role, known, asked in zip(roles, read["train"], read["test"]):
        _warn_of_pixels(role, known, asked, files["test"])
    return [read["train"], read["test"]]


def _find_parts(folder: Path) -> dict[str, list[Path]]:
    """Return for "train", and for "test" if there is one: one folder, or those of both sides.

    All paths here and below are relative to the folder.
    """
    found = [path for depth in (1, 2, 3) for path in folder.glob("[!.]*/" * depth)]
    inside, places = sorted(path.relative_to(folder) for path in found), {"": Path()}
    for path in inside:  # "traina" is train/A, Train-A or trainA; "atrain" is A/train
        places.setdefault(re.sub(r"[\W_]", "", _plain(path)), path)
    parts = {}
    for part, words in PARTS.items():
        sides = (_find_sides(folder, places, word) for word in words)
        parts |= {part: next(filter(None, sides), [])}
    read = {side for sides in parts.values() for side in sides}
    used = {Path(), *read, *(parent for side in read for parent in side.parents)}
    if unread := [path for path in inside if path not in used and path.parent in used]:
        print(f"Folders that are not read: {_count(unread)}. Subfolders are not looked into.")
    return {part: sides for part, sides in parts.items() if sides}


def _find_sides(folder: Path, places: dict[str, Path], word: str) -> list[Path]:
    """Return the two folders of sides, or the one with pictures, of a part's word; else none."""
    keys = dict.fromkeys(key for side in SIDES.split() for key in (side + word, word + side))
    sides = [places[key] for key in keys if key in places]
    if len(sides) > 2:
        seen = f"Which two folders of '{folder}' hold the pairs: {_count(sides)}?"
        raise DataError(f"{seen} Leave two there, and move the others away.")
    if len(sides) == 2:
        return sides
    loose = (folder / places[word]).glob("[!.]*") if word in places else ()
    return [places[word]] if any(map(_is_picture, loose)) else []


def _join(folder: Path, sides: list[Path], roles: list[str]) -> list[tuple[Path, ...]]:
    """Return the files of each pair: those of two folders with the same name, or single files."""
    found = [path for side in sides for path in (folder / side).glob("[!.]*") if path.is_file()]
    found = sorted(path.relative_to(folder) for path in found)
    if others := [path for path in found if not _is_picture(path)]:
        print(f"Files that are no pictures: {_count(others)}.")
    listed = [[p for p in found if _is_picture(p) and p.parent == side] for side in sides]
    if len(sides) == 1:
        return list(zip(*listed))
    by_name = [{_plain(path.stem): path for path in paths} for paths in listed]
    by_own_words = list(map(_by_own_words, listed, listed[::-1]))
    rules = (by_name, by_own_words)
    joined = [[(one[key], other[key]) for key in one if key in other] for one, other in rules]
    if not (pairs := max(joined, key=len)):
        seen = f"No file name of '{folder}' fits: {' with '.join(map(_count, listed))}."
        raise DataError(f"{seen} Give both pictures of a pair the same name.")
    text = " and ".join(f"{role}s of '{side}'" for role, side in zip(roles, sides))
    print(f"Joined by name: {text}, as {' and '.join(map(str, pairs[0]))}.")
    if maps := list(filter(_holds_maps, sides)):
        print(f"Taken for label maps, and resized by the nearest pixel: {_count(maps)}.")
    if alone := {*listed[0], *listed[1]} - {path for pair in pairs for path in pair}:
        print(f"Files without a partner, left out: {_count(alone)}.")
    return pairs


def _read_parts(
    folder: Path, parts: dict[str, list], size: int, roles: list[str], label_maps: str
) -> tuple[dict[str, np.ndarray], dict[str, list[Path]]]:
    """Return the pairs of each part, uint8 (2, N, size, size, 3), and their (first) files."""
    read = {part: np.empty((2, len(f), size, size, 3), np.uint8) for part, f in parts.items()}
    kept: dict[str, list[Path]] = {part: [] for part in parts}
    sizes, left_out = Counter(), []
    jobs = [(part, paths) for part, pairs in parts.items() for paths in pairs]
    for part, paths in tqdm(jobs, unit="pair", file=sys.stdout, disable=len(jobs) <= 200):
        try:
            pictures = [_read_picture(folder, path) for path in paths]
            before = tuple(picture.size for picture in pictures)
            pictures = pictures if len(paths) == 2 else _halves(pictures[0], paths[0])
        except DataError as error:
            left_out.append(f"  {error}")
            continue
        for side, (picture, role) in enumerate(zip(pictures, roles)):
            maps = label_maps == f"{role}s" or _holds_maps(paths[side % len(paths)].parent)
            method = Image.Resampling.NEAREST if maps else resampling(picture, size, size)
            read[part][side, len(kept[part])] = picture.resize((size, size), method)
        kept[part].append(paths[0])
        sizes[before] += 1
    if left_out:
        print(f"Files that cannot be read, left out: {len(left_out):,}", *left_out[:10], sep="\n")
    _describe(sizes, roles)
    return {part: pairs[:, : len(kept[part])] for part, pairs in read.items()}, kept


def _read_picture(folder: Path, path: Path) -> Image.Image:
    try:
        with Image.open(folder / path, formats=FORMATS) as picture:
            return flatten(picture)
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        reason = str(error).replace(str(folder / path), path.name)
        raise DataError(f"{path}: {reason}") from None


def _halves(picture: Image.Image, path: Path) -> list[Image.Image]:
    width, height = picture.size
    if width % 2 or width <= height:
        raise DataError(f"{path}: {width} x {height} pixels are not two pictures side by side")
    return [picture.crop((left, 0, left + width // 2, height)) for left in (0, width // 2)]


def _describe(sizes: Counter, roles: list[str]) -> None:
    """Print what was made of files of each size, and what speaks against their being pairs."""
    doubts: Counter = Counter()
    for place, (shapes, count) in enumerate(sizes.most_common()):
        names = [f"{width} x {height}" for width, height in shapes]
        text = f"Pairs of {names[0]} ({roles[0]}) and {names[-1]} ({roles[1]})"
        if len(shapes) == 1:
            half = f"{shapes[0][0] // 2} x {shapes[0][1]} ({roles[0]} left, {roles[1]} right)"
            text = f"Each file of {names[0]} is cut into two halves of {half}"
        if place < 3:
            print(f"{text}: {count:,}.")
        doubts.update(_doubts([width / height for width, height in shapes]) * count)
    if len(sizes) > 3:
        print(f"The others have {len(sizes) - 3:,} more sizes.")
    for (seen, advice), count in doubts.items():
        print(f"WARNING: {seen}: {count:,}. {advice}")


def _doubts(ratios: list[float]) -> list[tuple[str, str]]:
    """Return what speaks against pictures of these proportions being pairs, with an advice."""
    if len(ratios) == 2:
        advice = "Do the pictures lie on each other?"
        return [] if np.isclose(*ratios, rtol=0.02) else [("pairs of two proportions", advice)]
    advice = "If they hold no pairs, put inputs and targets into two folders, A and B."
    names = [name for name, ratio in ODD.items() if np.isclose(ratios[0], ratio, rtol=0.01)]
    return [(f"files of the proportion {name}", advice) for name in names]


def _warn_of_pixels(role: str, known: np.ndarray, asked: np.ndarray, paths: list[Path]) -> None:
    """Print which test pictures are in the training part, too, and whether all are nearly black."""
    digest = lambda picture: hashlib.sha256(picture.tobytes()).digest()
    digests = {*map(digest, known)}
    if copies := [path for path, picture in zip(paths, asked) if digest(picture) in digests]:
        text = f"test {role}s that are in the training part, too: {_count(copies)}"
        print(f"WARNING: {text}. Leave one copy of each.")
    if known.max() < 64:
        text = f"all {role}s are nearly black (largest value {known.max()})"
        print(f"WARNING: {text}. If these are numbers of classes, give each class a colour.")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _holds_maps(side: Path) -> bool:
    return bool(re.search("label|mask", _plain(side)))


def _by_own_words(paths: list[Path], others: list[Path]) -> dict[tuple[str, ...], Path]:
    """Return files by their names without the words that all of these and none of the others have.

    So `aachen_7_leftImg8bit` and `aachen_7_gtFine_color` of Cityscapes have the same key.
    """
    split = lambda path: re.findall(r"\d+|[^\W\d_]+(?:\d+[^\W\d_]+)*", _plain(path.stem))
    names, foreign = [split(path) for path in paths], {w for path in others for w in split(path)}
    shared = set.intersection(*map(set, names)) if names else set()
    own = {word for word in shared - foreign if not word.isdigit()}
    keys = [tuple(word for word in name if word not in own) for name in names]
    return {key: path for key, path in zip(keys, paths) if key}


def _plain(name: str | Path) -> str:
    """Return a name in small letters, and in one form: a Mac writes é and 한 in pieces."""
    return unicodedata.normalize("NFC", str(name).casefold())


def _count(paths: Collection[Path]) -> str:
    """Return how many there are, and up to five names, in order."""
    names = sorted(map(str, paths))[:5]
    return f"{len(paths):,} ({', '.join(names)}{', ...' * (len(paths) > 5)})"
