"""What all tests of chapters share."""

import types

import pytest

from helpers import plotting


@pytest.fixture(autouse=True, scope="module")
def no_figures():
    """Draw no figures: they take longer than a small training. Other tests look at them."""
    figure = types.SimpleNamespace(savefig=None, _repr_png_=lambda: b"no picture")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("history_curves", "paired_rows"):
            patch.setattr(plotting, name, lambda *_, **__: figure)
        yield
