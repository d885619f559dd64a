"""Shapes: their type, and what the rules of the layer kinds share.

A rule takes the layer's arguments, the shapes of its bottoms, batch first, and how many tops it
has, and returns the shapes of these. One that cannot be raises PlanError; the plan puts the layer's
name before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deelish.errors import PlanError

Shape = tuple[int, ...]
Args = Mapping[str, Any]
# An array of Caffe has at most so many axes, and a side of at most so many numbers.
MOST_AXES = 32
LONGEST_SIDE = 2**31 - 1


def axis_of(axis: int, count: int, name: str = "axis") -> int:
    """An axis of `count` counted from the front; a negative one counts from the end."""
    if not isinstance(axis, int) or not -count <= axis < count:
        cure = f"give a whole number from {-count} to {count - 1}" if count else "there is none"
        raise PlanError(f"{name} is {axis!r}; {cure}")
    return axis % count


def same(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """The bottom's own shape."""
    return [bottoms[0]]


def image(shape: Shape) -> Shape:
    """The shape, if it is that of images; PlanError otherwise."""
    if len(shape) != 4:
        raise PlanError(f"reads {shape}; it needs (batch, channels, height, width)")
    return shape


def listed(shapes: Sequence[Shape]) -> str:
    """Shapes as an error names them."""
    return " and ".join(map(str, shapes))
