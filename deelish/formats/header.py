"""The header of a file of deelish: JSON that describes what is in it, its version and checksums."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.json_text import parsed_json
from deelish.errors import DeelishError, FileError
from deelish.formats.seal import SEALED
from deelish.version import __version__

# What reading a description of other types ends in.
_OTHERWISE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


class LaterVersionError(FileError):
    """A file that a later version of deelish wrote."""


def checksum(array: np.ndarray) -> int:
    """CRC-32 of an array's bytes."""
    return zlib.crc32(np.ascontiguousarray(array).data)


def version_of(number: int) -> dict[str, Any]:
    """What a header says of its version: the number of its format, and who wrote it."""
    return {"format": number, "deelish": __version__}


def check_version(data: Any, newest: int, path: Path) -> None:
    """Refuse a header whose format has a higher number than the newest.

    Raises:
        LaterVersionError: it has.
    """
    if data["format"] > newest:
        raise LaterVersionError(
            f"{path}: written by deelish {data['deelish']} in format {data['format']}, and this"
            f" version reads up to {newest}; update deelish"
        )


def header_text(kind: str, number: int, content: Mapping[str, Any], *, sealed: bool) -> str:
    """A header of this kind and format, with a checksum of itself.

    `sealed`: the file will have a seal, see `deelish.formats.seal`.
    """
    mark = {SEALED: True} if sealed else {}
    return json.dumps(
        {**version_of(number), "checksum": _text_checksum(content), **mark, kind: content}
    )


@contextlib.contextmanager
def described(text: str, kind: str, newest: int, path: Path) -> Iterator[tuple[Any, bool]]:
    """What a header of this kind describes, and whether its file says that it has a seal.

    Raises:
        FileError: it is not deelish's, from a later version, or damaged; also where the block finds
            values of other types in it.
    """
    try:
        data = parsed_json(text)
        check_version(data, newest, path)
        if data["checksum"] != _text_checksum(data[kind]):
            raise FileError(
                f"{path}: its description of the {kind} does not match its checksum, so the file is"
                " damaged; take another copy"
            )
        yield data[kind], bool(data.get(SEALED))
    except FileError:
        raise
    except (DeelishError, *_OTHERWISE) as error:
        raise FileError(
            f"{path}: its description of the {kind} is damaged ({error}); take another copy"
        ) from None


def _text_checksum(content: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(content).encode())
