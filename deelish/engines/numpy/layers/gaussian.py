"""A code drawn from a Gaussian, in NumPy."""

from __future__ import annotations

import numpy as np

from deelish.engines.numpy.layers.call import Array, Call, Op


def _sample(x: Array, c: Call) -> Array:
    means, logs = np.split(x, 2, axis=1)
    if c.sampler is None:
        return means
    return means + np.exp(logs / 2) * c.sampler.standard_normal(means.shape)


OPS: dict[str, Op] = {"GaussianSample": lambda x, p, a, c: _sample(x[0], c)}
