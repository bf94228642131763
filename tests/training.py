"""What the tests of the chapters' trainings share."""

import keras
import numpy as np
import pytest

NETWORKS = ("generator", "discriminator")


def values(*models):
    return [weight.numpy().copy() for model in models for weight in model.weights]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def interrupt_at(chapter, monkeypatch, at):
    """Make the monitor raise, as the square in the toolbar does, after this step."""
    whole = chapter.Monitor.update

    def update(self, step, **numbers):
        whole(self, step, **numbers)
        if step == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(chapter.Monitor, "update", update)


def check_each_loss_moves_its_own_network(make_train_step, make_parts, images):
    """With one network at rest, the other one's loss falls: it follows its own loss, and no other weights move."""
    for place, (moving, resting) in enumerate((NETWORKS, NETWORKS[::-1])):
        parts = make_parts() | {f"{moving}_optimizer": keras.optimizers.Adam(2e-3), f"{resting}_optimizer": keras.optimizers.SGD(0.0)}
        before = {name: [w.numpy() for w in parts[name].trainable_variables] for name in NETWORKS}
        step = make_train_step(**parts)
        losses = [float(step(images)[place]) for _ in range(12)]
        assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.005, (moving, losses)
        assert equal(before[resting], [w.numpy() for w in parts[resting].trainable_variables])


def check_noise_and_normalisation(make_train_step, make_parts, images):
    """Each step draws fresh noise from the generator of random numbers, and the generator's batch normalisation learns its means."""
    parts = make_parts() | {f"{name}_optimizer": keras.optimizers.SGD(0.0) for name in NETWORKS}
    state, means = parts["rng"].state.numpy().copy(), [w.numpy() for w in parts["generator"].non_trainable_variables]
    step = make_train_step(**parts)
    assert len({float(step(images)[0]) for _ in range(3)}) == 3 and np.any(parts["rng"].state.numpy() != state)
    moved = [np.any(old != new.numpy()) for old, new in zip(means, parts["generator"].non_trainable_variables)]
    assert all(moved)


def check_networks_made_again_are_the_ones_that_train(make_train_step, make_parts, images):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old, new = make_parts(), make_parts()
    make_train_step(**old)(images)
    resting, before = (values(*(parts[name] for name in NETWORKS)) for parts in (old, new))
    make_train_step(**new)(images)
    assert equal(values(*(old[name] for name in NETWORKS)), resting)
    assert not equal(values(*(new[name] for name in NETWORKS)), before)


def check_everything_is_kept(chapter, monkeypatch, run, also=("averaged", "rng")):
    """All that a training changes goes into its checkpoint: a lost average would hardly show in a few steps."""
    given = {}

    class Watched(chapter.Checkpoints):
        def __init__(self, folder, keep=3, fresh=False, **objects):
            given.update(objects)
            super().__init__(folder, keep, fresh, **objects)

    with monkeypatch.context() as patch:
        patch.setitem(vars(chapter), "Checkpoints", Watched)
        run()
    assert {*NETWORKS, "generator_optimizer", "discriminator_optimizer", *also} <= set(given)
    assert "averaged" not in also or given["averaged"] is not given["generator"]


def check_an_interrupted_training_goes_on(chapter, monkeypatch, capsys, run, at, saved, losses=("generator_loss", "discriminator_loss")):
    """`run(name)` trains and returns (model, history); interrupted after step `at` and run again, it ends as without the stop.

    Not bit for bit: Keras's batch normalisation sends three parts of a gradient to one place, and TensorFlow's tape adds them in an order that can
    differ between two traces of the same step in one process. Seen here: losses that differ by 2e-7. Other noise, batches or dropout, or a
    lost state of an optimizer, change them by far more. tests/test_checkpoints.py compares bits, in fresh processes.
    """
    whole, history = run("whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(chapter, patch, at)
        run("cut")
    resumed, resumed_history = run("cut")
    assert f"The checkpoint of step {saved} is loaded" in capsys.readouterr().out
    assert resumed_history["step"] == history["step"] == list(range(1, len(history["step"]) + 1))
    for name in losses:
        np.testing.assert_allclose(resumed_history[name], history[name], atol=1e-5)
        assert np.abs(np.diff(history[name])).max() > 1e-3
    for one, other in zip(values(whole), values(resumed), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
