"""Layers that find or follow indices, and those that read nothing, in PyTorch: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.dummy_data import dummy_data
from deelish.engines.refusals import no_index
from deelish.engines.torch.layers.call import Args, Op


def _arg_max(x: Tensor, a: Args) -> Tensor:
    """Of equal values, the later one comes first: Caffe sorts pairs of value and index."""
    along, k = a["axis"] is not None, a["top_k"]
    y = x if along else x.reshape(len(x), -1)
    axis = a["axis"] if along else 1
    turned = y.flip(axis)
    if k == 1:
        values, order = turned.max(axis, keepdim=True)
    else:
        values, order = turned.sort(stable=True, dim=axis, descending=True)
    best = values.narrow(axis, 0, k)
    indices = (y.shape[axis] - 1 - order.narrow(axis, 0, k)).to(x.dtype)
    if along:
        return best if a["out_max_val"] else indices
    both = torch.stack([indices, best] if a["out_max_val"] else [indices], 1)
    return both.reshape(*both.shape, *(1,) * (x.dim() - 3))


def _indices(values: Tensor, count: int, what: str) -> Tensor:
    """Indices as a layer is fed them, in floats, as whole numbers."""
    indices = values.long()
    bad = (indices != values) | (indices < 0) | (indices >= count)
    if bad.any():
        raise no_index(values[bad][0].item(), count, what)
    return indices


def _embed(x: Tensor, p: Any) -> Tensor:
    y = F.embedding(_indices(x, len(p.weight), "rows of Embed's weight"), p.weight)
    return y if p.bias is None else y + p.bias


def _batch_reindex(x: Tensor, indices: Tensor) -> Tensor:
    return x.index_select(0, _indices(indices, len(x), "items of BatchReindex's batch"))


def _filter(x: Sequence[Tensor]) -> Sequence[Tensor]:
    kept = x[-1].flatten() != 0
    return [blob[kept] for blob in x[:-1]]


OPS: dict[str, Op] = {
    "ArgMax": lambda x, p, a, c: _arg_max(x[0], a),
    "Embed": lambda x, p, a, c: _embed(x[0], p),
    "BatchReindex": lambda x, p, a, c: _batch_reindex(x[0], x[1]),
    "Filter": lambda x, p, a, c: _filter(x),
    "Parameter": lambda x, p, a, c: p.weight,
    "DummyData": lambda x, p, a, c: [
        torch.from_numpy(array).to(c.device) for array in dummy_data(a, c.tops)
    ],
}
