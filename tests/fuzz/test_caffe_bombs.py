"""Small files that claim to be huge, and files built to take for ever: refused at once, unread."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fuzz.forms import old_shape, packed, shape
from fuzz.mutants import SECONDS, check_refusal

from deelish.errors import DeelishError
from deelish.formats.caffe import wire
from deelish.formats.caffe.network import NetOptions, open_net
from deelish.formats.caffe.wire import block, tag, varint

MEGABYTE = 2**20
MOST_BYTES = 32 * MEGABYTE
DATA = b"input: 'd' input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n"


def layer(kind: bytes, *rest: bytes, name: bytes = b"x", bottom: bytes = b"d") -> bytes:
    """A layer of today that reads one blob and makes one of its own name."""
    wiring = block(3, bottom) + block(4, name)
    return block(100, block(1, name) + block(2, kind) + wiring + b"".join(rest))


def net(*layers: bytes) -> bytes:
    """A net with the input d of (1, 3, 8, 8)."""
    sides = b"".join(tag(4, 0) + varint(side) for side in (1, 3, 8, 8))
    return block(3, b"d") + sides + b"".join(layers)


def scale(blob: bytes, *more: bytes) -> bytes:
    """A net of one layer with a blob of three numbers."""
    return net(layer(b"Scale", block(7, blob), *more))


def deep(depth: int, number: int) -> bytes:
    """Messages in each other, from the innermost out."""
    heads, size = [], 0
    for _ in range(depth):
        heads.append(tag(number, 2) + varint(size))
        size += len(heads[-1])
    return b"".join(reversed(heads))


def chain(count: int, text: str, first: str = "d") -> bytes:
    """A text net of layers that each read the one before."""
    names = [first, *(f"n{index}" for index in range(count))]
    rows = [
        f"layer {{ name: '{top}' bottom: '{bottom}' top: '{top}' {text} }}"
        for bottom, top in pairwise(names)
    ]
    return DATA + "\n".join(rows).encode()


ONES = np.ones(3, "<f4")
BARE = block(1, b"x") + block(2, b"Convolution")
SIDE = "a blob has a side of "
FULL = "the file holds more fields and text than any net"

# Large ones are made by the test: memory that a process holds makes each of its forks slower.
BINARY = {
    "an empty file": (b"", "the file is empty"),
    "zeros": (lambda: bytes(MEGABYTE), "byte 0: a field has the number 0"),
    "a side of 2^31": (scale(shape(2**31)), f"{SIDE}2147483648"),
    "a side of 2^32": (scale(shape(2**32) + packed(ONES)), f"{SIDE}4294967296"),
    "a side of 2^63": (scale(shape(2**63)), f"{SIDE}-9223372036854775808"),
    "a side below 0": (scale(shape(-3) + packed(ONES)), f"{SIDE}-3"),
    "a side of 0": (scale(shape(0, 3)), f"{SIDE}0"),
    "16 GB without numbers": (scale(shape(65_536, 65_536)), "= 4294967296 numbers and holds 0"),
    "old sides": (scale(old_shape(65_535, 65_535, 65_535, 9)), "numbers and holds 0"),
    "sides that pass 64 bits": (scale(shape(*[65_536] * 32)), "numbers and holds 0"),
    "33 sides": (scale(shape(*[1] * 33) + packed(ONES[:1])), "a blob has 33 axes"),
    "a million sides": (
        lambda: scale(shape(*[1] * 10**6)),
        "a list holds more than 16,384 numbers",
    ),
    "a length of 1 GB": (b"\xa2\x06" + varint(2**30) + bytes(74), "claims 1073741824 bytes"),
    "a length of 2^63": (b"\x0a" + varint(2**63) + bytes(50), f"claims {2**63} bytes"),
    "a number of 11 bytes": (b"\x20" + b"\x80" * 10 + b"\1", "longer than 64 bits"),
    "10^5 groups in each other": (
        lambda: b"\x0b" * 10**5,
        "the wire type 3, which Caffe never has",
    ),
    "10^5 messages in each other": (
        lambda: deep(10**5, 100),
        "layer number 1, byte 5: it has no name",
    ),
    "10^5 names in each other": (lambda: deep(10**5, 1), "field 1 is text, but not in UTF-8"),
    "a million empty layers": (
        lambda: block(100, b"") * 10**6,
        "layer is there more than 16,384 times",
    ),
    "a million V1 layers": (
        lambda: block(2, b"") * 10**6,
        "layers is there more than 16,384 times",
    ),
    "a million unknown fields": (lambda: b"\xf8\x07\x01" * 10**6, FULL),
    "many rules": (
        lambda: block(100, BARE + block(8, b"") * 16_000) * 100,
        FULL,
    ),
    "4,000 layers": (net() + block(100, BARE) * 4_000, "reads 0 blobs (none)"),
    "4,000 V0 layers": (
        lambda: block(2, block(1, BARE[:3] + block(2, b"data"))) * 4_000,
        "net has no layers",
    ),
    "a million blobs": (
        lambda: scale(b"", block(7, b"") * 10**6),
        "blobs is there more than 16,384",
    ),
    "a million bottoms": (
        lambda: net(layer(b"Concat", block(3, b"d") * 10**6)),
        "bottom is there more",
    ),
    "two interleaved fields": (
        lambda: scale(b"\x2d1234\x351234" * 10**6),
        "data is there more than",
    ),
    "many axes for many inputs": (
        block(3, b"a") * 16_000 + block(8, block(1, b"\1" * 16_000)) + block(100, BARE),
        "input 'a' has 16,000 axes",
    ),
    "a long text": (lambda: block(2016, b"a" * 2**25) + net(), FULL),
    "a text of one emoji": (
        lambda: block(1, b"a" * 2**22 + "𝄞".encode()) + net(layer(b"?")),
        "(?)",
    ),
    "a huge input": (
        block(3, b"d") + block(8, shape(2**31)[2:]) + layer(b"ReLU"),
        "input 'd' has the shape [2147483648]",
    ),
    "weights of NaN": (scale(shape(3) + packed(ONES * np.nan)), "weights hold NaN or infinite"),
    "infinite weights": (scale(shape(3) + packed(ONES * np.inf)), "weights hold NaN or infinite"),
    "a layer without its blobs": (net(layer(b"Scale")), "layer 'x' (Scale): missing in the file"),
    "two layers of one name": (
        net(*[layer(b"Scale", block(7, shape(3) + packed(ONES)))] * 2),
        "blob 'x' is made already",
    ),
    "a name that is no UTF-8": (net(layer(b"ReLU", name=b"\xff\xfe")), "but not in UTF-8"),
    "a name of 10 MB": (lambda: net(layer(b"ReLU", name=b"a" * 10**7)), FULL),
    "a name of 2,000 characters": (net(layer(b"ReLU", name=b"a" * 2000)), "a name of 2,000"),
    "a layer that reads its own top": (net(layer(b"AbsVal", bottom=b"x")), "reads blob 'x', which"),
    "two layers that read each other": (
        net(layer(b"AbsVal", bottom=b"y"), layer(b"AbsVal", name=b"y", bottom=b"x")),
        "reads blob 'y', which is neither an input of known shape nor made by a layer before it",
    ),
    "a huge group": (
        net(layer(b"Convolution", block(106, b"\x08\x03\x20\x01\x28" + varint(2**32 - 1)))),
        "do not divide into group 4294967295",
    ),
    "300 layers without their blobs": (
        net(*[layer(b"Scale", name=b"n%d" % number) for number in range(300)]),
        "300 of its layers differ",
    ),
    "pixels times nothing": (
        net(layer(b"Data", block(100, b"\x0d\0\0\xc0\x7f"), name=b"q"), layer(b"AbsVal")),
        "preprocessing: scale is nan",
    ),
    "a net of two lines": (
        block(1, b"a\nb\x1b[2J") + net(layer(b"Scale")),
        r"does not fit a\nb\x1b[2J, 1 of its layers differ",
    ),
    "5,000 blobs": (
        net(layer(b"Scale", block(7, shape(3) + packed(ONES)) * 5000)),
        "weights are (3,) and (3,) and",
    ),
    "2^31 outputs": (
        net(layer(b"InnerProduct", block(117, b"\x08" + varint(2**31 - 1)))),
        "'weight' holds 412,316,860,224 numbers",
    ),
}

TEXT = {
    "10 MB of brackets": (lambda: b"[" * 10**7, "is an extension or an Any"),
    "10 MB of braces": (lambda: b"layer" + b"{" * 10**7, "got '{' where a field is wanted"),
    "50 MB in quotes": (
        lambda: b"name: '" + b"a" * (50 * MEGABYTE) + b"'",
        "more than 16,777,216 bytes",
    ),
    "10^12 outputs": (
        DATA + b"layer { inner_product_param { num_output: 1000000000000 } }",
        "num_output expects a whole number from 0 to 4,294,967,295, got '1000000000000'",
    ),
    "an unheard type": (
        lambda: chain(2000, "type: 'ReLU'") + b"layer { name: 'y' type: 'z' }",
        "(z): ",
    ),
    "a pyramid of 2^32 levels": (
        DATA + b"layer { name: 'x' type: 'SPP' bottom: 'd' top: 'x'"
        b" spp_param { pyramid_height: 4294967295 } }",
        "layer 'x' (SPP): pad 4 is not smaller than kernel_size 1",
    ),
    "one array twice in a layer": (
        DATA + b"layer { name: 'x' type: 'InnerProduct' bottom: 'd' top: 'x' param { name: 'w' }"
        b" param { name: 'w' } inner_product_param { num_output: 2 } }",
        "layer 'x' (InnerProduct): its weight and its bias have the name 'w'",
    ),
    "9,000 axes": (
        DATA
        + b"layer { name: 'x' type: 'Reshape' bottom: 'd' top: 'x' reshape_param { shape {"
        + b" dim: 1" * 9000
        + b" dim: -1 } } }",
        "layer 'x' (Reshape): 'x' has 9,001 axes; the most is 32",
    ),
    "sides of thousands of digits": (
        chain(300, "type: 'Tile' tile_param { tiles: 9223372036854775807 }")
        + b"layer { name: 'x' type: 'Eltwise' bottom: 'n299' bottom: 'd' top: 'x' }",
        "a side of 'n0' is longer than 2,147,483,647",
    ),
    "9,000 layers": (
        lambda: chain(9000, "type: 'AbsVal'") + b"layer { name: 'x' type: 'z' }",
        "deelish does not know the type",
    ),
    "layers that read each other": (
        DATA + b"layer { name: 'x' type: 'ReLU' bottom: 'y' top: 'x' }"
        b" layer { name: 'y' type: 'ReLU' bottom: 'x' top: 'y' }",
        "reads blob 'y', which is neither an input of known shape",
    ),
}

Refuse = Callable[[], str]


@pytest.fixture(params=[*BINARY, *TEXT])
def bomb(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Refuse, str]:
    """Opens a bomb and gives the sentence that it is refused with, and what that holds."""
    is_text = request.param in TEXT
    content, words = (TEXT if is_text else BINARY)[request.param]
    path = tmp_path / ("net.prototxt" if is_text else "net.caffemodel")
    path.write_bytes(content() if callable(content) else content)
    files = (None, path) if is_text else (path, None)

    def refused() -> str:
        with pytest.raises(DeelishError, match=re.escape(str(path))) as caught:
            open_net(*files, NetOptions())
        check_refusal(caught.value, [path])
        return str(caught.value)

    return refused, words


@pytest.mark.torture("A2")
def test_bombs_are_refused_at_once(bomb: tuple[Refuse, str]) -> None:
    refused, words = bomb
    started = time.process_time()
    assert words in refused()
    assert time.process_time() - started < SECONDS


@pytest.mark.torture("A2")
def test_bombs_take_little_memory(
    bomb: tuple[Refuse, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that end at the bound of all fields with an eighth of it, as to trace takes long."""
    refused, words = bomb
    factor = 8 if words == FULL else 1
    monkeypatch.setattr(wire, "MOST_FIELDS", wire.MOST_FIELDS // factor)
    tracemalloc.start()
    try:
        refused()
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES / factor
    finally:
        tracemalloc.stop()
