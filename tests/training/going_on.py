"""Trainings on single images that stop at a batch, and go on."""

import os
import signal

from deelish import BatchTrain, Deel, InputBatch


def going_on(folder, stop, build, **options):
    """Train on single images, up to Ctrl-C in the batch of this number."""
    # In a list, since another number would be another workout.
    stops = [stop]
    with Deel(seed=1) as deel:
        InputBatch(folder / "train.txt", batch_size=1)
        inner = build()

        def workout(x, t):
            if deel.trainer.batches == stops[0]:
                os.kill(os.getpid(), signal.SIGINT)
            return inner(deel.trainer.batches, x, t)

        BatchTrain(workout, epochs=2, resume=folder / "run", **options)
