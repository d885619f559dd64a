"""Multinomial logistic regression with L2, by PyTorch's L-BFGS: NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = 200


def regressions(
    features: np.ndarray, labels: np.ndarray, classes: int, strengths: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each strength the weight (classes, channels) and bias (classes,) of the least loss.

    The loss is the mean cross-entropy plus strength / 2 times the sum of the squared weights. Each
    fit begins where the one before ended, so that neighbours cost least in order.

    Args:
        features: float32 (n, channels).
        labels: int64 (n,), from 0 up.
        classes: how many there are.
        strengths: from 0 on.
    """
    given, truth = torch.from_numpy(features), torch.from_numpy(labels)
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    for strength in strengths:
        _fit(given, truth, weight, bias, strength)
        yield weight.detach().numpy().copy(), bias.detach().numpy().copy()


def _fit(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor, strength: float) -> None:
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=STEPS, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(features, weight, bias), labels)
        value = value + strength / 2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
