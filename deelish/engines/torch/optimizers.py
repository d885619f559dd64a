"""PyTorch's optimisers by name, with Caffe's multipliers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from deelish.common.suggestions import nearest
from deelish.engines.torch.adopted import AdoptedModule
from deelish.engines.torch.module import PlanModule
from deelish.errors import TrainingError

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    name.lower(): value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type)
    and issubclass(value, torch.optim.Optimizer)
    # LBFGS needs the loss recomputed, SparseAdam sparse gradients: neither fits an update a batch.
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
}


def build_optimizer(
    module: PlanModule | AdoptedModule, name: str, lr: float, options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """PyTorch's optimiser of this name over the module's trainable arrays.

    Each of its parameter groups has the `lr_mult` and `decay_mult` of its arrays; the weight decay
    is multiplied already, the learning rate is not.

    Raises:
        TrainingError: the name or an option is not known, or nothing would be trained.
    """
    kind = _kind(name)
    try:
        given = {**_fused_option(kind, options), **options}
        optimizer = kind(module.parameter_groups(), lr=lr, **given)  # type: ignore[call-arg]
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"optimizer {name!r} does not take {dict(options)} with lr {lr}: {error}; name the"
            " options as PyTorch does"
        ) from None
    for group in optimizer.param_groups:
        if "weight_decay" in group:
            group["weight_decay"] *= group["decay_mult"]
    return optimizer


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
