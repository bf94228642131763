import base64
import csv
import itertools
from datetime import datetime

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf

from helpers import plotting, widgets
from helpers.widgets.quiz import HEADER, tally

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(200, 2))
LABELS = RNG.integers(0, 3, 200)
NAMES = ["Coat", "Dress", "Bag"]
CORNERS = RNG.normal(size=(4, 100)).astype(np.float32)
POINTS = RNG.uniform(-1, 1, (9, 2)).astype(np.float32)
OPINION = RNG.random((6, 6)).astype(np.float32)
ARROWS = RNG.normal(size=(7, 4)).astype(np.float32)  # places and pushes
SKETCHES = RNG.integers(1, 256, (3, 20, 16), dtype=np.uint8)
REAL = RNG.integers(0, 256, size=(40, 28, 28)).astype(np.uint8)
FAKE = RNG.uniform(0, 255, size=(30, 28, 28, 1))
moments = itertools.count(1)


def ask(widget, place):
    """Do what a widget's script does at a click or a move; return Python's answer."""
    widget.set_state({"place": [place, next(moments)]})
    return widget.answer


def pixels(pictures):
    return np.frombuffer(pictures[0]["values"], np.uint8).reshape(pictures[0]["shape"])


def static_picture(widget):
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    return iio.imread(base64.b64decode(bundle["image/png"]))


def grey(codes):
    """Return pictures whose grey value is the mean of the code."""
    assert codes.dtype == np.float32 and codes.ndim == 2
    return np.broadcast_to(codes.mean(axis=1)[:, None, None, None], (len(codes), 28, 28, 1))


def mix(codes, weights):
    assert weights.dtype == float and weights.shape[-1] == len(codes)
    return weights @ codes


def tinted(sheet):
    return np.stack([sheet, sheet // 2, 255 - sheet], axis=-1)


def figure(label):
    return plotting.image_grid(np.full((1, 8, 8), label / 10), (0, 1))


def game(points, players):
    """Answer as two networks do."""
    assert points.dtype == np.float32 and points.shape[1:] == (2,)
    assert players in ("discriminator", "generator", "both", "restart")
    text = f"{players} of {len(points)}"
    return tf.constant(OPINION), tf.constant(ARROWS[:, :2]), np.float64(ARROWS[:, 2:]), text


def make_widget(kind, through=lambda picture: picture):
    """Return a widget whose reader's function gives its picture `through`, and a place in it."""
    if kind == "chooser":
        return widgets.class_chooser(["a", "b"], lambda label: through(figure(label))), 1
    if kind == "lab":
        play = lambda points, players: through(game(points, players))
        return widgets.gan_lab(play, POINTS, figure(5)), [POINTS[:3].tobytes(), "both"]
    if kind == "plane":
        decode = lambda codes: through(grey(codes))
        return widgets.latent_plane(decode, CODES, LABELS, NAMES), [[0.25, 0.5]]
    if kind == "walk":
        generate = lambda codes: through(grey(codes))
        return widgets.latent_walk(generate, CORNERS[:2], mix), [[0.25, 0.75]]
    return widgets.sketch_pad(lambda sheet: through(tinted(sheet)), SKETCHES), bytes(320)


@pytest.mark.parametrize("kind", ["chooser", "lab", "plane", "walk", "pad"])
def test_an_error_after_a_move_is_shown_and_the_widget_goes_on(kind):
    error = None

    def through(picture):
        if error:
            raise error
        return picture

    widget, place = make_widget(kind, through)
    first = widget.answer
    assert first["message"] == ""
    error = RuntimeError("no such table")
    assert ask(widget, place) == first | {"count": 1, "message": "RuntimeError: no such table"}
    error = None
    answer = ask(widget, place)
    assert answer["message"] == "" and answer["count"] == 2 and answer["result"] != first["result"]
    assert ask(widget, place)["count"] == 3  # the same place is answered, too
    error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        ask(widget, place)
    assert (widget.answer["count"], widget.answer["message"]) == (4, "Interrupted.")


@pytest.mark.parametrize("kind", ["chooser", "lab", "plane", "walk", "pad"])
def test_every_script_is_whole_and_a_page_without_kernel_gets_a_picture(kind):
    widget, _ = make_widget(kind)
    assert widget._esm.count("export default") == widget._esm.count("\nfunction render(") == 1
    assert static_picture(widget)[..., :3].std() > 0


def test_a_click_on_a_class_draws_it():
    widget = widgets.class_chooser(["a", "b", "c"], figure, chosen=1)
    assert widget.png == widget.answer["result"] == figure(1)._repr_png_()
    assert ask(widget, 2)["result"] == figure(2)._repr_png_()


def test_a_move_on_the_plane_gives_the_picture_of_that_place():
    widget = widgets.latent_plane(grey, CODES, LABELS, NAMES, value_range=(-1, 1))
    points = np.frombuffer(widget.given["points"], np.float32).reshape(-1, 2)
    order = np.lexsort(CODES.T), np.lexsort(points.T)
    np.testing.assert_allclose(points[order[1]], CODES[order[0]], rtol=1e-6)
    assert np.array_equal(np.array(list(widget.given["labels"]))[order[1]], LABELS[order[0]])
    for place, value in (((-1, -1), 0), ((0.5, -0.5), 128), ((1, 1), 255), ((7, 8), 255)):
        assert (pixels(ask(widget, [list(place)])["result"]) == value).all()


def test_many_codes_are_thinned_out_and_all_classes_stay():
    many = RNG.normal(size=(6_000, 2))
    labels = np.arange(6_000) % 2  # every second one would be of one class
    labels[5_500:] = 2  # and none of the first 5,000 is of this one
    widget = widgets.latent_plane(grey, many, labels, NAMES)
    assert len(widget.given["labels"]) == 5_000 and set(widget.given["labels"]) == {0, 1, 2}


@pytest.mark.parametrize(
    "decode, codes, labels, value_range",
    [
        (grey, CODES, LABELS[:-1], (0, 1)),
        (grey, np.full((200, 2), np.nan), LABELS, (0, 1)),
        (grey, CODES, LABELS, (1, 0)),
        (lambda codes: np.zeros((28, 28)), CODES, LABELS, (0, 1)),
        (lambda codes: np.full((1, 28, 28), np.nan), CODES, LABELS, (0, 1)),
    ],
)
def test_a_plane_that_cannot_be_is_refused(decode, codes, labels, value_range):
    with pytest.raises(ValueError, match=r"codes|value_range|shape|NaN"):
        widgets.latent_plane(decode, codes, labels, NAMES, value_range)


def grey_of(code, low=-1, high=1):
    return round((min(max(float(code.mean()), low), high) - low) / (high - low) * 255)


@pytest.mark.parametrize("count", [2, 4])
def test_a_move_on_the_walk_gives_the_picture_of_the_mixture(count):
    widget = widgets.latent_walk(grey, CORNERS[:count], mix)
    for corner, weights in zip(CORNERS, np.eye(count, dtype=int).tolist()):
        end = widget.given["ends"][weights.index(1)]
        assert ask(widget, [weights])["result"] == [end]
        assert (pixels([end]) == grey_of(corner)).all()
    answer = ask(widget, [[0.25, 0.75] + [0] * (count - 2)])
    assert (pixels(answer["result"]) == grey_of(0.25 * CORNERS[0] + 0.75 * CORNERS[1])).all()


@pytest.mark.parametrize("count, rows", [(2, 1), (4, 5)])
def test_the_static_picture_of_a_walk_has_its_corners_at_their_places(count, rows):
    widget = widgets.latent_walk(grey, CORNERS[:count], mix, (-0.5, 0.5), steps=5)
    sheet = static_picture(widget)
    height, width = sheet.shape[0] // rows, sheet.shape[1] // 5  # of a picture with its gap
    assert height == pytest.approx(width, abs=4)
    seen = sheet[height // 2 :: height, width // 2 :: width].reshape(rows, 5, -1)[..., 0]
    ends = [grey_of(code, -0.5, 0.5) for code in CORNERS[:count]]
    assert [seen[0, 0], seen[0, 4], seen[-1, 0], seen[-1, 4]][:count] == ends


@pytest.mark.parametrize("shape", [(1, 100), (3, 100), (100,)])
def test_corners_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"corners have shape \(.*\. Give \(2, D\)"):
        widgets.latent_walk(grey, np.zeros(shape), mix)


def test_the_sketch_pad_starts_with_the_first_sketch_and_colours_the_sheet_that_comes_as_bytes():
    widget = widgets.sketch_pad(tinted, SKETCHES)
    assert widget.place[0] == SKETCHES[0].tobytes()
    assert [pixels([sketch]).tolist() for sketch in widget.given["sketches"]] == SKETCHES.tolist()
    assert (pixels(widget.answer["result"]) == tinted(SKETCHES[0])).all()
    sheet = np.full((20, 16), 255, np.uint8)
    sheet[3, 4] = 7
    data = {"method": "update", "state": {"place": [None, 1]}, "buffer_paths": [["place", 0]]}
    message = {"content": {"data": data}, "buffers": [memoryview(sheet.tobytes())]}
    widget._handle_msg(message)  # as it comes from the browser
    assert (pixels(widget.answer["result"]) == tinted(sheet)).all()


def test_the_sketch_pad_shows_a_picture_that_is_wider_than_the_sheet():
    twice = lambda sheet: np.hstack([tinted(sheet), 255 - tinted(sheet)])
    widget = widgets.sketch_pad(twice, SKETCHES)
    assert (pixels(widget.answer["result"]) == twice(SKETCHES[0])).all()
    assert widget.png.startswith(b"\x89PNG")


def test_pictures_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="colour gave float64, not uint8"):
        widgets.sketch_pad(lambda sheet: tinted(sheet) / 255, SKETCHES)


def test_the_laboratory_starts_with_a_restart_and_trains_with_the_points_that_come_as_bytes():
    asked = []

    def play(points, players):
        asked.append((points.tolist(), players))
        return game(points, players)

    widget = widgets.gan_lab(play, np.float64(POINTS), figure(5))
    assert asked == [(POINTS.tolist(), "restart")] and widget.png == figure(5)._repr_png_()
    assert widget.place[0] == [POINTS.tobytes(), "restart"]  # where a script finds the points
    data = {"method": "update", "state": {"place": [[None, "generator"], 1]}}
    data["buffer_paths"] = [["place", 0, 0]]
    buffers = [memoryview(POINTS[:4].tobytes())]
    widget._handle_msg({"content": {"data": data}, "buffers": buffers})  # as from the browser
    assert asked[1:] == [(POINTS[:4].tolist(), "generator")]
    result = widget.answer["result"]
    assert (pixels([result["opinion"]]) == np.round(255 * OPINION)).all()
    assert np.array_equal(np.frombuffer(result["arrows"], np.float32).reshape(-1, 4), ARROWS)
    assert result["text"] == "generator of 4"
    assert ask(widget, [b"", "restart"])["result"]["text"] == "restart of 0"


@pytest.mark.parametrize(
    "answer",
    [
        (OPINION, ARROWS[:, :2], "no pushes"),
        (OPINION, ARROWS[:, :2], ARROWS[1:, 2:], "a push is missing"),
        (OPINION[0], ARROWS[:, :2], ARROWS[:, 2:], "a row"),
        (OPINION * np.nan, ARROWS[:, :2], ARROWS[:, 2:], "not finite"),
    ],
)
def test_another_answer_of_the_networks_is_refused(answer):
    with pytest.raises(ValueError):
        widgets.gan_lab(lambda points, players: answer, POINTS, figure(5))


@pytest.fixture
def answers_file(tmp_path):
    return tmp_path / "new folder/answers.csv"


def quiz_of(path, real=REAL, fake=FAKE, value_range=(0, 255)):
    return widgets.real_or_fake(real, fake, value_range, path)


def reply(quiz, answer, key=None):
    """Do what the script does at a click; return what the browser shows then."""
    return ask(quiz, [key or quiz.answer["result"]["key"], answer, 1.5])["result"]


def truth_of(quiz):
    reals = {picture.tobytes() for picture in REAL}
    return "real" if quiz.answer["result"]["pictures"][0]["values"] in reals else "fake"


def play(quiz, answer_to=lambda truth: truth):
    """Answer all twenty questions; return what is shown at the end, and the pictures' bytes."""
    seen = []
    for _ in range(20):
        seen.append(quiz.answer["result"]["pictures"][0]["values"])
        reply(quiz, answer_to(truth_of(quiz)))
    return quiz.answer["result"], seen


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_answers_are_scored_and_written_at_once(answers_file):
    quiz = quiz_of(answers_file)
    assert not answers_file.exists() and quiz.given == {"total": 20}
    truths = []
    for number in range(1, 21):
        assert quiz.answer["result"]["key"][1] == number
        truths.append(truth_of(quiz))
        screen = reply(quiz, "real")
        assert len(rows_of(answers_file)) == number
        assert screen["truth"] == truths[-1] and screen["answer"] == "real"
        assert screen["tally"][:2] == (truths.count("real"), number) and screen["problem"] == ""
    assert screen["key"][1] == 21 and truths.count("real") == truths.count("fake") == 10
    rows = rows_of(answers_file)
    assert answers_file.read_text().splitlines()[0] == HEADER == ",".join(rows[0])
    assert [row["truth"] for row in rows] == truths
    assert {(row["answer"], row["seconds"]) for row in rows} == {("real", "1.5")}
    assert [row["correct"] for row in rows] == [str(int(truth == "real")) for truth in truths]
    assert [row["question"] for row in rows] == [str(number) for number in range(1, 21)]
    assert len({row["session"] for row in rows}) == 1
    assert all(datetime.fromisoformat(row["time"]).utcoffset().seconds == 0 for row in rows)
    assert widgets.quiz_result(answers_file) == screen["tally"]


def test_a_new_round_draws_again_and_all_answers_stay(answers_file):
    quiz = quiz_of(answers_file)
    first, seen = play(quiz)
    assert first["tally"][:2] == (20, 20) and len(set(seen)) == 20  # without replacement
    screen = reply(quiz, "again")
    assert screen["key"][1] == 1 and "tally" not in screen and "truth" not in screen
    assert play(quiz)[1] != seen
    reply(quiz_of(answers_file), "real")  # another day
    assert widgets.quiz_result(answers_file)[1] == 41
    assert answers_file.read_text().count("time,") == 1
    assert len({row["session"] for row in rows_of(answers_file)}) == 3


def test_real_and_fake_come_in_any_order(answers_file):
    orders = set()
    for _ in range(8):
        quiz = quiz_of(answers_file)
        orders.add(tuple(truth_of(quiz) for _ in range(6) if reply(quiz, "real")))
    assert len(orders) > 4 and {kind for order in orders for kind in order} == {"real", "fake"}


def test_an_answer_to_an_earlier_picture_is_ignored(answers_file):
    quiz = quiz_of(answers_file)
    first = quiz.answer["result"]["key"]
    screen = reply(quiz, "real")
    assert reply(quiz, "fake", first) == screen  # the second half of a double click
    assert len(rows_of(answers_file)) == 1
    while screen["key"][1] <= 20:
        last = screen["key"]
        screen = reply(quiz, "fake")
    assert reply(quiz, "fake", last) == screen and len(rows_of(answers_file)) == 20
    new = reply(quiz, "again")
    assert reply(quiz, "again", screen["key"]) == new and new["key"][1] == 1


def test_real_and_fake_get_the_same_treatment(answers_file):
    floats = (REAL / 127.5 - 1).astype(np.float32)
    for real, fake, value_range in (
        (REAL, REAL.astype(float)[..., None], (0, 255)),
        (floats, floats[..., None], (-1, 1)),
    ):
        quiz = quiz_of(answers_file, real, fake, value_range)
        originals = {picture.tobytes() for picture in REAL}
        for _ in range(20):
            picture = quiz.answer["result"]["pictures"][0]
            assert picture["shape"] == [28, 28] and picture["values"] in originals
            reply(quiz, "real")


def test_nothing_that_the_browser_gets_depends_on_the_truth_of_the_picture_on_the_screen(
    answers_file, monkeypatch
):
    monkeypatch.setattr("numpy.random.default_rng", lambda: np.random.Generator(np.random.PCG64(3)))
    monkeypatch.setattr("time.time_ns", lambda: 255)
    sets = REAL[:10], REAL[10:20]
    quizzes = [quiz_of(answers_file, *sets), quiz_of(answers_file, *sets[::-1])]
    sent = [quiz.get_state(["answer", "given", "place", "_esm"]) for quiz in quizzes]
    for state in sent:
        del state["answer"]["result"]["pictures"]
    assert sent[0] == sent[1] and sent[0]["answer"]["result"] == {"key": ["ff", 1]}


def test_an_answer_that_cannot_be_written_is_said_and_the_quiz_goes_on(answers_file):
    quiz = quiz_of(answers_file)
    answers_file.parent.write_text("a file where the folder should be")
    screen = reply(quiz, "real")
    assert "not in the file" in screen["problem"] and screen["key"][1] == 2
    answers_file.parent.unlink()
    assert reply(quiz, "real")["problem"] == ""
    assert [row["question"] for row in rows_of(answers_file)] == ["2"]


def test_a_row_that_was_cut_off_does_not_spoil_the_next(answers_file):
    quiz = quiz_of(answers_file)
    reply(quiz, "real")
    answers_file.write_text(answers_file.read_text() + "2026-01-01T00:00")
    reply(quiz, "real")
    assert [row["question"] for row in rows_of(answers_file)] == ["1", None, "2"]


def test_an_empty_file_gets_its_header_and_a_link_stays_one(answers_file, tmp_path):
    answers_file.parent.mkdir()
    (tmp_path / "of the class.csv").touch()
    answers_file.symlink_to(tmp_path / "of the class.csv")
    reply(quiz_of(answers_file), "real")
    assert answers_file.is_symlink() and widgets.quiz_result(answers_file)[1] == 1
    assert (tmp_path / "of the class.csv").read_text().startswith(HEADER)


def test_an_unreadable_file_is_named_with_its_row_and_never_changed(answers_file):
    with pytest.raises(FileNotFoundError):
        widgets.quiz_result(answers_file)
    answers_file.parent.mkdir()
    row = "2026-01-01T00:00:00+00:00,abc,1,real,fake,0,1.5"
    for wrong in ("step,loss", row.replace("fake", "true"), row.replace(",0,", ",1,"), "2026"):
        content = f"{HEADER}\n{row}\n{wrong}\n".encode() + b"\xff"
        answers_file.write_bytes(content)
        for use in (widgets.quiz_result, quiz_of):
            with pytest.raises(ValueError, match=rf"is no answer: .'{wrong[:4]}.*Mend it"):
                use(answers_file)
        assert answers_file.read_bytes() == content
    answers_file.write_text("")
    assert widgets.quiz_result(answers_file) == (0, 0, 0, 1)


def test_files_of_several_people_count_together(answers_file):
    answers_file.parent.mkdir()
    rows = [f"2026-01-01T00:00:00+00:00,abc,1,real,{kind},2.5" for kind in ("real,1", "fake,0")]
    answers_file.write_text("\n".join([HEADER, *rows, HEADER, rows[0]]) + "\n", "utf-8-sig")
    assert widgets.quiz_result(answers_file)[:2] == (2, 3)


@pytest.mark.parametrize(
    "options, says",
    [
        ({"fake": FAKE[:9]}, "fake has 9 pictures.* Give 10 or more"),
        ({"fake": FAKE * np.nan}, "values of the images are NaN"),
        ({"value_range": (-1, 1)}, r"from 0 to 255, value_range is \(-1, 1\)"),
        ({"fake": FAKE / 255}, r"fake has 30 pictures, in 0% of \(0, 255\)"),
        ({"fake": FAKE + 1}, r"from 1\.\d+ to 256, value_range is \(0, 255\)"),
        ({"real": REAL / 127.5 - 1, "fake": FAKE / 255, "value_range": (-1, 1)}, "fake has 30"),
        ({"real": REAL[0]}, "shape"),
    ],
)
def test_a_quiz_of_wrong_pictures_is_refused(answers_file, options, says):
    with pytest.raises(ValueError, match=says):
        quiz_of(answers_file, **options)


def test_a_relative_file_lies_in_the_project(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.course.ROOT", tmp_path)
    reply(quiz_of("results/answers.csv"), "real")
    assert len(rows_of(tmp_path / "results/answers.csv")) == 1
    assert widgets.quiz_result("results/answers.csv")[1] == 1


def test_a_page_without_kernel_gets_the_pictures_of_a_quiz(answers_file):
    height, width = static_picture(quiz_of(answers_file)).shape[:2]
    assert width / height == pytest.approx(10 / 2, rel=0.05)


def test_the_tally_has_the_interval_of_wilson():
    def interval(right, total):
        rows = [["", "", 0, "real", "real"]] * right + [["", "", 0, "real", "fake"]] * (
            total - right
        )
        assert tally(rows)[:2] == (right, total)
        return tally(rows)[2:]

    assert interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert interval(0, 0) == (0, 1)
    for right, total in ((0, 1), (20, 20), (13, 20), (1, 3_000)):
        for end in interval(right, total):  # there the share is 1.96 standard deviations away
            deviation = (end * (1 - end) / total) ** 0.5
            assert abs(right / total - end) == pytest.approx(1.96 * deviation, rel=1e-4, abs=1e-9)
