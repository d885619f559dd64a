"""What the tests of Caffe files share: bytes on disk and a small network with known weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deelish.plan import Layer, Plan

Arrays = dict[str, dict[str, np.ndarray]]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes to a file and give its path."""

    def save(content: bytes) -> Path:
        path = tmp_path / "net.caffemodel"
        path.write_bytes(content)
        return path

    return save


@pytest.fixture
def small_plan() -> Plan:
    """A network with every kind that OpenCV must read, twelve classes wide."""
    layers = [
        Layer("conv1", "Convolution", num_output=6, kernel_size=3, stride=2, pad=1),
        Layer("relu1", "ReLU"),
        Layer("norm1", "LRN", alpha=0.001, local_size=3),
        Layer("pool1", "Pooling", kernel_size=3, stride=2),
        Layer("left", "Convolution", "pool1", num_output=4, kernel_size=(3, 1), pad=(1, 0)),
        Layer("right", "Convolution", "pool1", num_output=4, kernel_size=1, bias_term=False),
        Layer("bn", "BatchNorm", "right", use_global_stats=True),
        Layer("scale", "Scale", "bn", bias_term=True),
        Layer("sum", "Eltwise", ("left", "scale"), coeff=(1.0, -0.5)),
        Layer("joined", "Concat", ("sum", "pool1")),
        Layer("squash", "TanH", phase="TRAIN"),
        Layer("average", "Pooling", "joined", pool="AVE", global_pooling=True),
        Layer("drop", "Dropout", dropout_ratio=0.4),
        Layer("fc", "InnerProduct", num_output=12, weight_filler={"type": "gaussian", "std": 0.01}),
        Layer("prob", "Softmax"),
    ]
    return Plan(layers, {"data": (1, 3, 19, 17)}, name="small")


@pytest.fixture
def arrays(small_plan: Plan) -> Arrays:
    """Random weights of the small network, every variance above 0."""
    shift = {"fc": 0.5, "left": 0.5}
    rng = np.random.default_rng(2016)
    return {
        layer: {
            name: (rng.uniform(0.2, 1, blob.shape) - shift.get(layer, 0)).astype(np.float32)
            for name, blob in blobs.items()
        }
        for layer, blobs in small_plan.weights.items()
    }
