"""The folder of the decoded-image cache: what is there, its damage, and its removal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from deelish.errors import FileError
from deelish.images.cache.pixel_files import EXTENSION, INDEX, IndexHeader
from deelish.images.cache.stored_image import StoredImage
from deelish.images.open_file import OpenFile
from deelish.storage.lock import changing
from deelish.storage.records import RecordMap, payloads_of, sound
from deelish.storage.state import FileState, file_state

ImagesFile = FileState[IndexHeader]


def cached_images(folder: Path) -> ImagesFile | None:
    """The index of the folder, whose bytes are those of all files there; None where none is.

    Raises:
        FileError: the folder cannot be read.
    """
    try:
        size = sum(path.stat().st_size for path in _files(folder))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{folder}: cannot be read ({error.strerror})") from error
    return replace(file_state(folder / INDEX, _mapped), bytes=size)


def count_damaged(index: ImagesFile) -> int:
    """How many images have a wrong checksum, or no pixels; reads all of them.

    Raises:
        FileError: the pixels are gone.
    """
    mapped = _mapped(index.path)
    path = index.path.with_name(mapped.header.pixels)
    try:
        file = OpenFile(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    payloads, named = payloads_of(mapped.rows), np.flatnonzero(sound(mapped.rows))
    images = (StoredImage.from_payload(payloads[row].tobytes(), file) for row in named)
    return mapped.count - sum(image.sound() for image in images)


def remove(index: ImagesFile) -> None:
    """Remove the index and all pixels. A training that uses them goes on.

    Raises:
        FileError: the folder is read-only, or on Windows a process has a file open.
    """
    with changing(index.path, "removed"):
        for path in _files(index.path.parent):
            path.unlink(missing_ok=True)


def _mapped(path: Path) -> RecordMap[IndexHeader]:
    return RecordMap(path, IndexHeader.from_bytes)


def _files(folder: Path) -> list[Path]:
    return [folder / INDEX, *folder.glob(f"*{EXTENSION}")]
