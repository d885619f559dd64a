"""The tokens of Caffe's text format, one at a time, and errors that name file, line and layer.

Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

import re

from deelish.errors import CaffeError

# What is longer cannot be of a net; it would only fill the memory, or an error's sentence.
LONGEST_STRING = 2**20
_LONGEST = {"word": 100, "number": 100, "string": LONGEST_STRING, "end": 0}
_SHOWN = 40
# The mark that editors on Windows put before text in UTF-8.
_MARK = b"\xef\xbb\xbf"

# Possessive throughout: no text, however hostile, makes the expression go back or keep a stack.
# A number takes all letters that touch it, so that `3pad` is no 3; its reader checks the rest.
_SPACE = rb"[ \t\n\r\v\f]*+ (?: \# [^\n]*+ [ \t\n\r\v\f]*+ )*+"
_WORD = rb"[A-Za-z_] [A-Za-z0-9_]*+"
_NUMBER = rb"\.? [0-9] (?: [A-Za-z0-9_.]++ | (?<=[eE]) [+-] )*+"
_TOKEN = re.compile(
    rb"""
    %(space)b
    (?: (?P<word> %(word)b )
      | (?P<number> %(number)b )
      | - %(space)b (?P<negative> %(word)b | %(number)b )
      | (?P<string> " (?: [^"\\\n\0]++ | \\[^\n] )*+ "
                  | ' (?: [^'\\\n\0]++ | \\[^\n] )*+ ' )
      | (?P<symbol> [{}<>\[\]:,;] )
      | (?P<end> \Z )
      | (?P<stray> . ) )
    """
    % {b"space": _SPACE, b"word": _WORD, b"number": _NUMBER},
    re.VERBOSE | re.DOTALL,
)


def clipped(text: str) -> str:
    """The text in quotes, as errors show it, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


class Tokens:
    """The current token of a text.

    Attributes:
        path: the file's name.
        where: what is being read, such as ``layer 'conv1'``, for errors; empty at the top.
        kind: word, number (also a word after a minus sign), string or end; of a symbol the
            symbol itself.
        text: the token as it is in the text, a minus sign without what space is after it.
        place: its offset in the text.

    Raises:
        CaffeError: here and in `advance`, a token that is none or is far too long.
    """

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self.where = ""
        self.kind = ""
        self.text = b""
        self.place = 0
        self._data = data
        self._line, self._counted = 1, 0
        self._matches = _TOKEN.finditer(data, len(_MARK) if data.startswith(_MARK) else 0)
        self.advance()

    def advance(self) -> None:
        """Go to the next token."""
        match = next(self._matches)
        kind = str(match.lastgroup)
        self.kind, self.text, self.place = kind, match[kind], match.start(kind)
        if kind == "symbol":
            self.kind = self.text.decode()
            return
        if kind == "stray":
            raise self._stray()
        if kind == "negative":
            self.kind, self.text = "number", b"-" + self.text
        if len(self.text) > _LONGEST[self.kind]:
            length, most = len(self.text), _LONGEST[self.kind]
            raise self.error(f"a {self.kind} is {length:,} characters long; the most is {most:,}")

    def _stray(self) -> CaffeError:
        if self.text in (b"'", b'"'):
            return self.error(
                f"text that begins with {self.text.decode()} does not end on its line"
            )
        # The whole character, of which this is a byte.
        character = self._data[self.place : self.place + 4].decode("utf-8", "ignore")[:1]
        return self.error(f"got {character!r} outside quotes; take it out")

    def line(self) -> int:
        """The line of the current token, from 1."""
        self._line += self._data.count(b"\n", self._counted, self.place)
        self._counted = self.place
        return self._line

    def shown(self) -> str:
        """The current token, as errors show it."""
        if self.kind == "end":
            return "the end of the text"
        return clipped(self.text.decode("utf-8", "replace"))

    def bracketed(self) -> str:
        """The text from the current `[` to its `]`, as errors show it."""
        text = self._data[self.place : self.place + _SHOWN].decode("utf-8", "replace")
        return clipped(text[: text.find("]") + 1] or text)

    def error(self, got: str, place: int | None = None) -> CaffeError:
        """The error that names file, line (of the current token, or of a place) and layer."""
        line = self._data.count(b"\n", 0, self.place if place is None else place) + 1
        where = f"{self.where}: " if self.where else ""
        return CaffeError(f"{self.path}:{line}: {where}{got}")
