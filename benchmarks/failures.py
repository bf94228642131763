"""The failures of `further/05_failures` with three seeds, and the doctor on runs it has not seen.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.failures catalogue [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.failures doctor [most]
    COURSE_DATA_DIR=../shared/data python -m benchmarks.failures strange [most]

`catalogue` makes each failure and the healthy training with three seeds, as the lesson does: about
14 minutes on the reference machine. `doctor` makes runs with other seeds and most of them with
other settings, and asks the lesson's doctor: about 17 minutes. It also stores the mystery runs.
`strange` makes runs with failures that the doctor has no rule for: about 6 minutes. All go on where
they stopped, and make at most `most` runs. A run is made again only when the lesson's code or the
judge has changed.
"""

import os
import sys
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.tables import MEASURED, Run, code_of, complete_clothes, fill_table, judge
from helpers import datasets, metrics
from helpers.course import start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

TABLES = {name: MEASURED / f"{name}_runs.csv" for name in ("catalogue", "doctor", "strange")}
KEY = ("failure", "change", "seed", "steps", "code", "judge")
FOUND = ("diagnosis", "evidence", "fcd", "recall", "classes")
SEEDS = (1, 2, 3)
SLOWER, FASTER = {"rate_g": 1e-3, "rate_d": 1e-3}, {"rate_g": 3e-3, "rate_d": 3e-3}
OTHERS = (SLOWER, {}, FASTER)
SEVERITY = {  # these have other sizes of their change, not other rates
    "hardly trains": ({"rate_g": 5e-7}, {}, {"rate_g": 6e-6}),
    "saturated output": ({"spread": 2.0}, {}, {"spread": 10.0}),
}
UNEVEN = ({"rate_g": 1e-3}, {"rate_d": 1e-3}, {"rate_d": 3e-3})
MYSTERIES = {  # (failure, seed) of the runs that learners get without their name
    "A": ("mode collapse", "101"),
    "B": ("healthy", "103"),
    "C": ("forgotten training", "103"),
    "D": ("hardly trains", "103"),
    "E": ("saturated output", "101"),
}
NOT_USED = {"EVERY", "SEED", "SIGNS", "train_gan", "run_of", "curves_of", "show", "show_failure"}
NOT_USED |= {"patient", "read_runs"}


def same_targets(noise: tf.random.Generator) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.fill((64, 1), 0.5), tf.fill((64, 1), 0.5)


STRANGE = {  # failures without a rule; "pictures" is the number of training pictures
    "discriminator hardly trains": {"rate_d": 2e-6},
    "the same targets": {"targets": same_targets},
    "rates too high": {"rate_g": 0.1, "rate_d": 0.1},
    "only 64 pictures": {"pictures": 64},
}
STRANGE_SEEDS = (201, 202, 203)


def plan(lesson: ModuleType, what: str) -> list[tuple[str, dict[str, Any], int]]:
    """Return (failure, its change of the healthy recipe, seed) of each run."""
    if what == "strange":
        return [(name, change, seed) for name, change in STRANGE.items() for seed in STRANGE_SEEDS]
    changes = {"healthy": {}} | lesson.FAILURES
    if what == "catalogue":
        return [(name, change, seed) for name, change in changes.items() for seed in SEEDS]
    variants = {name: SEVERITY.get(name, OTHERS) for name in changes}
    variants["healthy"] = (*OTHERS, *UNEVEN, *OTHERS)
    return [
        (name, change | other, seed)
        for name, change in changes.items()
        for seed, other in enumerate(variants[name], 101)
    ]


def described(change: dict[str, Any]) -> str:
    return "; ".join(f"{name} {getattr(part, '__name__', part)}" for name, part in change.items())


def train(lesson: ModuleType, recipe: dict[str, Any], seed: int) -> tuple[Any, Any]:
    """Train from the start; return the history and the samples that the doctor gets."""
    parts = lesson.make_parts(recipe, seed)
    train_step = lesson.make_train_step(**parts, recipe=recipe)
    if recipe["stale"]:
        parts["generator"] = lesson.make_generator(recipe)
    pulse, history = lesson.make_pulse(parts["generator"]), {}
    ordered = datasets.batches(lesson.clothes[: recipe.get("pictures")], lesson.BATCH, seed)
    for _ in range(lesson.STEPS):
        numbers = train_step(tf.constant(next(ordered)))
        for name, value in (numbers | pulse()).items():
            history.setdefault(name, []).append(float(value))
    return history, lesson.generate(parts["generator"], metrics.LARGEST_SAMPLE, seed=0)


def scores(samples: np.ndarray, data: datasets.ImageData) -> dict[str, Any]:
    """Return FCD, recall and number of classes; pictures from 0 to 1 are made to go from -1."""
    if not np.isfinite(samples).all():
        return dict.fromkeys(("fcd", "recall", "classes"), "nan")
    samples = 2 * samples - 1 if samples.min() >= 0 else samples
    fcd = metrics.frechet_classifier_distance(data.train_images, samples, data).fcd
    recall = metrics.precision_recall(data.train_images, samples, data).recall
    shares = metrics.class_shares(samples, data)
    found = shares > metrics.class_shares(data.test_images, data) / 4
    return {"fcd": round(fcd, 2), "recall": round(recall, 3), "classes": int(found.sum())}


def store_mystery(letter: str, history: dict[str, list[float]], samples: np.ndarray) -> None:
    pictures = np.uint8(np.round(samples[..., 0] * 127.5 + 127.5))
    curves = {name: np.float32(values) for name, values in history.items()}
    path = MEASURED / f"failure_run_{letter}.npz"
    np.savez_compressed(path, samples=pictures, **curves)


def main(what: str = "", most: str = "1000") -> None:
    if what not in TABLES:
        raise SystemExit(f"Say what to do: {', '.join(TABLES)}.")
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    lesson = load_definitions("05", FOLDER / "further" / "05_failures.ipynb")
    data = complete_clothes()
    lesson.fashion, lesson.clothes = data, lesson.scaled(data.train_images)
    letters = {run: letter for letter, run in MYSTERIES.items()} if what == "doctor" else {}
    same = str(lesson.STEPS), code_of(lesson, NOT_USED), judge()
    changes = {
        (name, described(change), str(seed), *same): change
        for name, change, seed in plan(lesson, what)
    }

    def measure(run: Run) -> dict[str, Any]:
        history, samples = train(lesson, lesson.HEALTHY | changes[run], int(run[2]))
        looked_at = samples[: lesson.LOOKED_AT]
        diagnosis, evidence, _ = lesson.doctor(history, looked_at)
        if (letter := letters.get((run[0], run[2]))) is not None:
            store_mystery(letter, history, looked_at)
        return {"diagnosis": diagnosis, "evidence": evidence} | scores(samples, data)

    fill_table(TABLES[what], KEY, FOUND, changes, measure, int(most))


if __name__ == "__main__":
    main(*sys.argv[1:])
