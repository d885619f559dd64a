"""Starts a process whose memory is limited, and tells apart how it ended."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ANSWER = Path(__file__).with_name("answer.py")
# A process has one thread, whatever computes in it.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
# What libraries say when an allocation fails.
NO_MEMORY = re.compile(
    r"MemoryError|bad_alloc|bad allocation|insufficient memory|out of memory|not enough memory"
    r"|(can ?not|can't|unable to|failed to|could not) (re)?allocate|alloc_cpu|failed to map segment",
    re.IGNORECASE,
)
ANSWERED, MEMORY, KILLED, LATE, OTHER = "answered", "memory", "killed", "late", "other"


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        state: ANSWERED, MEMORY (an allocation failed), KILLED (by a signal), LATE, or OTHER.
        reason: of the others, in words.
        peak: the most memory that was resident, in MiB.
        figures: what it measured: cpu_ms, wall_ms, first_s.
    """

    state: str
    reason: str
    peak: float
    figures: dict


def ended(code, errors, late):
    """The state and the reason of a process that did not answer."""
    lines = errors.strip().splitlines()
    said = lines[-1] if lines else f"exit code {code}"
    if late:
        return LATE, "it took too long"
    if NO_MEMORY.search(errors):
        return MEMORY, "out of memory"
    if code < 0:
        return KILLED, f"killed by {signal.Signals(-code).name}"
    return OTHER, said


def run(job, seconds, words=(sys.executable, str(ANSWER))):
    """Start a job in a process of its own, and wait for it.

    This process must be small: Linux starts the peak of a process with that of its parent.

    Args:
        job: what answer.py gets.
        seconds: after which it is killed.
        words: the command that it is an argument of.
    """
    environment = {**os.environ, **ONE_THREAD}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        command = [*words, json.dumps(job)]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=errors)
        late = threading.Event()
        timer = threading.Timer(seconds, lambda: (late.set(), process.kill()))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        printed, said = (file.seek(0) or file.read() for file in (out, errors))
    peak = usage.ru_maxrss / 1024
    if code == 0:
        return Outcome(ANSWERED, "", peak, json.loads(printed.splitlines()[-1]))
    return Outcome(*ended(code, said, late.is_set()), peak, {})
