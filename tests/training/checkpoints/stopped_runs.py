"""Trainings that stop after some batches, go on in a session of their own, and say what became."""

import os
import random
import signal
from hashlib import sha256

import numpy as np
from helpers import small
from hinted import convolutional, known, lesson

from deelish import Average, BatchTrain, Deel, InputBatch

# What no two runs have in common.
TIMES = ("images_per_second", "seconds", "waited")

# How many batches each run so far had.
calls = []


def run(build, sets, folder=None, stop=0, number=signal.SIGINT, **options):
    """Train two epochs, or go on; with `stop` a signal comes in the batch of this number.

    build: from the session to (workout, what changes).  options: of BatchTrain.
    Returns the digest of what changes, and the history without its times.
    """
    # In lists, since another number would be another workout.
    left = [stop]
    calls.append(0)
    with Deel(seed=1) as deel:
        usual = {"batch_size": 16, "crop": 1, "mirror": False, "keep": "memory"}
        InputBatch(*sets, **usual | deel_images(options))
        inner, changed = build(deel)

        def workout(x, t):
            left[0] -= 1
            calls[-1] += 1
            if left[0] == 0:
                os.kill(os.getpid(), number)
            return inner(x, t)

        history = BatchTrain(workout, **{"epochs": 2, "resume": folder, **options})
        return digest(deel, changed), without_times(history)


def deel_images(options):
    return options.pop("images", {})


def digest(deel, changed):
    """sha256 of all arrays of networks and averages, and of the script's own state."""
    found = sha256()
    for each in changed:
        for name, array in deel.engine.arrays(each.module).items():
            found.update(name.encode() + array.tobytes())
    found.update(repr(sorted(deel.state.items())).encode())
    return found.hexdigest()


def without_times(history):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in history]


def plain(deel, dropout=0.5, outputs=4):
    student = small(outputs=outputs, dropout=dropout)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    return workout, [student]


def without_draws(deel):
    return plain(deel, dropout=0.0)


def hinted(deel):
    teacher, student = known(convolutional("teacher", 6)), convolutional("student", 4, normal=True)
    return lesson(teacher, student, [("conv1", "conv1"), ("conv2", "conv2")]), [student]


def from_features(deel):
    teacher, student = known(convolutional("teacher", 6)), convolutional("student", 4, normal=True)

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x, layer="conv1"), layer="conv1")

    return workout, [student]


def by_its_average(deel):
    student = convolutional("student", 4, normal=True, dropout=0.3)
    average = Average(student, decay=0.8)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=average.batch_feature(x))

    return workout, [student, average]


def mutual(deel):
    """Two students that teach each other, in turns of three batches, and draws of the script."""
    random.seed(3)
    np.random.seed(3)
    pair = known(small("one", dropout=0.2)), known(small("other", dropout=0.2))
    deel.state["turn"], deel.state["noise"] = 0, np.zeros(3)

    def workout(x, t):
        deel.state["turn"] += 1
        deel.state["noise"] = deel.state["noise"] + np.random.standard_normal(3)
        deel.state["drawn"] = random.gauss(0, 1)
        first, second = pair if deel.state["turn"] % 6 < 3 else pair[::-1]
        logits = second.batch_feature(x)
        first.classify(x)
        return first.backprop(t, distill=logits)

    return workout, list(pair)
