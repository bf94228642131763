"""Draw the sketches of chapter 07, and write the file that `helpers.pairs` reads.

    python -m tools.data.draw_pairs       writes data/pairs_sketches.npz

The file holds strips of 220 pictures below each other as lossless WebP: first the inputs, then the
targets. The pair with a number is always the same one.
"""

import io
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from helpers.course import DATA, atomic_write
from tools.data.sketches import garment
from tools.data.write_npz import array_hash

DRAWN = {"sketches": garment}
SIZE, TRAIN, TEST, STRIP = 64, 1_000, 100, 220  # pixels; pairs; pictures in a strip
WEBP = dict(format="WEBP", lossless=True, method=4, quality=80, exact=True)


def make(name: str, size: int, count: int = TRAIN + TEST) -> tuple[np.ndarray, np.ndarray]:
    """Return (inputs, targets), each uint8 (count, size, size, 3)."""
    inputs, targets = np.empty((2, count, size, size, 3), np.uint8)
    draw = partial(DRAWN[name], side=size)
    with ProcessPoolExecutor() as workers:
        for number, pair in enumerate(workers.map(draw, range(count), chunksize=25)):
            inputs[number], targets[number] = pair
    return inputs, targets


def packed(pictures: np.ndarray) -> np.ndarray:
    """Return the bytes of a strip of pictures, uint8 (N, size, size, 3), as a row of uint8."""
    content = io.BytesIO()
    Image.fromarray(pictures.reshape(-1, *pictures.shape[2:])).save(content, **WEBP)
    return np.frombuffer(content.getvalue(), np.uint8)


def main() -> None:
    for name in DRAWN:
        sides = dict(zip(("inputs", "targets"), make(name, SIZE)))
        strips = {
            f"{side} {at // STRIP}": packed(pictures[at : at + STRIP])
            for side, pictures in sides.items()
            for at in range(0, TRAIN + TEST, STRIP)
        }
        path = DATA / f"pairs_{name}.npz"
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **strips)
        print(f"{path.name}: {path.stat().st_size:,} bytes")
        for side, pictures in sides.items():
            print(f"  {side} {array_hash(pictures)}")


if __name__ == "__main__":
    main()
