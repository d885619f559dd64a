"""The same net with its numbers stored in each way that a version of Caffe stored them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fuzz.parts import fields_of

from deelish.formats.caffe.blobs import read_blob
from deelish.formats.caffe.fields import Message
from deelish.formats.caffe.schema import BLOB
from deelish.formats.caffe.wire import BYTES, FIXED32, FIXED64, Source, block, tag, varint


def shape(*sides: int) -> bytes:
    """The sides as Caffe writes them today."""
    return block(7, block(1, b"".join(map(varint, sides))))


def old_shape(*sides: int) -> bytes:
    """Four sides as Caffe wrote them until 2014; those that lack are 1."""
    four = (1,) * (4 - len(sides)) + sides
    return b"".join(tag(index + 1, 0) + varint(side) for index, side in enumerate(four))


def packed(array: np.ndarray) -> bytes:
    """All numbers in one run."""
    return block(5, array.astype("<f4").tobytes())


def single(array: np.ndarray) -> bytes:
    """Every number in a field of its own."""
    return b"".join(tag(5, FIXED32) + number.tobytes() for number in array.astype("<f4").ravel())


def split(array: np.ndarray) -> bytes:
    """Two runs, of which the first may be empty."""
    flat = array.ravel()
    return packed(flat[: len(flat) // 2]) + packed(flat[len(flat) // 2 :])


def doubles(array: np.ndarray) -> bytes:
    """One run of doubles."""
    return block(8, array.astype("<f8").tobytes())


def single_doubles(array: np.ndarray) -> bytes:
    """Every double in a field of its own."""
    return b"".join(tag(8, FIXED64) + number.tobytes() for number in array.astype("<f8").ravel())


DATA: dict[str, Callable[[np.ndarray], bytes]] = {
    "packed": packed,
    "single": single,
    "split": split,
    "doubles": doubles,
    "single doubles": single_doubles,
}


def blob(array: np.ndarray, data: str = "packed", old: bool = False) -> bytes:
    """A BlobProto; a shape of more than four sides has no old form."""
    sides = old_shape if old and array.ndim <= 4 else shape
    return sides(*array.shape) + DATA[data](array)


def rewritten(content: bytes, table: Message, data: str, old: bool) -> bytes:
    """A net or a part of one with all its blobs in another form."""
    if table is BLOB:
        source = Source(memoryview(content), "")
        return blob(read_blob(source, 0, len(content)), data, old)
    written = []
    for part in fields_of(content, table):
        inner = part.field.message if part.field and part.wire == BYTES else None
        body = content[part.start : part.stop]
        written.append(
            block(part.number, rewritten(body, inner, data, old))
            if inner
            else content[part.tag : part.stop]
        )
    return b"".join(written)
