"""What every layer's function is given beside the names of its bottoms and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deelish.formats.onnx.graph import Graph
from deelish.plan.layer import Layer
from deelish.plan.shapes import Args, Shape

# The numbers that stand for types in attributes: TensorProto.DataType in onnx.proto.
FLOAT, INT64, BOOL = 1, 7, 9


@dataclass(frozen=True)
class LayerWriter:
    """One layer that is being written.

    Attributes:
        bottoms, tops: the shapes of its blobs.
        arrays: its weights by blob name.
        names: the constants of its weights by blob name.
    """

    graph: Graph
    layer: Layer
    bottoms: Sequence[Shape]
    tops: Sequence[Shape]
    arrays: Mapping[str, np.ndarray]
    names: Mapping[str, str]

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Write a node; the name of what it makes. An input of "" is left out."""
        return self.graph.node(op, inputs, self.layer.name, 1, attributes)[0]

    def nodes(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Write a node that makes several values; their names."""
        return self.graph.node(op, inputs, self.layer.name, outputs, attributes)

    def floats(self, values: Any) -> str:
        """A constant of float32."""
        return self._constant(np.asarray(values, np.float32))

    def whole(self, *values: int) -> str:
        """A constant vector of whole numbers, as ONNX takes axes, sides and counts."""
        return self._constant(np.array(values, np.int64))

    def number(self, value: int) -> str:
        """A constant whole number, which has no axis."""
        return self._constant(np.array(value, np.int64))

    def _constant(self, values: np.ndarray) -> str:
        return self.graph.constant(f"{self.layer.name}/constant", values)

    def reshaped(self, x: str, old: Shape, new: Shape) -> str:
        """x of another shape.

        The first side is copied, or found from the others: it may be the batch, which may have any
        size when the model runs.
        """
        if old == new:
            return x
        first = () if not new else (0,) if old and old[0] == new[0] else (-1,)
        return self.node("Reshape", x, self.whole(*first, *new[1:]))


# (names of the bottoms, arguments, the call) -> the name of its top, or one for each top
Write = Callable[[Sequence[str], Args, LayerWriter], str | Sequence[str]]
