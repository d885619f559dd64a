"""Arrays that hold NaN or infinity, found in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from deelish.common.pieces import in_pieces


def all_finite(arrays: Iterable[np.ndarray]) -> bool:
    """Whether all numbers of these arrays are finite."""
    return all(in_pieces(_is_finite, [(array,) for array in arrays]))


def nonfinite(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The names of the arrays that hold NaN or infinity."""
    if all_finite(arrays.values()):
        return []
    return [name for name, array in arrays.items() if not _is_finite(array)]


def _is_finite(array: np.ndarray) -> bool:
    if array.dtype.kind not in "fc":
        return True
    # One NaN or infinity makes the sum so, and a sum takes no memory; it may also overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())
