"""The last layers of a torch module: found by running it, replaced by others of another width."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.learning import INPUT_OF, LOGITS
from deelish.engines.torch.recording import recorded, recording
from deelish.errors import TrainingError, first_line

# Runs the module on its example images: the logits.
Run = Callable[[], Tensor]


def last_layers(module: nn.Module, run: Run) -> list[str]:
    """The linear layers and convolutions that make the logits, by name.

    The last one that runs with as many outputs as there are logits. Where a model of timm says
    which its classifiers are (up to four of them), they are these.
    """
    stated = _stated(module)
    if stated:
        return stated
    widths: dict[str, int] = {}
    hooks = [
        part.register_forward_hook(_noting(widths, name, part))
        for name, part in module.named_modules()
        if _width(part)
    ]
    try:
        classes = run().shape[1]
    finally:
        for hook in hooks:
            hook.remove()
    found = [name for name, width in widths.items() if width == classes]
    return found[-1:]


def embedding_of(name: str, module: nn.Module, run: Run) -> str | None:
    """The name of what goes into the last layer, which makes the logits and nothing after it.

    `LOGITS` for a model of timm without a classifier: its output is its embedding. None where no
    layer makes the logits.
    """
    stated = _stated(module)
    if stated or callable(getattr(module, "get_classifier", None)):
        return INPUT_OF + stated[-1] if stated else LOGITS
    names = last_layers(module, run)
    return INPUT_OF + names[-1] if names and _ends_in(name, module, run, names[-1]) else None


def linear_last(name: str, module: nn.Module, run: Run) -> str | None:
    """The one linear layer, or 1 x 1 convolution, with a bias that makes the logits, the last."""
    names = last_layers(module, run)
    if len(names) != 1 or not _ends_in(name, module, run, names[0]):
        return None
    part = module.get_submodule(names[0])
    if getattr(part, "bias", None) is None:
        return None
    with recording(module, [INPUT_OF + names[0]]) as outputs:
        run()
    given = recorded(name, INPUT_OF + names[0], outputs)
    if isinstance(part, nn.Conv2d):
        plain = part.kernel_size == part.stride == (1, 1) and part.groups == 1
        return names[0] if plain and part.padding in ((0, 0), "same", "valid") else None
    return names[0] if given.dim() == 2 else None


def _ends_in(name: str, module: nn.Module, run: Run, layer: str) -> bool:
    """Whether the logits are what this layer makes, or its means over positions.

    A backbone without its classifier may end in a layer that is as wide as its output.
    """
    with recording(module, [layer]) as outputs:
        logits = run().flatten(1)
    made = recorded(name, layer, outputs)
    if made.dim() == 4:
        made = made.mean((2, 3))
    return made.shape == logits.shape and torch.allclose(made, logits, 1e-3, 1e-4)


def put_linear(
    name: str, module: nn.Module, layer: str, weight: np.ndarray, bias: np.ndarray
) -> Callable[[], None]:
    """Put a layer with weight (outputs, inputs) and bias in the place of another linear one.

    Returns:
        A function that puts the old layer back.
    """
    parent, own, part = part_of(name, module, layer)
    outputs, inputs = weight.shape
    made = (
        nn.Linear(inputs, outputs) if isinstance(part, nn.Linear) else nn.Conv2d(inputs, outputs, 1)
    )
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(weight).reshape(made.weight.shape))
        made.bias.copy_(torch.from_numpy(bias))  # type: ignore[union-attr]
    setattr(parent, own, made.to(next(part.parameters()).device).train(part.training))
    return lambda: setattr(parent, own, part)


def put_like(
    name: str, module: nn.Module, layers: list[str], classes: int, *, found: bool
) -> list[str]:
    """Put new layers in the place of these, as `LearningModel.put_like` says."""
    if found and callable(getattr(module, "reset_classifier", None)):
        return _reset(name, module, classes)
    for layer in layers:
        parent, own, part = part_of(name, module, layer)
        setattr(parent, own, _like(name, layer, part, classes))
    return layers


def part_of(name: str, module: nn.Module, layer: str) -> tuple[nn.Module, str, nn.Module]:
    """The parent of a layer, its name there, and the layer.

    Raises:
        TrainingError: there is no such layer.
    """
    parts = dict(module.named_modules())
    parent, _, own = layer.rpartition(".")
    if not layer or layer not in parts:
        raise TrainingError(f"{name}: head={layer!r} is no layer of it; give one that it prints")
    return parts[parent], own, parts[layer]


def _stated(module: nn.Module) -> list[str]:
    """The classifiers of a model of timm by name, also those inside a part or a list of parts."""
    get = getattr(module, "get_classifier", None)
    if not callable(get):
        return []
    found, classes = get(), getattr(module, "num_classes", None)
    parts = [part for part in (found if isinstance(found, tuple | list) else [found]) if part]
    inner = [one for part in parts for one in part.modules() if _width(one) == classes]
    names = {id(part): name for name, part in module.named_modules()}
    return [names[id(part)] for part in inner if id(part) in names]


def _width(part: Any) -> int | None:
    if isinstance(part, nn.Linear):
        return part.out_features
    return part.out_channels if isinstance(part, nn.Conv2d) else None


def _noting(widths: dict[str, int], name: str, part: nn.Module) -> Any:
    def note(*_: Any) -> None:
        # A layer that runs again comes last.
        widths.pop(name, None)
        widths[name] = _width(part) or 0

    return note


def _reset(name: str, module: Any, classes: int) -> list[str]:
    """Let a model of timm replace its classifiers; the layers that are new."""
    before = dict(module.named_modules())
    try:
        module.reset_classifier(classes)
    except Exception as error:
        raise TrainingError(
            f"{name}: its reset_classifier({classes}) fails ({first_line(error)}); name its last"
            " layer with head="
        ) from error
    return [
        layer
        for layer, part in module.named_modules()
        if _width(part) and part is not before.get(layer)
    ]


def _like(name: str, layer: str, part: nn.Module, classes: int) -> nn.Module:
    """A new layer like this one with so many outputs, with the initial weights of PyTorch.

    Raises:
        TrainingError: it is neither linear nor a convolution.
    """
    if isinstance(part, nn.Linear):
        made: nn.Module = nn.Linear(part.in_features, classes, part.bias is not None)
    elif isinstance(part, nn.Conv2d) and part.groups == 1:
        made = copy.deepcopy(part)
        made.out_channels = classes
        made.weight = nn.Parameter(torch.empty(classes, *part.weight.shape[1:]))
        if part.bias is not None:
            made.bias = nn.Parameter(torch.empty(classes))
        made.reset_parameters()
    else:
        raise TrainingError(
            f"{name}: its layer {layer!r} is a {type(part).__name__}, and only a linear layer or a"
            " convolution is replaced; give a module with as many outputs as labels"
        )
    weight = next(part.parameters())
    return made.to(weight.device, weight.dtype)
