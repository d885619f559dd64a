"""Layers that normalise, scale and shift in PyTorch, against Caffe's formulas in NumPy."""

import numpy as np
import pytest
import torch
from one_layer import call, gradients_hold, numbers, run

from deelish.engines import open_engine
from deelish.plan import Layer, Plan

SHAPES = [(5, 3), (2, 3, 6), (2, 3, 5, 7), (2, 3, 2, 3, 2)]


def moments(x):
    """Mean and variance of each channel, with ones for the other axes."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    x = x.astype(np.float64)
    return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)


def along(values, x):
    return np.reshape(values, (1, -1, *[1] * (x.ndim - 2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_divides_its_sums_by_the_factor(shape):
    x = numbers(*shape)
    sums = {"mean": [1.0, -2.0, 3.0], "variance": [4.0, 1.0, 2.0], "factor": [2.0]}
    [y] = run("BatchNorm", x, p=sums, eps=0.01)
    mean, variance = (along(sums[name], x) / 2 for name in ("mean", "variance"))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 0.01), rtol=2e-6, atol=1e-6)


def test_batch_norm_of_factor_0_has_mean_and_variance_0():
    x = numbers(2, 3, 4, 5)
    [y] = run("BatchNorm", x, p={"mean": [1.0] * 3, "variance": [1.0] * 3, "factor": [0.0]})
    np.testing.assert_allclose(y, x / np.sqrt(1e-5), rtol=2e-6)


def test_batch_norm_keeps_its_digits_where_the_mean_is_large():
    x = 4096 + np.round(numbers(2, 3, 5, 7) * 64) / 64
    p = {"mean": [4096.0] * 3, "variance": [1.0] * 3, "factor": [1.0]}
    [y] = run("BatchNorm", x, p=p, eps=0.0)
    np.testing.assert_allclose(y, x - 4096, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_by_the_batch(shape, training):
    x = numbers(*shape)
    p = {name: torch.ones(n) for name, n in (("mean", 3), ("variance", 3), ("factor", 1))}
    generator = torch.Generator() if training else None
    args = {} if training else {"use_global_stats": False}
    [y] = call(
        "BatchNorm", [torch.from_numpy(x)], p, 1, generator, moving_average_fraction=0.9, **args
    )
    mean, variance = moments(x)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-5, atol=1e-5)
    count = x.size // 3
    added = (mean.ravel(), variance.ravel() * count / (count - 1), 1) if training else (0.1,) * 3
    for name, value in zip(("mean", "variance", "factor"), added, strict=True):
        np.testing.assert_allclose(p[name], 0.9 + value, rtol=1e-5, atol=1e-6)


def test_batch_norm_of_one_value_has_variance_0():
    p = {name: torch.ones(n) for name, n in (("mean", 3), ("variance", 3), ("factor", 1))}
    x = torch.tensor([[1.0, 2.0, 3.0]])
    [y] = call("BatchNorm", [x], p, 1, torch.Generator(), moving_average_fraction=0.5)
    np.testing.assert_allclose(y, np.zeros((1, 3)), atol=1e-4)
    assert p["mean"].tolist() == [1.5, 2.5, 3.5]
    assert p["variance"].tolist() == [0.5] * 3


def test_batch_norm_trains_on_its_running_sums_where_told_to():
    x = numbers(2, 3, 4, 5)
    p = {name: torch.ones(n) for name, n in (("mean", 3), ("variance", 3), ("factor", 1))}
    [y] = call(
        "BatchNorm", [torch.from_numpy(x)], p, 1, torch.Generator(), use_global_stats=True, eps=0.0
    )
    np.testing.assert_allclose(y, x - 1, rtol=1e-6, atol=1e-6)
    assert all((value == 1).all() for value in p.values())


@pytest.mark.parametrize(
    ("args", "shape", "broadcast"),
    [
        ({}, (3,), (1, 3, 1, 1)),
        ({"axis": -1}, (7,), (1, 1, 1, 7)),
        ({"axis": 0, "num_axes": 2}, (2, 3), (2, 3, 1, 1)),
        ({"axis": 2, "num_axes": -1}, (5, 7), (1, 1, 5, 7)),
        ({"axis": 0, "num_axes": -1}, (2, 3, 5, 7), (2, 3, 5, 7)),
        ({"num_axes": 0}, (), ()),
    ],
)
def test_scale_and_bias(args, shape, broadcast):
    x = numbers(2, 3, 5, 7)
    weight, bias = numbers(*shape, seed=1), numbers(*shape, seed=2)
    w, b = (values.reshape(broadcast) for values in (weight, bias))
    for y, expected in [
        (run("Scale", x, p={"weight": weight}, **args), x * w),
        (run("Scale", x, p={"weight": weight, "bias": bias}, bias_term=True, **args), x * w + b),
        (run("Bias", x, p={"bias": bias}, **args), x + b),
        (run("Scale", x, weight, **args), x * w),
        (run("Scale", x, weight, p={"bias": bias}, bias_term=True, **args), x * w + b),
        (run("Bias", x, bias, **args), x + b),
    ]:
        np.testing.assert_allclose(y[0], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("eps", [1e-9, 0.1])
def test_mvn_adds_eps_to_the_deviation(across, eps):
    x = numbers(2, 3, 5, 7)
    axes = (1, 2, 3) if across else (2, 3)
    centred = x - x.mean(axes, keepdims=True)
    [y] = run("MVN", x, across_channels=across, normalize_variance=False)
    np.testing.assert_allclose(y, centred, atol=1e-6)
    [y] = run("MVN", x, across_channels=across, eps=eps)
    np.testing.assert_allclose(
        y, centred / (x.std(axes, keepdims=True) + eps), rtol=1e-5, atol=1e-6
    )


def test_mvn_of_vectors_normalises_them_across_channels_only():
    x = numbers(4, 6)
    [y] = run("MVN", x, across_channels=True)
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(y[:, :, 0, 0], expected, rtol=1e-5, atol=1e-6)
    assert (run("MVN", x)[0] == 0).all()


def test_mvn_of_a_constant_image_is_0_with_a_gradient():
    x = torch.ones(1, 2, 3, 3, requires_grad=True)
    [y] = call("MVN", [x])
    (y * torch.arange(9.0).reshape(3, 3)).sum().backward()
    assert (y == 0).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize(("size", "beta", "k"), [(5, 0.75, 1.0), (3, 0.6, 2.0), (1, 0.75, 1.0)])
def test_lrn_across_channels(size, beta, k):
    x = numbers(2, 7, 3, 2)
    squares = np.pad(x**2, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + 7] for i in range(size))
    (y,) = run("LRN", x, local_size=size, alpha=0.5, beta=beta, k=k)
    assert np.allclose(y, x / (k + 0.5 / size * sums) ** beta, atol=1e-5)


def test_lrn_within_channels_averages_over_zeros_outside_and_has_no_k():
    x = numbers(2, 3, 6, 5)
    squares = np.pad(x**2, ((0, 0), (0, 0), (1, 1), (1, 1)))
    sums = sum(squares[:, :, i : i + 6, j : j + 5] for i in range(3) for j in range(3))
    (y,) = run("LRN", x, local_size=3, alpha=2.0, k=5.0, norm_region="WITHIN_CHANNEL")
    assert np.allclose(y, x / (1 + 2 * sums / 9) ** 0.75, atol=1e-5)


def test_gradients():
    x = numbers(2, 3, 2, 2)
    trainable = {"weight": [0.5, -2.0, 1.0], "bias": [0.1, 0.2, 0.3]}
    assert gradients_hold("Scale", [x], trainable, bias_term=True)
    assert gradients_hold("Scale", [x, [1.0, 2.0]], {"bias": [0.1, 0.2]}, axis=-1, bias_term=True)
    assert gradients_hold("Scale", [x], {"weight": 1.5, "bias": 0.5}, num_axes=0, bias_term=True)
    assert gradients_hold("Bias", [x], {"bias": numbers(2, 3)}, axis=0, num_axes=2)
    assert gradients_hold("Bias", [x, numbers(2, 2)], axis=2)
    assert gradients_hold("MVN", [x])
    assert gradients_hold("MVN", [x], across_channels=True, eps=0.1)
    assert gradients_hold("LRN", [x], local_size=3)
    assert gradients_hold("LRN", [x], local_size=3, norm_region="WITHIN_CHANNEL", beta=0.5)


@pytest.mark.parametrize("own", [True, False])
def test_gradients_of_batch_norm(own):
    sums = [torch.tensor(v, dtype=torch.float64) for v in ([0.1, 0.2, 0.3], [1.0, 2.0, 3.0], [2.0])]
    p = dict(zip(("mean", "variance", "factor"), sums, strict=True))
    x = torch.tensor(numbers(2, 3, 2, 2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: call("BatchNorm", [x], p, use_global_stats=not own)[0], [x]
    )


SECOND = {
    "Scale with a bias": ("Scale", {"bias_term": True}),
    "Scale": ("Scale", {}),
    "Bias": ("Bias", {}),
}


def normalised(second, training, top="norm", data=(4, 3, 5, 6)):
    """A module of a BatchNorm and a second row, with other weights than the initial ones."""
    kind, args = SECOND[second]
    rows = [Layer("norm", "BatchNorm", "data", "norm", moving_average_fraction=0.9)]
    rows.append(Layer("second", kind, "norm", top, **args))
    plan = Plan([*rows, Layer("pool", "Pooling", global_pooling=True)], {"data": data})
    rng = np.random.default_rng(0)
    values = {
        layer: {name: abs(rng.normal(1, 0.3, blob.shape)) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    module = open_engine("torch", -1).build(plan, values).train(training)
    return module, values


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("top", ["norm", "shifted"], ids=["in place", "of its own"])
def test_batch_norm_and_what_shifts_it_run_as_one(second, top):
    module, values = normalised(second, training=True, top=top)
    assert len(module._runner._schedule("TRAIN", (top,))) == 1
    x = numbers(4, 3, 5, 6)
    [made] = module({"data": torch.from_numpy(x)}, [top]).values()
    mean, variance = moments(x)
    factor = values["second"].get("weight", np.ones(3)) if second != "Bias" else np.ones(3)
    shift = values["second"].get("bias", np.zeros(3))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * along(factor, x) + along(shift, x)
    np.testing.assert_allclose(made.detach(), expected, rtol=1e-4, atol=1e-5)
    running = module.weights_of("norm").mean
    np.testing.assert_allclose(
        running, 0.9 * values["norm"]["mean"] + mean.ravel(), rtol=1e-4, atol=1e-5
    )
    # The bias is added after all, so its gradient is that of a plain sum.
    made.sum().backward()
    if "bias" in values["second"]:
        gradient = module.weights_of("second").bias.grad
        np.testing.assert_allclose(gradient, np.full(3, x.size / 3), rtol=1e-4)


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_by_running_statistics_the_two_are_as_one(second, dtype):
    module, values = normalised(second, training=False)
    x = torch.from_numpy(numbers(4, 3, 5, 6)).to(dtype)
    [made] = module({"data": x}, ["norm"]).values()
    assert made.dtype == dtype
    mean, variance = (
        along(values["norm"][name] / values["norm"]["factor"], x) for name in ("mean", "variance")
    )
    factor = values["second"].get("weight", np.ones(3)) if second != "Bias" else np.ones(3)
    shift = values["second"].get("bias", np.zeros(3))
    expected = (x.float().numpy() - mean) / np.sqrt(variance + 1e-5)
    expected = expected * along(factor, x) + along(shift, x)
    exact = dtype == torch.float32
    np.testing.assert_allclose(
        made.detach().float(), expected, rtol=1e-5 if exact else 1e-2, atol=1e-5 if exact else 1e-2
    )


@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16], ids=str)
def test_batch_norm_alone_keeps_a_reduced_type(type):
    x = torch.from_numpy(numbers(2, 3, 4, 5)).to(type)
    sums = {"mean": [1.0, -2.0, 3.0], "variance": [4.0, 1.0, 2.0], "factor": [2.0]}
    p = {name: torch.tensor(values) for name, values in sums.items()}
    [y] = call("BatchNorm", [x], p, 1, None)
    assert y.dtype == type
    mean, variance = (along(np.array(sums[name]) / 2, x) for name in ("mean", "variance"))
    expected = (x.float().numpy() - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(y.float(), expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("training", [True, False])
def test_scores_keep_all_their_digits(second, training):
    """Also where both rows run as one: the last one makes the logits."""
    kind, args = SECOND[second]
    rows = [
        Layer("fc", "InnerProduct", num_output=3),
        Layer("norm", "BatchNorm"),
        Layer("second", kind, **args),
    ]
    plan = Plan(rows, {"data": (8, 5)})
    rng = np.random.default_rng(0)
    values = {
        layer: {name: abs(rng.normal(1, 0.3, blob.shape)) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    engine = open_engine("torch", -1, precision="bfloat16")
    module = engine.build(plan, values)
    data = {"data": engine.array(numbers(8, 5))}
    made = engine.run(module, data, [plan.logits], training=training, reduced=True)[plan.logits]
    assert made.dtype == torch.float32
    # In bfloat16 numbers have 8 digits, and the lower 16 bits of a float32 are 0.
    assert (made.detach().numpy().view(np.uint32) & 0xFFFF).any()


def test_a_scale_along_other_axes_stays_a_layer_of_its_own():
    rows = [Layer("norm", "BatchNorm"), Layer("second", "Scale", axis=2)]
    plan = Plan([*rows, Layer("pool", "Pooling", global_pooling=True)], {"data": (2, 3, 3, 3)})
    values = {
        layer: {name: np.ones(blob.shape) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    module = open_engine("torch", -1).build(plan, values)
    assert len(module._runner._schedule("TRAIN", ("second",))) == 2
