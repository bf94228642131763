"""Things to click on. Each has a static picture too, for readers of a page without a running kernel."""

import base64
import html
import traceback
from pathlib import Path

import anywidget
import imageio.v3 as iio
import ipywidgets
import numpy as np
import traitlets

from . import plotting


LARGEST_PLANE = 5_000  # points


class _WithPicture(ipywidgets.VBox):
    """A box that JupyterLab shows as a widget, and a page without kernel as the picture that it held at first."""

    def __init__(self, children, picture):
        super().__init__(children)
        self._picture = base64.b64encode(picture).decode()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs) or {}
        return {**bundle, "image/png": self._picture, "text/plain": "Widget: run this cell in JupyterLab to use it."}


def class_chooser(class_names, draw, chosen=0):
    """Make a row of buttons, one a class, with a picture below; a button for another sample stands beside them.

    Args:
        class_names: texts of the buttons.
        draw: function of a class's index that returns a Figure of `helpers.plotting`; called at once for `chosen`, then at each click.
        chosen: index of the first class.

    Returns:
        A widget. An error in `draw` at a later click is shown below the buttons.

    Raises:
        ValueError: `chosen` is no index of class_names.
    """
    if not 0 <= chosen < len(class_names):
        raise ValueError(f"chosen is {chosen}, but the classes go from 0 to {len(class_names) - 1}.")
    first = draw(chosen)._repr_png_()
    buttons = ipywidgets.ToggleButtons(
        options=[(name, i) for i, name in enumerate(class_names)], value=chosen, style={"button_width": "auto"}
    )
    again = ipywidgets.Button(description="Draw again", icon="refresh")
    picture = ipywidgets.Image(value=first, format="png", layout={"object_fit": "contain", "align_self": "flex-start"})
    message = ipywidgets.HTML()

    def redraw(_):
        try:
            picture.value = draw(buttons.value)._repr_png_()
            message.value = ""
        except Exception as error:  # a callback's error would vanish into the log
            message.value = f"<pre>{html.escape(''.join(traceback.format_exception_only(error)))}</pre>"

    buttons.observe(redraw, names="value")
    again.on_click(redraw)
    return _WithPicture([buttons, again, picture, message], first)


class _LatentPlane(anywidget.AnyWidget):
    """The plane itself; latent_plane.js draws it and moves the point."""

    _esm = Path(__file__).with_name("latent_plane.js")
    points = traitlets.Bytes().tag(sync=True)  # float32 (N, 2)
    labels = traitlets.Bytes().tag(sync=True)  # uint8 (N,)
    class_names = traitlets.List().tag(sync=True)
    bounds = traitlets.List().tag(sync=True)  # left, right, bottom, top
    point = traitlets.List().tag(sync=True)  # the chosen code
    picture_shape = traitlets.List().tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)  # uint8 (H, W)
    message = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int().tag(sync=True)  # counted on when a picture is ready, also if it is the same one


def latent_plane(decode, codes, labels, class_names, value_range=(0, 1)):
    """Show two-dimensional codes as points; a point that is moved by mouse or arrow keys shows what is decoded there.

    Args:
        decode: function of codes, float32 (1, 2), that returns grey pictures (1, H, W) or (1, H, W, 1).
        codes: (N, 2), finite; of more than 5,000, so many are drawn.
        labels: (N,) whole numbers, an index into class_names.
        class_names: at most ten texts.
        value_range: (black, white) of the pictures; values outside are cut.

    Returns:
        A widget. An error in `decode` after a move is shown below it.

    Raises:
        ValueError: as `helpers.plotting.latent_scatter`, or a picture of another shape.
    """
    codes, labels = np.asarray(codes, dtype=np.float32), np.asarray(labels)
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range is {value_range!r}, but it must be (black, white), such as (0, 1) or (-1, 1).")
    if len(codes) == len(labels) > LARGEST_PLANE:
        shown = np.random.default_rng(0).choice(len(codes), LARGEST_PLANE, replace=False)
        codes, labels = codes[shown], labels[shown]
    scatter = plotting.latent_scatter(codes, labels, class_names)  # checks its arguments

    def decoded(point, shape=None):
        image = np.squeeze(np.asarray(decode(np.float32([point]))))
        if image.ndim != 2 or image.shape != (shape or image.shape) or not np.isfinite(image).all():
            wanted = f"{shape[0]} x {shape[1]}" if shape else "one grey picture"
            raise ValueError(f"decode gave an array of shape {image.shape}, but it must be {wanted}, of finite numbers.")
        return np.uint8(np.round(np.clip((image - low) / (high - low), 0, 1) * 255))

    point = [float(value) for value in np.median(codes, axis=0)]
    scatter.axes[0].plot(*point, marker="P", color="black", markersize=12)
    first = decoded(point)
    smallest, largest = codes.min(axis=0), codes.max(axis=0)
    margin = 0.05 * (largest - smallest) + 1e-3
    plane = _LatentPlane(
        points=codes.tobytes(), labels=labels.astype(np.uint8).tobytes(), class_names=list(class_names), point=point,
        bounds=np.stack([smallest - margin, largest + margin]).T.ravel().tolist(), picture_shape=list(first.shape), picture=first.tobytes(),
    )  # fmt: skip

    def redraw(change):
        message, picture = "", plane.picture
        try:
            picture = decoded(change["new"], first.shape).tobytes()
        except Exception as error:  # a callback's error would vanish into the log
            message = "".join(traceback.format_exception_only(error))
        finally:  # also when the kernel is interrupted: the plane waits for an answer
            with plane.hold_sync():
                plane.picture, plane.message, plane.answers = picture, message, plane.answers + 1

    plane.observe(redraw, names="point")
    return _WithPicture([plane], _side_by_side(scatter._repr_png_(), plotting.grid_png(first[None], (0, 255), scale=8)))


def _side_by_side(*pngs):
    """Put PNG pictures beside each other on a white sheet; return PNG bytes."""
    pictures = [np.atleast_3d(iio.imread(png))[..., :3] for png in pngs]
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        np.pad(np.broadcast_to(picture, (*picture.shape[:2], 3)), [(0, height - len(picture)), (0, 12), (0, 0)], constant_values=255)
        for picture in pictures
    ]
    return iio.imwrite("<bytes>", np.concatenate(padded, axis=1), extension=".png")
