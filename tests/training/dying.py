"""Ends or stops one process of a training of two at random moments: `dying.py FOLDER COUNT SEED`.

It prints one line of JSON for each: the signal, the seconds until the other process ended, its
status, and the last line that it printed.
"""

import json
import os
import random
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from forked import Child
from helpers import write_set
from processes import free_port, torchrun_environment
from training.checkpoints import stopped_runs

from deelish.engines.torch import group

SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP)
# The seconds that a process of these trainings waits for another.
PATIENCE = 2


def train(sets, rank, port):
    os.environ.update(torchrun_environment(rank, 2, port))
    group.PATIENCE = timedelta(seconds=PATIENCE)
    return stopped_runs.run(stopped_runs.by_its_average, sets, epochs=20)


def main(folder, count, seed):
    rng = random.Random(seed)
    sets = write_set(folder, "train", 76), write_set(folder, "val", 20, first=76)
    stopped_runs.run(stopped_runs.by_its_average, sets)
    for number in range(count):
        port, sent = free_port(), SIGNALS[number % len(SIGNALS)]
        both = [Child(lambda rank=rank: train(sets, rank, port)) for rank in range(2)]  # noqa: B023
        dies = both[rng.randrange(2)]
        time.sleep(rng.uniform(0.4, 1.2))
        dies.send(sent)
        start = time.monotonic()
        (other,) = (child for child in both if child is not dies)
        ended = other.ended(60)
        seconds = time.monotonic() - start
        for child in both:
            child.send(signal.SIGKILL)
        dies.result()
        status, said = other.result()
        said = (said.splitlines() or [""])[-1]
        found = {"signal": sent, "ended": ended, "seconds": seconds}
        print(json.dumps({**found, "status": status, "said": said}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
