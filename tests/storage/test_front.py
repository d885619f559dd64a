"""The first 4096 bytes of a record file: as they have always been written, and what is refused."""

import json
import struct
import zlib
from pathlib import Path

import pytest

from deelish.distillation.teacher_cache.forms import Form
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.errors import FileError
from deelish.images.cache.pixel_files import IndexHeader
from deelish.version import __version__

LOGITS = {"teacher": "Té", "identity": "ab" * 32, "classes": 10, "top": 3, "bits": 4}
IMAGES = {"pixels": "0123.pixels"}
HEADERS = [
    (b"\x93DEELANS", LOGITS, CacheHeader("Té", "ab" * 32, Form(10, 3))),
    (b"\x93DEELIMG", IMAGES, IndexHeader("0123.pixels")),
]


def front(magic, values):
    """Written out here, so that a change of the format is seen."""
    text = json.dumps(values).encode()
    rest = (struct.pack("<II", 1, len(text)) + text).ljust(4096 - 12, b"\0")
    return magic + struct.pack("<I", zlib.crc32(rest)) + rest


@pytest.mark.parametrize(("magic", "values", "header"), HEADERS, ids=["logits", "images"])
def test_the_bytes_are_those_of_format_1(magic, values, header):
    assert header.to_bytes() == front(magic, {**values, "created": __version__})
    older = front(magic, {**values, "created": "0.1"})
    assert type(header).from_bytes(older, Path("file")) == header


@pytest.mark.parametrize("text", [b"[" * 4000, b'{"a":' * 700])
@pytest.mark.parametrize(("magic", "values", "header"), HEADERS, ids=["logits", "images"])
def test_deep_json_is_refused(magic, values, header, text):
    rest = (struct.pack("<II", 1, len(text)) + text).ljust(4096 - 12, b"\0")
    data = magic + struct.pack("<I", zlib.crc32(rest)) + rest
    with pytest.raises(FileError, match="file: its description is not one that deelish wrote"):
        type(header).from_bytes(data, Path("file"))


@pytest.mark.parametrize(("magic", "values", "header"), HEADERS, ids=["logits", "images"])
def test_values_that_deelish_did_not_write_are_refused(magic, values, header):
    whole = {**values, "created": "0.1"}
    wrong = [{k: v for k, v in whole.items() if k != name} for name in whole]
    wrong += [{**whole, "created": 1}, {**whole, "classes": 0, "pixels": "../0123.pixels"}]
    for other in (*wrong, ["a", "list"], 7):
        with pytest.raises(FileError, match="file: its description is not one that deelish wrote"):
            type(header).from_bytes(front(magic, other), Path("file"))
