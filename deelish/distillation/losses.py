"""Losses on logits, each written once for every engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from deelish.engines.base import Engine


def cross_entropy(engine: Engine, logits: Any, labels: np.ndarray) -> Any:
    """Mean over the batch of -log p(label): logits (n, classes), labels int64 (n,) -> scalar."""
    return -engine.total(engine.pick(engine.log_softmax(logits), labels)) / len(labels)


def soft_targets(engine: Engine, student: Any, teacher: Any, temperature: float) -> Any:
    """T^2 / n * sum over the batch of KL(softmax(teacher / T) || softmax(student / T)).

    Both are logits (n, classes). Hinton, Vinyals and Dean 2015, section 2: T^2 keeps the gradient's
    size when the temperature changes.
    """
    targets = engine.softmax(teacher / temperature)
    # The teacher's logarithm comes from its logits: log(softmax) is -inf where a share underflows.
    distance = engine.log_softmax(teacher / temperature) - engine.log_softmax(student / temperature)
    return engine.total(targets * distance) * (temperature**2 / student.shape[0])
