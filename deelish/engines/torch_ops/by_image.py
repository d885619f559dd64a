"""LRN and maxima that are not learnt through, on a CPU: a few images at a time.

Each is a chain of passes, which take twice as long over a batch in memory as over an image in the
cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Channels whose sums one product of matrices makes; its band has few others.
BLOCK = 32


def goes_by_image(x: Tensor) -> bool:
    """Whether images (n, c, h, w) may go that way: no gradient, on a CPU, channels last."""
    return (
        x.device.type == "cpu"
        and x.dim() == 4
        and not (x.requires_grad and torch.is_grad_enabled())
        and x.is_contiguous(memory_format=torch.channels_last)
        # A compiler would write every turn of the loop out.
        and not torch.compiler.is_compiling()
    )


def _parts(x: Tensor) -> Iterator[slice]:
    """Half an image for each thread: as much as its cache holds of images of this size."""
    images = -(-torch.get_num_threads() // 2)
    for start in range(0, len(x), images):
        yield slice(start, start + images)


def normalised(x: Tensor, band: Tensor, reach: int, k: float, beta: float) -> Tensor:
    """x / (k + band x^2)^beta, over the channels of each pixel.

    band: (c, c) and symmetric, 0 beyond `reach` from the diagonal, so that few products are made.
    """
    images, channels, height, width = x.shape
    made = x.new_empty((images, height, width, channels))
    blocks = _blocks(band, reach)
    for part in _parts(x):
        pixels = x[part].permute(0, 2, 3, 1).reshape(-1, channels)
        squares, sums = pixels * pixels, torch.empty_like(pixels)
        for rows, columns, block in blocks:
            torch.mm(squares[:, rows], block, out=sums[:, columns])
        torch.mul(pixels, power(sums.add_(k), beta), out=made[part].view(-1, channels))
    return made.permute(0, 3, 1, 2)


def _blocks(band: Tensor, reach: int) -> list[tuple[slice, slice, Tensor]]:
    """Some columns of the band each, the rows where they are not all 0, and what is there."""
    blocks = []
    for start in range(0, len(band), BLOCK):
        rows = slice(max(0, start - reach), start + BLOCK + reach)
        columns = slice(start, start + BLOCK)
        blocks.append((rows, columns, band[rows, columns].contiguous()))
    return blocks


def power(values: Tensor, beta: float) -> Tensor:
    """values to the power of -beta."""
    if beta == 0.75:
        root = values.rsqrt()
        return root * root.sqrt()
    return values.pow(-beta)


def maxima_of_three(x: Tensor) -> Tensor:
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
