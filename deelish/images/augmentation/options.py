"""The options of augmentations: what each may be, and its one form.

An option means the same wherever it occurs, so that its rule is here once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from deelish.common.checks import is_number
from deelish.errors import DataError
from deelish.images.augmentation.cropping import Pair

# No use is known of more, and Pillow fails somewhere beyond.
LARGEST = 1000.0


class Rule(NamedTuple):
    """read: the option's one form, or None for what it may not be.  need: what to give."""

    read: Callable[[Any], Any]
    need: str


def checked(name: str, option: str, value: Any) -> Any:
    """The value of an option in its one form: numbers as floats, ranges as pairs.

    Raises:
        DataError: it may not be that.
    """
    read, need = RULES[option]
    form = read(value)
    if form is None:
        raise DataError(f"InputBatch(augment=...): {option}= of {name} is {value!r}; give {need}")
    return form


def _pair(low: float, high: float, above: bool = False) -> Callable[[Any], Pair | None]:
    """Reads a range within low and high; above: whether low itself is outside."""

    def read(value: Any) -> Pair | None:
        if not (isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))):
            return None
        first, last = float(value[0]), float(value[1])
        inside = (low < first if above else low <= first) and first <= last <= high
        return (first, last) if inside else None

    return read


def _probability(value: Any) -> float | None:
    return float(value) if is_number(value) and 0 <= value <= 1 else None


def _factors(value: Any) -> Pair | None:
    """0.4 is 0.6 to 1.4; 1 and more begins at 0."""
    if is_number(value):
        return (max(0.0, 1.0 - value), 1.0 + value) if 0 <= value < LARGEST else None
    return _pair(0, LARGEST)(value)


def _turns(value: Any) -> Pair | None:
    """0.1 is -0.1 to 0.1."""
    if is_number(value):
        return (-float(value) + 0.0, float(value)) if 0 <= value <= 0.5 else None
    return _pair(-0.5, 0.5)(value)


def _count(lowest: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and value >= lowest else None

    return read


_FACTORS = Rule(_factors, "a number from 0, of which 0.4 is 0.6 to 1.4, or such a range as a pair")

RULES: dict[str, Rule] = {
    "p": Rule(_probability, "the probability, a number from 0 to 1"),
    "scale": Rule(
        _pair(0, 1, above=True),
        "the smallest and the largest part of the area, two numbers above 0 and up to 1",
    ),
    "ratio": Rule(
        _pair(0, LARGEST, above=True),
        "the smallest and the largest ratio of the sides, two numbers above 0",
    ),
    "brightness": _FACTORS,
    "contrast": _FACTORS,
    "saturation": _FACTORS,
    "hue": Rule(_turns, "a number from 0 to 0.5, or a range within -0.5 and 0.5 as a pair"),
    "sigma": Rule(
        _pair(0, LARGEST), "the smallest and the largest blur, two numbers of pixels from 0"
    ),
    "operations": Rule(_count(1), "how many operations are applied, a whole number above 0"),
    "magnitude": Rule(_count(0), "how strong the operations are, a whole number from 0"),
    "bins": Rule(_count(2), "how many steps the scale of magnitudes has, a whole number above 1"),
}
