"""Initial weights: Caffe's fillers and dirac, drawn from the seed and the layer's name alone.

NumPy draws them, so that every engine starts from the same numbers.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deelish.errors import PlanError
from deelish.plan.kind import Blob

Draw = Callable[[np.random.Generator, Blob, Mapping[str, Any]], Any]

# The arguments of a filler and their defaults: caffe.proto, FillerParameter.
_DEFAULTS: dict[str, Any] = {
    "type": "constant",
    "value": 0.0,
    "min": 0.0,
    "max": 1.0,
    "mean": 0.0,
    "std": 1.0,
    "sparse": -1,
    "variance_norm": "FAN_IN",
}
_NORMS = ("FAN_IN", "FAN_OUT", "AVERAGE")


def _fan(blob: Blob, norm: str) -> float:
    """Numbers that one output adds up, or that one input goes to, or their mean."""
    fan_in = blob.size / (blob.shape[0] if blob.shape else 1)
    fan_out = blob.size / (blob.shape[1] if len(blob.shape) > 1 else 1)
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "AVERAGE": (fan_in + fan_out) / 2}[norm]


def _xavier(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Uniform of variance 1 / fan (Glorot and Bengio 2010, as Caffe's XavierFiller does it)."""
    limit = math.sqrt(3 / _fan(blob, filler["variance_norm"]))
    return rng.uniform(-limit, limit, blob.shape)


def _msra(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Normal of variance 2 / fan (He et al. 2015)."""
    return rng.normal(0, math.sqrt(2 / _fan(blob, filler["variance_norm"])), blob.shape)


def _gaussian(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Normal; with `sparse`, that many values of each input are not 0 on average."""
    values = rng.normal(filler["mean"], filler["std"], blob.shape)
    if filler["sparse"] < 0:
        return values
    return values * (rng.random(blob.shape) < filler["sparse"] / blob.shape[0])


def _unitball(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Uniform from 0 on; the values of each output sum to 1."""
    values = rng.random(blob.shape)
    return values / values.sum(axis=tuple(range(1, values.ndim)), keepdims=True)


def _bilinear(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """The kernel (k, k) of bilinear interpolation, the same for all channels (Caffe's filler)."""
    side = blob.shape[-1]
    half = math.ceil(side / 2)
    centre = (2 * half - 1 - half % 2) / (2 * half)
    line = 1 - abs(np.arange(side) / half - centre)
    return np.broadcast_to(np.outer(line, line), blob.shape)


def _dirac(rng: np.random.Generator, blob: Blob, filler: Mapping[str, Any]) -> Any:
    """Filters that pass one channel each, as many as there are channels; then drawn ones.

    Zagoruyko and Komodakis 2017 start from the identity; Jordan 2024 (arXiv 2404.00498), section 3,
    leaves the filters beyond the channels as PyTorch draws a convolution, uniform within
    1 / sqrt(fan_in).
    """
    limit = 1 / math.sqrt(_fan(blob, "FAN_IN"))
    values = rng.uniform(-limit, limit, blob.shape)
    passing, middle = np.arange(min(blob.shape[:2])), blob.shape[-1] // 2
    values[passing] = 0
    values[passing, passing, middle, middle] = 1
    return values


FILLERS: dict[str, Draw] = {
    "constant": lambda rng, blob, f: np.full(blob.shape, f["value"]),
    "gaussian": _gaussian,
    "uniform": lambda rng, blob, f: rng.uniform(f["min"], f["max"], blob.shape),
    "xavier": _xavier,
    "msra": _msra,
    "positive_unitball": _unitball,
    "bilinear": _bilinear,
    "dirac": _dirac,
}
# Those that Caffe does not have.
OWN_FILLERS = frozenset(("dirac",))


def filler_of(value: Any) -> dict[str, Any]:
    """A filler as a dict with its type: "xavier", 0.2 or {"type": "gaussian", "std": 0.01}.

    Raises:
        PlanError: a type that is not known, an argument or a value that no filler takes.
    """
    if isinstance(value, bool | int | float):
        return {"type": "constant", "value": float(value)}
    filler = {"type": value} if isinstance(value, str) else {"type": "constant", **value}
    if filler["type"] not in FILLERS:
        raise PlanError(f"filler {value!r} is not known; choose from {', '.join(FILLERS)}")
    if strange := sorted(set(filler) - set(_DEFAULTS)):
        raise PlanError(f"a filler takes no {strange[0]!r}; it takes {', '.join(_DEFAULTS)}")
    if fault := _fault({**_DEFAULTS, **filler}):
        raise PlanError(f"filler {filler['type']} has {fault}")
    return filler


def _fault(filler: Mapping[str, Any]) -> str | None:
    """What Caffe would not draw from."""
    kind, norm, sparse = (filler[key] for key in ("type", "variance_norm", "sparse"))
    if norm not in _NORMS:
        return f"variance_norm {norm!r}; choose from {', '.join(_NORMS)}"
    if kind == "uniform" and filler["min"] > filler["max"]:
        return f"min {filler['min']} above max {filler['max']}; give the lower one as min"
    if kind == "gaussian" and filler["std"] <= 0:
        return f"std {filler['std']}; give one above 0"
    if sparse < -1 or (sparse != -1 and kind != "gaussian"):
        return f"sparse {sparse}; only gaussian takes it, from 0 on, or -1 for none"
    return None


def checked_filler(blob: Blob) -> dict[str, Any]:
    """The blob's filler with every argument; PlanError where it cannot fill this shape."""
    filler = {**_DEFAULTS, **filler_of(blob.filler)}
    square = len(blob.shape) == 4 and blob.shape[2] == blob.shape[3]
    if filler["type"] == "bilinear" and not square:
        raise PlanError(f"filler bilinear fills square kernels (m, n, k, k), not {blob.shape}")
    if filler["type"] == "dirac" and not (square and blob.shape[3] % 2):
        raise PlanError(
            "filler dirac fills square kernels (m, n, k, k) with an odd side k, which have a"
            f" middle, not {blob.shape}"
        )
    if filler["sparse"] > (blob.shape[0] if blob.shape else -1):
        raise PlanError(
            f"filler gaussian has sparse {filler['sparse']} for {blob.shape}; give at most the"
            " first side"
        )
    return filler


def fill(blob: Blob, seed: tuple[int, ...], name: str) -> np.ndarray:
    """The initial weights of one blob, float32, from the seed and the name ``layer/blob``."""
    filler = checked_filler(blob)
    rng = np.random.default_rng([*seed, zlib.crc32(name.encode())])
    values = FILLERS[filler["type"]](rng, blob, filler)
    return np.asarray(values, dtype=np.float32)
