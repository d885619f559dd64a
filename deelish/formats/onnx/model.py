"""A plan with its weights as an ONNX graph that takes any number of items where it can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deelish.errors import PlanError
from deelish.formats.onnx.graph import Graph, alike
from deelish.formats.onnx.outputs import output_blobs
from deelish.formats.onnx.writer import Arrays, Writer
from deelish.plan.plan import Plan
from deelish.plan.shapes import Shape

# A number, the name of a number that may vary, or None for one that only a run knows.
Side = int | str | None
BATCH = "batch"


@dataclass(frozen=True)
class ExportedModel:
    """A graph, the sides of its inputs and outputs, and the value that holds the logits.

    `batch` is the number of items that it takes, or None for any.
    """

    graph: Graph
    inputs: dict[str, list[Side]]
    outputs: dict[str, list[Side]]
    logits: str | None
    batch: int | None


def model_of(plan: Plan, values: Arrays) -> ExportedModel:
    """The plan as a graph.

    It is written for two numbers of items: where both graphs are the same, any number will do.

    Raises:
        PlanError: a layer has no counterpart in ONNX; it is named.
    """
    wanted = output_blobs(plan)
    rows = plan.rows("TEST", wanted)
    one = Writer(Plan(rows, plan.inputs, plan.name), values, wanted, plan.logits)
    shapes = _larger(plan, wanted)
    other = Writer(Plan(rows, shapes, plan.name), values, wanted, plan.logits) if shapes else one
    free = shapes is not None and alike(one.graph, other.graph)
    if not free:
        other = one
    batch = plan.inputs[plan.data][0] if plan.inputs else None

    def sides(blob: str) -> list[Side]:
        pairs = zip(one.shapes[blob], other.shapes[blob], strict=True)
        return [a if a == b else BATCH if a == batch and b == a + 1 else None for a, b in pairs]

    inputs = {name: sides(name) for name in one.inputs}
    outputs = {name: sides(blob) for name, blob in one.outputs.items()}
    if one.filters:
        # How many items a Filter lets through, only a run knows.
        outputs = {name: [None, *found[1:]] for name, found in outputs.items()}
    return ExportedModel(one.graph, inputs, outputs, one.logits, None if free else batch)


def _larger(plan: Plan, wanted: Sequence[str]) -> dict[str, Shape] | None:
    """The inputs for one item more, or None where the layers do not take that."""
    if not plan.inputs:
        return None
    batch = plan.inputs[plan.data][0]
    shapes = {
        name: (batch + 1, *shape[1:]) if shape[0] == batch else shape
        for name, shape in plan.inputs.items()
    }
    try:
        plan.check_inputs(shapes, wanted)
    except PlanError:
        return None
    return shapes
