"""An .onnx file before it runs: its logits, deelish's metadata in it, its digest."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deelish.common.extras import ONNX
from deelish.common.json_text import parsed_json
from deelish.engines.digests import Digest
from deelish.errors import DataError, FileError, first_line
from deelish.formats.onnx.untrusted import check_model
from deelish.plan.preprocessing import Preprocessing

if TYPE_CHECKING:
    import onnx


class OnnxFile:
    """The contents of the file.

    Attributes:
        logits: the name of the value that holds the logits: that in deelish's metadata, else the
            input of a Softmax that makes the first output, else the first output.
        pixels, labels: from deelish's metadata; empty and None in files of other programs.
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
        self._read_metadata(metadata)
        floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
        self.parameters = _parameters(graph, floats)

    def _read_metadata(self, metadata: dict[str, str]) -> None:
        self.pixels: dict[str, Any] = {}
        self.labels: list[str] | None = None
        if "deelish" not in metadata:
            return
        try:
            found = Preprocessing.from_dict(parsed_json(metadata["preprocessing"]))
            names = parsed_json(metadata.get("labels", "null"))
            self.labels = None if names is None else [str(name) for name in names]
        except (DataError, ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"{self.path}: deelish's metadata in it is damaged ({first_line(error)}); export it"
                " again"
            ) from None
        self.pixels = {field.name: getattr(found, field.name) for field in fields(found)}

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
        digest = Digest(self.logits, _sum(self.path))
        for name in self._weight_files:
            digest.text(_sum(self.folder / name))
        return digest.hex()


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


def _sum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error})") from None
