"""The headers of a tar file, one after the other, up to an end that must be there."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, cast

from deelish.errors import DataError

# Program, file extensions and first bytes of each way to compress a tar.
UNPACKERS = (
    ("gunzip", (".tar.gz", ".tgz"), b"\x1f\x8b"),
    ("bunzip2", (".tar.bz2", ".tbz2", ".tbz"), b"BZh"),
    ("unxz", (".tar.xz", ".txz"), b"\xfd7zXZ\0"),
    ("unzstd", (".tar.zst", ".tzst"), b"\x28\xb5\x2f\xfd"),
)
EXTENSIONS = (".tar", *(extension for _, extensions, _ in UNPACKERS for extension in extensions))
CURE = "copy or write it again"
# Headers may come before that of a member, with long names and other facts: tarfile reads them
# whole, and its dictionary of them takes many times their size.
_MOST_EXTRA = 1 << 20
_MOST_FOR_ALL = 10_000


class _Bounded:
    """A file of which tarfile reads so much between two members, and no more.

    Attributes:
        left: how many bytes may be read before the next member.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.left = file, _MOST_EXTRA
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise tarfile.ReadError(f"more than {_MOST_EXTRA:,} bytes of names and other facts")
        return self._file.read(size)


class _Headers(tarfile.TarFile):
    """A tar whose members are not remembered, so that a million of them take no memory."""

    members: list[tarfile.TarInfo]


def headers(path: str, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, in their order; between them the file may be read at other offsets.

    Raises:
        DataError: it is compressed, no tar, cut off or damaged.
        OSError: it cannot be read.
    """
    _check_start(path, file)
    end = 0

    try:
        bounded = _Bounded(file)
        # So that names that are no UTF-8 can be printed too.
        tar = _Headers(
            fileobj=cast(IO[bytes], bounded), encoding="utf-8", errors="backslashreplace"
        )
        while (member := tar.next()) is not None:
            if member.size < 0:  # tarfile would step back by it, for ever
                raise tarfile.ReadError("a size below zero")
            if len(tar.pax_headers) > _MOST_FOR_ALL:
                raise tarfile.ReadError(f"more than {_MOST_FOR_ALL:,} facts for all members")
            tar.members.clear()
            end, bounded.left = tar.offset, _MOST_EXTRA
            yield member
    except OSError:
        raise
    except Exception as error:  # tarfile raises ValueError, RecursionError and others too
        if not end:
            raise DataError(f"{path}: this is no tar ({error}); name a tar, or {CURE}") from error
        raise _damaged(path, end, str(error)) from error
    _check_end(path, file, tar.offset)


def _check_start(path: str, file: IO[bytes]) -> None:
    start = file.read(8)
    file.seek(0)
    for program, extensions, magic in UNPACKERS:
        if path.lower().endswith(extensions) or start.startswith(magic):
            raise DataError(
                f"{path}: the tar is compressed, so that its members cannot be reached one by one;"
                f" make it plain with `{program} < {path} > NEW.tar`, and name that"
            )
    if not start:
        raise DataError(f"{path}: the file is empty; {CURE}")


def _check_end(path: str, file: IO[bytes], end: int) -> None:
    """A tar ends in blocks of zeros, but tarfile takes anything that is no header for its end."""
    file.seek(end)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise _damaged(path, end, "its end is missing")
    if block.strip(b"\0"):
        raise _damaged(path, end, "what is there is no header")
    while rest := file.read(1 << 20):
        if rest.strip(b"\0"):
            raise DataError(
                f"{path}: behind the end of the tar, at byte {end:,}, there is more, as where two"
                " were joined; name each by itself"
            )


def _damaged(path: str, offset: int, what: str) -> DataError:
    return DataError(f"{path}: the tar is cut off or damaged at byte {offset:,} ({what}); {CURE}")
