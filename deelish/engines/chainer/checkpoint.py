"""The state of Chainer's links and optimisers, got and set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.common.processes import available_cores
from deelish.engines.chainer.description import named_arrays
from deelish.engines.chainer.device import to_numpy
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.optimizers import Optimizer
from deelish.engines.state import SavedState

chainer = import_chainer()


def held_arrays(link: Any) -> list[tuple[str, Any]]:
    """All parameters and persistent arrays, by the names of Chainer's own files: "conv1/W"."""
    found = ((name.strip("/"), array) for name, array in named_arrays(link))
    return [(name, array) for name, array in found if array.dtype != object]


def arrays_of(link: Any) -> dict[str, np.ndarray]:
    """A copy of these."""
    return {name: np.array(to_numpy(array), order="C") for name, array in held_arrays(link)}


def set_arrays(link: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Replace the values of these, in place."""
    links = {path.strip("/"): part for path, part in link.namedlinks()}
    for name, array in arrays.items():
        path, _, own = name.rpartition("/")
        held = getattr(links[path], own)
        array = np.asarray(array)
        if isinstance(held, chainer.Parameter):
            held.array[...] = held.device.send(array)
        elif isinstance(held, chainer.get_array_types()) and held.ndim:
            held[...] = link.device.send(array)
        else:
            setattr(links[path], own, array.item())


def optimizer_state(optimizer: Optimizer) -> SavedState:
    """What it remembers of each parameter, and how many steps it took."""
    state = SavedState(values={"steps": optimizer.own.t})
    for name, rule in _rules(optimizer).items():
        state.values[name] = rule.t
        for key, value in (rule.state or {}).items():
            state.arrays[f"{name}:{key}"] = np.array(to_numpy(value))
    return state


def set_optimizer_state(optimizer: Optimizer, state: SavedState) -> None:
    """Set what `optimizer_state` gave."""
    own = optimizer.own
    own.t = state.values["steps"]
    for name, rule in _rules(optimizer).items():
        rule.t = state.values[name]
        start = f"{name}:"
        saved = {
            key.removeprefix(start): array
            for key, array in state.arrays.items()
            if key.startswith(start)
        }
        # Without a state Chainer makes one at the next update.
        rule._state = {
            key: own.target.device.send(array) if array.ndim else array.item()
            for key, array in saved.items()
        } or None


def _rules(optimizer: Optimizer) -> dict[str, Any]:
    """The update rule of each parameter, by the parameter's name."""
    named = dict(optimizer.own.target.namedparams())
    return {name: parameter.update_rule for name, parameter in sorted(named.items())}


def rounding(device: str) -> dict[str, str | int]:
    """Versions and threads."""
    return {
        "Chainer": chainer.__version__,
        "NumPy": np.__version__,
        "threads": available_cores(),
        "device": device,
    }
