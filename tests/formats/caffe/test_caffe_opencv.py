"""OpenCV reads what deelish writes: same weights, same outputs as a computation in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from deelish.formats.caffe import caffemodel_bytes, prototxt
from deelish.plan import Layer, Plan

cv2 = pytest.importorskip("cv2")
pytestmark = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromCaffe"), reason="this OpenCV reads no Caffe nets"
)
Arrays = dict[str, dict[str, np.ndarray]]


def opened(folder: Path, plan: Plan, arrays: Arrays) -> Any:
    (folder / "net.prototxt").write_text(prototxt(plan), encoding="utf-8")
    (folder / "net.caffemodel").write_bytes(caffemodel_bytes(plan, arrays, '{"a": "note"}'))
    return cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))


def convolve(x: np.ndarray, weights: dict[str, np.ndarray], stride: int, pad: Any) -> np.ndarray:
    """A convolution in float64 by windows."""
    weight = weights["weight"].astype(np.float64)
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2))
    windows = sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,ocij->nohw", windows, weight)
    bias = weights.get("bias", np.zeros(len(weight)))
    return np.asarray(y + bias.reshape(1, -1, 1, 1))


def max_pool(x: np.ndarray) -> np.ndarray:
    """Kernel 3, stride 2, the size rounded up as Caffe does it."""
    more = [(0, -(side - 3) % 2) for side in x.shape[2:]]
    x = np.pad(x, ((0, 0), (0, 0), *more), constant_values=-np.inf)
    return np.asarray(sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2].max((4, 5)))


def lrn(x: np.ndarray, size: int, alpha: float) -> np.ndarray:
    squares = np.pad(x**2, ((0, 0), (size // 2,) * 2, (0, 0), (0, 0)))
    sums = sliding_window_view(squares, size, 1).sum(-1)
    return np.asarray(x / (1 + alpha / size * sums) ** 0.75)


def output(x: np.ndarray, w: Arrays) -> np.ndarray:
    """The small network of the fixture in NumPy."""
    x = max_pool(lrn(np.maximum(convolve(x, w["conv1"], 2, (1, 1)), 0), 3, 0.001))
    left, right = convolve(x, w["left"], 1, (1, 0)), convolve(x, w["right"], 1, (0, 0))
    column = (1, -1, 1, 1)
    mean, variance = (w["bn"][key] / w["bn"]["factor"] for key in ("mean", "variance"))
    right = (right - mean.reshape(column)) / np.sqrt(variance.reshape(column) + 1e-5)
    right = right * w["scale"]["weight"].reshape(column) + w["scale"]["bias"].reshape(column)
    pooled = np.concatenate([left - 0.5 * right, x], 1).mean((2, 3))
    scores = pooled @ w["fc"]["weight"].T.astype(np.float64) + w["fc"]["bias"]
    exponents = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(exponents / exponents.sum(1, keepdims=True))


def test_opencv_gives_the_same_output(tmp_path: Path, small_plan: Plan, arrays: Arrays) -> None:
    x = np.random.default_rng(1).normal(size=(1, 3, 19, 17)).astype(np.float32)
    net = opened(tmp_path, small_plan, arrays)
    net.setInput(x, "data")
    found = net.forward("prob").reshape(1, 12)
    expected = output(x, arrays)
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_opencv_finds_the_same_weights(tmp_path: Path, small_plan: Plan, arrays: Arrays) -> None:
    net = opened(tmp_path, small_plan, arrays)
    for layer in ("conv1", "left", "right", "fc"):
        for index, array in enumerate(arrays[layer].values()):
            found = net.getParam(net.getLayerId(layer), index)
            assert found.ravel().tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "args",
    [
        {"kernel_size": 3, "dilation": 2, "pad": 2},
        {"kernel_size": (1, 3), "stride": 2, "pad": (0, 1)},
        {"kernel_size": 3, "bias_term": False},
    ],
)
def test_a_convolution_keeps_its_arguments(tmp_path: Path, args: dict[str, Any]) -> None:
    plan = Plan([Layer("c", "Convolution", num_output=4, **args)], {"x": (1, 2, 9, 8)})
    rng = np.random.default_rng(3)
    arrays = {
        "c": {
            name: rng.normal(size=blob.shape).astype(np.float32)
            for name, blob in plan.weights["c"].items()
        }
    }
    x = rng.normal(size=(1, 2, 9, 8)).astype(np.float32)
    net = opened(tmp_path, plan, arrays)
    net.setInput(x, "x")
    spread = dict(arrays["c"])
    if "dilation" in args:
        wide = np.zeros((4, 2, 5, 5), np.float32)
        wide[:, :, ::2, ::2] = spread["weight"]
        spread["weight"] = wide
    pad = args.get("pad", 0)
    pads = (pad, pad) if isinstance(pad, int) else pad
    expected = convolve(x, spread, args.get("stride", 1), pads)
    assert plan.shapes["c"] == expected.shape
    np.testing.assert_allclose(net.forward("c"), expected, rtol=1e-4, atol=1e-5)
