"""Gradients of convolutions in bfloat16, by our own ways and by those of PyTorch in float64."""

import subprocess
import sys

import pytest
import torch
from engines.torch.convolved import built, gradients, watched
from processes import environment

from deelish.plan import Layer

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


@pytest.fixture
def chosen(monkeypatch):
    """Which images went one of our ways."""
    return watched(monkeypatch)


@pytest.mark.parametrize("is_rectified", [False, True], ids=["", "rectified"])
@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_gradients_are_those_of_float64_but_for_rounding(case, is_rectified, chosen):
    shape, args = (CASES | OTHERS)[case]
    relu = [Layer("relu", "ReLU", "conv", "conv")] if is_rectified else []
    module = built(shape, args, *relu, outputs=6)
    ours, exact = gradients(module, shape, args, is_rectified, torch.bfloat16)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(
            one.double(), other, rtol=0.02, atol=0.01 * float(other.abs().max())
        )
    assert chosen == ([shape] if case in CASES else [])


@pytest.mark.parametrize("more", [[], [Layer("relu", "ReLU", "conv", "conv")]], ids=["", "relu"])
def test_weights_that_learn_nothing_get_no_gradient(chosen, more):
    shape, args = CASES["small images"]
    module = built(shape, args, *more, outputs=6)
    torch.nn.init.ones_(module.weights_of("conv").bias)
    child = module.weights_of("conv")
    child.weight.requires_grad_(False)
    x = torch.ones(shape, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        module({"data": x}, ["conv"])["conv"].float().sum().backward()
    assert child.weight.grad is None
    assert x.grad.abs().sum() > 0
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
