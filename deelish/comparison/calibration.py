"""Calibration: whether accuracy equals confidence, by bins, and the expected error."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The images with a confidence in (low, high]; means are None where there is no image."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Bins of equal width over (0, 1].

    Args:
        confidence: the probability of the predicted class of each image, (n,).
        correct: whether the prediction is right, (n,).
    """
    numbers = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    made = []
    for number in range(bins):
        inside = numbers == number
        count = int(inside.sum())
        means = [
            float(values[inside].mean()) if count else None for values in (confidence, correct)
        ]
        made.append(Bin(number / bins, (number + 1) / bins, count, *means))
    return made


def calibration_error(bins: list[Bin]) -> float:
    """The expected calibration error, from 0 to 1.

    It is the sum over the bins of (images in the bin / all images) times |accuracy - confidence|.
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017,
    equation 3.
    """
    images = sum(each.images for each in bins)
    distances = (
        each.images * abs(each.accuracy - each.confidence)
        for each in bins
        if each.accuracy is not None and each.confidence is not None
    )
    return sum(distances) / images
