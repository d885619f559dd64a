"""A part of a network as a network: an encoder, a decoder."""

from __future__ import annotations

from deelish.engines import Values
from deelish.errors import PlanError
from deelish.plan import Layer, Plan


def plan_between(plan: Plan, start: str | None, end: str | None, name: str) -> Plan:
    """The rows of the test phase that lead from one blob to another.

    Args:
        plan: the whole network.
        start: the layer or blob whose numbers become the input; left out, the network's own input.
        end: the layer or blob that becomes the output; left out, the network's own.
        name: what the part is called.

    Raises:
        PlanError: there is no such layer, or the part reads more than `start`.
    """
    first = None if start is None else plan.blob_of(start)
    last = plan.logits if end is None else plan.blob_of(end)
    rows = [row for row in plan.layers if row.runs_in("TEST")]
    if first is not None:
        # A layer that works in place writes a blob once more.
        written = [index for index, row in enumerate(rows) if first in row.tops]
        rows = rows[max(written, default=-1) + 1 :]
    kept, needed = _leading_to(rows, last)
    if not kept:
        raise PlanError(
            f"{plan.name}.part(start={start!r}, end={end!r}): no layer leads from the one to the"
            " other; name a start before the end"
        )
    others = sorted(needed - set(plan.inputs) if first is None else needed - {first})
    if others:
        raise PlanError(
            f"{plan.name}.part(start={start!r}): the layers behind it read {', '.join(others)} too;"
            " name another start"
        )
    inputs = {each: (1, *plan.shapes[each][1:]) for each in sorted(needed)}
    return Plan(kept, inputs, name, last)


def _leading_to(rows: list[Layer], last: str) -> tuple[list[Layer], set[str]]:
    """The rows that make a blob, in order, and the blobs that they read and do not make."""
    needed, kept = {last}, []
    for row in reversed(rows):
        if needed.intersection(row.tops):
            needed.difference_update(row.tops)
            needed.update(row.bottoms)
            kept.append(row)
    return kept[::-1], needed


def values_of(plan: Plan, values: Values) -> Values:
    """The weights of a part's layers."""
    return {layer: values[layer] for layer in plan.weights}
