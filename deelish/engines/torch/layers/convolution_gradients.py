"""The gradients of a convolution, on a CPU.

In bfloat16 the library is slow at those of the weights where images are small: it goes over one
short row of pixels after the other. Here many images are side by side in one row, with columns of
zeros between them, which takes half of the time at 7 pixels and a fifth of it at 3. Where a window
is one pixel, they are a product of two matrices.

In float32 it is slow without AVX-512. There that product takes three quarters of its time, and
those of 3 x 3 pixels take half of it or less by fewer products.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from deelish.engines.torch.layers import winograd

# Stride, pad, dilation and group, as the library takes them.
Windows = tuple[list[int], list[int], list[int], int]
# Longer rows of pixels are as fast without others beside them.
SHORT = 8
# A row has at most so many images, and a multiple of so many pixels.
BESIDE, AT_ONCE = 64, 32


class Convolved(torch.autograd.Function):
    """A convolution in the type of its image, with these gradients."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, windows: Windows
    ) -> Tensor:
        cast = weight.to(x.dtype)
        remember(ctx, windows, weight, bias, x, cast)
        stride, pad, dilation, group = windows
        return F.conv2d(
            x, cast, None if bias is None else bias.to(x.dtype), stride, pad, dilation, group
        )

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return *gradients(gradient, ctx), None


def remember(
    ctx: Any, windows: Windows, weight: Tensor, bias: Tensor | None, *saved: Tensor
) -> None:
    """Keep what `gradients` needs; saved: the image, the weights cast to its type, and others."""
    ctx.save_for_backward(*saved)
    ctx.windows, ctx.type, ctx.biased = windows, weight.dtype, bias is not None


def gradients(gradient: Tensor, ctx: Any) -> tuple[Tensor | None, ...]:
    """Of the image, the weights and the bias, each where it is needed, of what was remembered."""
    x, weight, *_ = ctx.saved_tensors
    stride, pad, dilation, group = ctx.windows
    of_image, of_weight, of_bias = ctx.needs_input_grad[:3]
    of_bias = of_bias and ctx.biased
    ours = of_weight and is_slow(x, x.dtype, weight.shape, ctx.windows)
    # With that of the bias the library makes that of the weights, too.
    made = torch.ops.aten.convolution_backward(
        *(gradient, x, weight, [len(weight)], stride, pad, dilation, False, [0, 0], group),
        [of_image, of_weight and not ours, of_bias and not ours],
    )
    if ours:
        bias = gradient.sum((0, 2, 3), dtype=ctx.type) if of_bias else None
        made = made[0], gradients_of_weights(gradient, x, weight, pad), bias
    return made[0], *(None if each is None else each.to(ctx.type) for each in made[1:])


def is_slow(x: Tensor, type: torch.dtype, weight: Sequence[int], windows: Windows) -> bool:
    """Whether the library is slow at gradients of weights (out, in, h, w) in this type."""
    stride, pad, dilation, group = windows
    if x.device.type != "cpu" or x.dim() != 4 or not x.numel():
        return False
    same_sides = list(weight[2:]) == [2 * each + 1 for each in pad]
    if not same_sides or stride != [1, 1] or dilation != [1, 1] or group != 1:
        return False
    if type == torch.float32:
        return is_without_avx512() and (pad == [0, 0] or winograd.is_faster(x, weight))
    return type == torch.bfloat16 and (pad == [0, 0] or x.shape[3] <= SHORT)


@lru_cache
def is_without_avx512() -> bool:
    """With it the library is twice as fast in float32, and nobody measured these ways."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def gradients_of_weights(gradient: Tensor, x: Tensor, weight: Tensor, pad: list[int]) -> Tensor:
    """Those of weights (out, in, h, w), of an image and the gradient of its top.

    Windows go a pixel at a time, and the top has the size of the image.
    """
    if pad == [0, 0]:
        pixels, of_pixels = (
            each.permute(0, 2, 3, 1).reshape(-1, each.shape[1]) for each in (x, gradient)
        )
        return (of_pixels.t() @ pixels).view(weight.shape)
    if x.dtype == torch.float32:
        return winograd.gradient_of_weights(gradient, x)
    made: Tensor = torch.ops.aten.convolution_backward(
        *(_side_by_side(gradient, pad[1]), _side_by_side(x, pad[1]), weight, None),
        *([1, 1], pad, [1, 1], False, [0, 0], 1, [False, True, False]),
    )[1]
    return made


def _side_by_side(images: Tensor, pad: int) -> Tensor:
    """(n, c, h, w) -> (n / k, c, h, k * (w + pad) or more), with zeros on the right of each image.

    Rows end in zeros up to a multiple of 32 pixels. With two threads the library of PyTorch 2.13
    reads memory beyond other rows, on processors with AMX, and NaN that is left there comes out.
    """
    n, channels, height, width = images.shape
    many = max(k for k in range(1, BESIDE + 1) if n % k == 0)
    used = many * (width + pad)
    rows = images.new_zeros(n // many, height, -(-used // AT_ONCE) * AT_ONCE, channels)
    there = rows[:, :, :used].view(n // many, height, many, width + pad, channels)[:, :, :, :width]
    shown = images.permute(0, 2, 3, 1).reshape(n // many, many, height, width, channels)
    there.copy_(shown.transpose(1, 2))
    return rows.permute(0, 3, 1, 2)
