"""A code drawn from a Gaussian, in PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from deelish.engines.torch.layers.call import Call, Op


def _sample(x: Tensor, c: Call) -> Tensor:
    means, logs = x.chunk(2, 1)
    if c.sampler is None:
        return means
    drawn = torch.randn(means.shape, generator=c.sampler, dtype=means.dtype, device=means.device)
    return means + (logs / 2).exp() * drawn


OPS: dict[str, Op] = {"GaussianSample": lambda x, p, a, c: _sample(x[0], c)}
