"""Chainer's optimisers under the names and options of a script, with multipliers of each array."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deelish.common.checks import is_number
from deelish.common.suggestions import nearest
from deelish.engines.chainer.adopted import AdoptedChain
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.module import PlanChain
from deelish.engines.trainable import LayerFactor, scaled, unscaled
from deelish.errors import TrainingError

chainer = import_chainer()
_KINDS = chainer.optimizers

# Chainer's own, by lower-case name, with Chainer's own options.
OWN: dict[str, Any] = {
    name.lower(): kind
    for name, kind in vars(_KINDS).items()
    # AdaDelta has no learning rate that a schedule could change.
    if isinstance(kind, type) and name != "AdaDelta"
}


class _NesterovRule(chainer.UpdateRule):  # type: ignore[misc, name-defined]
    """Sutskever et al. 2013 as PyTorch writes it; Chainer's own takes the new velocity twice."""

    def init_state(self, param: Any) -> None:
        self.state["v"] = param.xp.zeros_like(param.array)

    def update_core(self, param: Any) -> None:
        lr, momentum = self.hyperparam.lr, self.hyperparam.momentum
        velocity = self.state["v"]
        velocity *= momentum
        velocity += param.grad
        param.array -= lr * (param.grad + momentum * velocity)


class Nesterov(_KINDS.MomentumSGD):  # type: ignore[misc, name-defined]
    """SGD with Nesterov's momentum, the velocity free of the learning rate."""

    def create_update_rule(self) -> _NesterovRule:
        return _NesterovRule(self.hyperparam)


def _sgd(lr: float, *, momentum: float = 0.0, nesterov: bool = False) -> Any:
    if nesterov:
        return Nesterov(lr, momentum)
    # The corrected one keeps the velocity free of the learning rate, as PyTorch does.
    return _KINDS.CorrectedMomentumSGD(lr, momentum) if momentum else _KINDS.SGD(lr)


def _adam(
    lr: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    amsgrad: bool = False,
) -> Any:
    return _KINDS.Adam(alpha=lr, beta1=betas[0], beta2=betas[1], eps=eps, amsgrad=amsgrad)


def _rmsprop(lr: float, *, alpha: float = 0.99, eps: float = 1e-8) -> Any:
    return _KINDS.RMSprop(lr=lr, alpha=alpha, eps=eps)


def _adagrad(lr: float, *, eps: float = 1e-10) -> Any:
    return _KINDS.AdaGrad(lr=lr, eps=eps)


# Names that PyTorch has too, with PyTorch's options: an unchanged script runs on either.
SHARED: dict[str, Callable[..., Any]] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}
# PyTorch's AdamW decays by this where no weight_decay is given.
ADAMW_DECAY = 0.01


class Optimizer:
    """One of Chainer's optimisers over the trainable arrays of a chain.

    `own` is Chainer's object, set up on the chain; its hooks and its state are Chainer's.

    Raises:
        TrainingError: the name or an option is not known, or nothing would be trained.
    """

    def __init__(
        self,
        chain: PlanChain | AdoptedChain,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        factor: LayerFactor = unscaled,
    ) -> None:
        known = name.lower()
        given = dict(options)
        decay = given.pop("weight_decay", ADAMW_DECAY if known == "adamw" else 0.0)
        if not is_number(decay):
            raise TrainingError(f"BatchTrain(weight_decay={decay!r}): give a number")
        self.own = _made(known, lr, given)
        self.own.setup(chain)
        # Adam and its kin call the learning rate alpha; RMSprop's alpha is its decay.
        self._key = "alpha" if isinstance(self.own, _KINDS.Adam) else "lr"
        self._lr_mults: list[tuple[Any, float]] = []
        self._decoupled: dict[int, float] = {}
        for _, parameter, lr_mult, decay_mult in scaled(chain.trainable(), factor):
            self._lr_mults.append((parameter, lr_mult))
            self._decay(parameter, decay * decay_mult, known == "adamw")

    def _decay(self, parameter: Any, decay: float, decoupled: bool) -> None:
        rule = parameter.update_rule
        if decoupled:
            self._decoupled[id(parameter)] = decay
        elif decay:
            rule.add_hook(chainer.optimizer_hooks.WeightDecay(decay), "WeightDecay")

    @property
    def trained(self) -> list[Any]:
        """The parameters that have a gradient, and so change at the next step."""
        return [parameter for parameter, _ in self._lr_mults if parameter.grad is not None]

    def step(self, lr: float) -> None:
        """One step at this learning rate along the gradients that the chain has."""
        for parameter, lr_mult in self._lr_mults:
            rule = parameter.update_rule
            # Chainer would take a missing gradient for 0, and still decay and move.
            rule.enabled = bool(lr_mult) and parameter.grad is not None
            setattr(rule.hyperparam, self._key, lr * lr_mult)
            if self._decoupled:
                # Decoupled from the gradient: Loshchilov and Hutter 2019. Chainer omits the
                # learning rate.
                decay = self._decoupled[id(parameter)]
                rule.hyperparam.weight_decay_rate = decay * lr * lr_mult
        self.own.update()


def _made(name: str, lr: float, options: dict[str, Any]) -> Any:
    try:
        return _kind(name)(lr, **options)
    except (TypeError, ValueError) as error:
        raise TrainingError(
            f"optimizer {name!r} does not take {options} with lr {lr}: {error}; name the"
            " options as PyTorch does, or as Chainer does for its own"
        ) from None


def optimizer_options(name: str) -> list[str]:
    """The options of the optimiser of this name beside the learning rate.

    Raises:
        TrainingError: the name is not known.
    """
    _, *options = inspect.signature(_kind(name)).parameters
    return [*options, "weight_decay"]


def _kind(name: str) -> Callable[..., Any]:
    kind: Callable[..., Any] | None = SHARED.get(name.lower()) or OWN.get(name.lower())
    if kind is None:
        known = sorted({*SHARED, *OWN})
        raise TrainingError(f"optimizer {name!r} is not known to Chainer; {nearest(name, known)}")
    return kind
