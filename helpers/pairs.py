"""Pairs of pictures: emoji, drawn ones, edges of clothes, or a folder of the reader's own."""

import dataclasses
import io
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import canny

from .course import DATA, from_root, sources
from .datasets import load
from .folders import read_folder

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


def load_pairs(
    source: str | Path, size: int = 64, order: str = "input-target", label_maps: str = ""
) -> PairData:
    """Load pairs of pictures, and print where they came from and how many there are.

    The source is "openmoji" (lines to colours), "fluent" (flat to solid), "sketches" (to garments),
    "streets" (from maps), "edges" (of Fashion-MNIST, size 32), or a folder: of files with two
    pictures side by side, loose or in `train` and `test`; or with two folders of single pictures
    that are joined by name, such as `A` and `B`, `trainA` and `trainB`, `labels` and `images` (all
    forms: data/README.md). Each picture is resized to `size`, 8 to 1,024, whatever its proportion.

    `order="target-input"`: the second picture, or folder, is the input. `label_maps="inputs"` (or
    "targets") resizes these by the nearest pixel, so that no new colours appear between classes;
    folders named labels or masks are always treated so.

    ValueError: a wrong argument. FileNotFoundError: no such folder. DataError: no pairs in it.
    """
    if size not in range(8, 1025) or size != SIZES.get(source, size) or order not in ORDERS:
        wanted = f"size={SIZES.get(source, '8 to 1024')} and an order of {list(ORDERS)}"
        raise ValueError(f"{source}: size is {size!r} and order {order!r}. Give {wanted}.")
    if label_maps not in ("", "inputs", "targets"):
        raise ValueError(f"label_maps is {label_maps!r}. Give 'inputs' or 'targets', or leave it.")
    name, step = Path(source).name, ORDERS[order]
    if source == "edges":
        origin = (clothes := load("fashion_mnist")).source
        parts = [_edges(clothes.train_images[:10_000]), _edges(clothes.test_images[:1_000])]
    elif source in SIZES:
        origin = sources[name] = "embedded"
        parts = _read_shipped(name)
    elif (folder := from_root(source)).is_dir():
        origin = sources[name] = "folder"
        parts = read_folder(folder, size, order.split("-"), label_maps)
    else:
        raise FileNotFoundError(f"'{folder}' is no folder. Give one, or one of {list(SIZES)}.")
    counts = f"{len(parts[0][0]):,} train + {len(parts[1][0]):,} test pairs"
    print(f"{name} (source: {origin}): {counts}, {size} x {size} pixels.")
    return PairData(name, origin, *parts[0][::step], *parts[1][::step])


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
