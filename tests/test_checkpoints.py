"""Checkpoints: the same weights after SIGKILL as without it, and a clear answer to every bad input."""

import errno
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.checkpoints import CheckpointError, Checkpoints
from helpers.paths import ROOT

# ---------------------------------------------------------------- killed and started again

MOMENTS = [
    "step 2", "step 11", "writing 4", "writing 12", "before-rename 12", "before-removal 16", "between 1", "between 13", "outside 3",
    "outside 12", "outside 22",
]  # fmt: skip
LEFT_OUT = ["noise", "numpy_noise", "seeds", "order", "optimizers"]


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    """Run all trainings, each in processes of its own, and return {(moment, left out): (how it ended, result)}."""
    folder, plan, keys = tmp_path_factory.mktemp("lives"), [], []
    for moment, without in [("none", ""), *((moment, "") for moment in MOMENTS), *(("between 13", without) for without in LEFT_OUT)]:
        keys.append((moment, without))
        where = [str(folder / f"{len(keys)}"), str(folder / f"{len(keys)}.npz")]
        plan += [[*where, moment, without], [*where, "none", without]]
    many = [str(folder / "many"), str(folder / "many.npz")]
    plan += [[*many, moment, ""] for moment in ("step 3", "writing 4", "between 6", "before-rename 8", "before-removal 16", "step 19", "none")]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-m", "tests.small_training", json.dumps(plan)], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ends = json.loads(done.stdout.splitlines()[-1])
    assert len(ends) == len(plan), done.stderr[-3000:]
    found = {key: (ends[2 * n : 2 * n + 2], np.load(folder / f"{n + 1}.npz")) for n, key in enumerate(keys)}
    return found | {"many": (ends[-7:], np.load(folder / "many.npz"))}


def differing(one, other):
    assert one.files == other.files and len(one.files) > 40
    return [name for name in one.files if one[name].tobytes() != other[name].tobytes()]


def test_a_whole_run_has_trained(lives):
    ends, whole = lives["none", ""]
    assert ends == [0, 0] and len(whole["generator_loss"]) == 24
    assert np.isfinite(whole["generator_loss"]).all() and len(np.unique(whole["generator_loss"])) == 24


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_started_again_it_ends_with_the_same_bits(lives, moment):
    ends, resumed = lives[moment, ""]
    assert ends == [-9, 0]
    assert differing(resumed, lives["none", ""][1]) == []


def test_killed_six_times_it_ends_with_the_same_bits(lives):
    ends, resumed = lives["many"]
    assert ends == [-9] * 6 + [0]
    assert differing(resumed, lives["none", ""][1]) == []


@pytest.mark.parametrize("without", LEFT_OUT)
def test_what_is_left_out_of_a_checkpoint_is_noticed_by_this_comparison(lives, without):
    ends, resumed = lives["between 13", without]
    assert ends == [-9, 0]
    assert differing(resumed, lives["none", ""][1])


# ---------------------------------------------------------------- one process


def make(filters=4, activation="relu", middle=keras.layers.Dropout, learning_rate=1e-3, beta=0.9):
    network = keras.Sequential([
        keras.Input((6, 6, 1)), keras.layers.Conv2D(filters, 3, activation=activation), keras.layers.BatchNormalization(),
        middle(0.3) if middle else keras.layers.ReLU(), keras.layers.Flatten(), keras.layers.Dense(2),
    ])  # fmt: skip
    optimizer = keras.optimizers.Adam(learning_rate, beta_1=beta)
    optimizer.build(network.trainable_variables)
    return {"network": network, "optimizer": optimizer}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


def kept_at(folder, *steps, **objects):
    """Make checkpoints of these steps; the first weight is the step's number."""
    objects = objects or make()
    kept = Checkpoints(folder, **objects)
    kept.resume()
    for step in steps:
        objects["network"].weights[1].assign(np.full(4, step))
        kept.save(step, {"loss": [0.5] * step})
    return kept


def names(folder):
    return sorted(path.name for path in folder.iterdir() if ".npz" in path.name)


def test_the_last_ones_are_kept_and_the_newest_is_resumed(folder):
    kept_at(folder, 1, 2, 3, 4, 5)
    assert names(folder) == [f"run-001-step-0000000{step}.npz" for step in (3, 4, 5)]
    again = make()
    step, history = Checkpoints(folder, **again).resume()
    assert step == 5 and history == {"loss": [0.5] * 5} and (again["network"].weights[1].numpy() == 5).all()
    history["another"].append(1)  # an empty curve to begin with


def test_an_empty_folder_gives_step_0_and_an_empty_history(folder, capsys):
    step, history = Checkpoints(folder, **make()).resume()
    assert step == 0 and history == {} and history["loss"] == []
    assert "starts at step 0" in capsys.readouterr().out


def test_history_is_kept_exactly(folder):
    curve = [1 / 3, np.float32(0.1), tf.constant(2.5), float("nan"), float("inf"), 7]
    kept = Checkpoints(folder, **make())
    kept.resume()
    kept.save(6, {"loss": curve})
    assert np.array_equal(Checkpoints(folder, **make()).resume()[1]["loss"], [float(value) for value in curve], equal_nan=True)


def test_random_generators_go_on(folder):
    def generators():
        return {"a": np.random.default_rng(1), "b": tf.random.Generator.from_seed(1), "c": keras.random.SeedGenerator(1)}

    def draw(g):
        return g["a"].random(), float(g["b"].normal(())), float(keras.random.normal((), seed=g["c"]))

    first, second = generators(), generators()
    draw(first)
    Checkpoints(folder, **first).save(1, {})
    Checkpoints(folder, **second).resume()
    assert draw(first) == draw(second) != draw(generators())


@pytest.mark.parametrize("after", [25, 30, 35])
@pytest.mark.parametrize("damage", ["truncated", "empty", "bit", "text", "manifest"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(folder, capsys, damage, after):
    kept_at(folder, 10, 20, 30)
    newest = folder / "run-001-step-00000030.npz"
    whole = newest.read_bytes()
    at = whole.index(np.float32([30] * 4).tobytes())
    other = {
        "truncated": whole[: len(whole) // 2], "empty": b"", "bit": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "text": b"this is a text", "manifest": whole.replace(b'"variables"', b'"variabels"'),
    }[damage]  # fmt: skip
    newest.write_bytes(other)
    objects = make()
    kept = Checkpoints(folder, **objects)
    step, history = kept.resume()
    said = capsys.readouterr().out
    assert step == 20 and len(history["loss"]) == 20 and (objects["network"].weights[1].numpy() == 20).all()
    assert "run-001-step-00000030.npz is damaged" in said and "step 20" in said
    kept.save(after, history)
    assert names(folder) == [f"run-001-step-000000{step}.npz" for step in (10, 20, after)]
    assert Checkpoints(folder, **make()).resume()[0] == after
    assert (folder / "run-001-step-00000030.damaged").exists() == (after != 30)


def test_every_byte_that_is_changed_is_noticed_or_does_not_matter(folder):
    rng = np.random.default_rng(0)
    kept_at(folder, 1)
    path = folder / "run-001-step-00000001.npz"
    whole = path.read_bytes()
    objects = make()
    Checkpoints(folder, **objects).resume()
    right = [variable.numpy() for variable in objects["network"].variables]
    noticed = 0
    for at in rng.integers(0, len(whole), 200):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        step, history = Checkpoints(folder, **objects).resume()
        noticed += step == 0
        assert step == 0 or (history == {"loss": [0.5]} and all(np.array_equal(v.numpy(), w) for v, w in zip(objects["network"].variables, right)))
    assert noticed > 100


def test_a_disk_that_cannot_be_read_is_no_damage(folder, monkeypatch):
    kept_at(folder, 1, 2)

    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Cannot read .*00000002.npz': Input/output error"):
        patch.setattr(np, "load", broken)
        Checkpoints(folder, **make()).resume()
    assert Checkpoints(folder, **make()).resume()[0] == 2


def test_other_files_in_the_folder_do_no_harm(folder):
    kept_at(folder, 1, 2, 3)
    (folder / "run-009-step-00000009.npz").mkdir()
    np.savez(folder / "run-008-step-00000008.npz", manifest=np.frombuffer(b'{"about": {}}', np.uint8))
    (folder / "notes.txt").write_text("mine")
    kept = Checkpoints(folder, **make())
    assert kept.resume()[0] == 3
    kept.save(4, {})
    assert (folder / "notes.txt").exists() and Checkpoints(folder, **make()).resume()[0] == 4


def test_when_all_are_damaged_training_starts_again(folder, capsys):
    kept_at(folder, 1)
    for path in folder.glob("*.npz"):
        path.write_bytes(b"")
    kept = Checkpoints(folder, **make())
    assert kept.resume()[0] == 0
    assert "No checkpoint can be read" in capsys.readouterr().out
    kept.save(1, {})
    assert Checkpoints(folder, **make()).resume()[0] == 1


@pytest.mark.parametrize(
    "change, says",
    [
        ({"filters": 8}, r"network, layer 1 \(Conv2D\): filters was 4, is 8"),
        ({"activation": "tanh"}, r"network, layer 1 \(Conv2D\): activation was 'relu', is 'tanh'"),
        ({"middle": None}, r"network, layer 3 was Dropout, is ReLU"),
        ({"beta": 0.5}, r"optimizer \(Adam\): beta_1 was 0.9, is 0.5"),
    ],
)
def test_another_architecture_is_told_layer_by_layer_and_nothing_is_changed(folder, change, says):
    kept_at(folder, 1)
    before = (folder / "run-001-step-00000001.npz").read_bytes()
    other = make(**change)
    first = [variable.numpy() for variable in other["network"].variables]
    kept = Checkpoints(folder, **other)
    with pytest.raises(CheckpointError, match=f"(?s)run-001-step-00000001.npz.*{says}.*fresh=True"):
        kept.resume()
    with pytest.raises(CheckpointError, match="fresh=True"):
        kept.save(2, {})
    assert all(np.array_equal(variable.numpy(), value) for variable, value in zip(other["network"].variables, first))
    assert names(folder) == ["run-001-step-00000001.npz"] and (folder / "run-001-step-00000001.npz").read_bytes() == before


def functional(connect):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4)(connect(inputs, keras.layers.Dense(4))))


def nested(connect):
    return keras.Sequential([keras.Input((4,)), functional(connect), keras.layers.Dense(2)])


def of_layers(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


def with_schedule(**settings):
    network = of_layers(keras.layers.Dense(2))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(**{"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5} | settings))
    optimizer.build(network.trainable_variables)
    return [network, optimizer]


class Block(keras.layers.Layer):
    """A layer of a reader's own, whose settings do not show in its config."""

    def __init__(self, rate):
        super().__init__()
        self.first, self.second = keras.layers.Dense(2), keras.layers.Dropout(rate)

    def build(self, shape):
        self.first.build(shape)

    def call(self, x, training=False):
        return self.second(self.first(x), training=training)

    def get_config(self):
        raise NotImplementedError


dense = keras.layers.Dense
CHANGES = {
    "an operation": (lambda: functional(lambda x, d: keras.ops.relu(d(x))), lambda: functional(lambda x, d: keras.ops.tanh(d(x))), "layer 2"),
    "a sum": (lambda: functional(lambda x, d: d(x) + x), lambda: functional(lambda x, d: d(x) * x), "layer 2"),
    "a skip": (lambda: functional(lambda x, d: d(x) + x), lambda: functional(lambda x, d: d(x) + d(x)), "layer 2.*inputs"),
    "a layer used twice": (lambda: functional(lambda x, d: d(x)), lambda: functional(lambda x, d: d(d(x))), "layer 1.*inputs"),
    "inside of a nested model": (lambda: nested(lambda x, d: d(x) + x), lambda: nested(lambda x, d: d(x) - x), "layer 1, layer 2"),
    "an activation": (lambda: of_layers(dense(2, "relu")), lambda: of_layers(dense(2, keras.layers.LeakyReLU(0.2))), "layer 1 .Dense.: activation"),
    "a regulariser": (lambda: of_layers(dense(2)), lambda: of_layers(dense(2, kernel_regularizer="l2")), "layer 1 .Dense.: kernel_regularizer was None"),
    "a type": (lambda: of_layers(dense(2)), lambda: of_layers(dense(2, dtype="mixed_bfloat16")), "layer 1 .Dense.: dtype was"),
    "a dropout rate": (lambda: of_layers(dense(2), keras.layers.Dropout(0.1)), lambda: of_layers(dense(2), keras.layers.Dropout(0.2)), "rate was 0.1"),
    "a layer more": (lambda: of_layers(dense(2)), lambda: of_layers(dense(2), dense(2)), "layer 2 is new"),
    "inside of a reader's layer": (lambda: of_layers(Block(0.1)), lambda: of_layers(Block(0.2)), "layer 1, layer 1 .Dropout.: rate"),
    "a schedule": (with_schedule, lambda: with_schedule(decay_rate=0.9), "learning_rate was"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_wiring_or_setting_is_noticed_and_the_same_one_made_again_is_not(folder, change):
    first, other, says = CHANGES[change]
    Checkpoints(folder, network=first()).save(1, {})
    for _ in range(2):
        assert Checkpoints(folder, network=first()).resume()[0] == 1
    with pytest.raises(CheckpointError, match=f"network.*{says}"):
        Checkpoints(folder, network=other()).resume()


def test_lambdas_and_recurrent_cells_made_again_are_the_same(folder):
    def make_both():
        cells = [keras.layers.LSTMCell(2), keras.layers.LSTMCell(2)]
        layers = [keras.layers.Lambda(lambda x: x * 2), keras.layers.RandomCrop(4, 4), keras.layers.Reshape((4, 4)), keras.layers.RNN(cells)]
        return keras.Sequential([keras.Input((6, 6, 1)), *layers])

    Checkpoints(folder, network=make_both()).save(1, {})
    assert Checkpoints(folder, network=make_both()).resume()[0] == 1


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.first, self.second = keras.layers.Dense(units), keras.layers.Dense(1)

    def call(self, x):
        return self.second(self.first(x))


def test_another_subclassed_model_is_told(folder):
    one, other = Subclassed(3), Subclassed(5)
    one(np.ones((1, 2))), other(np.ones((1, 2)))
    Checkpoints(folder, network=one).save(1, {})
    with pytest.raises(CheckpointError, match=r"network, layer 0 \(Dense\): units was 3, is 5"):
        Checkpoints(folder, network=other).resume()


def test_what_could_be_kept_only_in_part_is_refused(folder):
    compiled = of_layers(dense(2))
    compiled.compile(optimizer="adam", loss="mse")
    compiled.optimizer.build(compiled.trainable_variables)
    with pytest.raises(ValueError, match="network is compiled.*optimizer=network.optimizer"):
        Checkpoints(folder, network=compiled)
    Checkpoints(folder, network=compiled, optimizer=compiled.optimizer)

    marked = Subclassed(3)
    marked.built = True  # as a model that has only a train_step must be marked
    with pytest.raises(ValueError, match="network: its layer dense.* is not built"):
        Checkpoints(folder, network=marked)
    with pytest.raises(ValueError, match="score has no variables"):
        Checkpoints(folder, score=keras.metrics.F1Score())


@pytest.mark.parametrize("kind", ["Adam", "RMSprop", "Nadam", "LossScaleOptimizer", "SGD"])
def test_optimizers_go_on_as_if_there_had_been_no_stop(folder, kind):
    def make_one():
        keras.utils.set_random_seed(0)
        network = of_layers(dense(3), keras.layers.Dropout(0.5), dense(2))
        inner = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), use_ema=True)
        optimizer = keras.optimizers.LossScaleOptimizer(inner) if kind == "LossScaleOptimizer" else getattr(keras.optimizers, kind)(0.1)
        optimizer.build(network.trainable_variables)
        return {"network": network, "optimizer": optimizer}

    def step(network, optimizer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(np.ones((4, 4), np.float32), training=True) ** 2)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(scaled, network.trainable_variables), network.trainable_variables))

    first = make_one()
    for _ in range(3):
        step(**first)
    Checkpoints(folder, **first).save(3, {})
    second = make_one()
    Checkpoints(folder, **second).resume()
    for _ in range(3):
        step(**first), step(**second)
    for name in first:
        for one, other in zip(first[name].variables, second[name].variables, strict=True):
            assert one.numpy().tobytes() == other.numpy().tobytes(), (name, one.path)


def test_a_new_learning_rate_is_kept_and_told(folder, capsys):
    kept_at(folder, 1)
    same, slower = make(), make(learning_rate=1e-5)
    same["optimizer"].learning_rate.assign(0.5)
    capsys.readouterr()
    assert Checkpoints(folder, **slower).resume()[0] == 1
    assert "optimizer: the learning rate was 0.001, from now on it is 1e-05" in capsys.readouterr().out
    assert float(slower["optimizer"].learning_rate) == pytest.approx(1e-5)


def test_a_learning_rate_that_was_lowered_during_training_comes_back(folder, capsys):
    objects = make()
    kept = Checkpoints(folder, **objects)
    objects["optimizer"].learning_rate = 1e-4
    kept.save(1, {})
    again = make()
    Checkpoints(folder, **again).resume()
    assert float(again["optimizer"].learning_rate) == pytest.approx(1e-4) and "from now on" not in capsys.readouterr().out


def test_the_same_model_made_again_is_no_other_model(folder):
    """Keras counts names on (conv2d, conv2d_1, ...); resuming must not depend on them."""
    kept_at(folder, 1)
    for _ in range(2):
        assert Checkpoints(folder, **make()).resume()[0] == 1


def test_other_settings_and_other_objects_are_told(folder):
    kept = Checkpoints(folder, **make(), batch_size=64, rates=(0.1, 0.2))
    kept.save(1, {})
    assert Checkpoints(folder, **make(), batch_size=64, rates=(0.1, 0.2)).resume()[0] == 1
    for objects, says in [
        ({"batch_size": 32, "rates": (0.1, 0.2)}, "batch_size was 64, is 32"),
        ({"batch_size": 64, "rates": (0.1, 0.3)}, r"rates\[1\] was 0.2, is 0.3"),
        ({"batch_size": 64}, r"rates\[0\] is missing now"),
        ({"batch_size": 64, "rates": (0.1, 0.2), "noise": np.random.default_rng(0)}, "noise is new"),
    ]:
        with pytest.raises(CheckpointError, match=says):
            Checkpoints(folder, **make(), **objects).resume()


def test_fresh_keeps_the_old_ones_until_the_first_save(folder):
    kept_at(folder, 10, 20)
    fresh = Checkpoints(folder, fresh=True, **make(filters=8))
    assert fresh.resume()[0] == 0
    assert len(names(folder)) == 2
    fresh.save(5, {})
    assert names(folder) == ["run-002-step-00000005.npz"]
    assert Checkpoints(folder, **make(filters=8)).resume()[0] == 5


def test_a_fresh_run_that_is_killed_before_it_removed_the_old_ones_is_the_newest(folder):
    kept_at(folder, 10, 20)
    old = {path: path.read_bytes() for path in folder.glob("*.npz")}
    fresh = Checkpoints(folder, fresh=True, **make())
    fresh.resume()
    fresh.save(5, {})
    for path, content in old.items():
        path.write_bytes(content)
    assert Checkpoints(folder, **make()).resume()[0] == 5


def test_saving_without_resuming_overwrites_nothing(folder):
    kept_at(folder, 10)
    with pytest.raises(CheckpointError, match="step 10.*resume"):
        Checkpoints(folder, **make()).save(1, {})
    assert names(folder) == ["run-001-step-00000010.npz"]


def test_weights_that_are_not_finite_are_not_saved(folder):
    objects = make()
    kept = kept_at(folder, 1, **objects)
    objects["network"].weights[0].assign(np.full((3, 3, 1, 4), np.nan))
    with pytest.raises(CheckpointError, match="(?s)Step 2 was not saved: network.*kernel.*36 values.*goes on from the newest"):
        kept.save(2, {})
    assert names(folder) == ["run-001-step-00000001.npz"]


# ---------------------------------------------------------------- disks and other kernels


def test_the_same_folder_by_another_name_and_a_removed_folder(folder):
    kept = kept_at(folder, 1)
    (folder.parent / "link").symlink_to(folder)
    assert Checkpoints(folder.parent / "link", **make()).resume()[0] == 1
    shutil.rmtree(folder)
    kept.save(2, {})
    assert (folder / ".lock").exists() and Checkpoints(folder, **make()).resume()[0] == 2


def test_a_full_disk_is_a_clear_error_and_the_older_ones_stay_whole(folder):
    kept = kept_at(folder, 1, 2)
    before = {path.name: path.read_bytes() for path in folder.glob("*.npz")}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))  # the write fails after so many bytes
    try:
        with pytest.raises(OSError, match=r"(?s)Cannot write .*run-001-step-00000003.npz.*space on the disk"):
            kept.save(3, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if ".npz" in path.name} == before
    kept.save(3, {})
    assert Checkpoints(folder, **make()).resume()[0] == 3


def test_no_space_left_is_named(folder, monkeypatch):
    kept = kept_at(folder, 1)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left on device"):
        kept.save(2, {})
    assert names(folder) == ["run-001-step-00000001.npz"]


@pytest.fixture
def read_only():
    """A folder that this process may not write to, also if the tests run as root."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield place
    os.seteuid(user)
    place.chmod(0o755)
    shutil.rmtree(place)


def test_a_read_only_folder_is_a_clear_error(read_only):
    with pytest.raises(OSError, match=f"Cannot use '{read_only}/kept' for checkpoints: Permission denied.*COURSE_RESULTS_DIR"):
        Checkpoints(read_only / "kept", **make())


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(OSError, match="Cannot use .*kept' for checkpoints: File exists"):
        Checkpoints(tmp_path / "kept", **make())


SECOND = """
import sys, numpy as np
from helpers.checkpoints import CheckpointError, Checkpoints
try:
    kept = Checkpoints(sys.argv[1], noise=np.random.default_rng(0))
except CheckpointError as error:
    print(error)
else:
    print(kept.resume()[0])
"""


def test_a_second_kernel_is_told_while_the_first_lives(folder):
    first = subprocess.Popen(
        [sys.executable, "-c", SECOND + "\nkept.save(7, {})\nprint('saved', flush=True)\nsys.stdin.read()", str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    while "saved" not in (line := first.stdout.readline()):
        assert line, "the first process ended"

    def second():
        return subprocess.run([sys.executable, "-c", SECOND, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    said = second()
    assert re.search(rf"Another kernel \(process {first.pid}\).*{re.escape(str(folder))}.*another folder", said), said
    assert names(folder) == ["run-001-step-00000007.npz"]
    first.kill()
    first.wait()
    assert second().endswith("7\n")  # the lock ends with the process, also by SIGKILL


# ---------------------------------------------------------------- wrong use


def test_wrong_use_is_told(folder, tmp_path):
    unbuilt = keras.optimizers.Adam()
    for objects, says in [
        ({"optimizer": unbuilt}, "optimizer is not built.*build"),
        ({"network": Subclassed(3)}, "network is not built"),
        ({}, "nothing to keep"),
    ]:
        with pytest.raises(ValueError, match=says):
            Checkpoints(folder, **objects)
    for thing in (np.ones(3), tf.Module(), object(), tf.constant(1.0), len):
        with pytest.raises(TypeError, match=f"data is a {type(thing).__name__}, which cannot be kept"):
            Checkpoints(folder, data=thing)
    with pytest.raises(TypeError, match="text is a variable of"):
        Checkpoints(folder, text=tf.Variable("a"))
    for keep in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match="keep is"):
            Checkpoints(folder, keep=keep, **make())
    for name in ("../elsewhere", "dcgan", 3, None):
        with pytest.raises(ValueError, match="must be like '04_dcgan'"):
            Checkpoints(name, **make())
    kept = kept_at(folder, 5)
    for step in (4, -1, 5.5, True, None):
        with pytest.raises(ValueError, match="step is"):
            kept.save(step, {})
    for history in ({"loss": 3}, {"loss": ["a"]}, {"loss": [[1, 2]]}):
        with pytest.raises(ValueError, match="not a list of numbers"):
            kept.save(6, history)
    assert names(folder) == ["run-001-step-00000005.npz"]


def test_a_name_lies_in_the_results_of_this_budget_and_source(tmp_path):
    kept = Checkpoints("04_dcgan/improved", **make())
    assert kept.folder == tmp_path / "results/lesson" / kept.folder.relative_to(tmp_path / "results/lesson").parts[0] / "04_dcgan/improved"
    path = kept.save(1, {})
    assert path == kept.folder / "run-001-step-00000001.npz" and path.is_file()
