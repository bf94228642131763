"""Make pairs of line drawings and their colours from the npm package `openmoji`.

    npm pack openmoji@17.0.0 --pack-destination build
    python -m tools.data.embed_openmoji build/openmoji-17.0.0.tgz

Flags, skin tones, logos and letters for flags are left out, and drawings that have no lines or no
colour.
"""

import sys
import tarfile

import numpy as np

from tools.data.symbols import Symbol
from tools.data.write_pairs import (
    draw_svg,
    on_white,
    open_package,
    read_symbols,
    read_text,
    write_pairs,
)

SHA256 = "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68"
LEAST_COLOUR = 0.5  # grey values: by so much do colours differ from lines, in the mean


def draw_pairs(
    package: tarfile.TarFile, symbols: dict[str, Symbol]
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the codes of the pairs, and {"inputs": lines, "targets": colours}."""
    codes, lines, colours = [], [], []
    for code, symbol in symbols.items():
        pair = [
            on_white(draw_svg(read_text(package, f"{style}/svg/{symbol.file}.svg")))
            for style in ("black", "color")
        ]
        has_lines = pair[0].min() < 128
        if has_lines and abs(np.subtract(*pair, dtype=int)).mean() >= LEAST_COLOUR:
            codes.append(code)
            lines.append(pair[0][..., :1])  # black and grey only
            colours.append(pair[1])
    return codes, {"inputs": np.stack(lines), "targets": np.stack(colours)}


def main(path: str) -> None:
    with open_package(path, SHA256) as package:
        symbols = read_symbols(package)
        codes, sides = draw_pairs(package, symbols)
    write_pairs("openmoji", codes, sides, symbols)


if __name__ == "__main__":
    main(sys.argv[1])
