"""The process that is measured: it loads a file of a runtime, and answers one image at a time.

    python measure.py PROGRAM FILE THREADS SECONDS

It prints one line of JSON, and imports NumPy and the program alone: what it holds, a device would
hold too.
"""

import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Calls before those that count: runtimes prepare in the first ones.
WARM_UP = 3
LEAST = 20
# Of so many calls, the last ones, the times are kept: they shall hold no memory to speak of.
KEPT = 10_000


def peak_memory() -> int:
    """The most bytes of memory that this process has held."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage counts what the process held from which this one was started, too.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine_seconds() -> float | None:
    """Seconds for which the processors of the machine have worked; None where it does not say."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return None
    user, nice, system, _idle, _waiting, *others = map(int, stat.read_text().split()[1:9])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def waiting_seconds() -> float | None:
    """Seconds for which the threads of this process waited for a processor; None likewise."""
    found = list(Path("/proc/self/task").glob("*/schedstat"))
    if not found:
        return None
    return sum(int(each.read_text().split()[1]) for each in found) / 1e9


def timed(run: Callable[[], Any], threads: int, seconds: float) -> dict[str, Any]:
    """Seconds of each call by the clock and of the processors, and what else went on meanwhile.

    others: how many processors worked for other programs.  waited: the fraction of the time for
    which a thread waited for one.
    """
    for _ in range(WARM_UP):
        run()
    walls, works, calls = np.zeros(KEPT), np.zeros(KEPT), 0
    machine, waited = machine_seconds(), waiting_seconds()
    begun, worked = time.perf_counter(), time.process_time()
    while calls < LEAST or time.perf_counter() - begun < seconds:
        wall, work = time.perf_counter(), time.process_time()
        run()
        works[calls % KEPT] = time.process_time() - work
        walls[calls % KEPT] = time.perf_counter() - wall
        calls += 1
    took, worked = time.perf_counter() - begun, time.process_time() - worked
    # Before the times become lists.
    memory = peak_memory()
    kept = min(calls, KEPT)
    found: dict[str, Any] = {"walls": walls[:kept].tolist(), "works": works[:kept].tolist()}
    found |= {"calls": calls, "memory_bytes": memory, "others": None, "waited": None}
    after = machine_seconds()
    if machine is not None and after is not None:
        found["others"] = max(0.0, (after - machine - worked) / took)
    waited_after = waiting_seconds()
    if waited is not None and waited_after is not None:
        found["waited"] = max(0.0, (waited_after - waited) / took / threads)
    return found


def main() -> None:
    """Measure, and print what was found."""
    file, path, threads, seconds = sys.argv[1:5]
    # Libraries print what they like.
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    found: dict[str, Any] = {"numpy_bytes": peak_memory()}
    try:
        found |= measured(file, path, int(threads), float(seconds))
    except Exception as error:
        lines = [text.strip() for text in str(error).splitlines() if text.strip()]
        found["error"] = lines[-1].rstrip(".") if lines else type(error).__name__
    reply.write(json.dumps(found) + "\n")
    reply.close()


def measured(file: str, path: str, threads: int, seconds: float) -> dict[str, Any]:
    """Load a file and answer."""
    spec = importlib.util.spec_from_file_location("program", file)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    runtime_bytes = peak_memory()
    program = module.Program(path, threads)
    if program.input_shape is None:
        raise ValueError("it does not state the size of its images, which is needed here")
    shape = (1, *program.input_shape)
    image = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    found = timed(lambda: program.run(image), threads, seconds)
    found["runtime_bytes"] = runtime_bytes
    return found


if __name__ == "__main__":
    main()
