"""What the widgets share: a script that asks, Python that answers, and a static picture."""

import base64
from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike as Array

from ..plotting import Range, to_unit_range

Function = Callable[..., object]


def packed(images: Array, value_range: Range) -> list[dict]:
    """Return pictures (N, H, W[, 1 or 3]) as scripts draw them; values outside are cut."""
    pixels = np.uint8(np.round(to_unit_range(images, value_range, clip=True) * 255))
    return [{"shape": list(tile.shape), "values": tile.tobytes()} for tile in pixels]


class Asker(anywidget.AnyWidget):
    """A widget whose script sets a place, and whose answer holds the result that it has there."""

    place = traitlets.List().tag(sync=True, echo_update=False)  # itself, and when it was sent
    answer = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)  # what never changes
    png = traitlets.Bytes()  # what a page without a kernel shows

    def __init__(self, script: str, result_at: Function, place: object, png: bytes = b"", **given):
        files = [Path(__file__).with_name(name) for name in ("shared.js", script)]
        self._esm = "\n".join(file.read_text("utf-8") for file in files)
        self._result_at = result_at
        answer = {"count": 0, "message": "", "result": result_at(place)}
        super().__init__(place=[place, 0], answer=answer, given=given, png=png)
        self.observe(self._reply, "place")

    def _reply(self, change: dict) -> None:
        answer = self.answer | {"count": self.answer["count"] + 1, "message": "Interrupted."}
        try:
            answer |= {"result": self._result_at(change["new"][0]), "message": ""}
        except Exception as error:  # it would vanish into the log
            answer["message"] = f"{type(error).__name__}: {error}"
        finally:  # also when the kernel is interrupted: the browser waits for an answer
            self.answer = answer

    def _repr_mimebundle_(self, **options: object) -> tuple[dict, dict]:
        bundle, metadata = super()._repr_mimebundle_(**options)
        bundle["image/png"] = base64.b64encode(self.png).decode()
        bundle["text/plain"] = "Widget: run this cell in JupyterLab to use it."
        return bundle, metadata
