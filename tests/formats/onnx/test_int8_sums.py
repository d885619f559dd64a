"""Sums of int8: right on every processor, x86 without VNNI among them, whose fast ones overflow."""

import platform
from pathlib import Path

import numpy as np
import pytest

from deelish.engines.runtimes.programs.of_onnxruntime import SIDE, Program, sums_overflow
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


@pytest.fixture
def forgotten():
    """What was found of the processor is forgotten, before and after."""
    sums_overflow.cache_clear()
    yield
    sums_overflow.cache_clear()


def test_a_session_sums_without_overflow(path):
    (sums,) = open_session(path).run(None, {"image": IMAGE})
    np.testing.assert_allclose(sums, TOTAL)


def test_what_measures_a_file_sums_without_overflow(path):
    np.testing.assert_allclose(Program(path, threads=1).run(IMAGE), TOTAL)


def asks(session):
    """Whether a session was told to sum exactly, which takes twice as long with VNNI."""
    try:
        return session.get_session_options().get_session_config_entry(OPTION) == "1"
    except RuntimeError:  # It was not set.
        return False


def both(path):
    return open_session(path), Program(path, threads=1)._session


@pytest.mark.skipif(not sums_overflow(), reason="the sums of int8 of this processor are right")
def test_both_ask_for_it_where_sums_overflow(path):
    assert all(asks(session) for session in both(path))


@pytest.mark.skipif(sums_overflow(), reason="this processor's fast sums of int8 overflow")
def test_neither_asks_for_it_where_sums_are_right(path):
    assert not any(asks(session) for session in both(path))


def test_what_the_processor_does_is_measured_and_not_assumed(path, forgotten, monkeypatch):
    """A processor that stops at the largest number of 16 bits, as x86 without VNNI does."""
    onnxruntime = pytest.importorskip("onnxruntime")
    right = onnxruntime.InferenceSession.run

    def overflowing(session, names, given):
        return [np.minimum(sums, SIDE // 2 * 32_767) for sums in right(session, names, given)]

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", overflowing)
    assert all(asks(session) for session in both(path))


def test_it_says_what_linux_says_of_the_processor():
    flags = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not flags.is_file():
        pytest.skip("only Linux on x86 lists what its processor has")
    assert sums_overflow() == ("vnni" not in flags.read_text())
