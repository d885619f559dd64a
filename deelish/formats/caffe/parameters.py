"""Where each layer type keeps its arguments: all parameters by name, and which a type reads."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.formats.caffe.arguments import ARGUMENTS, FORKS
from deelish.formats.caffe.feeds import FEEDS
from deelish.formats.caffe.fields import Message


@dataclass(frozen=True)
class Parameter:
    """A field of a layer that holds arguments: name, number, number in V1 files, its fields."""

    name: str
    number: int
    v1_number: int | None
    message: Message


_ROWS = ARGUMENTS | FEEDS | FORKS

PARAMETERS: dict[str, Parameter] = {
    name: Parameter(name, number, v1_number, Message(fields))
    for name, (number, v1_number, _, fields) in _ROWS.items()
}


def _by_type() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, (_, _, types, _) in _ROWS.items():
        for type in types.split():
            found[type] = (*found.get(type, ()), name)
    return found


# The parameters that a layer type reads. Where two have a field of one name, the first counts.
TYPE_PARAMETERS = _by_type()
