"""Things to click on. Each has a static picture too, for readers of a page without a running kernel."""

import base64
import html
import traceback

import ipywidgets


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
