"""Keys, and logits that follow from each, so that any can be checked; processes that write.

Run as a script: `logits_by_key.py fill FOLDER SEED BATCHES`, or
`logits_by_key.py kills FOLDER COUNT`.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.store import open_store
from deelish.storage.records import RecordMap

IDENTITY = {"teacher": "Teacher", "fingerprint": "f" * 64, "base": 256}
CLASSES = 100
# Bytes of a file's header, and of a record: sum, key and all logits in half precision.
HEADER, RECORD = 4096, 4 + 16 + 2 * CLASSES
# Of the keys that two writers of one length put in, the last part is the same in both.
OWN, SHARED = 40, 24


def keys_of(seed, count):
    return np.random.default_rng(seed).integers(0, 256, (count, 16), np.uint8)


def logits_of(keys, classes=CLASSES):
    """Steps of 1/16 between -8 and 8, which half precision holds as they are."""
    return np.resize(keys.T, (classes, len(keys))).T.astype(np.float32) / 16 - 8


def opened(folder, **kwargs):
    return open_store(IDENTITY, CLASSES, folder=Path(folder), **kwargs)


def check_right(store, keys):
    """All of these are there, and right."""
    found, logits = store.get(keys)
    assert found.all(), f"{(~found).sum()} of {len(keys)} are missing"
    np.testing.assert_array_equal(logits, logits_of(keys))


def batch_keys(seed, number):
    return np.concatenate([keys_of((seed, number), OWN), keys_of((99, number), SHARED)])


def fill(folder, seed, batches):
    """Put batches in, look at each and at the one that the other writer may be at."""
    store = opened(folder)
    _meet(folder, seed)
    for number in range(batches):
        keys = batch_keys(seed, number)
        store.put(keys, logits_of(keys))
        check_right(store, keys)
        other = batch_keys(3 - seed, number)
        found, logits = store.get(other)
        np.testing.assert_array_equal(logits[found], logits_of(other)[found])
    last = batch_keys(3 - seed, batches - 1)
    _wait(lambda: store.get(last)[0].all())


def _meet(folder, seed):
    """Begin when the other writer is there too."""
    Path(folder, f"writer{seed}").touch()
    _wait(Path(folder, f"writer{3 - seed}").exists)


def _wait(done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "the other writer does nothing"
        time.sleep(0.0005)


def kills(folder, count):
    """Kill so many writers, each at a moment of its own; everything that survives is right."""
    chance, torn, before, number = random.Random(1), 0, 0, 0
    # On a busy machine the first ones may be killed before they have written anything.
    while number < count or (not before and number < 20 * count):
        number += 1
        begun, begin = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(begin, b"!")
            _write_for_ever(folder, number)
        os.read(begun, 1)
        time.sleep(chance.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in (begun, begin):
            os.close(end)
        before, was_torn = _check_survivors(folder, before)
        torn += was_torn
    print(before, torn)


def _write_for_ever(folder, number):
    store, batch = opened(folder), 0
    while True:
        batch += 1
        keys = keys_of((number, batch), 700)
        store.put(keys, logits_of(keys))


def _check_survivors(folder, before):
    """Every whole record is right; records never become fewer."""
    store = opened(folder)
    if not store.path.exists():
        return 0, False
    keys = RecordMap(store.path, CacheHeader.from_bytes).rows[before:, 4:20]
    if len(keys):
        check_right(store, keys)
    assert len(store) >= before
    torn = (store.path.stat().st_size - HEADER) % RECORD != 0
    return len(store), torn


if __name__ == "__main__":
    command, folder, *numbers = sys.argv[1:]
    {"fill": fill, "kills": kills}[command](folder, *map(int, numbers))
