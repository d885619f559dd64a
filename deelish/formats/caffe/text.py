"""Reading Caffe's text format (.prototxt): the same dicts that the codec gives for the binary.

Source: protobuf.dev, "Text Format Language Specification". What protobuf refuses is refused here.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any, NamedTuple

from deelish.common.suggestions import nearest
from deelish.errors import CaffeError, MissingFileError
from deelish.formats.caffe.codec import MOST_VALUES
from deelish.formats.caffe.fields import Field, Message
from deelish.formats.caffe.literals import value_of
from deelish.formats.caffe.schema import LAYER, NET, V1_LAYER
from deelish.formats.caffe.tokens import Tokens, clipped

MOST_BYTES = 2**24
# Of all fields and values of a text together; it bounds the time and the memory of reading.
MOST_ENTRIES = 2**18
_CHUNK = 2**20
_LAYERS = (LAYER, V1_LAYER)
_CLOSING = {"{": "}", "<": ">"}
_CURE = "give the .prototxt of a network"


def read_text(path: str | Path) -> dict[str, Any]:
    """The net of a .prototxt, as `parse` gives it.

    Raises:
        MissingFileError: no such file.
        CaffeError: an empty one, a .caffemodel or another binary, a web page, more
            than 16 MB, or what `parse` refuses.
    """
    try:
        # A pipe would wait for a writer for ever.
        if Path(path).exists() and not Path(path).is_file():
            raise CaffeError(f"{path}: is not a file; {_CURE}")
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file; {_CURE}") from None
    except (OSError, ValueError) as error:
        raise CaffeError(f"{path}: cannot be read ({error}); {_CURE}") from error
    if not data:
        raise CaffeError(f"{path}: the file is empty; get it again")
    _refuse_other_formats(data[:4096], path)
    if len(data) > MOST_BYTES:
        raise CaffeError(
            f"{path}: has more than {MOST_BYTES:,} bytes, which no text of a net has; {_CURE}"
        )
    return parse(data, str(path))


def _refuse_other_formats(head: bytes, path: str | Path) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CaffeError(f"{path}: is in UTF-16; save it as UTF-8")
    # Tags and lengths of a binary net always include control characters.
    if any(byte < 32 and byte not in b"\t\n\v\f\r" for byte in head):
        raise CaffeError(
            f"{path}: is binary, as a .caffemodel is, not the text of a net; {_CURE}, and"
            " give a .caffemodel where weights are wanted"
        )
    if head.lstrip().startswith(b"<"):
        raise CaffeError(
            f"{path}: is a web page, not a .prototxt; the download went wrong, get the file again"
        )


def parse(text: str | bytes, path: str, message: Message = NET) -> dict[str, Any]:
    """The message that a text holds.

    Args:
        text: the text, in UTF-8 if bytes.
        path: how errors call it.
        message: the table of its fields.

    Returns:
        Values by field name as `codec.decode` gives them, but lazy messages as dicts
        and arrays as lists of floats. Each dict of a layer has its line, from 1, under "line".

    Raises:
        CaffeError: the text is not of the format, or has a field that the message lacks; it names
            file, line and layer.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    _refuse_other_encodings(data, path)
    return _Parser(Tokens(data, path), message).fields(_Inside(message, "", 1, "end"), {})


def _refuse_other_encodings(data: bytes, path: str) -> None:
    """In chunks: one character may make a whole text four times as long in memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _CHUNK):
        before = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + _CHUNK], final=start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, start - before + error.start) + 1
            raise CaffeError(f"{path}:{line}: the text is not in UTF-8; save it so") from None


class _Inside(NamedTuple):
    """The message that is being read: its table, its field, where it opens and what closes it."""

    message: Message
    name: str
    line: int
    closing: str

    def error(self, tokens: Tokens, got: str, cure: str) -> CaffeError:
        """The error that also names the message."""
        return tokens.error(f"{got} ({self.name or 'the net'}); {cure}")


class _Parser:
    """Goes as deep as the tables and no deeper, whatever the text: unknown fields are refused."""

    def __init__(self, tokens: Tokens, outermost: Message) -> None:
        self._tokens = tokens
        self._outermost = outermost
        self._entries = 0

    def fields(self, inside: _Inside, found: dict[str, Any]) -> dict[str, Any]:
        """All fields up to the end of the message, put into `found`."""
        while self._tokens.kind != inside.closing:
            self._field(inside, found)
        return found

    def _field(self, inside: _Inside, found: dict[str, Any]) -> None:
        tokens = self._tokens
        if not inside.name:
            tokens.where = ""
        self._count()
        name, field = self._named(inside)
        if name in found and not field.repeated:
            raise inside.error(tokens, f"{name} is there twice", "keep one of the two")
        tokens.advance()
        if tokens.kind == ":":
            tokens.advance()
        elif field.message is None:
            raise inside.error(
                tokens, f"got {tokens.shown()} after {name}", f"write {name}: and its value"
            )
        if field.repeated and tokens.kind == "[":
            self._list(name, field, found)
        else:
            self._entry(name, field, found)
        if name == "name" and inside.name in ("layer", "layers"):
            tokens.where = f"layer {clipped(found[name])}"
        if tokens.kind in (",", ";"):
            tokens.advance()

    def _named(self, inside: _Inside) -> tuple[str, Field]:
        """The field that the current token names."""
        tokens, fields = self._tokens, inside.message.fields
        name = tokens.text.decode("utf-8", "replace")
        if tokens.kind == "word" and name in fields:
            return name, fields[name]
        if tokens.kind == "word":
            cure = nearest(name, fields)
            if inside.name and name in self._outermost.fields:
                cure = f"close what line {inside.line} opens with {inside.closing} first"
            raise inside.error(tokens, f"there is no field {clipped(name)} here", cure)
        if tokens.kind == "[":
            got = f"{tokens.bracketed()} is an extension or an Any, which no net of Caffe has"
            raise inside.error(tokens, got, "take it out")
        got, cure = f"got {tokens.shown()} where a field is wanted", "write name: value or name { }"
        if tokens.kind in ("}", ">") and not inside.name:
            got, cure = f"got {tokens.shown()}, which closes nothing", "take it out"
        elif tokens.kind in ("}", ">", "end"):
            got = f"got {tokens.shown()} inside what line {inside.line} opens"
            cure = f"close it with {inside.closing}"
        raise inside.error(tokens, got, cure)

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise self._tokens.error(
                f"the text holds more than {MOST_ENTRIES:,} values; give weights as a .caffemodel"
            )

    def _list(self, name: str, field: Field, found: dict[str, Any]) -> None:
        """A list in brackets; an empty one leaves the field unset."""
        tokens = self._tokens
        tokens.advance()
        if tokens.kind == "]":
            tokens.advance()
            return
        while True:
            self._count()
            self._entry(name, field, found)
            if tokens.kind not in (",", "]"):
                raise tokens.error(f"the list of {name} expects , or ], got {tokens.shown()}")
            last = tokens.kind == "]"
            tokens.advance()
            if last:
                return

    def _entry(self, name: str, field: Field, found: dict[str, Any]) -> None:
        """One value of a field, put into `found`."""
        tokens = self._tokens
        if field.message is None:
            value = value_of(tokens, name, field)
        else:
            value = self._message(name, field.message)
        if not field.repeated:
            found[name] = value
            return
        kept = found.setdefault(name, [])
        kept.append(value)
        if len(kept) > MOST_VALUES and field.kind != "array":
            raise tokens.error(f"{name} is there more than {MOST_VALUES:,} times")

    def _message(self, name: str, table: Message) -> dict[str, Any]:
        tokens = self._tokens
        if tokens.kind not in _CLOSING:
            raise tokens.error(f"{name} expects fields in {{ }}, got {tokens.shown()}")
        inside = _Inside(table, name, tokens.line(), _CLOSING[tokens.kind])
        tokens.advance()
        found = self.fields(inside, {"line": inside.line} if table in _LAYERS else {})
        tokens.advance()
        return found
