"""Layers that join, cut, reshape and reduce arrays, in Chainer: one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.operators import reshaped
from deelish.plan.layers import reshaping

F = import_chainer().functions

_REDUCTIONS: dict[str, Callable[[Variable, tuple[int, ...]], Variable]] = {
    "SUM": lambda x, axes: F.sum(x, axes),
    "ASUM": lambda x, axes: F.sum(F.absolute(x), axes),
    "SUMSQ": lambda x, axes: F.sum(F.square(x), axes),
    "MEAN": lambda x, axes: F.mean(x, axes),
}


def _slices(x: Variable, a: Args, tops: int) -> Sequence[Variable]:
    axis = a["axis"]
    ends = list(accumulate(shape[axis] for shape in reshaping.slices(a, [x.shape], tops)))
    return list(F.split_axis(x, ends[:-1], axis))


def _crop(x: Variable, reference: Variable, a: Args) -> Variable:
    # Indexing would do, but its gradient adds number by number on the CPU.
    for axis, offset in list(enumerate(reshaping.crop_offsets(a, x.ndim)))[a["axis"] :]:
        x = F.split_axis(x, [offset, offset + reference.shape[axis]], axis)[1]
    return x


def _reduction(x: Variable, a: Args) -> Variable:
    y = _REDUCTIONS[a["operation"]](x, tuple(range(x.ndim))[a["axis"] :])
    return y if a["coeff"] == 1 else y * a["coeff"]


OPS: dict[str, Op] = {
    "Concat": lambda x, p, a, c: F.concat(list(x), a["axis"]),
    "Slice": lambda x, p, a, c: _slices(x[0], a, c.tops),
    "Split": lambda x, p, a, c: [x[0]] * c.tops,
    "Flatten": lambda x, p, a, c: reshaped(reshaping.flatten, x[0], a),
    "Reshape": lambda x, p, a, c: reshaped(reshaping.reshape, x[0], a),
    "Crop": lambda x, p, a, c: _crop(x[0], x[1], a),
    "Tile": lambda x, p, a, c: F.concat([x[0]] * a["tiles"], a["axis"]),
    "Reduction": lambda x, p, a, c: _reduction(x[0], a),
    "Silence": lambda x, p, a, c: (),
}
