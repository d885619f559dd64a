"""Precision: what a session may ask for, and whether the processor has bfloat16."""

from __future__ import annotations

import platform
from pathlib import Path

from deelish.errors import EngineError

AUTO, FLOAT32 = "auto", "float32"
REDUCED = ("bfloat16", "float16")
PRECISIONS = (AUTO, FLOAT32, *REDUCED)
# What /proc/cpuinfo calls a processor's own arithmetic in bfloat16, on x86 and on ARM.
FLAGS = {"avx512_bf16", "amx_bf16", "avx10_2", "bf16"}


def check_precision(name: object) -> None:
    """Refuse a precision that is not known.

    Raises:
        EngineError: no such precision.
    """
    if name not in PRECISIONS:
        raise EngineError(
            f"Deel(precision={name!r}): is not known; choose from {', '.join(PRECISIONS)}"
        )


def only_float32(engine: str, precision: str) -> None:
    """Refuse reduced precision, for an engine that computes in float32 alone.

    Raises:
        EngineError: reduced precision was asked for.
    """
    if precision in REDUCED:
        raise EngineError(
            f"Deel(engine={engine!r}, precision={precision!r}): this engine computes in float32;"
            " leave precision out, or take Deel(engine='torch')"
        )


def processor_has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself, where the system says so.

    Where it does not, it computes bfloat16 by way of other types, slower than float32.
    """
    if platform.system() != "Linux":
        return False
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith(("flags", "Feat"))), "")
    return not FLAGS.isdisjoint(flags.partition(":")[2].split())
