"""Mean images: every way in which a .binaryproto stores them, and what is none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.mean import read_mean
from deelish.formats.caffe.wire import block, tag, varint

MEAN = np.arange(2 * 3 * 4, dtype="<f4").reshape(2, 3, 4)


def old(*sides: int) -> bytes:
    return b"".join(tag(index + 1, 0) + varint(side) for index, side in enumerate(sides))


def shape(*sides: int) -> bytes:
    return block(7, block(1, b"".join(map(varint, sides))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mean.binaryproto"


@pytest.mark.parametrize("sides", [old(1, 2, 3, 4), shape(1, 2, 3, 4), shape(2, 3, 4)])
@pytest.mark.parametrize("data", [block(5, MEAN.tobytes()), block(8, MEAN.astype("<f8").tobytes())])
def test_means(path: Path, sides: bytes, data: bytes) -> None:
    path.write_bytes(sides + data)
    mean = read_mean(path)
    assert (mean.shape, mean.dtype) == ((2, 3, 4), np.float32)
    assert mean.tobytes() == MEAN.tobytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (old(2, 1, 3, 4) + block(5, MEAN.tobytes()), "byte 0: it holds 2 x 1 x 3 x 4, and a mean"),
        (shape(24) + block(5, MEAN.tobytes()), "it holds 24, and a mean is 1 x channels x height"),
        (block(7, b"") + block(5, bytes(4)), "it holds one number, and a mean"),
        (old(1, 2, 3, 5) + block(5, MEAN.tobytes()), "says 1 x 2 x 3 x 5 = 30 numbers and holds"),
        (shape(1, 1, 1) + block(5, b"\0\0\xc0\x7f"), "the mean holds NaN or infinities"),
        (block(1, b"GoogLeNet\0"), "field 1 has the wire type 2, which does not suit int"),
        (b"", "the file is empty"),
        (b"layer { }\n", "is text, as a .prototxt is, not a .binaryproto"),
        (b"PK\x03\x04" + bytes(20), "PyTorch, not a .binaryproto; give a binary .binaryproto"),
    ],
)
def test_what_is_no_mean_is_refused(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CaffeError, match=f"{re.escape(str(path))}: .*{re.escape(words)}"):
        read_mean(path)


def test_every_cut_is_refused(path: Path) -> None:
    content = old(1, 2, 3, 4) + block(5, MEAN.tobytes())
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(CaffeError, match=r"mean\.binaryproto: "):
            read_mean(path)
