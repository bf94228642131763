"""The teacher's texts agree with the lessons: plan, quizzes and glossary."""

import functools
import re

import nbformat
import pytest
from nbgrader.apps import NbGraderApp

from helpers import widgets
from helpers.course import ROOT
from helpers.widgets.quiz import HEADER
from tools.notebooks.execution import FOLDER, FURTHER

TEXTS = FOLDER / "assignments"
PLAN = (TEXTS / "plan.md").read_text(encoding="utf-8")
QUIZZES = (TEXTS / "quizzes.md").read_text(encoding="utf-8")
GLOSSARY = (TEXTS / "glossary.md").read_text(encoding="utf-8")
NUMBERS = [f"{number:02}" for number in range(1, 10)]
CORE = [next(FOLDER.glob(f"{number}_*.ipynb")) for number in NUMBERS]
LESSONS = CORE + sorted(path for number in NUMBERS for path in FURTHER.glob(f"{number}_*.ipynb"))
LINK = re.compile(r"\]\(([^)]+)\)")
ENTRY = re.compile(
    r"- \*\*(?P<word>[^*]+)\*\*(?: \([^)]+\))?: .+[.?)] \[[^]]+\]\((?P<link>[^)]+)\)"
)
# Sections that a class does before those that stand above them: a training, an exercise on paper.
TAKEN_EARLY = {"04": "Train the improved recipe", "07": "Exercises"}
# A chapter before the one that teaches the word has it already, with another meaning or as a name.
USED_BEFORE = {
    "CycleGAN": "03",  # a name
    "chessboard": "04",  # a preview of further/04_inside
    "code": "01",  # the text of a program
    "condition": "02",  # of NumPy: true or false
    "judge": "02",  # a verb
    "least squares": "03",  # a name
    "noise": "01",  # a picture without any form
    "recipe": "03",  # a preview of chapter 04
}


@functools.cache
def cells(path, kinds=("markdown", "code")):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type in kinds]


@functools.cache
def markdown(path):
    """The prose of a lesson, without the titles of its references."""
    return "\n".join(cell.source for cell in cells(path, ("markdown",))).split("### References")[0]


@functools.cache
def words_of(path):
    """The prose of a lesson in small letters and in one line."""
    return " ".join(markdown(path).casefold().split())


def everything(path):
    """All that a reader of a lesson sees: prose, code and printed numbers."""
    outputs = [output for cell in cells(path, ("code",)) for output in cell.outputs]
    return "\n".join([cell.source for cell in cells(path)] + [o.get("text", "") for o in outputs])


def headings(text):
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)


def section(text, heading):
    """What stands below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"There is no heading '{heading}'."
    return found[1]


def rows(text):
    """The cells of a table, without its first two lines."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def occurs(word, path):
    """Tell whether a word, or its plural, stands in a lesson by itself."""
    word, text = word.casefold(), words_of(path)
    alone = rf"(?<![\w-]){re.escape(word)}(?:s|es)?(?![\w-])"
    return word in text and bool(re.search(alone, text))


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("text", [PLAN, QUIZZES, GLOSSARY], ids=["plan", "quizzes", "glossary"])
def test_every_link_leads_to_a_file_and_a_heading(text):
    for link in LINK.findall(text):
        name, _, anchor = link.partition("#")
        path = (TEXTS / name).resolve()
        assert path.is_file() and path.is_relative_to(ROOT), link
        if anchor:
            assert anchor in map(slug, headings(path.read_text(encoding="utf-8"))), link


def test_plan_names_only_commands_that_there_are():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    made = set(re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z-]+)", PLAN))
    assert made >= {"lab", "run", "grade"} and made <= {*targets}
    used = set(re.findall(r"`nbgrader ([a-z_]+)", PLAN))
    assert used >= {"collect"} and used <= {*NbGraderApp.subcommands}


@pytest.mark.parametrize("path", CORE, ids=NUMBERS)
def test_minutes_of_a_class_are_75_and_its_sections_are_in_the_lesson(path):
    planned = rows(section(PLAN, f"Chapter {path.name[:2]}"))
    assert sum(int(minutes) for _, minutes, _ in planned) == 75
    there = headings(markdown(path))
    names = [name for name, _, _ in planned]
    assert {*names} <= {*there} and len({*names}) == len(names), {*names} - {*there}
    in_order = [name for name in names if name != TAKEN_EARLY.get(path.name[:2])]
    assert in_order == [name for name in there if name in in_order]


def stated_minutes(path):
    """(text, of this training) of a lesson's row `lesson`, as numbers and their unit."""
    row = re.search(r"^\| `lesson` \(default\) \|.*\|(.*)\|$", markdown(path), re.M)[1]
    total, unit = re.search(r"about ([\d.]+) (seconds|minutes)", row).groups()
    trains = re.search(r"of which (?:about )?([\d.]+) train", row)
    return float(total), unit, float(trains[1]) if trains else None


def holds(stated, number):
    """Tell whether a number is the one of a cell such as "5", "6 to 7" or "20 seconds"."""
    limits = [float(x) for x in re.findall(r"[\d.]+", stated)]
    return (min(limits) <= number <= max(limits)) if limits else number is None


def test_minutes_of_training_are_those_of_the_lessons():
    planned = rows(section(PLAN, "What to train before the class"))
    assert [number for number, *_ in planned] == NUMBERS
    for (number, whole, trains, further), path in zip(planned, CORE, strict=True):
        total, unit, training = stated_minutes(path)
        assert holds(whole, total) and ("seconds" in whole) == (unit == "seconds"), number
        assert training is None if trains == "-" else holds(trains, training), number
        others = {name: float(at) for name, at in re.findall(r"`(\w+)` ([\d.]+)", further)}
        there = [path for path in LESSONS[len(CORE) :] if path.name[:2] == number]
        assert others == {path.stem: stated_minutes(path)[0] for path in there}


@pytest.mark.parametrize("path", CORE, ids=NUMBERS)
def test_code_and_numbers_of_the_plan_are_in_the_lesson(path):
    number, lesson = path.name[:2], everything(path)
    said = [does for *_, does in rows(section(PLAN, f"Chapter {number}"))]
    for row in rows(section(PLAN, f"When pictures of chapter {number} fail")):
        said += row
    assert len(said) > 20
    text = "\n".join(said)
    for code in re.findall(r"`([^`]+)`", text):
        assert code in lesson, code
    for value in re.findall(r"(?<![\w.=])\d+(?:[.,]\d+)*", re.sub(r"`[^`]+`", "", text)):
        if value not in NUMBERS:
            there = rf"(?<![\d.,]){re.escape(value)}(?![\d]|[.,]\d)"
            assert re.search(there, lesson.replace(",", "")) or re.search(there, lesson), value


def test_code_of_the_plan_pools_the_answers_of_a_class(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(from .*?)^```", PLAN, re.M | re.S)
    folder = tmp_path / "results/quiz"
    folder.mkdir(parents=True)
    verdicts = ["real,real,1", "fake,fake,1", "fake,real,0"]
    for name, kept, end in (("ada", 3, "\n"), ("emmy", 2, ""), ("by a spreadsheet", 3, "\r\n")):
        lines = [HEADER, *(f"t,{name},{n},{verdicts[n]},2.5" for n in range(kept))]
        encoding = "utf-8-sig" if name == "by a spreadsheet" else "utf-8"
        (folder / f"{name}.csv").write_bytes((("\n".join(lines)) + end).encode(encoding))
    monkeypatch.setattr("helpers.course.ROOT", tmp_path)
    exec(code, {})
    assert "3 files: 6 of 8 right, interval" in capsys.readouterr().out
    assert widgets.quiz_result(tmp_path / "results/quiz_of_the_class.csv")[:2] == (6, 8)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_quiz_has_three_questions_with_four_answers_and_one_right_one(number):
    questions = re.split(r"^\*\*\d\.\*\* ", section(QUIZZES, f"Chapter {number}"), flags=re.M)[1:]
    given = [re.findall(r"^- ([A-Z])\. (.+)$", question, re.M) for question in questions]
    assert [[letter for letter, _ in answers] for answers in given] == [[*"ABCD"]] * 3
    assert all(len({text for _, text in answers}) == 4 for answers in given)
    solved = section(QUIZZES, f"Answers to chapter {number}").strip().splitlines()
    assert len(solved) == 3
    letters = []
    for place, line in enumerate(solved, 1):
        right, why, wrong = re.fullmatch(r"(\d\. \*\*[A-D]\.\*\*) (.+?\.) \((.+)\)", line).groups()
        assert right[0] == str(place) and len(why.split()) > 5
        letters.append(right[5])
        explained = {*re.findall(r"\b[A-D]\b", wrong)}  # each wrong answer, and not the right one
        assert explained == {*"ABCD"} - {letters[-1]}, line
    assert len({*letters}) > 1


def test_answers_of_the_quizzes_stand_at_the_end_and_are_mixed():
    questions, answers = QUIZZES.split("\n## Answers\n")
    assert "Answers to chapter" not in questions and not re.search(r"\*\*[A-D]\.\*\*", questions)
    right = re.findall(r"^\d\. \*\*([A-D])\.", answers, re.M)
    counts = [right.count(letter) for letter in "ABCD"]
    assert sum(counts) == 3 * len(NUMBERS) and min(counts) >= 4, counts


def entries():
    lines = [line for line in GLOSSARY.splitlines() if line.startswith("- ")]
    found = [ENTRY.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found) if not match]
    return [(match["word"], (TEXTS / match["link"]).resolve()) for match in found]


def test_glossary_is_sorted_has_no_doubles_and_is_short():
    words = [word.casefold() for word, _ in entries()]
    assert words == sorted(words) and len({*words}) == len(words)
    assert 80 <= len(words) <= 160
    for line in GLOSSARY.splitlines():
        said = re.sub(r"\[[^]]+\]\([^)]+\)$", "", line)
        assert len(re.findall(r"[.?](?= |\)|$)", said)) <= 4 and len(said) < 260, line


def test_each_word_of_the_glossary_is_first_in_the_lesson_that_it_names():
    needed = set()
    for word, named in entries():
        there = [path for path in LESSONS if occurs(word, path)]
        assert named in there, f"{word} is not in {named.name}"
        earlier = there[: there.index(named)]
        if [path.name[:2] for path in earlier[:1]] == [USED_BEFORE.get(word)]:
            needed.add(word)  # it may stand there, but nobody explains it there
            earlier = [path for path in earlier if re.search(rf"\*\*{word}s?\*\*", words_of(path))]
        assert not earlier, f"{word} is in {earlier[0].name} already"
    assert needed == {*USED_BEFORE}, "An exception is needed no more."


def test_abbreviations_of_the_glossary_are_used_in_the_course():
    short = re.findall(r"^- \*\*[^*]+\*\* \(([A-Z]+)\):", GLOSSARY, re.M)
    assert len(short) > 5
    assert all(any(occurs(word, path) for path in LESSONS) for word in short)
