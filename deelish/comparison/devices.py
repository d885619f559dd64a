"""Devices by name, and the rule by which a network fits one."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.errors import DataError

KIB, MIB, GIB = 2**10, 2**20, 2**30
# The system, the camera and the user's own program need the rest.
MEMORY_FRACTION, STORAGE_FRACTION = 1 / 2, 1 / 10
RULE = "peak memory up to half of the device's memory, file up to a tenth of its storage"


@dataclass(frozen=True)
class Device:
    """Memory and storage in bytes, as the maker's data sheet gives them; `about` names it.

    is_bare: whether it has no operating system, so that no process of a computer runs on it.
    """

    name: str
    memory: int
    storage: int
    about: str
    is_bare: bool = False

    def fits(self, memory: int | None, file: int | None) -> bool | None:
        """Whether a network of this peak memory and file fits; None where one is not known."""
        if memory is None or file is None:
            return None
        return memory <= self.memory * MEMORY_FRACTION and file <= self.storage * STORAGE_FRACTION

    def to_dict(self) -> dict[str, str | int]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "memory_bytes": self.memory,
            "storage_bytes": self.storage,
            "about": self.about,
            "rule": RULE,
        }


# A Raspberry Pi has no storage of its own: a card of 16 GB is assumed.
_CARD = 16 * 10**9
DEVICES = {
    device.name: device
    for device in (
        Device(
            "arduino-nano-33-ble",
            256 * KIB,
            MIB,
            "Arduino Nano 33 BLE, nRF52840: 256 KiB of RAM, 1 MiB of flash",
            is_bare=True,
        ),
        Device(
            "esp32-s3",
            8 * MIB,
            8 * MIB,
            "ESP32-S3-WROOM-1-N8R8: 8 MiB of PSRAM beside 512 KiB of SRAM, 8 MiB of flash",
            is_bare=True,
        ),
        Device(
            "raspberry-pi-zero-2",
            512 * MIB,
            _CARD,
            "Raspberry Pi Zero 2 W: 512 MiB of memory, a card of 16 GB",
        ),
        Device(
            "raspberry-pi-3",
            GIB,
            _CARD,
            "Raspberry Pi 3 Model B: 1 GiB of memory, a card of 16 GB",
        ),
        Device(
            "raspberry-pi-4",
            2 * GIB,
            _CARD,
            "Raspberry Pi 4 Model B with 2 GiB of memory, a card of 16 GB",
        ),
        Device(
            "raspberry-pi-5",
            4 * GIB,
            _CARD,
            "Raspberry Pi 5 with 4 GiB of memory, a card of 16 GB",
        ),
        Device(
            "pixel-6a",
            6 * GIB,
            128 * 10**9,
            "Google Pixel 6a, a phone: 6 GiB of memory, 128 GB of storage",
        ),
    )
}


def device_of(name: str) -> Device:
    """The device of a name.

    Raises:
        DataError: it is not known; the names are given.
    """
    if name not in DEVICES:
        raise DataError(f"fits={name!r}: no such device is known; known: {', '.join(DEVICES)}")
    return DEVICES[name]
