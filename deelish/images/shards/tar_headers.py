"""The headers of a tar file, one after the other, up to an end that must be there."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, NoReturn, Self

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
# Headers before that of a member, with long names and other facts: tarfile reads them whole, and
# its dictionary of them takes many times their size.
_EXTRA = (
    *(tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_MOST_EXTRA = 1 << 20
# Where a block says that the list of a sparse file's parts goes on in the next one.
_GOES_ON = 482


class _Info(tarfile.TarInfo):
    """A header that is refused before it makes tarfile take much memory.

    Attributes:
        left: how many bytes the headers before the next member may have.
        left_for_all: the same for headers that are for all members after them.
    """

    left = left_for_all = _MOST_EXTRA

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        made = super().frombuf(buf, encoding, errors)
        if made.type == tarfile.XGLTYPE:
            cls.left_for_all -= made.size
        elif made.type in _EXTRA:
            cls.left -= made.size
        if min(cls.left, cls.left_for_all) < 0:
            raise tarfile.ReadError(f"more than {_MOST_EXTRA:,} bytes of names and other facts")
        if made.type == tarfile.GNUTYPE_SPARSE and buf[_GOES_ON]:
            raise tarfile.ReadError("a sparse file of many parts")
        return made

    def _proc_gnusparse_10(self, *_: object) -> NoReturn:
        """Refuse what has as many parts as its own bytes say."""
        raise tarfile.ReadError("a sparse file of any number of parts")


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

    # A class of its own, whose counters are those of this tar.
    class Info(_Info):
        pass

    try:
        # So that names that are no UTF-8 can be printed too.
        tar = _Headers(fileobj=file, tarinfo=Info, encoding="utf-8", errors="backslashreplace")
        while (member := tar.next()) is not None:
            if member.size < 0:  # tarfile would step back by it, for ever
                raise tarfile.ReadError("a size below zero")
            tar.members.clear()
            end, Info.left = tar.offset, _MOST_EXTRA
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
                f"{path}: the tar is compressed, so that its images cannot be reached one by one;"
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
