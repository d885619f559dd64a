"""The fully connected layer in PyTorch."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from deelish.engines.torch.layers.call import Args, Op


def _inner_product(x: Tensor, p: Any, a: Args) -> Tensor:
    weight = p.weight.T if a["transpose"] else p.weight
    # A channels-last input must be read in Caffe's order: flatten does, view would not.
    return F.linear(x.flatten(a["axis"]), weight, p.bias)


OPS: dict[str, Op] = {
    "InnerProduct": lambda x, p, a, c: _inner_product(x[0], p, a),
}
