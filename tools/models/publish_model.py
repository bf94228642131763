"""Write a trained model into `data/pretrained/`, with its line on the card.

    python -m tools.models.publish_model NAME    save a published file again, without an optimizer

`card.json` is the truth; the page beside it, `README.md`, is written from it. An entry may have a
`note`, which the page shows; it goes when the model is published anew.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from helpers.course import atomic_write, plain_number
from helpers.pretrained import FOLDER, card, in_dtype

LARGEST = 40_000_000  # bytes of all files together
LOCK = filelock.FileLock(Path(tempfile.gettempdir()) / "unseen-fashion-publish.lock")
CHEATS = {  # measured numbers of a judge: the FCD of sets of pictures
    "fcd_real": "held-out real pictures",
    "fcd_blurred": "these, blurred",
    "fcd_class_left_out": "these, without a class",
    "fcd_one_picture": "one picture for ever",
    "fcd_grey_blot": "a grey blot",
}
INTRODUCTION = """# Pretrained models

Made by `make pretrained` and `tools/models/train_judges.py`. Each file is a Keras model of
built-in layers with float16 weights; `helpers.pretrained.load(name)` checks its checksum and gives
it back in float32. This page is written from `card.json`, which has the checksums, when a model is
published. The files hold no pictures. Licence: as the code (MIT).
"""
TRUST = """
## How far the judges can be trusted

The FCD of 10,000 test pictures, which no judge has seen, and of sets that only a poor score would
take for good ones. A judge is of use if all of them are clearly worse than the real pictures.
"""


def publish_model(name: str, model: Any, about: str, command: str, **measured: Any) -> None:
    """Save a model in float16, without optimizer, and put it on the card.

    Args:
        name: file name without ending.
        model: Sequential or functional Keras model of built-in layers.
        about: what it is, in one sentence.
        command: the command that made it.
        **measured: finite numbers that were measured, by name.

    Raises:
        ValueError: something measured is no finite number; or the model: it holds a layer that is
            not built in or another model, a weight too large for float16, or the files together
            would be too large.
    """
    if strange := [layer.name for layer in model.layers if not _is_built_in(layer)]:
        raise ValueError(
            f"{name} has layers that are models, or not Keras's own: {', '.join(strange)}. It "
            "would not load elsewhere in float16."
        )
    compiled = in_dtype(model, "float16")
    small = type(compiled).from_config(compiled.get_config())  # without an optimizer
    small.set_weights(compiled.get_weights())
    if not all(np.isfinite(weight).all() for weight in small.get_weights()):
        raise ValueError(f"{name} has weights beyond 65,504, the largest number of float16.")
    entry = {"about": about, "command": command, "measured": _plain(measured)}
    with LOCK:  # two trainings may end at the same time
        entry |= _save(name, small)
        _write_card(card() | {name: entry})
    print(f"data/pretrained/{name}.keras: {entry['bytes']:,} bytes, {entry['measured']}")


def update_card(name: str, measured: dict[str, Any]) -> None:
    """Put newly measured numbers on the card in place of the old ones. The model's file stays."""
    with LOCK:
        facts = card()
        facts[name]["measured"] = _plain(measured)
        _write_card(facts)
    print(f"data/pretrained/card.json: {name}, {facts[name]['measured']}")


def save_again(name: str) -> None:
    """Save a published model again, with the same weights and without an optimizer's state."""
    import keras

    model = keras.saving.load_model(FOLDER / f"{name}.keras", compile=False)
    with LOCK:
        facts = card()
        before = facts[name]["bytes"]
        facts[name] |= _save(name, model)
        _write_card(facts)
    print(f"data/pretrained/{name}.keras: {before:,} bytes before, {facts[name]['bytes']:,} now")


def _is_built_in(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.") and not hasattr(layer, "layers")


def _plain(measured: dict[str, Any]) -> dict[str, int | float]:
    return {key: plain_number(key, value) for key, value in measured.items()}


def _save(name: str, model: Any) -> dict[str, int | str]:
    """Write the model's file, and return what the card says about it."""
    with atomic_write(FOLDER / f"{name}.keras", suffix=".keras") as temporary:
        model.save(temporary)  # of a compiled model with its optimizer, whatever one asks for
        content = temporary.read_bytes()
        others = [path for path in FOLDER.glob("[!.]*.keras") if path.stem != name]
        total = sum(path.stat().st_size for path in others) + len(content)
        if total > LARGEST:
            raise ValueError(
                f"With {name} the pretrained files would have {total:,} bytes; the limit is "
                f"{LARGEST:,}."
            )
    checksum = hashlib.sha256(content).hexdigest()
    return {"parameters": model.count_params(), "bytes": len(content), "sha256": checksum}


def _write_card(facts: dict[str, dict[str, Any]]) -> None:
    facts = dict(sorted(facts.items()))
    with atomic_write(FOLDER / "card.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with atomic_write(FOLDER / "README.md") as temporary:
        temporary.write_text(page(facts), encoding="utf-8")


def page(facts: dict[str, dict[str, Any]]) -> str:
    """Return the card as a page to read."""
    rows, trust = [], []
    notes: dict[str, list[str]] = {}
    for name, fact in facts.items():
        numbers = {key: _text(value) for key, value in fact["measured"].items()}
        if CHEATS.keys() <= numbers.keys():
            trust.append([name, *(numbers.pop(key) for key in CHEATS)])
        measured = ", ".join(f"{key.replace('_', ' ')} {text}" for key, text in numbers.items())
        sizes = f"{fact['parameters']:,}", f"{fact['bytes']:,}"
        rows.append([name, fact["about"], *sizes, measured, f"`{fact['command']}`"])
        if "note" in fact:
            notes.setdefault(fact["note"], []).append(f"`{name}`")
    remarks = "".join(f"\n{note}: {', '.join(names)}.\n" for note, names in notes.items())
    columns = ["model", "what it is", "parameters", "bytes", "measured", "made by"]
    text = f"{INTRODUCTION}{remarks}\n{_table(columns, rows)}"
    return text + f"{TRUST}\n{_table(['judge', *CHEATS.values()], trust)}" if trust else text


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(value: int | float) -> str:
    """Return a count as it is, and a measured value with four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


if __name__ == "__main__":
    save_again(*sys.argv[1:])
