"""Layers that work place by place in PyTorch, against Caffe's formulas in NumPy."""

from statistics import NormalDist

import numpy as np
import pytest
import torch
from one_layer import call, gradients_hold, numbers, run

SHAPES = [(3,), (2, 5), (2, 3, 5, 7)]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FORMULAS = [
    ("ReLU", {}, lambda x: np.maximum(x, 0)),
    ("ReLU", {"negative_slope": 0.1}, lambda x: np.maximum(x, 0) + 0.1 * np.minimum(x, 0)),
    ("ELU", {}, lambda x: np.where(x > 0, x, np.expm1(x))),
    ("ELU", {"alpha": 1.5}, lambda x: np.where(x > 0, x, 1.5 * np.expm1(x))),
    ("Sigmoid", {}, sigmoid),
    ("TanH", {}, np.tanh),
    ("AbsVal", {}, np.abs),
    ("BNLL", {}, lambda x: np.log1p(np.exp(x))),
    ("Swish", {}, lambda x: x * sigmoid(x)),
    ("Swish", {"beta": 0.5}, lambda x: x * sigmoid(0.5 * x)),
    ("GELU", {}, lambda x: x * np.vectorize(NormalDist().cdf)(x)),
    ("Power", {}, lambda x: x),
    ("Power", {"power": 2.0, "scale": 0.5, "shift": 1.0}, lambda x: (1 + 0.5 * x) ** 2),
    ("Power", {"power": 0.5, "shift": 3.0}, lambda x: np.sqrt(x + 3)),
    ("Power", {"power": -1.0, "scale": 2.0, "shift": 5.0}, lambda x: 1 / (2 * x + 5)),
    ("Exp", {}, np.exp),
    ("Exp", {"base": 2.0, "scale": 0.5, "shift": 1.0}, lambda x: 2 ** (1 + 0.5 * x)),
    ("Exp", {"scale": 0.3, "shift": -0.5}, lambda x: np.exp(0.3 * x - 0.5)),
    ("Log", {"shift": 3.0}, lambda x: np.log(x + 3)),
    ("Log", {"base": 2.0, "scale": 3.0, "shift": 7.0}, lambda x: np.log2(3 * x + 7)),
    ("Clip", {"min": -1.0, "max": 0.5}, lambda x: np.clip(x, -1, 0.5)),
    ("Threshold", {"threshold": 0.3}, lambda x: np.where(x > 0.3, 1.0, 0.0)),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kind", "args", "formula"), FORMULAS)
def test_formula(kind, args, formula, shape):
    x = numbers(*shape)
    [y] = run(kind, x, **args)
    np.testing.assert_allclose(y, formula(x.astype(np.float64)), rtol=2e-6, atol=3e-7)


def test_threshold_is_strict():
    [y] = run("Threshold", [0.5, 0.25, 0.75], threshold=0.5)
    assert y.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("args", "value"),
    [
        ({"power": 0.0, "scale": 2.0}, 1.0),
        ({"power": 2.0, "scale": 0.0, "shift": 3.0}, 9.0),
        ({"power": 0.5, "scale": 0.0, "shift": -1.0}, np.nan),
        ({"power": -1.0, "scale": 0.0}, np.inf),
    ],
)
def test_power_is_a_constant_where_power_or_scale_is_0(args, value):
    [y] = run("Power", [np.inf, np.nan, 0.0], **args)
    assert np.array_equal(y, [value] * 3, equal_nan=True)


def test_extremes_do_not_overflow():
    far = [-200.0, 200.0]
    assert run("BNLL", far)[0].tolist() == [0, 200]
    assert run("Sigmoid", far)[0].tolist() == [0, 1]
    assert run("ELU", far)[0].tolist() == [-1, 200]
    assert run("GELU", far)[0].tolist() == [0, 200]
    np.testing.assert_allclose(run("Exp", [200.0], shift=-200.0)[0], 1)


def test_prelu_has_a_slope_for_each_channel_or_one_for_all():
    slopes = np.array([0.5, -0.3, 0.1])
    for shape in [(4, 3), (2, 3, 5), (2, 3, 5, 7)]:
        x = numbers(*shape)
        each = slopes.reshape(-1, *[1] * (len(shape) - 2))
        [y] = run("PReLU", x, p={"weight": slopes})
        np.testing.assert_allclose(y, np.where(x > 0, x, each * x), rtol=1e-6)
        [y] = run("PReLU", x, p={"weight": 0.3}, channel_shared=True)
        np.testing.assert_allclose(y, np.where(x > 0, x, 0.3 * x), rtol=1e-6)


def test_eltwise():
    a, b, c = (numbers(2, 3, 5, 7, seed=seed) for seed in range(3))
    np.testing.assert_allclose(run("Eltwise", a, b, c)[0], a + b + c, atol=1e-6)
    weighted = run("Eltwise", a, b, c, coeff=(0.5, -2.0, 1.0))[0]
    np.testing.assert_allclose(weighted, 0.5 * a - 2 * b + c, atol=1e-6)
    np.testing.assert_allclose(run("Eltwise", a, b, c, operation="PROD")[0], a * b * c, rtol=1e-6)
    largest = np.maximum(np.maximum(a, b), c)
    assert np.array_equal(run("Eltwise", a, b, c, operation="MAX")[0], largest)
    # Caffe takes coeff with MAX, and makes nothing of it.
    assert np.array_equal(
        run("Eltwise", a, b, c, operation="MAX", coeff=(1.0, 2.0, 3.0))[0], largest
    )


def test_gradient_of_equal_maxima_goes_to_one_bottom():
    bottoms = [torch.ones(4, requires_grad=True) for _ in range(3)]
    call("Eltwise", bottoms, operation="MAX")[0].sum().backward()
    assert [bottom.grad.tolist() for bottom in bottoms] == [[0] * 4, [1] * 4, [0] * 4]


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_softmax(axis):
    x = numbers(2, 5, 3, 4, high=50)
    e = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    np.testing.assert_allclose(
        run("Softmax", x, axis=axis)[0], e / e.sum(axis, keepdims=True), rtol=1e-5, atol=1e-12
    )


def test_dropout_scales_what_it_keeps_and_is_nothing_at_test():
    x = numbers(50, 200, low=1)
    assert np.array_equal(run("Dropout", x, dropout_ratio=0.75)[0], x)
    [y] = run("Dropout", x, dropout_ratio=0.75, generator=torch.Generator().manual_seed(0))
    kept = y != 0
    assert kept.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(y[kept], 4 * x[kept], rtol=1e-6)
    assert np.array_equal(run("Dropout", x, dropout_ratio=0.0, generator=torch.Generator())[0], x)


POSITIVE = numbers(2, 3, 2, 2, low=0.5)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("ReLU", {"negative_slope": 0.1}),
        ("ELU", {"alpha": 0.7}),
        ("BNLL", {}),
        ("Swish", {"beta": 1.5}),
        ("GELU", {}),
        ("AbsVal", {}),
        ("Clip", {"min": -1.0, "max": 1.0}),
        ("Power", {"power": 1.5, "scale": 2.0, "shift": 0.5}),
        ("Exp", {"base": 3.0, "scale": 0.5, "shift": 0.2}),
        ("Log", {"base": 10.0, "scale": 2.0, "shift": 1.0}),
        ("Softmax", {"axis": -1}),
    ],
)
def test_gradients(kind, args):
    assert gradients_hold(kind, [POSITIVE], **args)
    if kind not in ("Power", "Log"):
        assert gradients_hold(kind, [-POSITIVE], **args)


def test_gradients_of_layers_with_more_weights_or_bottoms():
    x, y = POSITIVE, numbers(2, 3, 2, 2, seed=1)
    assert gradients_hold("PReLU", [-x], {"weight": [0.3, -0.2, 0.5]})
    assert gradients_hold("PReLU", [y], {"weight": 0.3}, channel_shared=True)
    for args in ({"coeff": (2.0, -1.0)}, {"operation": "PROD"}, {"operation": "MAX"}):
        assert gradients_hold("Eltwise", [x, y], **args)
