"""Presses Ctrl-C at random moments of what a session does, as at a prompt that stays open.

Run as `interrupted.py FOLDER COUNT SEED`. It prints one line of JSON for each Ctrl-C: what went on,
how many there were, the seconds until the prompt was back, and what was then wrong.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
from helpers import small, write_set

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.formats.native import checkpoint

EPOCHS = 3
THREADS_END = 2


class Prompt:
    """A session with a student, a folder of checkpoints, and a saved network."""

    def __init__(self, folder):
        self.folder, self.states = folder, []
        self.student, self.other = small("Student", dropout=0.3), small("Other")
        self.path = folder / "net.safetensors"
        self.other.save(self.path)
        self.known = [weights(self.other)]
        self.number, self.unfinished = 0, []

    def workout(self, x, t):
        self.student.classify(x)
        outcome = self.student.backprop(t)
        self.states.append(weights(self.student))
        return outcome

    def train(self):
        BatchTrain(self.workout, epochs=EPOCHS)

    def train_with_checkpoints(self):
        how = {"resume": self.run, "checkpoint_updates": 1}
        if len(BatchTrain(self.workout, epochs=EPOCHS, **how)) < EPOCHS:
            self.unfinished.append(self.number)

    def save(self):
        while True:
            self.student.save(self.path)

    def load(self):
        while True:
            Network.load(self.path)

    @property
    def run(self):
        return self.folder / f"run-{self.number}"

    def wrong(self, what, twice):
        """What is not as it must be."""
        until = time.monotonic() + THREADS_END
        # A second Ctrl-C does not wait for the images that are being read.
        while threads() and time.monotonic() < until:
            time.sleep(0.01)
        found = [f"thread {name}" for name in threads()]
        now = weights(self.student)
        # A second Ctrl-C does not wait for the end of the update.
        if what in ("train", "train_with_checkpoints") and not twice and now not in self.states:
            found.append("weights of no update")
        if what == "train_with_checkpoints":
            found += self.wrong_in_folder()
        if what == "save" and weights(Network.load(self.path)) not in (*self.known, now):
            found.append("a file of other weights")
        return found

    def wrong_in_folder(self):
        names = sorted(self.run.iterdir()) if self.run.exists() else []
        states = [checkpoint.read(path) for path in names if path.suffix == ".safetensors"]
        found = [path.name for path in names if path.suffix == ".part"]
        return found + ["no checkpoint"] * (not states and bool(names[1:]))


def threads():
    # tqdm has one for as long as the process runs.
    known = {threading.main_thread().name, "tqdm_monitor"}
    return [thread.name for thread in threading.enumerate() if thread.name not in known]


def weights(network):
    """A digest that takes no time."""
    arrays = network.engine.arrays(network.module)
    return hash(b"".join(np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays)))


def pressing(delays, pressed):
    for delay in delays:
        time.sleep(delay)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)


def press(prompt, what, delays):
    """(seconds from the last Ctrl-C to the prompt, how many of them came meanwhile)."""
    pressed, acting = [], [True]

    def at_the_prompt(number, frame):
        if acting[0]:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, at_the_prompt)
    thread = threading.Thread(target=pressing, args=(delays, pressed))
    try:
        thread.start()
        try:
            getattr(prompt, what)()
        finally:
            acting[0] = False
    except KeyboardInterrupt:
        acting[0] = False
    back = time.monotonic()
    thread.join()
    meanwhile = [moment for moment in pressed if moment <= back]
    return back - meanwhile[-1] if meanwhile else 0.0, len(meanwhile)


def main(folder, count, seed):
    rng = random.Random(seed)
    sets = write_set(folder, "train", 76), write_set(folder, "val", 20, first=76)
    with Deel(seed=1):
        InputBatch(*sets, batch_size=16)
        prompt = Prompt(folder)
        # The first imports what only an update needs.
        prompt.train()
        start = time.monotonic()
        prompt.train()
        seconds = time.monotonic() - start
        for number in range(count):
            what = ("train", "train_with_checkpoints", "save", "load")[number % 4]
            prompt.known, prompt.states = [weights(prompt.student)], [weights(prompt.student)]
            prompt.student.save(prompt.path)
            prompt.number = number
            delays = [rng.uniform(0, seconds if what.startswith("train") else 0.05)]
            if rng.random() < 0.3:
                delays.append(rng.choice((0.0, 0.001, 0.02)))
            back, times = press(prompt, what, delays)
            wrong = prompt.wrong(what, len(delays) > 1)
            print(json.dumps({"what": what, "times": times, "back": back, "wrong": wrong}))
        # Where no training was stopped, a new one.
        prompt.number = prompt.unfinished[-1] if prompt.unfinished else count
        prompt.train_with_checkpoints()
        print(json.dumps({"epochs": len(BatchTrain(prompt.workout, epochs=2))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
