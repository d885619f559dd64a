"""The wire format of Protocol Buffers: fields of a message in a buffer, and bytes of a field.

Source: protobuf.dev, "Encoding". The reader knows no schema: it checks every bound and hands out
numbers and spans. Nesting is left to the caller, so no file can make it recurse.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deelish.errors import CaffeError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED32: 4, FIXED64: 8}
HIGHEST_NUMBER = 2**29 - 1
# Of all fields and numbers of a file outside its arrays, 32 bytes of text counting as one. Far
# above any real net; it bounds the time and the memory of reading.
MOST_FIELDS = 2**18
DAMAGED = "the file is damaged or cut short; get it again"


class Source:
    """The bytes of one file, and what is being read of it, for errors.

    Attributes:
        data: the whole file.
        path: its name.
        where: the part that is being read, such as ``layer 'conv1'``; empty at the top.
        first: the first place in it.
        left: how many more fields may be read.
    """

    first = 0

    def __init__(self, data: memoryview, path: str) -> None:
        self.data = data
        self.path = path
        self.where = ""
        self.left = MOST_FIELDS

    def spend(self, count: int, place: int) -> None:
        """Count fields; CaffeError where a file holds more than any net."""
        self.left -= count
        if self.left < 0:
            raise self.error(place, "the file holds more fields and text than any net")

    def error(self, place: int, got: str, cure: str = "") -> CaffeError:
        """The error that names file, part and byte."""
        where = f"{self.where}, " if self.where else ""
        return CaffeError(f"{self.path}: {where}byte {place}: {got}; {cure or DAMAGED}")


class TextSource(Source):
    """A net in text that is parsed already: its places are lines, from 1."""

    first = 1

    def __init__(self, path: str) -> None:
        super().__init__(memoryview(b""), path)

    def error(self, place: int, got: str, cure: str = "") -> CaffeError:
        """The error that names file, line and part."""
        where = f"{self.where}: " if self.where else ""
        return CaffeError(f"{self.path}:{place}: {where}{got}; {cure or 'correct it there'}")


def read_varint(source: Source, position: int, end: int) -> tuple[int, int]:
    """(value, position after it) of the varint at `position`, within `end`; at most 64 bits."""
    data, value = source.data, 0
    for index in range(10):
        at = position + index
        if at >= end:
            raise source.error(position, "a number runs past the end of its message")
        byte = data[at]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + 1
    raise source.error(position, "a number is longer than 64 bits")


def read_fields(source: Source, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message in ``data[start:end]``.

    Yields:
        (number, wire type, value, stop): for a varint its value and the position after it, else
        the span of the content. Fixed-size fields that follow each other with one tag come as one
        run; `payload` takes the tags out.
    """
    data, position = source.data, start
    while position < end:
        at, tag = position, data[position]
        position += 1
        source.left -= 1
        if tag > 0x7F:
            tag, position = read_varint(source, at, end)
        number, wire = tag >> 3, tag & 7
        if source.left < 0 or not 0 < number <= HIGHEST_NUMBER:
            source.spend(0, at)
            raise source.error(at, f"a field has the number {number}")
        if wire in (VARINT, BYTES):
            # Most numbers take one byte, and a call costs more than all the rest of the field.
            length = data[position] if position < end else 0x80
            if length < 0x80:
                position += 1
            else:
                length, position = read_varint(source, position, end)
            if wire == VARINT:
                yield number, wire, length, position
                continue
        elif wire in FIXED_SIZES:
            length = FIXED_SIZES[wire]
        else:
            raise source.error(
                at, f"field {number} has the wire type {wire}, which Caffe never has"
            )
        if length > end - position:
            left = end - position
            raise source.error(at, f"field {number} claims {length} bytes where {left} are left")
        stop = position + length
        if wire != BYTES and position - at == 1:
            stop = _run_stop(data, at, stop, end)
        yield number, wire, position, stop
        position = stop


def _run_stop(data: memoryview, start: int, stop: int, end: int) -> int:
    """Where the run of equal one-byte tags ends that begins with the record in start:stop."""
    step, tag, block = stop - start, data[start], 16
    while end - stop >= step and data[stop] == tag:
        # The blocks grow, so that looking ahead costs no more than the run is long.
        records = min(block, (end - stop) // step)
        tags = np.frombuffer(data[stop : stop + records * step], np.uint8)[::step]
        same = records if bool((tags == tag).all()) else int((tags != tag).argmax())
        stop += same * step
        block *= 4
    return stop


def payload_size(wire: int, start: int, stop: int) -> int:
    """How many bytes of content a span holds, tags inside a run left out."""
    size = FIXED_SIZES.get(wire)
    return stop - start if size is None else (stop - start + 1) // (size + 1) * size


def numbers_of(source: Source, wire: int, start: int, stop: int, dtype: str) -> np.ndarray:
    """The numbers of a span as a view of the file, tags inside a run stepped over."""
    size = FIXED_SIZES.get(wire)
    if size is None:
        return np.frombuffer(source.data[start:stop], dtype)
    return np.ndarray(((stop - start + 1) // (size + 1),), dtype, source.data, start, (size + 1,))


def varint(value: int) -> bytes:
    """The bytes of a number from -2^63 to 2^64 - 1."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire: int) -> bytes:
    """The bytes that begin a field."""
    return varint(number << 3 | wire)


def block(number: int, content: bytes) -> bytes:
    """A field of bytes: a string, a message or a packed run."""
    return b"".join((tag(number, BYTES), varint(len(content)), content))
