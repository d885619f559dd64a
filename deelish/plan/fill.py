"""First values of weights: Caffe's fillers, drawn from the seed and the layer's name alone.

NumPy draws them, so that every engine starts from the same numbers.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deelish.errors import PlanError
from deelish.plan.kinds import Blob

Draw = Callable[[np.random.Generator, Blob, Mapping[str, Any]], Any]


def _fan_in(blob: Blob) -> int:
    return blob.size // blob.shape[0]


def _xavier(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Uniform of variance 1 / fan_in (Glorot and Bengio 2010, as Caffe's XavierFiller does it)."""
    limit = math.sqrt(3 / _fan_in(blob))
    return rng.uniform(-limit, limit, blob.shape)


def _msra(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Normal of variance 2 / fan_in (He et al. 2015)."""
    return rng.normal(0, math.sqrt(2 / _fan_in(blob)), blob.shape)


FILLERS: dict[str, Draw] = {
    "constant": lambda rng, blob, f: np.full(blob.shape, f.get("value", 0.0)),
    "gaussian": lambda rng, blob, f: rng.normal(f.get("mean", 0.0), f.get("std", 1.0), blob.shape),
    "uniform": lambda rng, blob, f: rng.uniform(f.get("min", 0.0), f.get("max", 1.0), blob.shape),
    "xavier": _xavier,
    "msra": _msra,
}


def filler_of(value: Any) -> dict[str, Any]:
    """A filler in full: "xavier", 0.2 or {"type": "gaussian", "std": 0.01} -> a dict with type."""
    if isinstance(value, bool | int | float):
        return {"type": "constant", "value": float(value)}
    filler = {"type": value} if isinstance(value, str) else dict(value)
    if filler.get("type") not in FILLERS:
        raise PlanError(f"filler {value!r} is not known; choose from {', '.join(FILLERS)}")
    return filler


def fill(blob: Blob, seed: tuple[int, ...], name: str) -> np.ndarray:
    """First values of one blob, float32, from the seed and the name ``layer/blob``."""
    filler = filler_of(blob.filler)
    rng = np.random.default_rng([*seed, zlib.crc32(name.encode())])
    values = FILLERS[filler["type"]](rng, blob, filler)
    return np.asarray(values, dtype=np.float32)
