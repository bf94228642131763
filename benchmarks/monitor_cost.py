"""What the monitor costs, beside a training step of about 50 ms on 2 cores.

    python -m benchmarks.monitor_cost [blocks]

A Jupyter kernel trains chapter 02's network (batch 96). Blocks of ten steps with the monitor take turns with blocks of ten steps without it, so
that both see the same machine. With a grid of 16 samples every 50 steps. Printed: the ratio of the summed block times with its spread over
five parts of the run (sums, not medians: the grids fall into one block of five), and the time spent inside the monitor as a share of the time of the steps.
"""

import sys

from benchmarks.kernel import run_in_kernel

CODE = """
import time
import numpy as np
from helpers import datasets
from helpers.budget import quiet_import, start
start(seed=1)
from helpers.monitor import Monitor
from tools.definitions import load_definitions
import keras

images = np.random.default_rng(0).random((96, 28, 28, 1), dtype=np.float32)
"""
TRAIN = """
chapter = load_definitions("02")
encoder, decoder = chapter.make_encoder(32), chapter.make_decoder(32)
train_step = chapter.make_train_step(encoder, decoder, keras.optimizers.Adam(1e-3))
rng, blocks, inside = np.random.default_rng(1), {True: [], False: []}, 0.0
for _ in range(20):
    train_step(images, images)
with Monitor("02_autoencoder/benchmark", 10 * BLOCKS, 50, lambda: rng.random((16, 28, 28))) as monitor:
    step = 0
    for block in range(2 * BLOCKS):
        watched, began = block % 2 == 0, time.perf_counter()
        for _ in range(10):
            loss = train_step(images, images)
            if watched:
                step += 1
                entered = time.perf_counter()
                monitor.update(step, loss=loss, real_accuracy=0.5, fake_accuracy=0.5)
                inside += time.perf_counter() - entered
        blocks[watched].append(time.perf_counter() - began)
        if not watched:
            monitor._entered += blocks[False][-1]  # the monitor may use a share of the time that it watches, not of this
parts = [np.sum(w) / np.sum(o) for w, o in zip(np.array_split(blocks[True], 5), np.array_split(blocks[False], 5))]
result = (
    f"step without monitor: {1000 * np.median(blocks[False]) / 10:.0f} ms (depends on the machine)\\n"
    f"ratio with : without, sums of {BLOCKS} blocks each: {np.sum(blocks[True]) / np.sum(blocks[False]):.4f}, "
    f"five parts of the run: {min(parts):.4f} to {max(parts):.4f}\\n"
    f"inside the monitor: {inside / np.sum(blocks[False]):.2%} of the time of the steps"
)
"""


def main(blocks=60):
    print(run_in_kernel(CODE, TRAIN.replace("BLOCKS", str(int(blocks))), "print(result)"), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
