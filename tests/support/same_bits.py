"""Train small networks whole, and interrupted and resumed, each in a process of its own.

    python -m tests.support.same_bits tests.chapters.test_chapter_08 FOLDER

The test module has `load_small()`, a chapter with tiny networks, and `train_small(chapter, name)`,
which trains `STEPS` steps or goes on, and returns all that a training changes, and its curves. Two
trainings in one process would not do: each traces its own step, and two traces can add a network's
gradients in another order. So this forks before TensorFlow runs, once a training. FOLDER gets
whole.npz and resumed.npz.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import forks, training_checks

STEPS, CUT = 5, 3  # a checkpoint each 2 steps: step 3 is lost


def train_cyclegan(chapter, name, heaps):
    """Train a CycleGAN; return all that a training changes, and its curves."""
    parts, history = chapter.train(name, heaps, steps=STEPS)
    networks = [parts[network] for network in chapter.NETWORKS]
    optimizers = [parts[f"{network}_optimizer"] for network in chapter.NETWORKS]
    variables = [variable for part in networks + optimizers for variable in part.variables]
    return [*variables, parts["buffer_x"], parts["buffer_y"], parts["rng"].state], history


def train(module, name, result, cut):
    """Train five steps, or resume; with `cut`, interrupt it after step 3."""
    chapter = module.load_small()
    with pytest.MonkeyPatch.context() as patch:
        if cut:
            training_checks.interrupt_at(chapter, patch, CUT)
        state, history = module.train_small(chapter, name)
    curves = {key: np.array(curve) for key, curve in history.items() if key != "seconds"}
    np.savez(result, **{f"v{n}": np.asarray(value) for n, value in enumerate(state)}, **curves)


def main(name, folder):
    module, folder = importlib.import_module(name), Path(folder)
    lives = [("whole", "whole", False), ("cut", "none", True), ("cut", "resumed", False)]
    lives = [(module, run, folder / f"{end}.npz", cut) for run, end, cut in lives]
    print("\n", [forks.ending(forks.fork(train, *life)) for life in lives])


if __name__ == "__main__":
    main(*sys.argv[1:])
