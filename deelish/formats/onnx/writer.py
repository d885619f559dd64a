"""Writes the rows of a plan as nodes, in order, and names what they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from deelish.errors import PlanError
from deelish.formats.onnx.graph import Graph
from deelish.formats.onnx.layer_writer import LayerWriter
from deelish.formats.onnx.layers import NODES
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.plan import Plan
from deelish.plan.shapes import Shape
from deelish.plan.sharing import BlobKey

Arrays = Mapping[str, Mapping[str, np.ndarray]]


class Writer:
    """The graph of a plan whose rows are those that the given blobs need.

    A blob that rows write over in place is a new value each time; its last value has its name.

    Attributes:
        graph: the nodes, with all that nothing needs taken out.
        given: the shapes of the network's inputs.
        shapes: the shape of every blob's last value.
        inputs: the network's inputs that the graph reads.
        outputs: the given blobs by the name of the value; that is the blob's, or where an input
            has it already, the name of the layer that wrote over it.
        logits: the value that holds the logits, or None where the given blobs do not need it.
        filters: whether the number of items changes while it runs.
    """

    def __init__(
        self,
        plan: Plan,
        values: Arrays,
        blobs: Sequence[str],
        logits: str,
        whole_sequences: str | None = None,
    ) -> None:
        self._plan, self._values = plan, values
        self._constants: dict[tuple[BlobKey, Shape], str] = {}
        self._makers: dict[str, str] = {}
        self._names = {name: name for name in plan.inputs}
        self.graph = Graph(set(plan.shapes), whole_sequences)
        self.given = plan.inputs
        self.shapes: dict[str, Shape] = dict(plan.inputs)
        for row in plan.layers:
            self._write(row)
        self.filters = any(row.type == "Filter" for row in plan.layers)
        self._settle(blobs)
        self.outputs = {self._output(blob): blob for blob in blobs}
        used = self.graph.keep(self.outputs)
        self.inputs = [name for name in plan.inputs if name in used]
        value = self._names.get(logits)
        self.logits = value if value in used else None

    def _write(self, row: Layer) -> None:
        if row.type not in NODES:
            raise PlanError(
                f"{row.label}: ONNX has no operator for it; write the network as .caffemodel,"
                " .hdf5 or .safetensors"
            )
        bottoms = [self.shapes[name] for name in row.bottoms]
        tops = KINDS[row.type].shape(row.args, bottoms, len(row.tops))
        arrays = self._arrays(row)
        names = {blob: self._constant(row, blob, array) for blob, array in arrays.items()}
        call = LayerWriter(self.graph, row, bottoms, tops, arrays, names)
        try:
            made = NODES[row.type]([self._names[name] for name in row.bottoms], row.args, call)
        except PlanError as error:
            raise PlanError(f"{row.label}: {error}") from None
        values = [made] if isinstance(made, str) else made
        for top, value, shape in zip(row.tops, values, tops, strict=True):
            self._names[top], self.shapes[top], self._makers[top] = value, shape, row.name
        self._echo(row, call)

    def _echo(self, row: Layer, call: LayerWriter) -> None:
        """Blobs in the memory that the row wrote over change with it."""
        for name in row.echoes:
            if name in self._names:
                written = next(top for top in row.tops if top in row.bottoms)
                value, old = self._names[written], self.shapes[written]
                self._names[name] = call.reshaped(value, old, self.shapes[name])

    def _arrays(self, row: Layer) -> dict[str, np.ndarray]:
        arrays = {}
        for name, blob in self._plan.weights.get(row.name, {}).items():
            layer, owned = self._owner(row, name)
            arrays[name] = self._values[layer][owned].reshape(blob.shape)
        return arrays

    def _owner(self, row: Layer, blob: str) -> BlobKey:
        return self._plan.owners.get((row.name, blob), (row.name, blob))

    def _constant(self, row: Layer, blob: str, array: np.ndarray) -> str:
        """The constant of an array of weights: one for all layers that share it."""
        key = self._owner(row, blob), array.shape
        if key not in self._constants:
            name = "/".join(key[0])
            self._constants[key] = self.graph.constant(name, array)
        return self._constants[key]

    def _settle(self, blobs: Iterable[str]) -> None:
        """Give the last value of each blob the blob's name, the given ones first."""
        names: dict[str, str] = {}
        fixed = {*self._plan.inputs, *self.graph.constants}
        for blob in (*blobs, *self._names):
            value = self._names[blob]
            if value not in fixed and blob not in self._plan.inputs:
                names.setdefault(value, blob)
        self.graph.rename(names)
        self._names = {blob: names.get(value, value) for blob, value in self._names.items()}

    def _output(self, blob: str) -> str:
        """The name of the output that a given blob becomes."""
        value = self._names[blob]
        if value == blob and blob not in self._plan.inputs:
            return blob
        name = self.graph.free(self._makers[blob]) if blob in self._plan.inputs else blob
        self.graph.add("Identity", [value], name)
        return name
