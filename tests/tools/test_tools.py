"""The runner's verdicts, what is kept of a notebook's outputs, the kernel, JupyterLab, make."""

import base64
import io
import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from helpers.course import REFERENCE_GFLOPS, ROOT
from tests import conftest
from tools.environment import open_lab
from tools.environment.kernels import our_kernel_first
from tools.notebooks import execution, run_chapters, store_outputs

NOT_OURS = "raise ImportError('this is not the course')"


@pytest.fixture
def own_network(monkeypatch, tmp_path):
    """Give this machine its network back: a kernel is talked to through it."""
    monkeypatch.undo()
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "results"))


def written(tmp_path, *sources):
    path = tmp_path / "09_test.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


# ------------------------------------------------- the runner


def test_verdicts():
    rows = run_chapters.compare({"a": 1, "b": 5.0, "c": 1}, {"a": [0, 2], "b": [0, 2], "d": [0, 1]})
    verdicts = {name: verdict for name, _, _, verdict in rows}
    assert verdicts == {"a": "ok", "b": "OUTSIDE", "c": "no range", "d": "MISSING"}


def test_the_speed_of_the_machine_is_not_compared():
    assert run_chapters.compare({"machine_gflops": 1}, {}) == []


@pytest.mark.parametrize(
    "numbers, bad", [({"fcd": 1.0}, 0), ({"fcd": 3.0}, 1), ({}, 1), ({"fcd": 1.0, "new": 1}, 1)]
)
def test_the_table_counts_what_is_wrong(capsys, numbers, bad):
    rows = run_chapters.compare(numbers, {"fcd": [0, 2]})
    assert run_chapters.print_table([("09_test", rows)]) == bad
    assert "fcd" in capsys.readouterr().out


RECORD = """
from helpers import course
course.machine_gflops = lambda: 100  # measuring it would import TensorFlow
record = course.record
"""


@pytest.mark.parametrize(
    "cell, said, code",
    [
        ("record('09_test', fcd=1.0)", "1 of 1 chapters ran; 0 numbers missing, outside", 0),
        ("record('09_test', fcd=9.0)", "OUTSIDE", 1),
        ("record('09_test', other=1.0)", "MISSING", 1),
        ("raise ValueError('no ' + 'luck')", "no luck", 1),
        ("print('nothing')", "recorded no numbers", 1),
        ("record('09_test', fcd=1.0, new=1)", "no range", 1),
    ],
)
def test_the_runner_ends_with_the_verdict(
    own_network, monkeypatch, tmp_path, capsys, cell, said, code
):
    (tmp_path / "expected.toml").write_text("[09_test.smoke.none]\nfcd = [0, 2]\n")
    path = written(tmp_path, RECORD, cell)
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    monkeypatch.setattr(run_chapters, "DATA", tmp_path)
    monkeypatch.setattr(run_chapters, "BUILD", tmp_path / "no")  # nothing is written there
    monkeypatch.setattr(run_chapters, "lessons", lambda wanted: [path])
    monkeypatch.setattr(run_chapters, "name_of", lambda path: path.stem)
    monkeypatch.setattr(run_chapters, "machine_gflops", lambda: REFERENCE_GFLOPS / 3)
    with pytest.raises(SystemExit) as end:
        run_chapters.main("09")
    printed = capsys.readouterr().out
    assert end.value.code == code and said in printed
    assert "This machine: 100 GFLOP/s." in printed and "about 3.0 times as long" in printed
    assert (tmp_path / "results/pages/09_test.html").is_file()
    assert not (tmp_path / "no").exists()


def test_numbers_of_an_older_run_do_not_count(tmp_path):
    place = tmp_path / "smoke/official"
    place.mkdir(parents=True)
    (place / "09_test.json").write_text(json.dumps({"fcd": 1}))
    assert run_chapters.recorded(tmp_path, "smoke", "09_test", 0) == ("official", {"fcd": 1})
    assert run_chapters.recorded(tmp_path, "smoke", "09_test", time.time() + 5) == ("", {})


RANGES = """
[09_test.smoke.official]
fcd = [2, 9]
n = [1, 1]
[09_test.smoke.embedded]
fcd = [1, 5]
"""


@pytest.mark.parametrize(
    "budget, source, wanted",
    [
        ("smoke", "official", {"fcd": [2, 9], "n": [1, 1]}),
        ("smoke", "embedded+official", {"fcd": [1, 9], "n": [1, 1]}),
        ("lesson", "official", {}),
    ],
)
def test_a_mixture_of_sources_has_the_hull_of_the_ranges(
    monkeypatch, tmp_path, budget, source, wanted
):
    (tmp_path / "expected.toml").write_text(RANGES)
    monkeypatch.setattr(run_chapters, "DATA", tmp_path)
    assert run_chapters.expected_ranges("09_test", budget, source) == wanted


def test_only_our_own_results_are_emptied(monkeypatch, tmp_path):
    monkeypatch.setattr(run_chapters, "BUILD", tmp_path)
    own, theirs = tmp_path / "results/lesson", tmp_path / "theirs/lesson"
    files = [folder / "official/a.json" for folder in (own, theirs)]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    monkeypatch.setenv("COURSE_RESULTS_DIR", str(tmp_path / "theirs"))
    assert run_chapters.prepare_results("lesson", ["a"]) == tmp_path / "theirs"
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert run_chapters.prepare_results("full", ["a"]) == ROOT / "results"
    run_chapters.prepare_results("lesson", ["b"])
    assert [file.exists() for file in files] == [True, True]
    run_chapters.prepare_results("lesson", ["a"])
    assert [file.exists() for file in files] == [False, True]


def test_pages_go_where_the_reader_may_write(monkeypatch, tmp_path):
    """A course that is shared read-only: nothing is written into it."""
    assert run_chapters.pages_folder() == tmp_path / "results/pages"
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert run_chapters.pages_folder() == ROOT / "build"


# ------------------------------------------------- stored outputs


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
def test_outputs_that_should_not_be_stored_are_not(own_network, tmp_path, cell, said):
    path = written(tmp_path, cell)
    before = path.read_bytes()
    assert said in store_outputs.store(path)
    assert path.read_bytes() == before


def test_an_edit_during_the_run_is_kept(own_network, tmp_path):
    itself = str(tmp_path / "09_test.ipynb")
    cell = f"from pathlib import Path\nPath({itself!r}).write_text('edited')"
    path = written(tmp_path, cell)
    assert "was changed while it ran" in store_outputs.store(path)
    assert path.read_text() == "edited"


def test_a_notebook_that_cannot_be_read_is_its_own_error(tmp_path):
    (tmp_path / "09_test.ipynb").write_text('{"cells": [')
    notebook, error = execution.execute(tmp_path / "09_test.ipynb", "smoke", {})
    assert error and not notebook.cells


WIDGET = """
import numpy as np
from helpers import plotting, widgets
grid = plotting.image_grid(np.ones((1, 8, 8)), (0, 1))
widgets.class_chooser(['a', 'b'], lambda n: grid)
"""


def test_stored_outputs_have_no_widget_and_no_machine(own_network, monkeypatch, tmp_path):
    monkeypatch.setattr(store_outputs, "FOLDER", tmp_path)
    path = written(tmp_path, WIDGET)
    before = nbformat.read(path, as_version=4)
    before.cells[0].metadata.tags = ["result-picture"]
    nbformat.write(before, path)
    assert store_outputs.store(path) is None
    after = nbformat.read(path, as_version=4)
    (output,) = after.cells[0].outputs
    assert set(output.data) == {"image/png", "text/plain"}
    assert after.cells[0]["id"] == before.cells[0]["id"] and "widgets" not in after.metadata
    assert (tmp_path / "images/09_test.png").read_bytes().startswith(b"\x89PNG")


PHOTOGRAPH = """
import numpy as np
from helpers import plotting
plotting.image_grid(np.random.default_rng(1).random((1, 200, 200, 3)), (0, 1))
"""


@pytest.mark.parametrize(
    ("source", "tags", "kind"),
    [
        (PHOTOGRAPH, [], "image/jpeg"),
        (PHOTOGRAPH, ["result-picture"], "image/jpeg"),
        (PHOTOGRAPH.replace("200, 200", "20, 20"), [], "image/png"),
        (PHOTOGRAPH.replace("random((1", "integers(0, 2, (1"), [], "image/png"),
    ],
    ids=["photograph", "result", "small", "eight colours"],
)
def test_large_photographs_are_stored_as_jpeg(
    own_network, monkeypatch, tmp_path, source, tags, kind
):
    monkeypatch.setattr(store_outputs, "FOLDER", tmp_path)
    path = written(tmp_path, source)
    before = nbformat.read(path, as_version=4)
    before.cells[0].metadata.tags = tags
    nbformat.write(before, path)
    assert store_outputs.store(path) is None
    (output,) = nbformat.read(path, as_version=4).cells[0].outputs
    assert set(output.data) == {kind, "text/plain"}
    stored = base64.b64decode(output.data[kind])
    assert np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).std() > 50  # noise, not blank
    if tags:
        assert (tmp_path / "images/09_test.png").read_bytes().startswith(b"\x89PNG")
    if kind == "image/jpeg":
        assert len(stored) < 250_000


def test_outputs_are_stored_of_complete_sets_only(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "embedded")
    with pytest.raises(SystemExit, match="mnist is not complete. Set COURSE_DATA_DIR"):
        store_outputs.check_data_is_complete()


# ------------------------------------------------- which notebooks, which tests


@pytest.mark.parametrize("wanted", ["77", "1", "0*"])
def test_a_chapter_that_is_not_there(wanted):
    with pytest.raises(SystemExit, match="but the chapters are: 01"):
        execution.chapters(wanted)
    config = SimpleNamespace(getoption=lambda name: wanted)
    with pytest.raises(pytest.UsageError, match="but the chapters are: 01"):
        conftest.pytest_configure(config)


def test_second_lessons_come_after_the_chapters_and_exercises_are_no_lessons(monkeypatch, tmp_path):
    monkeypatch.setattr(execution, "FOLDER", tmp_path)
    monkeypatch.setattr(execution, "FURTHER", tmp_path / "further")
    names = ["01_a", "02_b", "further/02_more", "further/spot", "solutions/01_a"]
    for name in names:
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [execution.name_of(path) for path in execution.lessons()] == names[:3]
    assert [execution.name_of(path) for path in execution.lessons("02")] == names[1:3]
    every = [execution.name_of(path) for path in execution.chapters(solutions=True)]
    assert sorted(every) == sorted(names)


BELONGS = [
    "tests/notebooks/test_notebooks.py::test_notebook_runs[04_dcgan]",
    "tests/chapters/test_chapter_04.py::test_walk",
    "tests/notebooks/test_notebooks.py::test_notebook_runs[solutions/04_dcgan]",
    "tests/notebooks/test_style.py::test_lesson[04_dcgan]",
]
OTHERS = [
    "tests/notebooks/test_notebooks.py::test_notebook_runs[03_gan]",
    "tests/chapters/test_chapter_05.py::test_walk[04]",
    "tests/unit/test_course.py::test_budget",
]


def test_a_chapters_tests_are_chosen_the_long_ones_first():
    left_out, groups = [], {}

    def item(name):
        add_marker = lambda mark: groups.update({name: mark.args[0]})
        return SimpleNamespace(nodeid=name, path=Path(name.split("::")[0]), add_marker=add_marker)

    hook = SimpleNamespace(pytest_deselected=lambda items: left_out.extend(items))
    config = SimpleNamespace(getoption=lambda _: "04", hook=hook)
    items = [item(name) for name in [*OTHERS, *reversed(BELONGS)]]
    conftest.pytest_collection_modifyitems(config, items)
    assert [each.nodeid for each in items] == BELONGS
    assert {each.nodeid for each in left_out} == set(OTHERS)
    runs = {name for name in groups if "test_notebooks" in name}
    assert not runs and groups[BELONGS[1]] == "test_chapter_04"


# ------------------------------------------------- kernel, JupyterLab, make


def fake_kernel(folder):
    """Put a python3 kernel of another installation, which cannot start, into a Jupyter folder."""
    command = ["/no/such/python", "{connection_file}"]
    spec = {"argv": command, "display_name": "x", "language": "python"}
    (folder / "kernels/python3").mkdir(parents=True)
    (folder / "kernels/python3/kernel.json").write_text(json.dumps(spec))


def test_a_foreign_kernel_and_a_readers_own_helpers_do_no_harm(own_network, monkeypatch, tmp_path):
    for variable in ("JUPYTER_PATH", "JUPYTER_DATA_DIR"):
        fake_kernel(tmp_path / variable)
        monkeypatch.setenv(variable, str(tmp_path / variable))
    for name in ("helpers.py", "elsewhere/helpers/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(NOT_OURS)
    (tmp_path / "mine.py").write_text("value = 7")  # a reader's other modules are still found
    cell = "from helpers import course\nimport mine\nprint(course.ROOT, mine.value)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "elsewhere")}
    notebook, error = execution.execute(written(tmp_path, cell), "smoke", env)
    assert error is None
    assert notebook.cells[0].outputs[0].text == f"{ROOT} 7\n"


def test_our_kernel_comes_first_once():
    env = our_kernel_first(our_kernel_first({"JUPYTER_PATH": "/other"}))
    first, *others = env["JUPYTER_PATH"].split(os.pathsep)
    assert first == os.path.join(sys.prefix, "share", "jupyter") and others == ["/other"]


def test_ports(monkeypatch):
    for bad in ("eighty", "0", "70000", "-1"):
        monkeypatch.setenv("PORT", bad)
        with pytest.raises(SystemExit, match=f"PORT is '{bad}'"):
            open_lab.free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        with pytest.raises(SystemExit, match="in use. Choose another one"):
            open_lab.free_port()


def test_jupyterlab_says_what_a_shared_course_and_root_mean(monkeypatch, tmp_path):
    monkeypatch.setattr(open_lab, "is_root", lambda: True)
    assert "--allow-root" in open_lab.command(8888)
    assert len(open_lab.remarks()) == 1 and "--allow-root" in open_lab.remarks()[0]
    monkeypatch.setattr(open_lab, "is_root", lambda: False)
    assert "--allow-root" not in open_lab.command(8888) and open_lab.remarks() == []
    monkeypatch.setattr(open_lab.os, "access", lambda *_: False)
    assert len(open_lab.remarks()) == 1 and "cannot be written" in open_lab.remarks()[0]
    monkeypatch.delenv("COURSE_RESULTS_DIR")
    assert "Set COURSE_RESULTS_DIR" in open_lab.remarks()[1]


def test_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = set(re.findall(r"^([a-z-]+):.*## \w", makefile, flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert said == targets == set(phony.split())
    assert targets >= {"setup", "lab", "check", "format", "test", "run", "outputs", "test-browser"}


def test_each_command_of_make_and_of_the_pages_exists():
    """As in `python -m tools.notebooks.run_chapters`, in the Makefile and in texts for readers."""
    pages = [ROOT / name for name in ("Makefile", "README.md", "CONTRIBUTING.md")]
    text = "\n".join(
        page.read_text(encoding="utf-8") for page in [*pages, ROOT / "environment.yml"]
    )
    modules = set(re.findall(r"-m ((?:tools|benchmarks|tests)\.[\w.]+\w)", text))
    files = set(re.findall(r"\b((?:tools|tests|helpers|data)/[\w/]+\.(?:py|toml|md))\b", text))
    paths = {f"{module.replace('.', '/')}.py" for module in modules} | files
    assert len(paths) > 10
    assert [
        path for path in sorted(paths) if not (ROOT / path).is_file() and "_NN" not in path
    ] == []
