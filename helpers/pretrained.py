"""Models that come with the course, in `data/pretrained/`; its card says how each was made."""

import hashlib
import json
import random
from typing import Any

from .course import DATA, quiet_import

FOLDER = DATA / "pretrained"


def card() -> dict[str, dict[str, Any]]:
    """Return the facts about each model, by its name."""
    return json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))


def load(name: str) -> Any:
    """Load a Keras model, float32, not compiled. ValueError: unknown, or no file as on the card."""
    facts, path = card(), FOLDER / f"{name}.keras"
    if name not in facts:
        raise ValueError(f"There is no model {name!r}. Choose one of: {', '.join(facts)}.")
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != facts[name]["sha256"]:
        remedy = "Restore it from the project: git checkout -- data/pretrained"
        raise ValueError(f"'{path}' is missing, or not what the card says. {remedy}")
    with quiet_import():  # TensorFlow also writes there that float16 is slow, which we do not use
        import keras

        return in_dtype(keras.saving.load_model(path, compile=False, safe_mode=True), "float32")


def in_dtype(model: Any, dtype: str) -> Any:
    """Return a copy of a Sequential or functional model whose layers compute in `dtype`."""
    import keras

    state = random.getstate()  # networks made later must not depend on seeds that Keras draws here
    config = lambda x: x.get_config() | ({"dtype": dtype} if isinstance(x, keras.Layer) else {})
    copy = keras.models.clone_model(model, clone_function=lambda x: type(x).from_config(config(x)))
    random.setstate(state)
    copy.set_weights(model.get_weights())
    return copy
