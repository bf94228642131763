"""Things to click on. Each has a static picture too, for readers of a page without a running kernel."""

import base64
import csv
import html
import time
import traceback
import uuid
from datetime import datetime, timezone
from pathlib import Path

import anywidget
import imageio.v3 as iio
import ipywidgets
import numpy as np
import traitlets

from . import plotting
from .course import from_root


LARGEST_PLANE = 5_000  # points
LARGEST_QUIZ = 1_000  # pictures of each kind
QUIZ_HEADER = ["time", "session", "question", "truth", "answer", "correct", "seconds"]


class _WithPicture(ipywidgets.VBox):
    """A box that JupyterLab shows as a widget, and a page without kernel as the picture that it held at first."""

    def __init__(self, children, picture):
        super().__init__(children)
        self._picture = base64.b64encode(picture).decode()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "image/png": self._picture, "text/plain": "Widget: run this cell in JupyterLab to use it."}


def class_chooser(class_names, draw, chosen=0):
    """Make a row of buttons, one a class, with a picture below; a button for another sample stands beside them.

    Args:
        class_names: texts of the buttons.
        draw: function of a class's index that returns a Figure of `helpers.plotting`; called at once for `chosen`, then at each click.
        chosen: index of the first class.

    Returns:
        A widget. An error in `draw` at a later click is shown below the buttons.

    Raises:
        ValueError: `chosen` is no index of class_names.
    """
    if not 0 <= chosen < len(class_names):
        raise ValueError(f"chosen is {chosen}, but the classes go from 0 to {len(class_names) - 1}.")
    first = draw(chosen)._repr_png_()
    buttons = ipywidgets.ToggleButtons(
        options=[(name, i) for i, name in enumerate(class_names)], value=chosen, style={"button_width": "auto"}
    )
    again = ipywidgets.Button(description="Draw again", icon="refresh")
    picture = ipywidgets.Image(value=first, format="png", layout={"object_fit": "contain", "align_self": "flex-start"})
    message = ipywidgets.HTML()

    def redraw(_):
        try:
            picture.value = draw(buttons.value)._repr_png_()
            message.value = ""
        except Exception as error:  # a callback's error would vanish into the log
            message.value = f"<pre>{html.escape(''.join(traceback.format_exception_only(error)))}</pre>"

    buttons.observe(redraw, names="value")
    again.on_click(redraw)
    return _WithPicture([buttons, again, picture, message], first)


def _script(name):
    """Return the text of a script in this folder, after the text that the scripts share."""
    return "\n".join(Path(__file__).with_name(file).read_text(encoding="utf-8") for file in ("common.js", name))


def _grey(name, images, value_range, count=None, shape=None):
    """Check grey pictures, (count, H, W) or (count, H, W, 1); return them as uint8 (count, H, W). Values outside are cut."""
    images = np.asarray(images)
    wanted = (count or "N", *(shape or ("H", "W")))
    seen = images.shape[:-1] if images.ndim == 4 and images.shape[-1] == 1 else images.shape
    if len(seen) != 3 or any(isinstance(size, int) and size != other for size, other in zip(wanted, seen)):
        a, b, c = wanted
        raise ValueError(f"{name} has shape {images.shape}, but it must be ({a}, {b}, {c}) or ({a}, {b}, {c}, 1): grey pictures.")
    try:
        return np.round(plotting.to_unit_range(images.reshape(seen), value_range, clip=True) * 255).astype(np.uint8)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


class _LatentPicture(anywidget.AnyWidget):
    """A place that is moved in the browser, and the picture that Python makes there."""

    picture_shape = traitlets.List().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)  # uint8 (H, W)
    message = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int().tag(sync=True)  # counted on when a picture is ready, also if it is the same one

    def answer_moves(self, trait, picture_at):
        """Call `picture_at` with each new value of the trait, and show the picture that it returns, uint8 (H, W), or its error."""

        def redraw(change):
            message, picture = "", self.picture
            try:
                picture = picture_at(change["new"]).tobytes()
            except Exception as error:  # a callback's error would vanish into the log
                message = "".join(traceback.format_exception_only(error))
            finally:  # also when the kernel is interrupted: the browser waits for an answer
                with self.hold_sync():
                    self.picture, self.message, self.answers = picture, message, self.answers + 1

        self.observe(redraw, names=trait)


class _LatentPlane(_LatentPicture):
    """The plane itself; latent_plane.js draws it and moves the point."""

    _esm = _script("latent_plane.js")
    points = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (N,)
    class_names = traitlets.List().tag(sync=True)
    bounds = traitlets.List().tag(sync=True)  # left, right, bottom, top
    point = traitlets.List().tag(sync=True)  # the chosen code


def latent_plane(decode, codes, labels, class_names, value_range=(0, 1)):
    """Show two-dimensional codes as points; a point that is moved by mouse or arrow keys shows what is decoded there.

    Args:
        decode: function of codes, float32 (1, 2), that returns grey pictures (1, H, W) or (1, H, W, 1).
        codes: (N, 2), finite; of more than 5,000, so many are drawn.
        labels: (N,) whole numbers, an index into class_names.
        class_names: at most ten texts.
        value_range: (black, white) of the pictures; values outside are cut.

    Returns:
        A widget. An error in `decode` after a move is shown below it.

    Raises:
        ValueError: as `helpers.plotting.latent_scatter`, or a picture of another shape.
    """
    codes, labels = np.asarray(codes, dtype=np.float32), np.asarray(labels)
    if len(codes) == len(labels) > LARGEST_PLANE:
        shown = np.random.default_rng(0).choice(len(codes), LARGEST_PLANE, replace=False)
        codes, labels = codes[shown], labels[shown]
    scatter = plotting.latent_scatter(codes, labels, class_names)  # checks its arguments

    def decoded(point, shape=None):
        return _grey("The picture from decode", decode(np.float32([point])), value_range, 1, shape)[0]

    point = [float(value) for value in np.median(codes, axis=0)]
    scatter.axes[0].plot(*point, marker="P", color="black", markersize=12)
    first = decoded(point)
    smallest, largest = codes.min(axis=0), codes.max(axis=0)
    margin = 0.05 * (largest - smallest) + 1e-3
    plane = _LatentPlane(
        points=codes.tobytes(), labels=labels.astype(np.uint8).tobytes(), class_names=list(class_names), point=point,
        bounds=np.stack([smallest - margin, largest + margin]).T.ravel().tolist(), picture_shape=list(first.shape), picture=first.tobytes(),
    )  # fmt: skip

    plane.answer_moves("point", lambda point: decoded(point, first.shape))
    return _WithPicture([plane], _side_by_side(scatter._repr_png_(), plotting.grid_png(first[None], (0, 255), scale=8)))


def _side_by_side(*pngs):
    """Put PNG pictures beside each other on a white sheet; return PNG bytes."""
    pictures = [np.atleast_3d(iio.imread(png))[..., :3] for png in pngs]
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        np.pad(np.broadcast_to(picture, (*picture.shape[:2], 3)), [(0, height - len(picture)), (0, 12), (0, 0)], constant_values=255)
        for picture in pictures
    ]
    return iio.imwrite("<bytes>", np.concatenate(padded, axis=1), extension=".png")


class _SketchPad(_LatentPicture):
    """A sheet to draw on; sketch_pad.js holds pen and eraser."""

    _esm = _script("sketch_pad.js")
    size = traitlets.Int().tag(sync=True)  # height and width of the sheet in pixels
    sheet = traitlets.List().tag(sync=True, echo_update=False)  # size * size greys, 0 black to 255 white
    sketches = traitlets.Bytes().tag(sync=True)  # uint8 (N, size, size), to load


def sketch_pad(colour, sketches):
    """Show a sheet to draw on with mouse, pen or finger; beside it follows what a function makes of the drawing.

    There are a pen, a thin grey pencil for hatching, an eraser, the line's width, undo, clear, and sketches to load; the first one lies on the sheet
    at the start.

    Args:
        colour: function of a sheet, uint8 (size, size), black lines on white, that returns a picture, uint8 (size, size, 3). It should take
            well under 100 ms.
        sketches: uint8 (N, size, size), N 1 or more, size 16 to 128.

    Returns:
        A widget. An error in `colour` after a stroke is shown below it.

    Raises:
        ValueError: sketches of another shape or dtype, or a picture of another one.
    """
    sketches = np.ascontiguousarray(sketches)
    if sketches.ndim != 3 or not len(sketches) or sketches.shape[1] != sketches.shape[2] or not 16 <= sketches.shape[1] <= 128:
        raise ValueError(f"sketches have shape {sketches.shape}, but it must be (N, size, size), N 1 or more, size 16 to 128.")
    if sketches.dtype != np.uint8:
        raise ValueError(f"sketches are {sketches.dtype}, but they must be uint8: 0 is black, 255 is white.")
    size = sketches.shape[1]

    def picture(sheet):
        made = np.asarray(colour(np.array(sheet, np.uint8).reshape(size, size)))
        if made.shape != (size, size, 3) or made.dtype != np.uint8:
            raise ValueError(f"The picture from colour is {made.dtype} {made.shape}, but it must be uint8 {(size, size, 3)}.")
        return np.ascontiguousarray(made)

    sheet = sketches[0].ravel().tolist()
    first = picture(sheet)
    pad = _SketchPad(size=size, sheet=sheet, sketches=sketches.tobytes(), picture_shape=[size, size, 3], picture=first.tobytes())
    pad.answer_moves("sheet", picture)
    both = np.stack([np.repeat(sketches[0][..., np.newaxis], 3, axis=-1), first])
    return _WithPicture([pad], plotting.grid_png(both, (0, 255), columns=2, scale=max(1, 256 // size)))


class _LatentWalk(_LatentPicture):
    """The walk itself; latent_walk.js draws the line, triangle or square and moves the point."""

    _esm = _script("latent_walk.js")
    ends = traitlets.Bytes().tag(sync=True)  # uint8 (n, H, W)
    weights = traitlets.List().tag(sync=True)  # n numbers, one for each corner


def mix(codes, weights):
    """Mix latent points so that the mixture is as likely a noise as they are.

    Normal noise in D dimensions lies near a shell of radius sqrt(D). A straight line between two points on it leaves the shell
    and passes where the generator has never seen noise. So: mix with the weights, then rescale to the weighted mean of the
    points' norms. Points of equal norm are joined by the great arc of spherical interpolation (White 2016, "Sampling Generative
    Networks", arXiv:1609.04468), passed at a slightly uneven speed; and unlike it, this works with more than two points.

    Args:
        codes: (n, D), finite.
        weights: (..., n), none negative, with sum 1.

    Returns:
        float32 (..., D). Where one weight is 1, exactly that code. Where opposite codes cancel out there is no direction: zeros.

    Raises:
        ValueError: another shape, a value that is not finite, or weights of another kind.
    """
    codes, weights = np.asarray(codes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if codes.ndim != 2 or 0 in codes.shape or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite and of shape (n, D); seen: shape {codes.shape}.")
    if weights.shape[-1:] != (len(codes),) or not (weights >= 0).all() or not np.allclose(weights.sum(axis=-1), 1):
        raise ValueError(f"weights must be {len(codes)} numbers, none negative, with sum 1; seen: {weights.tolist()}.")
    mixed = weights @ codes
    norm = np.linalg.norm(mixed, axis=-1, keepdims=True)
    wanted = (weights @ np.linalg.norm(codes, axis=-1))[..., None]
    return (mixed * np.divide(wanted, norm, out=np.ones_like(norm), where=norm > 1e-9 * wanted)).astype(np.float32)


def latent_walk(generate, codes, value_range=(-1, 1), steps=8):
    """Show a walk between latent points: on a line between two, in a triangle of three, in a square of four.

    A point that is moved by mouse, finger or arrow keys shows what is generated there. The places between are mixed as `mix` says.

    Args:
        generate: function of codes, float32 (n, D), that returns grey pictures (n, H, W) or (n, H, W, 1). Called at once for the
            corners, the static picture and the middle, then with one code for each place. It should take well under 100 ms.
        codes: (n, D), n from 2 to 4, finite.
        value_range: (black, white) of the pictures; values outside are cut.
        steps: pictures along a side of the static picture, 2 or more.

    Returns:
        A widget. An error in `generate` after a move is shown below it.

    Raises:
        ValueError: codes of another shape or not finite, fewer steps, or pictures of another shape.
    """
    codes = np.asarray(codes, dtype=np.float32)
    if codes.ndim != 2 or not 2 <= len(codes) <= 4 or not codes.shape[1] or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite and of shape (2, D), (3, D) or (4, D); seen: shape {codes.shape}.")
    plotting.at_least_one(steps=steps)
    if steps < 2:
        raise ValueError("steps is 1, but a walk has 2 pictures or more.")

    def generated(weights, shape=None):
        return _grey("What generate gave", generate(mix(codes, weights)), value_range, len(weights), shape)

    ends = generated(np.eye(len(codes)))
    shape = ends.shape[1:]
    weights = _walk_weights(len(codes), steps)
    inside = (weights >= 0).all(axis=1)
    static = np.full((len(weights), *shape), 255, np.uint8)
    static[inside] = generated(weights[inside], shape)
    middle = [1 / len(codes)] * len(codes)
    first = generated([middle], shape)
    walk = _LatentWalk(ends=ends.tobytes(), weights=middle, picture_shape=list(shape), picture=first.tobytes())
    walk.answer_moves("weights", lambda weights: generated([weights], shape)[0])
    return _WithPicture([walk], plotting.grid_png(static, (0, 255), columns=steps))


def _walk_weights(count, steps):
    """Return the corners' weights, (places, count), row by row of the static picture; negative ones where a triangle has no place."""
    along = np.linspace(0, 1, steps)
    if count == 2:
        return np.stack([1 - along, along], axis=1)
    down, across = (grid.ravel() for grid in np.meshgrid(along, along, indexing="ij"))
    if count == 3:  # the first corner above the second, the third at the right below
        return np.stack([1 - down, down - across, across], axis=1)
    return np.stack([(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down], axis=1)


class _RealOrFake(anywidget.AnyWidget):
    """The quiz itself; real_or_fake.js shows it. The truth never leaves Python."""

    _esm = _script("real_or_fake.js")
    scale = traitlets.Int().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)  # uint8 (28, 28)
    shown = traitlets.Int().tag(sync=True)  # counts the pictures; the browser sends it along, so that no answer meets a later picture
    head = traitlets.Unicode().tag(sync=True)
    score = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)
    finished = traitlets.Bool().tag(sync=True)

    def __init__(self, pictures, path, questions, rng, scale):
        super().__init__(scale=scale)
        self._of, self._path, self._questions, self._rng = pictures, path, questions, rng
        self.on_msg(self._answered)
        self._start()

    def _start(self):
        half = self._questions // 2
        drawn = [(truth, picture) for truth in self._of for picture in self._rng.choice(self._of[truth], half, replace=False)]
        self._drawn = [drawn[i] for i in self._rng.permutation(len(drawn))]
        self._session, self._number, self._right = uuid.uuid4().hex[:8], 0, 0
        self._show(score="", problem="")

    def _show(self, score, problem):
        with self.hold_sync():
            self.score, self.problem, self.finished = score, problem, self._number == self._questions
            self.head = "The end" if self.finished else f"Question {self._number + 1} of {self._questions}"
            if not self.finished:
                self.picture = self._drawn[self._number][1].tobytes()
            self.shown += 1
        self._since = time.monotonic()

    def _answered(self, _, content, buffers):
        answer = content.get("answer")
        if content.get("shown") != self.shown or answer not in (["again"] if self.finished else ["real", "fake"]):
            return  # meant for an earlier picture
        if answer == "again":
            self._start()
            return
        truth, problem = self._drawn[self._number][0], ""
        self._number, self._right = self._number + 1, self._right + (answer == truth)
        seconds, now = round(time.monotonic() - self._since, 2), datetime.now(timezone.utc).isoformat(timespec="seconds")
        try:
            _append_row(self._path, [now, self._session, self._number, truth, answer, int(answer == truth), seconds])
        except OSError as error:
            problem = f"This answer is not in the file: {error}. The quiz goes on."
        verdict = f"{'Right' if answer == truth else 'Wrong'}: picture {self._number} was {truth}."
        self._show(f"{verdict}\n{_score(self._right, self._number, self._number == self._questions)}", problem)


def real_or_fake(real, fake, value_range, csv_path, questions=20, scale=8, seed=None):
    """Make the quiz "real or fake?": one picture at a time, answered by buttons or keys, with a running score.

    Half of the questions are real pictures, half generated ones. Both pass through the same steps to uint8, so that nothing but the
    picture tells them apart. Each answer is written at once to the end of a CSV file, also over several rounds and days. The interval
    takes the answers as independent: who counts the verdicts, and knows that half are real, can do a little better than by guessing.

    Args:
        real, fake: (N, 28, 28) or (N, 28, 28, 1) finite numbers, both in the same range; of more than 1,000, so many are used.
        value_range: (black, white) of both; values outside are cut.
        csv_path: where the answers go, a relative path from the project's root. Folders are made. Columns: time (ISO, UTC), session
            (one round of questions), question, truth, answer, correct (1 or 0), seconds (since the picture was sent).
        questions: an even number, half of each kind, drawn without replacement; a new round draws again.
        scale: screen pixels to a picture's pixel.
        seed: of the draws; None for other questions each time.

    Returns:
        A widget. When the file cannot be written, it says so and goes on.

    Raises:
        ValueError: an odd number of questions, too few pictures, pictures of another shape or range, or a file of another kind.
    """
    plotting.at_least_one(questions=questions, scale=scale)
    if questions % 2:
        raise ValueError(f"questions is {questions}, but it must be even: half are real pictures, half generated ones.")
    path, rng, pictures = from_root(csv_path), np.random.default_rng(seed), {}
    for name, images in (("real", np.atleast_1d(real)), ("fake", np.atleast_1d(fake))):
        if len(images) < questions // 2:
            raise ValueError(f"{questions} questions need {questions // 2} pictures of each kind, but {name} has {len(images)}.")
        images = images[rng.permutation(len(images))[: max(LARGEST_QUIZ, questions // 2)]]
        pictures[name] = _grey(name, images, value_range, shape=(28, 28))
        _refuse_another_range(name, images, *value_range)
    if path.exists():
        _read_rows(path)
    quiz = _RealOrFake(pictures, path, questions, rng, scale)
    static = np.stack([picture for _, picture in quiz._drawn])
    return _WithPicture([quiz], plotting.grid_png(static, (0, 255), columns=min(10, questions)))


def _refuse_another_range(name, images, low, high):
    """Raise if pictures are far from what `value_range` says: they would be all alike in the quiz, and known at once."""
    least, most, whole = images.min(), images.max(), high - low
    problem = ""
    if least < low - whole or most > high + whole:  # a little outside is cut
        problem = "far outside of"
    elif most - least < whole / 10 or least > low + whole / 4:
        problem = "only a small part of"
    if problem:
        raise ValueError(f"{name} goes from {least:.4g} to {most:.4g}, {problem} value_range {(low, high)}. Bring both sets into one range.")


def wilson_interval(right, total, confidence=0.95):
    """Return the Wilson score interval of a share: where the true share may lie, when `right` of `total` answers were right.

    Args:
        right: whole number from 0 to total.
        total: whole number of independent answers; with none, nothing is known: (0, 1).
        confidence: probability that the interval holds the true share, above 0 and below 1.

    Returns:
        (low, high), floats from 0 to 1.

    Raises:
        ValueError: other counts, or another confidence.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927), 209-212.
    """
    whole = all(isinstance(count, (int, np.integer)) and not isinstance(count, bool) for count in (right, total))
    if not whole or not 0 <= right <= total:
        raise ValueError(f"right is {right!r} and total is {total!r}, but they must be whole numbers, 0 <= right <= total.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}, but it must lie between 0 and 1, such as 0.95.")
    if total == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # slow to import, and only needed here

    low, high = binomtest(right, total).proportion_ci(confidence, method="wilson")
    return float(low), float(high)


def quiz_result(csv_path):
    """Read all answers that `real_or_fake` wrote to a file, or to several that were put together into one.

    Args:
        csv_path: as given to `real_or_fake`.

    Returns:
        (right, total, low, high): counts, and the 95 % interval of `wilson_interval`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has another header, or a row that is no answer.
    """
    rows = _read_rows(from_root(csv_path))
    right = sum(truth == answer for _, _, _, truth, answer, _, _ in rows)
    return right, len(rows), *wilson_interval(right, len(rows))


def _score(right, total, finished):
    """Say the score, and after the last question what it means."""
    low, high = wilson_interval(right, total)
    text = f"{right} of {total} right ({100 * right / total:.0f} %)\n95 % interval: {100 * low:.0f} % to {100 * high:.0f} %"
    if not finished:
        return text
    if low > 0.5:
        return text + "\n\n50 % lies below the interval: you tell real from fake better than by guessing. The fakes fooled you little."
    if high < 0.5:
        return text + "\n\n50 % lies above the interval: you do worse than by guessing. The fakes look more real to you than real pictures."
    return text + "\n\n50 % lies inside of the interval: these answers cannot be told from guessing. More answers make it narrower."


def _read_rows(path):
    """Return the rows of a quiz's file without the header, or raise with the first line that does not fit."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'. It is made by the first answer to the quiz.")
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:  # a spreadsheet may have added its mark
        rows = list(csv.reader(file))
    if rows and rows[0] != QUIZ_HEADER:
        raise ValueError(f"'{path}' begins with {rows[0]}, but answers begin with {QUIZ_HEADER}. Give another csv_path.")
    for line, row in enumerate(rows[1:], start=2):
        if row == QUIZ_HEADER:  # files of several people, one behind the other
            continue
        kinds = row[3:5] if len(row) == len(QUIZ_HEADER) else []
        if not kinds or not set(kinds) <= {"real", "fake"} or row[5] != str(int(kinds[0] == kinds[1])):
            raise ValueError(f"Line {line} of '{path}' is no answer: {row}. Mend or delete this line.")
    return [row for row in rows if row != QUIZ_HEADER]


def _append_row(path, row):
    """Write one more row; the header too if the file is new. Nothing that is in the file is changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = path.read_bytes() if path.exists() else b""
    with path.open("a", newline="", encoding="utf-8") as file:
        if old and not old.endswith(b"\n"):  # a full disk cut off the last row: it must not spoil this one too
            file.write("\n")
        writer = csv.writer(file, lineterminator="\n")
        if not old:
            writer.writerow(QUIZ_HEADER)
        writer.writerow(row)
