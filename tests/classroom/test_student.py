"""The folder for a class: no answers, no dead links, the README's commands, nobody's work lost."""

import ast
import re
import shutil
import subprocess
import sys
import sysconfig

import nbformat
import pytest

from helpers.course import ROOT
from tests.support import notebook_style as style
from tools.classroom import handout, student
from tools.classroom.trial import submissions as classroom
from tools.notebooks.execution import FOLDER, chapters

ASSIGNMENT = "01_probabilistic_model"
MARK = re.compile(r"\*\*(Guess first|By hand)")


def make(folder, chapter=""):
    """Do what `make student` does for a class, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CLASS_DIR", str(folder))
        student.main(chapter)
    return folder


@pytest.fixture(scope="module")
def class_of(tmp_path_factory):
    """The folder of a class that got one assignment, and all lessons."""
    folder = tmp_path_factory.mktemp("class")
    done = classroom.run_tool("release", folder, "01")
    assert done.returncode == 0, done.stdout + done.stderr
    return make(folder)


@pytest.fixture(scope="module")
def chapter_04(tmp_path_factory):
    """The folder of a class that gets only chapter 04, made by the command."""
    folder = tmp_path_factory.mktemp("chapter")
    done = classroom.run_tool("student", folder, "04")
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(folder / "student") in done.stdout
    return folder


@pytest.fixture(params=["class_of", "chapter_04"])
def given(request):
    """What is handed out: everything, or one chapter."""
    return request.getfixturevalue(request.param) / "student"


def read(path):
    return nbformat.read(path, as_version=4)


def notebooks(folder):
    return [path for path in sorted(folder.rglob("*.ipynb")) if "assignments" not in path.parts]


def test_all_lessons_are_there_and_no_solutions(class_of):
    folder = class_of / "student"
    names = {path.relative_to(folder / "notebooks").as_posix() for path in notebooks(folder)}
    wanted = {path.relative_to(FOLDER).as_posix() for path in chapters(solutions=True)}
    assert names == {name for name in wanted if "solution" not in name}
    assert {"01_probabilistic_model.ipynb", "further/spot_the_slip.ipynb"} < names
    assert "projects/07_edges.ipynb" in names


def code_of(paths):
    return {c.source for path in paths for c in read(path).cells if c.cell_type == "code"}


def test_no_solution_and_no_source_of_an_assignment_is_handed_out(given):
    paths = [path for path in given.rglob("*") if path.is_file()]
    names = [path.relative_to(given).as_posix() for path in paths]
    assert not [name for name in names if re.search("solution|assignments/source|classroom", name)]
    texts = [path.read_text(errors="ignore") for path in paths if path.suffix in (".ipynb", ".py")]
    assert not [text for text in texts if "BEGIN SOLUTION" in text or "BEGIN HIDDEN" in text]
    solved = [path for path in chapters(solutions=True) if "solution" in str(path)]
    ours = {source for source in code_of(solved) if len(source) > 60}
    public = code_of(student.lessons(""))  # a solution begins with cells of its lesson
    assert len(ours - public) > 50
    assert not (ours - public) & code_of(notebooks(given))


def test_links_lead_somewhere(given):
    """A draft may have a picture that is not made yet: it is missing in the course, too."""
    for path in notebooks(given):
        source = ROOT / path.relative_to(given)
        found = set(style.check_links(read(path), path.stem, path.parent))
        assert found <= set(style.check_links(read(source), path.stem, source.parent))
    for path in given.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_no_sentence_sends_a_reader_to_a_solution_that_is_not_there(given):
    for path in [*notebooks(given), given / "README.md"]:
        assert not re.search(r"solutions/|_solution\b|git checkout", path.read_text()), path
    text = read(notebooks(given)[0]).cells[-1].source
    assert "The solutions are in a notebook that your teacher has. Try first." in text


def test_outputs_are_gone_after_a_question_and_stay_elsewhere(given):
    kept = hidden = 0
    for path in notebooks(given):
        source, ours = read(ROOT / path.relative_to(given)).cells, read(path).cells
        assert [cell.id for cell in source] == [cell.id for cell in ours]
        for before, cell, original in zip([None, *ours], ours, source):
            if cell.cell_type == "code":
                assert cell.source == original.source
                marked = before.cell_type == "markdown" and MARK.search(before.source)
                assert not (marked and cell.outputs)
                assert cell.outputs in (original.outputs, [])
                kept += bool(cell.outputs)
                hidden += bool(original.outputs) and not cell.outputs
                checked = "nbval-check-output" in cell.metadata.get("tags", [])
                assert cell.outputs or not checked or not original.outputs
    assert kept > 5 and hidden > 5


@pytest.mark.parametrize(
    "text, asked",
    [
        ("**Guess first:** what comes?\n\n(It takes a minute.)", True),
        ("Now compute it **by hand**. Then run the cell.", True),
        ("A paragraph.\n\nWhich one is larger? Guess, then run the cell.", True),
        ("Which one is larger?\n\nThe first one.", False),
        ("A check by hand is below.", False),
    ],
)
def test_questions_are_found(text, asked):
    assert handout.asks(text) is asked


def test_a_question_counts_until_the_next_text():
    text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    shown = dict(outputs=[nbformat.v4.new_output("stream", text="3")])
    cells = [text("**By hand:** 1 + 2."), text("See below.")]
    cells += [code("1 + 2", **shown), code("3", **shown), text("It is 3."), code("4", **shown)]
    handout.hide_answers(notebook := nbformat.v4.new_notebook(cells=cells))
    found = [bool(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    assert found == [False, False, True]


def test_a_released_assignment_is_handed_out_as_it_was_released(class_of):
    (path,) = (class_of / "student/notebooks/assignments").rglob("*.ipynb")
    assert path.parent.name == ASSIGNMENT
    released = class_of / "release" / ASSIGNMENT / path.name
    assert path.read_bytes() == released.read_bytes()


def test_an_assignment_with_a_solution_is_not_handed_out(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CLASS_DIR", str(tmp_path))
    path = tmp_path / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
    path.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "notebooks/assignments/source" / ASSIGNMENT / path.name, path)
    with pytest.raises(SystemExit, match="BEGIN SOLUTION"):
        student.released("")


# ------------------------------------------------- the commands of its README


def imported(path, folder):
    """Yield the modules of ours that a file imports, as paths below the folder."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            package = path.relative_to(folder).parts[: -node.level] if node.level else ()
            yield "/".join([*package, *(node.module or "").split(".")]).rstrip("/")
        elif isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)


def test_each_import_leads_to_something_that_is_handed_out(given):
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()}
    found = {name for path in given.rglob("*.py") for name in imported(path, given)}
    found = {name for name in found if name.partition("/")[0] in ours}
    assert {"helpers", "helpers/course", "tools/environment/kernels", "tests/conftest"} <= found
    missing = [name for name in found if not (given / name).is_dir()]
    assert not [name for name in missing if not (given / f"{name}.py").is_file()]


def test_the_makefile_has_only_targets_that_work(given):
    text = (given / "Makefile").read_text()
    listed = subprocess.check_output(["make", "help"], cwd=given, text=True)
    targets = [line.split()[1] for line in listed.splitlines()]
    assert targets == ["help", "setup", "lab", "test", "run", "clean"]
    assert not re.search("classroom|release|test-browser|pretrained", text)
    for target in targets:
        shown = subprocess.check_output(["make", "-n", target], cwd=given, text=True)
        for module in re.findall(r"-m (tools\.[\w.]+)", shown):
            assert (given / f"{module.replace('.', '/')}.py").is_file()
        for name in re.findall(r"(?:tools|tests)/[\w/]+\.py", shown):
            assert (given / name).is_file()


def test_lab_and_test_start_in_the_folder(given):
    """Without the .pth files of this Python: they name the course that we are in."""
    packages = sysconfig.get_paths()["purelib"]
    code = (
        f"import sys; sys.path[:0] = [{str(given)!r}, {packages!r}]\n"
        "from helpers.course import ROOT\n"
        "from tools.environment.open_lab import START_PAGE, command\n"
        "print(ROOT, START_PAGE.removeprefix('lab/tree/'), f'root_dir={ROOT}' in str(command(1)))\n"
        "import pytest; pytest.main(['--collect-only', '-p', 'no:xdist', 'tests/notebooks'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", code], cwd=given, capture_output=True, text=True
    )
    root, page, serves = done.stdout.splitlines()[0].split()
    assert (root, serves) == (str(given), "True") and (given / page).is_file(), done.stderr
    collected = re.findall(r"::test_notebook_runs\[(.+)\]", done.stdout)
    paths = [path.relative_to(given / "notebooks") for path in notebooks(given)]
    assert set(collected) == {path.with_suffix("").as_posix() for path in paths}


def test_one_chapter_alone(chapter_04):
    folder = chapter_04 / "student"
    names = [path.stem for path in notebooks(folder)]
    assert "04_dcgan" in names and all(name.startswith("04_") for name in names)
    text = (folder / "README.md").read_text()
    assert "| [04 DCGAN](notebooks/04_dcgan.ipynb) |" in text
    assert "03_gan.ipynb" not in text and "Spot the slip" not in text
    assert "[chapter 03]" not in read(folder / "notebooks/04_dcgan.ipynb").cells[0].source


def test_another_chapter_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="CHAPTER is '77'"):
        make(tmp_path, "77")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------- nobody's work is lost


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def change(folder):
    with (folder / "notebooks/04_dcgan.ipynb").open("a") as file:
        file.write("\n")


def add(folder):
    (folder / "notebooks/my_work.ipynb").write_text("{}")


def remove(folder):
    (folder / "LICENSE").unlink()


@pytest.fixture
def made(chapter_04, tmp_path):
    """A copy of the folder of a class, to do harm to."""
    return shutil.copytree(chapter_04, tmp_path / "class")


@pytest.mark.parametrize(
    "work, named",
    [(change, "04_dcgan.ipynb"), (add, "notebooks/my_work.ipynb"), (remove, "LICENSE")],
)
def test_a_folder_that_somebody_worked_in_stays(made, work, named):
    work(made / "student")
    before = state(made)
    with pytest.raises(SystemExit, match=f"stays as it is, because somebody .*{named}") as refused:
        make(made, "04")
    assert state(made) == before
    assert "\n" not in str(refused.value)


def test_a_folder_of_somebody_else_stays(tmp_path):
    (tmp_path / "student").mkdir()
    (tmp_path / "student/essay.txt").write_text("mine")
    with pytest.raises(SystemExit, match="`make student` did not make it"):
        make(tmp_path, "04")
    assert [path.name for path in tmp_path.rglob("*")] == ["student", "essay.txt"]


def test_a_folder_that_nobody_touched_is_made_anew(made):
    before, old = student.hashes(made / "student"), state(made)
    make(made, "04")
    assert student.hashes(made / "student") == before
    assert state(made) != old
    assert [path.name for path in made.iterdir()] == ["student"]
