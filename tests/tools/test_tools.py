"""The runner's verdicts, and what is kept of a notebook's outputs."""

import json
import os
import re
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.course import ROOT
from tools.environment import open_lab
from tools.environment.kernels import our_kernel_first
from tools.notebooks import execution, run_chapters, store_outputs


def written(tmp_path, *sources):
    path = tmp_path / "09_test.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def test_verdicts():
    rows = run_chapters.compare({"a": 1, "b": 5.0, "c": 1}, {"a": [0, 2], "b": [0, 2], "d": [0, 1]})
    assert [(name, verdict) for name, _, _, verdict in rows] == [
        ("a", "ok"),
        ("b", "OUTSIDE"),
        ("c", "no range"),
        ("d", "MISSING"),
    ]


@pytest.mark.parametrize(
    "numbers, bad", [({"fcd": 1.0}, 0), ({"fcd": 3.0}, 1), ({}, 1), ({"fcd": 1.0, "new": 1}, 1)]
)
def test_the_table_counts_what_is_wrong(capsys, numbers, bad):
    assert (
        run_chapters.print_table([("09_test", run_chapters.compare(numbers, {"fcd": [0, 2]}))])
        == bad
    )
    assert "fcd" in capsys.readouterr().out


@pytest.mark.parametrize(
    "cell, said, code",
    [
        (
            "record('09_test', fcd=1.0)",
            "1 of 1 chapters ran; 0 numbers missing, outside or without a range",
            0,
        ),
        ("record('09_test', fcd=9.0)", "OUTSIDE", 1),
        ("record('09_test', other=1.0)", "MISSING", 1),
        ("raise ValueError('no ' + 'luck')", "no luck", 1),
        ("print('nothing')", "recorded no numbers", 1),
        ("record('09_test', fcd=1.0, new=1)", "no range", 1),
    ],
)
def test_the_runner_ends_with_the_verdict(monkeypatch, tmp_path, capsys, cell, said, code):
    monkeypatch.undo()  # a kernel needs the network of this machine
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "results"))
    (tmp_path / "expected.toml").write_text("[09_test.smoke.none]\nfcd = [0, 2]\n")
    path = written(tmp_path, "from helpers.course import record", cell)
    monkeypatch.setattr(run_chapters, "DATA", tmp_path)
    monkeypatch.setattr(run_chapters, "chapters", lambda wanted: [path])
    monkeypatch.setattr(run_chapters, "name_of", lambda path: path.stem)
    with pytest.raises(SystemExit) as end:
        run_chapters.main("09")
    assert end.value.code == code and said in capsys.readouterr().out
    assert (tmp_path / "results/pages/09_test.html").is_file()


def test_numbers_of_an_older_run_do_not_count(tmp_path):
    place = tmp_path / "smoke/folder"
    place.mkdir(parents=True)
    (place / "09_test.json").write_text(json.dumps({"fcd": 1}))
    assert run_chapters.recorded(tmp_path, "smoke", "09_test", 0) == ("folder", {"fcd": 1})
    assert run_chapters.recorded(tmp_path, "smoke", "09_test", time.time() + 5) == ("", {})


def test_a_mixture_of_sources_has_the_wider_range(monkeypatch, tmp_path):
    text = "[09_test.smoke.official]\nfcd = [2, 9]\nn = [1, 1]\n"
    text += "[09_test.smoke.embedded]\nfcd = [1, 5]\n"
    (tmp_path / "expected.toml").write_text(text)
    monkeypatch.setattr(run_chapters, "DATA", tmp_path)
    assert run_chapters.expected_ranges("09_test", "smoke", "official") == {
        "fcd": [2, 9],
        "n": [1, 1],
    }
    mixture = run_chapters.expected_ranges("09_test", "smoke", "embedded+official")
    assert mixture == {"fcd": [1, 9], "n": [1, 1]}
    assert run_chapters.expected_ranges("09_test", "lesson", "official") == {}


def test_the_speed_of_the_machine_is_not_compared():
    assert run_chapters.compare({"machine_gflops": 1}, {}) == []


def test_only_our_own_results_are_emptied(monkeypatch, tmp_path):
    monkeypatch.setattr(run_chapters, "BUILD", tmp_path)
    own, theirs = (
        tmp_path / "results/lesson/folder/a.json",
        tmp_path / "theirs/lesson/folder/a.json",
    )
    for path in (own, theirs):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "theirs"))
    assert run_chapters.prepare_results("lesson", ["a"]) == tmp_path / "theirs"
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert run_chapters.prepare_results("full", ["a"]) == ROOT / "results"
    run_chapters.prepare_results("lesson", ["b"])
    assert own.exists() and theirs.exists()
    run_chapters.prepare_results("lesson", ["a"])
    assert not own.exists() and theirs.exists()


@pytest.mark.parametrize(
    "cell, said",
    [
        ("raise ValueError('x')", "ValueError"),
        ("import sys; print('careful', file=sys.stderr)", "stderr"),
        ("print('/' + 'home/me/results')", "absolute path"),
        ("print('file:///' + 'home/me')", "absolute path"),
        ("print('C:' + chr(92) + 'Users')", "absolute path"),
        ("import tempfile; print(tempfile.gettempdir())", "absolute path of this machine"),
        ("print(('é' * 99 + chr(10)) * 6_000)", "the limit is"),
        ("import ipywidgets; ipywidgets.IntSlider()", "static picture"),
        ("print(('x' * 99 + chr(10)) * 11_000)", "the limit is"),
    ],
)
def test_outputs_that_should_not_be_stored_are_not(monkeypatch, tmp_path, cell, said):
    monkeypatch.undo()
    path = written(tmp_path, cell)
    before = path.read_bytes()
    assert said in store_outputs.store(path)
    assert path.read_bytes() == before


def test_an_edit_during_the_run_is_kept(monkeypatch, tmp_path):
    monkeypatch.undo()
    path = written(
        tmp_path,
        f"from pathlib import Path\nPath({str(tmp_path / '09_test.ipynb')!r}).write_text('edited')",
    )
    assert "was changed while it ran" in store_outputs.store(path)
    assert path.read_text() == "edited"


def test_a_notebook_that_cannot_be_read_is_its_own_error(tmp_path):
    (tmp_path / "09_test.ipynb").write_text('{"cells": [')
    notebook, error = execution.execute(tmp_path / "09_test.ipynb", "smoke", {})
    assert error and not notebook.cells


def test_stored_outputs_have_no_widget_and_no_machine(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(store_outputs, "FOLDER", tmp_path)
    path = written(
        tmp_path,
        "import numpy as np\nfrom helpers import plotting, widgets\n"
        "grid = plotting.image_grid(np.ones((1, 8, 8)), (0, 1))\n"
        "widgets.class_chooser(['a', 'b'], lambda n: grid)",
    )
    before = nbformat.read(path, as_version=4)
    before.cells[0].metadata.tags = ["result-picture"]
    nbformat.write(before, path)
    assert store_outputs.store(path) is None
    after = nbformat.read(path, as_version=4)
    assert [list(output.data) for output in after.cells[0].outputs] == [
        ["image/png", "text/plain"]
    ] or set(after.cells[0].outputs[0].data) == {"image/png", "text/plain"}
    assert after.cells[0]["id"] == before.cells[0]["id"] and "widgets" not in after.metadata
    assert (tmp_path / "images/09_test.png").read_bytes().startswith(b"\x89PNG")


def test_outputs_are_made_on_real_pictures_only(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    with pytest.raises(SystemExit, match="Set COURSE_DATA_DIR"):
        store_outputs.check_real_data()


@pytest.mark.parametrize("wanted", ["77", "1", "01_", "0*"])
def test_a_chapter_that_is_not_there(wanted):
    with pytest.raises(SystemExit, match="but the chapters are: 01"):
        execution.chapters(wanted)


def test_ports(monkeypatch):
    for bad in ("eighty", "0", "70000", "-1"):
        monkeypatch.setenv("PORT", bad)
        with pytest.raises(SystemExit, match=f"PORT is '{bad}'"):
            open_lab.free_port()
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        with pytest.raises(SystemExit, match="in use. Choose another one"):
            open_lab.free_port()


def test_help_names_every_target():
    said = set(
        re.findall(r"^([a-z-]+):.*## \w", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    )
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert said == targets >= {"setup", "lab", "test", "run", "outputs", "test-browser", "help"}


def test_pages_go_where_the_reader_may_write(monkeypatch, tmp_path):
    """A course that is shared read-only: nothing is written into it."""
    assert run_chapters.pages_folder() == tmp_path / "results/pages"
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert run_chapters.pages_folder() == ROOT / "build"


def fake_kernel(folder):
    """Put a python3 kernel of another installation, which cannot start, into a Jupyter folder."""
    spec = {
        "argv": ["/no/such/python", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (folder / "kernels/python3").mkdir(parents=True)
    (folder / "kernels/python3/kernel.json").write_text(json.dumps(spec))


def test_a_foreign_kernel_and_a_readers_own_helpers_do_no_harm(monkeypatch, tmp_path):
    monkeypatch.undo()  # a kernel needs the network of this machine
    fake_kernel(tmp_path / "jupyter")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for name in ("helpers.py", "elsewhere/helpers.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise ImportError('this is not the course')")
    (tmp_path / "mine.py").write_text("value = 7")  # a reader's other modules are still found
    path = written(
        tmp_path, "from helpers import course\nimport mine\nprint(course.ROOT, mine.value)"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")}
    notebook, error = execution.execute(path, "smoke", env)
    assert error is None
    assert notebook.cells[0].outputs[0].text == f"{ROOT} 7\n"


def test_our_kernel_comes_first_once():
    env = our_kernel_first(our_kernel_first({"JUPYTER_PATH": "/other"}))
    first, *others = env["JUPYTER_PATH"].split(os.pathsep)
    assert first == os.path.join(sys.prefix, "share/jupyter") and others == ["/other"]
