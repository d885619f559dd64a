"""Schedules: the learning rate's course over a training, as factors; the same for every engine."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deelish.common.checks import is_number
from deelish.common.suggestions import nearest
from deelish.errors import TrainingError

# The fraction of the training that is over, 0 to 1 -> the factor on the learning rate.
Schedule = Callable[[float], float]


def constant() -> Schedule:
    """The learning rate as given, to the end."""
    return lambda progress: 1.0


def linear(end: float = 0.0) -> Schedule:
    """A straight fall to `end` times the learning rate."""
    return lambda progress: 1 + (end - 1) * progress


def cosine(end: float = 0.0) -> Schedule:
    """Half a cosine down to `end` times the learning rate.

    Loshchilov and Hutter 2017, without restarts.
    """
    return lambda progress: end + (1 - end) * 0.5 * (1 + math.cos(math.pi * progress))


def step(at: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> Schedule:
    """Multiplied by `factor` at each of these fractions of the training."""
    return lambda progress: math.prod(factor for fraction in at if progress >= fraction)


def exponential(end: float = 0.01) -> Schedule:
    """An exponential fall to `end` times the learning rate."""
    return lambda progress: end**progress


def triangle(start: float = 0.2, peak: float = 0.23, end: float = 0.07) -> Schedule:
    """A straight rise from `start` to 1 at the fraction `peak`, then a straight fall to `end`.

    Jordan 2024, arXiv 2404.00498, with the defaults of its code.
    """
    for name, factor in (("start", start), ("end", end)):
        if not is_number(factor) or not 0 <= factor <= 1:
            raise TrainingError(
                f"schedule 'triangle' has {name}={factor!r}; give a factor on the learning rate,"
                " from 0 to 1"
            )
    if not is_number(peak) or not 0 < peak < 1:
        raise TrainingError(
            f"schedule 'triangle' has peak={peak!r}; give a fraction of the training, above 0 and"
            " below 1"
        )
    return lambda progress: (
        start + (1 - start) * progress / peak
        if progress < peak
        else end + (1 - end) * (1 - progress) / (1 - peak)
    )


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    rule.__name__: rule for rule in (constant, linear, cosine, step, exponential, triangle)
}
# The fraction of the training over which the learning rate rises where a script names none.
WARMUP = 0.05


def schedule_of(
    given: str | Schedule, options: Mapping[str, Any], warmup: float | None
) -> Schedule:
    """A schedule by name with its options, or a function, after a linear warm-up over `warmup`.

    None is a warm-up of `WARMUP`, and none for a triangle, which rises by itself.

    Raises:
        TrainingError: an unknown name or option, a value of a triangle or a warm-up out of range.
    """
    if warmup is None:
        warmup = 0.0 if given == triangle.__name__ else WARMUP
    if not is_number(warmup) or not 0 <= warmup < 1:
        raise TrainingError(
            f"BatchTrain(warmup={warmup!r}): give a fraction of the training, from 0 to below 1"
        )
    if not isinstance(options, Mapping):
        raise TrainingError(
            f"BatchTrain(schedule_options={options!r}): give a dict, such as dict(end=0.1)"
        )
    if callable(given):
        if options:
            raise TrainingError(
                "BatchTrain: schedule_options= are for a schedule by name, and schedule= is a"
                " function; leave them out"
            )
        rule = given
    elif isinstance(given, str) and given in SCHEDULES:
        try:
            rule = SCHEDULES[given](**options)
            # A value of another type is found where the rule computes with it.
            _ = rule(0.0), rule(1.0)
        except (TypeError, ValueError, ArithmeticError):
            takes = inspect.signature(SCHEDULES[given])
            raise TrainingError(f"schedule {given!r} takes {takes}, not {dict(options)}") from None
    else:
        hint = nearest(str(given), SCHEDULES)
        raise TrainingError(f"schedule {given!r} is not known; {hint}, or give a function")
    # The first update must move the weights, so the rise does not start at 0.
    return lambda p: _factor(rule, p) * (0.1 + 0.9 * p / warmup if p < warmup else 1.0)


def plain_number(value: Any) -> Any:
    """The number in a scalar of NumPy or of a framework; any other value as it is."""
    if not isinstance(value, int | float) and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _factor(rule: Schedule, progress: float) -> float:
    """What the rule gives now, checked, since a script may have written it."""
    value: float = plain_number(rule(progress))
    if not is_number(value) or value < 0:
        raise TrainingError(
            f"the function schedule= gave {value!r} at {progress:g} of the training; return a"
            " factor on the learning rate, a number from 0 on"
        )
    return value
