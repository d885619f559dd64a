"""The gradient of a logit with respect to the maps of a layer of a torch module."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from deelish.engines.torch.recording import is_turned


def gradients_of(logits: Tensor, labels: Any, maps: Tensor) -> Tensor | None:
    """The gradient of each image's logit of its label; None where the logits do not depend on it.

    logits: (n, classes), or with axes of one position after these.  labels: (n,).
    """
    chosen = torch.as_tensor(labels, device=logits.device)[:, None]
    total = logits.flatten(1).gather(1, chosen).sum()
    (made,) = torch.autograd.grad(total, [maps], allow_unused=True)
    return made


def maps_and_gradients(
    module: nn.Module, part: nn.Module, run: Callable[[], Tensor], labels: Any
) -> tuple[Any, Any]:
    """What a part of a module makes while `run` gives the logits, and the gradient to it.

    Of a part that is called several times, as one ReLU for all layers, the last call counts.

    Maps whose channels are last in memory of some models come as (n, c, h, w), like all others.
    """
    made: list[Any] = []

    def keep(_: nn.Module, given: Any, output: Any) -> Any:
        made.append(output)
        # What follows works on a copy, since it may write over it in place.
        return output.clone() if torch.is_tensor(output) else output

    hook = part.register_forward_hook(keep)
    try:
        logits = run()
    finally:
        hook.remove()
    maps = made[-1] if made else None
    if not torch.is_tensor(maps):
        return maps, None
    gradients = gradients_of(logits, labels, maps)
    if gradients is not None and maps.dim() == 4 and is_turned(module, part):
        return maps.permute(0, 3, 1, 2), gradients.permute(0, 3, 1, 2)
    return maps, gradients


def last_maps(module: nn.Module, run: Callable[[], Any]) -> str | None:
    """The last part that makes maps of more than one position while `run` runs; None without any.

    A part that holds others counts as the last of them where it makes maps itself.
    """
    found: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, given: Any, made: Any) -> None:
            if torch.is_tensor(made) and made.dim() == 4 and min(made.shape[2:]) > 1:
                found.append(name)

        return hook

    with ExitStack() as hooks:
        for name, part in module.named_modules():
            if name:
                hooks.callback(part.register_forward_hook(note(name)).remove)
        run()
    return found[-1] if found else None
