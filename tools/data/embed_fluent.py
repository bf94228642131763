"""Make pairs of flat and three-dimensional pictures of one thing from Microsoft's Fluent Emoji.

    npm pack openmoji@17.0.0 @iconify-json/fluent-emoji-flat@1.2.6 \\
        @lobehub/fluent-emoji-3d@1.1.0 --pack-destination build
    python -m tools.data.embed_fluent build/openmoji-17.0.0.tgz \\
        build/iconify-json-fluent-emoji-flat-1.2.6.tgz build/lobehub-fluent-emoji-3d-1.1.0.tgz

OpenMoji's table names the code points, and decides which pairs are for the test: the same ones in
both sets. Flags, skin tones and signs are left out, and pairs that do not cover each other.
"""

import io
import json
import sys
import tarfile

import numpy as np
from PIL import Image

from tools.data import embed_openmoji
from tools.data.symbols import Symbol, plain_code
from tools.data.write_pairs import (
    SIZE,
    draw_svg,
    on_white,
    open_package,
    read_symbols,
    read_text,
    write_pairs,
)

FLAT_SHA256 = "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175"
SOLID_SHA256 = "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58"
LEAST_COVER = 0.75  # of what either shows
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="{} {} {side} {side}">{body}</svg>'


def read_flat(package: tarfile.TarFile) -> dict[str, str]:
    """Return {code: SVG}; the few that are no square get margins."""
    icons = json.loads(read_text(package, "icons.json"))
    flat = {}
    for code, name in json.loads(read_text(package, "chars.json")).items():
        if name in icons["icons"]:
            icon = {"left": 0, "top": 0, **icons, **icons["icons"][name]}
            side = max(icon["width"], icon["height"])
            left = icon["left"] - (side - icon["width"]) / 2
            top = icon["top"] - (side - icon["height"]) / 2
            flat[plain_code(code)] = SVG.format(left, top, side=side, body=icon["body"])
    return flat


def find_solid(package: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return {code: place of its WebP file}."""
    return {
        plain_code(member.name.split("/")[-1].removesuffix(".webp")): member
        for member in package.getmembers()
        if member.name.endswith(".webp")
    }


def shrink(content: bytes) -> Image.Image:
    """Return a picture as RGBA of 64 x 64; one that is no square gets margins."""
    picture = Image.open(io.BytesIO(content)).convert("RGBA")
    side = max(picture.size)
    sheet = Image.new("RGBA", (side, side))
    sheet.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return sheet.resize((SIZE, SIZE), Image.Resampling.BOX)


def cover(*pictures: Image.Image) -> float:
    """Return the part of what either of two RGBA pictures shows that both of them show."""
    alphas = [np.asarray(picture)[..., 3].astype(int) for picture in pictures]
    return np.minimum(*alphas).sum() / max(1, np.maximum(*alphas).sum())


def make_pairs(
    flat_package: tarfile.TarFile, solid_package: tarfile.TarFile, symbols: dict[str, Symbol]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the codes of the pairs, and {"inputs": flat, "targets": three-dimensional}."""
    flat, solid = read_flat(flat_package), find_solid(solid_package)
    codes, inputs, targets = [], [], []
    for code, symbol in symbols.items():
        if code in flat and code in solid and not symbol.part.startswith("symbols/"):
            content = solid_package.extractfile(solid[code]).read()
            pair = draw_svg(flat[code]), shrink(content)
            if cover(*pair) >= LEAST_COVER:
                codes.append(code)
                inputs.append(on_white(pair[0]))
                targets.append(on_white(pair[1]))
    return codes, {"inputs": np.stack(inputs), "targets": np.stack(targets)}


def main(table: str, flat: str, solid: str) -> None:
    with open_package(table, embed_openmoji.SHA256) as package:
        symbols = read_symbols(package)
    with open_package(flat, FLAT_SHA256) as drawn, open_package(solid, SOLID_SHA256) as rendered:
        codes, sides = make_pairs(drawn, rendered, symbols)
    write_pairs("fluent", codes, sides, symbols)


if __name__ == "__main__":
    main(*sys.argv[1:])
