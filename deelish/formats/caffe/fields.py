"""What a field of a Caffe message is, and the two messages that many others hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: its number on the wire.
        kind: uint, int, bool, float, string, enum, message, or array (runs of floats or doubles).
        repeated: whether its value is a list.
        words: an enum's words by number.
        message: the table of an inner message.
        lazy: decoding gives the inner message's span and leaves the rest to the caller.
    """

    number: int
    kind: str
    repeated: bool = False
    words: Mapping[int, str] = field(default_factory=dict)
    message: Message | None = None
    lazy: bool = False


class Message:
    """The fields of one message, by name and by number."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = dict(fields)
        self.by_number = {item.number: (name, item) for name, item in fields.items()}


# A parameter of layers: number, number in V1 files, the types that read it, and its fields by name.
Row = tuple[int, int | None, str, dict[str, Field]]


def uint(number: int) -> Field:
    """A number from 0."""
    return Field(number, "uint")


def uints(number: int) -> Field:
    """A list of numbers from 0."""
    return Field(number, "uint", repeated=True)


def integer(number: int) -> Field:
    """A number with a sign."""
    return Field(number, "int")


def integers(number: int) -> Field:
    """A list of numbers with a sign."""
    return Field(number, "int", repeated=True)


def boolean(number: int) -> Field:
    """True or false."""
    return Field(number, "bool")


def real(number: int) -> Field:
    """A float32."""
    return Field(number, "float")


def reals(number: int) -> Field:
    """A list of float32."""
    return Field(number, "float", repeated=True)


def string(number: int) -> Field:
    """Text in UTF-8."""
    return Field(number, "string")


def strings(number: int) -> Field:
    """A list of texts."""
    return Field(number, "string", repeated=True)


def enum(number: int, *words: str) -> Field:
    """One of some words, numbered from 0."""
    return Field(number, "enum", words=dict(enumerate(words)))


def message(number: int, table: Message) -> Field:
    """An inner message."""
    return Field(number, "message", message=table)


def messages(number: int, table: Message, lazy: bool = False) -> Field:
    """A list of inner messages; lazy ones are decoded to spans."""
    return Field(number, "message", repeated=True, message=table, lazy=lazy)


SHAPE = Message({"dim": integers(1)})

FILLER = Message(
    {
        "type": string(1),
        "value": real(2),
        "min": real(3),
        "max": real(4),
        "mean": real(5),
        "std": real(6),
        "sparse": integer(7),
        "variance_norm": enum(8, "FAN_IN", "FAN_OUT", "AVERAGE"),
    }
)
