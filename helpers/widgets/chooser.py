"""The class chooser: a button for each class, and a picture of the chosen one."""

from .shared import Asker, Function


def class_chooser(names: list[str], draw: Function, chosen: int = 0) -> Asker:
    """Make a button for each class and a new sample; `draw` makes a Figure of a class's index."""
    chooser = Asker("chooser.js", lambda label: draw(label)._repr_png_(), chosen, names=names)
    chooser.png = chooser.answer["result"]
    return chooser
