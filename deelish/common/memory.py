"""Which errors mean that there is not enough memory."""

from __future__ import annotations

# What PyTorch on a CPU, oneDNN, CUDA and Python's threads say in a RuntimeError.
_SAID = (
    "out of memory",
    "can't allocate memory",
    "could not create a primitive",
    "can't start new thread",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says so, by its kind or its text."""
    return isinstance(error, MemoryError) or any(text in str(error) for text in _SAID)
