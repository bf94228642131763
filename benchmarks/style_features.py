"""Six ways of chapter 09 to look at pictures, at equal time, and the settings of its painter.

    python -m benchmarks.style_features times
    python -m benchmarks.style_features runs [most]
    python -m benchmarks.style_features settings FOLDER [most]
    python -m benchmarks.style_features tiny FOLDER

`times` measures a warm step of each way, and writes how many steps fit into `SECONDS` at the
reference speed: some minutes. Then `runs` paints what the table lacks, at most `most` pictures:
about 25 minutes on the reference machine, and it trains the judge first, which stays in `results/`.
A row is made again only when the lesson's code, its settings or the steps have changed. At the end
it writes what the lesson reads: the means (`style_scores.csv`) and small pictures
(`style_features.npz`). `settings` paints two pairs with other settings of the painter, one at a
time, into a folder, for somebody to look at: they choose `PAINTING`. `tiny` does all of this with a
few steps, small pictures and untrained eyes into a folder: the numbers mean nothing.
"""

import io
import itertools
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.color import rgb2gray
from skimage.filters import gabor_kernel

from benchmarks.tables import MEASURED, Run, checksum, code_of, fill_table, read_rows, write_rows
from helpers import datasets, plotting, pretrained
from helpers.course import REFERENCE_GFLOPS, atomic_write, machine_gflops, results_folder, start
from tools.notebooks.definitions import load_definitions

NAME, MEANS, TIMES = "style_features", "style_scores", "style_times"
KEY = ("features", "content", "style", "steps", "code")
SCORES = ("strokes", "kept", "read")
SMALLER = dict(content_weight=0.005, smooth_weight=0.1)  # as these style losses are
WAYS = {  # name: what differs from the lesson's settings
    "filters": dict(distance="alike", content_layer=2),
    "eyes_gram": dict(distance="gram", **SMALLER),
    "eyes_alike": dict(distance="alike"),
    "eyes_softmax": dict(distance="gram", **SMALLER),
    "eyes_sliced": dict(distance="sliced"),
    "patches": dict(distance="sliced", content_layer=1),
}
BASELINES = ("photograph", "recoloured", "half")
PAIRS = (
    ("chelsea", "street"),
    ("coffee", "wave"),
    ("astronaut", "poppies"),
    ("rocket", "composition"),
)
SECONDS = 60  # of each picture, at the reference speed
WARM, TIMED = 2, 10  # steps of `times`
STORED = 112  # pixels of the pictures that the lesson shows, squares
LENGTHS, TURNS = (3, 5, 9, 16), 6  # of the Gabor filters
BLUR = 4  # pixels, before the correlation with the photograph
READ_PATCHES = 100  # of each picture
JUDGE_SEED, JUDGE_STEPS, JUDGE_CUT = 7, 4_000, 400
CANDIDATES = {  # settings that `settings` tries, one at a time
    "content_weight": (0.01, 0.05, 0.2),
    "looks": (1, 2, 3),
    "content_layer": (4, 6, 8),
    "smooth_weight": (0.0, 1.0, 5.0),
    "rate": (0.01, 0.03, 0.1),
    "recoloured": (False, True),
    "distance": ("gram", "alike", "sliced"),
}
NOT_USED = {"train_eyes", "paint", "quickly", "paint_on", "PAINT_STEPS", "EYES_STEPS", "CUT"}
NOT_USED |= {"SMALL_STEPS", "EVERY", "TOYS"}
SETTINGS = ("SIDE", "PATCH", "BATCH", "SEED", "PAINTING")


def look_with(lesson: ModuleType, way: str) -> Any:
    """Return what looks at pictures in a way: a network, or a function."""
    if way == "filters":
        keras.utils.set_random_seed(lesson.SEED)
        return lesson.make_filters()
    if way == "patches":
        return lesson.cut_all
    return lesson.softened(lesson.eyes) if way == "eyes_softmax" else lesson.eyes


def pictures_of(lesson: ModuleType, content: str, style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the photograph and the painting, as the lesson paints them."""
    return lesson.fitted(lesson.gallery[content], lesson.SIDE), lesson.styles[style]


def paint(lesson: ModuleType, run: Run) -> np.ndarray:
    """Paint one row of the table, or make its baseline; uint8 (height, width, 3)."""
    way, content, style, steps, _ = run
    photograph, painting = pictures_of(lesson, content, style)
    if way == "photograph":
        return photograph
    if way == "recoloured":
        colours = lesson.recoloured(lesson.scaled(photograph), lesson.scaled(painting))
        return np.uint8(np.round((colours + 1) * 127.5))
    if way == "half":
        return painting[:, : painting.shape[1] // 2]
    keras.backend.clear_session()
    settings = WAYS[way]
    made = lesson.make_painter(photograph, painting, look_with(lesson, way), int(steps), **settings)
    for _ in range(int(steps)):
        made.step()
    return made.result()


# ---------------------------------------------------------------- scores


def grey(picture: np.ndarray) -> np.ndarray:
    """Return a picture without colours, with mean 0 and deviation 1."""
    values = rgb2gray(picture)
    return (values - values.mean()) / (values.std() + 1e-6)


def wave_statistics(picture: np.ndarray) -> np.ndarray:
    """Return how strong each Gabor filter is in a picture, and how unevenly; both as logarithms."""
    values, found = grey(picture), []
    for length, turn in itertools.product(LENGTHS, range(TURNS)):
        kernel = gabor_kernel(1 / length, np.pi * turn / TURNS)
        edge = max(kernel.shape) // 2
        padded = np.pad(values, edge, mode="reflect")
        strength = np.abs(fftconvolve(padded, kernel, mode="same"))[edge:-edge, edge:-edge]
        found += [np.log(strength.mean() + 1e-6), np.log(strength.std() + 1e-6)]
    return np.array(found)


def strokes(made: np.ndarray, photograph: np.ndarray, painting: np.ndarray) -> float:
    """Return the distance to the painting's waves, divided by that of the photograph."""
    wanted = wave_statistics(painting)
    gap = lambda picture: np.abs(wave_statistics(picture) - wanted).mean()
    return gap(made) / gap(photograph)


def kept(made: np.ndarray, photograph: np.ndarray) -> float:
    """Return the correlation of two blurred grey pictures; another size is resized."""
    size = photograph.shape[1::-1]
    made = (
        made if made.shape == photograph.shape else np.asarray(Image.fromarray(made).resize(size))
    )
    both = [gaussian_filter(grey(picture), BLUR).ravel() for picture in (made, photograph)]
    return float(np.corrcoef(*both)[0, 1])


def make_judge(classes: int) -> keras.Sequential:
    """Make a classifier of another form than the eyes: wide kernels, strides, maxima."""
    judge = keras.Sequential([keras.Input((None, None, 3))])
    for count in (32, 64, 128):
        judge.add(layers.Conv2D(count, 5, padding="same", activation="relu"))
        judge.add(layers.MaxPooling2D(2))
    judge.add(layers.GlobalMaxPooling2D())
    judge.add(layers.Dense(classes))
    return judge


def trained_judge(lesson: ModuleType, folder: Path, steps: int = JUDGE_STEPS) -> keras.Sequential:
    """Train the judge of strokes on patches of the gallery, or load the one that was kept."""
    judge, rng = make_judge(len(lesson.gallery)), np.random.default_rng(JUDGE_SEED)
    code = checksum([code_of(lesson, NOT_USED), str(steps), *lesson.gallery])
    path = folder / NAME / f"judge_{code}.weights.h5"
    if path.exists():
        judge.load_weights(path)
        return judge
    keras.utils.set_random_seed(JUDGE_SEED)
    judge = make_judge(len(lesson.gallery))
    patches, labels = lesson.cut_patches(lesson.gallery, JUDGE_CUT, rng, 0, 1)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))
    optimizer.build(judge.trainable_variables)
    # The lesson's own step, with the identity in the place of the eyes.
    same = keras.Input((None, None, 3))
    same = keras.Model(same, [same, layers.Activation("linear")(same)])
    colours = tf.random.Generator.from_seed(JUDGE_SEED)
    step = lesson.make_eyes_step(same, judge, optimizer, colours)
    ordered = datasets.batches((patches, labels), lesson.BATCH, JUDGE_SEED)
    for number in range(steps):
        some, answers = next(ordered)
        numbers = step(lesson.scaled(some), answers)
        if number % 200 == 199:
            print(f"judge, step {number + 1:,}: accuracy {float(numbers['accuracy']):.2f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    judge.save_weights(path)
    return judge


def read(lesson: ModuleType, made: np.ndarray, style: str) -> float:
    """Return the share of patches that the judge takes for patches of the painting."""
    rng = np.random.default_rng(JUDGE_SEED)
    patches, _ = lesson.cut_patches({"made": made}, READ_PATCHES, rng, 0, 1)
    mixed = lesson.mix_colours(lesson.scaled(patches), tf.random.Generator.from_seed(JUDGE_SEED))
    answers = lesson.judge.predict(mixed, verbose=0).argmax(axis=1)
    return float(np.mean(answers == [*lesson.gallery].index(style)))


def score(lesson: ModuleType, run: Run, folder: Path) -> dict[str, float]:
    """Paint and score a row; the picture stays in a folder."""
    way, content, style = run[:3]
    photograph, painting = pictures_of(lesson, content, style)
    made = paint(lesson, run)
    path = picture_of(folder, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made).save(path)
    other = painting[:, painting.shape[1] // 2 :] if way == "half" else painting
    found = strokes(made, photograph, other), kept(made, photograph), read(lesson, made, style)
    return {name: round(float(number), 4) for name, number in zip(SCORES, found)}


# ---------------------------------------------------------------- tables


def steps_of(folder: Path) -> dict[str, int]:
    """Return the steps of each way that fit into the time. SystemExit: nothing was measured yet."""
    found = {row["features"]: int(row["steps"]) for row in read_rows(folder / f"{TIMES}.csv")}
    if set(found) != set(WAYS):
        raise SystemExit(
            "First measure the time of a step: python -m benchmarks.style_features times"
        )
    return found


def measure_times(lesson: ModuleType, folder: Path, seconds: float = SECONDS) -> None:
    """Write seconds a step at the reference speed, and how many steps fit into the time."""
    rows = []
    for way, settings in WAYS.items():
        keras.backend.clear_session()
        both = pictures_of(lesson, *PAIRS[0])
        made = lesson.make_painter(*both, look_with(lesson, way), 100, **settings)
        for _ in range(WARM):
            made.step()
        speeds, began = [speed_now()], time.perf_counter()
        for _ in range(TIMED):
            float(made.step()["style_loss"])
        one = (time.perf_counter() - began) / TIMED
        speeds.append(speed_now())
        one *= np.mean(speeds) / REFERENCE_GFLOPS
        rows.append(dict(features=way, seconds=round(one, 4), steps=max(1, round(seconds / one))))
        print(rows[-1], f"at {np.round(speeds)} GFLOP/s", flush=True)
    write_rows(folder / f"{TIMES}.csv", ("features", "seconds", "steps"), rows)


def speed_now() -> float:
    machine_gflops.cache_clear()
    return machine_gflops()


def plan(lesson: ModuleType, steps: dict[str, int]) -> list[Run]:
    """Return the rows of the table: baselines first, then each way with each pair."""
    eyes = pretrained.card().get("09_eyes", {}).get("sha256", "none")
    settings = [str(getattr(lesson, name)) for name in SETTINGS]
    code = checksum([code_of(lesson, NOT_USED), eyes, *settings])
    rows = [(name, pair, 0) for name in BASELINES for pair in PAIRS]
    rows += [(name, pair, steps[name]) for name in WAYS for pair in PAIRS]
    return [(name, *pair, str(count), code) for name, pair, count in rows]


def picture_of(folder: Path, run: Run) -> Path:
    return folder / NAME / f"{'_'.join(run)}.png"


def fill(lesson: ModuleType, folder: Path, kept_in: Path, most: int) -> None:
    """Make at most so many of the missing rows; when none is missing, means and pictures."""
    wanted = plan(lesson, steps_of(folder))
    table = folder / f"{NAME}.csv"
    fill_table(table, KEY, SCORES, wanted, lambda run: score(lesson, run, kept_in), most)
    rows = read_rows(table)
    if len(rows) < len(wanted):
        return
    names = dict.fromkeys(run[0] for run in wanted)
    means = []
    for name in names:
        here = [row for row in rows if row["features"] == name]
        mean = lambda score, here=here: round(float(np.mean([float(r[score]) for r in here])), 4)
        found = {score: mean(score) for score in (*SCORES, "steps")}
        means.append({"features": name} | found)
    write_rows(folder / f"{MEANS}.csv", ("features", *SCORES, "steps"), means)
    strips = {
        name: strip(picture_of(kept_in, run) for run in wanted if run[0] == name) for name in names
    }
    with atomic_write(folder / f"{NAME}.npz", ".npz") as temporary:
        np.savez(temporary, **strips)
    print(f"{NAME}.npz: {(folder / f'{NAME}.npz').stat().st_size:,} bytes")


def strip(paths: Any) -> np.ndarray:
    """Return the bytes of a JPEG file: squares of pictures, one below the other."""
    squares = []
    for path in paths:
        with Image.open(path) as picture:
            squares.append(np.asarray(picture.convert("RGB").resize((STORED, STORED))))
    content = io.BytesIO()
    Image.fromarray(np.concatenate(squares)).save(content, "jpeg", quality=92, subsampling=0)
    return np.frombuffer(content.getvalue(), np.uint8)


def try_settings(lesson: ModuleType, folder: Path, steps: int, most: int = 1000) -> None:
    """Paint two pairs with each candidate; one sheet for each setting. What is there, stays."""
    done = 0
    for setting, values in CANDIDATES.items():
        for value, pair in itertools.product(values, PAIRS[:2]):
            path = folder / "settings" / f"{setting}_{value}_{'_'.join(pair)}.png"
            if path.exists() or done >= most:
                continue
            keras.backend.clear_session()
            both = pictures_of(lesson, *pair)
            made = lesson.make_painter(*both, lesson.eyes, steps, **{setting: value})
            for _ in range(steps):
                losses = made.step()
            done += 1
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made.result()).save(path)
            print(path.name, {name: round(float(loss), 4) for name, loss in losses.items()})
        paths = [
            folder / "settings" / f"{setting}_{value}_{'_'.join(pair)}.png"
            for pair in PAIRS[:2]
            for value in values
        ]
        if all(path.exists() for path in paths):
            tiles = [np.asarray(Image.open(path).resize((192, 144))) for path in paths]
            sheet = plotting.grid_png(tiles, (0, 255), len(values))
            (folder / "settings" / f"sheet_{setting}.png").write_bytes(sheet)


def load_lesson() -> ModuleType:
    """Return the chapter's definitions, with its pictures and the course's eyes."""
    lesson = load_definitions("09")
    with np.load(MEASURED.parent / "paintings.npz") as file:
        lesson.styles = {name: file[name] for name in file}
    lesson.gallery = lesson.load_gallery(lesson.styles, datasets.load("fashion_mnist"))
    return lesson


def make_tiny(lesson: ModuleType) -> None:
    """Make pictures small and eyes narrow; they stay untrained."""
    lesson.SIDE, lesson.eyes = 64, lesson.make_eyes((4,) * 8)


def main(what: str = "", *arguments: str) -> None:
    if what not in ("times", "runs", "settings", "tiny"):
        raise SystemExit("Say what to do: times, runs, settings or tiny.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    tf.get_logger().setLevel("ERROR")  # each picture traces a new step; TensorFlow would warn of it
    lesson, kept_in = load_lesson(), results_folder()
    if what == "tiny":
        folder = kept_in = Path(arguments[0]).absolute()
        make_tiny(lesson)
        lesson.judge = trained_judge(lesson, folder, 2)
        measure_times(lesson, folder, seconds=0.05)
        fill(lesson, folder, folder, 1000)
        return
    lesson.eyes = pretrained.load("09_eyes")
    if what == "times":
        measure_times(lesson, MEASURED)
    elif what == "runs":
        lesson.judge = trained_judge(lesson, kept_in)
        fill(lesson, MEASURED, kept_in, int((*arguments, "1000")[0]))
    else:
        most = int((*arguments, "1000")[1])
        try_settings(lesson, Path(arguments[0]).absolute(), lesson.PAINT_STEPS, most)


if __name__ == "__main__":
    main(*sys.argv[1:])
