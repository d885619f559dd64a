"""The form of cached logits, in half precision: all, or the highest and the mass of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.storage.records import Bytes

Logits = NDArray[np.float32]
Finite = NDArray[np.bool_]

HALF = np.dtype("<f2")


@dataclass(frozen=True)
class Form:
    """All logits as float16, or with `top` so many of the highest and the log-sum-exp of the rest.

    What comes back is float32 (n, classes) again. With `top`, the other classes share their mass
    evenly: each gets the log-sum-exp less log(classes - top), so that a softmax at temperature 1
    gives the highest classes, and the others together, what all logits gave them, up to half
    precision. Above temperature 1 the others together get more than all logits would give them,
    since an even share is the flattest (Jensen's inequality), and below 1 they get less.
    """

    classes: int
    top: int | None = None

    @classmethod
    def of(cls, classes: int, top: int | None = None) -> Form:
        """The form for so many classes; where `top` leaves no class out, all logits are cached.

        Raises:
            DataError: one of the numbers is no whole number above 0.
        """
        for name, value in (("classes", classes), ("top", 1 if top is None else top)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DataError(f"cached logits: {name} is {value!r}; give a whole number above 0")
        return cls(classes, top if top is not None and top < classes else None)

    @property
    def bytes(self) -> int:
        """How many bytes the logits of an image take."""
        if self.top is None:
            return HALF.itemsize * self.classes
        return self._class_bytes + HALF.itemsize * (self.top + 1)

    @property
    def bits(self) -> int:
        """How many bits the number of a class takes."""
        return (self.classes - 1).bit_length()

    @property
    def _class_bytes(self) -> int:
        """How many bytes the numbers of the highest classes take."""
        return -(-self.bits * (self.top or 0) // 8)

    def pack(self, logits: Logits) -> tuple[Bytes, Finite]:
        """Logits (n, classes) as uint8 (n, bytes), and which rows (n,) half precision holds.

        It does not hold those with a number that is not finite, or is beyond 65504.
        """
        if self.top is None:
            halves = _halves(logits)
            return halves.view(np.uint8), _finite(halves)
        order = np.argpartition(logits, self.classes - self.top, axis=1)
        rest, best = np.split(order, [self.classes - self.top], axis=1)
        highest = _halves(np.take_along_axis(logits, best, 1))
        mass = _halves(_log_sum_exp(np.take_along_axis(logits, rest, 1)))
        finite = _finite(logits) & _finite(highest) & _finite(mass)
        parts = [_in_bits(best, self.bits), highest.view(np.uint8), mass.view(np.uint8)]
        return np.concatenate(parts, axis=1), finite

    def unpack(self, packed: Bytes) -> Logits:
        """The logits (n, classes) that `pack` made uint8 (n, bytes) of."""
        if self.top is None:
            return _as(packed, HALF).astype(np.float32)
        end = self._class_bytes
        best = _from_bits(packed[:, :end], self.bits, self.top)
        halves = _as(packed[:, end:], HALF).astype(np.float32)
        share = halves[:, -1:] - np.float32(np.log(self.classes - self.top))
        logits = np.repeat(share, self.classes, axis=1)
        np.put_along_axis(logits, best, halves[:, :-1], 1)
        return logits

    def __str__(self) -> str:
        return "all logits" if self.top is None else f"top {self.top} and the rest"


def _in_bits(numbers: NDArray[np.int64], bits: int) -> Bytes:
    """Whole numbers (n, k) in so many bits each, the highest first: uint8 (n, any)."""
    places = np.arange(bits)[::-1]
    single = (numbers[..., None] >> places & 1).astype(np.uint8)
    return np.packbits(single.reshape(len(numbers), -1), axis=1)


def _from_bits(packed: Bytes, bits: int, count: int) -> NDArray[np.int64]:
    """The numbers (n, count) that `_in_bits` made uint8 (n, any) of."""
    single = np.unpackbits(packed, axis=1, count=bits * count)
    places = np.arange(bits)[::-1]
    numbers: NDArray[np.int64] = (single.reshape(len(packed), count, bits).astype(np.int64)) @ (
        np.int64(1) << places
    )
    return numbers


def _halves(values: NDArray[np.floating]) -> NDArray[np.float16]:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values, HALF)


def _finite(values: NDArray[np.floating]) -> Finite:
    finite: Finite = np.isfinite(values).all(axis=1)
    return finite


def _as(packed: Bytes, kind: np.dtype[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(packed).view(kind)


def _log_sum_exp(logits: Logits) -> NDArray[np.float64]:
    """(n, 1) of (n, any); NaN or infinite where a logit is."""
    values = logits.astype(np.float64)
    highest = values.max(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        total: NDArray[np.float64] = np.exp(values - highest).sum(1, keepdims=True)
        mass: NDArray[np.float64] = highest + np.log(total)
    return mass
