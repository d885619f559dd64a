"""How files of runtimes were measured: the notes below their table."""

from __future__ import annotations

import os
from collections.abc import Sequence

from deelish.common.printing import amount
from deelish.comparison.bench.fitting import note_of
from deelish.comparison.bench.measuring import SECONDS, Row
from deelish.comparison.bench.table import BUSY
from deelish.comparison.devices import Device
from deelish.comparison.timing import machine
from deelish.engines.runtimes.measure import LEAST, WARM_UP
from deelish.engines.runtimes.table import RUNTIMES, Runtime

UNSEEN = "whether other programs disturbed this is not known: the system does not say"


def notes_of(
    rows: Sequence[Row], threads: int, device: Device | None, absent: Sequence[Runtime]
) -> list[str]:
    """The notes of one measurement.

    Args:
        absent: runtimes that are not installed.
    """
    done = [row for row in rows if row["missing"] is None]
    notes = [*_missing(rows), *_busy(done), *([_ways(done, threads)] if done else [])]
    if device is not None:
        notes.append(note_of(device))
    return notes + [f"{each.title} is not installed: {each.install}" for each in absent]


def _missing(rows: Sequence[Row]) -> list[str]:
    return [f"{_name(row)} is missing: {row['missing']}" for row in rows if row["missing"]]


def _busy(rows: Sequence[Row]) -> list[str]:
    busy = [row for row in rows if row["busy"]]
    if not busy:
        return [UNSEEN] if any(row["busy"] is None for row in rows) else []
    names = "all" if len(busy) == len(rows) else ", ".join(map(_name, busy))
    others, waited = (max(row[key] or 0 for row in busy) for key in ("others", "waited"))
    line = (
        f"{BUSY} the machine was busy during the measurement of {names}: other programs took"
        f" up to {others:.1f} of {os.cpu_count()} processors, and the process waited for one for up"
        f" to {waited:.0%} of the time, so that ms are too long; CPU ms count no waiting, but"
        " caches were shared; measure again when nothing else runs"
    )
    return [line]


def _ways(rows: Sequence[Row], threads: int) -> str:
    empty = amount(min(row["numpy_bytes"] for row in rows))
    return (
        f"ms: median and 95th percentile of {LEAST} calls or more in {SECONDS:g} s after {WARM_UP}"
        f" to warm up, one image a call, by the clock; CPU ms: the median of the time of all"
        f" processors; threads: {threads}; peak memory: of a process of its own for each file,"
        " which imports NumPy and the runtime and only loads and answers; without model: once the"
        f" runtime is imported (ExecuTorch's imports torch, which its C++ does not); {empty} is a"
        f" process with NumPy alone; {machine()}"
    )


def _name(row: Row) -> str:
    return f"{row['model']} ({RUNTIMES[row['runtime']].title})"
