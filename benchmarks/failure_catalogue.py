"""Does each failure of chapter 05 show its symptom in three seeds of three, and its remedy in none?

    COURSE_DATA_DIR=../shared/data python -m benchmarks.failure_catalogue       about 8 minutes on 2 cores

Runs the chapter's own functions at `lesson`, each failure and each remedy with three seeds, and writes `benchmarks/failure_catalogue.csv`: what was seen, how long each run
took, and a checksum of the chapter's code. The chapter's table reads this file.
"""

import ast
import csv
import hashlib
import os
import time

import nbformat

from helpers import datasets
from helpers.budget import start
from helpers.paths import ROOT, atomic_write
from tools.definitions import load_definitions
from tools.notebooks import chapters

SEEDS = (1, 2, 3)
TABLE = ROOT / "benchmarks/failure_catalogue.csv"
NOT_USED = {"SavePictures", "KeepCheckpoint", "train", "parts_of", "seconds_a_step", "multiplications", "generate", "mystery"}
SETTINGS = {"LATENT", "RATES", "TINY", "TRIAL_STEPS", "HEAD_START", "SEED", "CATALOGUE"}
COLUMNS = ("failure", "mended", "seed", "symptom", "steps", "seconds", "code")


def code_of_chapter():
    """Return the first letters of a checksum of the chapter's functions, classes and settings that a failure may use: the table belongs to them."""
    texts = []
    for cell in nbformat.read(chapters("05")[0], as_version=4).cells:
        if cell.cell_type == "code":
            for node in ast.parse(cell.source).body:
                definition = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name not in NOT_USED
                setting = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in SETTINGS
                texts += [ast.get_source_segment(cell.source, node)] if definition or setting else []
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def chapter_at_lesson():
    """Return the chapter's definitions at `lesson`, with the pictures that its failures train on."""
    os.environ["COURSE_BUDGET"] = "lesson"
    start(42)
    chapter, data = load_definitions("05"), datasets.load("fashion_mnist")
    if data.source == "embedded":
        raise SystemExit("The curves belong to the real Fashion-MNIST. Set COURSE_DATA_DIR to the folder that has it.")
    chapter.few = chapter.scaled(data.train_images[:5_000])
    return chapter


def main():
    chapter = chapter_at_lesson()
    rows, code = [], code_of_chapter()  # once: an edit during the run must not stamp other code on it
    for name, (failure, symptom) in chapter.CATALOGUE.items():
        for mended in (False, True):
            for seed in SEEDS:
                began = time.monotonic()
                _, history = failure(seed, mended)
                rows.append((name, mended, seed, symptom(history), len(history["step"]), round(time.monotonic() - began, 1), code))
                print(*rows[-1], flush=True)
    with atomic_write(TABLE) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
