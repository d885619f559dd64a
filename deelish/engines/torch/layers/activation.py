"""Layers that work element by element, in PyTorch: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.operators import line, log_of_base
from deelish.engines.torch.layers.call import Args, Op


def _power(x: Tensor, a: Args) -> Tensor:
    """(shift + scale x) ^ power; the constant that it is where power or scale is 0."""
    if a["power"] == 0 or a["scale"] == 0:
        return torch.full_like(x, a["shift"]).pow(a["power"])
    y: Tensor = line(x, a["scale"], a["shift"])
    return y if a["power"] == 1 else y.pow(a["power"])


def _exp(x: Tensor, a: Args) -> Tensor:
    """base ^ (shift + scale x)."""
    factor = log_of_base(a)
    return torch.exp(line(x, factor * a["scale"], factor * a["shift"]))


def _log(x: Tensor, a: Args) -> Tensor:
    """The logarithm of shift + scale x to the base."""
    y: Tensor = line(torch.log(line(x, a["scale"], a["shift"])), 1 / log_of_base(a), 0.0)
    return y


def _dropout(x: Tensor, a: Args, generator: torch.Generator | None) -> Tensor:
    """Hinton et al. 2012; the kept values are scaled up in training, as Caffe does."""
    keep = 1 - a["dropout_ratio"]
    if generator is None:
        return x
    # PyTorch's own bernoulli_ with a generator takes five times as long on a CPU.
    draws = torch.empty_like(x, dtype=torch.int32).random_(generator=generator)
    kept: Tensor = draws >= round(a["dropout_ratio"] * 2**31)
    return x * kept.to(x.dtype).mul_(1 / keep)


def _eltwise(x: Sequence[Tensor], a: Args) -> Tensor:
    if a["operation"] == "SUM":
        weights = a["coeff"] or [1.0] * len(x)
        return reduce(torch.add, [t if w == 1 else t * w for t, w in zip(x, weights, strict=True)])
    return reduce(torch.mul, x) if a["operation"] == "PROD" else _largest(x)


def _largest(x: Sequence[Tensor]) -> Tensor:
    """Of equal values, the gradient goes to one: the second of the first two, then the earlier."""
    first = torch.where(x[0] > x[1], x[0], x[1])
    return reduce(lambda top, t: torch.where(t > top, t, top), x[2:], first)


OPS: dict[str, Op] = {
    "ReLU": lambda x, p, a, c: (
        F.leaky_relu(x[0], s) if (s := a["negative_slope"]) else F.relu(x[0])
    ),
    "PReLU": lambda x, p, a, c: F.prelu(x[0], p.weight),
    "ELU": lambda x, p, a, c: F.elu(x[0], a["alpha"]),
    "Sigmoid": lambda x, p, a, c: torch.sigmoid(x[0]),
    "TanH": lambda x, p, a, c: torch.tanh(x[0]),
    "AbsVal": lambda x, p, a, c: x[0].abs(),
    "BNLL": lambda x, p, a, c: F.softplus(x[0]),
    "Swish": lambda x, p, a, c: x[0] * torch.sigmoid(line(x[0], a["beta"], 0.0)),
    "GELU": lambda x, p, a, c: F.gelu(x[0]),
    "Clip": lambda x, p, a, c: x[0].clamp(a["min"], a["max"]),
    "Threshold": lambda x, p, a, c: (x[0] > a["threshold"]).to(x[0].dtype),
    "Power": lambda x, p, a, c: _power(x[0], a),
    "Exp": lambda x, p, a, c: _exp(x[0], a),
    "Log": lambda x, p, a, c: _log(x[0], a),
    "Dropout": lambda x, p, a, c: _dropout(x[0], a, c.generator),
    "Eltwise": lambda x, p, a, c: _eltwise(x, a),
    "Softmax": lambda x, p, a, c: F.softmax(x[0], a["axis"]),
}
