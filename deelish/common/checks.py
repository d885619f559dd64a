"""Whether a value is a number or a fraction: one rule for every argument."""

from __future__ import annotations

import math
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
