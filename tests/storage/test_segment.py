"""Segments: what goes in comes out, by key alone; damage, duplicates, merges, and memory."""

import errno
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import keys_of
from processes import environment

from deelish.errors import FileError
from deelish.storage import segment
from deelish.storage.front import SIZE, Front
from deelish.storage.segment import BLOCK, Segment, in_order, write_segment

FRONT = Front(b"\x93SEGMENT", 1, "segments")
PAYLOAD = 8


@dataclass(frozen=True)
class Header:
    count: int
    sum: int
    payload_bytes = PAYLOAD


def read(data, path):
    values = FRONT.read(data, path)
    return Header(values["count"], values["sum"])


def front(count, check):
    return FRONT.to_bytes({"count": count, "sum": check})


def payloads_of(keys):
    return keys[:, :PAYLOAD] ^ keys[:, PAYLOAD:]


def write(path, *sources):
    write_segment(path, sources, PAYLOAD, front)
    return Segment(path, read)


def of_keys(keys):
    return in_order(keys, payloads_of(keys))


def check_finds(found_in, keys, there=None):
    positions, payloads = found_in.find(keys)
    there = np.arange(len(keys)) if there is None else np.flatnonzero(there)
    assert positions.tolist() == there.tolist()
    np.testing.assert_array_equal(payloads, payloads_of(keys)[there])


@pytest.mark.parametrize("at_once", [segment.BLOCKS_AT_ONCE, 7])
@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 1000])
def test_what_was_written_is_found_and_nothing_else(tmp_path, monkeypatch, count, at_once):
    monkeypatch.setattr(segment, "BLOCKS_AT_ONCE", at_once)
    keys, others = keys_of(0, count), keys_of(1, 500)
    found_in = write(tmp_path / "a", of_keys(keys))
    check_finds(found_in, keys)
    check_finds(found_in, others, np.zeros(500, bool))
    mixed = np.concatenate([others[:100], keys, others[100:]])
    numbers = np.arange(len(mixed))
    check_finds(found_in, mixed, (numbers >= 100) & (numbers < 100 + count))
    assert (found_in.count, found_in.damaged, found_in.count_damaged()) == (count, False, 0)


def test_a_record_takes_its_payload_and_little_more(tmp_path):
    found_in = write(tmp_path / "a", of_keys(keys_of(0, 10_000)))
    assert (found_in.path.stat().st_size - SIZE) / 10_000 < PAYLOAD + 9.51


def test_a_key_that_differs_in_one_byte_is_another(tmp_path, pair):
    """The index takes the pair for one."""
    keys = keys_of(0, 200)
    found_in = write(tmp_path / "a", of_keys(np.concatenate([keys, pair[:1]])))
    check_finds(found_in, pair, [True, False])
    for byte in range(16):
        others = keys.copy()
        others[:, byte] ^= 1
        assert not len(found_in.find(others)[0])


def test_parts_merge_to_the_bytes_of_the_whole(tmp_path, monkeypatch):
    keys = keys_of(0, 5000)
    whole = write(tmp_path / "whole", of_keys(keys)).path.read_bytes()
    of_parts = enumerate(np.split(keys, [7, 7, 3000]))
    parts = [write(tmp_path / str(number), of_keys(part)) for number, part in of_parts]
    for at_once in (10**6, 700, 1):
        monkeypatch.setattr(segment, "AT_ONCE", at_once)
        if at_once == 1:
            parts, whole = parts[:1], write(tmp_path / "few", of_keys(keys[:7])).path.read_bytes()
        merged = write(tmp_path / "merged", *(part.records() for part in parts))
        assert merged.path.read_bytes() == whole


def test_of_equal_keys_the_first_counts(tmp_path):
    keys = keys_of(0, 300)
    first, other = payloads_of(keys), 255 - payloads_of(keys)
    twice = in_order(np.concatenate([keys, keys]), np.concatenate([first, other]))
    merged = write(tmp_path / "a", twice, in_order(keys, other))
    check_finds(merged, keys)
    assert merged.count == 300


@pytest.mark.torture("D3")
def test_every_byte_of_rows_that_changes_is_noticed(tmp_path):
    keys = keys_of(0, 150)
    path = write(tmp_path / "a", of_keys(keys)).path
    sound, rows = path.read_bytes(), SIZE + 150 * 8
    sums = rows + 150 * 9
    order = np.argsort(segment.hashes_of(keys))
    for place in range(rows, len(sound), 5):
        data = bytearray(sound)
        data[place] ^= 4
        path.write_bytes(data)
        block = (place - rows) // (9 * BLOCK) if place < sums else (place - sums) // 4
        bad = order[block * BLOCK : (block + 1) * BLOCK]
        damaged = Segment(path, read)
        check_finds(damaged, keys, ~np.isin(np.arange(150), bad))
        assert damaged.damaged
        assert damaged.count_damaged() == len(bad)
        # What is sound is kept.
        kept = write(tmp_path / "b", damaged.records())
        check_finds(kept, keys, ~np.isin(np.arange(150), bad))


def test_a_changed_hash_loses_its_record_and_gives_no_wrong_one(tmp_path):
    keys = keys_of(0, 150)
    path = write(tmp_path / "a", of_keys(keys)).path
    sound = path.read_bytes()
    for place in range(SIZE, SIZE + 150 * 8, 7):
        data = bytearray(sound)
        data[place] ^= 128
        path.write_bytes(data)
        damaged = Segment(path, read)
        positions, payloads = damaged.find(keys)
        np.testing.assert_array_equal(payloads, payloads_of(keys)[positions])
        assert damaged.count_damaged() == 150
        assert not len(damaged.records().hashes)


@pytest.mark.parametrize("cut", [0, 100, SIZE, SIZE + 1, -1])
def test_a_file_cut_short_is_refused(tmp_path, cut):
    path = write(tmp_path / "a", of_keys(keys_of(0, 150))).path
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError, match=r"does not begin as|bytes, where its"):
        Segment(path, read)


def test_a_longer_file_is_refused(tmp_path):
    path = write(tmp_path / "a", of_keys(keys_of(0, 150))).path
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(FileError, match="has 6,726 bytes, where its 6,722 are needed"):
        Segment(path, read)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segment, "_write_sums", full)
    with pytest.raises(FileError, match="No space left"):
        write(tmp_path / "a", of_keys(keys_of(0, 150)))
    assert list(tmp_path.iterdir()) == []


OPENED = """
import sys
from pathlib import Path
from distillation.teacher_cache.logits_by_key import keys_of
from storage import test_segment as t

def memory():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024

keys = keys_of(1, 1000)
before = memory()
found_in = t.Segment(Path(sys.argv[1]), t.read)
found_in.find(keys)
print(memory() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells the memory on Linux alone")
def test_opening_takes_no_memory_of_its_own(tmp_path):
    """Two million records are 34 MB; pages that are looked at belong to all processes."""
    keys = keys_of(0, 2_000_000)
    path = write(tmp_path / "a", of_keys(keys)).path
    made = subprocess.run(
        [sys.executable, "-c", OPENED, path], env=environment(), capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    assert int(made.stdout) < 2e6
