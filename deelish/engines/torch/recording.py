"""Reads inner layers of a torch module while it runs: what they make, or what goes into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from deelish.engines.inference import no_such_layer
from deelish.engines.learning import INPUT_OF
from deelish.errors import TrainingError

# What these make is (n, c, h, w), also inside a model whose blocks make (n, h, w, c).
_CHANNELS_FIRST = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


@contextmanager
def recording(module: nn.Module, layers: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Within the block the module records these layers as it runs, each its first time.

    The tensors are copies, since a later layer may write over them in place. Maps of a model of
    timm whose blocks have their channels last come as (n, c, h, w), like all others.

    Args:
        module: the module.
        layers: names of its parts; with `INPUT_OF` before the name, what goes into the part.

    Raises:
        PlanError: there is no such layer.
    """
    outputs: dict[str, Any] = {}
    hooks = [_hook(module, layer, outputs) for layer in dict.fromkeys(layers)]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def check_layer(name: str, module: nn.Module, layer: str) -> nn.Module:
    """The part of a module that a name names, `INPUT_OF` before it or not.

    Raises:
        PlanError: there is none; the nearest names are given.
    """
    parts = dict(module.named_modules())
    found: nn.Module | None = parts.get(layer.removeprefix(INPUT_OF))
    if found is None or not layer:
        no_such_layer(name, layer, parts)
    return found


def recorded(name: str, layer: str, outputs: dict[str, Any]) -> Any:
    """What a layer made.

    Raises:
        TrainingError: it did not run, or made no tensor.
    """
    if layer not in outputs:
        raise TrainingError(f"{name}: layer {layer!r} does not run; choose another")
    if not torch.is_tensor(outputs[layer]):
        kind = type(outputs[layer]).__name__
        raise TrainingError(f"{name}: layer {layer!r} makes {kind}, no tensor; choose another")
    return outputs[layer]


def _hook(module: nn.Module, layer: str, outputs: dict[str, Any]) -> Any:
    part = check_layer(type(module).__name__, module, layer)
    turned = is_turned(module, part)

    def record(value: Any) -> None:
        if layer not in outputs:
            outputs[layer] = _copy(value, turned)

    if layer.startswith(INPUT_OF):
        return part.register_forward_pre_hook(lambda _, given: record(given[0] if given else None))
    return part.register_forward_hook(lambda _, given, made: record(made))


def is_turned(module: nn.Module, part: nn.Module) -> bool:
    """Whether a part makes maps (n, h, w, c), as the blocks of some models of timm do."""
    maps_last = str(getattr(module, "output_fmt", "")).endswith("NHWC")
    return maps_last and not isinstance(part, _CHANNELS_FIRST)


def _copy(value: Any, turned: bool) -> Any:
    if not torch.is_tensor(value):
        return value
    return value.permute(0, 3, 1, 2).clone() if turned and value.dim() == 4 else value.clone()
