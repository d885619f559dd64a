"""Whether what was measured fits a device, and what that does not say."""

from __future__ import annotations

from deelish.common.printing import amount
from deelish.comparison.bench.measuring import Row
from deelish.comparison.devices import RULE, Device

# The one of the table whose files a device without an operating system can run.
BARE_RUNTIME = "litert"


def fits(row: Row, device: Device) -> bool | None:
    """Whether a file fits by the memory that was measured; None where that is not known."""
    if row["missing"] is not None or (device.is_bare and row["runtime"] != BARE_RUNTIME):
        return None
    memory: int = row["memory_bytes"]
    # Python, NumPy and the runtime of a computer are not what such a device holds.
    return device.fits(
        memory - row["runtime_bytes"] if device.is_bare else memory, row["file_bytes"]
    )


def note_of(device: Device) -> str:
    """What `fits` compares, and what is assumed."""
    sizes = f"{amount(device.memory)} of memory, {amount(device.storage)} of storage"
    about = f"fits {device.name} ({device.about}; {sizes}): {RULE}"
    if device.is_bare:
        return (
            f"{about}; it has no operating system, and of these runtimes only a .tflite has one"
            " for it, TFLite Micro, so that the others have no answer; compared is by how much"
            " the process of LiteRT grew here by loading and answering, which is about the file"
            " and its tensors: TFLite Micro leaves the file in flash, takes int8 rather than"
            " floats, and may lack a layer; nothing here says how fast it is"
        )
    return (
        f"{about}, of the whole process on this machine; a device with another processor holds"
        " other code, of about this size; the milliseconds are this machine's, and nothing here"
        f" says how many {device.name} takes: run the same command there"
    )
