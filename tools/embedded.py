"""How the embedded sets are written: Keras's layout, the same bytes each time, and a picture for the data card."""

import io
import zipfile

import numpy as np

from helpers import plotting
from helpers.datasets import KEYS
from helpers.paths import atomic_write


def write_npz(path, *arrays):
    """Write x_train, y_train, x_test, y_test as a compressed .npz without times of day, and print its size.

    Args:
        path: where to write.
        arrays: the four uint8 arrays in the order of Keras's layout.
    """
    with atomic_write(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for key, array in zip(KEYS, arrays, strict=True):
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
                # A fixed date: NumPy writes the present one, so the same pictures would give other bytes each time.
                member = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, content.getvalue(), compresslevel=9)
    write_samples(path.with_suffix(".png"), *arrays[:2])
    print(f"data/{path.name}: {len(arrays[0]):,} + {len(arrays[2]):,} images, {path.stat().st_size:,} bytes")


def write_samples(path, images, labels, columns=12):
    """Write a picture with a row of examples of each class."""
    rows = [images[labels == label][:columns] for label in np.unique(labels)]
    with atomic_write(path) as temporary:
        temporary.write_bytes(plotting.image_grid(np.concatenate(rows), (0, 255), columns)._repr_png_())
