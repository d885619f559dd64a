"""Mean and deviation of a teacher's features, channel by channel, estimated while it teaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deelish.common.processes import Group

# Below this fraction of its mean square a channel's variance is nothing but rounding.
CONSTANT = 1e-10


class Standardisation:
    """A running estimate over all training images that were added, in all processes.

    Attributes:
        channels: how many there are.
        sums: all that it remembers, float64 (1 + 2 * channels,).
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        # Of each channel the sum and the sum of squares, and before them how many images.
        self.sums: NDArray[np.float64] = np.zeros(1 + 2 * channels)

    def add(self, values: np.ndarray, group: Group) -> None:
        """Add the features (n, channels) of this process's part of a batch; n may be 0."""
        exact = values.astype(np.float64)
        own = [len(exact), *exact.sum(0).tolist(), *(exact * exact).sum(0).tolist()]
        self.sums += group.all_sum(own)

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of each channel; 0 before any image."""
        mean: NDArray[np.float64] = self.sums[1 : 1 + self.channels] / max(self.sums[0], 1)
        return mean

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of each channel; 1 for a constant one."""
        squares = self.sums[1 + self.channels :] / max(self.sums[0], 1)
        variance = squares - self.mean**2
        constant = variance <= CONSTANT * squares
        deviation: NDArray[np.float64] = np.sqrt(np.where(constant, 1, variance))
        return deviation

    def __call__(self, values: np.ndarray) -> NDArray[np.float32]:
        """(n, channels), minus the mean, over the deviation."""
        made: NDArray[np.float32] = ((values - self.mean) / self.deviation).astype(np.float32)
        return made
