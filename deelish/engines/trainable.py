"""Which arrays of a module are trainable, with their multipliers of learning rate and decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from deelish.errors import TrainingError
from deelish.plan.plan import Plan

# From the name of a layer to the factor on the learning rate of its arrays.
LayerFactor = Callable[[str], float]


def unscaled(layer: str) -> float:
    """A factor of 1 for every layer."""
    return 1.0


class Trainable(NamedTuple):
    """A parameter of a module: the engine's own object, its layer, and its multipliers."""

    layer: str
    value: Any
    lr_mult: float
    decay_mult: float


def scaled(arrays: Iterable[Trainable], factor: LayerFactor) -> list[Trainable]:
    """The same, their learning rates multiplied by the factor of their layer too."""
    return [each._replace(lr_mult=each.lr_mult * factor(each.layer)) for each in arrays]


class TrainableArray(NamedTuple):
    """An array of a plan by its layer and name, and its multipliers."""

    layer: str
    name: str
    lr_mult: float
    decay_mult: float


def own_arrays(plan: Plan) -> list[tuple[str, str]]:
    """The arrays of a plan by layer and name, shared ones once: under their owner."""
    return [
        (layer, name)
        for layer, blobs in plan.weights.items()
        for name in blobs
        if (layer, name) not in plan.owners
    ]


def trainable_arrays(plan: Plan) -> list[TrainableArray]:
    """The trainable arrays, shared ones once, those with an lr_mult of 0 among them.

    Raises:
        TrainingError: every lr_mult is 0.
    """
    arrays = [
        TrainableArray(layer, name, *plan.multipliers(layer, name))
        for layer, name in own_arrays(plan)
        if plan.weights[layer][name].trainable
    ]
    if not any(array.lr_mult for array in arrays):
        raise TrainingError(
            f"{plan.name}: every lr_mult is 0, so nothing would be trained; give a layer's param"
            " another"
        )
    return arrays
