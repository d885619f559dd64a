"""The sides of a row: child processes that live side by side and work in turn.

This process imports no library, as Linux counts the memory of who starts a process as that of the
process too.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

# The threads of the side before fall asleep in it.
PAUSE = 0.05
# What the libraries read that multiply for NumPy and torch.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Side(NamedTuple):
    """One way to do a row's work: its name, "module:Class" of a package, and its options."""

    name: str
    job: str
    options: Mapping[str, Any] = MappingProxyType({})
    package: str = "speed"


@dataclass
class Found:
    """What was measured of a side; `absent` says why it was not.

    rates: images a second, round by round.  notes: other numbers, round by round, from the first,
    which warms up, on.  peak_mb: the most memory that its process had.
    """

    type: str = ""
    absent: str = ""
    rates: list[float] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def rate(self):
        """Images a second, the median."""
        return statistics.median(self.rates)


class Process:
    """A side's process; `close` ends it, whatever it does."""

    def __init__(self, side, setting):
        self.side = side
        errors, self.errors = tempfile.mkstemp(dir=setting.folder)
        job, options = f"{side.package}.{side.job}", json.dumps(dict(side.options))
        environment = dict.fromkeys(THREADS, str(setting.threads))
        environment["DEELISH_CACHE"] = str(setting.folder / "cache")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "speed.child", setting.to_json(), job, options],
            cwd=Path(__file__).resolve().parent.parent,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        os.close(errors)

    def reply(self, word=None):
        """The next line of the process, after a word to it."""
        if word is not None:
            with suppress(BrokenPipeError):
                print(word, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise SystemExit(f"{self.side.name}: ended without a reply\n{self._last_error()}")
        return json.loads(line)

    def _last_error(self):
        return "\n".join(Path(self.errors).read_text(errors="replace").splitlines()[-15:])

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()


def measure(sides, setting, rounds):
    """{name: Found} of sides that work in turn, after a round that warms each up."""
    found = {}
    with ExitStack() as stack:
        processes = {}
        for side in sides:
            process = Process(side, setting)
            stack.callback(process.close)
            started = process.reply()
            found[side.name] = Found(started.get("type", ""), started.get("absent", ""))
            if not found[side.name].absent:
                processes[side.name] = process
        for number in range(rounds + 1):
            for name, process in processes.items():
                time.sleep(PAUSE)
                done = process.reply("round")
                found[name].notes.append(done["notes"])
                if number:
                    found[name].rates.append(done["images"] / done["seconds"])
        for name, process in processes.items():
            found[name].peak_mb = process.reply("end")["peak_mb"]
    return found


def notes_of(side, setting):
    """The notes of work that is done when it is made."""
    process = Process(side, setting)
    try:
        return process.reply()["notes"]
    finally:
        process.close()
