"""A .safetensors with a JSON text in its metadata, sealed: written, and opened within bounds.

The library reads such files. We write them: it would make a file in one piece and keep Python's
lock meanwhile, so that a training stood still until its checkpoint is made.
"""

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
# The types, in the order that the library gives their tensors in: the largest elements first.
_TYPES = {
    **{"uint64": "U64", "int64": "I64", "float64": "F64", "complex64": "C64", "float32": "F32"},
    **{"uint32": "U32", "int32": "I32", "float16": "F16", "uint16": "U16", "int16": "I16"},
    **{"int8": "I8", "uint8": "U8", "bool": "BOOL"},
}
_RANKS = {dtype: rank for rank, dtype in enumerate(_TYPES)}
# Each tensor begins at a multiple of it.
_ALIGNED = 8


def to_pieces(tensors: Mapping[str, np.ndarray], key: str, text: str) -> list[memoryview]:
    """The file of these tensors, the text under its key; the same bytes each time.

    The pieces are views of the tensors, not copies.

    Raises:
        FileError: a tensor of a type that such files do not have.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.name not in _TYPES:
            raise FileError(
                f"array {name!r}: {tensor.dtype} has no place in a {EXTENSION}; give one of "
                + ", ".join(_TYPES)
            )
    in_order = sorted(tensors.items(), key=lambda item: (_RANKS[item[1].dtype.name], item[0]))
    header = _header(dict(in_order), {key: text, key + _SEAL: text_seal(text)})
    return [memoryview(header), *(_bytes_of(tensor) for _, tensor in in_order)]


def _header(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Where each tensor is, after the length of this description."""
    about: dict[str, Any] = {_METADATA: dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        about[name] = {
            "dtype": _TYPES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(about, separators=(",", ":"), ensure_ascii=False).encode()
    header = header.ljust(-(-len(header) // _ALIGNED) * _ALIGNED)
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header


def _bytes_of(tensor: np.ndarray) -> memoryview:
    """Its elements in C order, little end first."""
    stored = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
    return stored.reshape(-1).view(np.uint8).data


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
