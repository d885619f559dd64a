"""Gradients of convolutions in float32 without AVX-512, by our own ways and in float64."""

import numpy as np
import pytest
import torch
from engines.torch.convolved import built, gradients, watched
from torch.utils._python_dispatch import TorchDispatchMode

from deelish.engines.torch.layers import convolution_gradients, winograd
from deelish.plan import Layer

THREE = {"kernel_size": 3, "pad": 1}
CASES = {
    "tiles that pass the edges": ((11, 64, 11, 13), THREE),
    "tiles that fill the image": ((8, 70, 12, 16), THREE),
    "one image": ((1, 64, 60, 27), THREE),
    "images of one pixel": ((1500, 64, 1, 1), THREE),
    "more than are computed at once": ((37, 64, 18, 15), THREE),
    "no bias": ((11, 64, 12, 12), {**THREE, "bias_term": False}),
    "one pixel": ((3, 5, 9, 12), {"kernel_size": 1}),
}
# Those that the library is left with.
OTHERS = {
    "few channels": ((11, 63, 12, 12), THREE),
    "few pixels": ((10, 64, 12, 12), THREE),
    "five pixels": ((11, 64, 12, 12), {"kernel_size": 5, "pad": 2}),
    "one row": ((11, 64, 12, 12), {"kernel_size": [1, 3], "pad": [0, 1]}),
    "steps of two": ((8, 64, 24, 24), {**THREE, "stride": 2}),
    "one pixel of two": ((4, 64, 24, 24), {"kernel_size": 1, "stride": 2}),
    "smaller tops": ((8, 64, 14, 14), {"kernel_size": 3}),
    "larger tops": ((11, 64, 12, 12), {"kernel_size": 1, "pad": 1}),
    "groups": ((11, 128, 12, 12), {**THREE, "group": 2}),
    "dilated": ((11, 64, 12, 12), {"kernel_size": 3, "pad": 2, "dilation": 2}),
}


@pytest.fixture(autouse=True)
def chosen(monkeypatch):
    """Which images went one of our ways, on any processor."""
    monkeypatch.setattr(convolution_gradients, "is_without_avx512", lambda: True)
    return watched(monkeypatch)


@pytest.mark.parametrize("is_rectified", [False, True], ids=["", "rectified"])
@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_they_are_those_of_float64_but_for_rounding(case, is_rectified, chosen):
    shape, args = (CASES | OTHERS)[case]
    relu = [Layer("relu", "ReLU", "conv", "conv")] if is_rectified else []
    ours, exact = gradients(built(shape, args, *relu, outputs=72), shape, args, is_rectified)
    for one, other in zip(ours, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one.double() - other).abs().max() <= 2e-5 * other.abs().max()
    assert chosen == ([shape] if case in CASES else [])


class Requests(TorchDispatchMode):
    """Which gradients the library is asked for: of the image, the weights and the bias."""

    def __init__(self):
        super().__init__()
        self.masks = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution_backward.default:
            self.masks.append(args[-1])
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16], ids=str)
def test_the_library_makes_none_of_them_again(type):
    """It makes those of the weights wherever it is asked for that of the bias."""
    shape = (11, 64, 12, 12) if type == torch.float32 else (11, 64, 7, 7)
    module = built(shape, THREE, outputs=72)
    x = torch.randn(shape, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=type == torch.bfloat16):
        y = module({"data": x}, ["conv"])["conv"]
    with Requests() as requests:
        y.float().sum().backward()
    of_image = [True, False, False]
    # In bfloat16 it makes those of the weights of longer rows.
    assert requests.masks == [of_image] + [[False, True, False]] * (type == torch.bfloat16)
    child = module.weights_of("conv")
    assert child.bias.grad == pytest.approx(11 * shape[2] * shape[3], rel=1e-6)
    assert child.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("outputs", [63, 64])
def test_few_outputs_are_the_librarys(outputs, chosen):
    shape = (11, 64, 12, 12)
    module = built(shape, THREE, outputs=outputs)
    module({"data": torch.ones(shape)}, ["conv"])["conv"].sum().backward()
    assert chosen == ([shape] if outputs == 64 else [])


@pytest.mark.parametrize("capability", ["DEFAULT", "AVX2", "AVX512", "NO AVX"])
def test_other_processors_are_left_to_the_library(capability, chosen, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    convolution_gradients.is_without_avx512.cache_clear()
    assert convolution_gradients.is_without_avx512() == (capability == "AVX2")
    convolution_gradients.is_without_avx512.cache_clear()


def test_the_transforms_are_those_of_the_paper():
    """A row of a filter over a row of pixels, in exact numbers: Lavin and Gray, equation 5."""
    pixels, filter = np.arange(6.0) ** 2 - 3, np.array([2.0, -1.0, 5.0])
    of_pixels, of_filter, of_products = map(
        np.array, (winograd.PIXELS, winograd.FILTER, winograd.PRODUCTS)
    )
    made = of_products @ ((of_filter @ filter) * (of_pixels @ pixels))
    np.testing.assert_allclose(made, np.correlate(pixels, filter, "valid"), rtol=1e-12)
