"""Arrays in a .npz, NumPy's zip archive: each is checked before it is read, none is unpickled.

Source: NumPy's description of the .npy format, version 1.0.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from deelish.errors import FileError, first_line
from deelish.formats.caffe.codec import LONGEST_NAME
from deelish.formats.unpacked import SHOWN, Arrays, as_weights, check_room, holds_weights

_EXTENSION = ".npy"
_MAGIC = b"\x93NUMPY\x01\x00"
# The type, the order of axes and the shape. Python 2 wrote whole numbers as in 64L.
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][biufcOSUV]\d{0,4})', 'fortran_order': (True|False),"
    rb" 'shape': \(([\dL, ]{0,400})\), \} *\n"
)
_SIDE = re.compile(rb"\d{1,18}")
_ENCRYPTED = 1
# Where an archive lists its members; a list of 4 MB is one of 40,000 arrays.
_END, _LARGE_LOCATOR, _LONGEST_END = b"PK\x05\x06", b"PK\x06\x07", 56 + 20 + 22 + 0xFFFF
_LENGTH, _LARGE_LENGTH = struct.Struct("<L"), struct.Struct("<Q")
_MOST_DIRECTORY = 4 << 20
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    TypeError,
)


def read(path: Path) -> Arrays:
    """The arrays of a .npz by name, float32, read-only.

    Raises:
        FileError: no zip, truncated, a member that is no array, of a type that weights do not have,
            or arrays that would take unreasonable room.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            check_room(path, (info.file_size for info in members.values()))
            arrays: Arrays = {}
            for name, info in members.items():
                with archive.open(info) as member:
                    arrays[name] = _array(member, path, name, info.file_size)
            return arrays
    except _DAMAGED as error:
        raise FileError(
            f"{path}: is no whole .npz of NumPy ({first_line(error)}); take another copy"
        ) from None


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file of arrays by name, as numpy.savez writes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, array in arrays.items():
            with archive.open(name + _EXTENSION, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
    return made.getvalue()


def _check_directory(path: Path) -> None:
    """Refuse a list of members that zipfile would need far more memory for than it has bytes.

    Source: APPNOTE of PKWARE, "End of central directory record", with its form for large archives.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_END))
        end = file.read()
    at = end.rfind(_END)
    if at < 0:
        raise zipfile.BadZipFile("File is not a zip file")
    (length,) = _LENGTH.unpack_from(end, at + 12)
    if end[: max(0, at - 16)].endswith(_LARGE_LOCATOR):
        (length,) = _LARGE_LENGTH.unpack_from(end, at - 36)
    if length > _MOST_DIRECTORY:
        raise zipfile.BadZipFile(f"its list of members is said to have {length:,} bytes")


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        packed = info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        named = info.filename.endswith(_EXTENSION) and len(info.filename) <= LONGEST_NAME
        if packed or info.flag_bits & _ENCRYPTED or not named:
            raise _no_array(path, info.filename)
        name = info.filename.removesuffix(_EXTENSION)
        if name in members:
            raise FileError(f"{path}: holds {name[:SHOWN]!r} twice; take another copy")
        members[name] = info
    return members


def _array(member: IO[bytes], path: Path, name: str, size: int) -> np.ndarray | None:
    """One array, whose bytes are as many as its header says."""
    start = member.read(len(_MAGIC) + 2)
    header = member.read(int.from_bytes(start[len(_MAGIC) :], "little"))
    fields = _HEADER.fullmatch(header)
    if not start.startswith(_MAGIC) or fields is None:
        raise _no_array(path, name)
    dtype = np.dtype(fields[1].decode())
    shape = tuple(int(side) for side in _SIDE.findall(fields[3]))
    if not holds_weights(path, name, dtype, shape):
        return None
    needed = math.prod(shape) * dtype.itemsize
    if size - len(start) - len(header) != needed:
        raise FileError(
            f"{path}: {name[:SHOWN]!r} has {size - len(start) - len(header):,} bytes for"
            f" {dtype} {shape}, which takes {needed:,}; take another copy"
        )
    # One byte more is asked for, since the archive's checksum is looked at when it ends.
    data = member.read(needed + 1)
    values = np.frombuffer(data, dtype)
    array = values.reshape(shape[::-1]).T if fields[2] == b"True" else values.reshape(shape)
    return as_weights(array)


def _no_array(path: Path, name: str) -> FileError:
    return FileError(
        f"{path}: is a zip archive, but its {name[:SHOWN]!r} is no array of NumPy; give a .npz that"
        " Chainer's save_npz or deelish wrote"
    )
