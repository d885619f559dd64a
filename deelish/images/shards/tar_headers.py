"""The headers of a tar file, one after the other, up to an end that must be there."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO

from deelish.errors import DataError

# What makes a tar plain again, by the ending of its name and by its first bytes.
UNPACKERS = (
    ("gunzip", (".tar.gz", ".tgz"), b"\x1f\x8b"),
    ("bunzip2", (".tar.bz2", ".tbz2", ".tbz"), b"BZh"),
    ("unxz", (".tar.xz", ".txz"), b"\xfd7zXZ\0"),
    ("unzstd", (".tar.zst", ".tzst"), b"\x28\xb5\x2f\xfd"),
)
ENDINGS = (".tar", *(ending for _, endings, _ in UNPACKERS for ending in endings))
CURE = "copy it again or write it anew"


class _Headers(tarfile.TarFile):
    """A tar of which the members are forgotten, so that a million of them take no memory."""

    members: list[tarfile.TarInfo]


def headers(path: str, file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The members of a tar, in their order; between them the file may be read at other places.

    Raises:
        DataError: it is compressed, no tar, cut off or damaged.
        OSError: it cannot be read.
    """
    _check_start(path, file)
    end = 0
    try:
        # Names that are no UTF-8 can be printed too.
        tar = _Headers(fileobj=file, encoding="utf-8", errors="backslashreplace")
        while (member := tar.next()) is not None:
            if member.size < 0:  # tarfile would go back by it, and for ever
                raise tarfile.ReadError("a size below zero")
            tar.members.clear()
            end = tar.offset
            yield member
    except OSError:
        raise
    except Exception as error:  # tarfile lets out ValueError, RecursionError and others too
        if not end:
            raise DataError(f"{path}: this is no tar ({error}); name a tar, or {CURE}") from error
        raise _damaged(path, end, str(error)) from error
    _check_end(path, file, tar.offset)


def _check_start(path: str, file: IO[bytes]) -> None:
    start = file.read(8)
    file.seek(0)
    for program, endings, magic in UNPACKERS:
        if path.lower().endswith(endings) or start.startswith(magic):
            raise DataError(
                f"{path}: the tar is compressed, so that its images cannot be reached one by one;"
                f" make it plain with `{program} < {path} > NEW.tar`, and name that"
            )
    if not start:
        raise DataError(f"{path}: the file is empty; {CURE}")


def _check_end(path: str, file: IO[bytes], end: int) -> None:
    """A tar ends in blocks of zeros; tarfile takes anything else for its end as well."""
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


def _damaged(path: str, place: int, what: str) -> DataError:
    return DataError(f"{path}: the tar is cut off or damaged at byte {place:,} ({what}); {CURE}")
