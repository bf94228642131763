"""What `Training` costs: a chapter's loop beside a bare TensorFlow loop of the same networks.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.training_cost [blocks]

Chapter 04's improved recipe, in a Jupyter kernel. The bare loop takes its batches from `tf.data`
(shuffle, batch, prefetch) and makes the chapter's steps, nothing else. The chapter's loop takes
them from `run.batches` and updates the run at each step, with 16 samples every 50 steps and a
checkpoint every 500. Blocks of 25 steps of the one and of the other take turns, so that both see
the same machine. Printed: bare time divided by the chapter's time, from the sums, with the spread
over five parts of the run (1 means equally fast); and the share of the chapter's time inside
`update`.
"""

import sys
import time

import numpy as np

from benchmarks.kernel import run_in_kernel
from helpers import datasets
from helpers.course import start
from helpers.training import Training
from tools.notebooks.definitions import load_definitions

BLOCK = 25  # steps
FEWEST = 20  # blocks: a checkpoint belongs to each 20 of them


def measure(blocks: int) -> str:
    """Train in turns, and return what was measured, as a text."""
    start(seed=1)
    import tensorflow as tf

    chapter = load_definitions("04")
    images = chapter.scaled(datasets.load("fashion_mnist").train_images)
    batch_size = chapter.IMPROVED["batch_size"]
    _, bare_steps, _ = chapter.make_training(chapter.IMPROVED, 0)
    parts, both_steps, _ = chapter.make_training(chapter.IMPROVED, 0)
    pictures = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat()
    pipeline = iter(pictures.batch(batch_size, drop_remainder=True).prefetch(2))

    def bare_seconds(first: int) -> float:
        began = time.perf_counter()
        for step in range(first, first + BLOCK):
            numbers = bare_steps(next(pipeline), step)
        float(numbers["generator_loss"])  # waits until the last step is done
        return time.perf_counter() - began

    noise = np.random.default_rng(1).normal(size=(16, chapter.LATENT)).astype(np.float32)

    def samples() -> tf.Tensor:
        return parts["averaged"](noise, training=False)

    steps = (blocks + 1) * BLOCK  # the first block traces, and is not counted
    run = Training("04_dcgan/benchmark", steps, 50, samples, (-1, 1), 500, **parts)
    bare, whole, inside = [], [], []
    updating, began = 0.0, time.perf_counter()
    for batch in run.batches(images, batch_size, 0):
        numbers = both_steps(batch, run.step)
        entered = time.perf_counter()
        run.update(**numbers)
        updating += time.perf_counter() - entered
        if run.step % BLOCK == 0:
            whole.append(time.perf_counter() - began)
            inside.append(updating)
            bare.append(bare_seconds(run.step))
            updating, began = 0.0, time.perf_counter()
    bare, whole, inside = (np.array(seconds[1:]) for seconds in (bare, whole, inside))
    ratios = [b.sum() / w.sum() for b, w in zip(*(np.array_split(s, 5) for s in (bare, whole)))]
    return (
        f"bare : chapter, sums of {blocks} blocks of {BLOCK} steps: "
        f"{bare.sum() / whole.sum():.3f}, five parts: {min(ratios):.3f} to {max(ratios):.3f}\n"
        f"inside update: {inside.sum() / whole.sum():.1%} of the chapter's time\n"
        f"a bare step: {1000 / BLOCK * np.median(bare):.0f} ms (depends on the machine)"
    )


def main(blocks: str = "60") -> None:
    if int(blocks) < FEWEST:
        raise SystemExit(f"Give {FEWEST} blocks or more.")
    measured = f"from benchmarks.training_cost import measure\nresult = measure({int(blocks)})"
    print(run_in_kernel(measured, "print(result)"), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
