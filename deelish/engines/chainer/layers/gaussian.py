"""A code drawn from a Gaussian, in Chainer."""

from __future__ import annotations

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Call, Op, Variable

F = import_chainer().functions


def _sample(x: Variable, c: Call) -> Variable:
    means, logs = F.split_axis(x, 2, axis=1)
    if c.sampler is None:
        return means
    drawn = c.sampler.standard_normal(means.shape, dtype=means.dtype)
    return means + F.exp(logs / 2) * drawn


OPS: dict[str, Op] = {"GaussianSample": lambda x, p, a, c: _sample(x[0], c)}
