"""The folder of kept images: what lies there, whether it is sound, and its removal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deelish.errors import FileError
from deelish.images.cache.pixel_files import ENDING, INDEX, Description
from deelish.images.cache.places import place_of
from deelish.images.open_file import OpenFile
from deelish.storage.lock import locked
from deelish.storage.records import RecordMap


@dataclass(frozen=True)
class KeptImages:
    """What a folder keeps.

    fault: why it cannot be used.  images: how many.  bytes: all its files.  used: seconds of the
    epoch when a session opened it, or put images in.
    """

    folder: Path
    fault: str
    images: int
    bytes: int
    used: float


def kept_images(folder: Path) -> KeptImages | None:
    """What is kept in the folder; None where nothing is."""
    try:
        status = (folder / INDEX).stat()
        size = sum(path.stat().st_size for path in _files(folder))
        mapped = _mapped(folder)
    except FileNotFoundError:
        return None
    except FileError as error:
        return KeptImages(folder, str(error), 0, size, status.st_mtime)
    except OSError as error:
        raise FileError(f"{folder}: cannot be read ({error.strerror})") from error
    return KeptImages(folder, "", mapped.count, size, status.st_mtime)


def count_damaged(kept: KeptImages) -> int:
    """How many images have a wrong sum, or no pixels; reads all of them.

    Raises:
        FileError: the pixels are gone.
    """
    mapped = _mapped(kept.folder)
    path = kept.folder / mapped.header.pixels
    try:
        file = OpenFile(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    places = (place_of(mapped.rows[row], file) for row in range(mapped.count))
    return sum(place is None or not place.sound() for place in places)


def remove(kept: KeptImages) -> None:
    """Remove all that is kept. A training that uses it goes on.

    Raises:
        FileError: the folder is read-only, or on Windows a process has a file open.
    """
    try:
        with locked(kept.folder):
            for path in _files(kept.folder):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{kept.folder}: cannot be removed ({error.strerror})") from error


def _files(folder: Path) -> list[Path]:
    return [folder / INDEX, *folder.glob(f"*{ENDING}")]


def _mapped(folder: Path) -> RecordMap[Description]:
    return RecordMap(folder / INDEX, Description.from_bytes)
