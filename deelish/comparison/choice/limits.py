"""What a student shall fit, whether a candidate does, and which is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deelish.common.printing import amount
from deelish.comparison.device_speed import PublishedSpeed
from deelish.comparison.devices import MEMORY_FRACTION, STORAGE_FRACTION, Device

Row = dict[str, Any]
FITS, SLOW, LARGE = "fits", "too slow", "too large"
# Those of candidates without a measurement.
HEAVY, WORSE, FAILED = "too much work", "less accurate", "failed"
# A multiply-add of one candidate takes up to about twice as long as that of another: with so many
# times those that the milliseconds allow, it need not be measured.
HOPELESS = 3
# Of published accuracies in percent. Within it, the faster candidate is taken.
EQUAL = 0.5


@dataclass(frozen=True)
class Limits:
    """A device, and milliseconds on it.

    Attributes:
        device: whose memory and storage count.
        milliseconds: of one image on the device; None for any.
        speed: of the device, where milliseconds are given.
        reference: what was measured here of the network that has this speed there.
    """

    device: Device
    milliseconds: float | None = None
    speed: PublishedSpeed | None = None
    reference: Row | None = None

    def guessed(self, times: float) -> float | None:
        """Milliseconds on the device of what takes so many times as long as the reference here."""
        return None if self.speed is None else times * self.speed.milliseconds

    @property
    def allowed_multiply_adds(self) -> float | None:
        """What the network of the published speed could compute in the milliseconds."""
        if self.milliseconds is None or self.speed is None or self.reference is None:
            return None
        return float(self.milliseconds / self.speed.milliseconds * self.reference["multiply_adds"])

    def excess(self, row: Row) -> float:
        """How many times a measured candidate takes what there is: of time, memory or storage."""
        parts = [
            row["memory_bytes"] / (self.device.memory * MEMORY_FRACTION),
            row["file_bytes"] / (self.device.storage * STORAGE_FRACTION),
        ]
        if self.milliseconds is not None:
            parts.append(row["device_ms"] / self.milliseconds)
        return float(max(parts))

    def verdict(self, row: Row) -> str:
        """Whether a measured candidate fits, in words."""
        if self.milliseconds is not None and row["device_ms"] > self.milliseconds:
            return SLOW
        return FITS if self.device.fits(row["memory_bytes"], row["file_bytes"]) else LARGE

    def needs(self, row: Row) -> str:
        """What a measured candidate takes, in words."""
        time = "" if row["device_ms"] is None else f"about {row['device_ms']:.3g} ms and "
        return f"{time}{amount(row['memory_bytes'])} of memory"

    def __str__(self) -> str:
        time = "" if self.milliseconds is None else f" in {self.milliseconds:g} ms"
        return f"{self.device.name}{time}"


def is_settled(rows: Sequence[Row], accuracy: float) -> bool:
    """Whether what fits already is better than any candidate of this accuracy."""
    return any(row["verdict"] == FITS and row["accuracy"] - accuracy > EQUAL for row in rows)


def best(rows: Sequence[Row]) -> Row | None:
    """Of those that fit the most accurate; of about equally accurate ones the fastest."""
    fitting = [row for row in rows if row["verdict"] == FITS]
    if not fitting:
        return None
    least = max(row["accuracy"] for row in fitting) - EQUAL
    equal = [row for row in fitting if row["accuracy"] >= least]
    return min(equal, key=lambda row: float(row["cpu_ms"]))
