"""How OpenVINO computes: threads, type, and all of the threads for each batch."""

from __future__ import annotations

# Its names of the types that a teacher computes in; None is float32.
TYPES = {None: "f32", "float32": "f32", "bfloat16": "bf16"}


def settings_of(threads: int, dtype: str | None) -> dict[str, str | int]:
    """The settings of a model on the CPU.

    Args:
        threads: how many threads compute a batch.
        dtype: "bfloat16", or float32 as "float32" or None.
    """
    return {
        # One stream as its makers advise: all threads work on one batch.
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Without it, a processor with bfloat16 computes in that.
        "INFERENCE_PRECISION_HINT": TYPES[dtype],
        # Several processes of a training would be bound to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
