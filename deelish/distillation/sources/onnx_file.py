"""An .onnx file before it runs: its logits, deelish's metadata in it, its digest."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from deelish.common.extras import ONNX
from deelish.distillation.sources.stated import stated_in, sum_of
from deelish.engines.digests import Digest
from deelish.errors import FileError, first_line
from deelish.formats.onnx.untrusted import check_model

if TYPE_CHECKING:
    import onnx


class OnnxFile:
    """The contents of the file.

    Attributes:
        logits: the name of the value that holds the logits: that in deelish's metadata, else the
            input of a Softmax that makes the first output, else the first output.
        stated: what deelish's metadata in it states.
        parameters: how many floating-point numbers its initialisers hold, and quantised ones.

    Raises:
        FileError: it is damaged, or the package onnx is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnx
        except ImportError:
            raise FileError(f"{path}: reading .onnx needs the package onnx; {ONNX}") from None
        self.path = path
        self._weight_files = check_model(path)
        try:
            # Large weights may be in files beside it; onnxruntime reads those.
            self._model = onnx.load(path, load_external_data=False)
        except Exception as error:
            raise FileError(f"{path}: is no model of ONNX ({first_line(error)})") from error
        graph = self._model.graph
        if not graph.output:
            raise FileError(f"{path}: its graph has no output; give a model with an output")
        metadata = {entry.key: entry.value for entry in self._model.metadata_props}
        self.logits = metadata.get("logits") or _before_softmax(graph)
        self.stated = stated_in(path, metadata)
        floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
        self.parameters = _parameters(graph, floats)

    @property
    def files(self) -> list[Path]:
        """It, and the weight files that it names."""
        return [self.path, *(self.folder / name for name in self._weight_files)]

    @property
    def folder(self) -> Path:
        """Where its weight files are, if it has any."""
        return self.path.resolve().parent

    def runnable(self) -> bytes | str:
        """What onnxruntime loads: the path, or bytes in which the logits are an output."""
        from onnx import helper

        graph = self._model.graph
        if self.logits in (value.name for value in graph.output):
            return str(self.path.resolve())
        values = [value for node in graph.node for value in node.output]
        if self.logits not in values:
            raise FileError(
                f"{self.path}: its logits, {self.logits!r}, are the output of no node; export it"
                " again"
            )
        kind = graph.output[0].type.tensor_type.elem_type
        graph.output.append(helper.make_tensor_value_info(self.logits, kind, None))
        data: bytes = self._model.SerializeToString()
        graph.output.pop()
        return data

    def digest(self) -> str:
        """sha256 of the file and of the weight files that it names."""
        return Digest(self.logits, *map(sum_of, self.files)).hex()


def _parameters(graph: onnx.GraphProto, floats: Collection[int]) -> int:
    """Numbers of the initialisers, without the scales and zero points of quantised ones."""
    kinds = ("QuantizeLinear", "DequantizeLinear")
    quantising = [node for node in graph.node if node.op_type in kinds]
    scales = {name for node in quantising for name in node.input[1:]}
    quantised = {node.input[0] for node in quantising}
    return sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.name not in scales and (tensor.data_type in floats or tensor.name in quantised)
    )


def _before_softmax(graph: onnx.GraphProto) -> str:
    first = graph.output[0].name
    maker = next((node for node in graph.node if first in node.output), None)
    return str(maker.input[0] if maker is not None and maker.op_type == "Softmax" else first)
