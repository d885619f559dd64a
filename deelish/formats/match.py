"""Weights from a file into a network: matched by layer name, every misfit named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deelish.common.finite import all_finite
from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.formats.saved_network import StoredWeights
from deelish.plan.plan import Plan

SHOWN = 4
# Caffe's HDF5 leaves arrays out that another layer owns.
_LACKING = np.empty(0, np.float32)


@dataclass
class Loaded:
    """Weights for a plan: arrays by layer and blob, the layers left new, and lines to print."""

    values: Values
    new: set[str]
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Allowed:
    """Differences between a file and a network that are accepted; they are refused otherwise.

    Attributes:
        others: the classifier may have another number of outputs, since the user chose these.
        extra: the file may have layers that the network lacks; they are reported.
        missing: the network may have layers that the file lacks; they keep initial weights.
        nonfinite: weights may be NaN or infinite.
    """

    others: bool = False
    extra: bool = False
    missing: bool = False
    nonfinite: bool = False


def match(plan: Plan, path: Path, stored: StoredWeights, allowed: Allowed) -> Loaded:
    """Give every layer of the plan the file's arrays of its name, in Caffe's order.

    Layers that exist only in training may be absent, and so may arrays that another layer owns.
    All else that differs is refused.

    Raises:
        FileError: blobs missing, too many, or of other shapes; the message lists them.
    """
    loaded = Loaded({}, set(stored.untrained).intersection(plan.weights))
    extra = [name for name in stored.arrays if name not in plan.weights]
    faults: list[str] = []
    if allowed.extra and extra:
        loaded.notices.append(f"{', '.join(extra)}: in {path.name}, not in the network; ignored")
    elif extra:
        faults += [
            f"layer {name!r}: has weights in the file, none in the network" for name in extra
        ]
    absent = [layer for layer in plan.weights if layer not in stored.arrays]
    for layer, arrays in stored.arrays.items():
        if layer in plan.weights:
            faults += _take(plan, layer, arrays, loaded, allowed)
    absent = [layer for layer in absent if not _is_shared(plan, layer)]
    faults += [
        f"{plan.layer(layer).label}: missing in the file"
        for layer in absent
        if layer in plan.test_layers and not allowed.missing
    ]
    if faults:
        raise FileError(_listed(plan, path, faults))
    _settle_shared(plan, loaded)
    if absent:
        loaded.new.update(absent)
        untaught = allowed.missing and plan.test_layers.intersection(absent)
        use = "train before use" if untaught else "only used while training on labels"
        loaded.notices.append(f"{', '.join(absent)}: not in {path.name}, new; {use}")
    return loaded


def _is_shared(plan: Plan, layer: str) -> bool:
    return all((layer, blob) in plan.owners for blob in plan.weights[layer])


def _take(
    plan: Plan, layer: str, arrays: Sequence[np.ndarray], loaded: Loaded, allowed: Allowed
) -> list[str]:
    """Take one layer's arrays in, or leave it new where it may be; returns what is wrong."""
    replaceable = allowed.others and layer in plan.classifiers
    fitted = _fit(plan, layer, arrays)
    if fitted is None and (replaceable or layer not in plan.test_layers):
        loaded.new.add(layer)
        loaded.notices.append(_replaced(plan, layer, arrays))
        return []
    if fitted is None:
        return [_misfit(plan, layer, arrays)]
    loaded.values[layer] = fitted
    if allowed.nonfinite or all_finite(fitted.values()):
        return []
    return [f"{plan.layer(layer).label}: its weights hold NaN or infinite numbers"]


def _fit(plan: Plan, layer: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray] | None:
    """The arrays under the blobs' names, or None where numbers or shapes differ."""
    blobs = plan.weights[layer]
    if len(arrays) > len(blobs):
        return None
    fitted = {}
    lacking = [_LACKING] * (len(blobs) - len(arrays))
    for (name, blob), array in zip(blobs.items(), [*arrays, *lacking], strict=True):
        if not array.size and (layer, name) in plan.owners:
            continue
        # Old Caffe files write a matrix as 1 x 1 x N x K, and a vector as 1 x 1 x 1 x N.
        if array.shape != blob.shape and _bare(array.shape) != _bare(blob.shape):
            return None
        fitted[name] = array.reshape(blob.shape)
    return fitted


def _settle_shared(plan: Plan, loaded: Loaded) -> None:
    """Where a file has several arrays for one shared one, the last counts, as in Caffe."""
    for (layer, blob), (owner, owned) in plan.owners.items():
        array = loaded.values.get(layer, {}).get(blob)
        if array is None:
            continue
        held = loaded.values.setdefault(owner, {})
        array = array.reshape(plan.weights[owner][owned].shape)
        if owned in held and not np.array_equal(held[owned], array, equal_nan=True):
            loaded.notices.append(
                f"{layer} and {owner} share {blob}, and the file has two; that of {layer} is taken"
            )
        held[owned] = array


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    start = next((i for i, side in enumerate(shape) if side != 1), len(shape))
    return tuple(shape[start:])


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join(str(tuple(shape)) for shape in shapes)


def _misfit(plan: Plan, layer: str, arrays: Sequence[np.ndarray]) -> str:
    needed = _shapes([blob.shape for blob in plan.weights[layer].values()])
    got = _shapes([array.shape for array in arrays])
    return f"{plan.layer(layer).label}: weights are {got} in the file, {needed} in the network"


def _replaced(plan: Plan, layer: str, arrays: Sequence[np.ndarray]) -> str:
    needed = next(iter(plan.weights[layer].values())).shape
    return f"{layer}: new, {needed} instead of the file's {arrays[0].shape}; train it before use"


def _listed(plan: Plan, path: Path, faults: Sequence[str]) -> str:
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return (
        f"{path} does not fit {plan.name}, {len(faults)} of its layers differ:"
        f" {'; '.join(faults[:SHOWN])}{more}; load it with the network it was made for, or pass"
        " outputs= or labels= to replace only the last layer"
    )
