"""The monitor: what it writes, what it warns of, and that a stopped run has neither a gap nor a double in its curves."""

import base64
import csv
import io
import math
import os
import resource
import signal
import subprocess
import sys

import imageio.v3 as iio
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from nbclient import NotebookClient

from helpers import plotting
from helpers.monitor import ALIKE_GRIDS, SLOW_START, STUCK_STEPS, Monitor, replay
from helpers.paths import ROOT
from helpers.results import chapter_folder

RUN = "04_dcgan/test"
RNG = np.random.default_rng(0)


def noise():
    return RNG.random((16, 28, 28))


def train(steps=10, every=4, first=1, last=None, samples=noise, numbers=lambda step: {"loss": 1 / step}, **options):
    """Train steps first to last; a run that goes on gets the history up to there, as from a checkpoint."""
    if first > 1:
        cut = {name: [float(value) for value in curve[: first - 1]] for name, curve in zip(rows()[0], zip(*rows()[1:]))}
        options["history"] = cut
    with Monitor(RUN, steps, every, samples, **options) as monitor:
        for step in range(first, (last or steps) + 1):
            monitor.update(step, **numbers(step))
    return monitor


def rows():
    with open(chapter_folder(RUN) / "history.csv", newline="") as file:
        return list(csv.reader(file))


def pictures():
    return sorted(path.name for path in (chapter_folder(RUN) / "samples").iterdir())


def test_everything_is_written():
    monitor = train()
    header, *lines = rows()
    assert header == ["step", "seconds", "loss"]
    assert [int(line[0]) for line in lines] == list(range(1, 11))
    assert [float(line[2]) for line in lines] == [1 / step for step in range(1, 11)] == monitor.history["loss"]
    seconds = [float(line[1]) for line in lines]
    assert seconds == sorted(seconds)
    assert pictures() == ["00000000.png", "00000004.png", "00000008.png", "00000010.png"]
    grid = iio.imread(chapter_folder(RUN) / "samples/00000010.png")
    assert grid.std() > 30 and min(grid.shape[:2]) > 4 * 28
    curves = iio.imread(chapter_folder(RUN) / "curves.png")
    assert min(curves.shape[:2]) > 200 and curves.std() > 5
    assert monitor.warnings == []


@pytest.mark.filterwarnings("error")
def test_a_loss_over_decades_is_drawn_on_a_logarithm_and_accuracies_never_are(monkeypatch):
    asked = []
    curves = plotting.history_curves
    monkeypatch.setattr(plotting, "history_curves", lambda *args, **options: asked.append(options["log"]) or curves(*args, **options))
    train(numbers=lambda step: {"real_accuracy": 0.01 * step**2, "fake_accuracy": 0.5})
    train(numbers=lambda step: {"loss": 10.0**-step, "real_accuracy": 0.01 * step**2})
    assert {tuple(log) for log in asked} == {(), ("loss",)}


def test_curves_share_a_panel_by_the_last_word_of_their_names(monkeypatch):
    asked = []
    curves = plotting.history_curves
    monkeypatch.setattr(plotting, "history_curves", lambda history, panels, *args, **options: asked.append(panels) or curves(history, panels, *args, **options))
    names = ("generator_loss", "discriminator_loss", "real_accuracy", "generator_gradient")
    train(numbers=lambda step: dict.fromkeys(names, step / 10))
    assert asked[-1] == {"loss": ["generator_loss", "discriminator_loss"], "accuracy": ["real_accuracy"], "gradient": ["generator_gradient"]}


def test_tensors_of_one_number_are_taken():
    assert train(numbers=lambda step: {"loss": tf.constant(0.5)}).history["loss"] == [0.5] * 10


@pytest.mark.parametrize("killed_at, resumed_at", [(7, 5), (7, 8), (9, 2)])
def test_a_resumed_run_has_no_gap_and_no_double(killed_at, resumed_at):
    train(last=killed_at)
    assert "00000004.png" in pictures()
    before = [float(line[1]) for line in rows()[1:resumed_at]]
    monitor = train(first=resumed_at, samples=None, numbers=lambda step: {"loss": -step})
    assert [int(line[0]) for line in rows()[1:]] == list(range(1, 11)) == monitor.history["step"]
    assert [float(line[2]) for line in rows()[1:]] == [1 / s for s in range(1, resumed_at)] + [-s for s in range(resumed_at, 11)]
    assert [float(line[1]) for line in rows()[1:resumed_at]] == before
    assert monitor.history["seconds"] == sorted(monitor.history["seconds"])
    assert [int(name[:8]) for name in pictures()] == [step for step in sorted({0, 4, 8, killed_at}) if step <= killed_at and step < resumed_at]


def test_the_checkpoints_history_counts_and_not_the_file():
    """A fresh run that was stopped before its first save leaves a short file; the checkpoint still has the whole curve."""
    whole = train().history
    train(last=3)
    with Monitor(RUN, 12, 4, history=whole) as monitor:
        monitor.update(11, loss=1.0)
    assert [int(line[0]) for line in rows()[1:]] == list(range(1, 12))


def test_a_run_that_starts_again_at_step_1_replaces_the_old_one():
    train(numbers=lambda step: {"old_loss": math.nan})
    monitor = train(steps=6)
    assert list(monitor.history) == ["step", "seconds", "loss"] and len(rows()) == 7
    assert pictures() == ["00000000.png", "00000004.png", "00000006.png"] and monitor.warnings == []


def test_a_curve_that_comes_later_has_a_gap_before():
    train(last=3)
    monitor = train(first=4, numbers=lambda step: {"loss": 1.0, "accuracy": 0.5})
    assert np.isnan(monitor.history["accuracy"][:3]).all() and monitor.history["accuracy"][3:] == [0.5] * 7
    assert all(len(curve) == 10 for curve in monitor.history.values())


def test_lines_that_are_damaged_are_left_out_of_a_replay(capsys):
    train(last=5)
    path = chapter_folder(RUN) / "history.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[3].replace("0.", "0,."), *lines[4:], "6,0.1,1.2"]))  # no end of line: cut
    replay(RUN, seconds=0)
    assert "5 steps" in capsys.readouterr().out
    path.write_text("nonsense")
    with pytest.raises(FileNotFoundError, match="There is no run"):
        replay(RUN)


def test_a_run_that_is_complete_is_shown_and_not_changed(capsys):
    history = train().history
    before = rows()
    with Monitor(RUN, 10, 4, noise, history=history) as monitor:
        pass
    assert rows() == before and len(monitor.history["loss"]) == 10
    assert "nothing was trained now. To train again: fresh=True" in capsys.readouterr().out


def test_an_error_in_the_loop_keeps_what_was_seen_and_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        train(numbers=lambda step: {"loss": 1 / (6 - step)})
    assert len(rows()) == 6 and (chapter_folder(RUN) / "curves.png").is_file()


def test_an_error_before_the_first_step_shows_no_old_curves(capsys):
    history = train().history
    capsys.readouterr()
    with pytest.raises(ZeroDivisionError), Monitor(RUN, 20, 4, history=history):
        1 / 0
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_a_clear_error():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(OSError, match="Cannot write .*history.csv': File too large. Leave space"):
            with Monitor(RUN, 10_000, 20_000) as monitor:
                resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
                for step in range(1, 10_001):
                    monitor.update(step, loss=1.5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_bar_that_is_updated_now_and_then_counts_right(capsys):
    with Monitor(RUN, 100, 50) as monitor:
        for step in range(10, 101, 10):
            monitor.update(step, loss=1.0)
    assert "100/100" in capsys.readouterr().out


def test_sigkill_loses_no_step(tmp_path):
    code = (
        "import os, signal\nfrom helpers.monitor import Monitor\n"
        f"with Monitor({RUN!r}, 10, 4) as monitor:\n"
        "    for step in range(1, 8):\n        monitor.update(step, loss=1.5)\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    env = {**os.environ, "COURSE_RESULTS_DIR": str(tmp_path / "results")}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True).returncode == -signal.SIGKILL
    assert [line[::2] for line in rows()[1:]] == [[str(step), "1.5"] for step in range(1, 8)]


# ---------------------------------------------------------------- signs of failure


def test_a_loss_that_is_not_finite(capsys):
    for value in (math.nan, math.inf):
        monitor = train(numbers=lambda step: {"loss": 1.0, "generator_loss": value if step >= 3 else 1.0})
        assert len(monitor.warnings) == 1
        assert monitor.warnings[0].startswith("Step 3: generator_loss is not finite") and "learning rate" in monitor.warnings[0]
        assert (chapter_folder(RUN) / "warnings.txt").read_text().splitlines() == monitor.warnings
        assert capsys.readouterr().out.count("generator_loss is not finite") == 1


@pytest.mark.parametrize(
    "real, fake, warned",
    [(1.0, 1.0, True), (1.0, 0.6, False), (0.9, 1.0, False), (0.998, 1.0, True), (1.0, math.nan, None)],
)
def test_a_discriminator_that_is_always_right(real, fake, warned):
    monitor = train(STUCK_STEPS + 40, 100, numbers=lambda step: {"loss": 1.0, "real_accuracy": real, "fake_accuracy": fake})
    if warned is None:  # a value that is not finite is another sign, and hides nothing
        assert len(monitor.warnings) == 1 and "not finite" in monitor.warnings[0]
        return
    assert bool(monitor.warnings) == warned
    if warned:
        assert monitor.warnings[0].startswith(f"Step {STUCK_STEPS}: The discriminator") and "two generator steps" in monitor.warnings[0]


def test_a_discriminator_that_was_right_only_at_first_and_a_classifier_are_no_failure():
    assert not train(STUCK_STEPS + 40, 100, numbers=lambda step: {"fake_accuracy": 1.0 if step < STUCK_STEPS - 20 else 0.7}).warnings
    assert not train(STUCK_STEPS + 40, 100, numbers=lambda step: {"accuracy": 1.0}).warnings


def alike():
    return np.repeat(RNG.random((1, 28, 28)), 16, axis=0) + RNG.normal(0, 0.005, (16, 28, 28))


def test_samples_that_become_all_alike():
    grids = iter([noise(), noise(), *(alike() for _ in range(7))])
    monitor = train(8, 1, samples=lambda: next(grids), value_range=(-1, 2))
    assert len(monitor.warnings) == 1 and monitor.warnings[0].startswith(f"Step {1 + ALIKE_GRIDS}: The samples look all alike")
    assert not train(8, 1).warnings


def test_samples_of_a_network_that_has_not_begun_to_learn_may_be_alike():
    assert not train(SLOW_START - 100, 100, samples=alike, value_range=(-1, 2)).warnings
    assert train(SLOW_START, 100, samples=alike, value_range=(-1, 2)).warnings


def test_a_warning_of_steps_that_are_done_again_goes_away():
    bad = lambda at: lambda step: {"loss": math.nan if step == at else 1.0}  # noqa: E731
    train(last=7, numbers=bad(7))
    monitor = train(first=5, numbers=bad(9))
    assert [line[:7] for line in monitor.warnings] == ["Step 9:"]
    train(last=4, numbers=bad(2))
    assert [line[:7] for line in train(first=5).warnings] == ["Step 2:"]


def test_samples_out_of_range_or_not_finite():
    monitor = train(samples=lambda: noise() * 5)
    assert len(monitor.warnings) == 1 and "outside of 0 to 1" in monitor.warnings[0]
    monitor = train(samples=lambda: np.full((4, 28, 28), np.nan))
    assert len(monitor.warnings) == 1 and "samples are not finite" in monitor.warnings[0]


def test_real_clothes_and_digits_are_not_called_alike(monkeypatch):
    from helpers import datasets

    monkeypatch.setenv("COURSE_DATA", "embedded")
    for name in ("mnist", "fashion_mnist"):
        data = datasets.load(name)
        images = data.train_images / 255
        assert not train(8, 1, samples=lambda: images[RNG.choice(len(images), 16)]).warnings
        boots = images[data.train_labels == 9]  # one class: less varied, but no collapse
        assert not train(8, 1, samples=lambda: boots[RNG.choice(len(boots), 16)]).warnings


# ---------------------------------------------------------------- wrong use


def test_wrong_use_is_told():
    for bad in ({"steps": 0}, {"every": 0}, {"every": 2.5}, {"steps": True}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} is"):
            Monitor(RUN, **{"steps": 5, "every": 5} | bad)
    with pytest.raises(ValueError, match="must be like '04_dcgan'"):
        Monitor("../04_dcgan", 5, 5)
    for numbers, says in [
        (lambda step: {"loss": [1, 2]}, "loss is .*single"),
        (lambda step: {"loss": 1} if step < 3 else {"los": 1}, "update got los, but the first step had loss"),
    ]:
        with pytest.raises(ValueError, match=says):
            train(numbers=numbers)
    with pytest.raises(ValueError, match="step 3 was noted already"), Monitor(RUN, 5, 5) as monitor:
        monitor.update(3, loss=1)
        monitor.update(3, loss=1)
    for step, says in ((0, "the first step is 1"), (-1, "the first step is 1"), (1.0, "whole number"), (tf.constant(1), "whole number")):
        before = rows()
        with pytest.raises(ValueError, match=says), Monitor(RUN, 5, 5) as monitor:
            monitor.update(step, loss=1)
        assert rows() == before  # nothing of the last run was removed
    with pytest.raises(ValueError, match="kept anyway"):
        train(numbers=lambda step: {"seconds": 1})
    with pytest.raises(ZeroDivisionError):  # a mistake in the function of samples shows before the first step
        train(samples=lambda: 1 / 0)


def test_a_results_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(OSError, match="Cannot write '.*history.csv'.*COURSE_RESULTS_DIR"):
        train()


def test_replay_of_nothing_is_told():
    with pytest.raises(FileNotFoundError, match="There is no run in '.*04_dcgan/test'"):
        replay(RUN)


# ---------------------------------------------------------------- in a notebook


def run_cells(tmp_path, *sources):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=120, kernel_name="python3", coalesce_streams=True).execute(env={**os.environ, "COURSE_RESULTS_DIR": str(tmp_path / "results")})
    return [cell.outputs for cell in notebook.cells]


TRAIN = f"""
import numpy as np
from helpers.monitor import Monitor, replay
rng = np.random.default_rng(0)
with Monitor({RUN!r}, 60, 20, lambda: rng.random((16, 28, 28))) as monitor:
    for step in range(1, 61):
        monitor.update(step, loss=1 / step if step < 30 else np.nan)
"""


AGAIN = f"with Monitor({RUN!r}, 60, 20, history=monitor.history):\n    pass"


def test_in_a_notebook_three_outputs_are_refreshed_in_place(tmp_path, monkeypatch):
    monkeypatch.undo()  # a kernel is reached through a socket
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "results"))
    live, again, played = run_cells(tmp_path, TRAIN, AGAIN, f"replay({RUN!r}, seconds=0.1)")
    for outputs in (live, again, played):
        assert [output.output_type for output in outputs] == ["display_data"] * 3
        texts = [output.data["text/plain"] for output in outputs if "image/png" not in output.data]
        assert len(texts) == 1 and "Step 30: loss is not finite" in texts[0] and "60" in texts[0]
    assert "100%" in live[0].data["text/plain"] and "loss=nan" in live[0].data["text/plain"]
    (last,) = (tmp_path / "results").rglob("samples/00000060.png")  # below a folder named after the kernel's data source, not after ours
    for outputs in (live, again, played):
        shown = [output.data for output in outputs if "image/png" in output.data]
        assert [data["text/plain"] for data in shown] == ["samples at step 60", "curves of loss"]
        assert base64.b64decode(shown[0]["image/png"]) == last.read_bytes()


def test_a_figure_as_samples_is_shown_as_it_is():
    train(samples=lambda: plotting.paired_rows({"one": noise(), "other": noise()}, (0, 1)))
    picture = iio.imread(io.BytesIO((chapter_folder(RUN) / "samples/00000008.png").read_bytes()))
    assert picture.shape[1] > 3 * picture.shape[0]
