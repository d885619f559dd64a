"""The index of large shards in a file, so that their headers are read once and not each time."""

from __future__ import annotations

import hashlib
import mmap
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deelish.common.printing import say
from deelish.errors import FileError
from deelish.images.names import Integers, Names
from deelish.images.samples import Members, Samples, labelled, members_of
from deelish.images.shards.members import OpenShards, Shard
from deelish.images.shards.shards import opened_shards, read_shards
from deelish.storage.atomic import write_file
from deelish.storage.folder import cache_folder
from deelish.storage.front import SIZE, Front
from deelish.storage.lock import changing

FRONT = Front(b"\x93DEELIDX", 1, "an index of shards")
EXTENSION = ".index"
# Fewer images are indexed within a second.
FEWEST = 10_000
# Of each image, in this order; the bytes of the names follow.
_KINDS = {
    "starts": np.int64,
    "sizes": np.int64,
    "labels": np.int64,
    "which": np.int32,
    "lengths": np.int32,
}


def index_folder() -> Path:
    """The folder of the indices, in that of the caches."""
    return cache_folder() / "shards"


def indices() -> list[Path]:
    """The files of indices that there are."""
    return sorted(index_folder().glob(f"*{EXTENSION}"))


def remove_indices(paths: Iterable[Path]) -> None:
    """Remove files of indices. A training that uses one goes on.

    Raises:
        FileError: the folder is read-only, or on Windows a process has a file open.
    """
    for path in paths:
        with changing(path, "removed"):
            path.unlink(missing_ok=True)


def samples_of_shards(source: str | Path) -> Samples:
    """The images of one tar, or of a range `{000..999}` of them.

    The index of many images is saved, and read again while each shard has the size and the time of
    its last write that it had.

    Raises:
        DataError: as `read_shards`.
    """
    paths, files = opened_shards(source)
    place = _place_of(paths, files)
    shards = _shards(paths, files)
    saved = None if shards is None else _read(place, str(source), shards)
    if saved is not None:
        return saved
    members, labels = members_of(read_shards(paths, files))
    samples = labelled(str(source), members, labels)
    if len(samples) >= FEWEST:
        _save(place, str(source), members, labels)
    return samples


def _place_of(paths: Sequence[str], files: OpenShards) -> Path:
    """The file of an index. Its name follows from where the shards are."""
    places = (os.path.abspath(files.on_disk(path)) for path in paths)  # noqa: PTH100
    name = hashlib.sha256("\0".join(places).encode(errors="surrogateescape")).hexdigest()[:32]
    return index_folder() / f"{name}{EXTENSION}"


def _shards(paths: Sequence[str], files: OpenShards) -> list[Shard] | None:
    """The shards as they are now; None where one cannot be looked at, which reading reports."""
    try:
        return [Shard.of(path, Path(files.on_disk(path)).stat(), files) for path in paths]
    except OSError:
        return None


def _facts(shards: Sequence[Shard]) -> str:
    """A digest of what shows whether a shard was changed."""
    return hashlib.sha256(repr([shard.facts[:2] for shard in shards]).encode()).hexdigest()


def _save(place: Path, source: str, members: Members, labels: Integers) -> None:
    """Write an index; where it cannot be written, a line says so."""
    of_all = {
        "starts": members.starts,
        "sizes": members.sizes,
        "labels": labels,
        "which": members.which,
        "lengths": members.names.lengths,
    }
    pieces = [memoryview(of_all[name].astype(kind).tobytes()) for name, kind in _KINDS.items()]
    pieces.append(memoryview(members.names.data))
    facts = {"facts": _facts(members.shards), "count": len(labels), "sum": _sum(pieces)}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, [memoryview(FRONT.to_bytes(facts)), *pieces])
    except (OSError, FileError) as error:
        say(f"{source}: its index is not saved, and is read again next time ({error})")


def _sum(pieces: Sequence[memoryview]) -> int:
    check = 0
    for piece in pieces:
        check = zlib.crc32(piece, check)
    return check


def _read(place: Path, source: str, shards: Sequence[Shard]) -> Samples | None:
    """The images of an index; None where there is none, it is of other shards, or is damaged.

    It is mapped: processes of a machine share its pages.
    """
    try:
        with place.open("rb") as file:
            facts = FRONT.read(file.read(SIZE), place)
            if facts["facts"] != _facts(shards):
                return None
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, KeyError, ValueError, FileError):
        return None
    rest = memoryview(data)[SIZE:]
    if _sum([rest]) != facts["sum"]:
        say(f"{place}: the index is damaged; it is written again")
        return None
    arrays, at = {}, SIZE
    for name, kind in _KINDS.items():
        arrays[name] = np.frombuffer(data, kind, facts["count"], at)
        at += arrays[name].nbytes
    lengths = arrays["lengths"]
    starts = np.cumsum(lengths, dtype=np.int64)
    starts += at - lengths
    names = Names(data, starts, lengths)
    members = Members(shards, arrays["which"], names, arrays["starts"], arrays["sizes"])
    return labelled(source, members, arrays["labels"])
