"""Measures one way to load a network, within a limit of memory and, where that fails, without."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_sides.limits import ANSWERED, Outcome, run
from edge_sides.sides import NETWORKS, STUDENTS, Way

FILES = Path(__file__).with_name("files.py")
# Of probabilities.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Network:
    """A network whose files are written.

    title, source: see `sides`.  found: what files.py says of it.  folder: where its files are.
    free: how the processes without a limit ended, by way, for all devices.
    """

    name: str
    title: str
    source: str
    found: dict
    folder: Path
    free: dict = field(default_factory=dict)

    def job(self, way, rounds):
        """What answer.py gets, but the limit; the logits go to `logits`."""
        function, arguments = way.call(self.found, self.source)
        kind = "pixels" if function == "deelish" else "values"
        return {
            "way": function,
            "arguments": arguments,
            "images": str(self.folder / f"{self.name}.{kind}.npy"),
            "logits": str(self.logits),
            "rounds": rounds,
            "mib": 0,
        }

    @property
    def logits(self):
        """Where a process writes its logits."""
        return self.folder / "answer.npy"

    @property
    def expected(self):
        """The logits of deelish."""
        return np.load(self.folder / f"{self.name}.logits.npy")


@dataclass
class Measured:
    """What one way made of a network: within the limit, and without, where that failed.

    absent: why it was not run.  file: its bytes.  right: whether it computes what deelish does.
    """

    absent: str = ""
    file: int = 0
    limited: Outcome | None = None
    free: Outcome | None = None
    right: bool = True


def written(name, title, source, folder, googlenet):
    """A network; a process of its own wrote its files, unless they are there.

    Args:
        name, title, source: see `sides`.
        folder: where the files are.
        googlenet: published weights of GoogLeNet, which then teach the students; or None.
    """
    described = folder / f"{name}.json"
    if not described.is_file():
        teacher = str(googlenet or "") if name in STUDENTS else "-"
        weights = str(googlenet or "") if name == "googlenet" else ""
        command = [sys.executable, FILES, folder, name, source, weights, teacher]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{name}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
    return Network(name, title, source, json.loads(described.read_text()), folder)


def measure(way: Way, network, mib, options):
    """One way on one network: `Measured`."""
    if reason := way.absent(network.found):
        return Measured(absent=reason)
    job = network.job(way, options.rounds)
    made = Measured(file=Path(network.found["files"][way.file]).stat().st_size)
    made.limited = run({**job, "mib": mib}, options.seconds)
    if made.limited.state != ANSWERED and not options.no_free:
        if way.title not in network.free:
            network.free[way.title] = run(job, options.seconds)
        made.free = network.free[way.title]
    elif made.limited.state == ANSWERED and way.exact:
        apart = abs(probabilities(np.load(network.logits)) - probabilities(network.expected))
        made.right = bool(apart.max() < TOLERANCE)
    return made


def probabilities(scores):
    """Those of logits, or of what are probabilities already; float64 (n, classes)."""
    scores = scores.reshape(len(scores), -1).astype(np.float64)
    if scores.min() >= 0 and np.allclose(scores.sum(1), 1, atol=1e-3):
        return scores
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def named(options):
    """Name, title and source of each network; the user's students replace the two."""
    rows = [(name, *row) for name, row in NETWORKS.items() if name in options.networks]
    students = [(name, *row) for name, row in STUDENTS.items() if name in options.networks]
    given = [(path.stem, f"student: {path.name}", str(path)) for path in options.student]
    return rows, given or students
