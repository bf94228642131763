"""The ground of the course: budget, start, folders, records."""

import errno
import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import course
from helpers.course import ROOT, atomic_write, budget, record, run_folder, start


@pytest.mark.parametrize("name, value", [("smoke", 1), ("lesson", 6), ("full", 50), ("", 6)])
def test_a_budget_picks_by_name_and_lesson_is_the_default(monkeypatch, name, value):
    assert budget(1, 6, 50) == 6
    monkeypatch.setenv("COURSE_BUDGET", name)
    assert budget(smoke=1, lesson=6, full=50) == value


def test_an_unknown_budget_is_named(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "Smoke")
    with pytest.raises(ValueError, match=r"'Smoke'.*smoke, lesson, full.*restart"):
        budget(1, 6, 50)


def test_start_seeds_all_three_and_says_what_the_machine_is(capfd):
    drawn = []
    for _ in range(2):
        start(seed=7)
        import tensorflow as tf  # after start, which keeps its remarks off the error stream

        drawn.append((random.random(), np.random.rand(), float(tf.random.uniform(()))))
    assert drawn[0] == drawn[1]
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 4 and not err
    for word in ("Budget: lesson", "Device: ", "TensorFlow", "Seed: 7", "GFLOP/s"):
        assert word in out


def test_a_slow_machine_is_told_what_it_means(monkeypatch, capsys):
    monkeypatch.setattr(course, "machine_gflops", functools.cache(lambda: 100.0))
    start()
    said = capsys.readouterr().out
    assert "100 GFLOP/s, 0.33 times the reference (300). 5 minutes in the text are about 15" in said


LEFT_OVER = """
import os, sys
from helpers.course import start
start()
import keras, matplotlib.pyplot as plt
image, convolution = keras.Input((28, 28, 1)), keras.layers.Conv2D(2, 3)
print(convolution(image).shape, convolution.kernel.dtype, plt.rcParams["image.origin"])
"""


def test_a_readers_left_over_settings_of_keras_and_matplotlib_change_nothing(tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16", "backend": "jax"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "matplotlibrc").write_text("image.origin: lower\ntext.usetex: True\n")
    env = {**os.environ, "KERAS_HOME": str(tmp_path), "MATPLOTLIBRC": str(tmp_path)}
    command = [sys.executable, "-c", LEFT_OVER]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "(None, 26, 26, 2) float32 upper", done.stderr


# ------------------------------------------------------------ where results lie


@pytest.fixture
def loaded(capsys):
    """Let a new notebook have loaded these sets, in this order."""

    def load(**sources):
        course.sources.clear()
        start()
        course.sources.update(sources)
        capsys.readouterr()

    return load


def test_a_second_data_set_does_not_move_a_chapters_runs(loaded, tmp_path):
    loaded(mnist="embedded")
    before = run_folder("03_gan/digits")
    loaded(mnist="embedded", fashion_mnist="official")
    assert run_folder("03_gan/digits") == before
    assert before == tmp_path / "results/lesson/embedded/03_gan/digits"
    loaded(mnist="official")
    assert run_folder("03_gan/digits") != before


def test_the_first_cell_run_again_finds_the_same_runs_and_measures_again(
    loaded, monkeypatch, capsys
):
    loaded(mnist="embedded")
    before = run_folder("03_gan")
    monkeypatch.setattr(course, "machine_gflops", functools.cache(lambda: next(speeds)))
    speeds = iter((100.0, 200.0))
    for speed in (100, 200):
        start()
        assert run_folder("03_gan") == before
        assert f"{speed} GFLOP/s" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../elsewhere", "dcgan", "04_dcgan/a/b", ""])
def test_a_run_has_a_name_of_one_form(name):
    with pytest.raises(ValueError, match="must be like '04_dcgan/improved'"):
        run_folder(name)


# ------------------------------------------------------------ records


def recorded(tmp_path, source):
    return json.loads((tmp_path / f"results/lesson/{source}/03_gan.json").read_text())


def test_numbers_are_printed_and_kept_with_the_machines_speed(loaded, tmp_path, capsys):
    loaded(mnist="embedded", fashion_mnist="official")
    record("03_gan", fcd=np.float32(2.5), samples=np.int64(100), share=np.array([0.25]), old=1)
    record("03_gan", fcd=np.float32(2.5), samples=np.int64(100), share=np.array([0.25]))
    kept = recorded(tmp_path, "embedded+official")
    assert kept == json.loads("{" + capsys.readouterr().out.rpartition("{")[2])
    assert kept.pop("machine_gflops") > 1
    assert kept == {"fcd": 2.5, "samples": 100, "share": 0.25} and type(kept["samples"]) is int


def test_a_tensor_is_a_number(loaded, tmp_path):
    import tensorflow as tf

    loaded()
    record("03_gan", loss=tf.constant(0.5))
    assert recorded(tmp_path, "none")["loss"] == 0.5


@pytest.mark.parametrize(
    "value, says",
    [
        (float("nan"), "fcd is nan"),
        (np.float32("-inf"), "fcd is -inf"),
        ("2.5", "single"),
        (None, "single"),
        ([1, 2], "single"),
        (np.zeros(3), "single"),
    ],
)
def test_what_is_no_finite_number_is_not_recorded(tmp_path, value, says):
    with pytest.raises(ValueError, match=says):
        record("03_gan", fcd=value)
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_made_loses_no_number(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")  # holds for root too
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"Cannot write .*03_gan.json.*COURSE_RESULTS_DIR"):
        record("03_gan", fcd=1.5)
    assert json.loads(capsys.readouterr().out)["fcd"] == 1.5


@pytest.mark.parametrize("error", [RuntimeError("stopped"), OSError(errno.ENOSPC, "No space left")])
def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(type(error), match="stopped|Cannot write .*No space left.*unchanged"):
        with atomic_write(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise error
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_new_file_can_be_read_by_those_who_can_read_the_readers_other_files(tmp_path):
    (tmp_path / "other.txt").write_text("new")
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["a.txt"] == modes["other.txt"] and len(modes) == 2


def test_relative_paths_start_at_the_root_and_results_lie_where_the_reader_says(monkeypatch):
    monkeypatch.chdir("/")
    assert course.from_root("data") == ROOT / "data"
    monkeypatch.setenv("COURSE_RESULTS_DIR", "~/mine")
    assert course.results_folder() == Path.home() / "mine"
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert course.results_folder() == ROOT / "results"
