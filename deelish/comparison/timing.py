"""How long inference takes, and on what machine."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deelish.engines import Engine

WARM_UP, LEAST, MOST, SECONDS = 2, 5, 50, 1.0
RULE = (
    f"the median of {LEAST} to {MOST} calls (about {SECONDS:g} s for each network, all of them in"
    f" turn) after {WARM_UP} to warm up, in evaluation mode, from pixels of the network's size to"
    " logits in NumPy"
)


def milliseconds(calls: Mapping[str, Callable[[], Any]], images: int) -> dict[str, float]:
    """Milliseconds an image by name, of calls that each compute a batch of `images`, by `RULE`.

    The calls take turns, so that other load on the machine slows all of them alike. A call must
    return NumPy arrays, so that a GPU has finished when it returns.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    begun = 0.0
    for number in range(-WARM_UP, MOST):
        if number == 0:
            begun = time.perf_counter()
        if number >= LEAST and time.perf_counter() - begun > SECONDS * len(calls):
            break
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number >= 0:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) * 1000 / images for name, times in taken.items()}


def threads_of(engine: Engine) -> int | None:
    """How many threads an engine uses on a processor; None where that is not known."""
    # Where torch is the engine, it is imported already; nothing may import it here.
    return int(sys.modules["torch"].get_num_threads()) if engine.name == "torch" else None


def machine() -> str:
    """The processor, its cores and the system, in words."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{_processor()}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def _processor() -> str:
    cards = Path("/proc/cpuinfo")
    if cards.is_file():
        for line in cards.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or "a processor without a name"
