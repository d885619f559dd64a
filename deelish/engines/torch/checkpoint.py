"""The state of PyTorch's modules, optimisers and generators, got and set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.state import SavedState


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    """A copy of all parameters and buffers, also of those that its own files leave out."""
    return {name: _array(value) for name, value in _held(module)}


def set_arrays(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Replace their values in place, which keeps their order in memory, and so their rounding."""
    with torch.no_grad():
        for name, value in _held(module):
            value.copy_(_tensor(arrays[name]))


def optimizer_state(optimizer: torch.optim.Optimizer) -> SavedState:
    """What the optimiser remembers of each parameter, which has a number for a name."""
    state = SavedState()
    for number, parameter, _ in _parameters(optimizer):
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                state.arrays[f"{number}/{key}"] = _array(value)
            else:
                state.values[f"{number}/{key}"] = value
    return state


def set_optimizer_state(optimizer: torch.optim.Optimizer, state: SavedState) -> None:
    """Set what `optimizer_state` gave."""
    optimizer.state.clear()
    known = {str(number): (value, group) for number, value, group in _parameters(optimizer)}
    for name, plain in state.values.items():
        number, key = name.split("/", 1)
        optimizer.state[known[number][0]][key] = plain
    for name, array in state.arrays.items():
        number, key = name.split("/", 1)
        parameter, group = known[number]
        optimizer.state[parameter][key] = _like(parameter, group, _tensor(array))


def _like(parameter: Tensor, group: Mapping[str, Any], value: Tensor) -> Tensor:
    """A tensor of the optimiser where it would have made it: beside its parameter."""
    if value.shape == parameter.shape:
        made = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
        return made.copy_(value)
    # Counters of steps are on the CPU, except where one kernel does the whole step.
    beside = value.dim() > 0 or group.get("fused") or group.get("capturable")
    return value.to(parameter.device) if beside else value


def random_state() -> dict[str, str]:
    """The states of PyTorch's global generators, as texts."""
    made = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states = torch.cuda.get_rng_state_all()
        made |= {f"cuda:{number}": state for number, state in enumerate(states)}
    return {name: state.numpy().tobytes().hex() for name, state in made.items()}


def set_random_state(states: Mapping[str, str]) -> None:
    """Set what `random_state` gave, as far as this machine has such devices."""
    for name, text in states.items():
        state = torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
        device = torch.device(name)
        if device.type == "cpu":
            torch.set_rng_state(state)
        elif (device.index or 0) < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, device)


def rounding(device: torch.device) -> dict[str, str | int]:
    """Versions, threads and processor."""
    on_gpu = device.type == "cuda"
    return {
        "PyTorch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
    }


def _held(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _parameters(
    optimizer: torch.optim.Optimizer,
) -> Iterator[tuple[int, Tensor, Mapping[str, Any]]]:
    pairs = [(value, group) for group in optimizer.param_groups for value in group["params"]]
    for number, (value, group) in enumerate(pairs):
        yield number, value, group


def _array(value: Tensor) -> np.ndarray:
    return np.array(value.detach().cpu().numpy(), order="C")


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))
