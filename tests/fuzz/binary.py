"""Ways to damage a binary Caffe file part by part, most of which leave its structure whole."""

from __future__ import annotations

from fuzz.parts import Part, parts_of, replaced
from fuzz.plain import (
    EXTREMES,
    Means,
    Mutator,
    change,
    change_bytes,
    cut_out,
    flip_bit,
    put_in,
    truncate,
)

from deelish.formats.caffe.fields import SHAPE, Message
from deelish.formats.caffe.schema import BLOB, NET
from deelish.formats.caffe.wire import BYTES, FIXED_SIZES, VARINT, block, tag, varint

# Texts that mean something to Caffe, to Python or to a terminal, or that are none.
_TEXTS = (b"", b"data", b"prob", b"label", b"loss", b"Softmax", b"Input", b"Python", b"\xff")
_TEXTS += (
    b"a" * 1001,
    b"..",
    b"x_split_0",
    b"\n",
    b"\x1b[2J",
    "\u202e".encode(),
    b"ReLU",
    b"Split",
    b"\0",
)
# Not a number, the infinities, and 0.
_FLOATS = (b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\0\0\0\0")
_SIDES = [BLOB.fields[name] for name in ("num", "channels", "height", "width")]
_SIDES += [SHAPE.fields["dim"], NET.fields["input_dim"]]


def structural_byte(content: bytes, means: Means) -> bytes:
    """A byte of a tag, of a length or of a value changed."""
    part = means.part(content)
    if part is None:
        return content
    place = means.rng.choice((part.tag, part.length, part.start - 1))
    return change(content, place, means.rng.randrange(1, 256))


def stretch(content: bytes, means: Means) -> bytes:
    """The same number in more bytes than it needs, up to eleven, or a long one in place of a byte.

    Ten bytes are the most that are one number.
    """
    part = means.part(content, lambda part: part.wire in (VARINT, BYTES))
    if part is None or means.rng.random() < 0.3:
        at, number = means.place(content), means.rng.getrandbits(means.rng.randrange(8, 65))
        return content[:at] + varint(number) + content[at + 1 :]
    number_bytes = content[part.length : _number_end(part)]
    more = means.rng.randrange(1, 12 - min(len(number_bytes), 10))
    longer = bytes(byte | 0x80 for byte in number_bytes) + b"\x80" * (more - 1) + b"\0"
    content_after = content[_number_end(part) : part.stop]
    return replaced(content, part, content[part.tag : part.length] + longer + content_after)


def _number_end(part: Part) -> int:
    return part.stop if part.wire == VARINT else part.start


def delete(content: bytes, means: Means) -> bytes:
    """A field less, or some bytes."""
    part = means.part(content)
    if part is None or means.rng.random() < 0.3:
        return cut_out(content, means)
    return replaced(content, part, b"")


def splice(content: bytes, means: Means) -> bytes:
    """A field of another file in place of one of such a message, or some bytes of it."""
    own = means.part(content)
    if own is None or means.rng.random() < 0.3:
        return put_in(content, means)
    table = _table(own)
    foreign = means.part(means.other, lambda part: _table(part) is table)
    return replaced(content, own, _whole(means.other, foreign) if foreign else b"")


def _table(part: Part) -> Message | None:
    """The message that a part is in; None for the outermost."""
    return part.outer.field.message if part.outer and part.outer.field else None


def _whole(content: bytes, part: Part) -> bytes:
    return content[part.tag : part.stop]


def length_lie(content: bytes, means: Means) -> bytes:
    """A length that is not that of its field."""
    part = means.part(content, lambda part: part.wire == BYTES)
    if part is None:
        return content
    size = part.stop - part.start
    lie = means.rng.choice((*EXTREMES, size - 1, size + 1, size * 2, len(content)))
    return content[: part.length] + varint(lie) + content[part.start :]


def huge_sides(content: bytes, means: Means) -> bytes:
    """Another side of a shape, or other sides."""
    part = means.part(content, lambda part: part.field in _SIDES)
    if part is None:
        return content
    if part.wire == VARINT:
        number = varint(means.rng.choice(EXTREMES))
        return replaced(content, part, tag(part.number, VARINT) + number)
    sides = [varint(means.rng.choice(EXTREMES)) for _ in range(means.rng.choice((1, 2, 4, 33)))]
    return replaced(content, part, block(part.number, b"".join(sides)))


def other_value(content: bytes, means: Means) -> bytes:
    """An extreme number, or another text, in a field that stays whole."""
    rng = means.rng
    part = means.part(content, lambda part: part.wire == VARINT or part.kind in ("float", "string"))
    if part is None:
        return content
    head = tag(part.number, part.wire)
    if part.wire == VARINT:
        return replaced(content, part, head + varint(rng.choice(EXTREMES)))
    if part.wire in FIXED_SIZES:
        return replaced(content, part, head + rng.choice(_FLOATS) * (FIXED_SIZES[part.wire] // 4))
    texts = [part for part in parts_of(content, means.table) if part.kind == "string"]
    own = [content[part.start : part.stop] for part in texts]
    return replaced(content, part, block(part.number, rng.choice((*own, *_TEXTS))))


def repeat(content: bytes, means: Means) -> bytes:
    """A field several times, up to hundreds of times."""
    part = means.part(content, lambda part: part.stop - part.tag < 3000)
    if part is None:
        return content
    times = means.rng.choice((2, 2, 2, 3, 5, 40, 300))
    return replaced(content, part, _whole(content, part) * times)


def swap(content: bytes, means: Means) -> bytes:
    """Two fields of one message, each at the other's place."""
    part = means.part(content)
    if part is None:
        return content
    second = means.part(content, lambda other: other.outer == part.outer) or part
    first, last = sorted((part, second), key=lambda part: part.tag)
    if first == last:
        return content
    between = content[first.stop : last.tag]
    swapped = _whole(content, last) + between + _whole(content, first)
    return replaced(content, first._replace(stop=last.stop), swapped)


MUTATORS: tuple[Mutator, ...] = (truncate, flip_bit, change_bytes, structural_byte, stretch)
MUTATORS += (delete, splice, length_lie, huge_sides, other_value, repeat, swap)
