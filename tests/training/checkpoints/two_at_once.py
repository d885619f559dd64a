"""Starts pairs of processes that train in one folder at once: `two_at_once.py FOLDER PAIRS`.

It prints one line of JSON for each pair: what both came to, and what a later process finds. Before
them this process trains itself, so that its children need to import nothing.
"""

import json
import sys
import time
from pathlib import Path

from forked import Child
from helpers import write_set
from training.checkpoints import stopped_runs

# Where the other process is not refused within so many seconds, it trains too.
PATIENCE = 5


def train(sets, folder, start, refused):
    """The digest of a training that waits for the refusal of the other, from a common start on."""

    def build(deel):
        inner, changed = stopped_runs.plain(deel)

        def workout(x, t):
            until = time.monotonic() + PATIENCE
            while not refused.exists() and time.monotonic() < until:
                time.sleep(0.001)
            return inner(x, t)

        return workout, changed

    while time.time() < start:
        pass
    try:
        return stopped_runs.run(build, sets, folder, checkpoint_updates=1)[0]
    except BaseException:
        refused.write_text("")
        raise


def main(folder, pairs):
    sets = write_set(folder, "train", 76), write_set(folder, "val", 20, first=76)
    stopped_runs.run(stopped_runs.plain, sets)
    for number in range(pairs):
        one, refused, start = folder / f"run-{number}", folder / f"no-{number}", time.time() + 0.05
        both = [Child(lambda: train(sets, one, start, refused)) for _ in range(2)]  # noqa: B023
        pids = [child.pid for child in both]
        results = [child.result() for child in both]
        again = Child(lambda: train(sets, one, 0, refused)).result()  # noqa: B023
        names = sorted(path.name for path in one.iterdir())
        print(json.dumps({"pids": pids, "results": results, "again": again, "names": names}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
