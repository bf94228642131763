"""How the embedded sets are written: Keras's layout, the same bytes each time, a picture."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from helpers import plotting
from helpers.course import atomic_write
from helpers.datasets import KEYS


def array_hash(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's raw bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write_npz(path: Path, *arrays: np.ndarray) -> None:
    """Write x_train, y_train, x_test, y_test as a compressed .npz, and print size and hashes.

    Args:
        path: where to write; a picture with examples of each class is written beside it.
        arrays: the four uint8 arrays in the order of Keras's layout.
    """
    with atomic_write(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for key, array in zip(KEYS, arrays, strict=True):
                content = io.BytesIO()
                np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
                # A fixed date: with the present one, the same pictures would give other bytes.
                member = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, content.getvalue(), compresslevel=9)
    write_samples(path.with_suffix(".png"), *arrays[:2])
    print(f"{path.name}: {len(arrays[0]):,} + {len(arrays[2]):,}, {path.stat().st_size:,} bytes")
    for key, array in zip(KEYS, arrays):
        print(f"  {key} {array_hash(array)}")


def write_samples(path: Path, images: np.ndarray, labels: np.ndarray, columns: int = 12) -> None:
    """Write a picture with a row of examples of each class."""
    rows = [images[labels == label][:columns] for label in np.unique(labels)]
    with atomic_write(path) as temporary:
        temporary.write_bytes(plotting.grid_png(np.concatenate(rows), (0, 255), columns))
