"""Pairs of pictures: emoji, drawn ones, edges of clothes, or a folder of the reader's own."""

import dataclasses
import io
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import canny

from .course import DATA, from_root, sources
from .datasets import DataError, load

SIZES = {"openmoji": 64, "fluent": 64, "sketches": 64, "streets": 64, "edges": 32}  # pixels
ORDERS = {"input-target": 1, "target-input": -1}


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

    The source is "openmoji" (lines to colours), "fluent" (flat to solid), "sketches" (to garments),
    "streets" (from maps), "edges" (of Fashion-MNIST, size 32), or a folder of PNG or JPEG files
    with two pictures side by side, in `train`, and `test` or `val`; of loose ones a tenth is for
    the test. They are resized to `size`, 8 to 1,024. `order="target-input"`: the second is input.

    ValueError: a wrong size or order. FileNotFoundError: no such folder. DataError: no pairs in it.
    """
    if size not in range(8, 1025) or size != SIZES.get(source, size) or order not in ORDERS:
        wanted = f"size={SIZES.get(source, '8 to 1024')} and an order of {list(ORDERS)}"
        raise ValueError(f"{source}: size is {size!r} and order {order!r}. Give {wanted}.")
    name, origin = Path(source).name, "embedded" if source in SIZES else "folder"
    if source == "edges":
        origin = (clothes := load("fashion_mnist")).source
        train, test = _edges(clothes.train_images[:10_000]), _edges(clothes.test_images[:1_000])
    else:
        train, test = _read_shipped(name) if source in SIZES else _read_folder(source, size)
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
        parts = file.get("train", slice(1000)), file.get("test", slice(1000, None))
        strips = [Image.open(io.BytesIO(file[key])) for key in file if " " in key]
    inputs, targets = np.concatenate(strips).reshape(2, -1, 64, 64, 3)
    return [[inputs[part][..., : 1 if name == "openmoji" else 3], targets[part]] for part in parts]


def _read_folder(source: str | Path, size: int) -> list[np.ndarray]:
    """Return the pairs for training and for the test, uint8 (2, N, size, size, 3)."""
    folder = from_root(source)
    if not folder.is_dir():
        raise FileNotFoundError(f"'{folder}' is no folder. Give one, or one of {list(SIZES)}.")
    parts = [part for part in ("train", "test", "val") if (folder / part).is_dir()][:2] or [""]
    read, left_out = {part: [] for part in parts}, []
    for part in parts:
        for path in sorted((folder / part).glob("[!.]*")):
            try:
                read[part].append(_read_halves(path, size))
            except Exception as error:  # Pillow raises many kinds of errors for damaged files
                left_out.append(f"  {path.relative_to(folder)}: {error}")
    if left_out:
        print(f"{len(left_out):,} files were left out:", *left_out[:10], sep="\n")
    counts = {part or "loose": len(pairs) for part, pairs in read.items()}
    if not all(counts.values()) or sum(counts.values()) < 2 or parts[0] == "test":
        wanted = "PNG or JPEG files, two pictures side by side, loose or in train and test (or val)"
        raise DataError(f"Too few pairs in '{folder}': {counts}. Needed are {wanted}.")
    pairs = [np.stack(part, axis=1) for part in read.values()]
    if len(pairs) == 1:
        mixed = np.random.default_rng(0).permutation(pairs[0].shape[1])
        test = np.sort(mixed[: max(1, round(len(mixed) / 10))])
        print(f"Of {len(mixed):,} pairs {len(test):,} are kept for the test.")
        pairs = [np.delete(pairs[0], test, axis=1), pairs[0][:, test]]
    return pairs


def _read_halves(path: Path, size: int) -> list[np.ndarray]:
    """Return the two pictures in a file, (size, size, 3); what is transparent becomes white."""
    picture = Image.open(path, formats=("PNG", "JPEG"))
    width, height = picture.size
    if width % 2 or width < 16 or not 0.6 <= width / 2 / height <= 1.7:
        raise DataError(f"{width} x {height} pixels are not two pictures side by side")
    if picture.mode.startswith("I"):  # 16 bits
        picture = Image.fromarray(np.uint8(np.asarray(picture) // 257))
    sheet = Image.new("RGBA", picture.size, "white")
    sheet.alpha_composite(picture.convert("RGBA"))
    method = Image.Resampling.BOX if size < width // 2 else Image.Resampling.BICUBIC
    halves = (sheet.crop((left, 0, left + width // 2, height)) for left in (0, width // 2))
    return [np.asarray(half.convert("RGB").resize((size, size), method)) for half in halves]
