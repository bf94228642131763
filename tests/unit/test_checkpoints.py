"""Checkpoints: the same weights after SIGKILL as without it, and a clear answer to bad input."""

import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from helpers.checkpoints import CheckpointError, Checkpoints, find_files, restore
from helpers.course import ROOT, run_folder, sources
from helpers.training import Training

# ------------------------------------------------------------ killed and started again

MOMENTS = (
    *("step 11", "writing 12", "before-rename 12"),
    *("before-removal 16", "between 13", "outside 12"),
)
LEFT_OUT = ("noise", "seeds", "order", "generator_optimizer")
SIX_DEATHS = (
    *("step 3", "writing 4", "between 6", "before-rename 8", "before-removal 16", "step 19"),
    "none",
)


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    """Run all trainings in processes of their own: {(moment, left out): (ends, result)}."""
    folder, plan, keys = tmp_path_factory.mktemp("lives"), [], [("none", "")]
    keys += [(moment, "") for moment in MOMENTS] + [("between 13", part) for part in LEFT_OUT]
    for number, (moment, without) in enumerate(keys):
        place = [str(number), str(folder / f"{number}.npz")]
        plan += [[*place, moment, without], [*place, "none", without]]
    place = ["many", str(folder / "many.npz")]
    plan += [[*place, moment, ""] for moment in SIX_DEATHS]
    command = [sys.executable, "-m", "tests.support.small_training", json.dumps(plan)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "COURSE_RESULTS_DIR": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ends = json.loads(done.stdout.splitlines()[-1])
    assert len(ends) == len(plan), done.stderr[-3000:]
    found = {
        key: (ends[2 * n : 2 * n + 2], np.load(folder / f"{n}.npz")) for n, key in enumerate(keys)
    }
    return found | {"many": (ends[-len(SIX_DEATHS) :], np.load(folder / "many.npz"))}


def differing(one, other):
    assert one.files == other.files and len(one.files) > 40
    return [name for name in one.files if one[name].tobytes() != other[name].tobytes()]


def test_a_whole_run_has_trained(lives):
    ends, whole = lives["none", ""]
    assert ends == [0, 0] and len(np.unique(whole["generator_loss"])) == 24
    assert np.isfinite(whole["generator_loss"]).all()


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
def test_this_comparison_notices_what_a_checkpoint_leaves_out(lives, without):
    ends, resumed = lives["between 13", without]
    assert ends == [-9, 0]
    assert differing(resumed, lives["none", ""][1])


# ------------------------------------------------------------ one process


def make(filters=4, activation="relu", middle=keras.layers.Dropout, rate=1e-3):
    network = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(filters, 3, activation=activation),
            keras.layers.BatchNormalization(),
            middle(0.3) if middle else keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)
    return {"network": network, "optimizer": optimizer}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


def kept_at(folder, *steps, things=None, **settings):
    """Make checkpoints of these steps; the first bias is the step's number."""
    things = things or make()
    kept = Checkpoints(folder, things, settings)
    kept.resume()
    for step in steps:
        things["network"].weights[1].assign(np.full(4, step))
        kept.save(step, {"loss": [0.5] * step})
    return kept


def resumed(folder, things=None, settings=None, fresh=False):
    return Checkpoints(folder, things or make(), settings or {}, fresh).resume()


def names(folder):
    return [path.name for path in reversed(find_files(folder))]


def test_the_last_three_are_kept_and_the_newest_is_resumed(folder):
    kept_at(folder, 1, 2, 3, 4, 5)
    assert names(folder) == [f"run-001-step-0000000{step}.npz" for step in (5, 4, 3)]
    again = make()
    assert resumed(folder, again) == (5, {"loss": [0.5] * 5})
    assert (again["network"].weights[1].numpy() == 5).all()


def test_without_a_checkpoint_training_starts_at_step_0(folder, capsys):
    assert resumed(folder) == (0, {})
    assert "starts at step 0" in capsys.readouterr().out


def test_a_history_comes_back_as_it_was(folder):
    curve = [1 / 3, 0.1, float("nan"), float("inf"), 7.0]
    Checkpoints(folder, make(), {}).save(5, {"a loss": curve})
    assert np.array_equal(resumed(folder)[1]["a loss"], curve, equal_nan=True)


def test_random_generators_go_on(folder):
    def generators():
        return {"a": tf.random.Generator.from_seed(1), "b": keras.random.SeedGenerator(1)}

    def draw(generators):
        values = keras.random.normal((), seed=generators["b"])
        return float(generators["a"].normal(())), float(values)

    first, second = generators(), generators()
    draw(first)
    Checkpoints(folder, first, {}).save(1, {})
    resumed(folder, second)
    assert draw(first) == draw(second) != draw(generators())


@pytest.mark.parametrize("after", [25, 30, 35])
@pytest.mark.parametrize("damage", ["truncated", "empty", "bit", "text", "manifest"])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(
    folder, capsys, damage, after
):
    kept_at(folder, 10, 20, 30)
    newest = folder / "run-001-step-00000030.npz"
    whole = newest.read_bytes()
    at = whole.index(np.float32([30] * 4).tobytes())
    spoilt = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "bit": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "text": b"this is a text",
        "manifest": whole.replace(b'"settings"', b'"sittengs"'),
    }
    newest.write_bytes(spoilt[damage])
    things = make()
    kept = Checkpoints(folder, things, {})
    step, history = kept.resume()
    said = capsys.readouterr().out
    assert step == 20 and len(history["loss"]) == 20
    assert (things["network"].weights[1].numpy() == 20).all()
    assert "run-001-step-00000030.npz is damaged" in said and "step 20" in said
    kept.save(after, history)
    assert names(folder) == [f"run-001-step-000000{step}.npz" for step in (after, 20, 10)]
    assert resumed(folder)[0] == after


def test_every_changed_byte_is_noticed_or_does_not_matter(folder):
    kept_at(folder, 1)
    path = folder / "run-001-step-00000001.npz"
    whole, things, noticed = path.read_bytes(), make(), 0
    resumed(folder, things)
    right = [variable.numpy() for variable in things["network"].variables]
    kept = Checkpoints(folder, things, {})
    for at in np.random.default_rng(0).integers(0, len(whole), 100):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        step, history = kept.resume()
        noticed += step == 0
        now = [variable.numpy() for variable in things["network"].variables]
        same = all(np.array_equal(one, other) for one, other in zip(now, right, strict=True))
        assert step == 0 or (history == {"loss": [0.5]} and same)
    assert noticed > 50


def test_a_disk_that_cannot_be_read_is_no_damage(folder, monkeypatch):
    kept_at(folder, 1, 2)

    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output error"):
        patch.setattr(np, "load", broken)
        resumed(folder)
    assert resumed(folder)[0] == 2


def test_when_all_are_damaged_training_starts_again(folder, capsys):
    kept_at(folder, 1)
    for path in folder.glob("*.npz"):
        path.write_bytes(b"")
    kept = Checkpoints(folder, make(), {})
    assert kept.resume()[0] == 0
    kept.save(1, {})
    assert resumed(folder)[0] == 1


def test_other_files_in_the_folder_are_left_alone(folder):
    kept_at(folder, 1, 2, 3)
    (folder / "notes.txt").write_text("mine")
    (folder / "run-best.npz").write_text("mine")
    kept = Checkpoints(folder, make(), {})
    assert kept.resume()[0] == 3
    kept.save(4, {})
    assert {"notes.txt", "run-best.npz"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "change, says",
    [
        ({"filters": 8}, r"network.*filters was 4, is 8"),
        ({"activation": "tanh"}, r"network.*activation was relu, is tanh"),
        ({"middle": None}, r"network.*class_name was Dropout, is ReLU"),
        ({"rate": 0.5}, r"optimizer.learning_rate was 0.001\d*, is 0.5"),
    ],
)
def test_the_first_difference_of_another_model_is_told_and_nothing_is_changed(folder, change, says):
    kept_at(folder, 1)
    before = (folder / "run-001-step-00000001.npz").read_bytes()
    other = make(**change)
    first = [variable.numpy() for variable in other["network"].variables]
    with pytest.raises(
        CheckpointError, match=f"(?s)00000001.npz.*{says}.*another name.*fresh=True"
    ):
        resumed(folder, other)
    now = [variable.numpy() for variable in other["network"].variables]
    assert all(np.array_equal(one, two) for one, two in zip(now, first, strict=True))
    assert (folder / "run-001-step-00000001.npz").read_bytes() == before


def functional(connect):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4)(connect(inputs, keras.layers.Dense(4))))


def of_layers(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


dense = keras.layers.Dense
CHANGES = {
    "an operation": (
        lambda: functional(lambda x, d: keras.ops.relu(d(x))),
        lambda: functional(lambda x, d: keras.ops.tanh(d(x))),
    ),
    "a skip": (
        lambda: functional(lambda x, d: d(x) + x),
        lambda: functional(lambda x, d: d(x) + d(x)),
    ),
    "inside of a nested model": (
        lambda: of_layers(functional(lambda x, d: d(x) + x)),
        lambda: of_layers(functional(lambda x, d: d(x) - x)),
    ),
    "a type": (lambda: of_layers(dense(2)), lambda: of_layers(dense(2, dtype="mixed_bfloat16"))),
    "a dropout rate": (
        lambda: of_layers(dense(2), keras.layers.Dropout(0.1)),
        lambda: of_layers(dense(2), keras.layers.Dropout(0.2)),
    ),
    "a layer more": (lambda: of_layers(dense(2)), lambda: of_layers(dense(2), dense(2))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_wiring_is_noticed_and_the_same_one_made_again_is_not(folder, change):
    """Keras counts names on (dense, dense_1, ...); resuming must not depend on them."""
    first, other = CHANGES[change]
    Checkpoints(folder, {"network": first()}, {}).save(1, {})
    for _ in range(2):
        assert resumed(folder, {"network": first()})[0] == 1
    with pytest.raises(CheckpointError, match="network"):
        resumed(folder, {"network": other()})


SAME_WORDS = {  # a layer's name is also a key or a value of its configuration
    "activation": lambda: [dense(3), keras.layers.Activation("relu")],
    "dropout": lambda: [keras.layers.Reshape((2, 2)), keras.layers.GRU(3, dropout=0.1)],
    "softmax": lambda: [dense(3, activation="softmax"), keras.layers.Softmax()],
}


@pytest.mark.parametrize("word", SAME_WORDS)
def test_a_name_that_is_another_word_too_makes_no_difference(folder, word):
    def make_one():
        return {"network": of_layers(*SAME_WORDS[word](), keras.layers.Dropout(0.1))}

    keras.backend.clear_session()  # so that the first one gets the plain names
    Checkpoints(folder, make_one(), {}).save(1, {})
    assert resumed(folder, make_one())[0] == 1


def test_lambdas_made_again_are_the_same(folder):
    def make_one():
        doubled = eval("lambda x: x * 2")  # as in a cell that is run again
        return {"network": of_layers(dense(2), keras.layers.Lambda(doubled))}

    Checkpoints(folder, make_one(), {}).save(1, {})
    assert resumed(folder, make_one())[0] == 1


class Subclassed(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.first, self.second = dense(units), dense(1)

    def call(self, x):
        return self.second(self.first(x))


def test_another_subclassed_model_is_told_by_its_shapes(folder):
    one, other = Subclassed(3), Subclassed(5)
    one(np.ones((1, 2))), other(np.ones((1, 2)))
    Checkpoints(folder, {"network": one}, {}).save(1, {})
    with pytest.raises(CheckpointError, match=r"\(2, 3\) for network.0, which is \(2, 5\)"):
        resumed(folder, {"network": other})


@pytest.mark.parametrize("kind", ["Adam", "RMSprop", "LossScaleOptimizer"])
def test_optimizers_go_on_as_if_there_had_been_no_stop(folder, kind):
    def make_one():
        keras.utils.set_random_seed(0)
        network = of_layers(dense(3), keras.layers.Dropout(0.5), dense(2))
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        inner = keras.optimizers.Adam(rate, use_ema=True)
        made = keras.optimizers.LossScaleOptimizer(inner) if "Loss" in kind else None
        optimizer = made or getattr(keras.optimizers, kind)(0.1)
        optimizer.build(network.trainable_variables)
        return {"network": network, "optimizer": optimizer}

    def step(network, optimizer):
        with tf.GradientTape() as tape:
            outputs = network(np.ones((4, 4), np.float32), training=True)
            scaled = optimizer.scale_loss(tf.reduce_sum(outputs**2))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))

    first, second = make_one(), make_one()
    for _ in range(3):
        step(**first)
    Checkpoints(folder, first, {}).save(3, {})
    resumed(folder, second)
    for _ in range(3):
        step(**first), step(**second)
    for name in first:
        for one, other in zip(first[name].variables, second[name].variables, strict=True):
            assert one.numpy().tobytes() == other.numpy().tobytes(), (name, one.path)


@pytest.mark.parametrize(
    "settings, things, says",
    [
        ({"batch_size": 32, "rate": 0.1}, {}, "batch_size was 64, is 32"),
        ({"batch_size": 64}, {}, "rate was 0.1, is None"),
        ({"batch_size": 64, "rate": 0.1, "noise": 1.0}, {}, "noise was None, is 1.0"),
        ({"batch_size": 64, "rate": 0.1}, {"seeds": 1}, "seeds"),
    ],
)
def test_other_settings_and_other_things_are_told(folder, settings, things, says):
    kept_at(folder, 1, batch_size=64, rate=0.1)
    assert resumed(folder, settings={"batch_size": 64, "rate": 0.1})[0] == 1
    more = {name: keras.random.SeedGenerator(seed) for name, seed in things.items()}
    with pytest.raises(CheckpointError, match=says):
        resumed(folder, make() | more, settings)


def test_fresh_puts_the_older_run_aside(folder):
    kept_at(folder, 10, 20)
    fresh = Checkpoints(folder, make(filters=8), {}, fresh=True)
    assert fresh.resume()[0] == 0 and names(folder) == []
    aside = folder.with_name("kept.before")
    assert resumed(aside)[0] == 20
    fresh.save(5, {})
    assert resumed(folder, make(filters=8))[0] == 5 and len(names(aside)) == 2
    Checkpoints(folder, make(), {}, fresh=True).resume()
    second = folder.with_name("kept.before2")
    assert names(second) == ["run-001-step-00000005.npz"] and names(folder) == []
    assert resumed(aside)[0] == 20  # nothing is lost


def test_runs_that_older_versions_counted_go_on(folder):
    kept_at(folder, 10)
    (folder / "run-001-step-00000010.npz").rename(folder / "run-002-step-00000010.npz")
    kept = Checkpoints(folder, make(), {})
    assert kept.resume()[0] == 10
    kept.save(11, {})
    assert names(folder)[0] == "run-002-step-00000011.npz" and resumed(folder)[0] == 11


def test_weights_that_are_not_finite_are_not_saved(folder):
    things = make()
    kept = kept_at(folder, 1, things=things)
    things["network"].weights[0].assign(np.full((3, 3, 1, 4), np.nan))
    with pytest.raises(CheckpointError, match=r"(?s)Step 2 was not saved: network.0.*another name"):
        kept.save(2, {})
    assert names(folder) == ["run-001-step-00000001.npz"]


# ------------------------------------------------------------ reading a run elsewhere


VARIABLE = """
import sys
from pathlib import Path
import numpy as np
from helpers.checkpoints import CheckpointError, Checkpoints, restore

class Variable:  # without the seconds that an import of TensorFlow takes
    def __init__(self, *shape):
        self.shape, self.value = shape, np.zeros(shape)
    def assign(self, value):
        self.value = value
    def __array__(self, dtype=None, copy=None):
        return self.value
"""


def run_elsewhere(code, *arguments):
    """Run code in another process, and return what it printed."""
    command = [sys.executable, "-c", VARIABLE + code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_a_network_is_restored_alone_in_another_kernel_while_the_training_goes_on():
    sources.clear()  # no data set is loaded, as in the other kernel
    things = make()
    training = Training("04_dcgan/improved", 2, 1, **things)
    things["network"].weights[0].assign(np.full((3, 3, 1, 4), 7))
    training.update(loss=1.0)
    code = "kernel = Variable(3, 3, 1, 4)\nprint(restore('04_dcgan/improved', network=kernel))"
    said = run_elsewhere(code + "\nprint(kernel.value.mean())")
    assert said.splitlines() == ["1", "7.0"]
    before = {path: path.read_bytes() for path in find_files(run_folder("04_dcgan/improved"))}
    again = make()["network"]
    assert restore("04_dcgan/improved", network=again) == 1
    assert (again.weights[0].numpy() == 7).all()
    with pytest.raises(CheckpointError, match=r"nothing for generator.0.*\['network', 'optimizer'"):
        restore("04_dcgan/improved", generator=again)
    assert before == {path: path.read_bytes() for path in before}
    with pytest.raises(FileNotFoundError, match="no checkpoint. Run the cell"):
        restore("04_dcgan/other", network=again)


# ------------------------------------------------------------ disks and other kernels


def test_a_full_disk_is_a_clear_error_and_the_older_ones_stay_whole(folder):
    kept = kept_at(folder, 1, 2)
    before = {path: path.read_bytes() for path in find_files(folder)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"Cannot write .*00000003.npz.*space on the disk"):
            kept.save(3, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path: path.read_bytes() for path in find_files(folder)} == before
    kept.save(3, {})
    assert resumed(folder)[0] == 3


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
    place.rmdir()


def test_a_folder_that_cannot_be_written_is_a_clear_error(read_only, tmp_path):
    with pytest.raises(OSError, match="Cannot write .*COURSE_RESULTS_DIR"):
        Checkpoints(read_only / "kept", make(), {})


def test_a_second_kernel_is_told_while_the_first_lives(folder):
    code = (
        "try:\n    kept = Checkpoints(Path(sys.argv[1]), {'n': Variable(2)}, {})\n"
        "except CheckpointError as error:\n    print(error)\n"
        "else:\n    print(kept.resume()[0])\n"
    )
    wait = "kept.save(7, {})\nprint('saved', flush=True)\nsys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", VARIABLE + code + wait, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    while "saved" not in (line := first.stdout.readline()):
        assert line, "the first process ended"
    assert f"Another kernel trains in '{folder}'" in run_elsewhere(code, str(folder))
    assert names(folder) == ["run-001-step-00000007.npz"]
    first.kill()
    first.wait()
    assert run_elsewhere(code, str(folder)).endswith("7\n")  # it ends with the process


def test_things_that_cannot_be_kept_are_told(folder):
    with pytest.raises(ValueError, match=r"optimizer is not built.*build"):
        Checkpoints(folder, {"optimizer": keras.optimizers.Adam()}, {})
    with pytest.raises(ValueError, match="network is not built"):
        Checkpoints(folder, {"network": Subclassed(3)}, {})
    for thing in (np.ones(3), object(), np.random.default_rng(0)):
        with pytest.raises(TypeError, match=f"data is a {type(thing).__name__}, which cannot"):
            Checkpoints(folder, {"data": thing}, {})
