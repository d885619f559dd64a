"""Weights from a file into a network: matched by layer name, every misfit named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.files.record import Stored
from deelish.plan.kinds import Blobs
from deelish.plan.plan import Plan

SHOWN = 4


@dataclass
class Loaded:
    """Weights for a plan: arrays by layer and blob, the layers left new, and what to say aloud."""

    values: Values
    new: set[str]
    said: list[str] = field(default_factory=list)


def match(
    plan: Plan,
    path: Path,
    stored: Stored,
    *,
    replace: bool,
) -> Loaded:
    """Give every layer of the plan the file's arrays of its name, in Caffe's order.

    A classifier of another number of outputs stays new where `replace` says that the user chose it.
    Layers that exist only in training may be absent. Everything else that differs is refused.

    Raises:
        FileError: blobs missing, too many, or of other shapes; the message lists them.
    """
    loaded = Loaded({}, set(stored.untrained).intersection(plan.weights))
    faults = [
        f"layer {name!r}: has weights in the file, none in the network"
        for name in stored.arrays
        if name not in plan.weights
    ]
    replaceable = plan.classifiers if replace else set()
    for layer in plan.weights:
        if layer in stored.arrays:
            faults += _take(plan, layer, stored.arrays[layer], loaded, layer in replaceable)
        elif layer in plan.test_layers:
            faults.append(f"{plan.layer(layer).label}: missing in the file")
    if faults:
        raise FileError(_listed(plan, path, faults))
    absent = [layer for layer in plan.weights if layer not in stored.arrays]
    if absent:
        loaded.new.update(absent)
        loaded.said.append(
            f"{', '.join(absent)}: not in {path.name}, new; only used while training on labels"
        )
    return loaded


def _take(
    plan: Plan, layer: str, arrays: Sequence[np.ndarray], loaded: Loaded, replaceable: bool
) -> list[str]:
    """Take one layer's arrays in, or leave it new where it may be; returns what is wrong."""
    fitted = _fit(plan.weights[layer], arrays)
    if fitted is None and (replaceable or layer not in plan.test_layers):
        loaded.new.add(layer)
        loaded.said.append(_replaced(plan, layer, arrays))
        return []
    if fitted is None:
        return [_misfit(plan, layer, arrays)]
    loaded.values[layer] = fitted
    if all(np.isfinite(array).all() for array in fitted.values()):
        return []
    return [f"{plan.layer(layer).label}: its weights hold NaN or infinite numbers"]


def _fit(blobs: Blobs, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray] | None:
    """The arrays under the blobs' names, or None where numbers or shapes differ."""
    if len(arrays) != len(blobs):
        return None
    fitted = {}
    for (name, blob), array in zip(blobs.items(), arrays, strict=True):
        # Old Caffe files write a matrix as 1 x 1 x N x K, and a vector as 1 x 1 x 1 x N.
        if array.shape != blob.shape and _bare(array.shape) != _bare(blob.shape):
            return None
        fitted[name] = array.reshape(blob.shape)
    return fitted


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    start = next((i for i, side in enumerate(shape) if side != 1), len(shape))
    return tuple(shape[start:])


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join(str(tuple(shape)) for shape in shapes)


def _misfit(plan: Plan, layer: str, arrays: Sequence[np.ndarray]) -> str:
    wanted = _shapes([blob.shape for blob in plan.weights[layer].values()])
    got = _shapes([array.shape for array in arrays])
    return f"{plan.layer(layer).label}: weights are {got} in the file, {wanted} in the network"


def _replaced(plan: Plan, layer: str, arrays: Sequence[np.ndarray]) -> str:
    wanted = next(iter(plan.weights[layer].values())).shape
    return f"{layer}: new, {wanted} instead of the file's {arrays[0].shape}; train it before use"


def _listed(plan: Plan, path: Path, faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return (
        f"{path} does not fit {plan.name}, {len(faults)} of its layers differ:"
        f" {'; '.join(faults[:SHOWN])}{more}; load it with the network it was made for, or pass"
        " outputs= or labels= to replace only the last layer"
    )
