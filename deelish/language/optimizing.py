"""What BatchTrain was asked, checked before the first batch: functions, optimiser, schedule."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from deelish.common.arguments import check_names
from deelish.common.checks import is_number, takes
from deelish.engines import Engine
from deelish.errors import TrainingError

# The usual learning rate of each optimiser; those not named here take 0.0003, at which deep plain
# networks such as NIN and GoogLeNet learn from scratch.
LEARNING_RATES = {"sgd": 0.01, "adagrad": 0.01}
LEARNING_RATE = 0.0003
_COUNTS = ("no argument", "one argument", "two arguments")
# How the functions of a script are written, and how many arguments they are called with.
_WORKOUT = ("workout", "def workout(x, t): ...", 2)
_CHECKOUT = ("checkout", "def checkout(): ...", 0)
_SCHEDULE = ("schedule", "def schedule(progress): ...", 1)
_DECAY = ("lookahead_decay", "def decay(progress): ...", 1)


def check_functions(workout: Any, checkout: Any, schedule: Any, decay: Any) -> None:
    """Refuse functions of a script that cannot be called for a batch, an epoch or an update.

    decay: `lookahead_decay=`, which may be a function as `schedule` may.

    Raises:
        TrainingError: the function is none, or takes other arguments.
    """
    _check_function(workout, *_WORKOUT)
    if checkout is not None:
        _check_function(checkout, *_CHECKOUT)
    for given, form in ((schedule, _SCHEDULE), (decay, _DECAY)):
        if callable(given):
            _check_function(given, *form)


def _check_function(function: Any, name: str, form: str, count: int) -> None:
    if not callable(function):
        raise TrainingError(f"BatchTrain({name}={function!r}): give a function, {form}")
    if not takes(function, count):
        raise TrainingError(
            f"BatchTrain: {name}{inspect.signature(function)} is called with {_COUNTS[count]};"
            f" write {form}"
        )


def checked_lr(lr: Any, optimizer: Any) -> float:
    """The learning rate, or the usual one of the optimiser where none is given.

    Raises:
        TrainingError: it is no number above 0, or the optimiser has no name.
    """
    if not isinstance(optimizer, str):
        got = optimizer if isinstance(optimizer, type) else type(optimizer)
        raise TrainingError(
            f"BatchTrain(optimizer=...): got {got.__name__}; give its name, such as"
            f" optimizer='sgd', and its options beside it: momentum=0.9"
        )
    if lr is None:
        return LEARNING_RATES.get(optimizer.lower(), LEARNING_RATE)
    if not is_number(lr) or not lr > 0:
        raise TrainingError(f"BatchTrain(lr={lr!r}): give a number above 0")
    return float(lr)


def check_options(
    engine: Engine, optimizer: str, options: Mapping[str, Any], own: Sequence[str]
) -> None:
    """Refuse an option that the optimiser does not take.

    Args:
        engine: whose optimiser it is.
        optimizer: its name.
        options: what `BatchTrain` was given as ``**options``.
        own: the arguments of `BatchTrain` itself.

    Raises:
        TrainingError: the optimiser is not known.
        UsageError: an option is not; the nearest that the optimiser or BatchTrain takes is named.
    """
    known = [*engine.optimizer_options(optimizer), *own]
    check_names("BatchTrain", options, known, f"optimizer {optimizer!r} takes no such option")
