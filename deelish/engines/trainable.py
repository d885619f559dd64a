"""Which arrays of a plan learn, with Caffe's multipliers of rate and decay."""

from __future__ import annotations

from typing import NamedTuple

from deelish.errors import TrainingError
from deelish.plan.plan import Plan


class Learnt(NamedTuple):
    """An array by its layer and name, and its lr_mult and decay_mult."""

    layer: str
    name: str
    rate: float
    decay: float


def learnt(plan: Plan) -> list[Learnt]:
    """The arrays that learn, shared ones once, those of rate 0 among them.

    Raises:
        TrainingError: all have rate 0.
    """
    arrays = [
        Learnt(layer, name, *plan.multipliers(layer, name))
        for layer, blobs in plan.weights.items()
        for name, blob in blobs.items()
        if blob.learns and (layer, name) not in plan.owners
    ]
    if not any(array.rate for array in arrays):
        raise TrainingError(
            f"{plan.name}: every lr_mult is 0, so nothing would learn; give a layer's param another"
        )
    return arrays
