"""Layers that join, cut, reshape and reduce arrays, in PyTorch: one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from deelish.engines.operators import reshaped
from deelish.engines.torch.layers.call import Args, Op
from deelish.plan.layers import reshaping

_REDUCTIONS: dict[str, Callable[[Tensor, list[int]], Tensor]] = {
    "SUM": lambda x, axes: x.sum(axes),
    "ASUM": lambda x, axes: x.abs().sum(axes),
    "SUMSQ": lambda x, axes: x.square().sum(axes),
    "MEAN": lambda x, axes: x.mean(axes),
}


def _slices(x: Tensor, a: Args, tops: int) -> Sequence[Tensor]:
    axis = a["axis"]
    sides = [shape[axis] for shape in reshaping.slices(a, [tuple(x.shape)], tops)]
    return torch.split(x, sides, axis)


def _crop(x: Tensor, reference: Tensor, a: Args) -> Tensor:
    for axis, offset in list(enumerate(reshaping.crop_offsets(a, x.dim())))[a["axis"] :]:
        x = x.narrow(axis, offset, reference.shape[axis])
    return x


def _reduction(x: Tensor, a: Args) -> Tensor:
    y = _REDUCTIONS[a["operation"]](x, list(range(x.dim()))[a["axis"] :])
    return y if a["coeff"] == 1 else y * a["coeff"]


OPS: dict[str, Op] = {
    "Concat": lambda x, p, a, c: torch.cat(list(x), a["axis"]),
    "Slice": lambda x, p, a, c: _slices(x[0], a, c.tops),
    "Split": lambda x, p, a, c: [x[0]] * c.tops,
    "Flatten": lambda x, p, a, c: reshaped(reshaping.flatten, x[0], a),
    "Reshape": lambda x, p, a, c: reshaped(reshaping.reshape, x[0], a),
    "Crop": lambda x, p, a, c: _crop(x[0], x[1], a),
    "Tile": lambda x, p, a, c: torch.cat([x[0]] * a["tiles"], a["axis"]),
    "Reduction": lambda x, p, a, c: _reduction(x[0], a),
    "Silence": lambda x, p, a, c: (),
}
