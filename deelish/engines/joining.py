"""Two rows run as one, where an engine has a function for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deelish.plan.layer import Layer

# From a row, the one after it, the phase, and the weights of the second: the function of both,
# which gets the weights of the first; or None.
JoinedOp = Callable[[Layer, Layer, str, Any], Callable[..., Any] | None]


def join(
    rows: Sequence[Layer],
    dead: Sequence[list[str]],
    phase: str,
    op_of: JoinedOp,
    weights_of: Callable[[Layer], Any],
) -> dict[int, Any]:
    """{index of a row: the function for it and the next one}.

    Rows are joined where nothing else can see what the first of them made; of three rows in a row
    the last two.

    Args:
        rows: the layers of the phase, in order.
        dead: by row, the blobs that nothing reads after it.
        phase: TRAIN or TEST.
        op_of: the engine's functions for two rows.
        weights_of: from a row to the object that holds its weights, or None.
    """
    found: dict[int, Any] = {}
    for index in reversed(range(len(rows) - 1)):
        first, second = rows[index : index + 2]
        if index + 1 not in found and _only_between(first, second, dead[index + 1]):
            op = op_of(first, second, phase, weights_of(second))
            if op is not None:
                found[index] = op
    return found


def _only_between(first: Layer, second: Layer, dead: Sequence[str]) -> bool:
    """Whether the second row alone reads the blob of the first."""
    alone = len(first.tops) == len(second.tops) == len(second.bottoms) == 1
    if not alone or first.tops != second.bottoms or first.echoes or second.echoes:
        return False
    return second.tops == second.bottoms or first.tops[0] in dead
