"""BlobProto as a NumPy array: a view into the file wherever the numbers are in one run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.formats.caffe.codec import decode
from deelish.formats.caffe.schema import BLOB
from deelish.formats.caffe.wire import BYTES, FIXED32, FIXED64, Source, numbers_of, payload_size
from deelish.plan.shapes import LONGEST_SIDE, MOST_AXES

_OLD_SIDES = ("num", "channels", "height", "width")


def read_blob(source: Source, start: int, end: int) -> np.ndarray:
    """The blob in bytes start:end, float32, read-only, in the file's own shape.

    One packed run of floats is a view that keeps the file's map alive; several runs, single
    numbers and doubles are copied.

    Raises:
        CaffeError: a side that cannot be, or not as many numbers as the shape says. Nothing is
            allocated before.
    """
    message = decode(source, start, end, BLOB)
    # Caffe takes the doubles where a blob holds both.
    double = bool(message.get("double_data"))
    runs = message.get("double_data" if double else "data", [])
    size, single = (8, FIXED64) if double else (4, FIXED32)
    for wire, at, stop in runs:
        if wire not in (BYTES, single) or payload_size(wire, at, stop) % size:
            raise source.error(at, f"a run of {stop - at} bytes does not divide into numbers")
    held = sum(payload_size(*run) for run in runs) // size
    shape = _shape(source, start, message, held)
    return _array(source, runs, "<f8" if double else "<f4").reshape(shape)


def blob_of(source: Source, place: int, values: Mapping[str, Any]) -> np.ndarray:
    """The same for a blob that a text file holds, its numbers parsed already.

    Raises:
        CaffeError: a side that cannot be, or not as many numbers as the shape says.
    """
    numbers = values.get("double_data") or values.get("data", ())
    shape = _shape(source, place, values, len(numbers))
    with np.errstate(over="ignore"):
        array = np.array(numbers, "<f4").reshape(shape)
    array.flags.writeable = False
    return array


def _shape(source: Source, offset: int, message: Mapping[str, Any], held: int) -> tuple[int, ...]:
    """The four old sides where there is one of them, as Caffe does it, else `shape`.

    It suits the `held` numbers.
    """
    if any(side in message for side in _OLD_SIDES):
        shape = tuple(message.get(side, 0) for side in _OLD_SIDES)
    else:
        shape = tuple(message.get("shape", {}).get("dim", ()))
    if len(shape) > MOST_AXES:
        raise source.error(offset, f"a blob has {len(shape)} axes; Caffe has at most {MOST_AXES}")
    for side in shape:
        if not 0 < side <= LONGEST_SIDE:
            raise source.error(offset, f"a blob has a side of {side}")
    wanted = math.prod(shape)
    if held != wanted:
        sides = " x ".join(map(str, shape)) or "one number"
        raise source.error(offset, f"a blob says {sides} = {wanted} numbers and holds {held}")
    return shape


def _array(source: Source, runs: list[tuple[int, int, int]], dtype: str) -> np.ndarray:
    found = [numbers_of(source, *run, dtype) for run in runs]
    if len(found) == 1 and dtype == "<f4" and runs[0][0] == BYTES:
        return found[0]
    array = np.empty(sum(map(len, found)), "<f4")
    # A double beyond float32 becomes infinite, as in Caffe.
    with np.errstate(over="ignore", invalid="ignore"):
        np.concatenate(found, out=array, casting="same_kind")
    array.flags.writeable = False
    return array
