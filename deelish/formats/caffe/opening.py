"""Opening a .caffemodel as a memory map, and saying what a file is that is none."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from deelish.errors import CaffeError, MissingFileError
from deelish.formats.caffe.wire import Source

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# First bytes, what such a file is, and what to do with it other than giving another.
_OTHER_FORMATS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((HDF5_SIGNATURE,), "HDF5", "Caffe's HDF5 holds weights alone, so give the .prototxt first"),
    ((b"PK\x03\x04",), "a zip archive, or weights saved by PyTorch", ""),
    ((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a Python pickle", ""),
    ((b"\x1f\x8b",), "a gzip archive", "unpack it first"),
    (
        (b"<!doctype", b"<html", b"<?xml", b"<head"),
        "a web page",
        "the download went wrong; get the file again",
    ),
)
_TEXT = bytes(set(range(256)) - set(range(32)) - {127}) + b"\t\n\r"


def open_source(path: str | Path, extension: str = ".caffemodel") -> Source:
    """The file as a `Source` over a read-only memory map.

    Args:
        path: the file.
        extension: that of the files that errors ask for.

    Raises:
        MissingFileError: no such file.
        CaffeError: an empty one, or one whose first bytes are of another format.
    """
    data = memoryview(mapped(path, extension))
    _refuse_other_formats(bytes(data[:4096]), path, extension)
    return Source(data, str(path))


def mapped(path: str | Path, extension: str) -> mmap.mmap:
    """The whole file, read-only, as the system maps it into memory.

    Raises:
        MissingFileError: no such file.
        CaffeError: an empty one, or one that cannot be read.
    """
    cure = f"give a binary {extension}"
    try:
        # A pipe would wait for a writer for ever.
        if Path(path).exists() and not Path(path).is_file():
            raise CaffeError(f"{path}: is not a file; {cure}")
        with Path(path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise CaffeError(f"{path}: the file is empty; get it again")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such file; {cure}") from None
    except (OSError, ValueError) as error:
        raise CaffeError(f"{path}: cannot be read ({error}); {cure}") from error


def _refuse_other_formats(head: bytes, path: str | Path, extension: str) -> None:
    begins = head.lstrip().lower() if head.lstrip().startswith(b"<") else head
    for signatures, kind, cure in _OTHER_FORMATS:
        if begins.startswith(signatures):
            cure = cure or f"give a binary {extension}"
            raise CaffeError(f"{path}: is {kind}, not a {extension}; {cure}")
    # Tags and lengths of a binary net always include control characters.
    if not head.translate(None, _TEXT):
        raise CaffeError(
            f"{path}: is text, as a .prototxt is, not a {extension}; give a binary {extension}"
        )
