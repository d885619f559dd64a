"""Trainings of students that the test of two processes runs, alone and in each of a group.

Run as a script: `in_processes.py FOLDER RESULT`, with the environment of torchrun.
"""

import sys
from pathlib import Path

import numpy as np
from small_modules import student
from torch import nn

from deelish import Average, BatchTrain, Deel, InputBatch
from deelish.common.processes import launch

SGD = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}


def learnt(folder, *, norm, dropout=0.0, size=6, **options):
    """What two epochs of batches of 6, 6 and 4 make of a student and of its running average."""
    InputBatch(folder / "train.txt", folder / "val.txt", batch_size=size, crop=1, mirror=False)
    # Every process has other initial weights, and those of rank 0 count.
    made, teacher = student(3 + 10 * launch().rank, dropout=dropout), student(1, name="Teacher")
    if not norm:
        made.module.module.norm = nn.Identity()
    average = Average(made, decay=0.5)

    def workout(x, t):
        made.classify(x)
        outcome = made.backprop(t, distill=teacher.batch_feature(x))
        average.batch_feature(x)
        return outcome

    history = BatchTrain(workout, epochs=2, **SGD, **options)
    made.save(folder / "student.safetensors")
    arrays = made.record().arrays
    means = average.module.module.state_dict()
    arrays |= {f"average.{name}": value.numpy().copy() for name, value in means.items()}
    return {**arrays, "losses": np.array([[row["loss"], row["val_loss"]] for row in history])}


# Of 16 images the last one is a batch, of which one process has none.
SHARED = {"norm": True, "size": 5, "sync_batch_norm": True}

# Statistics of a part of a batch, and dropout, make the others differ from those of one process.
CASES = {
    "plain": {"norm": False},
    "normalised": {"norm": True},
    "dropout": {"norm": True, "dropout": 0.5},
    "shared": SHARED,
}


def run_all(folder):
    """The arrays of each case, as "case:name"."""
    found = {}
    for case, options in CASES.items():
        with Deel(seed=3):
            made = learnt(folder, **options)
        found |= {f"{case}:{name}": array for name, array in made.items()}
    return found


if __name__ == "__main__":
    np.savez(sys.argv[2], **run_all(Path(sys.argv[1])))
