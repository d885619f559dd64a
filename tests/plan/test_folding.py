"""BatchNorm, Scale and Bias in the weights before them: the numbers stay, the rows go."""

from __future__ import annotations

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.plan.folding import folded

CONV = {"num_output": 4, "kernel_size": 3, "bias_term": False}


def made(rows, in_size=8):
    """A network whose statistics, scales and shifts are random, and what folding makes of it."""
    network = Network(rows, in_size=in_size)
    values, rng = network.engine.state(network.module), np.random.default_rng(0)
    for row in network.plan.layers:
        if row.type in ("BatchNorm", "Scale", "Bias"):
            for blob, array in values.get(row.name, {}).items():
                low = 0.5 if blob in ("variance", "factor") else -2.0
                array[...] = rng.uniform(low, 2.0, array.shape)
    network.module = network.engine.build(network.plan, values)
    return network, *folded(network.plan, values)


def kinds(rows, **facts):
    """The types that are left, after a check that the logits are the same in NumPy's engine."""
    with Deel(engine="numpy", seed=1):
        network, plan, values = made(rows, **facts)
        images = np.random.default_rng(1).uniform(-1, 1, (3, 3, 8, 8)).astype(np.float32)
        ours = network.run({"data": images}, [network.plan.logits])[network.plan.logits]
        module = network.engine.build(plan, values)
        theirs = network.engine.run(module, {"data": images}, [plan.logits], training=False)
        assert np.allclose(ours, theirs[plan.logits], rtol=1e-5, atol=1e-5)
        assert (plan.logits, plan.inputs) == (network.plan.logits, network.plan.inputs)
    return [row.type for row in plan.layers]


@pytest.mark.parametrize("in_place", [True, False])
def test_batch_norm_and_scale_go_into_a_convolution(in_place):
    top = "conv" if in_place else ""
    rows = [
        Layer("conv", "Convolution", **CONV),
        Layer("norm", "BatchNorm", top=top or "norm"),
        Layer("scale", "Scale", top=top or "scale", bias_term=True),
        Layer("relu", "ReLU"),
        Layer("score", "InnerProduct", num_output=3),
    ]
    assert kinds(rows) == ["Convolution", "ReLU", "InnerProduct"]


def test_bias_and_scale_go_into_an_inner_product_with_a_bias_of_its_own():
    rows = [
        Layer("score", "InnerProduct", num_output=3),
        Layer("shift", "Bias"),
        Layer("scale", "Scale"),
    ]
    assert kinds(rows) == ["InnerProduct"]


def test_groups_and_the_softmax_after_the_logits():
    rows = [
        Layer("first", "Convolution", num_output=4, kernel_size=1),
        Layer("conv", "Convolution", num_output=4, kernel_size=3, group=2),
        Layer("norm", "BatchNorm"),
        Layer("score", "InnerProduct", num_output=3),
        Layer("prob", "Softmax"),
    ]
    assert kinds(rows) == ["Convolution", "Convolution", "InnerProduct"]


def test_what_another_layer_reads_stays():
    rows = [
        Layer("conv", "Convolution", **CONV),
        Layer("norm", "BatchNorm", bottom="conv", top="norm"),
        Layer("sum", "Eltwise", bottom=["conv", "norm"]),
    ]
    assert kinds(rows) == ["Convolution", "BatchNorm", "Eltwise"]


def test_logits_before_a_scale_that_only_a_loss_reads_stay():
    rows = [
        Layer("score", "InnerProduct", num_output=3),
        Layer("scale", "Scale", bottom="score", top="scaled"),
        Layer("prob", "Softmax"),
    ]
    with Deel(engine="numpy"):
        network, plan, _ = made(rows)
        assert plan.logits == network.plan.logits


def test_batch_norm_of_the_batch_itself_stays():
    rows = [
        Layer("conv", "Convolution", **CONV),
        Layer("norm", "BatchNorm", use_global_stats=False),
    ]
    assert kinds(rows) == ["Convolution", "BatchNorm"]


def test_a_scale_of_another_axis_stays():
    rows = [Layer("conv", "Convolution", **CONV), Layer("scale", "Scale", axis=2)]
    assert kinds(rows) == ["Convolution", "Scale"]


def test_weights_that_two_layers_share_stay():
    shared = {"param": {"name": "w"}}
    rows = [
        Layer("one", "Convolution", num_output=3, kernel_size=1, bias_term=False, **shared),
        Layer("norm", "BatchNorm"),
        Layer("two", "Convolution", num_output=3, kernel_size=1, bias_term=False, **shared),
    ]
    assert kinds(rows) == ["Convolution", "BatchNorm", "Convolution"]


def test_a_batch_norm_without_statistics_is_as_caffe_computes_it():
    rows = [Layer("conv", "Convolution", **CONV), Layer("norm", "BatchNorm")]
    with Deel(engine="numpy", seed=1):
        network = Network(rows, in_size=8)
        values = network.engine.state(network.module)
        plan, folds = folded(network.plan, values)
        factor = 1 / np.sqrt(1e-5)
        assert np.allclose(folds["conv"]["weight"], values["conv"]["weight"] * factor)
        assert len(plan.layers) == 1
