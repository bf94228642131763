"""The project of chapter 07: its baselines, its start, and the ways of its solution, three seeds.

    COURSE_DATA_DIR=../shared/data python -m benchmarks.project_edges [most]

About 35 minutes on the reference machine, a training 1 to 3; goes on where it stopped, also within
a training, and makes at most `most` rows. Networks, step and scores are those of the notebooks. A
row is made again only when their code, the recipe or the judge has changed. Each training is scored
with its last and with its averaged weights, on the pairs for choosing, which the solution's table
shows, and on the test, by which the goals of the task are set. The baselines have no seed. Two rows
of L1 are cheats, too: its pictures made sharper, and with noise. Checkpoints stay in
`results/lesson/<source>/07_edges`.
"""

import functools
import os
import re
import sys
from typing import Any

import keras
import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.tables import MEASURED, Run, code_of, complete_clothes, fill_table, judge
from helpers import pairs
from helpers.course import start
from tools.notebooks.definitions import load_definitions
from tools.notebooks.execution import FOLDER

TABLE = MEASURED / "project_edges.csv"
TASK, SOLUTION = (FOLDER / f"projects/07_edges{end}.ipynb" for end in ("", "_solution"))
KEY = ("way", "weights", "part", "recipe", "seed", "steps", "code", "judge")
FOUND = ("class_share", "lines", "fcd", "floor", "precision", "recall", "copies", "seconds")
SEEDS = (1, 2, 3)
BASELINES = ("real", "drawing", "inverted", "blurred by 1", "blurred by 2", "class mean")
BASELINES += ("look-up", "look-up, moved", "4 parts", "16 parts")
SHARPER, NOISE = 1.0, 8.0  # share of the fine details that is added; grey values
CHANGED = ("sharper", "noisy")  # what is done to the pictures of L1
NOT_SCORED = {"GOALS", "points_of", "show_scores", "check", "my_translate"}
NOT_SCORED |= {"STEPS", "EVERY", "SEED"}
# What each kind of row does not use of its notebook.
NOT_OF_BASELINES = NOT_SCORED | {"BATCH", "RATE", "WIDTH", "down", "up", "make_generator"}
NOT_OF_BASELINES |= {"scaled", "translate", "make_train_step", "make_parts", "train"}
NOT_OF_START = NOT_SCORED | {"look_up", "make_cheats"}
NOT_OF_WAYS = NOT_SCORED | {"PLAIN", "WAYS", "LADDER", "NAMES", "read_table", "spread", "verdict"}


class Project:
    """Both notebooks, the pairs, and the score, which is the same in both notebooks."""

    def __init__(self) -> None:
        self.task, self.solution = (load_definitions("07", path) for path in (TASK, SOLUTION))
        self.clothes, self.data = complete_clothes(), pairs.load_pairs("edges", self.task.SIZE)
        learned, labels = self.task.LEARNED, self.clothes.train_labels
        inputs, targets = self.data.train_inputs, self.data.train_targets
        self.sides = inputs[:learned], targets[:learned]
        self.parts = {
            "choice": (inputs[learned:], labels[learned : len(inputs)]),
            "test": (self.data.test_inputs, self.clothes.test_labels[: len(self.data.test_inputs)]),
        }
        self.score = self.task.make_score(self.clothes, self.sides[1], self.data.test_targets)

    @functools.cached_property
    def baselines(self) -> dict[str, np.ndarray]:
        return self.task.make_cheats(self.clothes, self.data, *self.sides)


def wanted_runs(project: Project) -> list[Run]:
    """Return the key of each row: baselines, then all rows of a seed before those of the next."""
    task, solution, eye = project.task, project.solution, judge()
    code = code_of(task, NOT_OF_BASELINES)
    wanted = [(way, "", "test", "", "", "0", code, eye) for way in BASELINES]
    trained = [("start", "last", "", str(task.STEPS), code_of(task, NOT_OF_START))]
    for way, change in solution.WAYS.items():
        recipe = "/".join(map(str, (solution.PLAIN | change).values()))
        kinds = ("last", "averaged", *(CHANGED if way == "L1" else ()))
        same = recipe, str(solution.STEPS), code_of(solution, NOT_OF_WAYS)
        trained += [(way, weights, *same) for weights in kinds]
    for seed in SEEDS:
        for way, weights, recipe, steps, code in trained:
            for part in ("choice", "test"):
                wanted.append((way, weights, part, recipe, str(seed), steps, code, eye))
    return wanted


def name_of_training(run: Run) -> str:
    way, _, _, recipe, seed, steps, code, _ = run
    return re.sub(r"\W+", "-", "_".join([way, recipe, seed, steps, code]))


def generator_of(project: Project, run: Run) -> tuple[keras.Model, float]:
    """Train a run, or go on with it; return the generator and the seconds of the whole training."""
    way, weights, seed, steps = run[0], run[1], int(run[4]), int(run[5])
    name = name_of_training(run)
    if way == "start":
        generator, history = project.task.train(name, *project.sides, steps, seed)
    else:
        parts, history = project.solution.train(name, way, *project.sides, steps, seed)
        generator = parts["averaged" if weights == "averaged" else "generator"]
    return generator, history["seconds"][-1]


def changed(pictures: np.ndarray, weights: str) -> np.ndarray:
    """Return pictures, uint8 (N, H, W, 1), as they are, or made sharper, or with noise."""
    values = pictures.astype(float)
    if weights == "sharper":
        values += SHARPER * (values - gaussian_filter(values, (0, 1, 1, 0)))
    elif weights == "noisy":
        noise = np.random.default_rng(0).standard_normal(values.shape)
        values += NOISE * noise * (values < 250)  # the ground stays white
    return np.uint8(np.round(np.clip(values, 0, 255)))


def measure(project: Project, run: Run) -> dict[str, Any]:
    """Return the scores of a row."""
    way, weights, part = run[:3]
    drawings, labels = project.parts[part]
    if way in BASELINES:
        pictures, seconds = project.baselines[way], 0
    else:
        generator, seconds = generator_of(project, run)
        pictures = changed(project.task.translate(generator, drawings), weights)
    scores = project.score(pictures, drawings, labels)
    keras.backend.clear_session()
    return {name: round(float(n), 4) for name, n in scores.items()} | {"seconds": round(seconds)}


def main(most: str = "1000") -> None:
    os.environ["COURSE_BUDGET"] = "lesson"
    start()
    project = Project()
    fill_table(
        TABLE, KEY, FOUND, wanted_runs(project), lambda run: measure(project, run), int(most)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
