"""Tar shards in WebDataset's layout: the names that a range stands for, and what is in them.

The members of a sample share their path up to the first dot of the file name: `0001.jpg` is the
image of sample 0001 and `0001.cls` its label as text. Its other members are ignored. A shard of
images alone has no labels.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tarfile import TarInfo
from typing import IO, NamedTuple

from deelish.errors import DataError, MissingDataError, reason
from deelish.images.sample import EXTENSIONS, label_fault
from deelish.images.shards import tar_headers
from deelish.images.shards.members import Member, OpenShards, Shard
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import look_at_all

RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}")
MOST_SHARDS = 100_000
LABEL = ".cls"
# More than any label has.
LABEL_BYTES = 99

Labelled = tuple[Member, int | None]


def are_shards(source: str | Path) -> bool:
    """Whether the name is of a tar, or of a range of them."""
    return str(source).lower().endswith(tar_headers.EXTENSIONS)


def read_shards(paths: Sequence[str], files: OpenShards) -> Iterator[list[Labelled]]:
    """The images of each tar, each with its label, or None.

    Only the headers and labels are read.  Raises DataError with the shard and the first
    member that is wrong.
    """
    from deelish.common.terminal_bar import TerminalBar

    for path in TerminalBar(
        paths, unit="shard", leave=False, disable=None if len(paths) > 1 else True
    ):
        yield _read_shard(path, files)


def expanded(name: str) -> list[str]:
    """The names that a shell expands ranges to; the last range varies fastest.

    Raises DataError for a range that is written backwards, or for more than MOST_SHARDS names.
    """
    start, *parts = RANGE.split(name)
    ranges = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
    for first, last, _ in ranges:
        if int(first) > int(last):
            raise DataError(
                f"{name}: the range {{{first}..{last}}} is written backwards; write"
                f" {{{last}..{first}}}"
            )
    count = math.prod(int(last) - int(first) + 1 for first, last, _ in ranges)
    if count > MOST_SHARDS:
        raise DataError(f"{name}: these are {count:,} files; name at most {MOST_SHARDS:,}")
    names = [start]
    for first, last, rest in ranges:
        padded = any(end.startswith("0") and len(end) > 1 for end in (first, last))
        width = max(len(first), len(last)) if padded else 0
        numbers = [f"{number:0{width}}" for number in range(int(first), int(last) + 1)]
        names = [f"{name}{number}{rest}" for name in names for number in numbers]
    return list(dict.fromkeys(names))


def opened_shards(source: str | Path) -> tuple[Sequence[str], OpenShards]:
    """The paths of the shards, and what opens them. Raises DataError where one is missing."""
    if isinstance(source, Address):
        addresses = [Address(url) for url in expanded(source.full)]
        found = look_at_all(addresses)
        files = [file for file in found if file is not None]
        there = {file.address for file in files}
        _check_there(source, addresses, [each for each in addresses if each not in there])
        return addresses, OpenShards(copies=Copies(source, files))
    paths = expanded(str(source))
    try:
        missing = [path for path in paths if not Path(path).exists()]
    except OSError as error:
        raise DataError(f"{source}: cannot be looked for ({reason(error)})") from error
    _check_there(str(source), paths, missing)
    return paths, OpenShards()


def _check_there(source: str, paths: Sequence[str], missing: Sequence[str]) -> None:
    """Raises MissingDataError with the first path that is missing."""
    if missing and len(paths) > 1:
        raise MissingDataError(
            f"{source}: {missing[0]} is not there ({len(missing):,} of its {len(paths):,} files are"
            " missing); correct the range, or bring the files"
        )
    if missing:
        how = ", in which a range is written {000..999}" if "{" in source else ""
        raise MissingDataError(f"{source}: there is no such tar; correct the path{how}")


def _read_shard(path: str, files: OpenShards) -> list[Labelled]:
    try:
        place = Path(files.on_disk(path))
        if not place.is_file():
            raise DataError(f"{path}: this is no ordinary file; name a tar")
        # Unbuffered: a buffer would read eight kilobytes for each header.
        with place.open("rb", buffering=0) as file:
            samples = _Samples(Shard.of(path, os.fstat(file.fileno()), files))
            for member in tar_headers.headers(path, file):
                if not member.isdir():
                    samples.add(member, file)
    except OSError as error:
        raise DataError(f"{path}: the tar cannot be read ({reason(error)})") from error
    return samples.checked()


class _Label(NamedTuple):
    name: str
    text: str


class _Samples:
    """The samples of a shard, gathered from its members in any order, then checked."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._images: dict[str, Member] = {}
        self._labels: dict[str, _Label] = {}
        # The first member of each sample that would be an image if its name had no further dot.
        self._dotted: dict[str, str] = {}

    def add(self, member: TarInfo, file: IO[bytes]) -> None:
        """Add a member: the offset of an image, the text of a label."""
        name = "/".join(part for part in member.name.split("/") if part not in ("", "."))
        stem, _, extension = name.rpartition("/")[2].partition(".")
        if not stem:  # a hidden file
            return
        key, extension = name[: len(name) - len(extension) - 1], f".{extension.lower()}"
        if extension in EXTENSIONS:
            self._check(member, name, self._images.get(key))
            self._images[key] = Member(self._shard, name, member.offset_data, member.size)
        elif extension == LABEL:
            self._check(member, name, self._labels.get(key))
            self._labels[key] = _Label(name, _text(member, file))
        elif extension.endswith(EXTENSIONS):
            self._dotted.setdefault(key, name)

    def checked(self) -> list[Labelled]:
        """The images with their labels, if any, in the order of the images; raises DataError."""
        self._check_pairs()
        if not self._images:
            raise DataError(
                f"{self._shard.path}: there is no image in it; a sample is an image, such as"
                f" 0001.jpg, and its label as text, 0001{LABEL}"
            )
        faults = [
            (label, what) for label in self._labels.values() if (what := label_fault(label.text))
        ]
        if faults:
            label, what = faults[0]
            alike = [other.name for other, fault in faults if fault == what]
            self._refuse(alike, what.format(label=label.text), "write a whole number of 0 or more")
        labels = {key: int(label.text) for key, label in self._labels.items()}
        return [(image, labels.get(key)) for key, image in self._images.items()]

    def _check_pairs(self) -> None:
        images, labels = self._images, self._labels
        self._refuse(
            [name for key, name in self._dotted.items() if key not in images],
            "the name of its sample ends at the first dot, so that it is no image",
            "leave further dots out of the names",
        )
        self._refuse(
            [image.name for key, image in images.items() if labels and key not in labels],
            "the image has no label",
            f"put its label as text beside it, with the extension {LABEL}, or leave all labels out",
        )
        self._refuse(
            [label.name for key, label in labels.items() if key not in images],
            "the label has no image",
            f"put one beside it that ends in {', '.join(EXTENSIONS)}, or take it out",
        )

    def _refuse(self, names: Sequence[str], what: str, cure: str) -> None:
        """Raises DataError with the first of these members, if any, and how many they are."""
        if names:
            more = f" ({len(names):,} such members)" if len(names) > 1 else ""
            raise DataError(f"{self._shard.path} member {names[0]}: {what}{more}; {cure}")

    def _check(self, member: TarInfo, name: str, other: Member | _Label | None) -> None:
        """Raises DataError for a member that is no ordinary file, or the second of its kind."""
        where = f"{self._shard.path} member {name}"
        if other is not None:
            what = f"its sample has {other.name} too" if other.name != name else "it is there twice"
            raise DataError(f"{where}: {what}; a sample has one image and one label")
        if not member.isreg() or member.issparse():
            raise DataError(
                f"{where}: it is {_kind(member)}, whose bytes are not in the tar as they are;"
                " write the tar again from ordinary files, with `tar --hard-dereference -h`"
            )


def _text(member: TarInfo, file: IO[bytes]) -> str:
    """The text of a label; of a long one, which cannot be a number, its start."""
    file.seek(member.offset_data)
    text = file.read(min(member.size, LABEL_BYTES)).decode("utf-8", "replace")
    return text.strip() if member.size <= LABEL_BYTES else text


def _kind(member: TarInfo) -> str:
    if member.islnk() or member.issym():
        return f"a link to {member.linkname}"
    return "a sparse file" if member.issparse() else "no file"
