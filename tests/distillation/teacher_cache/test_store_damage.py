"""Torn, damaged and foreign files: reported once, never read from, rebuilt."""

import zlib

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    CLASSES,
    HEADER,
    IDENTITY,
    RECORD,
    check_right,
    keys_of,
    logits_of,
    opened,
)

from deelish.distillation.teacher_cache.folder import count_damaged, drop_damaged, logits_files
from deelish.distillation.teacher_cache.store import open_store


def flip(path, byte, bit=0):
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(data)


def test_the_file_is_header_and_records(path, keys):
    data = path.read_bytes()
    assert len(data) == HEADER + 12 * RECORD
    record = data[HEADER + RECORD : HEADER + 2 * RECORD]
    assert record[:4] == zlib.crc32(record[4:]).to_bytes(4, "little")
    assert record[4:20] == keys[1].tobytes()
    assert record[20:] == logits_of(keys[1:2]).astype("<f2").tobytes()


def test_a_torn_tail_of_every_length_is_skipped_and_written_over(path, keys, lines):
    whole, more = path.read_bytes(), keys_of(1, 2)
    for length in range(1, RECORD):
        path.write_bytes(whole[: len(whole) - length])
        reader = opened(path.parent)
        found, logits = reader.get(keys)
        assert found.tolist() == [True] * 11 + [False]
        np.testing.assert_array_equal(logits[:11], logits_of(keys[:11]))
        if length % 16 == 0:
            opened(path.parent).put(more, logits_of(more))
            assert path.stat().st_size == HEADER + 13 * RECORD
            check_right(reader, np.concatenate([keys[:11], more]))
    assert lines() == []


def test_logits_with_a_flipped_bit_are_never_given(path, keys, lines):
    whole = bytearray(path.read_bytes())
    start = HEADER + 5 * RECORD
    for byte in range(RECORD):
        damaged = whole.copy()
        damaged[start + byte] ^= 1 << byte % 8
        path.write_bytes(damaged)
        found, logits = opened(path.parent).get(keys)
        assert found.tolist() == [True] * 5 + [False] + [True] * 6
        assert np.isnan(logits[5]).all()
        np.testing.assert_array_equal(logits[found], logits_of(keys[found]))
    printed = set(lines())
    assert printed == {
        f"{path}: holds damaged logits, which are computed again; `deelish cache check` counts them"
    }


def test_damaged_logits_are_replaced_by_the_next_ones(path, keys, lines):
    flip(path, HEADER + 5 * RECORD + 30)
    store = opened(path.parent)
    for _ in range(3):
        store.put(keys, logits_of(keys))
        check_right(store, keys)
    assert len(store) == 13
    assert len(lines()) == 1, "it is reported once"
    check_right(opened(path.parent), keys)
    assert count_damaged(logits_files(path.parent)[0]) == 1
    drop_damaged(logits_files(path.parent)[0])
    assert count_damaged(logits_files(path.parent)[0]) == 0
    check_right(store, keys)
    assert len(opened(path.parent)) == 12


def test_a_hole_of_zeros_as_power_failures_leave_is_damage(path, keys):
    with path.open("ab") as file:
        file.write(bytes(4 * RECORD))
    store = opened(path.parent)
    assert not store.get(np.zeros((1, 16), np.uint8))[0].any()
    store.put(keys_of(1, 3), logits_of(keys_of(1, 3)))
    check_right(store, np.concatenate([keys, keys_of(1, 3)]))


@pytest.mark.parametrize("byte", [0, 7, 8, 11, 12, 16, 20, 30, 200, 3000, 4095])
def test_a_damaged_header_is_reported_and_the_file_rebuilt(byte, path, keys, lines):
    flip(path, byte, bit=3)
    store = opened(path.parent)
    for _ in range(2):
        assert not store.get(keys)[0].any()
    (printed,) = lines()
    reason = "does not begin as a file of cached logits" if byte < 8 else "are damaged"
    assert printed.startswith(f"{path}: ")
    assert printed.endswith(f"{reason}; it is rebuilt")
    store.put(keys[:3], logits_of(keys[:3]))
    check_right(store, keys[:3])
    assert path.stat().st_size == HEADER + 3 * RECORD
    assert lines() == []
    check_right(opened(path.parent), keys[:3])


@pytest.mark.parametrize("length", [0, 1, 100, HEADER - 1])
def test_a_file_without_a_whole_header_is_rebuilt(length, path, keys, lines):
    path.write_bytes(path.read_bytes()[:length])
    store = opened(path.parent)
    store.put(keys, logits_of(keys))
    check_right(store, keys)
    assert lines() == [f"{path}: does not begin as a file of cached logits; it is rebuilt"]


def test_another_format_version_is_reported_and_the_file_rebuilt(path, keys, lines):
    data = bytearray(path.read_bytes())
    data[12:16] = (2).to_bytes(4, "little")
    data[8:12] = zlib.crc32(data[12:HEADER]).to_bytes(4, "little")
    path.write_bytes(data)
    store = opened(path.parent)
    assert not store.get(keys)[0].any()
    assert lines() == [f"{path}: is of format 2, and this deelish reads 1; it is rebuilt"]
    store.put(keys, logits_of(keys))
    check_right(opened(path.parent), keys)


def test_a_file_renamed_to_another_teacher_is_not_read_from(path, keys, lines):
    other = open_store({**IDENTITY, "fingerprint": "0" * 64}, CLASSES, folder=path.parent)
    path.rename(other.path)
    assert not other.get(keys)[0].any()
    assert lines() == [f"{other.path}: holds the logits of another teacher or view; it is rebuilt"]
