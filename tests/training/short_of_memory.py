"""Limits the memory of trainings at random moments: `short_of_memory.py FOLDER COUNT SEED`.

It prints one line of JSON for each: the status of the process, and its last line.
"""

import json
import random
import resource
import sys
from pathlib import Path

from forked import Child
from helpers import write_set
from training.checkpoints import stopped_runs

EPOCHS = 4
# A process that takes as long hangs.
PATIENCE = 60


def limited(sets, batch, room):
    """A training that gets so many bytes more than it has before this batch."""
    # In lists, since another number would be another workout.
    left, room = [batch], [room]

    def build(deel):
        inner, changed = stopped_runs.by_its_average(deel)

        def workout(x, t):
            left[0] -= 1
            if left[0] == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[0])
                most = pages * resource.getpagesize() + room[0]
                resource.setrlimit(resource.RLIMIT_AS, (most, most))
            return inner(x, t)

        return workout, changed

    # Larger than what was trained before: what is freed does not suffice.
    images = {"batch_size": 76}
    return stopped_runs.run(build, sets, epochs=EPOCHS, images=images)[0]


def main(folder, count, seed):
    rng = random.Random(seed)
    sets = write_set(folder, "train", 304), write_set(folder, "val", 20, first=304)
    stopped_runs.run(stopped_runs.by_its_average, sets)
    for _ in range(count):
        batch, room = rng.randint(1, 4 * EPOCHS), rng.choice([0, 1 << 18, 1 << 20, 3 << 20])
        child = Child(lambda: limited(sets, batch, room))  # noqa: B023
        ended = child.ended(PATIENCE)
        child.send(9)
        status, said = child.result()
        last = (said.splitlines() or [""])[-1]
        print(json.dumps({"ended": ended, "status": status, "said": last, "room": room}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
