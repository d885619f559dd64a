"""Gradients of weights of 3 x 3 pixels with a quarter of the products, without AVX-512.

Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308): tiles
of 6 x 6 pixels make 4 x 4 of the top by 36 products, where the sums of a convolution have 144. Its
filters are a linear function of the weights, and the gradient goes back through it. Rounding is
that of sums in float32, a hundred thousandth of the largest number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from torch import Tensor

# A tile's pixels in a row, and those that it makes; a filter's.
TILE, MADE, SIDE = 6, 4, 3
# Section 4.3 of the paper: the transforms of a row of pixels, of a filter and of the products.
PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
FILTER = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
PRODUCTS = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 2, -2, 0),
    (0, 1, 1, 4, 4, 0),
    (0, 1, -1, 8, -8, 1),
)
# With fewer channels the transforms of tiles take as long as the products save, and with fewer
# pixels those of filters.
CHANNELS, ENOUGH = 64, 1500
# So many transformed numbers at once stay in the cache.
AT_ONCE = 1_200_000


def is_faster(x: Tensor, weight: Sequence[int]) -> bool:
    """Whether it is, for an image (n, in, h, w) and weights (out, in, h, w)."""
    pixels = x.shape[0] * x.shape[2] * x.shape[3]
    return list(weight[2:]) == [SIDE, SIDE] and min(weight[:2]) >= CHANNELS and pixels >= ENOUGH


def gradient_of_weights(gradient: Tensor, x: Tensor) -> Tensor:
    """That of the weights (out, in, 3, 3).

    Args:
        gradient: that of the top, (n, out, h, w).
        x: the image, (n, in, h, w), which has a border of one zero.
    """
    out, in_ = gradient.shape[1], x.shape[1]
    filters = x.new_zeros(TILE * TILE, in_, out)
    for images in _blocks(x, out):
        products = (_square(PRODUCTS).t() @ _tops(gradient[images])).view(TILE * TILE, -1, out)
        tiles = (_square(PIXELS) @ _tiles(x[images])).view(TILE * TILE, -1, in_)
        filters.baddbmm_(tiles.transpose(1, 2), products)
    weights = _square(FILTER).t() @ filters.flatten(1)
    return weights.view(SIDE, SIDE, in_, out).permute(3, 2, 0, 1)


@lru_cache
def _square(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """The transform of a square, by that of a row of it."""
    matrix = torch.tensor(rows, dtype=torch.float64, device="cpu")
    return torch.kron(matrix, matrix).float()


def _blocks(x: Tensor, out: int) -> Iterator[slice]:
    """As many images at once as the cache holds."""
    tall, wide = _counts(x)
    numbers = TILE * TILE * tall * wide * max(x.shape[1], out)
    many = max(1, AT_ONCE // numbers)
    return (slice(first, first + many) for first in range(0, len(x), many))


def _counts(images: Tensor) -> tuple[int, int]:
    """How many tiles are above each other, and side by side."""
    return -(-images.shape[2] // MADE), -(-images.shape[3] // MADE)


def _tiles(x: Tensor) -> Tensor:
    """Images (n, channels, h, w) as the pixels of tiles, (36, tiles x channels)."""
    (n, channels, height, width), (tall, wide) = x.shape, _counts(x)
    room = x.new_zeros(n, MADE * tall + 2, MADE * wide + 2, channels)
    room[:, 1 : height + 1, 1 : width + 1] = x.permute(0, 2, 3, 1)
    image, row, pixel, channel = room.stride()
    tiles = room.as_strided(
        (TILE, TILE, n, tall, wide, channels),
        (row, pixel, image, MADE * row, MADE * pixel, channel),
    )
    return tiles.reshape(TILE * TILE, -1)


def _tops(gradient: Tensor) -> Tensor:
    """The gradient of a top (n, channels, h, w) as what tiles make, (16, tiles x channels)."""
    (n, channels, height, width), (tall, wide) = gradient.shape, _counts(gradient)
    room = gradient.new_zeros(n, MADE * tall, MADE * wide, channels)
    room[:, :height, :width] = gradient.permute(0, 2, 3, 1)
    made = room.view(n, tall, MADE, wide, MADE, channels).permute(2, 4, 0, 1, 3, 5)
    return made.reshape(MADE * MADE, -1)
