"""Seeds and first draws of many views at once, equal to NumPy's own for each of them.

NumPy makes a SeedSequence and a PCG64 for every seed, which takes 18 microseconds a view; so it
takes 1. Both algorithms are fixed for good by NumPy's policy on streams (NEP 19).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Long = NDArray[np.uint64]
# High and low half of a number of 128 bits.
Wide = tuple[Long, Long]

# O'Neill's seed_seq without bias, with the constants of numpy.random.SeedSequence.
_POOL = 4
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
# The multiplier of PCG64 (O'Neill 2014).
_MULTIPLIER = (2549297995355413924, 4865540595714422341)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def view_seeds(seed: int, epoch: int, indices: NDArray[np.integer], *purpose: int) -> Long:
    """`view_seed` of each index (n,), all below 2^32: uint64 (n,)."""
    shape = indices.shape
    words: list[Words] = []
    for value in (seed, epoch):
        words += [np.full(shape, word, np.uint32) for word in _words(value)]
    words.append(indices.astype(np.uint32))
    for value in purpose:
        words += [np.full(shape, word, np.uint32) for word in _words(value)]
    (state,) = _generated(_mixed(words), 1)
    made: Long = state >> np.uint64(1)
    return made


def first_draws(seeds: Long, count: int) -> NDArray[np.float64]:
    """(n, count) numbers in [0, 1): row i is ``Generator(PCG64(seeds[i])).random(count)``."""
    words = [(seeds & _LOW).astype(np.uint32), (seeds >> _HALF).astype(np.uint32)]
    first, second, third, fourth = _generated(_mixed(words), 4)
    one = np.uint64(1)
    step: Wide = (third << one | fourth >> np.uint64(63), fourth << one | one)
    state = _stepped(_added(step, (first, second)), step)
    draws = np.empty((len(seeds), count))
    for column in range(count):
        state = _stepped(state, step)
        draws[:, column] = (_output(state) >> np.uint64(11)) * 2.0**-53
    return draws


def _words(value: int) -> list[int]:
    """A whole number from 0 on, 32 bits at a time, the lowest first."""
    words = [value & 0xFFFFFFFF]
    while value := value >> 32:
        words.append(value & 0xFFFFFFFF)
    return words


class _Hash:
    """A hash of words whose constants change with every use."""

    def __init__(self, start: int, multiplier: int) -> None:
        self._constant, self._multiplier = start, multiplier

    def __call__(self, words: Words) -> Words:
        hashed = words ^ np.uint32(self._constant)
        self._constant = self._constant * self._multiplier & 0xFFFFFFFF
        hashed *= np.uint32(self._constant)
        made: Words = hashed ^ hashed >> np.uint32(16)
        return made


def _mixed(words: Sequence[Words]) -> list[Words]:
    """The pool of entropy."""
    hashed = _Hash(_INIT_A, _MULT_A)
    missing = [np.zeros_like(words[0])] * (_POOL - len(words))
    pool = [hashed(word) for word in [*words, *missing][:_POOL]]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _joined(pool[target], hashed(pool[source]))
    for word in words[_POOL:]:
        for target in range(_POOL):
            pool[target] = _joined(pool[target], hashed(word))
    return pool


def _joined(a: Words, b: Words) -> Words:
    joined = a * _MIX_LEFT - b * _MIX_RIGHT
    made: Words = joined ^ joined >> np.uint32(16)
    return made


def _generated(pool: Sequence[Words], count: int) -> list[Long]:
    """So many numbers of 64 bits from the pool."""
    hashed = _Hash(_INIT_B, _MULT_B)
    halves = [hashed(pool[number % _POOL]).astype(np.uint64) for number in range(2 * count)]
    return [low | high << _HALF for low, high in zip(halves[::2], halves[1::2], strict=True)]


def _stepped(state: Wide, step: Wide) -> Wide:
    """The next state of the generator: state * multiplier + step, of 128 bits."""
    (high, low), (multiplier_high, multiplier_low) = state, map(np.uint64, _MULTIPLIER)
    upper = _upper_product(low, multiplier_low) + high * multiplier_low + low * multiplier_high
    return _added((upper, low * multiplier_low), step)


def _upper_product(a: Long, b: np.uint64) -> Long:
    """The upper 64 bits of a product."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    middle = a_high * b_low + (a_low * b_low >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    upper: Long = a_high * b_high + (middle >> _HALF) + (other >> _HALF)
    return upper


def _added(a: Wide, b: Wide) -> Wide:
    low = a[1] + b[1]
    carry: Long = (low < a[1]).astype(np.uint64)
    return a[0] + b[0] + carry, low


def _output(state: Wide) -> Long:
    """64 bits of a state: its halves combined and rotated (XSL-RR)."""
    high, low = state
    mixed, turn = high ^ low, high >> np.uint64(58)
    right, left = mixed >> turn, mixed << (-turn & np.uint64(63))
    made: Long = np.bitwise_or(right, left)
    return made
