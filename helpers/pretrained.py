"""Models that come with the course, in `data/pretrained/`: its card says how each was made, and how good it is."""

import hashlib
import json
import random

from .course import quiet_import
from .course import DATA

FOLDER = DATA / "pretrained"
REMEDY = "Restore it from the project: git checkout -- data/pretrained"


def card():
    """Return what `data/pretrained/card.json` says: a mapping of each model's name to its facts.

    Raises:
        FileNotFoundError: the card is missing.
        ValueError: the card is damaged.
    """
    path = FOLDER / "card.json"
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' is missing. {REMEDY}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged: {error}. {REMEDY}") from None


def load(name):
    """Load one of the course's models. It is checked before anything in it is read.

    Args:
        name: as in the card, such as "03_gan_digits".

    Returns:
        A Sequential or functional Keras model of built-in layers, with float32 weights (the files keep float16). It is not compiled.

    Raises:
        ValueError: there is no such model, or the file is not the one that the card describes.
        FileNotFoundError: the file or the card is missing.
    """
    facts, path = card(), FOLDER / f"{name}.keras"
    if name not in facts:
        raise ValueError(f"There is no pretrained model {name!r}. Choose one of: {', '.join(facts)}.")
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' is missing. {REMEDY}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != facts[name]["sha256"]:
        raise ValueError(f"'{path}' has the checksum {found[:12]}..., but the card says {facts[name]['sha256'][:12]}... {REMEDY}")
    with quiet_import():  # TensorFlow also writes there that this processor is slow with float16, which we do not use
        import keras

        return in_dtype(keras.saving.load_model(path, compile=False, safe_mode=True), "float32")


def in_dtype(model, dtype):
    """Return a copy of a Sequential or functional model whose layers compute in `dtype` ("float32" or "float16")."""
    import keras

    state = random.getstate()  # Keras draws seeds for the layers; networks that are made later must not depend on it

    def converted(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": dtype})

    copy = keras.models.clone_model(model, clone_function=converted)
    copy.set_weights(model.get_weights())
    random.setstate(state)
    return copy
