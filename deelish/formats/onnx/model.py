"""A plan with its weights as an ONNX graph that takes any batch and any image where it can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deelish.errors import PlanError
from deelish.formats.onnx.graph import Graph, alike
from deelish.formats.onnx.other_inputs import (
    Inputs,
    larger_batch,
    least_sides,
    other_sequences,
    other_sizes,
)
from deelish.formats.onnx.outputs import output_blobs
from deelish.formats.onnx.size_guard import guard_sizes
from deelish.formats.onnx.writer import Arrays, Writer
from deelish.plan.plan import Plan
from deelish.plan.sequence_format import CONT

# A number, the name of a number that may vary, or None for one that only a run knows.
Side = int | str | None
# The sides that may vary, by name: of images, and of sequences.
IMAGE_AXES = {"batch": 0, "height": 2, "width": 3}
SEQUENCE_AXES = {"time": 0, "batch": 1}


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


def model_of(plan: Plan, values: Arrays, *, sequences: bool = False) -> ExportedModel:
    """The plan as a graph.

    It is written for two numbers of items: where both graphs are the same, any number will do. In
    the same way it is written for images of several sizes, or for sequences of several lengths.

    Args:
        plan: the network.
        values: its weights.
        sequences: whether it reads sequences, as `SequenceFormat` gives them; in the graph they are
            without padding.

    Raises:
        PlanError: a layer has no counterpart in ONNX; it is named.
    """
    blobs = output_blobs(plan)
    rows = plan.rows("TEST", blobs)

    def written(inputs: Inputs) -> Writer:
        other = Plan(rows, inputs, plan.name)
        return Writer(other, values, blobs, plan.logits, CONT if sequences else None)

    def all_alike(others: Iterable[Inputs]) -> list[Writer]:
        """The graphs for other inputs; none where one of them is another graph, or refused."""
        found = []
        for inputs in others:
            try:
                plan.check_inputs(inputs, blobs)
                found.append(written(inputs))
            except PlanError:
                return []
            if not alike(one.graph, found[-1].graph):
                return []
        return found

    one = written(plan.inputs)
    larger = all_alike(other_sequences(plan) if sequences else larger_batch(plan))
    sizes = all_alike(other_sizes(plan, larger=bool(larger)))
    axes = SEQUENCE_AXES if sequences else IMAGE_AXES
    names = _Names(plan, axes, [one, *larger, *sizes])
    inputs = {name: names.sides(name) for name in one.inputs}
    outputs = {name: names.sides(blob) for name, blob in one.outputs.items()}
    if one.filters:
        # How many items a Filter lets through, only a run knows.
        outputs = {name: [None, *found[1:]] for name, found in outputs.items()}
    if sizes and plan.data in one.inputs:
        guard_sizes(one.graph, plan.data, least_sides(plan, rows), outputs)
    fixed = plan.inputs[plan.data][0] if plan.inputs and not larger else None
    return ExportedModel(one.graph, inputs, outputs, one.logits, fixed)


class _Names:
    """Which sides vary between graphs for several inputs, and by which name."""

    def __init__(self, plan: Plan, axes: Mapping[str, int], writers: Sequence[Writer]) -> None:
        self._writers = writers
        given = [writer.given.get(plan.data, ()) for writer in writers]
        self._named = {
            tuple(shape[axis] for shape in given): name
            for name, axis in axes.items()
            if all(len(shape) > axis for shape in given)
        }

    def sides(self, blob: str) -> list[Side]:
        shapes = [writer.shapes[blob] for writer in self._writers]
        return [
            each[0] if len(set(each)) == 1 else self._named.get(each)
            for each in zip(*shapes, strict=True)
        ]
