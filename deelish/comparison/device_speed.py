"""How long one network takes on devices, as published: what the speed of others is guessed by."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.comparison.devices import Device
from deelish.errors import DataError


@dataclass(frozen=True)
class PublishedSpeed:
    """Milliseconds of MobileNetV2 1.0 at 224 pixels, batch 1; `about` says how and where."""

    milliseconds: float
    about: str


_XNNPACK = "XNNPACK, all cores, README of February 2022"
_NCNN = "ncnn, 4 threads, benchmark/README"
SPEEDS = {
    "raspberry-pi-zero-2": PublishedSpeed(147, f"in floats on a Zero 2 W ({_NCNN})"),
    "raspberry-pi-3": PublishedSpeed(30, f"in int8 on a Raspberry Pi 3B+ ({_XNNPACK})"),
    "raspberry-pi-4": PublishedSpeed(17, f"in int8 on a Raspberry Pi 4, 64-bit ({_XNNPACK})"),
    "raspberry-pi-5": PublishedSpeed(10.5, f"in floats on a Raspberry Pi 5 ({_NCNN})"),
}


def speed_of(device: Device) -> PublishedSpeed:
    """The published speed of a device.

    Raises:
        DataError: none is known.
    """
    if device.name not in SPEEDS:
        raise DataError(
            f"milliseconds=: how fast {device.name} is has not been published for MobileNetV2;"
            f" leave milliseconds= out, or name one of {', '.join(SPEEDS)}"
        )
    return SPEEDS[device.name]
