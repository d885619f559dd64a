"""Ways to damage a net in Caffe's text format: by characters, by words and by lines."""

from __future__ import annotations

import re

from fuzz.plain import Means, Mutator, change_bytes, flip_bit, put_in, truncate

_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*|-?[0-9][0-9.eE+-]*|\"[^\"\n]*\"|'[^'\n]*'|[{}<>:\[\]]")
_NUMBER = re.compile(rb"(?<=[: ,\[])-?[0-9][0-9.e+-]*")
_SIGNS = b"{}<>[]:;,'\"\\#-.019efx \n\t\xc3\xa9\0"
_NUMBERS = (b"0", b"1", b"-1", b"00", b"07", b"0x7fffffff", b"2147483648", b"4294967296")
_NUMBERS += (b"1000000000000", b"9223372036854775807", b"18446744073709551615", b"9" * 90)
_NUMBERS += (b"1e9", b"1e-45", b"1e400", b"nan", b"-inf", b"-0", b"1.", b".5")


def _match(content: bytes, means: Means, pattern: re.Pattern[bytes]) -> tuple[int, int]:
    """Where a match is; the empty start of the text if there is none."""
    found = [match.span() for match in pattern.finditer(content)]
    return means.rng.choice(found) if found else (0, 0)


def characters(content: bytes, means: Means) -> bytes:
    """Characters of the format in place of some."""
    at = means.place(content)
    new = bytes(means.rng.choices(_SIGNS, k=means.rng.randrange(1, 6)))
    return content[:at] + new + content[at + len(new) :]


def numbers(content: bytes, means: Means) -> bytes:
    """An extreme number in place of one."""
    start, stop = _match(content, means, _NUMBER)
    return content[:start] + means.rng.choice(_NUMBERS) + content[stop:]


def words(content: bytes, means: Means) -> bytes:
    """A word of the same text or of another in place of one, or before it."""
    start, stop = _match(content, means, _WORD)
    text = means.rng.choice((content, means.other))
    first, last = _match(text, means, _WORD)
    after = start if means.rng.random() < 0.3 else stop
    return content[:start] + text[first:last] + b" " + content[after:]


def without(content: bytes, means: Means) -> bytes:
    """A word less."""
    start, stop = _match(content, means, _WORD)
    return content[:start] + content[stop:]


def lines(content: bytes, means: Means) -> bytes:
    """Two lines at each other's place, one of them once or many times."""
    rows = content.split(b"\n")
    first, second = means.rng.randrange(len(rows)), means.rng.randrange(len(rows))
    rows[first], rows[second] = rows[second], rows[first]
    rows[first : first + 1] *= means.rng.choice((1, 1, 2, 100))
    return b"\n".join(rows)


def thousands(content: bytes, means: Means) -> bytes:
    """A word or a beginning of something thousands of times."""
    start, stop = _match(content, means, _WORD)
    word = means.rng.choice((b"layer{", b"{", b"[", b"'", b"# ", content[start:stop] + b" "))
    return content[:start] + word * means.rng.choice((10, 1000, 20_000)) + content[start:]


MUTATORS: tuple[Mutator, ...] = (truncate, flip_bit, change_bytes, put_in, characters, numbers)
MUTATORS += (words, without, lines, thousands)
