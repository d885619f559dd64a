"""The errors that an engine's layers raise about the numbers they are given, worded once."""

from __future__ import annotations

from deelish.errors import DataError


def no_index(value: float, count: int, what: str) -> DataError:
    """A number that a layer is fed as an index, and that names none of `count` things."""
    return DataError(
        f"{value:g} is no index of {count} {what}; give whole numbers from 0 to {count - 1}"
    )


def no_class(label: int, classes: int, ignores: bool) -> DataError:
    """A label that is none of the classes, of a layer that can ignore labels or cannot."""
    cure = ", or name it in ignore_label" if ignores else ""
    return DataError(
        f"a label is {label} where there are {classes} classes; labels are 0 to {classes - 1}{cure}"
    )
