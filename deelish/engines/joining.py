"""Two rows run as one, where an engine has a function for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from deelish.plan.layer import Layer

# The function for a row and the one after it, or None.
JoinedOp = Callable[[Layer, Layer], Callable[..., Any] | None]


def join(rows: Sequence[Layer], dead: Sequence[list[str]], op_of: JoinedOp) -> dict[int, Any]:
    """{place of a row: the function for it and for the next one}.

    Rows are joined where nothing else can see what the first of them made.

    Args:
        rows: the layers, in order.
        dead: by row, the blobs that nothing reads after it.
        op_of: the engine's functions for two rows.
    """
    found: dict[int, Any] = {}
    for place, (first, second) in enumerate(pairwise(rows)):
        if place - 1 not in found and _only_between(first, second, dead[place + 1]):
            op = op_of(first, second)
            if op is not None:
                found[place] = op
    return found


def _only_between(first: Layer, second: Layer, dead: Sequence[str]) -> bool:
    """Whether the second row alone reads the blob of the first."""
    alone = len(first.tops) == len(second.tops) == len(second.bottoms) == 1
    if not alone or first.tops != second.bottoms or first.echoes or second.echoes:
        return False
    return second.tops == second.bottoms or first.tops[0] in dead
