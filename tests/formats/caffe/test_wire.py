"""The wire format: bytes from its specification, and every way in which a bound can be false."""

from __future__ import annotations

import re

import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.wire import Source, block, numbers_of, payload_size, read_fields, varint


def source_of(content: bytes) -> Source:
    return Source(memoryview(content), "net.caffemodel")


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (150, b"\x96\x01"),
        (2**32, b"\x80\x80\x80\x80\x10"),
        (2**64 - 1, b"\xff" * 9 + b"\x01"),
    ],
)
def test_numbers_have_the_bytes_of_the_specification(value: int, content: bytes) -> None:
    assert varint(value) == content
    assert list(read_fields(source_of(b"\x08" + content), 0, 1 + len(content))) == [
        (1, 0, value, 1 + len(content))
    ]


def test_negative_number_takes_ten_bytes() -> None:
    assert varint(-2) == b"\xfe" + b"\xff" * 8 + b"\x01"


def test_the_specifications_string() -> None:
    content = b"\x12\x07testing"
    assert block(2, b"testing") == content
    assert list(read_fields(source_of(content), 0, len(content))) == [(2, 2, 2, 9)]


@pytest.mark.parametrize("count", [1, 2, 16, 17, 18, 500])
@pytest.mark.parametrize("size", [4, 8])
def test_equal_fixed_fields_come_as_one_run(count: int, size: int) -> None:
    tag = bytes([5 << 3 | (5 if size == 4 else 1)])
    numbers = [bytes([index % 251]) * size for index in range(count)]
    content = b"".join(tag + number for number in numbers) + b"\x08\x01"
    source = source_of(content)
    run, last = read_fields(source, 0, len(content))
    assert last == (1, 0, 1, len(content))
    assert payload_size(*run[1:]) == count * size
    dtype = f"<f{size}"
    assert numbers_of(source, *run[1:], dtype).tobytes() == b"".join(numbers)


def test_a_run_ends_with_its_message() -> None:
    content = b"\x2d1234" * 3
    assert list(read_fields(source_of(content), 0, 10)) == [(5, 5, 1, 10)]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x08", "byte 1: a number runs past the end of its message"),
        (b"\x08\x80\x80", "byte 1: a number runs past the end of its message"),
        (b"\x88", "byte 0: a number runs past the end of its message"),
        (b"\x08" + b"\x80" * 10 + b"\x00", "byte 1: a number is longer than 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "byte 1: a number is longer than 64 bits"),
        (b"\x12", "byte 1: a number runs past the end of its message"),
        (b"\x08\x01\x12\x05abcd", "byte 2: field 2 claims 5 bytes where 4 are left"),
        (b"\x12" + varint(2**63) + b"a", f"field 2 claims {2**63} bytes where 1 are left"),
        (b"\x2dabc", "byte 0: field 5 claims 4 bytes where 3 are left"),
        (b"\x2d1234\x2dabc", "byte 5: field 5 claims 4 bytes where 3 are left"),
        (b"\x41abc", "byte 0: field 8 claims 8 bytes where 3 are left"),
        (b"\x02\x00", "byte 0: a field has the number 0"),
        (varint(2**29 << 3 | 2) + b"\x00", f"byte 0: a field has the number {2**29}"),
        (b"\x0b", "byte 0: field 1 has the wire type 3, which Caffe never has"),
        (b"\x0c", "byte 0: field 1 has the wire type 4, which Caffe never has"),
        (b"\x0e", "byte 0: field 1 has the wire type 6, which Caffe never has"),
        (b"\x0f", "byte 0: field 1 has the wire type 7, which Caffe never has"),
    ],
)
def test_a_wrong_bound_is_refused_with_its_byte(content: bytes, text: str) -> None:
    with pytest.raises(CaffeError, match=f"net.caffemodel: .*{re.escape(text)}"):
        list(read_fields(source_of(content), 0, len(content)))


def test_an_inner_length_stays_in_its_message() -> None:
    """The inner field would fit the file, but not the message around it."""
    content = block(1, b"\x0a\x04ab") + b"cdefgh"
    with pytest.raises(CaffeError, match="claims 4 bytes where 2 are left"):
        list(read_fields(source_of(content), 2, 6))
