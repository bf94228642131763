"""The chapter's loop, with monitor, averages and checkpoints, beside a bare TensorFlow loop of the same networks and batch.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.monitored_loop [blocks]

Chapter 04's improved recipe. The bare loop takes its batches from `tf.data` (shuffle, batch, prefetch) and calls the chapter's train step and average,
nothing else. The chapter's loop takes them from `helpers.datasets`, updates the monitor at each step, draws 16 samples every 50 steps and saves a checkpoint every 500.
Blocks of 25 steps of the one and of the other take turns, so that both see the same machine. Printed: bare time divided by the chapter's time, from the sums, with the
spread over five parts of the run. 1 means equally fast.
"""

import sys

from benchmarks.kernel import run_in_kernel

CODE = """
import time
import numpy as np
from helpers import datasets
from helpers.budget import start
start(seed=1)
import tensorflow as tf
from helpers.checkpoints import Checkpoints
from helpers.monitor import Monitor
from tools.definitions import load_definitions

chapter = load_definitions("04")
images = chapter.scaled(datasets.load("fashion_mnist").train_images)
recipe = chapter.IMPROVED

def make():
    parts = chapter.make_parts(recipe, 0)
    step = chapter.make_train_step(**parts)
    parts["averaged"] = chapter.averaged_copy(recipe, parts["generator"])
    return parts, step, chapter.make_average_step(parts["generator"], parts["averaged"], recipe["average"])
"""
TRAIN = """
bare_parts, bare_step, bare_average = make()
parts, train_step, average_step = make()
pipeline = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat()
pipeline = iter(pipeline.batch(recipe["batch_size"], drop_remainder=True).prefetch(2))
batches = datasets.batches(images, recipe["batch_size"], 0)
kept = Checkpoints("04_dcgan/benchmark", **parts)
kept.resume()
fixed = np.random.default_rng(1).normal(size=(16, chapter.LATENT)).astype(np.float32)
for step in range(20):
    bare_step(next(pipeline)), bare_average(tf.constant(step))
    train_step(next(batches)), average_step(tf.constant(step))
seconds, step = {"bare": [], "chapter": []}, 0
samples = lambda: parts["averaged"](fixed, training=False)
with Monitor("04_dcgan/benchmark", 25 * BLOCKS, 50, samples, (-1, 1)) as monitor:
    for block in range(BLOCKS):
        began = time.perf_counter()
        for bare in range(25):
            bare_step(next(pipeline))
            bare_average(tf.constant(25 * block + bare))
        bare_parts["generator"].weights[0].numpy()
        seconds["bare"].append(time.perf_counter() - began)
        monitor._entered += seconds["bare"][-1]  # the monitor may use a share of the time that it watches, not of this
        began = time.perf_counter()
        for _ in range(25):
            numbers = train_step(next(batches))
            average_step(tf.constant(step))
            step += 1
            monitor.update(step, **dict(zip(chapter.CURVES, numbers)))
            if step % 500 == 0:
                kept.save(step, monitor.history)
        seconds["chapter"].append(time.perf_counter() - began)
ratios = [np.sum(b) / np.sum(c) for b, c in zip(*(np.array_split(seconds[name], 5) for name in ("bare", "chapter")))]
result = (f"bare : chapter, sums of {BLOCKS} blocks of 25 steps each: {np.sum(seconds['bare']) / np.sum(seconds['chapter']):.3f}, "
      f"five parts of the run: {min(ratios):.3f} to {max(ratios):.3f} "
      f"(a bare step took {40 * np.median(seconds['bare']):.0f} ms, which depends on the machine)")
"""


def main(blocks=60):
    if int(blocks) < 20:
        raise SystemExit("Give 20 blocks or more: a checkpoint belongs to each 20 of them.")
    print(run_in_kernel(CODE, TRAIN.replace("BLOCKS", str(int(blocks))), "print(result)"), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
