"""Gradients of convolutions in bfloat16, by our own ways and by those of PyTorch in float64."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from processes import environment

from deelish.engines import open_engine
from deelish.engines.torch.layers import convolution_gradients
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill

CASES = {
    "small images": ((6, 5, 7, 7), {"kernel_size": 3, "pad": 1}),
    "an odd number of them": ((7, 5, 7, 7), {"kernel_size": 3, "pad": 1}),
    "more than a row takes": ((130, 3, 3, 3), {"kernel_size": 3, "pad": 1}),
    "higher than wide": ((6, 4, 11, 5), {"kernel_size": 5, "pad": 2}),
    "a window of unequal sides": ((6, 4, 5, 8), {"kernel_size": [1, 3], "pad": [0, 1]}),
    "one pixel": ((3, 5, 9, 12), {"kernel_size": 1}),
    "no bias": ((6, 5, 4, 4), {"kernel_size": 3, "pad": 1, "bias_term": False}),
}
# Those that the library is left with.
OTHERS = {
    "large images": ((2, 3, 12, 12), {"kernel_size": 3, "pad": 1}),
    "steps of two": ((4, 3, 8, 8), {"kernel_size": 3, "pad": 1, "stride": 2}),
    "one pixel of two": ((4, 3, 8, 8), {"kernel_size": 1, "stride": 2}),
    "smaller tops": ((4, 3, 8, 8), {"kernel_size": 3}),
    "groups": ((4, 4, 6, 6), {"kernel_size": 3, "pad": 1, "group": 2}),
    "dilated": ((4, 3, 6, 6), {"kernel_size": 3, "pad": 1, "dilation": 2}),
}


def built(shape, args, *more):
    row = Layer("conv", "Convolution", num_output=6, **args)
    # Scores are computed in float32: here they are those of the pooling.
    pool = Layer("pool", "Pooling", global_pooling=True)
    plan = Plan([row, *more, pool], {"data": shape})
    values = {
        layer: {name: fill(blob, (0,), layer + name) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return open_engine("torch", -1).build(plan, values)


def gradients(module, shape, args, is_rectified):
    """Ours in bfloat16, and those of the same rounded numbers in float64."""
    draw = np.random.default_rng(3).normal(0, 1, shape).astype(np.float32)
    child, found = module.weights_of("conv"), []
    weights = [each for each in (child.weight, child.bias) if each is not None]
    x = torch.from_numpy(draw).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = module({"data": x}, ["conv"])["conv"]
    projection = torch.linspace(-1, 1, y.numel()).reshape(y.shape).bfloat16()
    found.append(torch.autograd.grad((y * projection).sum(), [x, *weights]))
    exact = [each.detach().bfloat16().double().requires_grad_() for each in (x, *weights)]
    names = [args.get(name, value) for name, value in [("stride", 1), ("pad", 0), ("dilation", 1)]]
    names = [tuple(each) if isinstance(each, list) else each for each in names]
    bias = exact[2] if len(exact) == 3 else None
    made = F.conv2d(exact[0], exact[1], bias, *names, args.get("group", 1))
    if is_rectified:
        # Where rounding decides the sign, its own counts.
        made = made * (y > 0)
    found.append(torch.autograd.grad((made * projection.double()).sum(), exact))
    return found


@pytest.fixture
def chosen(monkeypatch):
    """Which images went one of our ways."""
    seen, way = [], convolution_gradients.gradients_of_weights

    def of_weights(gradient, x, *others):
        seen.append(tuple(x.shape))
        return way(gradient, x, *others)

    monkeypatch.setattr(convolution_gradients, "gradients_of_weights", of_weights)
    return seen


@pytest.mark.parametrize("is_rectified", [False, True], ids=["", "rectified"])
@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_gradients_are_those_of_float64_but_for_rounding(case, is_rectified, chosen):
    shape, args = (CASES | OTHERS)[case]
    relu = [Layer("relu", "ReLU", "conv", "conv")] if is_rectified else []
    ours, exact = gradients(built(shape, args, *relu), shape, args, is_rectified)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(
            one.double(), other, rtol=0.02, atol=0.01 * float(other.abs().max())
        )
    assert chosen == ([shape] if case in CASES else [])


@pytest.mark.parametrize("more", [[], [Layer("relu", "ReLU", "conv", "conv")]], ids=["", "relu"])
def test_weights_that_learn_nothing_get_no_gradient(chosen, more):
    shape, args = CASES["small images"]
    module = built(shape, args, *more)
    torch.nn.init.ones_(module.weights_of("conv").bias)
    child = module.weights_of("conv")
    child.weight.requires_grad_(False)
    x = torch.ones(shape, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        module({"data": x}, ["conv"])["conv"].float().sum().backward()
    assert child.weight.grad is None
    assert x.grad.abs().sum() > 0
    assert not chosen


def test_in_float32_the_library_makes_them(chosen):
    shape, args = CASES["small images"]
    module = built(shape, args)
    module({"data": torch.ones(shape)}, ["conv"])["conv"].sum().backward()
    assert module.weights_of("conv").weight.grad.abs().sum() > 0
    assert not chosen


# glibc reuses freed memory, which held NaN, where its settings keep it.
AFTER_NAN = """
import torch
from deelish.engines.torch.layers.convolution_gradients import gradients_of_weights
sizes = [2**n for n in range(12, 27)] * 3
for count, side, window, in_, out in ((50, 6, 5, 32, 64), (50, 6, 3, 32, 64), (25, 4, 3, 64, 64)):
    x, gradient = (
        torch.randn(count, channels, side, side).bfloat16() for channels in (in_, out)
    )
    weight = torch.zeros(out, in_, window, window).bfloat16()
    for _ in range(2):
        [torch.full((size,), torch.nan, dtype=torch.bfloat16) for size in sizes]
        made = gradients_of_weights(gradient, x, weight, [window // 2] * 2)
        print(bool(made.isfinite().all()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is kept as glibc does")
def test_memory_that_held_nan_changes_no_gradient():
    """The library of PyTorch 2.13 read it with two threads, in rows of these lengths."""
    kept = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
    made = subprocess.run(
        [sys.executable, "-c", AFTER_NAN],
        env=environment(**kept) | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == ["True"] * 6
