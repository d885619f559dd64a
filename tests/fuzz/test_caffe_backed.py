"""Blobs: every number that a shape declares is in the file, before anything is allocated."""

from __future__ import annotations

import math
import tracemalloc
from random import Random

import numpy as np
import pytest
from fuzz.forms import old_shape, shape
from torture import scaled

from deelish.errors import CaffeError
from deelish.formats.caffe.blobs import read_blob
from deelish.formats.caffe.wire import FIXED32, FIXED64, Source, block, tag
from deelish.plan.shapes import LONGEST_SIDE, MOST_AXES

CASES = scaled(10_000)
HUGE = (0, -1, -(2**63), 2**16, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**62)


def sides_of(rng: Random) -> list[int]:
    """Sides of which the product is mostly small, and now and then anything."""
    sides = [rng.choice((1, 1, 1, 2, 3, 4)) for _ in range(rng.choice((0, 1, 2, 3, 4, 4, 33)))]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        if sides:
            sides[rng.randrange(len(sides))] = rng.choice(HUGE)
    return sides


def data_of(rng: Random, wanted: int) -> tuple[bytes, int, int]:
    """Runs of floats or of doubles; how many numbers they hold, and how many bytes are left over.

    Half of the time there are as many as wanted.
    """
    count = wanted if 0 < wanted < 300 and rng.random() < 0.6 else rng.randrange(12)
    number, single, size = rng.choice(((5, FIXED32, 4), (8, FIXED64, 8)))
    first = rng.randrange(count + 1) if rng.random() < 0.5 else count
    odd = rng.choice((0, 0, 0, 0, 0, 1, size - 1))
    packed = block(number, rng.randbytes(size * first + odd)) if first or odd else b""
    singles = b"".join(tag(number, single) + rng.randbytes(size) for _ in range(count - first))
    return packed + singles, count, odd


@pytest.mark.torture("A5")
def test_every_declared_number_is_backed_by_bytes() -> None:
    rng, read = Random(5), 0
    tracemalloc.start()
    try:
        for _ in range(CASES):
            sides = sides_of(rng)
            data, held, odd = data_of(rng, math.prod(sides))
            old = 0 < len(sides) <= 4 and rng.random() < 0.4
            content = (old_shape if old else shape)(*sides) + data
            whole = all(0 < side <= LONGEST_SIDE for side in sides) and len(sides) <= MOST_AXES
            sound = whole and not odd and held == math.prod(sides)
            array = outcome(content)
            assert (array is not None) == sound, (sides, held, odd)
            if array is not None:
                padded = (1,) * (4 - len(sides)) * old + tuple(sides)
                assert (array.shape, array.dtype) == (padded, np.float32)
                assert array.nbytes <= len(data)
                read += 1
        # All that tracing has seen; the smallest of the huge shapes alone would take half of it.
        assert tracemalloc.get_traced_memory()[1] < 2**19
    finally:
        tracemalloc.stop()
    assert CASES * 0.2 < read < CASES * 0.8


def outcome(content: bytes) -> np.ndarray | None:
    """The blob, or None where it is refused."""
    try:
        return read_blob(Source(memoryview(content), "net.caffemodel"), 0, len(content))
    except CaffeError:
        return None
