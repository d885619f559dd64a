"""Opens thousands of damaged Caffe files in processes of their own, which no file may harm; Linux.

``python tests/fuzz/long_run.py --mutants 20000 --seed 1``; a mutant fails that ends its process,
takes more than a second or more memory than its files and 64 MB, or is neither read nor refused
in a sentence. Its files are kept in ``--failures``. ``--kind prototxt`` takes nets in text alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.mutants import MUTATORS, mutant, opened
from fuzz.seeds import Seed, material_folder, seeds

BATCH = 50
PROCESSES = 2
# Of processor time, for one mutant.
MOST_SECONDS = 1.0
# Beyond the size of a mutant's files.
MOST_BYTES = 64 * 2**20
# Of the clock, for one mutant: more than any machine, however busy, makes of a second.
PATIENCE = 20
FAILURES = Path(tempfile.gettempdir(), "deelish-fuzz")
# What a process may have in all: a bomb ends it before it fills the machine.
CEILING = 2**30


@dataclass
class Totals:
    """What has come of the mutants so far."""

    read: int = 0
    refused: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All totals in one line."""
        mutants = self.read + self.refused + len(self.failures)
        return (
            f"{mutants:,} mutants: {self.refused:,} refused, {self.read:,} read,"
            f" at worst {self.seconds:.3f} s and {self.megabytes:.1f} MB,"
            f" {len(self.failures)} failures"
        )


@dataclass(frozen=True)
class Run:
    """What all processes share."""

    seeds: Sequence[Seed]
    seed: int
    folder: Path
    failures: Path


class Child:
    """A forked process that opens some mutants in order and says of each what came of it."""

    def __init__(self, run: Run, numbers: range) -> None:
        self.numbers = numbers
        self.heard = time.monotonic()
        self._next = numbers.start
        self._text = b""
        self._stopped = False
        reader, writer = os.pipe()
        self.process = os.fork()
        if not self.process:
            try:
                _work(run, numbers, writer)
            finally:
                os._exit(1)
        os.close(writer)
        self.pipe = reader

    def listen(self, totals: Totals) -> bool:
        """Take in what it has said; whether it is still there."""
        said = os.read(self.pipe, 2**16)
        self.heard = time.monotonic()
        *lines, self._text = (self._text + said).split(b"\n")
        for line in lines:
            word, seconds, megabytes, *reason = line.decode().split()
            totals.seconds = max(totals.seconds, float(seconds))
            totals.megabytes = max(totals.megabytes, float(megabytes))
            totals.read += word == "read"
            totals.refused += word == "refused"
            if word == "failed":
                totals.failures.append(f"{self._next}: {' '.join(reason)}")
            self._next += 1
        return bool(said)

    def end(self, totals: Totals) -> range:
        """Wait for its end, after which these mutants are left to open."""
        os.close(self.pipe)
        _, status = os.waitpid(self.process, 0)
        if not status:
            return range(self._next, self.numbers.stop)
        how = f"ended with status {status}"
        if os.WIFSIGNALED(status):
            how = f"was ended by signal {os.WTERMSIG(status)}"
        if self._stopped:
            how = f"went on for more than {PATIENCE} s"
        totals.failures.append(f"{self._next}: its process {how}")
        return range(self._next + 1, self.numbers.stop)

    def stop(self) -> None:
        """End it."""
        self._stopped = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)


def _work(run: Run, numbers: range, pipe: int) -> None:
    """The life of a child."""
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
    folder = Path(tempfile.mkdtemp(dir=run.folder))
    before = _peak()
    for number in numbers:
        said = _tried(run, number, folder, before)
        os.write(pipe, f"{' '.join(said.split())}\n".encode("utf-8", "replace"))
        if said.startswith("failed"):
            # What it has left behind would count against the next.
            break
    shutil.rmtree(folder)
    os._exit(0)


def _tried(run: Run, number: int, folder: Path, before: int) -> str:
    """Open one mutant: whether it was read, seconds, megabytes, and what is wrong with that."""
    made = mutant(run.seeds, run.seed, number)
    reason, started = "", time.process_time()
    try:
        word = "refused" if opened(made, folder) else "read"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"
    seconds, taken = time.process_time() - started, _peak() - before
    if seconds > MOST_SECONDS:
        reason = f"it took {seconds:.1f} s"
    if taken > made.size + MOST_BYTES:
        reason = f"{taken / 2**20:.0f} MB for {made.size:,} bytes"
    return f"{'failed' if reason else word} {seconds} {taken / 2**20} {reason[:500]}"


def _peak() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_all(run: Run, mutants: int) -> Totals:
    """Open the mutants from 0 on, some processes at a time."""
    totals = Totals()
    waiting = [range(at, min(at + BATCH, mutants)) for at in range(0, mutants, BATCH)][::-1]
    children: dict[int, Child] = {}
    while waiting or children:
        while waiting and len(children) < PROCESSES:
            child = Child(run, waiting.pop())
            children[child.pipe] = child
        ready, _, _ = select.select(list(children), [], [], 1)
        for pipe in ready:
            if not children[pipe].listen(totals):
                left = children.pop(pipe).end(totals)
                waiting += [left] if left else []
        for child in children.values():
            if time.monotonic() - child.heard > PATIENCE:
                child.stop()
    return totals


def described(run: Run, totals: Totals) -> Iterator[str]:
    """A line for each failure, whose files are kept."""
    for failure in totals.failures:
        number, reason = failure.split(": ", 1)
        made = mutant(run.seeds, run.seed, int(number))
        folder = run.failures / f"{run.seed}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        made.save(folder)
        yield f"seed {run.seed}, mutant {number} ({made.story}): {reason}; kept in {folder}"


def main() -> int:
    """Read the command line, open the mutants, print the totals; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=list(MUTATORS))
    parser.add_argument("--failures", type=Path, default=FAILURES)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sound = [one for one in seeds(material_folder()) if options.kind in (None, one.kind)]
        run = Run(sound, options.seed, Path(folder), options.failures)
        totals = run_all(run, options.mutants)
    for line in described(run, totals):
        print(line)
    print(f"{totals.line()}; {time.monotonic() - started:.0f} s")
    return bool(totals.failures)


if __name__ == "__main__":
    sys.exit(main())
