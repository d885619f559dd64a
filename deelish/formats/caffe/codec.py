"""Messages of the schema to and from bytes, as dicts under Caffe's field names."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from deelish.errors import CaffeError
from deelish.formats.caffe import wire
from deelish.formats.caffe.fields import Field, Message
from deelish.formats.caffe.wire import Source, read_fields

# Far above any real net; it keeps a file of many tiny fields from filling the memory.
MOST_VALUES = 16_384
LONGEST_NAME = 1000
# What ends a line, or makes a terminal do something else than print.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Span = tuple[int, int, int]
# Where a message begins, by byte or in text by line, and its values.
Found = tuple[int, dict[str, Any]]


def decode(
    source: Source, start: int, end: int, message: Message, found: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The message in bytes start:end, fields unknown to the schema skipped.

    Args:
        source: the file.
        start, end: where the message's content is in it.
        message: its table.
        found: values to merge into, for a message that comes in several parts.

    Returns:
        Values by field name, lists where repeated; enums as words (unknown ones as numbers),
        floats as the shortest decimal, arrays and lazy messages as spans (wire type, start, stop):
        a list of them also where a lazy message is not repeated, as its parts may be scattered.

    Raises:
        CaffeError: a bound, a type or a string is wrong; it names the byte.
    """
    found = {} if found is None else found
    by_number = message.by_number
    for number, kind, value, stop in read_fields(source, start, end):
        known = by_number.get(number)
        if known is None:
            continue
        name, field = known
        if field.message is not None and not field.repeated and not field.lazy:
            if kind != wire.BYTES:
                raise _unsuited(source, field, (kind, value, stop))
            decode(source, value, stop, field.message, found.setdefault(name, {}))
            continue
        values = _READERS[field.kind](source, field, (kind, value, stop))
        if not field.repeated and not field.lazy:
            found[name] = values[-1]
            continue
        kept = found.setdefault(name, [])
        kept += values
        if len(kept) > MOST_VALUES:
            raise source.error(stop, f"{name} is there more than {MOST_VALUES:,} times")
    return found


def decode_parts(source: Source, parts: Any, message: Message) -> dict[str, Any]:
    """A lazy message: the spans of its parts, or the dict that it is already in a net from text."""
    if isinstance(parts, dict):
        return parts
    found: dict[str, Any] = {}
    for _, start, stop in parts:
        decode(source, start, stop, message, found)
    return found


def check_names(source: Source, place: int, names: Iterable[str]) -> None:
    """CaffeError for a name too long to be one of a layer or a blob, so that errors stay short."""
    for name in names:
        if len(name) > LONGEST_NAME:
            raise source.error(place, f"a name of {len(name):,} characters begins {name[:40]!r}")


def plain(name: str) -> str:
    """A name as errors show it without quotes, so that they stay one line."""
    return repr(name) if UNPRINTABLE.search(name) else name


def _unsuited(source: Source, field: Field, span: Span) -> CaffeError:
    kind, value, stop = span
    offset = stop if kind == wire.VARINT else value
    return source.error(
        offset, f"field {field.number} has the wire type {kind}, which does not suit {field.kind}"
    )


def _wholes(source: Source, field: Field, span: Span) -> list[Any]:
    kind, value, stop = span
    if kind == wire.VARINT:
        return [_whole(field, value)]
    if kind != wire.BYTES or not field.repeated:
        raise _unsuited(source, field, span)
    numbers: list[Any] = []
    while value < stop:
        number, value = wire.read_varint(source, value, stop)
        numbers.append(_whole(field, number))
        if len(numbers) > MOST_VALUES:
            raise source.error(value, f"a list holds more than {MOST_VALUES:,} numbers")
    source.spend(len(numbers), stop)
    return numbers


def _whole(field: Field, value: int) -> Any:
    if field.kind == "int":
        return value - 2**64 if value >> 63 else value
    if field.kind == "bool":
        return value != 0
    return field.words.get(value, value)


def _floats(source: Source, field: Field, span: Span) -> list[float]:
    kind, start, stop = span
    if kind != wire.FIXED32 and not (kind == wire.BYTES and field.repeated):
        raise _unsuited(source, field, span)
    size = wire.payload_size(*span)
    if size % 4 or size > 4 * MOST_VALUES:
        raise source.error(start, f"a list of floats takes {size} bytes")
    source.spend(size // 4, start)
    one = stop - start == 4
    content = source.data[start:stop] if one else wire.numbers_of(source, *span, "<f4").tobytes()
    return [_shortest(bytes(content[at : at + 4])) for at in range(0, size, 4)]


@lru_cache(maxsize=4096)
def _shortest(number: bytes) -> float:
    """A float32 as the shortest decimal that gives it back: 0.1, not 0.10000000149."""
    return float(str(np.frombuffer(number, "<f4")[0]))


def _string(source: Source, field: Field, span: Span) -> list[str]:
    kind, start, stop = span
    if kind != wire.BYTES:
        raise _unsuited(source, field, span)
    source.spend((stop - start) // 32, start)
    try:
        return [str(source.data[start:stop], "utf-8")]
    except UnicodeDecodeError:
        raise source.error(start, f"field {field.number} is text, but not in UTF-8") from None


def _inner(source: Source, field: Field, span: Span) -> list[Any]:
    kind, start, stop = span
    if kind != wire.BYTES:
        raise _unsuited(source, field, span)
    if field.lazy or field.message is None:
        return [span]
    return [decode(source, start, stop, field.message)]


def _array(source: Source, field: Field, span: Span) -> list[Span]:
    if span[0] == wire.VARINT:
        raise _unsuited(source, field, span)
    return [span]


_READERS: dict[str, Callable[[Source, Field, Span], list[Any]]] = {
    "uint": _wholes,
    "int": _wholes,
    "bool": _wholes,
    "enum": _wholes,
    "float": _floats,
    "string": _string,
    "message": _inner,
    "array": _array,
}


def field_of(message: Message, name: str) -> Field:
    """The field of this name; CaffeError if Caffe has none."""
    if name not in message.fields:
        known = ", ".join(message.fields)
        raise CaffeError(f"Caffe has no field {name!r} here; choose from {known}")
    return message.fields[name]


def encode(values: Mapping[str, Any], message: Message) -> bytes:
    """The bytes of a message given as `decode` gives it, but arrays as NumPy arrays."""
    parts: list[bytes] = []
    for name, value in values.items():
        field = field_of(message, name)
        if field.kind == "array":
            parts.append(wire.block(field.number, np.asarray(value, "<f4").tobytes()))
            continue
        parts += [_item(field, item) for item in (value if field.repeated else [value])]
    return b"".join(parts)


def _item(field: Field, value: Any) -> bytes:
    if field.message is not None:
        return wire.block(field.number, encode(value, field.message))
    if field.kind == "string":
        return wire.block(field.number, value.encode())
    if field.kind == "float":
        return wire.tag(field.number, wire.FIXED32) + struct.pack("<f", value)
    if field.kind == "enum":
        value = next(number for number, word in field.words.items() if word == value)
    return wire.tag(field.number, wire.VARINT) + wire.varint(int(value))
