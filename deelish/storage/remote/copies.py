"""Copies of remote files on this disk: fetched once, then read as any other file."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deelish.common.printing import Once
from deelish.errors import DataError, FileError, RemoteError
from deelish.storage.atomic import replacing
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.lock import locked, try_to_take
from deelish.storage.remote import room
from deelish.storage.remote.address import Address
from deelish.storage.remote.retrying import Progress
from deelish.storage.remote.server import RemoteFile, at_once, fetch, look, look_once

# A server is asked about a change of each file once in so many seconds, but in all no more often
# than 100 times in that time; and after it did not answer, not for a while.
INTERVAL, MOST_ASKED, SILENCE = 60.0, 100, 600.0
# Processes that fetch the same file wait for one another: so many lock files for all names.
LOCKS = 64
WAIT = 0.2


class Copies:
    """Copies of remote files; they stay for as long as this object is there.

    Those that are on this disk already are not fetched again. Several processes of a machine share
    them: one fetches a file while the others wait.

    Args:
        title: what they are, in words.
        files: the files, as they were when they were looked at.

    Raises:
        RemoteError: a file cannot be read, or is another one by now.
        FileError: the folder cannot be written, or has too little room.
        DataError: two URLs differ in their query alone.
    """

    def __init__(self, title: str, files: Sequence[RemoteFile]) -> None:
        self._files = {str(file.address): file for file in files}
        _check_apart(files)
        self._folder = room.remote_folder()
        self._lock, self._once = threading.Lock(), Once()
        self._interval = INTERVAL * max(1.0, len(files) / MOST_ASKED)
        # When each may be asked about again, and when any.
        self._ask_at: dict[str, float] = {}
        self._silent_until = time.monotonic() + self._interval
        self._changed: set[str] = set()
        with _in_a_sentence(self._folder):
            self._hold = _held(self._folder, title, files)
            missing = [file for file in self._files.values() if not self._is_there(file)]
            try:
                _fetch_all(title, missing, self._fetch)
            except BaseException:
                # The traceback would hold them for as long as somebody looks at it.
                self._hold.release()
                raise

    def path(self, address: str) -> Path:
        """The copy of the file of a URL."""
        return self._place(self._files[address])

    def has_changed(self, address: str) -> bool:
        """Whether the server has another file by now, or none; asked about once a minute.

        Where it cannot be asked a line says so, and the copy counts as the file.
        """
        now, file = time.monotonic(), self._files[address]
        with self._lock:
            if now < max(self._silent_until, self._ask_at.get(address, 0.0)):
                return address in self._changed
            self._ask_at[address] = now + self._interval
        try:
            if look_once(file.address) != file:
                self._changed.add(address)
        except RemoteError as error:
            self._silent_until = now + SILENCE
            self._once.say(f"{error}; until then the copies on this disk are used", "silent")
        return address in self._changed

    def _place(self, file: RemoteFile) -> Path:
        return room.place_of(self._folder, file.copy)

    def _is_there(self, file: RemoteFile) -> bool:
        path = self._place(file)
        return path.is_file() and path.stat().st_size == file.size

    def _fetch(self, file: RemoteFile, progress: Progress) -> None:
        path = self._place(file)
        path.parent.mkdir(exist_ok=True)
        with _alone(self._folder, file.copy, progress):
            if self._is_there(file):
                progress.add(file.size)
                return
            with replacing(path, file.size) as temporary:
                fetch(file, temporary, progress)


def bytes_of(address: Address) -> bytes:
    """The bytes of a small file, which is copied too.

    Raises:
        FileNotFoundError: it is not there.
        RemoteError: it cannot be read.
        FileError: the copy cannot be written.
    """
    file = look(address)
    if file is None:
        raise FileNotFoundError
    copies = Copies(address, [file])
    return copies.path(address).read_bytes()


def _check_apart(files: Sequence[RemoteFile]) -> None:
    known: dict[str, str] = {}
    for file in files:
        if known.setdefault(file.address, file.address.full) != file.address.full:
            raise DataError(
                f"{file.address}: several URLs are this one but for what follows the question mark,"
                " which is taken for a signature; give each file a path of its own"
            )


def _held(folder: Path, title: str, files: Sequence[RemoteFile]) -> room.Hold:
    """Hold the copies, and make room for those that are missing."""
    (folder / room.USES).mkdir(parents=True, exist_ok=True)
    with locked(folder):
        hold = room.Hold(folder, title, {file.copy: file.size for file in files})
        try:
            room.make_room(folder, title)
        except BaseException:
            hold.release()
            raise
    return hold


def _fetch_all(
    title: str, files: Sequence[RemoteFile], action: Callable[[RemoteFile, Progress], None]
) -> None:
    """Fetch files, several at a time; after an error, or Ctrl-C, all end soon."""
    from deelish.common.terminal_bar import TerminalBar

    if not files:
        return
    total, name = sum(file.size for file in files), title.rpartition("/")[2]
    with TerminalBar(
        total=total, unit="B", unit_scale=True, desc=name, leave=False, disable=None
    ) as bar:
        at_once(lambda file, stopped: action(file, Progress(bar.update, stopped)), files)


@contextlib.contextmanager
def _alone(folder: Path, copy: str, progress: Progress) -> Iterator[None]:
    """While no other process, or thread, fetches this file."""
    number = int(copy[:8], 16) % LOCKS
    handle = os.open(folder / room.USES / f"fetching-{number:02}", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while try_to_take(handle) is False:
            if progress.stopped.wait(WAIT):
                progress.add(0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _in_a_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError | DataError):
            raise
        raise FileError(
            f"{folder}: cannot hold copies of remote files ({error.strerror}); name a folder that"
            f" can be written in {FOLDER_VARIABLE}"
        ) from None
