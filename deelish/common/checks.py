"""Whether a value is a number, a fraction or a fitting function: one rule for all arguments."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any


def is_number(value: Any) -> bool:
    """Whether it is a finite number. True and False are no numbers."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and math.isfinite(value)


def is_count(value: Any) -> bool:
    """Whether it is a whole number above 0; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_fraction(value: Any) -> bool:
    """Whether it is a number above 0 and up to 1."""
    return is_number(value) and 0 < value <= 1


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function may be called with so many arguments; true where it does not tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some of those that are written in C do not tell
        return True
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True
