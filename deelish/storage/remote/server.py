"""What servers are asked through fsspec: what a file is, its bytes, and the names in a folder."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deelish.errors import RemoteError
from deelish.storage.atomic import FULL
from deelish.storage.remote.address import Address
from deelish.storage.remote.faults import CHANGED, MISSING, NO_SIZE, NO_VERSION, TORN
from deelish.storage.remote.retrying import FailedError, Progress, asked_once, failure, tried
from deelish.storage.remote.systems import path_in, system_of

# So many requests at a time.
AT_ONCE = 16
# What else is asked where a server names no ETag; the libraries do not agree on the word.
_ETAGS = ("ETag", "etag", "md5Hash", "content_md5")
_TIMES = ("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created")

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A file as its server describes it.

    address: its URL.  version: its ETag, or the time of its last change.  size: its bytes.
    """

    address: Address
    version: str
    size: int

    @property
    def copy(self) -> str:
        """The name of its copy, which is another one for each version."""
        facts = f"{self.address}\0{self.version}\0{self.size}"
        extension = self.address.name.rpartition(".")[2]
        kept = f".{extension}" if extension.isalnum() and len(extension) <= 8 else ""
        return hashlib.sha256(facts.encode()).hexdigest()[:40] + kept


def look(address: Address, progress: Progress | None = None) -> RemoteFile | None:
    """What a file is now; None where it is not there.

    Raises:
        RemoteError: its server cannot be read.
    """
    return _or_none(address, lambda ask: tried(address, ask, progress))


def look_once(address: Address) -> RemoteFile | None:
    """As `look`, for those who can wait for no second attempt."""
    return _or_none(address, lambda ask: asked_once(address, ask))


def look_at_all(addresses: Sequence[Address]) -> list[RemoteFile | None]:
    """What each file is now; None where one is not there.

    Raises:
        RemoteError: a server cannot be read.
    """
    return at_once(lambda each, stopped: look(each, Progress(stopped=stopped)), addresses)


def at_once(action: Callable[[A, threading.Event], T], values: Sequence[A]) -> list[T]:
    """What an action returns for each value, several at a time.

    After an error, or Ctrl-C, the event is set, which ends the others; the first error is raised.
    """
    stopped, errors = threading.Event(), list[BaseException]()

    def one(value: A) -> T:
        try:
            return action(value, stopped)
        except BaseException as error:
            errors.append(error)
            stopped.set()
            raise

    with ThreadPoolExecutor(min(AT_ONCE, len(values) or 1)) as pool:
        try:
            return list(pool.map(one, values))
        except Exception:
            pool.shutdown(wait=True, cancel_futures=True)
            raise errors[0] from None
        except BaseException:  # Ctrl-C
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def fetch(file: RemoteFile, path: Path, progress: Progress) -> None:
    """Write the bytes of a file, as it was when it was looked at, into `path`.

    Raises:
        RemoteError: it cannot be read, or is another one by now.
        OSError: `path` cannot be written.
    """
    refused: list[OSError] = []

    def attempt() -> None:
        system = system_of(file.address)
        try:
            system.get_file(
                path_in(system, file.address), str(path), callback=_callback(file, progress)
            )
        except OSError as error:
            # That of the disk, which no further attempt mends.
            if error.filename == str(path) or error.errno in FULL:
                refused.append(error)
                return
            raise
        if path.stat().st_size < file.size:
            raise FailedError(TORN)

    tried(file.address, attempt, progress)
    if refused:
        raise refused[0]
    # After the read, so that a change before it is noticed.
    if look(file.address) != file:
        raise failure(file.address, CHANGED)


def first_bytes(address: Address, count: int) -> bytes:
    """So many bytes of a file, or all where there are fewer.

    Raises:
        RemoteError: it cannot be read.
    """

    def attempt() -> bytes:
        system = system_of(address)
        # A server that knows no ranges sends all.
        return bytes(system.cat_file(path_in(system, address), start=0, end=count)[:count])

    return tried(address, attempt)


def names_in(folder: Address) -> list[str]:
    """The names of the files in a folder.

    Raises:
        RemoteError: there is none, or it cannot be read.
    """

    def attempt() -> list[str]:
        system = system_of(folder)
        found = system.ls(path_in(system, folder), detail=True)
        return [each["name"] for each in found if each["type"] == "file"]

    # Names on the web are whole URLs, with the query somewhere.
    paths = tried(folder, attempt)
    return sorted(path.rpartition("/")[2].partition("?")[0] for path in paths)


def _or_none(
    address: Address, ask: Callable[[Callable[[], RemoteFile]], RemoteFile]
) -> RemoteFile | None:
    def attempt() -> RemoteFile:
        system = system_of(address)
        return _described(address, system.info(path_in(system, address)))

    try:
        return ask(attempt)
    except RemoteError as error:
        if error.missing:
            return None
        raise


def _described(address: Address, info: Mapping[str, Any]) -> RemoteFile:
    """A file from what its library says of it."""
    if info["type"] != "file":
        raise FailedError(MISSING)
    if info["size"] is None:
        raise FailedError(NO_SIZE)
    tag = next((info[name] for name in _ETAGS if info.get(name)), None)
    changed = next((info[name] for name in _TIMES if info.get(name)), None)
    if tag is None and changed is None:
        raise FailedError(NO_VERSION)
    return RemoteFile(address, str(tag or changed), int(info["size"]))


def _callback(file: RemoteFile, progress: Progress) -> Any:
    from fsspec.callbacks import Callback

    class Pieces(Callback):  # type: ignore[misc]
        def relative_update(self, inc: int = 1) -> None:
            progress.add(inc)
            # Else a server could send until the disk is full.
            if progress.moved > file.size:
                raise FailedError(CHANGED)

    return Pieces()
