"""What the tests of the chapters' trainings share."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from helpers.course import ROOT

NETWORKS = ("generator", "discriminator")


def make_tiny_generator(latent):
    """Layers of the kinds that the chapters use, so few and narrow that a test takes no time."""
    grow = dict(kernel_size=4, strides=2, padding="same")
    return keras.Sequential(
        [
            keras.Input((latent,)),
            layers.Dense(7 * 7 * 4, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Reshape((7, 7, 4)),
            layers.Conv2DTranspose(4, use_bias=False, **grow),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2DTranspose(1, activation="tanh", **grow),
        ]
    )


def make_tiny_discriminator(dropout=0.3):
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, strides=4, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Dropout(dropout),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def values(*models):
    return [weight.numpy().copy() for model in models for weight in model.weights]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def interrupt_at(chapter, monkeypatch, at):
    """Make the training raise, as the square in the toolbar does, after this step."""
    whole = chapter.Training.update

    def update(self, **numbers):
        whole(self, **numbers)
        if self.step == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(chapter.Training, "update", update)


def resting(parts, *names):
    """Give the named networks an optimizer that moves nothing."""
    return parts | {f"{name}_optimizer": keras.optimizers.SGD(0.0) for name in names}


def check_each_loss_moves_its_own_network(make_train_step, make_parts, images):
    """With one network at rest the other one's loss falls, and no other weights move."""
    parts = make_parts()
    adams = {name: keras.optimizers.Adam(2e-3) for name in NETWORKS}
    step = make_train_step(**parts | {f"{name}_optimizer": adams[name] for name in NETWORKS})
    for still, moving in (NETWORKS, NETWORKS[::-1]):
        adams[still].learning_rate = 0.0
        adams[moving].learning_rate = 2e-3
        before = [w.numpy() for w in parts[still].trainable_variables]
        losses = [float(step(images)[f"{moving}_loss"]) for _ in range(40)]
        assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.005, (moving, losses)
        assert equal(before, [w.numpy() for w in parts[still].trainable_variables])


def check_noise_dropout_and_normalisation_act(make_train_step, make_parts, images):
    """Each step draws fresh noise and drops other units, and batch normalisation learns its means.

    The seeds of dropout and the means of normalisation are what a network has beside its weights.
    """
    parts = resting(make_parts(), *NETWORKS)
    state = parts["rng"].state.numpy().copy()
    before = [v.numpy() for name in NETWORKS for v in parts[name].non_trainable_variables]
    step = make_train_step(**parts)
    assert len({float(step(images)["generator_loss"]) for _ in range(3)}) == 3
    assert np.any(parts["rng"].state.numpy() != state)
    now = [v.numpy() for name in NETWORKS for v in parts[name].non_trainable_variables]
    assert before and all(np.any(a != b) for a, b in zip(before, now, strict=True))


def check_networks_made_again_are_the_ones_that_train(make_train_step, make_parts, images):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old, new = make_parts(), make_parts()
    make_train_step(**old)(images)
    still, before = (values(*(parts[name] for name in NETWORKS)) for parts in (old, new))
    make_train_step(**new)(images)
    assert equal(values(*(old[name] for name in NETWORKS)), still)
    assert not equal(values(*(new[name] for name in NETWORKS)), before)


def check_the_rate_stays_and_then_falls(optimizer, rate):
    """For half of 100 steps it stays, and then it falls to zero; the first moment is 0.5."""
    rates = []
    for step in range(101):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates[:51], rate, rtol=1e-6)
    assert np.all(np.diff(rates[50:]) < 0) and abs(rates[100]) < 1e-9
    assert float(optimizer.beta_1) == 0.5


def check_everything_is_kept(
    chapter, monkeypatch, run, also=("averaged", "rng"), networks=NETWORKS
):
    """All that a training changes goes into its checkpoint; return the names of what goes there.

    A lost average would hardly show in a few steps.
    """
    given = {}

    class Made(Exception):
        """Nothing needs to be trained for this."""

    def look(*_, **parts):
        given.update(parts)
        raise Made

    with monkeypatch.context() as patch, pytest.raises(Made):
        patch.setitem(vars(chapter), "Training", look)
        run("kept")
    wanted = {*networks, *(f"{name}_optimizer" for name in networks), *also}
    assert wanted <= set(given)
    assert "averaged" not in also or given["averaged"] is not given["generator"]
    return set(given)


def check_an_interrupted_training_goes_on(
    chapter,
    monkeypatch,
    capsys,
    run,
    at,
    saved,
    losses=("generator_loss", "discriminator_loss"),
    exact=False,
):
    """`run(name)` returns (networks, history); interrupted and run again, it ends the same.

    Once more run again, it says that it is complete, and returns the same.

    `exact` asks for equal bits. Where a gradient has many parts, this is too much: TensorFlow's
    tape adds them in an order that can differ between two traces in one process. Seen here: losses
    that differ by 2e-7. (Batch normalisation sends three parts to one place, a cycle still more.)
    Other noise, batches or dropout, or a lost state of an optimizer, change them by far more.
    test_checkpoints.py and `check_resumed_bits` compare bits, in fresh processes.
    """
    whole, history = run("whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(chapter, patch, at)
        run("cut")
    resumed, resumed_history = run("cut")
    assert f"The checkpoint of step {saved} is loaded" in capsys.readouterr().out
    steps = list(range(1, len(history["step"]) + 1))
    assert resumed_history["step"] == history["step"] == steps
    for name in losses:
        tolerance = dict(rtol=0, atol=0 if exact else 1e-5)
        np.testing.assert_allclose(resumed_history[name], history[name], **tolerance)
        assert np.abs(np.diff(history[name])).max() > 1e-3
    again, again_history = run("cut")
    assert "complete, nothing was trained now" in capsys.readouterr().out
    assert again_history == resumed_history
    ends = (values(*(end if isinstance(end, list) else [end])) for end in (whole, resumed, again))
    for one, other, third in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0 if exact else 2e-3)
        np.testing.assert_allclose(other, third, rtol=0, atol=1e-6)


def check_resumed_bits(module, folder, losses, fewest=100):
    """A small training of a test module that was cut and resumed ends with the bits of a whole one.

    Everything is compared: networks, optimizers, buffers, random state, curves; `fewest` says how
    many arrays there are at least. See same_bits.py.
    """
    command = [sys.executable, "-m", "tests.support.same_bits", module, str(folder)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COURSE_RESULTS_DIR": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].strip() == "[0, 1, 0]", done.stderr[-3000:]
    assert "The checkpoint of step 2 is loaded" in done.stdout
    whole, resumed = (np.load(folder / f"{end}.npz") for end in ("whole", "resumed"))
    assert whole["step"].tolist() == [1, 2, 3, 4, 5]
    assert all(np.abs(np.diff(whole[name])).max() > 1e-3 for name in losses)
    assert whole.files == resumed.files and len(whole.files) > fewest
    differing = [name for name in whole.files if whole[name].tobytes() != resumed[name].tobytes()]
    assert differing == []
