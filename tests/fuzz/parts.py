"""The parts of a binary Caffe file, damaged or not: where each field is, and how to change one.

Lengths of the messages around a changed field are made to fit again, so that the change is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from deelish.errors import CaffeError
from deelish.formats.caffe.fields import Field, Message
from deelish.formats.caffe.wire import BYTES, FIXED_SIZES, VARINT, Source, block, read_varint


class Part(NamedTuple):
    """One field: its offsets are those of its tag, of its length or value, of its content."""

    number: int
    wire: int
    tag: int
    length: int
    start: int
    stop: int
    field: Field | None
    outer: Part | None

    @property
    def kind(self) -> str:
        """The kind of its field, empty where the table has none."""
        return self.field.kind if self.field else ""


def fields_of(content: bytes, table: Message | None, outer: Part | None = None) -> Iterator[Part]:
    """The fields of one message, of the whole content or of a part, up to where it is damaged."""
    source = Source(memoryview(content), "")
    place, end = (outer.start, outer.stop) if outer else (0, len(content))
    known = table.by_number if table else {}
    try:
        while place < end:
            tag, at = read_varint(source, place, end)
            length, start = read_varint(source, at, end) if tag & 7 in (VARINT, BYTES) else (0, at)
            size = length if tag & 7 == BYTES else FIXED_SIZES.get(tag & 7, 0)
            if start + size > end:
                return
            field = known.get(tag >> 3, ("", None))[1]
            yield Part(tag >> 3, tag & 7, place, at, start, start + size, field, outer)
            place = start + size
    except CaffeError:
        return


def parts_of(content: bytes, table: Message) -> list[Part]:
    """All fields of a message and of the messages in it."""
    found: list[Part] = []
    waiting: list[tuple[Message, Part | None]] = [(table, None)]
    while waiting:
        message, outer = waiting.pop()
        for part in fields_of(content, message, outer):
            found.append(part)
            if part.wire == BYTES and part.field and part.field.message:
                waiting.append((part.field.message, part))
    return found


def replaced(content: bytes, part: Part, field: bytes) -> bytes:
    """The content with another field, or none, or several, in place of a part."""
    at, stop, outer = part.tag, part.stop, part.outer
    while outer:
        field = block(outer.number, content[outer.start : at] + field + content[stop : outer.stop])
        at, stop, outer = outer.tag, outer.stop, outer.outer
    return content[:at] + field + content[stop:]
