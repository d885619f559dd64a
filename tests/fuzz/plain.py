"""Ways to damage any file, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzz.parts import Part, parts_of

from deelish.formats.caffe.fields import Message

EXTREMES = (0, 1, 2, 3, 7, 127, 128, 255, 256, 4096, 65_535, 65_536)
EXTREMES += tuple(2**bits + more for bits in (31, 32, 62, 63) for more in (-1, 0, 1))
EXTREMES += (2**64 - 1, 2**64 - 2)


@dataclass(frozen=True)
class Means:
    """What a mutator works with.

    Attributes:
        rng: chance.
        other: another sound file of the kind.
        table: the outermost message of a binary file.
    """

    rng: Random
    other: bytes
    table: Message

    def part(self, content: bytes, fits: Callable[[Part], bool] = lambda part: True) -> Part | None:
        """A part of a binary file that fits, if there is one."""
        found = [part for part in parts_of(content, self.table) if fits(part)]
        return self.rng.choice(found) if found else None

    def place(self, content: bytes) -> int:
        """An offset in the content."""
        return self.rng.randrange(len(content)) if content else 0


Mutator = Callable[[bytes, Means], bytes]


def truncate(content: bytes, means: Means) -> bytes:
    """The file cut short."""
    return content[: means.place(content)]


def flip_bit(content: bytes, means: Means) -> bytes:
    """One bit changed."""
    return change(content, means.place(content), 1 << means.rng.randrange(8))


def change_bytes(content: bytes, means: Means) -> bytes:
    """A few bytes changed."""
    for _ in range(means.rng.randrange(1, 6)):
        content = change(content, means.place(content), means.rng.randrange(1, 256))
    return content


def change(content: bytes, place: int, bits: int) -> bytes:
    """The content with some bits of a byte the other way."""
    byte = bytes(byte ^ bits for byte in content[place : place + 1])
    return content[:place] + byte + content[place + 1 :]


def overwrite(content: bytes, means: Means) -> bytes:
    """An extreme number of 1, 2, 4 or 8 bytes in place of what is there."""
    size = means.rng.choice((1, 2, 4, 8))
    at = means.place(content) // size * size
    number = (means.rng.choice(EXTREMES) % 2 ** (8 * size)).to_bytes(size, "little")
    return content[:at] + number + content[at + size :]


def cut_out(content: bytes, means: Means) -> bytes:
    """Some bytes less."""
    at = means.place(content)
    return content[:at] + content[at + means.rng.randrange(1, 30) :]


def put_in(content: bytes, means: Means) -> bytes:
    """Some bytes of another file more."""
    at, start = means.place(content), means.place(means.other)
    return content[:at] + means.other[start:][: means.rng.randrange(1, 80)] + content[at:]


def copy_over(content: bytes, means: Means) -> bytes:
    """Some bytes of the file over others of it."""
    at, start = means.place(content), means.place(content)
    piece = content[start:][: means.rng.choice((2, 8, 16, 64))]
    return content[:at] + piece + content[at + len(piece) :]


MUTATORS: tuple[Mutator, ...] = (truncate, flip_bit, change_bytes, overwrite, cut_out, put_in)
MUTATORS += (copy_over,)
