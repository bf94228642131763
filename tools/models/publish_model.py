"""Write a trained model into `data/pretrained/`, with its line on the card."""

import hashlib
import json
import tempfile
from pathlib import Path

import filelock
import numpy as np

from helpers.course import atomic_write, plain_number
from helpers.pretrained import FOLDER, card, in_dtype

LARGEST = 40_000_000  # bytes of all files together


def publish_model(name, model, about, command, **measured):
    """Save a model in float16 and put it on the card.

    Args:
        name: file name without ending.
        model: Sequential or functional Keras model of built-in layers.
        about: what it is, in one sentence.
        command: the command that made it.
        **measured: finite numbers that were measured, by name.

    Raises:
        TypeError: something measured is no number.
        ValueError: it is not finite; or the model: it holds a layer that is not built in or another model, a weight too large for float16, or the files together would be too large.
    """
    strange = [layer.name for layer in model.layers if not type(layer).__module__.startswith("keras.") or hasattr(layer, "layers")]
    if strange:
        raise ValueError(f"{name} has layers that are models, or not Keras's own: {', '.join(strange)}. It would not load elsewhere in float16.")
    small = in_dtype(model, "float16")
    if not all(np.isfinite(weight).all() for weight in small.get_weights()):
        raise ValueError(f"{name} has weights that are not finite in float16, whose largest number is 65,504.")
    with filelock.FileLock(Path(tempfile.gettempdir()) / "unseen-fashion-publish.lock"):  # two trainings may end at the same time
        _write(name, small, about, command, measured)


def _write(name, model, about, command, measured):
    facts, measured = card() if (FOLDER / "card.json").exists() else {}, {key: plain_number(key, value) for key, value in measured.items()}
    with atomic_write(FOLDER / f"{name}.keras", suffix=".keras") as temporary:
        model.save(temporary)
        others = sum(path.stat().st_size for path in FOLDER.glob("*.keras") if path.stem != name and not path.name.startswith("."))
        if others + temporary.stat().st_size > LARGEST:
            raise ValueError(f"With {name} the pretrained files would have {others + temporary.stat().st_size:,} bytes; the limit is {LARGEST:,}.")
        content = temporary.read_bytes()
    facts[name] = {
        "about": about, "command": command, "measured": measured, "parameters": model.count_params(), "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    facts = dict(sorted(facts.items()))
    with atomic_write(FOLDER / "card.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with atomic_write(FOLDER / "README.md") as temporary:
        temporary.write_text(_page(facts), encoding="utf-8")
    print(f"data/pretrained/{name}.keras: {len(content):,} bytes, {measured}")


def _page(facts):
    """Return the card as a page to read."""
    lines = [
        "# Pretrained models",
        "",
        "Made by `make pretrained` (and `tools/models/train_judges.py`) on the real MNIST and Fashion-MNIST. Each file is a Keras model of",
        "built-in layers with float16 weights; `helpers.pretrained.load(name)` checks its checksum and gives it back in float32. This page is",
        "written from `card.json`, which has the checksums, when a model is made. The files hold no pictures. Licence: as the code (MIT).",
        "",
        "| model | what it is | parameters | bytes | measured | made by |",
        "|---|---|---|---|---|---|",
    ]
    for name, fact in facts.items():
        measured = ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in fact["measured"].items())
        lines.append(f"| {name} | {fact['about']} | {fact['parameters']:,} | {fact['bytes']:,} | {measured} | `{fact['command']}` |")
    return "\n".join(lines) + "\n"


def _number(value):
    """Return a count as it is, and a measured value with four digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
