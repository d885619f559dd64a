"""Ends a training by SIGTERM and SIGHUP at random moments until it is over, again and again.

Run as `signalled.py FOLDER SIGNALS SEED`. It prints one line of JSON for each signal: its number,
the status of the process, how many updates were done before and after; and one for each training
that came to its end: whether its result is that of one without a stop.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from forked import Child
from helpers import write_set
from training.checkpoints import stopped_runs
from training.checkpoints.test_damage import newest

from deelish.formats.native import checkpoint


def updates(folder):
    """How many updates the newest checkpoint has; 0 where there is none."""
    found = list(folder.glob("checkpoint-*"))
    return checkpoint.read(newest(folder)).values["batches"] if found else 0


def is_over(folder):
    """Whether the newest checkpoint is that of a training that came to its end."""
    return checkpoint.read(newest(folder)).values["finished"]


def train(sets, folder, begun):
    """What `stopped_runs.run` gives; writes to the pipe `begun` when its first batch begins."""

    def build(deel):
        inner, changed = stopped_runs.by_its_average(deel)

        def workout(x, t):
            if pipes:
                os.write(pipes.pop(), b"!")
            return inner(x, t)

        return workout, changed

    pipes = [begun] if begun else []
    return stopped_runs.run(build, sets, folder, epochs=6)


def main(folder, count, seed):
    rng, sets = (
        random.Random(seed),
        (write_set(folder, "train", 76), write_set(folder, "val", 20, first=76)),
    )
    # The first imports what only an update needs.
    train(sets, None, 0)
    start = time.monotonic()
    expected = train(sets, None, 0)
    seconds, sent, number = time.monotonic() - start, 0, 0
    while sent < count:
        one, number = folder / f"run-{number}", number + 1
        while True:
            before = updates(one) if one.exists() else 0
            reader, begun = os.pipe()
            child = Child(lambda: str(train(sets, one, begun) == expected))  # noqa: B023
            # Nothing comes where the training is over.
            os.close(begun)
            os.read(reader, 1)
            os.close(reader)
            if sent < count and not child.ended(rng.uniform(0, 0.6) * seconds):
                asked = (signal.SIGTERM, signal.SIGHUP)[sent % 2]
                child.send(asked)
            status, said = child.result()
            if status == 0:
                print(json.dumps({"same": said}))
                break
            if status == -asked and is_over(one):
                # It came after the training, and ended the process as it ends any.
                continue
            sent += 1
            after = updates(one)
            print(json.dumps({"signal": asked, "status": status, "updates": [before, after]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
