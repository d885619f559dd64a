"""Layers that go over an image by windows of weights, in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.operators import each_bottom
from deelish.engines.torch.layers.call import Args, Op
from deelish.engines.torch.layers.convolution_gradients import Convolved, Windows, is_slow
from deelish.plan.layers.convolution import windows
from deelish.plan.shapes import axis_of

# By the axes of the weights: of one, two or three spatial axes.
_CONVOLVE: dict[int, Any] = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}
_SCATTER: dict[int, Any] = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}


def convolution(x: Sequence[Tensor], p: Any, a: Args, group: int) -> list[Tensor]:
    """One top a bottom, each through the same weights."""
    convolve = _CONVOLVE[p.weight.dim()]

    def run(each: Tensor) -> Tensor:
        pad = a["pad"]
        if _learns_slowly(each, p, a, group):
            image = each.to(type_of(each))
            learnt: Tensor = Convolved.apply(image, p.weight, p.bias, windows_of(a))  # type: ignore[no-untyped-call]
            return learnt
        if may_lie_outside(a):
            # PyTorch 2.13 reads beyond its memory where a window is wholly in its padding.
            bounds = windows(a, p.weight.dim() - 2)
            each, pad = F.pad(each, [w.pad for w in reversed(bounds) for _ in range(2)]), 0
        y: Tensor = convolve(each, p.weight, p.bias, a["stride"], pad, a["dilation"], group)
        return y

    return each_bottom(x, p.weight.dim(), run)


def _learns_slowly(x: Tensor, p: Any, a: Args, group: int) -> bool:
    """Whether the gradients of these weights are made faster than by the library."""
    if not (torch.is_grad_enabled() and p.weight.requires_grad and p.weight.dim() == x.dim() == 4):
        return False
    # A compiler has gradients of its own.
    if torch.compiler.is_compiling() or group != a["group"]:
        return False
    return is_slow(x, type_of(x), p.weight.shape, windows_of(a))


def type_of(x: Tensor) -> torch.dtype:
    """The type that a convolution of this image computes in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def windows_of(a: Args) -> Windows:
    """The windows of a convolution of two spatial axes."""
    return _pair(a["stride"]), _pair(a["pad"]), _pair(a["dilation"]), a["group"]


def _pair(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def may_lie_outside(a: Args) -> bool:
    """Whether a window may be wholly in its padding."""
    pads, kernels = (v if isinstance(v, tuple) else (v,) for v in (a["pad"], a["kernel_size"]))
    return bool(max(pads) >= min(kernels))


def _deconvolution(x: Sequence[Tensor], p: Any, a: Args) -> list[Tensor]:
    axes = p.weight.dim() - 2
    scatter = _SCATTER[p.weight.dim()]
    # PyTorch 2.15 forgets the bias of pixels between windows, in bfloat16 on processors with AMX.
    apart = p.bias is not None and any(w.stride > w.extent for w in windows(a, axes))
    bias = None if apart else p.bias

    def run(each: Tensor) -> Tensor:
        y: Tensor = scatter(
            each, p.weight, bias, a["stride"], a["pad"], 0, a["group"], a["dilation"]
        )
        return y + p.bias.to(y.dtype).view(-1, *[1] * axes) if apart else y

    return each_bottom(x, p.weight.dim(), run)


def _im2col(x: Tensor, a: Args) -> Tensor:
    """Each window's pixels as channels, ordered by channel, then by position in the window."""
    axis = axis_of(a["axis"], x.dim())
    bounds = windows(a, x.dim() - axis - 1)
    x = F.pad(x, [w.pad for w in reversed(bounds) for _ in range(2)])
    for side, w in enumerate(bounds, axis + 1):
        x = x.unfold(side, w.extent, w.stride)[..., :: w.dilation]
    first = axis + 1 + len(bounds)
    positions, kernels = range(axis + 1, first), range(first, x.dim())
    return x.permute(*range(axis), axis, *kernels, *positions).flatten(axis, axis + len(bounds))


OPS: dict[str, Op] = {
    "Convolution": lambda x, p, a, c: convolution(x, p, a, a["group"]),
    "Deconvolution": lambda x, p, a, c: _deconvolution(x, p, a),
    "Im2col": lambda x, p, a, c: _im2col(x[0], a),
}
