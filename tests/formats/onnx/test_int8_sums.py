"""Sums of int8: right on every processor, x86 without VNNI among them, whose fast ones overflow."""

import numpy as np
import pytest

from deelish.engines.runtimes.programs.of_onnxruntime import Program
from deelish.formats.onnx.runtime import open_session

ops = pytest.importorskip("onnx").helper
CHANNELS, OPTION = 32, "session.x64quantprecision"
# Two products of these, 255 * 127 each, do not fit 16 bits.
BRIGHT, WEIGHT = 255, 127
TOTAL = CHANNELS * BRIGHT * WEIGHT
IMAGE = np.full((1, CHANNELS, 4, 4), BRIGHT, np.float32)


def rounded(name, scale):
    """A value in 8 bits and back, as quantisers write it."""
    return [
        ops.make_node("QuantizeLinear", [name, scale, "zero"], [f"{name}_8"]),
        ops.make_node("DequantizeLinear", [f"{name}_8", scale, "zero"], [f"{name}_rounded"]),
    ]


@pytest.fixture
def path(tmp_path):
    """A convolution of 1 x 1, whose weights are all 127, and its output in 8 bits."""
    from onnx import TensorProto, numpy_helper, save

    shape = (CHANNELS, CHANNELS, 1, 1)
    constants = {
        "one": np.float32(1),
        "step": np.float32(TOTAL / 255),
        "zero": np.uint8(0),
        "middle": np.int8(0),
        "weight_8": np.full(shape, WEIGHT, np.int8),
    }
    nodes = [
        *rounded("image", "one"),
        ops.make_node("DequantizeLinear", ["weight_8", "one", "middle"], ["weight"]),
        ops.make_node("Conv", ["image_rounded", "weight"], ["sums"]),
        *rounded("sums", "step"),
    ]
    image, sums = (
        ops.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *IMAGE.shape[1:]])
        for name in ("image", "sums_rounded")
    )
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = ops.make_graph(nodes, "sums", [image], [sums], held)
    made = ops.make_model(graph, opset_imports=[ops.make_opsetid("", 17)], ir_version=8)
    save(made, tmp_path / "sums.onnx")
    return str(tmp_path / "sums.onnx")


def test_a_session_sums_without_overflow(path):
    (sums,) = open_session(path).run(None, {"image": IMAGE})
    np.testing.assert_allclose(sums, TOTAL)


def test_what_measures_a_file_sums_without_overflow(path):
    np.testing.assert_allclose(Program(path, threads=1).run(IMAGE), TOTAL)


def test_both_ask_for_it_on_processors_that_hide_the_fault(path):
    """With VNNI the sums above are right without this option."""
    for session in (open_session(path), Program(path, threads=1)._session):
        assert session.get_session_options().get_session_config_entry(OPTION) == "1"
