"""The kind that draws a code from a Gaussian, as variational networks do."""

from __future__ import annotations

from collections.abc import Sequence

from deelish.errors import PlanError
from deelish.plan.kind import LayerKind
from deelish.plan.shapes import Args, Shape


def half(shape: Shape) -> Shape:
    """(n, 2 k, ...) -> (n, k, ...): means, and behind them the logarithms of variances."""
    if len(shape) < 2 or shape[1] % 2:
        raise PlanError(
            f"reads {shape}; it needs (batch, 2 k, ...), k means and then the logarithms of k"
            " variances"
        )
    return (shape[0], shape[1] // 2, *shape[2:])


def sample(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, 2 k, ...) -> (n, k, ...): drawn in a training and its validation, else the means.

    Kingma and Welling 2014, section 2.4: the means, plus deviations times normal numbers.
    """
    return [half(bottoms[0])]


KINDS = {"GaussianSample": LayerKind({}, sample, caffe=False)}
