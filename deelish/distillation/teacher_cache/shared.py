"""The segments of a teacher cache on object storage, which trainings read and never write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deelish.errors import DataError, FileError
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.remote.address import Address, addressed
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import RemoteFile, look_at_all, names_in

SHARED_VARIABLE = "DEELISH_SHARED_CACHE"
# Seconds after which a training looks for segments that came.
AGAIN = 60.0


def shared_folder() -> Address | None:
    """The folder of segments that $DEELISH_SHARED_CACHE names, if it does.

    Raises:
        FileError: it is no URL.
    """
    text = os.environ.get(SHARED_VARIABLE)
    if not text:
        return None
    place = addressed(text)
    if not isinstance(place, Address):
        raise FileError(
            f"{SHARED_VARIABLE}={text}: is no URL, such as s3://bucket/cache; a folder of this"
            f" machine goes into {FOLDER_VARIABLE}"
        )
    return place.folder


def copied(folder: Address, names: Sequence[str]) -> tuple[list[RemoteFile], Copies]:
    """Files of a shared folder, and their copies on this disk.

    Raises:
        RemoteError, FileError: one cannot be read, or has no room here.
    """
    found = look_at_all([folder.joined(name) for name in names])
    files = [file for file in found if file is not None]
    return files, Copies(f"segments in {folder}", files)


class SharedSegments:
    """The shared segments of one teacher and form, as copies on this disk.

    Args:
        stem, extension: how their names begin and end.
        report: prints a line.
    """

    def __init__(self, stem: str, extension: str, report: Callable[[str], None]) -> None:
        self._stem, self._extension, self._report = stem, extension, report
        self._folder = shared_folder()
        self._paths: list[Path] = []
        self._copies: Copies | None = None
        self._look_at: float | None = None

    def paths(self, own: Path) -> list[Path]:
        """The copies, but of parts that are in the own folder; those that came are fetched.

        Raises:
            RemoteError, FileError: at the first call, where they cannot be read; later a line says
                so, and those of before are used.
        """
        now, look_at = time.monotonic(), self._look_at
        if self._folder is None or (look_at is not None and now < look_at):
            return self._paths
        self._look_at = now + AGAIN
        try:
            self._follow(self._folder, own)
        except (DataError, FileError) as error:
            if look_at is None:
                raise
            self._report(f"{error}; training goes on with those that are on this disk")
        return self._paths

    def _follow(self, folder: Address, own: Path) -> None:
        merged = self._stem + self._extension
        needed = [
            name
            for name in names_in(folder)
            if name.startswith(self._stem)
            and name.endswith(self._extension)
            # A part of one name is the same everywhere; a merged file may hold more.
            and (name == merged or not (own / name).exists())
        ]
        if needed:
            files, copies = copied(folder, needed)
            # Those of before are given back only now, so that what both have stays.
            self._copies, self._paths = copies, [copies.path(file.address) for file in files]
        else:
            self._copies, self._paths = None, []
