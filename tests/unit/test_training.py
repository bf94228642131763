"""The training object: what it shows, warns of and keeps, and that a stop leaves no trace."""

import base64
import io
import math
import os
import resource

import imageio.v3 as iio
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from nbclient import NotebookClient

from helpers import datasets, plotting
from helpers.checkpoints import CheckpointError
from helpers.course import run_folder
from helpers.live_view import ALIKE_GRIDS, SLOW_START, STUCK_STEPS, spans_decades
from helpers.training import Training

RUN = "04_dcgan/test"
RNG = np.random.default_rng(0)
IMAGES = RNG.random((30, 4, 4))


def noise():
    return RNG.random((16, 28, 28))


def loss_of(step):
    return {"loss": 1 / step}


def train(steps=10, every=4, last=None, samples=noise, numbers=loss_of, images=IMAGES, **options):
    """Train to the step `last` of `steps`; the one variable counts the steps."""
    count = tf.Variable(0.0)
    run = Training(RUN, steps, every, samples, count=count, **options)
    for _ in run.batches(images, 4, seed=1):
        count.assign_add(1)
        run.update(**numbers(run.step + 1))
        if run.step == last:
            break
    return run


def files(pattern):
    return sorted(path.name for path in run_folder(RUN).glob(pattern))


def test_samples_curves_and_checkpoints_are_written():
    run = train()
    assert run.history["step"] == list(range(1, 11)) and run.step == 10 and run.warnings == []
    assert run.history["loss"] == [1 / step for step in range(1, 11)]
    assert run.history["seconds"] == sorted(run.history["seconds"])
    assert files("samples/*") == ["00000000.png", "00000004.png", "00000008.png", "00000010.png"]
    assert [name[-7:] for name in files("*.npz")] == ["004.npz", "008.npz", "010.npz"]
    grid = iio.imread(run.folder / "samples/00000010.png")
    assert grid.std() > 30 and min(grid.shape[:2]) > 4 * 28
    curves = iio.imread(run.folder / "curves.png")
    assert min(curves.shape[:2]) > 200 and curves.std() > 5


@pytest.mark.parametrize("stopped_at, saved", [(4, 4), (7, 4), (9, 8), (3, 0)])
def test_a_stopped_run_goes_on_with_the_same_batches_and_one_whole_curve(stopped_at, saved, capsys):
    seen = []

    def noting(step):
        seen.append(step)
        return loss_of(step)

    train(last=stopped_at, numbers=noting)
    run = train(numbers=noting)
    assert seen == [*range(1, stopped_at + 1), *range(saved + 1, 11)]
    assert run.history["step"] == list(range(1, 11))
    assert run.history["loss"] == [1 / step for step in range(1, 11)]
    assert run.history["seconds"] == sorted(run.history["seconds"])
    assert "00000010.png" in files("samples/*")


def test_batches_are_those_of_an_uninterrupted_run():
    def batches(last=None):
        run, seen = Training(RUN, 9, 3, rate=1.0, count=tf.Variable(0.0)), []
        for _batch, label in run.batches((IMAGES, np.arange(30)), 4, seed=1):
            seen.append(label)
            run.update(loss=1.0)
            if run.step == last:
                break
        return seen

    first, rest = batches(last=6), batches()
    ordered = datasets.batches(np.arange(30), 4, seed=1)
    assert np.array_equal(first + rest, [next(ordered) for _ in range(9)])


@pytest.mark.parametrize(
    "change, says",
    [
        (dict(images=IMAGES + 1), "pictures was"),
        (dict(rate=2.0), "rate was 1.0, is 2.0"),
        (dict(other=tf.Variable(1.0)), "other"),
    ],
)
def test_a_run_goes_on_only_with_the_same_pictures_and_settings(change, says):
    train(last=4, **{"rate": 1.0})
    before = {path: path.read_bytes() for path in run_folder(RUN).rglob("*.*")}
    with pytest.raises(CheckpointError, match=f"{says}.*fresh=True"):
        train(**{"rate": 1.0} | change)
    assert before == {path: path.read_bytes() for path in run_folder(RUN).rglob("*.*")}
    assert train(rate=1.0).step == 10


def contents(name):
    found = (path for path in run_folder(name).rglob("*") if path.is_file())
    return {path.relative_to(run_folder(name)): path.read_bytes() for path in found}


def test_a_fresh_run_starts_again_and_all_of_the_old_one_is_kept():
    train(samples=lambda: np.full((4, 28, 28), 2.0), numbers=lambda step: {"old_loss": 1.0})
    before = contents(RUN)
    assert any(path.name == "warnings.txt" for path in before)  # white is a sign of failure
    train(last=5, fresh=True, save_every=6)  # stopped before its first checkpoint, twice
    train(last=5, fresh=True, save_every=6)
    assert contents(f"{RUN}.before") == before
    run = train(steps=6)
    assert list(run.history) == ["step", "seconds", "loss"] and run.step == 6
    assert run.warnings == [] and files("samples/*") == [f"0000000{n}.png" for n in (0, 4, 6)]
    assert contents(f"{RUN}.before") == before
    latest = contents(RUN)
    train(last=1, fresh=True)  # the complete run stays, too
    assert contents(f"{RUN}.before") == before and contents(f"{RUN}.before2") == latest


def test_a_run_that_is_complete_is_shown_and_not_changed(capsys):
    train()
    before = files("*.npz")
    run = train()
    assert run.step == 10 and len(run.history["loss"]) == 10 and files("*.npz") == before
    assert {type(step) for step in run.history["step"]} == {int}  # a lesson names files by them
    with pytest.raises(RuntimeError, match=r"All 10 steps are done. Loop over `run.batches`"):
        run.update(loss=1.0)
    assert "nothing was trained now. To train again: fresh=True" in capsys.readouterr().out


def test_an_error_in_the_loop_is_not_hidden_and_the_curves_are_drawn():
    with pytest.raises(ZeroDivisionError):
        train(numbers=lambda step: {"loss": 1 / (3 - step)})
    assert files("curves.png")


def test_a_mistake_in_the_function_of_samples_shows_before_the_first_step():
    with pytest.raises(ZeroDivisionError):
        train(samples=lambda: 1 / 0)
    assert not files("*.npz")


def test_a_loop_that_notes_no_step_is_told():
    run = Training(RUN, 5, 5, count=tf.Variable(0.0))
    with pytest.raises(RuntimeError, match="Call update"):
        for _ in run.batches(IMAGES, 4, seed=1):
            pass


def test_a_loop_without_batches_resumes_at_its_first_update():
    for _ in range(2):
        run = Training(RUN, 4, 2, count=tf.Variable(0.0))
        run.resume()
        for _step in range(run.step, 2 + run.step):
            run.update(loss=tf.constant(0.5))
    assert run.history["loss"] == [0.5] * 4 and run.history["step"] == [1, 2, 3, 4]


def test_names_of_curves_stay_the_same():
    with pytest.raises(ValueError, match=r"update got \[.*'los'\].*had \[.*'loss'\]"):
        train(numbers=lambda step: {"loss": 1} if step < 3 else {"los": 1})


def test_a_figure_as_samples_is_shown_as_it_is():
    train(samples=lambda: plotting.paired_rows({"one": noise(), "other": noise()}, (0, 1)))
    picture = iio.imread(io.BytesIO((run_folder(RUN) / "samples/00000008.png").read_bytes()))
    assert picture.shape[1] > 3 * picture.shape[0]


@pytest.mark.filterwarnings("error")
def test_a_loss_over_decades_is_drawn_on_a_logarithm_and_curves_share_panels(monkeypatch):
    asked, draw = [], plotting.history_curves

    def noting(history, panels, x, log):
        asked.append((panels, log))
        return draw(history, panels, x, log)

    monkeypatch.setattr(plotting, "history_curves", noting)
    names = ("generator_loss", "discriminator_loss", "real_accuracy", "generator_gradient")
    train(numbers=lambda step: dict.fromkeys(names, 10.0**-step))
    panels = {
        "loss": ["generator_loss", "discriminator_loss"],
        "accuracy": ["real_accuracy"],
        "gradient": ["generator_gradient"],
    }
    assert asked[-1] == (panels, ["loss", "gradient"])
    for value in (0.0, math.nan, math.inf):
        losses = dict.fromkeys(range(1, 6), 0.5) | dict.fromkeys(range(6, 11), value)
        train(numbers=lambda step, losses=losses: {"loss": losses[step]}, fresh=True)
        assert asked[-1] == ({"loss": ["loss"]}, [])


def test_the_last_curves_are_drawn_once_also_after_an_interrupt(monkeypatch):
    drawn, draw = [], plotting.history_curves

    def noting(history, *arguments, **options):
        drawn.append(len(history["loss"]))
        return draw(history, *arguments, **options)

    monkeypatch.setattr(plotting, "history_curves", noting)
    train()
    assert drawn == [4, 10]  # the first at once, the next ones after a while
    train(last=7, fresh=True)
    assert drawn[2:] == [4, 7]


def test_an_interrupt_while_curves_are_drawn_loses_none(monkeypatch):
    draw = plotting.history_curves

    def interrupted(*arguments):
        monkeypatch.setattr(plotting, "history_curves", draw)
        raise KeyboardInterrupt

    monkeypatch.setattr(plotting, "history_curves", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert files("curves.png")


def test_one_strange_batch_does_not_choose_the_axis():
    losses = RNG.uniform(0.4, 0.6, 20_000)
    assert not spans_decades(losses)
    losses[700] = 0.01
    assert not spans_decades(losses)
    assert spans_decades(np.geomspace(1, 1e-3, 300)) and not spans_decades(np.full(9, np.nan))


def test_a_full_disk_is_a_clear_error():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        run = Training(RUN, 10, 100, save_every=5, large=tf.Variable(tf.zeros(10_000)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
        with pytest.raises(OSError, match=r"Cannot write .*npz.*space on the disk"):
            for _ in run.batches(IMAGES, 4, seed=1):
                run.update(loss=1.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


# ------------------------------------------------------------ signs of failure


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_told_once(capsys, value):
    bad = lambda step: {"loss": 1.0, "generator_loss": value if step >= 3 else 1.0}
    run = train(numbers=bad)
    assert len(run.warnings) == 1
    assert run.warnings[0].startswith("Step 3: generator_loss is not finite")
    assert "learning rate" in run.warnings[0]
    assert (run.folder / "warnings.txt").read_text().splitlines() == run.warnings
    assert capsys.readouterr().out.count("generator_loss is not finite") == 1


@pytest.mark.parametrize(
    "real, fake, warned",
    [(1.0, 1.0, True), (1.0, 0.6, False), (0.9, 1.0, False), (0.998, 1.0, True)],
)
def test_a_discriminator_that_is_always_right_is_told(real, fake, warned):
    numbers = {"loss": 1.0, "real_accuracy": real, "fake_accuracy": fake}
    run = train(STUCK_STEPS + 40, 100, samples=None, numbers=lambda step: numbers)
    assert bool(run.warnings) == warned
    if warned:
        assert run.warnings[0].startswith(f"Step {STUCK_STEPS}: The discriminator")


@pytest.mark.parametrize(
    "numbers",
    [
        lambda step: {"fake_accuracy": 1.0 if step < STUCK_STEPS - 20 else 0.7},
        lambda step: {"accuracy": 1.0},
    ],
)
def test_a_discriminator_that_was_right_at_first_and_a_classifier_are_no_failure(numbers):
    assert not train(STUCK_STEPS + 40, 100, samples=None, numbers=numbers).warnings


def alike():
    return np.repeat(RNG.random((1, 28, 28)), 16, axis=0) + RNG.normal(0, 0.005, (16, 28, 28))


def test_samples_that_become_all_alike_are_told():
    grids = iter([noise(), noise(), *(alike() for _ in range(7))])
    run = train(8, 1, samples=lambda: next(grids), value_range=(-1, 2))
    assert len(run.warnings) == 1
    assert run.warnings[0].startswith(f"Step {1 + ALIKE_GRIDS}: The samples look all alike")
    assert not train(8, 1, fresh=True).warnings


@pytest.mark.parametrize("steps, warned", [(SLOW_START - 100, False), (SLOW_START, True)])
def test_samples_of_a_network_that_has_not_begun_to_learn_may_be_alike(steps, warned):
    assert bool(train(steps, 100, samples=alike, value_range=(-1, 2)).warnings) == warned


def test_a_warning_of_steps_that_are_done_again_goes_away():
    def bad_at(bad):
        return lambda step: {"loss": math.nan if step == bad else 1.0}

    train(last=7, numbers=bad_at(7))
    assert [line[:7] for line in train(numbers=bad_at(9)).warnings] == ["Step 9:"]


def test_samples_out_of_range_or_not_finite_are_told():
    run = train(samples=lambda: noise() * 5)
    assert len(run.warnings) == 1 and "not 0 to 1" in run.warnings[0]
    run = train(samples=lambda: np.full((4, 28, 28), np.nan), fresh=True)
    assert len(run.warnings) == 1 and "samples are not finite" in run.warnings[0]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_clothes_and_digits_are_not_called_alike(monkeypatch, name):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    data = datasets.load(name)
    images = data.train_images[data.train_labels == 9] / 255  # one class: less varied
    assert not train(8, 1, samples=lambda: images[RNG.choice(len(images), 16)]).warnings


# ------------------------------------------------------------ shown again, and in a notebook


TRAIN = f"""
import numpy as np
import tensorflow as tf
from helpers.training import Training
rng = np.random.default_rng(0)
def train():
    run = Training({RUN!r}, 60, 20, lambda: rng.random((16, 28, 28)), count=tf.Variable(0))
    for _ in run.batches(np.zeros((9, 2, 2)), 3, seed=1):
        run.update(loss=1 / run.step if 0 < run.step < 30 else np.nan)
train()
"""


def test_in_a_notebook_three_outputs_are_refreshed_in_place(tmp_path, monkeypatch):
    monkeypatch.undo()  # a kernel is reached through a socket
    sources = TRAIN, "train()"
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", coalesce_streams=True)
    client.execute(env={**os.environ, "COURSE_RESULTS_DIR": str(tmp_path / "results")})
    (last,) = (tmp_path / "results").rglob("samples/00000060.png")
    for cell in cells:
        shown = [output.data for output in cell.outputs if output.output_type == "display_data"]
        assert len(shown) == 3
        texts = [data["text/plain"] for data in shown if "image/png" not in data]
        assert len(texts) == 1 and "60" in texts[0] and "loss is not finite" in texts[0]
        pictures = [data for data in shown if "image/png" in data]
        assert pictures[0]["text/plain"] == "samples at step 60"
        assert pictures[1]["text/plain"].startswith("curves")
        assert base64.b64decode(pictures[0]["image/png"]) == last.read_bytes()
