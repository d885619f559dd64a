"""Run by several processes: a training that stops in a batch of rank 0, or goes on.

`in_processes.py FOLDER RESULT`. $STOP is the batch, 0 for none; $NAME names the training.
"""

import os
import sys
from pathlib import Path

import numpy as np
from training.checkpoints import stopped_runs


def main(folder, result):
    rank, name = int(os.environ["RANK"]), os.environ["NAME"]
    stop = int(os.environ["STOP"]) if rank == 0 else 0
    sets = folder / "train.txt", folder / "val.txt"
    # What BatchNorm and dropout make of a batch depends on how it is divided.
    with_both = os.environ.get("WITH_BOTH") == "1"
    changed = []

    def build(deel):
        made = (stopped_runs.by_its_average if with_both else stopped_runs.without_draws)(deel)
        changed.extend(made[1])
        return made

    found, rows = stopped_runs.run(build, sets, folder / name, stop)
    arrays = changed[0].engine.arrays(changed[0].module)
    last = rows[-1] if rows else {}
    np.savez(result, digest=found, rows=repr(rows), loss=last.get("loss", 0.0), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
