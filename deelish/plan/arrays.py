"""Arrays for the inputs of a plan, and of its scores, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deelish.errors import DataError, PlanError
from deelish.plan.plan import Plan


def checked_inputs(
    plan: Plan, inputs: Mapping[str, Any], wanted: Iterable[str]
) -> dict[str, np.ndarray]:
    """float32 arrays by input blob, of shapes that the layers can take.

    Args:
        plan: the network.
        inputs: an array for each input that the wanted blobs depend on; others may be there.
        wanted: the blobs that will be asked for.

    Raises:
        DataError: an input is missing, unknown, not numbers, or of a shape that does not fit.
    """
    if not isinstance(inputs, Mapping):
        names = ", ".join(f"{name!r}: ..." for name in plan.inputs)
        raise DataError(
            f"{plan.name}.run: got {type(inputs).__name__}; give a dict of the inputs by name,"
            f" {{{names}}}"
        )
    wanted = list(wanted)
    arrays = {name: _checked(plan, name, value) for name, value in inputs.items()}
    for name in plan.needed("TEST", wanted):
        if name not in arrays:
            raise DataError(f"{plan.name}: input {name!r} is missing; give it by that name")
    try:
        plan.check_inputs({name: array.shape for name, array in arrays.items()}, wanted)
    except PlanError as error:
        got = " and ".join(f"{name!r} is {array.shape}" for name, array in arrays.items())
        sides = " and ".join(_sides(plan, name) for name in arrays)
        raise DataError(
            f"{plan.name}: input {got}; it takes {sides}, or build the network with another"
            f" in_size= ({error})"
        ) from None
    return arrays


def rows_of(scores: Any, blob: str) -> Any:
    """(n, classes) from an engine's tensor (n, classes) or (n, classes, 1, 1).

    Raises:
        PlanError: it has other axes.
    """
    if len(scores.shape) < 2 or math.prod(scores.shape[2:]) != 1:
        raise PlanError(
            f"blob {blob!r} is {tuple(scores.shape)}, not one score a class; take it with run() or"
            " feature()"
        )
    return scores.reshape((scores.shape[0], -1))


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
    if array.ndim != len(wanted) or not array.size:
        raise DataError(
            f"{plan.name}: input {name!r} is {array.shape}; it takes {_sides(plan, name)}, or build"
            " the network with another in_size="
        )
    return array


def _sides(plan: Plan, name: str) -> str:
    return f"({', '.join(map(str, ('n', *plan.inputs[name][1:])))})"
