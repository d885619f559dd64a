"""Arrays for the inputs of a plan, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.errors import DataError
from deelish.plan.plan import Plan


def checked_inputs(plan: Plan, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """float32 arrays by input blob, batch first, of the plan's sides.

    Raises:
        DataError: an input is missing, unknown, not numbers, or of another shape.
    """
    arrays = {name: _checked(plan, name, value) for name, value in inputs.items()}
    for name in plan.inputs:
        if name not in arrays:
            raise DataError(f"{plan.name}: input {name!r} is missing; give it by that name")
    return arrays


def _checked(plan: Plan, name: str, value: Any) -> np.ndarray:
    wanted = plan.inputs.get(name)
    if wanted is None:
        there = ", ".join(plan.inputs)
        raise DataError(f"{plan.name}: there is no input {name!r}; the network has {there}")
    try:
        array = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError(
            f"{plan.name}: input {name!r} holds no numbers; give an array of floats"
        ) from None
    if array.shape[1:] != wanted[1:] or not array.shape or not len(array):
        sides = ", ".join(map(str, wanted[1:]))
        raise DataError(
            f"{plan.name}: input {name!r} is {array.shape}; it takes (n, {sides}), or build the"
            " network with another in_size="
        )
    return array
