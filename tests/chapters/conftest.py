"""What all tests of chapters share."""

import types

import pytest

from helpers import plotting


@pytest.fixture(autouse=True, scope="module")
def no_curves():
    """Draw no curves: it takes longer than a small training. test_training.py looks at them."""
    figure = types.SimpleNamespace(_repr_png_=lambda: b"no picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plotting, "history_curves", lambda *_, **__: figure)
        yield
