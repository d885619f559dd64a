"""PyTorch's optimisers by name, with the multipliers of each array."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from deelish.common.suggestions import nearest
from deelish.engines.trainable import Trainable
from deelish.errors import TrainingError

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    name.lower(): value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type)
    and issubclass(value, torch.optim.Optimizer)
    # LBFGS needs the loss recomputed, SparseAdam sparse gradients: neither fits an update a batch.
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
}

# What each optimiser has frozen, which was trainable before.
_FROZEN: WeakKeyDictionary[torch.optim.Optimizer, list[Tensor]] = WeakKeyDictionary()
# What each trains, in the order of the forward pass, which its groups by multiplier do not keep.
_TRAINED: WeakKeyDictionary[torch.optim.Optimizer, list[Tensor]] = WeakKeyDictionary()


def build_optimizer(
    arrays: Sequence[Trainable], name: str, lr: float, options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """PyTorch's optimiser of this name over these arrays, but those whose `lr_mult` is 0.

    Each of its parameter groups has the `lr_mult` and `decay_mult` of its arrays; the weight decay
    is multiplied already, the learning rate is not. Those left out are frozen until `release`.

    Raises:
        TrainingError: the name or an option is not known.
    """
    kind = _kind(name)
    try:
        given = {**_fused_option(kind, options), **options}
        optimizer = kind(_groups(arrays), lr=lr, **given)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"optimizer {name!r} does not take {dict(options)} with lr {lr}: {error}; name the"
            " options as PyTorch does"
        ) from None
    for group in optimizer.param_groups:
        if "weight_decay" in group:
            group["weight_decay"] *= group["decay_mult"]
    _freeze(optimizer, arrays)
    _TRAINED[optimizer] = [each.value for each in arrays if each.lr_mult]
    return optimizer


def trained_by(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that an optimiser of `build_optimizer` trains, from first layer to last."""
    return _TRAINED[optimizer]


def _freeze(optimizer: torch.optim.Optimizer, arrays: Iterable[Trainable]) -> None:
    frozen = [each.value for each in arrays if not each.lr_mult and each.value.requires_grad]
    _FROZEN[optimizer] = frozen
    for value in frozen:
        # Else each backward pass would compute its gradient, and add it to those before.
        value.requires_grad_(False)


def release(optimizer: torch.optim.Optimizer) -> None:
    """Make what an optimiser left out trainable again."""
    for value in _FROZEN.pop(optimizer, ()):
        value.requires_grad_(True)


def _groups(arrays: Iterable[Trainable]) -> list[dict[str, Any]]:
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for _, tensor, lr_mult, decay_mult in arrays:
        if lr_mult:
            groups.setdefault((lr_mult, decay_mult), []).append(tensor)
    return [
        {"params": tensors, "lr_mult": lr_mult, "decay_mult": decay_mult}
        for (lr_mult, decay_mult), tensors in groups.items()
    ]


def complete_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Give a momentum of 0 to weights whose first gradient comes later than that of others.

    PyTorch's fused SGD fails where some have a momentum already and others have none yet, as the
    last layer of a student that learnt features first.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        return
    for group in optimizer.param_groups:
        trained = [value for value in group["params"] if value.grad is not None]
        lacking = [v for v in trained if optimizer.state[v].get("momentum_buffer") is None]
        if group["momentum"] and 0 < len(lacking) < len(trained):
            for value in lacking:
                optimizer.state[value]["momentum_buffer"] = torch.zeros_like(value)


def optimizer_options(name: str) -> list[str]:
    """The options of PyTorch's optimiser of this name beside lr.

    Raises:
        TrainingError: the name is not known.
    """
    known = inspect.signature(_kind(name)).parameters
    return [option for option in known if option not in ("params", "lr")]


def _kind(name: str) -> type[torch.optim.Optimizer]:
    kind = OPTIMIZERS.get(name.lower())
    if kind is None:
        raise TrainingError(
            f"optimizer {name!r} is not known to PyTorch; {nearest(name, OPTIMIZERS)}"
        )
    return kind


def _fused_option(kind: type[torch.optim.Optimizer], options: Mapping[str, Any]) -> dict[str, bool]:
    """One pass over the weights where the optimiser has it: a tenth of the time of Adam's step."""
    others = {"foreach", "fused", "capturable", "differentiable"}
    known = "fused" in inspect.signature(kind).parameters
    return {"fused": True} if known and not others.intersection(options) else {}
