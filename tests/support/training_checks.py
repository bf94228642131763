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
    for moving, still in (NETWORKS, NETWORKS[::-1]):
        parts = resting(make_parts(), still)
        parts[f"{moving}_optimizer"] = keras.optimizers.Adam(2e-3)
        before = {name: [w.numpy() for w in parts[name].trainable_variables] for name in NETWORKS}
        step = make_train_step(**parts)
        losses = [float(step(images)[f"{moving}_loss"]) for _ in range(12)]
        assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.005, (moving, losses)
        assert equal(before[still], [w.numpy() for w in parts[still].trainable_variables])


def check_noise_and_normalisation(make_train_step, make_parts, images):
    """Each step draws fresh noise, and the generator's batch normalisation learns its means."""
    parts = resting(make_parts(), *NETWORKS)
    state = parts["rng"].state.numpy().copy()
    means = [w.numpy() for w in parts["generator"].non_trainable_variables]
    step = make_train_step(**parts)
    assert len({float(step(images)["generator_loss"]) for _ in range(3)}) == 3
    assert np.any(parts["rng"].state.numpy() != state)
    now = parts["generator"].non_trainable_variables
    assert all(np.any(old != new.numpy()) for old, new in zip(means, now, strict=True))


def check_networks_made_again_are_the_ones_that_train(make_train_step, make_parts, images):
    """The trap of a step over global names: the old networks would train on, in silence."""
    old, new = make_parts(), make_parts()
    make_train_step(**old)(images)
    still, before = (values(*(parts[name] for name in NETWORKS)) for parts in (old, new))
    make_train_step(**new)(images)
    assert equal(values(*(old[name] for name in NETWORKS)), still)
    assert not equal(values(*(new[name] for name in NETWORKS)), before)


def check_everything_is_kept(chapter, monkeypatch, run, also=("averaged", "rng")):
    """All that a training changes goes into its checkpoint.

    A lost average would hardly show in a few steps.
    """
    given = {}

    class Watched(chapter.Training):
        def __init__(self, *arguments, **parts):
            given.update(parts)
            super().__init__(*arguments, **parts)

    with monkeypatch.context() as patch:
        patch.setitem(vars(chapter), "Training", Watched)
        run()
    wanted = {*NETWORKS, *(f"{name}_optimizer" for name in NETWORKS), *also}
    assert wanted <= set(given)
    assert "averaged" not in also or given["averaged"] is not given["generator"]


def check_an_interrupted_training_goes_on(
    chapter, monkeypatch, capsys, run, at, saved, losses=("generator_loss", "discriminator_loss")
):
    """`run(name)` trains and returns (model, history); interrupted and run again, it ends the same.

    Not bit for bit: Keras's batch normalisation sends three parts of a gradient to one place, and
    TensorFlow's tape adds them in an order that can differ between two traces in one process.
    Seen here: losses that differ by 2e-7. Other noise, batches or dropout, or a lost state of an
    optimizer, change them by far more. test_checkpoints.py compares bits, in fresh processes.
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
        np.testing.assert_allclose(resumed_history[name], history[name], atol=1e-5)
        assert np.abs(np.diff(history[name])).max() > 1e-3
    for one, other in zip(values(whole), values(resumed), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
