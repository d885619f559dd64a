"""A .safetensors with a JSON text in its metadata, sealed: written, and opened within bounds."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deelish.errors import FileError, first_line
from deelish.formats.seal import broken, text_seal

EXTENSION = ".safetensors"
_METADATA = "__metadata__"
# Beside the key of the text.
_SEAL = " seal"
# The length of a header is the first eight bytes. One of 10 MB describes 100,000 tensors, and what
# a reader makes of it takes several times its size.
_LENGTH_BYTES = 8
_MOST_HEADER = 10 << 20


def to_bytes(tensors: Mapping[str, np.ndarray], key: str, text: str) -> memoryview:
    """The file of these tensors, the text under its key; the same bytes each time."""
    from safetensors.numpy import save

    content = bytearray(save(dict(tensors), metadata={key: text, key + _SEAL: text_seal(text)}))
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    content[_LENGTH_BYTES:end] = _in_order(content[_LENGTH_BYTES:end])
    return memoryview(content)


def _in_order(header: bytearray) -> bytes:
    """A header of the same length; the library puts metadata into another order each time."""
    about = json.loads(header)
    about[_METADATA] = dict(sorted(about[_METADATA].items()))
    text = json.dumps(about, separators=(",", ":"), ensure_ascii=False)
    return text.encode().ljust(len(header))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """The open file and its metadata.

    Raises:
        FileError: it is no safetensors, truncated, or claims a header larger than any.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as start:
            length = int.from_bytes(start.read(_LENGTH_BYTES), "little")
        if length > _MOST_HEADER:
            raise ValueError(f"its header is said to be {length:,} bytes long")
        with safe_open(path, framework="numpy") as file:
            yield file, file.metadata() or {}
    except FileError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole safetensors file ({first_line(error)}); take another copy"
        ) from None


def check_seal(path: Path, metadata: Mapping[str, str], key: str, *, sealed: bool) -> None:
    """Refuse a text that is not the one that was written.

    `sealed`: the text says that it has a seal; files of older versions have none.

    Raises:
        FileError: another text, or no seal.
    """
    seal = metadata.get(key + _SEAL)
    right = text_seal(metadata[key])
    if seal != right and (sealed or seal is not None):
        raise broken(path)
