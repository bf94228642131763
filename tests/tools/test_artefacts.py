"""The committed models, their card and their page: to be run when one of them has changed."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from helpers import pretrained
from helpers.course import ROOT
from tools.models import publish_model, train_generators

CARD = pretrained.card()
JUDGES = {"classifier_digits": 99, "classifier_clothes": 92}  # least accuracy in percent
LARGEST_JUDGE = 700_000  # bytes
CHEATS = ("blurred", "class_left_out", "one_picture", "grey_blot")


def test_card_page_and_files_belong_together():
    assert {path.stem for path in pretrained.FOLDER.glob("*.keras")} == set(CARD)
    for name, fact in CARD.items():
        content = (pretrained.FOLDER / f"{name}.keras").read_bytes()
        found = len(content), hashlib.sha256(content).hexdigest()
        assert found == (fact["bytes"], fact["sha256"]), name
    page = (pretrained.FOLDER / "README.md").read_text(encoding="utf-8")
    assert page == publish_model.page(CARD)
    assert sum(fact["bytes"] for fact in CARD.values()) <= publish_model.LARGEST


LOAD_ALL = """
import json, sys
import keras
sums = {}
for path in sys.argv[1:]:
    weights = keras.saving.load_model(path).get_weights()
    sums[path] = [float(abs(weight.astype(float)).sum()) for weight in weights]
print(json.dumps(sums))
"""


@pytest.fixture(scope="module")
def sums_elsewhere():
    """Sums of each model's weights, in one process that knows nothing but Keras."""
    paths = [str(pretrained.FOLDER / f"{name}.keras") for name in CARD]
    command = [sys.executable, "-c", LOAD_ALL, *paths]
    said = subprocess.check_output(command, cwd="/", text=True, stderr=subprocess.PIPE)
    return dict(zip(CARD, json.loads(said.splitlines()[-1]).values(), strict=True))


@pytest.mark.parametrize("name", CARD)
def test_each_model_loads_without_the_projects_code_and_ours_has_its_weights(name, sums_elsewhere):
    model = pretrained.load(name)
    sums = [abs(weight).sum(dtype=float) for weight in model.get_weights()]
    np.testing.assert_allclose(sums, sums_elsewhere[name])
    assert model.count_params() == CARD[name]["parameters"]
    sizes = [[64 if size is None else size for size in entry.shape[1:]] for entry in model.inputs]
    inputs = [np.zeros((2, *size), x.dtype) for size, x in zip(sizes, model.inputs)]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    for output in outputs if isinstance(outputs, list) else [outputs]:
        assert np.isfinite(output).all()


@pytest.mark.parametrize("name, least", JUDGES.items())
def test_a_judge_is_as_good_as_the_course_demands(name, least):
    measured = CARD[name]["measured"]
    assert measured["accuracy"] >= least
    assert CARD[name]["bytes"] < LARGEST_JUDGE
    assert pretrained.load(name).output_shape == [(None, 128), (None, 10)]


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_is_not_fooled_by_an_obvious_cheat(name):
    measured = CARD[name]["measured"]
    for cheat in CHEATS:
        assert measured[f"fcd_{cheat}"] >= 2 * measured["fcd_real"], cheat


@pytest.mark.parametrize("name", train_generators.PLANS)
def test_each_generator_was_scored_and_says_how_it_was_made(name):
    fact = CARD[name]
    assert fact["command"] == f"make pretrained NAME={name}"
    ours = {"texture_distance", "l1_grey_values"}
    scores = ours if name.startswith("07") else {"fcd", "floor", "samples", "recall"}
    assert {"steps", *scores} <= set(fact["measured"])


def test_each_model_has_a_command_that_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "tools.models.train_generators $(NAME)" in makefile
    for name, fact in CARD.items():
        if not fact["command"].startswith("make pretrained"):
            module = fact["command"].removeprefix("python -m ").split()[0]
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), name
