"""The images of a list that are remote files: each is copied, and read from its copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deelish.errors import DataError, MissingDataError
from deelish.images.list_lines import Lines
from deelish.images.names import Hashes, NamesBuilder
from deelish.images.ordinary_file import is_there
from deelish.images.sample import Location
from deelish.images.samples import Number, key_of
from deelish.images.shards.members import Member, OpenShards, Shard
from deelish.storage.remote.address import Address, addressed
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import RemoteFile, look_at_all

Folder = Path | Address


class RemoteImage(Member):
    """An image that is a remote file of its own: all bytes of its copy."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """Its URL, as far as a path can hold one."""
        return Path(self.shard.path)

    @property
    def where(self) -> str:
        """Its URL."""
        return self.shard.path


class _Copied(OpenShards):
    """Copies of single images, of which no server is asked whether one has changed since."""

    def has_changed(self, path: str) -> bool:
        return False


class PlacedImages:
    """Where the images of a list are of which some are copies."""

    def __init__(self, locations: Sequence[Location]) -> None:
        self._locations = locations

    def __len__(self) -> int:
        return len(self._locations)

    def __getitem__(self, row: int) -> Location:
        return self._locations[row]

    def texts(self) -> Iterator[list[str]]:
        """The paths, and URLs as far as a path can hold one."""
        yield [str(each.path if isinstance(each, Member) else each) for each in self._locations]

    def keys(self, number: Number) -> Iterator[Hashes]:
        """64 bits for each image: by the number of its folder and its name, or by its URL."""
        pairs = [
            (each.path, "") if isinstance(each, Member) else (each.parent, each.name)
            for each in self._locations
        ]
        builder = NamesBuilder()
        builder.add([name for _, name in pairs])
        numbers = np.array([number(place) for place, _ in pairs])
        yield key_of(numbers, builder.names().hashes())


def is_remote(source: str | Path, root: str | Path | None, data: bytes, lines: Lines) -> bool:
    """Whether a list, the folder of its images, or any of these is a URL.

    data, lines: its bytes, and its lines.
    """
    if isinstance(source, Address) or isinstance(root, Address):
        return True
    return b"://" in data and any(
        "://" in name and isinstance(addressed(name), Address) for name in lines.names.texts()
    )


def located(source: str | Path, root: str | Path | None, lines: Lines) -> PlacedImages:
    """Where the image of each line of a list is, on this disk or in a copy of a remote file.

    A path is looked for in root, then in the list's folder, then in the working folder.

    Raises:
        DataError, FileError: an image is missing or cannot be copied.
    """
    folders, names = _folders(source, root), lines.names.texts()
    pairs = list(zip(lines.numbers.tolist(), names, strict=True))
    found: dict[int, Path | RemoteFile] = {}
    for folder in (None, *folders):
        left = {number: name for number, name in pairs if number not in found}
        found |= _in_folder(source, folder, left)
    missing = [(number, name) for number, name in pairs if number not in found]
    if missing:
        number, name = missing[0]
        raise MissingDataError(
            f"{source} line {number}: {_missing(name, folders)} ({len(missing)} of {len(pairs)}"
            " images are missing); correct the paths or pass root="
        )
    locations = _copied(source, found)
    return PlacedImages([locations[number] for number, _ in pairs])


def _folders(source: str | Path, root: str | Path | None) -> list[Folder]:
    own = source.parent if isinstance(source, Address) else Path(source).parent
    given = root if root is None or isinstance(root, Address) else Path(root)
    return list(dict.fromkeys(each for each in (given, own, Path()) if each is not None))


def _in_folder(
    source: str | Path, folder: Folder | None, names: dict[int, str]
) -> dict[int, Path | RemoteFile]:
    """Which of these names, by their lines, are in a folder; None for those that are URLs."""
    found: dict[int, Path | RemoteFile] = {}
    addresses: dict[int, Address] = {}
    for number, name in names.items():
        try:
            place = _place(folder, name)
            if isinstance(place, Address):
                addresses[number] = place
            elif place is not None and is_there(place):
                found[number] = place
        except DataError as error:
            raise DataError(f"{source} line {number}: {error}") from error
    for number, file in zip(addresses, look_at_all(list(addresses.values())), strict=True):
        if file is not None:
            found[number] = file
    return found


def _place(folder: Folder | None, name: str) -> Folder | None:
    """Where a name of a list may be in a folder; None where it is elsewhere."""
    url = addressed(name) if "://" in name else name
    if isinstance(url, Address) or folder is None:
        return url if isinstance(url, Address) and folder is None else None
    if isinstance(folder, Address):
        return None if name.startswith("/") else folder.joined(name)
    return folder / name


def _copied(source: str | Path, found: dict[int, Path | RemoteFile]) -> dict[int, Location]:
    """Where the bytes of each image are."""
    remote = {number: file for number, file in found.items() if isinstance(file, RemoteFile)}
    title = f"images of {source}"
    files = _Copied(copies=Copies(title, list(remote.values())))
    locations: dict[int, Location] = {n: p for n, p in found.items() if isinstance(p, Path)}
    for number, file in remote.items():
        shard = Shard.of(str(file.address), Path(files.on_disk(file.address)).stat(), files)
        locations[number] = RemoteImage(shard, "", 0, file.size)
    return locations


def _missing(name: str, folders: Sequence[Folder]) -> str:
    """That an image is not there, and where it was looked for."""
    place = addressed(name) if "://" in name else name
    if isinstance(place, Address):
        return f"image {str(place)!r} is not there"
    places = ["the working folder" if folder == Path() else str(folder) for folder in folders]
    return f"image {name!r} is not in {', '.join(places)}"
