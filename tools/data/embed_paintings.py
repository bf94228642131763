"""Make the small pictures of four paintings that come with the course.

    python -m tools.data.embed_paintings FOLDER

The folder holds the four paintings as PNG files. They are pieces of a puzzle in Debian's package
`gcompris-qt-data` 3.1 (`rcc/paintings.rcc`), put together again. The works are in the public
domain; data/README.md has both statements. Written are colours alone: nothing of the files stays.
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.course import DATA, atomic_write
from tools.data.write_npz import array_hash

WIDTH = 320  # pixels: brush strokes of Van Gogh are still some pixels wide
FILES = {
    "wave": "hokusai_great_wave",
    "poppies": "hokusai_poppies",
    "composition": "kandinsky_composition_8",
    "street": "van_gogh_village_street",
}


def smaller(path: Path) -> np.ndarray:
    """Return a painting, uint8 (height, WIDTH, 3)."""
    with Image.open(path) as picture:
        height = round(picture.height * WIDTH / picture.width)
        small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    return np.asarray(small)


def write_paintings(folder: Path, path: Path) -> None:
    """Write the paintings of a folder into one file, the same bytes each time."""
    with atomic_write(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, file in FILES.items():
                content, array = io.BytesIO(), smaller(folder / f"{file}.png")
                np.lib.format.write_array(content, array, allow_pickle=False)
                member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, content.getvalue(), compresslevel=9)
                print(f"{name} {array.shape} {array_hash(array)}")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    write_paintings(Path(sys.argv[1]), DATA / "paintings.npz")
