"""An append is there whole or not at all, whenever its process is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    HEADER,
    RECORD,
    check_right,
    keys_of,
    logits_of,
    opened,
)
from processes import environment

from deelish.storage.claim import Claim
from deelish.storage.lock import NAME, NOTE_BYTES, locked

posix = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

# Writes a batch in pieces, and is killed after the first so many of them.
WRITER = """
import os, signal, sys
from distillation.teacher_cache.logits_by_key import keys_of, logits_of, opened
folder, seed, piece, left = sys.argv[1], *map(int, sys.argv[2:])
store, keys, write = opened(folder), keys_of(seed, 20), os.write

def piecewise(handle, data):
    global left
    if len(data) <= 512:
        return write(handle, data)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return write(handle, data[:piece])

os.write = piecewise
store.put(keys, logits_of(keys))
"""


def killed(folder, seed, piece, pieces):
    command = [sys.executable, "-c", WRITER, *map(str, (folder, seed, piece, pieces))]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@posix
@pytest.mark.parametrize(
    ("piece", "pieces"), [(1000, 0), (100, 1), (RECORD, 1), (RECORD, 7), (1001, 3)]
)
def test_a_batch_whose_writer_is_killed_in_it_is_not_there(piece, pieces, tmp_path):
    first = keys_of(0, 12)
    reader = opened(tmp_path)
    reader.put(first, logits_of(first))
    killed(tmp_path, 1, piece, pieces)
    size = reader.path.stat().st_size
    assert size == HEADER + 12 * RECORD + piece * pieces
    store = opened(tmp_path)
    assert len(store) == 12, "a part of the batch counts"
    assert reader.path.stat().st_size == HEADER + 12 * RECORD
    assert not store.get(keys_of(1, 20))[0].any()
    for each in (store, reader):
        check_right(each, first)
    more = keys_of(1, 20)
    store.put(more, logits_of(more))
    check_right(reader, np.concatenate([first, more]))
    assert store.path.stat().st_size == HEADER + 32 * RECORD


@posix
def test_the_next_writer_cuts_it_off_too(tmp_path):
    first, more = keys_of(0, 12), keys_of(2, 5)
    store = opened(tmp_path)
    store.put(first, logits_of(first))
    killed(tmp_path, 1, RECORD, 4)
    # It was open before, and has seen nothing of the append.
    store.put(more, logits_of(more))
    assert len(store) == len(opened(tmp_path)) == 17
    assert not store.get(keys_of(1, 20))[0].any()
    check_right(store, np.concatenate([first, more]))


@posix
def test_a_note_of_a_file_that_was_replaced_cuts_nothing(tmp_path):
    first = keys_of(0, 12)
    store = opened(tmp_path)
    store.put(first, logits_of(first))
    killed(tmp_path, 1, RECORD, 4)
    copied = store.path.read_bytes()
    store.path.rename(tmp_path / "aside")
    store.path.write_bytes(copied)
    assert len(opened(tmp_path)) == 16


@pytest.mark.parametrize(
    "content", [b"x", b"nonsense" * 20, bytes(range(1, 256)) * 8, bytes(NOTE_BYTES), b"\0" * 7]
)
def test_a_lock_file_that_holds_something_else_changes_nothing(content, tmp_path):
    keys, more = keys_of(0, 12), keys_of(1, 5)
    store = opened(tmp_path)
    store.put(keys, logits_of(keys))
    Path(tmp_path, NAME).write_bytes(content)
    check_right(opened(tmp_path), keys)
    assert Path(tmp_path, NAME).read_bytes() == content
    store.put(more, logits_of(more))
    check_right(opened(tmp_path), np.concatenate([keys, more]))


def test_an_interrupt_in_an_append_leaves_nothing_of_it(tmp_path, monkeypatch):
    keys, more = keys_of(0, 12), keys_of(1, 20)
    store, write = opened(tmp_path), os.write
    store.put(keys, logits_of(keys))

    def interrupted(handle, data):
        if len(data) > NOTE_BYTES:
            write(handle, data[: 3 * RECORD])
            raise KeyboardInterrupt
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.put(more, logits_of(more))
    assert store.path.stat().st_size == HEADER + 12 * RECORD
    check_right(store, keys)


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


def test_a_folder_of_checkpoints_may_be_that_of_a_teacher_cache_too(tmp_path):
    claim = Claim(tmp_path)
    taken = threading.Event()

    def take():
        with locked(tmp_path):
            taken.set()

    threading.Thread(target=take, daemon=True).start()
    assert taken.wait(10)
    claim.release()
