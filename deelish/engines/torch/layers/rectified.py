"""ReLU joined with the layer before or after it, in PyTorch. The numbers are those of the two.

After a convolution, on the CPU: what it makes is rectified before it is written. Before a maximum,
in training: of the maxima, which are a quarter as many, and so is their gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from deelish.engines.torch.layers.call import Args, Call, Op
from deelish.engines.torch.layers.convolution import (
    convolution,
    may_lie_outside,
    type_of,
    windows_of,
)
from deelish.engines.torch.layers.convolution_gradients import Windows, gradients, remember
from deelish.engines.torch.layers.pooling import has_pixels_in_every_window, pool
from deelish.plan.layer import Layer


def rectified(first: Layer, second: Layer, phase: str) -> Op | None:
    """The function of a ReLU and of the row before or after it; None for other rows."""
    types = (first.type, second.type)
    if types == ("Convolution", "ReLU") and not second.args["negative_slope"]:
        return _convolution
    if types == ("ReLU", "Pooling") and not first.args["negative_slope"] and phase == "TRAIN":
        return partial(_maxima, second.args) if second.args["pool"] == "MAX" else None
    return None


def _maxima(pooling: Args, x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor:
    """Where no pixel of a window is above 0, neither order lets a gradient through."""
    if not has_pixels_in_every_window(x[0], pooling):
        return pool(F.relu(x[0]), pooling)
    return F.relu(pool(x[0], pooling))


def _convolution(x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor:
    type = type_of(x[0])
    if not _in_one_pass(x[0], p, a, type):
        return F.relu(convolution(x, p, a, a["group"])[0])
    windows = windows_of(a)
    image = x[0].to(type)
    if not torch.is_grad_enabled():
        # A function of autograd would take as long as a small convolution.
        return _convolve(image, p.weight.to(type), p.bias, windows)
    y: Tensor = _Rectified.apply(image, p.weight, p.bias, windows)  # type: ignore[no-untyped-call]
    return y


def _in_one_pass(x: Tensor, p: Any, a: Args, type: torch.dtype) -> bool:
    if x.device.type != "cpu" or x.dim() != 4 or p.weight.dim() != 4 or not x.numel():
        return False
    # A compiler joins the two itself.
    return not may_lie_outside(a) and not torch.compiler.is_compiling() and _is_there(type)


@lru_cache(maxsize=8)
def _is_there(type: torch.dtype) -> bool:
    """Whether this PyTorch has the function, for this type, on this processor."""
    one = torch.ones(1, 1, 1, 1, dtype=type)
    try:
        return bool(_convolve(one, one, None, ([1, 1], [0, 0], [1, 1], 1)).item() == 1)
    except (AttributeError, RuntimeError):
        return False


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows) -> Tensor:
    stride, pad, dilation, group = windows
    cast = None if bias is None else bias.to(x.dtype)
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, cast, pad, stride, dilation, group, "relu", [], ""
    )
    return y


class _Rectified(torch.autograd.Function):
    """The gradient of the ReLU follows from its own output."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows
    ) -> Tensor:
        cast = weight.to(x.dtype)
        y = _convolve(x, cast, bias, windows)
        remember(ctx, windows, weight, bias, x, cast, y)
        return y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *_, y = ctx.saved_tensors
        return *gradients(torch.ops.aten.threshold_backward(gradient, y, 0), ctx), None
