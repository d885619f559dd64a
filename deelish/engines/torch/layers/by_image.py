"""LRN and maxima without gradients, on a CPU: a few images at a time.

Each is a chain of passes, which take twice as long over a batch in memory as over an image in the
cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

# Channels whose sums one product of matrices makes; its band has few others.
BLOCK = 32
# Of images: what a core's cache holds beside what is made of them.
BYTES = 1 << 20


def goes_by_image(x: Tensor) -> bool:
    """Whether images (n, c, h, w) may go that way: no gradient, on a CPU, channels last."""
    return (
        x.device.type == "cpu"
        and x.dim() == 4
        and x.numel() > 0
        and not (x.requires_grad and torch.is_grad_enabled())
        and x.is_contiguous(memory_format=torch.channels_last)
        # A compiler would write every turn of the loop out.
        and not torch.compiler.is_compiling()
    )


def _parts(x: Tensor) -> Iterator[slice]:
    """Half an image for each thread, or as many small ones as its cache holds."""
    small = BYTES // (math.prod(x.shape[1:]) * x.element_size())
    images = max(-(-torch.get_num_threads() // 2), small)
    for start in range(0, len(x), images):
        yield slice(start, start + images)


def normalised(x: Tensor, band: Tensor, reach: int, k: float, beta: float) -> Tensor:
    """x / (k + band x^2)^beta, over the channels of each pixel.

    band: (c, c) and symmetric, 0 beyond `reach` from the diagonal, so that few products are made.
    """
    images, channels, height, width = x.shape
    made = x.new_empty((images, height, width, channels))
    blocks = _blocks(band, reach)
    parts = list(_parts(x))
    # The same memory for each part: it is in the cache already.
    room = x.new_empty((2, made[parts[0]].numel() // channels, channels))
    for part in parts:
        pixels = x[part].permute(0, 2, 3, 1).reshape(-1, channels)
        squares, sums = room[:, : len(pixels)]
        torch.mul(pixels, pixels, out=squares)
        for rows, columns, block in blocks:
            torch.mm(squares[:, rows], block, out=sums[:, columns])
        factors = power(sums.add_(k), beta, sums, squares)
        torch.mul(pixels, factors, out=made[part].view(-1, channels))
    return made.permute(0, 3, 1, 2)


def _blocks(band: Tensor, reach: int) -> list[tuple[slice, slice, Tensor]]:
    """Some columns of the band each, the rows where they are not all 0, and what is there."""
    blocks = []
    for start in range(0, len(band), BLOCK):
        rows = slice(max(0, start - reach), start + BLOCK + reach)
        columns = slice(start, start + BLOCK)
        blocks.append((rows, columns, band[rows, columns].contiguous()))
    return blocks


def power(
    values: Tensor, beta: float, out: Tensor | None = None, room: Tensor | None = None
) -> Tensor:
    """values to the power of -beta; to `out`, which may be the values, by way of `room`."""
    if beta == 0.75:
        root = torch.rsqrt(values, out=out)
        return torch.mul(root, torch.sqrt(root, out=room), out=out)
    return torch.pow(values, -beta, out=out)


def maxima_around(x: Tensor) -> Tensor:
    """Maxima of the 3 x 3 pixels around each: of each row's three, then of three rows."""
    made = torch.empty_like(x)
    for part in _parts(x):
        images, rows = x[part], x[part].clone()
        torch.maximum(rows[..., 1:], images[..., :-1], out=rows[..., 1:])
        torch.maximum(rows[..., :-1], images[..., 1:], out=rows[..., :-1])
        best = made[part].copy_(rows)
        torch.maximum(best[:, :, 1:], rows[:, :, :-1], out=best[:, :, 1:])
        torch.maximum(best[:, :, :-1], rows[:, :, 1:], out=best[:, :, :-1])
    return made


def maxima_of_steps(x: Tensor) -> Tensor:
    """Maxima of 3 x 3 pixels in steps of two, without pads; the last of an even side has two."""
    images, channels, height, width = x.shape
    made = x.new_empty((images, height // 2, width // 2, channels)).permute(0, 3, 1, 2)
    for part in _parts(x):
        tall, best = x[part], made[part]
        rows = torch.maximum(tall[:, :, :-1:2], tall[:, :, 1::2])
        _raise(rows, tall[:, :, 2::2], 2)
        torch.maximum(rows[..., :-1:2], rows[..., 1::2], out=best)
        _raise(best, rows[..., 2::2], 3)
    return made


def _raise(best: Tensor, third: Tensor, side: int) -> None:
    """Take the third of each three in, where there is one."""
    there = best.narrow(side, 0, min(best.shape[side], third.shape[side]))
    torch.maximum(there, third, out=there)
