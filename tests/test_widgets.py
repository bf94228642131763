import base64

import imageio.v3 as iio
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


# ---------------------------------------------------------------- latent plane

RNG = np.random.default_rng(0)
CODES, LABELS, NAMES = RNG.normal(size=(200, 2)), RNG.integers(0, 10, 200), list("0123456789")


def decode(codes):
    """A picture whose grey value is the first number of the code."""
    assert codes.dtype == np.float32 and codes.shape == (1, 2)
    return np.full((1, 28, 28, 1), codes[0, 0])


def plane_of(*arguments, **options):
    return widgets.latent_plane(*arguments, **options).children[0]


def test_a_move_on_the_plane_gives_the_picture_of_that_place():
    plane = plane_of(decode, CODES, LABELS, NAMES, value_range=(-1, 1))
    assert np.array_equal(np.frombuffer(plane.points, np.float32).reshape(-1, 2), CODES.astype(np.float32))
    assert np.array_equal(np.frombuffer(plane.labels, np.uint8), LABELS)
    left, right, bottom, top = plane.bounds
    assert left < CODES[:, 0].min() < CODES[:, 0].max() < right and bottom < CODES[:, 1].min() < CODES[:, 1].max() < top
    for value, grey in ((-1, 0), (0.0, 128), (1, 255), (7, 255)):
        before = plane.answers
        plane.point = [value, 0.25]
        assert plane.answers == before + 1
        assert np.array_equal(np.frombuffer(plane.picture, np.uint8), np.full(28 * 28, grey))


def test_an_error_in_decode_is_shown_and_the_plane_goes_on():
    sizes = iter([28, 28, 14, 28])

    def changing(codes):
        return np.zeros((1, size := next(sizes), size))

    plane = plane_of(changing, CODES, LABELS, NAMES)
    plane.point = [1.0, 1.0]
    assert plane.message == ""
    plane.point = [2.0, 1.0]
    assert "shape (14, 14), but it must be 28 x 28" in plane.message and plane.answers == 2
    plane.point = [3.0, 1.0]
    assert plane.message == "" and plane.answers == 3

    def interrupted(codes):
        if codes[0, 0] == 5:
            raise KeyboardInterrupt
        return np.zeros((1, 28, 28))

    plane = plane_of(interrupted, CODES, LABELS, NAMES)
    with pytest.raises(KeyboardInterrupt):
        plane.point = [5.0, 0.0]
    assert plane.answers == 1


def test_many_codes_are_thinned_out_and_bad_ones_refused():
    many, sorted_labels = RNG.normal(size=(20_000, 2)), np.sort(RNG.integers(0, 10, 20_000))
    plane = plane_of(decode, many, sorted_labels, NAMES)
    assert len(plane.labels) == 5_000 and set(plane.labels) == set(range(10))
    for arguments, says in [
        ((decode, CODES, LABELS[:-1], NAMES), "labels must be 200"),
        ((decode, np.where(np.arange(200)[:, None] == 150, np.nan, CODES), LABELS, NAMES), "finite"),
        ((decode, CODES[:0], LABELS[:0], NAMES), "codes must be"),
        ((lambda codes: np.zeros((2, 28, 28)), CODES, LABELS, NAMES), "one grey picture"),
        ((decode, CODES, LABELS, NAMES, (1, 0)), "value_range"),
    ]:
        with pytest.raises(ValueError, match=says):
            widgets.latent_plane(*arguments)


def test_a_page_without_kernel_gets_a_picture_of_the_plane():
    widget = widgets.latent_plane(decode, CODES, LABELS, NAMES)
    picture = iio.imread(base64.b64decode(widget._repr_mimebundle_()["image/png"]))
    assert picture.shape[1] > 700 and picture[..., :3].std() > 10
