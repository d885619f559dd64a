"""Starts a process whose memory is limited, and tells apart how it ended."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ANSWER = Path(__file__).with_name("answer.py")
# A process has one thread, whatever computes in it.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
# What libraries say when an allocation fails.
NO_MEMORY = re.compile(
    r"MemoryError|bad_alloc|bad allocation|(insufficient|out of|not enough) memory"
    r"|alloc_cpu|alloc failed|(can ?not|can't|unable to|failed to|could not) (re)?alloc"
    r"|failed to map segment|can't start new thread",
    re.IGNORECASE,
)
ANSWERED, MEMORY, KILLED, LATE, OTHER = "answered", "memory", "killed", "late", "other"


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        state: ANSWERED, MEMORY (an allocation failed), KILLED (by a signal), LATE, or OTHER.
        reason: of the others, in words.
        figures: what it measured: cpu_ms, wall_ms, peak_mib.
    """

    state: str
    reason: str
    figures: dict


def ended(code, errors):
    """The state and the reason of a process that did not answer."""
    lines = errors.strip().splitlines()
    said = lines[-1] if lines else f"exit code {code}"
    if NO_MEMORY.search(errors):
        return MEMORY, "out of memory"
    if code < 0:
        return KILLED, f"killed by {signal.Signals(-code).name}"
    return OTHER, said


def run(job, seconds, words=(sys.executable, str(ANSWER))):
    """Start a job in a process of its own, and wait for it.

    Args:
        job: what answer.py gets.
        seconds: after which it is killed.
        words: the command that it is an argument of.
    """
    command = [*words, json.dumps(job)]
    environment = {**os.environ, **ONE_THREAD}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Outcome(LATE, f"over {seconds} s", {})
    if done.returncode == 0:
        return Outcome(ANSWERED, "", json.loads(done.stdout.splitlines()[-1]))
    return Outcome(*ended(done.returncode, done.stderr), {})
