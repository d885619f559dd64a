"""Values of Caffe's text format: what a field's kind makes of the token that it is given.

Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from deelish.errors import CaffeError
from deelish.formats.caffe.fields import Field
from deelish.formats.caffe.tokens import LONGEST_STRING, Tokens, clipped

# As wide as Caffe's widest field of the kind.
_RANGES = {"uint": (0, 2**32 - 1), "int": (-(2**63), 2**63 - 1)}
_INTEGER = re.compile(rb"-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
# No zero before other digits: octal numbers begin so, and no float may be octal.
_REAL = re.compile(
    rb"(?P<decimal>-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fF]?"
    rb"|(?P<word>-?(?i:inf|infinity|nan))"
)
# From here on, half a step above the largest float32, Caffe reads infinity.
_OVERFLOW = 2.0**128 - 2.0**103
_BOOLEANS = {"true": True, "True": True, "t": True, "1": True}
_BOOLEANS |= {"false": False, "False": False, "f": False, "0": False}

# An escape in a string; units are those of UTF-16, of which a pair may make one character.
_ESCAPE = re.compile(
    rb"\\(?:(?P<octal>[0-7]{1,3})|[xX](?P<byte>[0-9a-fA-F]{1,2})"
    rb"|u(?P<units>[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)|U(?P<point>[0-9a-fA-F]{8})|(?P<one>.))",
    re.DOTALL,
)
_ONE = dict(zip("abfnrtv\\'\"?", "\a\b\f\n\r\t\v\\'\"?", strict=True))
_ESCAPED: dict[str, Callable[[str], bytes]] = {
    "octal": lambda digits: bytes([int(digits, 8)]),
    "byte": lambda digits: bytes([int(digits, 16)]),
    "units": lambda digits: bytes.fromhex(digits.replace("\\u", "")).decode("utf-16-be").encode(),
    "point": lambda digits: bytes.fromhex(digits).decode("utf-32-be").encode(),
    "one": lambda letter: _ONE[letter].encode(),
}


def value_of(tokens: Tokens, name: str, field: Field) -> Any:
    """The value at the current token, and past it.

    Returns:
        What `codec.decode` gives for the same value: a number, a bool, a text, the word of an
        enum; a float as the shortest decimal of its float32, infinite if too large.

    Raises:
        CaffeError: a value that the field cannot take; it names file, line, layer and field.
    """
    return _READERS[field.kind](tokens, name, field)


def _unsuited(tokens: Tokens, name: str, wanted: str) -> CaffeError:
    return tokens.error(f"{name} expects {wanted}, got {tokens.shown()}")


def _integer(tokens: Tokens) -> int | None:
    """The current token as a decimal, octal or hexadecimal number; None if it is none of these."""
    text = tokens.text
    if tokens.kind != "number" or not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip(b"-").lower()
    base = 16 if digits.startswith(b"0x") else 8 if digits.startswith(b"0") else 10
    return int(text, base)


def _whole(tokens: Tokens, name: str, field: Field) -> int:
    lowest, highest = _RANGES[field.kind]
    number = _integer(tokens)
    if number is None:
        raise _unsuited(tokens, name, "a whole number")
    if not lowest <= number <= highest:
        raise _unsuited(tokens, name, f"a whole number from {lowest:,} to {highest:,}")
    tokens.advance()
    return number


def _boolean(tokens: Tokens, name: str, field: Field) -> bool:
    number = _integer(tokens)
    value = _BOOLEANS.get(tokens.text.decode() if number is None else str(number))
    if value is None:
        raise _unsuited(tokens, name, "true or false")
    tokens.advance()
    return value


def _word(tokens: Tokens, name: str, field: Field) -> str:
    number = _integer(tokens)
    word = tokens.text.decode() if number is None else field.words.get(number)
    if word is None or word not in field.words.values():
        raise _unsuited(tokens, name, f"one of {', '.join(field.words.values())}")
    tokens.advance()
    return word


def _real(tokens: Tokens, name: str, field: Field) -> float:
    match = _REAL.fullmatch(tokens.text)
    if match is None:
        raise _unsuited(tokens, name, "a decimal number")
    number = float(match["decimal"] or match["word"])
    if abs(number) >= _OVERFLOW:
        number = math.copysign(math.inf, number)
    tokens.advance()
    return float(str(np.float32(number)))


def _string(tokens: Tokens, name: str, field: Field) -> str:
    """Strings that follow each other are one, and a character may be split between them."""
    if tokens.kind != "string":
        raise _unsuited(tokens, name, "text in quotes")
    place, size, parts = tokens.place, 0, []
    while tokens.kind == "string":
        size += len(tokens.text)
        if size > LONGEST_STRING:
            raise tokens.error(f"{name} is longer than {LONGEST_STRING:,} characters")
        parts.append(_unescaped(tokens))
        tokens.advance()
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError:
        raise tokens.error(f"{name} is text, but not in UTF-8", place) from None


def _unescaped(tokens: Tokens) -> bytes:
    def character(match: re.Match[bytes]) -> bytes:
        kind = str(match.lastgroup)
        try:
            return _ESCAPED[kind](match[kind].decode())
        except (ValueError, KeyError):
            shown = clipped(match[0].decode("utf-8", "replace")).replace("\\\\", "\\")
            raise tokens.error(f"there is no escape {shown}; write \\\\ for \\") from None

    return _ESCAPE.sub(character, tokens.text[1:-1])


_READERS: dict[str, Callable[[Tokens, str, Field], Any]] = {
    "uint": _whole,
    "int": _whole,
    "bool": _boolean,
    "enum": _word,
    "float": _real,
    "array": _real,
    "string": _string,
}
