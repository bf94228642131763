"""Draw the pairs of the sketches or of the streets into a file; `helpers.datasets.pairs` calls this when they are wanted at a size for the first time.

    python -m tools.make_pairs sketches 64 build/sketches.npz
"""

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait

import numpy as np

from helpers.course import atomic_write
from tools.data.sketches import garment
from tools.data.streets import street

DRAWN = {"sketches": garment, "streets": street}
TRAIN, TEST = 1_000, 100


def make(name, size, count=TRAIN + TEST):
    """Return (inputs, targets), each uint8 (count, size, size, 3). The pair with a number is always the same one."""
    inputs, targets = np.empty((2, count, size, size, 3), np.uint8)
    with ProcessPoolExecutor(initializer=end_with_the_parent) as workers:
        for number, pair in enumerate(workers.map(partial(DRAWN[name], side=size), range(count), chunksize=25)):
            inputs[number], targets[number] = pair
    return inputs, targets


def end_with_the_parent():
    """Let a worker end when the process that started it is gone, also if that was killed."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()


def main(name, size, path):
    inputs, targets = make(name, int(size))
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, inputs=inputs, targets=targets)


if __name__ == "__main__":
    main(*sys.argv[1:])
