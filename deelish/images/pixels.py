"""Arrays of RGB pixels: packed into three bytes a pixel, and made from a user's arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError

Pixels = NDArray[np.uint8]


def packed(pixels: Pixels) -> Pixels:
    """Pixels uint8 (h, w, 3), or the first three bytes of (h, w, 4), as whole rows (h, w, 3)."""
    if _has_packed_rows(pixels):
        return np.ascontiguousarray(pixels)
    rows = np.empty((*pixels.shape[:2], 3), np.uint8)
    pack(pixels, rows)
    return rows


def pack(pixels: Pixels, into: Pixels) -> None:
    """Copy pixels uint8 (h, w, 3), or the first three bytes of (h, w, 4), to others (h, w, 3)."""
    if _has_packed_rows(pixels):
        into[...] = pixels
        return
    # Channel by channel: NumPy would copy pixel by pixel, which takes four times as long.
    for channel in range(3):
        into[..., channel] = pixels[..., channel]


def _has_packed_rows(pixels: Pixels) -> bool:
    return bool(pixels.shape[2] == pixels.strides[1] == 3)


def from_array(array: NDArray[np.generic]) -> Pixels:
    """An array (h, w), (h, w, 1) or (h, w, 3) as RGB pixels uint8 (h, w, 3), a copy.

    The array is uint8, or floats from 0 to 1.  Raises DataError for anything else.
    """
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))):
        raise DataError(
            f"array: the shape is {array.shape}; give (height, width), (height, width, 1) or"
            " (height, width, 3) in the order RGB"
        )
    channels = _bytes(array).reshape(*array.shape[:2], -1)
    return np.array(np.broadcast_to(channels, (*array.shape[:2], 3)))


def _bytes(array: NDArray[np.generic]) -> Pixels:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(
            f"array: the type is {array.dtype}; give uint8 from 0 to 255 or floats from 0 to 1"
        )
    values = array.astype(np.float64)
    # Written so that NaN is refused too.
    if not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            f"array: the {array.dtype} values run from {values.min():g} to {values.max():g};"
            " give floats from 0 to 1, or uint8 from 0 to 255"
        )
    return np.rint(values * 255).astype(np.uint8)
