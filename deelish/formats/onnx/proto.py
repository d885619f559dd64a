"""An ONNX graph as the package onnx holds it, checked by that package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from deelish.common.extras import ONNX
from deelish.errors import FileError, PlanError, first_line
from deelish.formats.onnx.graph import Node
from deelish.formats.onnx.model import ExportedModel, Side
from deelish.version import __version__

if TYPE_CHECKING:
    import onnx

# The lowest that has Reduce's axes, Shape's ends and Resize as they are written here; with its
# version of the file format, which onnxruntime reads since 2022.
OPSET, IR_VERSION = 17, 8
# A message of protobuf may be 2 GiB; names, nodes and text come to the weights.
MOST_BYTES = 2**31 - 2**24


def proto_of(name: str, model: ExportedModel, notes: Mapping[str, str]) -> onnx.ModelProto:
    """The model as a message, the notes in its `metadata_props`.

    Raises:
        FileError: the package onnx is not there, or the weights are too many for one file.
        PlanError: onnx's own checker refuses the model.
    """
    size = sum(array.nbytes for array in model.graph.constants.values())
    if size > MOST_BYTES:
        raise FileError(
            f"{name}: its weights are {size / 2**30:.1f} GiB, and an .onnx file holds 2 GiB at"
            " most; write .safetensors or .hdf5"
        )
    try:
        from onnx import checker, helper
    except ImportError:
        raise FileError(f"{name}: writing .onnx needs the package onnx; {ONNX}") from None
    proto = helper.make_model(
        _graph(name, model),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="deelish",
        producer_version=__version__,
    )
    helper.set_model_props(proto, dict(notes))
    try:
        checker.check_model(proto, full_check=True)
    except Exception as error:
        raise PlanError(
            f"{name}: onnx refuses the model ({first_line(error)}); write .safetensors"
        ) from error
    return proto


def _graph(name: str, model: ExportedModel) -> onnx.GraphProto:
    from onnx import helper, numpy_helper

    graph = model.graph
    return helper.make_graph(
        [_node(node) for node in graph.nodes],
        name,
        [_value(key, sides) for key, sides in model.inputs.items()],
        [_value(key, sides) for key, sides in model.outputs.items()],
        [numpy_helper.from_array(array, key) for key, array in graph.constants.items()],
    )


def _node(node: Node) -> onnx.NodeProto:
    from onnx import helper, numpy_helper

    attributes = {
        key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for key, value in node.attributes.items()
    }
    return helper.make_node(node.op, node.inputs, node.outputs, node.outputs[0], **attributes)


def _value(name: str, sides: list[Side]) -> onnx.ValueInfoProto:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)
