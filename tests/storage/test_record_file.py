"""A record file by itself: what another process does to it, damage, and keys that collide."""

import errno
import gc
import os
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import keys_of, opened

from deelish.errors import FileError
from deelish.images.cache.disk import DiskCache
from deelish.storage.front import SIZE, Front
from deelish.storage.record_file import RecordFile

FRONT = Front(b"\x93RECORDS", 1, "records")
PAYLOAD = 8
RECORD = 4 + 16 + PAYLOAD


@dataclass(frozen=True)
class Header:
    name: str
    payload_bytes = PAYLOAD


def read(data, path):
    name = FRONT.read(data, path)["name"]
    if name != "ours":
        raise FileError(f"{path}: is another's")
    return Header(name)


class Process:
    """What one process holds of the file, and prints of it."""

    def __init__(self, path):
        self.printed = []
        begin = lambda: FRONT.to_bytes({"name": "ours"})  # noqa: E731
        self.file = RecordFile(path, read, begin, self.printed.append)

    def append(self, keys, payloads=None):
        with self.file.writing() as made:
            self.file.append(keys, payloads_of(keys) if payloads is None else payloads)
        return made

    def check_finds(self, keys, there=None):
        """Those of the keys that are `there` (all), with their payloads, and no others."""
        there = np.arange(len(keys)) if there is None else np.asarray(there, int)
        positions, payloads = self.file.find(keys)
        assert positions.tolist() == there.tolist()
        if len(there):
            np.testing.assert_array_equal(payloads, payloads_of(keys)[there])


def payloads_of(keys):
    return keys[:, :PAYLOAD] ^ keys[:, PAYLOAD:]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "below" / "file"


@pytest.fixture
def ours(path):
    return Process(path)


@pytest.fixture
def other(path):
    return Process(path)


def test_the_first_writing_makes_the_file(ours, path):
    keys = keys_of(0, 5)
    ours.check_finds(keys, [])
    assert (ours.file.header, ours.file.count, path.parent.exists()) == (None, 0, False)
    assert ours.append(keys)
    assert not ours.append(keys_of(1, 2))
    assert (ours.file.header, ours.file.count) == (Header("ours"), 7)
    assert path.stat().st_size == SIZE + 7 * RECORD
    ours.check_finds(keys)
    assert ours.printed == []


def test_the_growth_by_another_process_is_found_and_not_looked_for_without_need(ours, other):
    first, second = keys_of(0, 5), keys_of(1, 5)
    other.append(first)
    ours.check_finds(first)
    other.append(second)
    assert not ours.file.follow(grown=False)
    assert len(ours.file.known(second)[0]) == 0
    assert ours.file.count == 5
    ours.check_finds(second)
    assert len(ours.file.known(second)[0]) == 5
    assert not ours.file.follow()


def test_another_file_in_its_place_is_opened(ours, path, tmp_path):
    first, second = keys_of(0, 5), keys_of(1, 5)
    ours.append(first)
    Process(tmp_path / "new").append(second)
    (tmp_path / "new").replace(path)
    ours.check_finds(first, [])
    ours.check_finds(second)


def test_a_file_that_was_removed_is_made_again(ours, other, path):
    keys = keys_of(0, 5)
    ours.append(keys)
    path.unlink()
    ours.check_finds(keys, [])
    assert (ours.file.header, ours.file.count) == (None, 0)
    assert other.append(keys[2:])
    ours.check_finds(keys, [2, 3, 4])


def test_a_file_that_is_removed_during_the_writing_is_not_written_to(ours, path):
    """The lock keeps deelish away, not a hand."""
    with ours.file.writing():
        path.unlink()
        ours.file.follow()
        ours.file.append(keys_of(0, 1), payloads_of(keys_of(0, 1)))
    assert not path.exists()


def damage_front(path):
    data = bytearray(path.read_bytes())
    data[SIZE // 2] ^= 1
    path.write_bytes(data)


def of_another(path):
    path.write_bytes(FRONT.to_bytes({"name": "theirs"}) + path.read_bytes()[SIZE:])


def newer_format(path):
    newer = Front(FRONT.magic, 2, FRONT.kind)
    path.write_bytes(newer.to_bytes({"name": "ours"}) + path.read_bytes()[SIZE:])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (damage_front, "the first 4096 bytes are damaged"),
        (of_another, "is another's"),
        (newer_format, "is of format 2, and this deelish reads 1"),
        (lambda path: os.truncate(path, SIZE - 1), "does not begin as a file of records"),
    ],
    ids=["damaged", "another's", "newer", "cut"],
)
def test_a_file_that_cannot_be_used_is_reported_and_rebuilt(change, reason, ours, other, path):
    keys = keys_of(0, 5)
    other.append(keys)
    change(path)
    assert not ours.file.follow()
    assert ours.printed == [f"{path}: {reason}; it is rebuilt"]
    assert ours.file.header is None
    ours.check_finds(keys, [])
    assert ours.append(keys[:2])
    ours.check_finds(keys, [0, 1])
    # The process that had mapped the old file sees the new one.
    other.check_finds(keys, [0, 1])


@pytest.mark.parametrize("length", [1, 20, RECORD - 1, RECORD + 1])
def test_a_torn_tail_is_no_record_and_is_written_over(length, ours, other, path):
    keys, more = keys_of(0, 3), keys_of(1, 2)
    Process(path).append(keys)
    whole = SIZE + 3 * RECORD
    os.truncate(path, whole - length)
    count = (whole - length - SIZE) // RECORD
    ours.check_finds(keys, np.arange(count))
    assert ours.file.count == count
    ours.append(more)
    assert path.stat().st_size == SIZE + (count + 2) * RECORD
    for process in (ours, other):
        process.check_finds(keys, np.arange(count))
        process.check_finds(more)


def test_a_damaged_record_is_not_found_and_noted(ours, path):
    keys = keys_of(0, 5)
    ours.append(keys)
    data = bytearray(path.read_bytes())
    data[SIZE + 3 * RECORD + 25] ^= 1
    path.write_bytes(data)
    ours.check_finds(keys[:3])
    assert not ours.file.damaged
    ours.check_finds(keys, [0, 1, 2, 4])
    assert ours.file.damaged
    with ours.file.writing():
        ours.file.add(keys, payloads_of(keys))
    assert ours.file.count == 6
    ours.check_finds(keys)


def test_of_equal_keys_the_record_appended_last_counts(ours, other):
    keys = keys_of(0, 3)
    ours.append(keys, payloads_of(keys) ^ 1)
    ours.append(keys[1:])
    for process in (ours, other):
        process.check_finds(keys[1:])
        _, payload = process.file.find(keys[:1])
        np.testing.assert_array_equal(payload, payloads_of(keys[:1]) ^ 1)


def test_of_colliding_keys_the_newer_is_found_and_is_never_taken_for_the_older(pair, ours, other):
    ours.append(pair[:1])
    ours.check_finds(pair, [0])
    with ours.file.writing():
        ours.file.add(pair, payloads_of(pair))
    assert ours.file.count == 2
    for process in (ours, other):
        process.check_finds(pair, [1])


def test_a_file_that_cannot_be_read_raises_and_is_never_replaced(ours, other, path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    keys = keys_of(0, 5)
    other.append(keys)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("mmap.mmap", refuse)
        for look in (ours.file.follow, lambda: ours.file.find(keys), lambda: ours.append(keys)):
            with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
                look()
    assert path.read_bytes() == before
    ours.check_finds(keys)


def test_opening_sets_the_time_of_last_use_and_looking_does_not(ours, other, path):
    keys = keys_of(0, 5)
    other.append(keys)
    os.utime(path, (0, 0))
    other.check_finds(keys)
    assert path.stat().st_mtime == 0
    ours.check_finds(keys)
    assert path.stat().st_mtime > 0


@pytest.mark.parametrize("cache", [opened, DiskCache])
def test_a_cache_that_nobody_holds_gives_its_file_back_at_once(cache, tmp_path):
    """Windows removes no file that is open, or mapped."""
    gc.disable()
    try:
        held = cache(tmp_path)
        gone = weakref.ref(held)
        del held
        assert gone() is None
    finally:
        gc.enable()
