"""What a file may unpack to, checked before any of it is read: how much, and which types."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from deelish.errors import FileError

# Arrays by name; None for one that holds no weights: None itself, or a single whole number.
Arrays = dict[str, np.ndarray | None]

# Zeros pack a thousandfold, so a file may unpack to far more than its own size.
FREE_BYTES = 64 << 20
LARGEST_RATIO = 20
SHOWN = 100


def check_room(path: Path, sizes: Iterable[int]) -> None:
    """Refuse arrays that take unreasonably more bytes than their file.

    Raises:
        FileError: they take more than 64 MB and 20 times the file together.
    """
    total, size = sum(sizes), path.stat().st_size
    if total > FREE_BYTES + LARGEST_RATIO * size:
        raise FileError(
            f"{path}: its {size:,} bytes would unpack to {total:,}, more than {LARGEST_RATIO} times"
            " as many and 64 MB; such files are refused; take another copy"
        )


def holds_weights(path: Path, name: str, dtype: np.dtype, shape: tuple[int, ...] | None) -> bool:
    """Whether an array holds weights; False for None and for one whole number, of bookkeeping.

    None is a `shape` of None in HDF5, and in NumPy's format an object without axes.

    Raises:
        FileError: it holds something else, such as objects of Python.
    """
    if shape is None or (shape == () and dtype.kind in "biuO"):
        return False
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return True
    what = "objects of Python" if dtype.kind == "O" else f"{dtype} {shape}"
    raise FileError(
        f"{path}: {name[:SHOWN]!r} holds {what}, where weights are float16, float32 or float64;"
        " such files are refused; give one that Chainer's save_npz or save_hdf5 wrote"
    )


def as_weights(array: np.ndarray) -> np.ndarray:
    """float32, read-only; float64 beyond its range becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        weights = array.astype(np.float32, copy=False)
    weights.flags.writeable = False
    return weights
