"""The numbers of a comparison, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deelish.comparison.devices import Device
from deelish.comparison.table import Row


@dataclass(frozen=True, repr=False)
class ComparisonNumbers:
    """What was measured of a teacher and its students.

    Attributes:
        rows: for "teacher", "student", "student int8" (of several: "student 1", ...) the numbers by
            name: accuracy with accuracy_low and accuracy_high, agreement, agreement_at_5, kl, ece,
            reliability, parameters, multiply_adds, file_bytes, memory_bytes, ms_1, ms_32, fits, and
            `missing`, the reason where there are none. Fractions are from 0 to 1.
        classes: for each student, a row for each true class: label, name, images, agreement,
            accuracy.
        different: for each student, the images on which it differs most from the teacher.
        device: the device of `fits=`, or None.
        notes: how the numbers were measured.
    """

    rows: Mapping[str, Row]
    classes: Mapping[str, Sequence[Row]]
    different: Mapping[str, Sequence[Row]]
    device: Device | None
    notes: Sequence[str]
