"""Layers that find or follow indices, and those that read nothing, in NumPy: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.dummy_data import dummy_data
from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.engines.refusals import no_index
from deelish.plan.layers import indexing


def _best(x: Array, k: int) -> tuple[Array, Array]:
    """Indices and values of the k largest along the last axis; of equal ones the last comes first.

    Caffe sorts pairs of value and index (argmax_layer.cpp).
    """
    indices = np.argsort(x, axis=-1, kind="stable")[..., ::-1][..., :k]
    return indices, np.take_along_axis(x, indices, -1)


def _arg_max(x: Array, a: Args) -> Array:
    shape = indexing.arg_max(a, [x.shape], 1)[0]
    if a["axis"] is None:
        found = _best(x.reshape(len(x), -1), a["top_k"])
        return np.stack(found[: shape[1]], 1).reshape(shape)
    indices, values = _best(np.moveaxis(x, a["axis"], -1), a["top_k"])
    return np.moveaxis(values if a["out_max_val"] else indices, -1, a["axis"])


def _indices(values: Array, count: int, what: str) -> Array:
    """Indices as a layer is fed them, in floats, as whole numbers.

    Raises:
        DataError: one of them is no index of `count` things.
    """
    whole = (values == np.floor(values)) & (values >= 0) & (values < count)
    if not whole.all():
        raise no_index(values[~whole].ravel()[0], count, what)
    return values.astype(np.int64)


def _embed(x: Array, p: Any) -> Array:
    rows = p.weight[_indices(x, len(p.weight), "rows of Embed's weight")]
    return rows if p.bias is None else rows + p.bias


def _batch_reindex(x: Array, indices: Array) -> Array:
    return x[_indices(indices, len(x), "items of BatchReindex's batch")]


def _filter(x: Sequence[Array]) -> list[Array]:
    kept = np.flatnonzero(x[-1])
    return [each[kept] for each in x[:-1]]


OPS: dict[str, Op] = {
    "ArgMax": lambda x, p, a, c: _arg_max(x[0], a),
    "Embed": lambda x, p, a, c: _embed(x[0], p),
    "BatchReindex": lambda x, p, a, c: _batch_reindex(x[0], x[1]),
    "Filter": lambda x, p, a, c: _filter(x),
    "Parameter": lambda x, p, a, c: p.weight.copy(),
    "DummyData": lambda x, p, a, c: dummy_data(a, c.tops),
}
