"""Verification of a file: differences from its network are found, and equal files have none."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import small

from deelish import Deel, Layer, Network
from deelish.network.verify import inputs_for, largest_difference


@pytest.fixture
def network() -> Network:
    with Deel(seed=1):
        yield small()


def test_differences_are_found(network, tmp_path):
    path = network.save(tmp_path / "mine.hdf5")
    assert largest_difference(network, path) == (0, "prob")
    network.module.weights_of("score").bias.data[1] += 0.1
    difference, blob = largest_difference(network, path)
    assert (blob, difference > 1e-3) == ("prob", True)
    network.module.weights_of("score").bias.data[1] = np.nan
    assert largest_difference(network, path) == (np.inf, "prob")


def test_differences_of_an_onnx_model_are_found(network, tmp_path):
    pytest.importorskip("onnx.checker")
    pytest.importorskip("onnxruntime")
    path = network.export(tmp_path / "mine.onnx")
    assert largest_difference(network, path)[0] < 1e-5
    network.module.weights_of("score").bias.data[1] += 0.1
    assert largest_difference(network, path)[0] > 1e-3


def test_a_model_for_any_size_is_run_at_a_second_one(tmp_path):
    pytest.importorskip("onnx.checker")
    pytest.importorskip("onnxruntime")
    rows = [
        Layer("pool", "Pooling", kernel_size=3, stride=2),
        Layer("conv", "Convolution", num_output=2, kernel_size=3),
    ]
    with Deel():
        made, other = (
            Network([*rows, Layer("end", "Pooling", **end)], in_size=9)
            for end in ({"global_pooling": True}, {"kernel_size": 2})
        )
        other.module.weights_of("conv").load_state_dict(made.module.weights_of("conv").state_dict())
    path = made.export(tmp_path / "made.onnx")
    assert largest_difference(made, path)[0] < 1e-5
    # The two are the same at 9 x 9 alone.
    assert largest_difference(other, path) == (np.inf, "end")


def test_nan_in_both_is_no_difference(network, tmp_path):
    network.module.weights_of("score").bias.data[1] = np.nan
    network.write(tmp_path / "mine.hdf5")
    assert largest_difference(network, tmp_path / "mine.hdf5") == (0, "prob")


def test_verification_runs_on_pixels_less_their_mean():
    rows = [Layer("ip", "InnerProduct", num_output=2)]
    with Deel():
        made = Network(rows, in_size=9, mean=(100.0,), scale=0.5)
    data = inputs_for(made)["data"]
    assert data.shape == (1, 3, 9, 9)
    assert -50 <= data.min() < -30 < 60 < data.max() <= 77.5
    assert np.array_equal(data, inputs_for(made)["data"])
