"""The pixels of a Pillow image as an array, which shares Pillow's memory where it can."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

    from deelish.images.pixels import Pixels


class _Array(ctypes.Structure):
    """An array in Apache Arrow's C data interface: the fields that are read here."""


_Array._fields_ = [
    *((name, ctypes.c_int64) for name in ("length", "nulls", "offset", "buffer_count", "count")),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
]


class _Loan:
    """Memory in NumPy's array interface. It is valid as long as the capsule lives."""

    def __init__(self, address: int | None, shape: tuple[int, ...], capsule: object) -> None:
        facts = {"data": (address, False), "shape": shape, "typestr": "|u1", "version": 3}
        self.__array_interface__ = facts
        self._capsule = capsule


def array_of(image: Image.Image) -> Pixels:
    """The pixels of an RGB image: uint8 (h, w, 3), or (h, w, 4) whose last byte means nothing.

    Do not write to them: an array of four bytes a pixel is Pillow's own memory, kept alive by it.
    """
    if _lends():
        try:
            return _lent(image)
        except ValueError:
            # It is in several blocks of Pillow, which have 16 MB or PILLOW_BLOCK_SIZE, and Pillow
            # lends only what is in one. Others are copied.
            pass
    return np.array(image)


def _lent(image: Any) -> Pixels:
    """Pillow's memory of an RGB image, (h, w, 4); raises ValueError where it is not one piece."""
    _, capsule = image.__arrow_c_array__()
    array = _Array.from_address(_pointer()(capsule, b"arrow_array"))
    # Arrow has a list of four values for each pixel: its child has the bytes, after their mask.
    values = array.children[0][0] if array.count == 1 else array
    if values.offset or values.length != 4 * image.width * image.height:
        raise ValueError(image.size)
    return np.asarray(_Loan(values.buffers[1], (image.height, image.width, 4), capsule))


@cache
def _lends() -> bool:
    """Whether this Pillow shares its memory (11.2 or newer), with no gaps between rows."""
    from PIL import Image

    image = Image.new("RGB", (1, 3))
    image.putpixel((0, 1), (1, 2, 3))
    try:
        return bool((_lent(image)[..., :3] == np.asarray(image)).all())
    except (AttributeError, ValueError):
        return False


@cache
def _pointer() -> Any:
    """Python's own function that gives the address in a capsule of a name."""
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    return kind(("PyCapsule_GetPointer", ctypes.pythonapi))
