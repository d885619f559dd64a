"""What checkpoints cost: how long a training stands still, how fast it is meanwhile.

    python benchmarks/checkpoints.py [--rounds 5] [--json]

NIN (7.6 million weights) and ResNet-18 of torchvision (11.7 million) learn from labels with Adam,
in batches of 32 made of noise. "copy" is a copy of weights and moments as NumPy arrays, which is
the least that a checkpoint can take; "still" is how long `save` keeps the training; "pause" is how
long another thread was kept at most while the file was written. "updates" compares ten updates
during which a checkpoint is written with ten without, in turns. From these follows the fraction of
the training time at the default interval of ten minutes.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from speed.options import at_least

from deelish import *
from deelish.language.session import current_session
from deelish.networks import NetworkInNetwork
from deelish.training.checkpoints.resuming import Resuming, Saving
from deelish.training.run import Run

BATCH, UPDATES, INTERVAL = 32, 10, 600
STUDENTS = {
    "NIN": lambda: NetworkInNetwork(labels=1000),
    "ResNet-18": lambda: Student("torchvision/resnet18"),
}


def write_images(folder):
    """One batch of noise; returns its list."""
    rng = np.random.default_rng(0)
    for number in range(BATCH):
        pixels = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    lines = [f"{number}.jpg {number}\n" for number in range(BATCH)]
    (folder / "train.txt").write_text("".join(lines))
    return folder / "train.txt"


class Ticking:
    """A thread that notes the longest time between two of its turns."""

    def __enter__(self):
        self.longest, self._over = 0.0, False
        self._thread = threading.Thread(target=self._tick)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over = True
        self._thread.join()

    def _tick(self):
        last = time.perf_counter()
        while not self._over:
            time.sleep(0.0005)
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now


def measured(make, path, folder, rounds):
    """Seconds of each part, medians over the rounds, and the bytes of a checkpoint."""
    with Deel():
        InputBatch(path, batch_size=BATCH, keep="memory")
        student, parts = make(), []
        session = current_session()

        def workout(x, t):
            student.classify(x)
            outcome = student.backprop(t)
            if session.trainer.batches == 2:
                parts.extend(one_by_one(session, student, workout, folder, rounds, (x, t)))
            return outcome

        BatchTrain(workout, epochs=2)
    columns = {name: [part[name] for part in parts] for name in parts[0]}
    medians = {name: statistics.median(values) for name, values in columns.items()}
    size = max(file.stat().st_size for file in folder.glob("*.safetensors"))
    lost = medians["still"] + max(0, medians["during"] - medians["updates"])
    return {**medians, "bytes": size, "fraction": lost / INTERVAL}


def one_by_one(session, student, workout, folder, rounds, batch):
    """The rounds, in the middle of a training."""
    run = Run(session.trainer, session.dataset, workout)
    resuming = Resuming(Saving(folder))
    resuming.begin(run)
    found = []
    for _ in range(rounds):
        part = {"copy": seconds(lambda: copied(session, student))}
        resuming._writer.wait()
        with Ticking() as ticking:
            part["still"] = seconds(lambda: resuming.save(run))
            resuming._writer.wait()
        part["pause"] = ticking.longest
        part["updates"] = seconds(lambda: update(student, batch))
        resuming.save(run)
        part["during"] = seconds(lambda: update(student, batch))
        found.append(part)
    resuming.close()
    return found


def copied(session, student):
    """The least that a checkpoint can take."""
    engine, optimizer = session.engine, session.trainer.optimizers[student]
    return engine.arrays(student.module), engine.optimizer_state(optimizer)


def update(student, batch):
    x, t = batch
    for _ in range(UPDATES):
        student.classify(x)
        student.backprop(t)


def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=at_least(1), default=5)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = options.parse_args()
    results = {}
    names = ("copy", "still", "pause", "updates", "during")
    print(f"{'milliseconds':<14}" + "".join(f"{name:>9}" for name in names) + "      MB  of 10 min")
    for name, make in STUDENTS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = write_images(Path(folder))
            (Path(folder) / "run").mkdir()
            found = results[name] = measured(make, path, Path(folder) / "run", given.rounds)
        times = "".join(f"{1000 * found[each]:>9.1f}" for each in names)
        print(f"{name:<14}{times}{found['bytes'] / 1e6:>8.0f}{found['fraction']:>11.3%}")
    if given.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
