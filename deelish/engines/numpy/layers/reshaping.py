"""Layers that join, cut, reshape and reduce arrays, in NumPy: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers import reshaping
from deelish.plan.shapes import axis_of


def _slices(x: Array, a: Args, tops: int) -> list[Array]:
    axis = axis_of(a["axis"], x.ndim)
    sides = [shape[axis] for shape in reshaping.slices(a, [x.shape], tops)]
    return np.split(x, list(accumulate(sides))[:-1], axis)


def _crop(x: Sequence[Array], a: Args) -> Array:
    shape = reshaping.crop(a, [each.shape for each in x], 1)[0]
    offsets = reshaping.crop_offsets(a, x[0].ndim)
    cut = (slice(at, at + side) for at, side in zip(offsets, shape, strict=True))
    return x[0][tuple(cut)]


def _tile(x: Array, a: Args) -> Array:
    repeats = [1] * x.ndim
    repeats[a["axis"]] = a["tiles"]
    return np.tile(x, repeats)


def _reduction(x: Array, a: Args) -> Array:
    """coeff times the sum of the numbers, of their magnitudes or squares, or their mean."""
    rows = x.reshape(*reshaping.reduction(a, [x.shape], 1)[0], -1)
    if a["operation"] == "MEAN":
        return a["coeff"] * rows.mean(-1)
    terms = {"SUM": rows, "ASUM": np.abs(rows), "SUMSQ": rows**2}[a["operation"]]
    return a["coeff"] * terms.sum(-1)


OPS: dict[str, Op] = {
    "Concat": lambda x, p, a, c: np.concatenate(x, a["axis"]),
    "Slice": lambda x, p, a, c: _slices(x[0], a, c.tops),
    "Split": lambda x, p, a, c: [x[0]] * c.tops,
    "Flatten": lambda x, p, a, c: x[0].reshape(reshaping.flatten(a, [x[0].shape], 1)[0]),
    "Reshape": lambda x, p, a, c: x[0].reshape(reshaping.reshape(a, [x[0].shape], 1)[0]),
    "Crop": lambda x, p, a, c: _crop(x, a),
    "Tile": lambda x, p, a, c: _tile(x[0], a),
    "Reduction": lambda x, p, a, c: _reduction(x[0], a),
    "Silence": lambda x, p, a, c: (),
}
