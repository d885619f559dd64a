"""The numbers of a comparison, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deelish.comparison.devices import Device
from deelish.comparison.table import Row
from deelish.images.sample import Location


@dataclass(frozen=True, repr=False)
class ComparisonNumbers:
    """What was measured of a teacher and its students; `Comparison` documents the fields.

    locations: where the images of `different` are, by their paths; None for sequences.
    confusions: for each network the pairs of true and predicted class that occur.
    """

    rows: Mapping[str, Row]
    classes: Mapping[str, Sequence[Row]]
    different: Mapping[str, Sequence[Row]]
    device: Device | None
    notes: Sequence[str]
    locations: Mapping[str, Location | None] = field(default_factory=dict)
    confusions: Mapping[str, Sequence[Row]] = field(default_factory=dict)
