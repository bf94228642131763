"""The embedded sets are parts of the real ones, as their tools make them."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from helpers import datasets
from helpers.course import DATA, from_root
from helpers.pairs import load_pairs
from tests.conftest import AS_STARTED
from tools.data import (
    embed_clothes,
    embed_digits,
    embed_fluent,
    embed_openmoji,
    symbols,
    write_pairs,
)
from tools.data.write_npz import array_hash, write_npz

SYMBOLS = {"openmoji": 1_923, "fluent": 1_271}  # pairs
FILES = {"mnist": "embedded_digits.npz", "fashion_mnist": "embedded_clothes.npz"}
LIMIT = 9_000_000  # bytes


def arrays_of(name):
    with np.load(DATA / FILES[name]) as stored:
        return {key: stored[key] for key in datasets.KEYS}


@pytest.mark.parametrize("name", FILES)
def test_the_data_card_has_the_hash_of_each_array(name):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for key, array in arrays_of(name).items():
        assert f"| `{FILES[name]}` | `{key}` | `{array_hash(array)}` |" in card


def test_the_files_are_small_and_of_the_right_form():
    assert sum((DATA / file).stat().st_size for file in FILES.values()) < LIMIT
    for name, counts in {"mnist": (7_996, 2_004), "fashion_mnist": (10_000, 2_000)}.items():
        arrays = arrays_of(name)
        assert (len(arrays["x_train"]), len(arrays["x_test"])) == counts
        assert {array.dtype for array in arrays.values()} == {np.dtype("uint8")}
        images = np.concatenate([arrays["x_train"], arrays["x_test"]])
        assert len({image.tobytes() for image in images}) == len(images)
    assert (np.bincount(arrays["y_train"]) == 1_000).all()
    assert (np.bincount(arrays["y_test"]) == 200).all()


def test_digits_are_read_from_the_package_and_split_with_equal_shares(tmp_path):
    pictures = np.arange(10 * 10 * 784).reshape(10, 10, 784) % 256
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as package:
        for digit in range(10):
            path = tmp_path / f"{digit}.json"
            path.write_text(json.dumps({"data": (pictures[digit].ravel() / 255).tolist()}))
            package.add(path, f"package/src/digits/{digit}.json")
    images, labels = embed_digits.read_package(str(tmp_path / "package.tgz"))
    assert np.array_equal(images.reshape(10, 10, 784), pictures)
    x_train, y_train, x_test, y_test = embed_digits.split(images, labels)
    assert (np.bincount(y_test) == 2).all() and (np.bincount(y_train) == 8).all()
    together = {image.tobytes() for image in np.concatenate([x_train, x_test])}
    assert together == {image.tobytes() for image in images}


def test_the_first_of_each_class_are_taken_in_their_order():
    labels = np.tile(np.arange(10), 4)
    assert embed_clothes.first_of_each_class(labels, 2).tolist() == list(range(20))
    assert embed_clothes.first_of_each_class(np.sort(labels), 1).tolist() == list(range(0, 40, 4))


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    images, labels = np.zeros((6, 8, 8), dtype=np.uint8), np.arange(6, dtype=np.uint8)
    for name in "ab":
        write_npz(tmp_path / f"{name}.npz", images, labels, images, labels)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif("COURSE_DATA_DIR" not in AS_STARTED, reason="needs the complete sets")
@pytest.mark.parametrize("name", FILES)
def test_each_picture_is_one_of_the_complete_set(name):
    with np.load(from_root(AS_STARTED["COURSE_DATA_DIR"]) / f"{name}.npz") as stored:
        known = {
            part: {
                hashlib.sha256(image.tobytes()).digest(): label
                for image, label in zip(stored[f"x_{part}"], stored[f"y_{part}"])
            }
            for part in ("train", "test")
        }
    arrays = arrays_of(name)
    for part in ("train", "test"):
        complete = known["train" if name == "mnist" else part]  # the package has only these
        for image, label in zip(arrays[f"x_{part}"], arrays[f"y_{part}"]):
            assert complete[hashlib.sha256(image.tobytes()).digest()] == label


# ------------------------------------------------- pairs of symbols


def facts_of(name):
    """Return (codes, names, groups, places of training, of the test) as the file has them."""
    with np.load(DATA / f"pairs_{name}.npz") as file:
        return [file[key] for key in ("codes", "names", "groups", "train", "test")]


def in_order(name):
    """Return {side: pictures} in the file's order."""
    pairs, order = load_pairs(name), np.concatenate(facts_of(name)[3:])
    sides = {}
    for side in ("inputs", "targets"):
        mixed = np.concatenate([getattr(pairs, f"{part}_{side}") for part in ("train", "test")])
        sides[side] = np.empty_like(mixed)
        sides[side][order] = mixed
    return sides


@pytest.mark.parametrize("name", SYMBOLS)
def test_the_data_card_has_the_hash_of_the_pairs_of_symbols(name):
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for side, pictures in in_order(name).items():
        assert f"| `pairs_{name}.npz` | {side} | `{array_hash(pictures)}` |" in card
    assert (DATA / f"pairs_{name}.npz").stat().st_size < 5_000_000


@pytest.mark.parametrize("name", SYMBOLS)
def test_each_symbol_is_there_once_and_a_tenth_is_for_the_test(name):
    codes, names, groups, train, test = facts_of(name)
    assert len({*codes}) == len(codes) == len(names) == len(groups) == SYMBOLS[name]
    assert sorted([*train, *test]) == list(range(len(codes)))
    assert 0.09 < len(test) / len(codes) < 0.13


@pytest.mark.parametrize("name", SYMBOLS)
def test_no_flags_no_skin_tones_and_no_logos_are_in_the_pairs(name):
    codes, names, *_ = facts_of(name)
    assert not [code for code in codes if {*code.split("-")} & {f"1f3f{n}" for n in "bcdef"}]
    unwanted = {
        "white flag",
        "rainbow flag",
        "triangular flag",
        "Twitter",
        "apple logo",
        "red hair",
    }
    assert not unwanted & {*names} and "red heart" in names


@pytest.mark.parametrize("name", SYMBOLS)
def test_no_group_is_on_both_sides(name):
    _, _, groups, train, test = facts_of(name)
    assert not {*groups[train]} & {*groups[test]}
    assert not {*groups[test]} & {*symbols.FAMILIES, "clock"}


def test_a_symbol_is_on_the_same_side_in_both_sets():
    sides = []
    for name in SYMBOLS:
        codes, _, groups, train, _ = facts_of(name)
        is_train = np.isin(np.arange(len(codes)), train)
        sides.append({code: (group, side) for code, group, side in zip(codes, groups, is_train)})
    both = sides[0].keys() & sides[1].keys()
    assert len(both) > 1_000 and all(sides[0][code] == sides[1][code] for code in both)


def nearest(train, test):
    """Return the smallest distance of each test picture to training pictures, also mirrored ones.

    The ink is blurred by a pixel. 0 is a copy; two pictures that share no ink are 1.4 apart.
    """
    smooth = lambda images: gaussian_filter(255.0 - images, (0, 1, 1, 0)).reshape(len(images), -1)
    test, distances = smooth(test).astype(np.float32), []
    for images in (train, train[:, :, ::-1]):
        known = smooth(images).astype(np.float32)
        squares = [(pictures**2).sum(axis=1) for pictures in (test, known)]
        apart = squares[0][:, None] + squares[1] - 2 * test @ known.T
        lengths = np.sqrt(np.outer(*squares))
        distances.append((np.maximum(apart, 0) / lengths).min(axis=1))
    return np.sqrt(np.min(distances, axis=0))


@pytest.mark.parametrize(
    "name, side, least",
    [
        ("openmoji", "inputs", 0.55),
        ("openmoji", "targets", 0.28),  # two discs of one colour are no copies
        ("fluent", "inputs", 0.36),
        ("fluent", "targets", 0.33),
    ],
)
def test_no_picture_of_the_test_is_nearly_one_of_training(name, side, least):
    pairs = load_pairs(name)
    train, test = getattr(pairs, f"train_{side}"), getattr(pairs, f"test_{side}")
    assert nearest(train, test).min() > least
    assert nearest(train, train[:50, :, ::-1]).max() < 0.01  # a mirrored copy would be found


def test_each_drawing_has_lines_and_colours():
    sides = in_order("openmoji")
    assert sides["inputs"].min(axis=(1, 2, 3)).max() < 128
    assert (sides["inputs"] != sides["targets"]).any(axis=(1, 2, 3)).all()


def symbol(code, name, part="objects/tool"):
    return symbols.Symbol(code, name, part, code.upper())


@pytest.mark.parametrize(
    "name, word",
    [
        ("woman’s boot", "boot"),
        ("bell with slash", "bell"),
        ("dog face", "dog"),
        ("glasses", "glasse"),
        ("woman: red hair", "woman"),
        ("twelve-thirty", "thirty"),
    ],
)
def test_the_main_word_of_a_name(name, word):
    assert symbols.main_word(name) == word


def test_groups_are_joined_by_word_by_code_point_and_by_hand():
    some = [
        symbol("1f408", "cat"),
        symbol("1f408-200d-2b1b", "dark one"),
        symbol("1f638", "grinning cat"),
        symbol("1f97e", "hiking boot"),
        symbol("1f4d5", "closed book"),
        symbol("1f4d3", "notebook"),
        symbol("1f600", "grinning face", "smileys-emotion/face-smiling"),
        symbol("1f9d1-200d-1f373", "cook", "people-body/person-role"),
    ]
    groups = symbols.group_symbols(some)
    assert [*groups.values()] == ["cat", "cat", "cat", "boot", "book", "book", "face", "person"]
    assert symbols.for_test(groups) <= {one.code for one in some[:6]}


def test_large_groups_are_for_training_and_of_the_others_a_fifth_for_the_test():
    groups = {f"{n}": f"group {n // 2}" for n in range(2_000)} | {f"x{n}": "x" for n in range(11)}
    tested = symbols.for_test(groups)
    assert 300 < len(tested) < 500 and not [code for code in tested if code.startswith("x")]


HEADER = "emoji,hexcode,group,subgroups,annotation,skintone\n"
TABLE = """x,1F528,objects,tool,hammer,
x,2692-FE0F,objects,tool,hammer and pick,
x,1F44B,people-body,hand-fingers-open,waving hand,
x,1F44B-1F3FB,people-body,hand-fingers-open,waving hand: light skin tone,1
x,1F3F3,flags,flag,white flag,
x,E420,extras-openmoji,queer-symbols,pride,
x,E040,extras-openmoji,brand,a logo,
"""


def test_flags_skin_tones_and_logos_are_left_out_of_the_table():
    table = symbols.read_table((HEADER + TABLE).splitlines())
    assert [*table] == ["1f528", "2692", "1f44b"]
    assert table["2692"] == ("2692", "hammer and pick", "objects/tool", "2692-FE0F")


def package_of(path, files):
    with tarfile.open(path, "w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    return tarfile.open(path)


def test_another_package_than_the_pinned_one_is_refused(tmp_path):
    package_of(tmp_path / "a.tgz", {"data/openmoji.csv": b""}).close()
    with pytest.raises(datasets.DataError, match=r"a.tgz' has the SHA-256 .*make data"):
        write_pairs.open_package(tmp_path / "a.tgz", embed_openmoji.SHA256)


def webp(width, height, box):
    content = io.BytesIO()
    picture = Image.new("RGBA", (width, height))
    picture.paste("red", box)
    picture.save(content, "WEBP", lossless=True)
    return content.getvalue()


def test_pictures_of_fluent_are_matched_by_code_and_get_margins(tmp_path):
    icons = {
        "width": 32,
        "height": 32,
        "icons": {"tall": {"body": "<g/>", "height": 36}, "plain": {"body": "<i/>", "left": 4}},
    }
    files = {
        "icons.json": json.dumps(icons).encode(),
        "chars.json": b'{"1F528": "tall", "2692": "plain", "1f44b": "missing"}',
        "assets/2692-fe0f.webp": webp(256, 264, (0, 0, 256, 264)),
    }
    with package_of(tmp_path / "a.tgz", files) as package:
        flat, solid = embed_fluent.read_flat(package), embed_fluent.find_solid(package)
        picture = embed_fluent.shrink(package.extractfile(solid["2692"]).read())
    assert [*flat] == ["1f528", "2692"]
    assert 'viewBox="-2.0 0.0 36 36"' in flat["1f528"] and 'viewBox="4.0 0.0 32' in flat["2692"]
    assert picture.size == (64, 64) and picture.getpixel((32, 63)) == (255, 0, 0, 255)
    assert picture.getpixel((0, 32))[3] < 255  # a margin


def test_pairs_cover_each_other_or_do_not():
    left, all_of_it = Image.new("RGBA", (8, 8)), Image.new("RGBA", (8, 8), "red")
    left.paste("blue", (0, 0, 4, 8))
    assert embed_fluent.cover(left, left) == 1 and embed_fluent.cover(left, all_of_it) == 0.5
    assert embed_fluent.cover(Image.new("RGBA", (8, 8)), left) == 0


def test_a_drawing_is_put_on_white():
    pytest.importorskip("resvg_py", reason="only `make data` installs it")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h2v4H0z"/></svg>'
    drawn = write_pairs.on_white(write_pairs.draw_svg(svg))
    assert (drawn[:, :32] == 0).all() and (drawn[:, 32:] == 255).all()
