"""The largest number of each window, on NumPy: what MAX pooling is in Chainer on the CPU.

Chainer's own copies every window, and takes several times as long: half the time of a GoogLeNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Variable

chainer = import_chainer()


def maxima(
    x: Variable, kernels: Sequence[int], strides: Sequence[int], made: Sequence[int]
) -> Variable:
    """(n, c, h, w) -> (n, c, *made). Of equal numbers, the first in the window has the gradient."""
    # The first of a row, then the first of these rows: together the first of all.
    for axis in (1, 0):
        x = _Maxima(axis, kernels[axis], strides[axis], made[axis]).apply((x,))[0]
    return x


class _Maxima(chainer.FunctionNode):  # type: ignore[misc, name-defined]
    """The same along the height (axis 0) or the width (axis 1) alone."""

    def __init__(self, axis: int, kernel: int, stride: int, made: int) -> None:
        super().__init__()
        spans = [slice(i, i + stride * (made - 1) + 1, stride) for i in range(kernel)]
        self._cuts: list[Any] = [(..., span, *[slice(None)] * (1 - axis)) for span in spans]

    def forward(self, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray]:
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        (x,) = inputs
        y = x[self._cuts[0]].copy()
        for cut in self._cuts[1:]:
            np.maximum(y, x[cut], out=y)
        return (y,)

    def backward(self, indexes: Sequence[int], gradients: Sequence[Variable]) -> tuple[Variable]:
        x, y = self.get_retained_inputs()[0].array, self.get_retained_outputs()[0].array
        made = np.zeros_like(x)
        left = np.ones(y.shape, bool)
        for cut in self._cuts:
            here = (x[cut] == y) & left
            made[cut] += np.where(here, gradients[0].array, 0)
            left ^= here
        return (chainer.Variable(made),)
