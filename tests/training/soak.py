"""Trains many tiny updates: `soak.py FOLDER UPDATES`. Prints memory and open files as it goes on.

One line of JSON: after each twentieth of the updates the resident bytes and the open files.
"""

import json
import os
import sys
from pathlib import Path

from helpers import small, write_set

from deelish import BatchTrain, Deel, InputBatch

PLACES = 20


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(folder, updates):
    source, found, count = write_set(folder, "train", 100), [], 0
    with Deel(seed=1):
        InputBatch(source, batch_size=2, mix="mixup")
        student = small(dropout=0.5)

        def workout(x, t):
            nonlocal count
            student.classify(x)
            count += 1
            if count % (updates // PLACES) == 0:
                found.append((resident(), len(list(Path("/proc/self/fd").iterdir()))))
            return student.backprop(t)

        BatchTrain(workout, epochs=updates // 50)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
