"""Several processes at one store, and writers that are killed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    HEADER,
    OWN,
    RECORD,
    SHARED,
    batch_keys,
    check_right,
    keys_of,
    logits_of,
    opened,
)

from deelish.distillation.teacher_cache.folder import count_damaged, logits_files

SCRIPT = Path(__file__).with_name("logits_by_key.py")
# How many writers are killed; a long run sets more.
KILLS = int(os.environ.get("DEELISH_KILLS", "20"))

posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")


def start(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_two_processes_append_and_read_at_once(tmp_path):
    batches = 300
    writers = [start("fill", tmp_path, seed, batches) for seed in (1, 2)]
    for writer in writers:
        output, _ = writer.communicate(timeout=120)
        assert (writer.returncode, output) == (0, "")
    store = opened(tmp_path)
    for seed in (1, 2):
        for number in range(batches):
            check_right(store, batch_keys(seed, number))
    # What both of them had is there once.
    assert len(store) == batches * (2 * OWN + SHARED)
    assert count_damaged(logits_files(tmp_path)[0]) == 0


@posix
def test_killed_writers_leave_a_store_that_is_right(tmp_path):
    killer = start("kills", tmp_path, KILLS)
    output, _ = killer.communicate(timeout=60 + KILLS)
    assert killer.returncode == 0, output
    count, torn = map(int, output.split())
    print(f"{KILLS} kills, {torn} torn tails, {count} records")
    assert count > 0
    store, keys = opened(tmp_path), keys_of(42, 5)
    store.put(keys, logits_of(keys))
    check_right(opened(tmp_path), keys)
    assert len(opened(tmp_path)) == count + 5
    assert count_damaged(logits_files(tmp_path)[0]) == 0


def test_a_reader_sees_what_another_puts_in_later(tmp_path):
    reader, writer = opened(tmp_path), opened(tmp_path)
    for number in range(5):
        keys = keys_of(number, 30)
        assert not reader.get(keys)[0].any()
        writer.put(keys, logits_of(keys))
        check_right(reader, keys)


def test_a_store_that_is_cleared_meanwhile_is_rebuilt(tmp_path):
    store, other = opened(tmp_path), opened(tmp_path)
    keys = keys_of(0, 30)
    store.put(keys, logits_of(keys))
    check_right(other, keys)
    store.path.unlink()
    assert not other.get(keys)[0].any()
    other.put(keys[:10], logits_of(keys[:10]))
    found, _ = store.get(keys)
    assert found.tolist() == [True] * 10 + [False] * 20
    store.put(keys, logits_of(keys))
    check_right(other, keys)


def test_a_file_that_shrinks_under_a_reader_is_opened_again(tmp_path):
    store = opened(tmp_path)
    keys = keys_of(0, 3000)
    store.put(keys, logits_of(keys))
    check_right(store, keys)
    os.truncate(store.path, HEADER + 10 * RECORD)
    found, logits = store.get(keys)
    assert found.tolist() == [True] * 10 + [False] * 2990
    np.testing.assert_array_equal(logits[:10], logits_of(keys[:10]))
