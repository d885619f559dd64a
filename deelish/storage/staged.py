"""A temporary file beside the file whose place it takes, and the removal of those left behind.

A process holds the lock of its temporary files, so those of a killed one have a free lock. Where
the lock says nothing, as on another machine or on a file system without locks, a file that nobody
has written to for a day is left behind.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import stat
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from deelish.storage.lock import take, try_to_take

DAY = 24 * 60 * 60
# Of the name that it takes: what is added must fit too.
_NAME_BYTES = 80
_HOST = f"{zlib.crc32(platform.node().encode()):08x}"


class StagedFile:
    """A temporary file, removed at the end of the block unless it took its place.

    Args:
        target: the path whose place it takes, in a folder that exists.

    Attributes:
        path: where it is until then.

    Raises:
        OSError: the folder cannot be written; from each method.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        try:
            self._replaced: os.stat_result | None = target.stat()
        except FileNotFoundError:
            self._replaced = None
        self.path, self._handle = self._made()
        with contextlib.ExitStack() as on_ctrl_c:
            on_ctrl_c.push(self)
            with contextlib.suppress(OSError):
                _remove_left_behind(target, os.fstat(self._handle).st_mtime)
            on_ctrl_c.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._close()
        finally:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _made(self) -> tuple[Path, int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        # Nobody may read in the new file what was kept from them in the old one.
        mode = 0o666 if self._replaced is None else 0o600
        while True:
            name = f".{_stem(self._target)}.{_HOST}-{secrets.token_hex(4)}.part"
            path = self._target.with_name(name)
            handle = os.open(path, flags, mode)
            if os.name != "nt":  # whose locks keep the process itself from writing
                with contextlib.suppress(OSError):
                    take(handle)
            # Before it was locked, it may have been taken for one left behind.
            if path.exists():
                return path, handle
            os.close(handle)

    def write(self, content: bytes | memoryview) -> None:
        """Write all of it."""
        left = memoryview(content).cast("B")
        while left:
            left = left[os.write(self._handle, left) :]

    def flush(self) -> None:
        """Make the disk hold what was written, under whatever handle."""
        handle = os.open(self.path, os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def take_its_place(self) -> None:
        """Become the target, with the rights and the owner of what was there."""
        if self._replaced is not None:
            self._keep_rights(self._replaced)
        if os.name == "nt":  # which renames no open file
            self._close()
        self.path.replace(self._target)

    def _keep_rights(self, old: os.stat_result) -> None:
        own = self.path.stat()
        # File systems without owners or rights refuse both.
        if os.name == "posix" and (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid):
            with contextlib.suppress(OSError):
                os.chown(self.path, old.st_uid, old.st_gid)
        with contextlib.suppress(OSError):
            self.path.chmod(stat.S_IMODE(old.st_mode))

    def _close(self) -> None:
        """Give the lock back."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _stem(target: Path) -> str:
    """The beginning of its name: a folder's names have at most 255 bytes."""
    name = target.name.encode("utf-8", "surrogateescape")
    return name[:_NAME_BYTES].decode("utf-8", "ignore")


def _remove_left_behind(target: Path, now: float) -> None:
    """Remove temporary files of this target whose processes ended; `now` is the disk's clock."""
    pattern = re.compile(rf"\.{re.escape(_stem(target))}\.(?:([0-9a-f]{{8}})-)?[0-9a-f]{{8}}\.part")
    with os.scandir(target.parent) as entries:
        found = [(entry.name, pattern.fullmatch(entry.name)) for entry in entries]
    for name, match in found:
        if match:
            with contextlib.suppress(OSError):
                _remove_if_left(target.with_name(name), match[1] == _HOST, now)


def _remove_if_left(path: Path, is_ours: bool, now: float) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        return
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        is_free = try_to_take(handle)
        is_old = now - os.fstat(handle).st_mtime > DAY
        is_left = is_free if is_ours and is_free is not None else is_old and is_free is not False
        # Under the lock, since its process may be about to take it.
        if is_left and is_free:
            path.unlink()
    finally:
        os.close(handle)
    if is_left and is_free is None:
        path.unlink()
