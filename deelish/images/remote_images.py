"""The images of a list that are remote files: each is copied, and read from its copy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from deelish.errors import DataError, MissingDataError
from deelish.images.ordinary_file import is_there
from deelish.images.sample import Location, Sample
from deelish.images.shards.members import Member, OpenShards, Shard
from deelish.storage.remote.address import Address, addressed
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import RemoteFile, look_at_all

# Number, path and label of a line.
Line = tuple[int, str, int | None]
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


def is_remote(source: str | Path, root: str | Path | None, names: Iterable[str]) -> bool:
    """Whether a list, the folder of its images, or any of these is a URL."""
    if isinstance(source, Address) or isinstance(root, Address):
        return True
    return any("://" in name and isinstance(addressed(name), Address) for name in names)


def located(source: str | Path, root: str | Path | None, lines: Sequence[Line]) -> list[Sample]:
    """The images of the lines of a list, whichever of both are remote.

    A path is looked for in root, then in the list's folder, then in the working folder.

    Raises:
        DataError, FileError: an image is missing or cannot be copied.
    """
    folders = _folders(source, root)
    found: dict[int, Path | RemoteFile] = {}
    for folder in folders:
        left = {number: name for number, name, _ in lines if number not in found}
        found |= _in_folder(source, folder, left)
    missing = [(number, name) for number, name, _ in lines if number not in found]
    if missing:
        number, name = missing[0]
        raise MissingDataError(
            f"{source} line {number}: {_missing(name, folders)} ({len(missing)} of {len(lines)}"
            " images are missing); correct the paths or pass root="
        )
    locations = _copied(source, found)
    return [Sample(locations[number], label, str(source), number) for number, _, label in lines]


def _folders(source: str | Path, root: str | Path | None) -> list[Folder]:
    own = source.parent if isinstance(source, Address) else Path(source).parent
    given = root if root is None or isinstance(root, Address) else Path(root)
    return list(dict.fromkeys(each for each in (given, own, Path()) if each is not None))


def _in_folder(
    source: str | Path, folder: Folder, names: dict[int, str]
) -> dict[int, Path | RemoteFile]:
    """Which of these names, by their lines, are in a folder; URLs are in each."""
    found: dict[int, Path | RemoteFile] = {}
    addresses: dict[int, Address] = {}
    for number, name in names.items():
        try:
            place = addressed(name) if "://" in name else name
            if isinstance(place, Address):
                addresses[number] = place
            elif not isinstance(folder, Address):
                if is_there(folder / name):
                    found[number] = folder / name
            elif not name.startswith("/"):
                addresses[number] = folder.joined(name)
        except DataError as error:
            raise DataError(f"{source} line {number}: {error}") from error
    for number, file in zip(addresses, look_at_all(list(addresses.values())), strict=True):
        if file is not None:
            found[number] = file
    return found


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
