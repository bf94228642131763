import random

import numpy as np
import pytest

from helpers.budget import budget, start


@pytest.mark.parametrize("name, value", [("smoke", 1), ("lesson", 6), ("full", 50)])
def test_budget_picks_by_name(monkeypatch, name, value):
    monkeypatch.setenv("COURSE_BUDGET", name)
    assert budget(smoke=1, lesson=6, full=50) == value


def test_lesson_is_the_default(monkeypatch):
    assert budget(1, 6, 50) == 6
    monkeypatch.setenv("COURSE_BUDGET", "")
    assert budget(1, 6, 50) == 6


@pytest.mark.parametrize("name", ["quick", "Smoke", "full "])
def test_unknown_budget_is_named(monkeypatch, name):
    monkeypatch.setenv("COURSE_BUDGET", name)
    with pytest.raises(ValueError, match=f"'{name}'.*smoke, lesson, full.*restart"):
        budget(1, 6, 50)


def test_start_seeds_all_three_and_prints_one_line(capfd):
    drawn = []
    for _ in range(2):
        start(seed=7)
        import tensorflow as tf  # after start, which keeps TensorFlow's remarks off the error stream

        drawn.append((random.random(), np.random.rand(), float(tf.random.uniform(()))))
    assert drawn[0] == drawn[1]
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 2 and not err
    for word in ("Budget: lesson", "Device: ", "TensorFlow", "Seed: 7"):
        assert word in out


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "7", None, True])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match="seed is"):
        start(seed=seed)
