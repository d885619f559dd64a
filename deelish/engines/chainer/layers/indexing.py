"""Layers that find or follow indices, and those that read nothing, in Chainer: one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.dummy_data import dummy_data
from deelish.engines.refusals import no_index

chainer = import_chainer()
F = chainer.functions


def _arg_max(x: Variable, a: Args) -> Variable:
    """Of equal values, the later one comes first: Caffe sorts pairs of value and index."""
    along = a["axis"] is not None
    y = x if along else F.reshape(x, (len(x), -1))
    axis = a["axis"] if along else 1
    best = _best(y.array, a["top_k"], axis)
    indices = chainer.as_variable(best.astype(x.dtype))
    if along:
        return _gathered(y, best, axis) if a["out_max_val"] else indices
    both = F.stack([indices, _gathered(y, best, axis)] if a["out_max_val"] else [indices], 1)
    return F.reshape(both, both.shape + (1,) * (x.ndim - 3))


def _best(values: Any, k: int, axis: int) -> Any:
    """The indices of the k largest along an axis, best first."""
    xp = chainer.backend.get_array_module(values)
    if k == 1:
        last = xp.flip(values, axis).argmax(axis)
        return values.shape[axis] - 1 - xp.expand_dims(last, axis)
    # CuPy's sort is stable, and does not take the word in every version.
    order = xp.argsort(values, axis, **({"kind": "stable"} if xp is np else {}))
    return order.take(xp.arange(-1, -k - 1, -1), axis)


def _gathered(x: Variable, indices: Any, axis: int) -> Variable:
    """The values at these indices along an axis."""
    xp = chainer.backend.get_array_module(x)
    flat = xp.take_along_axis(xp.arange(x.size).reshape(x.shape), indices, axis)
    return _rows(F.reshape(x, (-1,)), flat)


def _indices(values: Any, count: int, what: str) -> Any:
    """Indices as a layer is fed them, in floats, as whole numbers."""
    xp = chainer.backend.get_array_module(values)
    bad = (values != xp.floor(values)) | (values < 0) | (values >= count)
    if bad.any():
        raise no_index(float(values[bad][0]), count, what)
    return values.astype(np.int32)


def _rows(x: Variable, indices: Any) -> Variable:
    """The items of x at these indices; an index may come more than once."""
    # Indexing would do, but its gradient adds number by number on the CPU.
    flat = F.reshape(x, (len(x), math.prod(x.shape[1:])))
    rows = F.embed_id(indices.ravel(), flat) if indices.size else flat[:0]
    return F.reshape(rows, indices.shape + x.shape[1:])


def _embed(x: Variable, p: Any) -> Variable:
    y = _rows(p.weight, _indices(x.array, len(p.weight), "rows of Embed's weight"))
    return y if p.bias is None else y + p.bias


def _batch_reindex(x: Variable, indices: Variable) -> Variable:
    return _rows(x, _indices(indices.array, len(x), "items of BatchReindex's batch"))


def _filter(x: Sequence[Variable]) -> Sequence[Variable]:
    xp = chainer.backend.get_array_module(x[-1])
    kept = xp.flatnonzero(x[-1].array).astype(np.int32)
    return [_rows(blob, kept) for blob in x[:-1]]


OPS: dict[str, Op] = {
    "ArgMax": lambda x, p, a, c: _arg_max(x[0], a),
    "Embed": lambda x, p, a, c: _embed(x[0], p),
    "BatchReindex": lambda x, p, a, c: _batch_reindex(x[0], x[1]),
    "Filter": lambda x, p, a, c: _filter(x),
    "Parameter": lambda x, p, a, c: p.weight,
    "DummyData": lambda x, p, a, c: [
        chainer.as_variable(c.device.send(array)) for array in dummy_data(a, c.tops)
    ],
}
