"""What layers do with operators and `reshape` alone: the same in PyTorch and in Chainer.

The layers in NumPy have their own, since both are compared with these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from deelish.engines.call import Args
from deelish.plan.shapes import Shape

# torch.Tensor, chainer.Variable, or an array of the latter's.
Array = Any


def along(values: Array, x: Array, axis: int) -> Array:
    """Values that belong to the axes of x from `axis` on, with ones for its other axes."""
    before = axis % max(x.ndim, 1)
    after = x.ndim - before - values.ndim
    return values.reshape((1,) * before + tuple(values.shape) + (1,) * after)


def line(x: Array, scale: float, shift: float) -> Array:
    """scale x + shift."""
    y = x if scale == 1 else x * scale
    return y if shift == 0 else y + shift


def log_of_base(a: Args) -> float:
    """The natural logarithm of the base of an Exp or a Log; Caffe's -1 is e."""
    return 1.0 if a["base"] == -1 else math.log(a["base"])


def axpy(factor: Array, x: Array, y: Array) -> Array:
    """A factor for each channel of each image, times x, plus y."""
    return factor.reshape(*x.shape[:2], *(1 for _ in x.shape[2:])) * x + y


def reshaped(rule: Callable[[Args, Sequence[Shape], int], list[Shape]], x: Array, a: Args) -> Array:
    """x in the shape that the rule gives, in Caffe's order of numbers."""
    return x.reshape(rule(a, [tuple(x.shape)], 1)[0])


def each_bottom(x: Sequence[Array], axes: int, run: Callable[[Array], Array]) -> list[Array]:
    """Run on every bottom, all axes before its channels made one: both know one batch axis."""
    tops = []
    for each in x:
        if each.ndim == axes:
            tops.append(run(each))
        else:
            y = run(each.reshape(-1, *each.shape[1 - axes :]))
            tops.append(y.reshape(*each.shape[: 1 - axes], *y.shape[1:]))
    return tops


def takes_own_statistics(a: Args, training: bool) -> bool:
    """Whether a BatchNorm normalises by the batch's own mean and variance, not the running ones."""
    return training if a["use_global_stats"] is None else not a["use_global_stats"]
