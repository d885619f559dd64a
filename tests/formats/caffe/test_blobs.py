"""Blobs: every way in which files store numbers and shapes, and what is refused unread."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.blobs import blob_of, read_blob
from deelish.formats.caffe.wire import Source, TextSource, block, tag, varint

NUMBERS = np.array([[1.5, -2.25, 3e-40], [np.inf, np.nan, -0.0]], "<f4")


def read(content: bytes) -> np.ndarray:
    return read_blob(Source(memoryview(content), "net.caffemodel"), 0, len(content))


def shape(*sides: int) -> bytes:
    return block(7, block(1, b"".join(map(varint, sides))))


def old_shape(*sides: int) -> bytes:
    return b"".join(tag(index + 1, 0) + varint(side) for index, side in enumerate(sides))


def packed(array: np.ndarray) -> bytes:
    return block(5, array.tobytes())


def single(array: np.ndarray) -> bytes:
    return b"".join(b"\x2d" + number.tobytes() for number in array.ravel())


FIRST, LAST = NUMBERS[:1], NUMBERS[1:]


@pytest.mark.parametrize(
    "data",
    [
        packed(NUMBERS),
        single(NUMBERS),
        packed(FIRST) + packed(LAST),
        single(FIRST) + packed(LAST),
        packed(FIRST) + single(LAST),
        packed(FIRST[:, :0]) + packed(NUMBERS),
        packed(NUMBERS) + block(6, b"\0" * 24) + block(9, b"\0" * 48),
    ],
    ids=["packed", "single", "two runs", "single, run", "run, single", "empty run", "diff"],
)
def test_each_form_of_data_gives_the_same_bits(data: bytes) -> None:
    array = read(shape(2, 3) + data)
    assert array.shape == (2, 3)
    assert array.dtype == np.float32
    assert array.tobytes() == NUMBERS.tobytes()
    assert not array.flags.writeable


def test_doubles_become_floats_as_in_caffe() -> None:
    doubles = np.array([0.1, -1e300, 2.5])
    array = read(shape(3) + block(8, doubles.tobytes()))
    assert array.dtype == np.float32
    assert array.tolist() == [np.float32(0.1), -np.inf, 2.5]


def test_single_doubles_and_doubles_before_floats() -> None:
    doubles = b"".join(b"\x41" + number.tobytes() for number in np.array([1.0, 2.0]))
    assert read(shape(2) + doubles).tolist() == [1, 2]
    assert read(shape(2) + packed(FIRST[0, :2]) + doubles).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"shape": {"dim": [1, 2]}, "data": [1.5, 2.0]}, [[1.5, 2]]),
        ({"num": 1, "channels": 2, "height": 1, "width": 1, "data": [1.0, 2.0]}, [[[[1]], [[2]]]]),
        ({"shape": {"dim": [1]}, "data": [1.0], "double_data": [1e300]}, [np.inf]),
    ],
)
def test_blobs_of_text(values: dict[str, Any], expected: Any) -> None:
    array = blob_of(TextSource("net.prototxt"), 3, values)
    assert array.dtype == np.float32
    assert array.tolist() == expected
    assert not array.flags.writeable


def test_a_blob_of_text_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(CaffeError, match=r"net.prototxt:3: a blob says 65536 x 65536 = 4294967296"):
        blob_of(TextSource("net.prototxt"), 3, {"shape": {"dim": [65536, 65536]}})


def test_one_run_is_a_view_of_the_file() -> None:
    content = bytearray(shape(2, 3) + packed(NUMBERS))
    shared = read_blob(Source(memoryview(content), "net.caffemodel"), 0, len(content))
    content[-4:] = np.float32(7).tobytes()
    assert shared[1, 2] == 7


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        (old_shape(1, 1, 2, 3), (1, 1, 2, 3)),
        (shape(6), (6,)),
        (shape(1, 6, 1), (1, 6, 1)),
        (block(7, b"\x08\x02\x08\x03"), (2, 3)),
        (shape(2) + shape(3), (2, 3)),
        # The old sides win over `shape` in Caffe, too.
        (shape(6) + old_shape(6, 1, 1, 1), (6, 1, 1, 1)),
    ],
)
def test_shapes(sides: bytes, expected: tuple[int, ...]) -> None:
    assert read(sides + packed(NUMBERS)).shape == expected


def test_an_empty_shape_is_one_number() -> None:
    assert read(block(7, b"") + packed(NUMBERS[:1, :1])).shape == ()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "byte 0: a blob says one number = 1 numbers and holds 0"),
        (shape(65536, 65536), "says 65536 x 65536 = 4294967296 numbers and holds 0"),
        (shape(2**31 - 1), "= 2147483647 numbers and holds 0"),
        (shape(2**31), "a blob has a side of 2147483648"),
        (shape(2**63), "a blob has a side of -9223372036854775808"),
        (shape(2**32 + 1) + packed(NUMBERS[:1, :1]), "a blob has a side of 4294967297"),
        (shape(*[65536] * 32), f"= {65536**32} numbers and holds 0"),
        (shape(*[1] * 33) + packed(NUMBERS[:1, :1]), "a blob has 33 axes; Caffe has at most 32"),
        (shape(*[1] * 20_000), "a list holds more than 16,384 numbers"),
        (shape(-2, -3) + packed(NUMBERS), "a blob has a side of -2"),
        (old_shape(1, 1, -2, 3) + packed(NUMBERS), "a blob has a side of -2"),
        (old_shape(1, 1, 2) + packed(NUMBERS), "a blob has a side of 0"),
        (shape(0, 3), "a blob has a side of 0"),
        (shape(2, 4) + packed(NUMBERS), "says 2 x 4 = 8 numbers and holds 6"),
        (shape(2, 2) + single(NUMBERS), "says 2 x 2 = 4 numbers and holds 6"),
        (shape(2) + block(5, b"1234567"), "a run of 7 bytes does not divide into numbers"),
        (shape(1) + b"\x2912345678", "a run of 8 bytes does not divide into numbers"),
        (shape(2) + b"\x28\x01", "field 5 has the wire type 0, which does not suit array"),
        (block(5, b"1234") + b"\x3a\x05ab", "field 7 claims 5 bytes where 2 are left"),
        (b"\x38\x01", "field 7 has the wire type 0, which does not suit message"),
        (packed(FIRST) * 20_000, "data is there more than 16,384 times"),
    ],
)
def test_what_does_not_add_up_is_refused_unread(content: bytes, text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CaffeError, match=re.escape(text)):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
