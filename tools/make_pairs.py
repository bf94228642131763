"""Draw the pairs of the sketches or of the streets into a file; `helpers.datasets.pairs` calls this when they are wanted at a size for the first time.

    python -m tools.make_pairs sketches 64 build/sketches.npz
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from helpers.paths import atomic_write
from tools.sketches import garment
from tools.streets import street

DRAWN = {"sketches": garment, "streets": street}
TRAIN, TEST = 1_000, 100


def make(name, size, count=TRAIN + TEST):
    """Return (inputs, targets), each uint8 (count, size, size, 3). The pair with a number is always the same one."""
    with ProcessPoolExecutor() as workers:
        drawn = list(workers.map(partial(DRAWN[name], side=size), range(count), chunksize=25))
    return tuple(np.stack(pictures) for pictures in zip(*drawn))


def main(name, size, path):
    inputs, targets = make(name, int(size))
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, inputs=inputs, targets=targets)


if __name__ == "__main__":
    main(*sys.argv[1:])
