import base64

import numpy as np
import pytest

from helpers import plotting, widgets


def draw(label):
    if label == 2:
        raise RuntimeError("no such <table>")
    return plotting.image_grid(np.full((1, 8, 8), label / 10), (0, 1))


def parts(box):
    buttons, again, picture, message = box.children
    return buttons, again, picture, message


def test_a_click_changes_the_picture():
    buttons, again, picture, _ = parts(widgets.class_chooser(["a", "b", "c"], draw))
    first = picture.value
    buttons.value = 1
    assert picture.value != first and bytes(picture.value).startswith(b"\x89PNG")


def test_draw_again_asks_for_a_new_picture():
    asked = []
    box = widgets.class_chooser(["a", "b"], lambda label: asked.append(label) or draw(label), chosen=1)
    parts(box)[1].click()
    assert asked == [1, 1]


def test_an_error_while_drawing_is_shown_and_goes_away():
    buttons, _, picture, message = parts(widgets.class_chooser(["a", "b", "c"], draw))
    before = picture.value
    buttons.value = 2
    assert "no such &lt;table&gt;" in message.value and picture.value == before
    buttons.value = 1
    assert message.value == "" and picture.value != before


def test_a_page_without_kernel_gets_the_first_picture():
    bundle = widgets.class_chooser(["a", "b"], draw, chosen=1)._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == draw(1)._repr_png_()
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("chosen", [-1, 2])
def test_a_class_that_is_not_there(chosen):
    with pytest.raises(ValueError, match="classes go from 0 to 1"):
        widgets.class_chooser(["a", "b"], draw, chosen=chosen)
