"""What PyTorch and NumPy make of a case, and how near numbers must be to be the same."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from engines.case import Case

from deelish.engines.call import Call
from deelish.engines.numpy.layers import OPS as NUMPY
from deelish.engines.torch.layers import OPS as TORCH

# The step of a small difference, in float64, and at how many places of an array it is taken.
STEP = 1e-6
PLACES = 16

# Gradients by place of the bottom, or by name of the weight.
Gradients = dict[int | str, np.ndarray]


@dataclass(frozen=True)
class Result:
    """What an engine made of a case, as NumPy arrays."""

    tops: list[np.ndarray]
    weights: Mapping[str, np.ndarray]
    gradients: Gradients


def held(weights: Mapping[str, Any]) -> types.SimpleNamespace:
    """Weights as a layer's function reads them."""
    return types.SimpleNamespace(**{"bias": None, **weights})


def listed(made: Any) -> list[Any]:
    """One top or several, as several."""
    return list(made) if isinstance(made, list | tuple) else [made]


def largest(array: np.ndarray) -> float:
    """The largest magnitude, that of a pooling window without a pixel left out."""
    sizes = np.abs(array)
    return float(sizes[sizes < 1e30].max(initial=0))


def assert_close(got: Any, wanted: Any, bound: float, what: object) -> None:
    """Of one shape and equal but for the bound; infinities and NaN in the same places."""
    assert np.shape(got) == np.shape(wanted), what
    np.testing.assert_allclose(got, wanted, rtol=0, atol=bound, err_msg=str(what))


def in_torch(case: Case, moving: Sequence[int] | None = None, *, reduced: bool = False) -> Result:
    """Tops, weights and gradients in PyTorch, images channels last as the engine keeps them.

    Gradients are by the bottoms of the places `moving`, or of those that move, and by the weights.
    With `reduced` as in the middle of a network that computes in bfloat16.
    """
    moving = case.moving if moving is None else moving
    bottoms = [
        b.contiguous(memory_format=torch.channels_last) if b.dim() == 4 else b
        for b in map(torch.from_numpy, case.bottoms())
    ]
    weights = {name: torch.from_numpy(array) for name, array in case.weights().items()}
    leaves: dict[int | str, torch.Tensor] = {place: bottoms[place] for place in moving}
    leaves |= {name: weights[name] for name in case.trainable}
    for leaf in leaves.values():
        leaf.requires_grad_()
    how = Call(torch.Generator() if case.training else None, case.tops, torch.device("cpu"))
    if reduced:
        bottoms = [b.bfloat16() if place in case.moving else b for place, b in enumerate(bottoms)]
    with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
        made = listed(TORCH[case.kind](bottoms, held(weights), case.args, how))
    tops = [top.detach().float().numpy() for top in made]
    for top, by in zip(made, case.projections(tops), strict=True):
        if top.requires_grad:
            (top * torch.from_numpy(by)).sum().backward(retain_graph=True)
    return Result(
        tops,
        {name: array.detach().numpy() for name, array in weights.items()},
        {
            name: np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
            for name, leaf in leaves.items()
        },
    )


def in_numpy(case: Case) -> Result:
    """Tops and weights in NumPy, float32."""
    weights = case.weights()
    return Result(_made(case, case.bottoms(), weights), weights, {})


def small_differences(case: Case) -> dict[int | str, list[tuple[int, float]]]:
    """By array, at some of its places, the slope of the projected tops, in NumPy and float64."""
    bottoms = [array.astype(np.float64) for array in case.bottoms()]
    weights = {name: array.astype(np.float64) for name, array in case.weights().items()}
    leaves: dict[int | str, np.ndarray] = {place: bottoms[place] for place in case.moving}
    leaves |= {name: weights[name] for name in case.trainable}
    by = case.projections(_made(case, bottoms, weights))

    def value() -> float:
        tops = _made(case, bottoms, weights)
        return sum(float((top * weight).sum()) for top, weight in zip(tops, by, strict=True))

    rng = np.random.default_rng(0)
    return {
        name: [
            (place, _slope(value, leaf, place))
            for place in rng.permutation(leaf.size)[:PLACES].tolist()
        ]
        for name, leaf in leaves.items()
    }


def _slope(value: Any, leaf: np.ndarray, place: int) -> float:
    number = leaf.flat[place]
    leaf.flat[place] = number + STEP
    above = value()
    leaf.flat[place] = number - STEP
    below = value()
    leaf.flat[place] = number
    return float(above - below) / (2 * STEP)


def _made(
    case: Case, bottoms: list[np.ndarray], weights: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    generator = np.random.default_rng(0) if case.training else None
    how = Call(generator, case.tops, "cpu")
    return listed(NUMPY[case.kind](bottoms, held(weights), case.args, how))
