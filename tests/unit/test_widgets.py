import base64
import csv
from datetime import datetime

import imageio.v3 as iio
import numpy as np
import pytest

from helpers import plotting, widgets


def draw(label):
    if label == 2:
        raise RuntimeError("no such <table>")
    return plotting.image_grid(np.full((1, 8, 8), label / 10), (0, 1))


def parts(box):
    buttons, again, picture, message = box.children
    return buttons, again, picture, message


def test_a_click_changes_the_picture():
    buttons, again, picture, _ = parts(widgets.class_chooser(["a", "b", "c"], draw))
    first = picture.value
    buttons.value = 1
    assert picture.value != first and bytes(picture.value).startswith(b"\x89PNG")


def test_draw_again_asks_for_a_new_picture():
    asked = []
    box = widgets.class_chooser(["a", "b"], lambda label: asked.append(label) or draw(label), chosen=1)
    parts(box)[1].click()
    assert asked == [1, 1]


def test_an_error_while_drawing_is_shown_and_goes_away():
    buttons, _, picture, message = parts(widgets.class_chooser(["a", "b", "c"], draw))
    before = picture.value
    buttons.value = 2
    assert "no such &lt;table&gt;" in message.value and picture.value == before
    buttons.value = 1
    assert message.value == "" and picture.value != before


def test_a_page_without_kernel_gets_the_first_picture():
    bundle = widgets.class_chooser(["a", "b"], draw, chosen=1)._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == draw(1)._repr_png_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("chosen", [-1, 2])
def test_a_class_that_is_not_there(chosen):
    with pytest.raises(ValueError, match="classes go from 0 to 1"):
        widgets.class_chooser(["a", "b"], draw, chosen=chosen)


# ---------------------------------------------------------------- latent plane

RNG = np.random.default_rng(0)
CODES, LABELS, NAMES = RNG.normal(size=(200, 2)), RNG.integers(0, 10, 200), list("0123456789")


def decode(codes):
    """A picture whose grey value is the first number of the code."""
    assert codes.dtype == np.float32 and codes.shape == (1, 2)
    return np.full((1, 28, 28, 1), codes[0, 0])


def plane_of(*arguments, **options):
    return widgets.latent_plane(*arguments, **options).children[0]


def test_a_move_on_the_plane_gives_the_picture_of_that_place():
    plane = plane_of(decode, CODES, LABELS, NAMES, value_range=(-1, 1))
    assert np.array_equal(np.frombuffer(plane.points, np.float32).reshape(-1, 2), CODES.astype(np.float32))
    assert np.array_equal(np.frombuffer(plane.labels, np.uint8), LABELS)
    left, right, bottom, top = plane.bounds
    assert left < CODES[:, 0].min() < CODES[:, 0].max() < right and bottom < CODES[:, 1].min() < CODES[:, 1].max() < top
    for value, grey in ((-1, 0), (0.0, 128), (1, 255), (7, 255)):
        before = plane.answers
        plane.point = [value, 0.25]
        assert plane.answers == before + 1
        assert np.array_equal(np.frombuffer(plane.picture, np.uint8), np.full(28 * 28, grey))


def test_an_error_in_decode_is_shown_and_the_plane_goes_on():
    sizes = iter([28, 28, 14, 28])

    def changing(codes):
        return np.zeros((1, size := next(sizes), size))

    plane = plane_of(changing, CODES, LABELS, NAMES)
    plane.point = [1.0, 1.0]
    assert plane.message == ""
    plane.point = [2.0, 1.0]
    assert "shape (1, 14, 14), but it must be (1, 28, 28)" in plane.message and plane.answers == 2
    plane.point = [3.0, 1.0]
    assert plane.message == "" and plane.answers == 3

    def interrupted(codes):
        if codes[0, 0] == 5:
            raise KeyboardInterrupt
        return np.zeros((1, 28, 28))

    plane = plane_of(interrupted, CODES, LABELS, NAMES)
    with pytest.raises(KeyboardInterrupt):
        plane.point = [5.0, 0.0]
    assert plane.answers == 1


def test_many_codes_are_thinned_out_and_bad_ones_refused():
    many, sorted_labels = RNG.normal(size=(20_000, 2)), np.sort(RNG.integers(0, 10, 20_000))
    plane = plane_of(decode, many, sorted_labels, NAMES)
    assert len(plane.labels) == 5_000 and set(plane.labels) == set(range(10))
    for arguments, says in [
        ((decode, CODES, LABELS[:-1], NAMES), "labels must be 200"),
        ((decode, np.where(np.arange(200)[:, None] == 150, np.nan, CODES), LABELS, NAMES), "finite"),
        ((decode, CODES[:0], LABELS[:0], NAMES), "codes must be"),
        ((lambda codes: np.zeros((2, 28, 28)), CODES, LABELS, NAMES), r"must be \(1, H, W\)"),
        ((decode, CODES, LABELS, NAMES, (1, 0)), "value_range"),
    ]:
        with pytest.raises(ValueError, match=says):
            widgets.latent_plane(*arguments)


def test_a_page_without_kernel_gets_a_picture_of_the_plane():
    widget = widgets.latent_plane(decode, CODES, LABELS, NAMES)
    picture = iio.imread(base64.b64decode(widget._repr_mimebundle_()["image/png"]))
    assert picture.shape[1] > 700 and picture[..., :3].std() > 10


# ---------------------------------------------------------------- latent walk

ENDS = RNG.normal(size=(4, 100)).astype(np.float32)


def generate(codes):
    """Pictures whose grey value is the mean of the code."""
    assert codes.dtype == np.float32 and codes.ndim == 2
    return np.broadcast_to(codes.mean(axis=1)[:, None, None, None], (len(codes), 28, 28, 1))


def walk_of(*arguments, **options):
    return widgets.latent_walk(*arguments, **options).children[0]


def grey_of(code, low=-1, high=1):
    return round((min(max(float(code.mean()), low), high) - low) / (high - low) * 255)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_mixture_is_exact_at_the_corners_and_keeps_the_norm_between_them(count):
    codes = ENDS[:count]
    assert np.array_equal(widgets.mix(codes, np.eye(count)), codes)
    weights = np.random.default_rng(1).dirichlet(np.ones(count), size=(3, 5))
    mixed = widgets.mix(codes, weights)
    assert mixed.shape == (3, 5, 100) and mixed.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(mixed, axis=-1), weights @ np.linalg.norm(codes, axis=-1), rtol=1e-5)


def test_a_mixture_by_hand():
    np.testing.assert_allclose(widgets.mix([[1, 0], [0, 1]], [0.5, 0.5]), [0.5**0.5, 0.5**0.5], rtol=1e-6)
    np.testing.assert_allclose(widgets.mix([[1, 0], [0, 3]], [0.5, 0.5]), np.array([1, 3]) * 2 / 10**0.5, rtol=1e-6)
    assert np.array_equal(widgets.mix([[1, 0], [-1, 0]], [0.5, 0.5]), [0, 0])  # opposite codes have no direction between them
    assert np.array_equal(widgets.mix([[0, 0], [0, 0]], [0.5, 0.5]), [0, 0])


@pytest.mark.parametrize(
    "codes, weights, says",
    [
        ([1, 2], [1], "shape"), ([[1, np.nan]], [1], "finite"), (np.zeros((2, 0)), [0.5, 0.5], "shape"), ([[1], [2]], [1], "2 numbers"),
        ([[1], [2]], [1.5, -0.5], "none negative"), ([[1], [2]], [0.5, 0.4], "sum 1"), ([[1], [2]], [np.nan, 1], "none negative"),
    ],
)  # fmt: skip
def test_what_cannot_be_mixed(codes, weights, says):
    with pytest.raises(ValueError, match=says):
        widgets.mix(codes, weights)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_move_on_the_walk_gives_the_picture_of_the_mixture(count):
    walk = walk_of(generate, ENDS[:count])
    ends = np.frombuffer(walk.ends, np.uint8).reshape(count, 28, 28)
    assert walk.weights == [1 / count] * count
    for i in range(count):
        walk.weights = [float(i == j) for j in range(count)]
        assert walk.answers == i + 1 and walk.message == ""
        assert walk.picture == ends[i].tobytes() and ends[i, 0, 0] == grey_of(ENDS[i])
    walk.weights = [0.25, 0.75] + [0] * (count - 2)  # whole numbers, as a browser sends them
    assert walk.picture == bytes([grey_of(widgets.mix(ENDS[:2], [0.25, 0.75]))] * 784)


def test_an_error_in_generate_is_shown_and_the_walk_goes_on():
    sizes = iter([28, 28, 28, 14, 28])

    def changing(codes):
        return np.zeros((len(codes), size := next(sizes), size))

    walk = walk_of(changing, ENDS[:2])
    walk.weights = [1, 0]
    assert "shape (1, 14, 14), but it must be (1, 28, 28)" in walk.message and walk.answers == 1
    walk.weights = [0, 1]
    assert walk.message == "" and walk.answers == 2

    def interrupted(codes):
        if len(codes) == 1 and np.array_equal(codes[0], ENDS[1]):
            raise KeyboardInterrupt
        return generate(codes)

    walk = walk_of(interrupted, ENDS[:2])
    with pytest.raises(KeyboardInterrupt):
        walk.weights = [0, 1]
    assert walk.answers == 1


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((generate, ENDS[:1]), r"\(4, D\); seen: shape \(1, 100\)"), ((generate, np.zeros((5, 3))), "codes must be"),
        ((generate, ENDS[0]), "codes must be"), ((generate, [[0, np.inf], [1, 1]]), "finite"), ((generate, ENDS, (1, -1)), "value_range"),
        ((lambda codes: np.zeros((1, 28, 28)), ENDS), r"generate gave has shape \(1, 28, 28\), but it must be \(4, H, W\)"),
        ((lambda codes: np.zeros((len(codes), 28, 28, 3)), ENDS), "grey"),
        ((lambda codes: np.full((len(codes), 28, 28), np.nan), ENDS), "NaN"),
        ((generate, ENDS, (-1, 1), 1), "2 pictures or more"), ((generate, ENDS, (-1, 1), 2.5), "steps is 2.5"),
    ],
)  # fmt: skip
def test_a_walk_that_cannot_be(arguments, says):
    with pytest.raises(ValueError, match=says):
        widgets.latent_walk(*arguments)


@pytest.mark.parametrize("count, rows", [(2, 1), (3, 5), (4, 5)])
def test_a_page_without_kernel_gets_pictures_along_the_walk(count, rows):
    widget = widgets.latent_walk(generate, ENDS[:count], (-0.5, 0.5), steps=5)
    sheet = iio.imread(base64.b64decode(widget._repr_mimebundle_()["image/png"]))[::2, ::2]
    assert sheet.shape[:2] == (rows * 30 + 2, 5 * 30 + 2)
    seen = sheet[15::30, 15::30].reshape(rows, 5, -1)[..., 0]
    ends = [grey_of(code, -0.5, 0.5) for code in ENDS[:count]]
    if count == 3:
        assert [seen[0, 0], seen[4, 0], seen[4, 4]] == ends and (seen[np.triu_indices(5, 1)] == 255).all()
    else:
        assert [seen[0, 0], seen[0, 4], seen[-1, 0], seen[-1, 4]][:count] == ends


# ---------------------------------------------------------------- real or fake

REAL = RNG.integers(0, 256, size=(40, 28, 28)).astype(np.uint8)
FAKE = RNG.uniform(-40, 300, size=(30, 28, 28, 1))


@pytest.fixture
def answers_file(tmp_path):
    return tmp_path / "new folder/answers.csv"


def quiz_of(path, real=REAL, fake=FAKE, value_range=(0, 255), **options):
    return widgets.real_or_fake(real, fake, value_range, path, **{"questions": 6, "seed": 0, **options}).children[0]


def reply(quiz, answer, shown=None):
    """Do what the browser does at a click."""
    quiz._handle_custom_msg({"shown": quiz.shown if shown is None else shown, "answer": answer}, [])


def truth_of(quiz):
    return "real" if quiz.picture in {picture.tobytes() for picture in REAL} else "fake"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_answers_are_scored_and_written_at_once(answers_file):
    quiz = quiz_of(answers_file)
    assert not answers_file.exists()
    truths = []
    for number in range(1, 7):
        assert quiz.head == f"Question {number} of 6" and not quiz.finished
        truths.append(truth_of(quiz))
        reply(quiz, "real")
        assert len(rows_of(answers_file)) == number
        assert f"{'Right' if truths[-1] == 'real' else 'Wrong'}: picture {number} was {truths[-1]}." in quiz.score
        assert f"{truths.count('real')} of {number} right" in quiz.score and "95 % interval: " in quiz.score
    assert quiz.finished and quiz.head == "The end" and quiz.problem == "" and sorted(truths) == ["fake"] * 3 + ["real"] * 3
    assert "3 of 6 right (50 %)" in quiz.score and "cannot be told from guessing" in quiz.score
    rows = rows_of(answers_file)
    assert list(rows[0]) == ["time", "session", "question", "truth", "answer", "correct", "seconds"]
    assert [row["truth"] for row in rows] == truths and {row["answer"] for row in rows} == {"real"}
    assert [row["correct"] for row in rows] == [str(int(truth == "real")) for truth in truths]
    assert [row["question"] for row in rows] == list("123456") and len({row["session"] for row in rows}) == 1
    assert all(datetime.fromisoformat(row["time"]).utcoffset().total_seconds() == 0 and float(row["seconds"]) >= 0 for row in rows)
    assert widgets.quiz_result(answers_file) == (3, 6, *widgets.wilson_interval(3, 6))


def test_a_new_round_draws_again_and_keeps_the_old_answers(answers_file):
    quiz, seen = quiz_of(answers_file), []
    for _ in range(2):
        seen.append([])
        while not quiz.finished:
            seen[-1].append(quiz.picture)
            reply(quiz, truth_of(quiz))
        assert len(set(seen[-1])) == 6  # without replacement
        last = quiz.score
        reply(quiz, "again")
        assert not quiz.finished and quiz.score == "" and quiz.head == "Question 1 of 6"
    assert seen[0] != seen[1] and "6 of 6 right (100 %)" in last and "better than by guessing" in last
    assert len({row["session"] for row in rows_of(answers_file)}) == 2
    reply(quiz_of(answers_file), "real")  # another day
    assert widgets.quiz_result(answers_file)[:2] in {(12, 13), (13, 13)} and answers_file.read_text().count("time,") == 1


def test_the_order_is_shuffled_and_given_by_the_seed(answers_file):
    orders = [[truth for truth, _ in quiz_of(answers_file, seed=seed)._drawn] for seed in range(20)]
    assert len({tuple(order) for order in orders}) > 8  # of 20 that are possible
    assert all({order[i] for order in orders} == {"real", "fake"} for i in range(6))
    assert quiz_of(answers_file, seed=3).picture == quiz_of(answers_file, seed=3).picture != quiz_of(answers_file, seed=4).picture


def test_who_is_always_wrong_was_fooled(answers_file):
    quiz = quiz_of(answers_file)
    while not quiz.finished:
        reply(quiz, {"real": "fake", "fake": "real"}[truth_of(quiz)])
    assert "0 of 6 right (0 %)" in quiz.score and "more real to you" in quiz.score


def test_an_answer_to_another_picture_than_the_one_on_the_screen_is_ignored(answers_file):
    quiz = quiz_of(answers_file)
    first = quiz.shown
    reply(quiz, "real")
    before = quiz.get_state()
    reply(quiz, "real", first)  # the second half of a double click
    for answer in ("again", "maybe", None):
        reply(quiz, answer)
    quiz._handle_custom_msg({}, [])
    assert quiz.get_state() == before and len(rows_of(answers_file)) == 1
    while not quiz.finished:
        reply(quiz, "fake")
    last = quiz.shown
    reply(quiz, "fake")
    assert quiz.finished and len(rows_of(answers_file)) == 6
    reply(quiz, "again")
    reply(quiz, "again", last)
    assert quiz.head == "Question 1 of 6" and quiz.shown == last + 1


def test_real_and_fake_get_the_same_treatment(answers_file):
    copy = (REAL / 127.5 - 1).astype(np.float32)[..., None]
    for fake, value_range, real in ((REAL.astype(np.float64), (0, 255), REAL), (copy, (-1, 1), copy[..., 0])):
        quiz = quiz_of(answers_file, real, fake, value_range, questions=80)
        seen = {"real": set(), "fake": set()}
        for truth, picture in quiz._drawn:
            assert picture.dtype == np.uint8
            seen[truth].add(picture.tobytes())
        assert seen["real"] == seen["fake"] == {picture.tobytes() for picture in REAL}


def test_nothing_that_the_browser_gets_depends_on_the_truth(answers_file):
    def sent(order):
        quiz = quiz_of(answers_file, REAL, REAL.copy())
        quiz._drawn = [(truth, picture) for truth, (_, picture) in zip(order, quiz._drawn)]
        return {name: value for name, value in quiz.get_state().items() if name != "layout"}

    assert sent(["real", "fake"] * 3) == sent(["fake", "real"] * 3)
    assert set(sent(["real"] * 6)) >= {"picture", "shown", "head", "score", "problem", "finished", "scale"}


def test_an_answer_that_cannot_be_written_is_said_and_the_quiz_goes_on(answers_file):
    quiz = quiz_of(answers_file)
    answers_file.parent.write_text("a file where the folder should be")
    reply(quiz, "real")
    assert "not in the file" in quiz.problem and quiz.head == "Question 2 of 6"
    answers_file.parent.unlink()
    reply(quiz, "real")
    assert quiz.problem == "" and [row["question"] for row in rows_of(answers_file)] == ["2"]


def test_a_row_that_was_cut_off_does_not_spoil_the_next(answers_file):
    quiz = quiz_of(answers_file)
    reply(quiz, "real")
    answers_file.write_text(answers_file.read_text() + "2026-01-01T00:00")
    reply(quiz, "real")
    assert [row["question"] for row in rows_of(answers_file)] == ["1", None, "2"]
    with pytest.raises(ValueError, match="Line 3 .* is no answer"):
        widgets.quiz_result(answers_file)


def test_files_that_are_no_answers(answers_file):
    with pytest.raises(FileNotFoundError, match="made by the first answer"):
        widgets.quiz_result(answers_file)
    answers_file.parent.mkdir()
    header, row = ",".join(widgets.QUIZ_HEADER), "2026-01-01T00:00:00+00:00,abc,1,real,fake,0,1.5"
    for text, says in [
        ("step,loss\n1,2\n", "begins with .'step', 'loss'.*another csv_path"), (f"{header}\n{row},7\n", "Line 2"),
        (f"{header}\n{row}\n{row.replace('fake', 'true')}\n", "Line 3"), (f"{header}\n{row.replace(',0,', ',1,')}\n", "Line 2"),
    ]:  # fmt: skip
        answers_file.write_text(text)
        for use in (widgets.quiz_result, quiz_of):
            with pytest.raises(ValueError, match=says):
                use(answers_file)
        assert answers_file.read_text() == text
    answers_file.write_text(header + "\n")
    assert widgets.quiz_result(answers_file) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"questions": 7}, "questions is 7, but it must be even"), ({"questions": 0}, "questions is 0"), ({"questions": -2}, "questions"),
        ({"questions": 2.0}, "questions is 2.0"), ({"questions": 62}, "31 pictures of each kind, but fake has 30"),
        ({"scale": 0}, "scale is 0"), ({"real": 3}, "real has 1"),
        ({"real": REAL[:, :27]}, r"real has shape \(40, 27, 28\)"), ({"fake": FAKE[..., 0, 0]}, "fake has shape"),
        ({"fake": FAKE * np.nan}, "fake: .* NaN"), ({"value_range": (255, 0)}, "value_range is"), ({"value_range": 3}, "value_range is 3"),
        ({"fake": FAKE / 300, "value_range": (-1, 1)}, r"real goes from 0 to 255, far outside of value_range \(-1, 1\)"),
        ({"fake": FAKE.clip(0, 255) / 255}, r"fake goes from 0 to 1, only a small part of value_range \(0, 255\)"),
        ({"real": REAL / 127.5 - 1, "fake": FAKE.clip(0, 255) / 255, "value_range": (-1, 1)}, "fake goes from 0 to 1, only a small part of"),
        ({"real": np.full((9, 28, 28), "a")}, "real: .*must be numbers"), ({"real": REAL[:0]}, "real has 0"),
    ],
)  # fmt: skip
def test_a_quiz_that_cannot_be(answers_file, options, says):
    with pytest.raises(ValueError, match=says):
        quiz_of(answers_file, **options)


def test_of_many_pictures_some_are_used(answers_file):
    quiz = quiz_of(answers_file, real=np.repeat(REAL, 50, axis=0))
    assert {truth: len(pictures) for truth, pictures in quiz._of.items()} == {"real": 1_000, "fake": 30}


def test_a_relative_file_lies_in_the_project(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.paths.ROOT", tmp_path)
    reply(quiz_of("results/answers.csv"), "real")
    assert len(rows_of(tmp_path / "results/answers.csv")) == 1 and widgets.quiz_result("results/answers.csv")[1] == 1


def test_a_page_without_kernel_gets_the_first_questions(answers_file):
    widget = widgets.real_or_fake(REAL, FAKE, (0, 255), answers_file, questions=20)
    assert iio.imread(base64.b64decode(widget._repr_mimebundle_()["image/png"])).shape[:2] == (2 * 62, 10 * 60 + 4)


def test_the_interval_of_wilson():
    low, high = widgets.wilson_interval(5, 10)
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)
    low, high = widgets.wilson_interval(7, 9)
    assert (round(low, 4), round(high, 4)) == (0.4526, 0.9368)
    assert widgets.wilson_interval(0, 0) == (0, 1)
    for right, total in ((0, 1), (1, 1), (0, 20), (20, 20), (13, 20), (1, 3_000)):
        for end in widgets.wilson_interval(right, total):  # at its ends the observed share is 1.96 standard deviations away
            assert abs(right / total - end) == pytest.approx(1.96 * (end * (1 - end) / total) ** 0.5, rel=1e-4, abs=1e-9)
    low, high = widgets.wilson_interval(5, 10, confidence=1e-6)
    assert high - low < 1e-6


@pytest.mark.parametrize("counts", [(3, 2), (-1, 2), (1.0, 2), (True, 2), (1, 2, 0), (1, 2, 95), (1, 2, float("nan"))])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="right is|confidence is"):
        widgets.wilson_interval(*counts)


# ---------------------------------------------------------------- sketch pad

SKETCHES = RNG.integers(0, 256, (3, 16, 16), dtype=np.uint8)


def tinted(sheet):
    """Return the sheet in a colour of its own; a black corner is an error."""
    if sheet[0, 0] == 0:
        raise RuntimeError("no such corner")
    return np.stack([sheet, sheet // 2, 255 - sheet], axis=-1)


def test_the_sketch_pad_starts_with_the_first_sketch_and_follows_the_sheet():
    widget = widgets.sketch_pad(tinted, np.maximum(SKETCHES, 1))
    (pad,) = widget.children
    first = np.maximum(SKETCHES[0], 1)
    assert pad.sheet == first.ravel().tolist() and pad.picture == tinted(first).tobytes() and pad.size == 16
    sheet = np.full((16, 16), 255, np.uint8)
    sheet[3, 4] = 7
    pad.sheet = sheet.ravel().tolist()
    assert pad.picture == tinted(sheet).tobytes() and pad.message == "" and pad.answers == 1


def test_an_error_of_the_function_is_shown_and_goes_away():
    (pad,) = widgets.sketch_pad(tinted, np.maximum(SKETCHES, 1)).children
    before = pad.picture
    pad.sheet = [0] * 256
    assert "no such corner" in pad.message and pad.picture == before and pad.answers == 1
    pad.sheet = [9] * 256
    assert pad.message == "" and pad.picture != before


def test_a_page_without_kernel_gets_sketch_and_picture():
    sketches = np.maximum(SKETCHES, 1)
    bundle = widgets.sketch_pad(tinted, sketches)._repr_mimebundle_()
    picture = iio.imread(base64.b64decode(bundle["image/png"]))
    assert (picture == sketches[0, 5, 5]).all(axis=-1).any() and (picture == tinted(sketches[0])[5, 5]).all(axis=-1).any()


@pytest.mark.parametrize("sketches, message", [
    (SKETCHES[0], "have shape"), (SKETCHES[:0], "have shape"), (SKETCHES[:, :8], "have shape"), (SKETCHES[:, :8, :8], "have shape"),
    (SKETCHES / 255, "are float64"), (SKETCHES[..., None], "have shape"),
])  # fmt: skip
def test_sketches_of_another_form(sketches, message):
    with pytest.raises(ValueError, match=f"sketches {message}"):
        widgets.sketch_pad(tinted, sketches)


@pytest.mark.parametrize("made", [np.zeros((16, 16), np.uint8), np.zeros((16, 16, 3)), np.zeros((8, 8, 3), np.uint8)])
def test_pictures_of_another_form(made):
    with pytest.raises(ValueError, match="The picture from colour is .* must be uint8 .16, 16, 3."):
        widgets.sketch_pad(lambda sheet: made, SKETCHES)
