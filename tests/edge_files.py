"""Small files of the runtimes of small devices, each written by the packages of its makers.

All hold the same network: the mean of each channel over an image (3, 8, 8), times a matrix. None is
written by deelish, so that what reads them is compared with NumPy alone.
"""

from pathlib import Path

import numpy as np
import pytest

MATRIX = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
SHAPE = (3, 8, 8)


def expected(values):
    """Logits (n, 4) of values (n, 3, 8, 8) in NumPy."""
    return values.mean((2, 3)) @ MATRIX


def values_of(count, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (count, *SHAPE)).astype(np.float32)


def write_onnx(path, batch="n"):
    from onnx import TensorProto, helper, numpy_helper, save

    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["scores"]),
    ]
    image, scores = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("image", [batch, *SHAPE]), ("scores", None))
    )
    graph = helper.make_graph(
        nodes, "small", [image], [scores], [numpy_helper.from_array(MATRIX, "matrix")]
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def write_openvino(path, batch=1):
    openvino = pytest.importorskip("openvino", reason="the package openvino is not installed")
    ops = openvino.opset13
    image = ops.parameter([batch, *SHAPE], np.float32, name="image")
    mean = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
    model = openvino.Model([ops.matmul(mean, MATRIX, False, False)], [image])
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


def write_ncnn(path, sides="0=8 1=8 2=3"):
    lines = [
        "7767517",
        "3 3",
        f"Input image 0 1 image {sides}".rstrip(),
        "Pooling mean 1 1 image mean 0=1 4=1",
        f"InnerProduct score 1 1 mean score 0=4 1=0 2={MATRIX.size}",
    ]
    Path(path).write_text("\n".join(lines) + "\n")
    # A word of 0 says that the weights are float32.
    Path(path).with_suffix(".bin").write_bytes(bytes(4) + MATRIX.T.copy().tobytes())
    return path


def write_executorch(path):
    pytest.importorskip("executorch", reason="the package executorch is not installed")
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = torch.nn.Parameter(torch.from_numpy(MATRIX.copy()))

        def forward(self, image):
            return image.mean((2, 3)) @ self.matrix

    exported = torch.export.export(Small().eval(), (torch.zeros(1, *SHAPE),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    Path(path).write_bytes(lowered.to_executorch().buffer)
    return path


def write_litert(path, channels_last=True, scale=None, zero=0):
    """float32, or int8 where there is a scale: that of the image and of the scores."""
    reason = "the package ai-edge-litert is not installed"
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason=reason)
    import flatbuffers

    shape = [1, 8, 8, 3] if channels_last else [1, 3, 8, 8]
    axes = np.array([1, 2] if channels_last else [2, 3], np.int32)
    step = np.abs(MATRIX).max() / 127
    weights = MATRIX.T if scale is None else np.rint(MATRIX.T / step).astype(np.int8)
    kind = schema.TensorType.FLOAT32 if scale is None else schema.TensorType.INT8
    tensors = [
        _tensor(schema, "image", shape, kind, 0, scale, zero),
        _tensor(schema, "axes", [2], schema.TensorType.INT32, 1, None),
        _tensor(schema, "mean", [1, 3], kind, 0, scale, zero),
        _tensor(schema, "weights", [4, 3], kind, 2, scale and step),
        _tensor(schema, "scores", [1, 4], kind, 0, scale, zero),
    ]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = tensors, [0], [4]
    graph.operators = [
        _operator(schema, 0, [0, 1], [2], schema.BuiltinOptions.ReducerOptions, "ReducerOptionsT"),
        _operator(
            *(schema, 1, [2, 3, -1], [4]),
            *(schema.BuiltinOptions.FullyConnectedOptions, "FullyConnectedOptionsT"),
        ),
    ]
    model = schema.ModelT()
    model.version, model.description = 3, "small"
    model.subgraphs = [graph]
    model.operatorCodes = [
        _code(schema, schema.BuiltinOperator.MEAN, 2),
        _code(schema, schema.BuiltinOperator.FULLY_CONNECTED, 4),
    ]
    model.buffers = [_buffer(schema, data) for data in (b"", axes.tobytes(), weights.tobytes())]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    Path(path).write_bytes(builder.Output())
    return path


def _tensor(schema, name, shape, kind, buffer, scale, zero=0):
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, shape, kind, buffer
    if scale is not None:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [float(scale)], [zero]
    return made


def _operator(schema, index, inputs, outputs, kind, options):
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = index, inputs, outputs
    made.builtinOptionsType, made.builtinOptions = kind, getattr(schema, options)()
    return made


def _code(schema, operator, version):
    made = schema.OperatorCodeT()
    made.deprecatedBuiltinCode, made.builtinCode, made.version = operator, operator, version
    return made


def _buffer(schema, data):
    made = schema.BufferT()
    made.data = list(data) if data else None
    return made


WRITERS = {
    "onnxruntime": write_onnx,
    "openvino": write_openvino,
    "litert": write_litert,
    "executorch": write_executorch,
    "ncnn": write_ncnn,
}
