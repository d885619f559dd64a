"""One file of a runtime, measured in a process that only loads it and answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.processes import available_cores
from deelish.engines.runtimes import measure
from deelish.engines.runtimes.table import Runtime

Row = dict[str, Any]
SECONDS = 2.0
# Beyond these the milliseconds are marked: the fraction of the time for which the process waited
# for a processor, and the fraction of all processors that others took.
WAITED, TAKEN = 0.05, 0.1
NUMBERS = (
    *("ms", "ms_95", "cpu_ms", "file_bytes", "memory_bytes", "runtime_bytes", "numpy_bytes"),
    *("calls", "others", "waited", "busy"),
)


@dataclass(frozen=True)
class BenchFile:
    """A file to measure; `model` is what the table calls its network."""

    model: str
    path: Path
    runtime: Runtime


def measured(file: BenchFile, threads: int) -> Row:
    """The numbers of a file by name; None where there are none, and `missing` has the reason."""
    if not file.runtime.is_installed:
        return unmade_row(file, threads, f"{file.runtime.title} is not installed")
    found = _in_own_process(file, threads)
    if "error" in found:
        return unmade_row(file, threads, f"{file.runtime.title} cannot run it ({found['error']})")
    walls, works = (1000 * np.array(found[name]) for name in ("walls", "works"))
    files = file.runtime.files_of(file.path)
    # More threads than processors wait for each other.
    waited = None if threads > available_cores() else found["waited"]
    memory = ("memory_bytes", "runtime_bytes", "numpy_bytes")
    return {
        **unmade_row(file, threads, None),
        "ms": float(np.median(walls)),
        "ms_95": float(np.percentile(walls, 95)),
        "cpu_ms": float(np.median(works)),
        "file_bytes": sum(each.stat().st_size for each in files),
        **{name: found[name] for name in memory},
        "calls": found["calls"],
        "others": found["others"],
        "waited": waited,
        "busy": is_busy(found["others"], waited),
    }


def unmade_row(file: BenchFile, threads: int, reason: str | None) -> Row:
    """A row without numbers, and the reason."""
    about = {"model": file.model, "runtime": file.runtime.name, "threads": threads}
    return {**about, **dict.fromkeys(NUMBERS), "missing": reason}


def is_busy(others: float | None, waited: float | None) -> bool | None:
    """Whether other programs disturbed a measurement; None where the system does not say.

    Args:
        others: how many processors they took, as a mean.
        waited: the fraction of the time for which threads waited for a processor.
    """
    if others is None and waited is None:
        return None
    return (others or 0) > TAKEN * (os.cpu_count() or 1) or (waited or 0) > WAITED


def _in_own_process(file: BenchFile, threads: int) -> dict[str, Any]:
    given = (file.runtime.program, file.path.resolve(), threads, SECONDS)
    done = subprocess.run(
        # Without -P the folder of the file would hide packages by its own names.
        [sys.executable, "-P", str(measure.__file__), *map(str, given)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
            # NumPy's own threads would hold memory, and do nothing.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": str(threads),
        },
        check=False,
    )
    if done.returncode or not done.stdout:
        return {"error": f"its process ended with {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found
