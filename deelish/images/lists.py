"""Lists of images and labels, read and checked before anything is decoded."""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deelish.common.printing import say
from deelish.errors import DataError, MissingDataError
from deelish.images.class_folders import NamedClasses, numbered_folders
from deelish.images.list_files import files_of
from deelish.images.list_lines import not_utf8, read_lines
from deelish.images.names import NamesBuilder
from deelish.images.remote_images import is_remote, located
from deelish.images.sample import EXTENSIONS, Labelled
from deelish.images.samples import Files, Locations, Samples, labelled
from deelish.images.shards.saved_index import samples_of_shards
from deelish.images.shards.shards import are_shards
from deelish.storage.remote.address import Address, addressed
from deelish.storage.remote.copies import bytes_of


def read_samples(
    source: str | Path,
    root: str | Path | None = None,
    known: Sequence[NamedClasses] = (),
    name: str = "a list",
    every: bool = False,
) -> Samples:
    """The images of a text file of `path label` lines, of a folder of class folders, or of tars.

    Without labels they are lines of paths alone, a folder of images, and tars of images alone. Of
    one source, all images have a label or none has.

    A path is looked for in root, then in the list's own folder, then in the working folder.  It may
    be absolute, have `..` in it, or be a link: the list names what is read.  It must be an ordinary
    file, which is found out without opening it: of a long list, some files stand for all, unless
    `every` one is asked for.
    Class folders are numbered as `numbered_folders` says, by the names of known classes.
    A tar, or a range `data-{000..999}.tar` of them, has WebDataset's layout.
    Source, root and paths may be URLs; what they name is copied to this disk.
    Raises DataError with the list and the first line that is wrong; `name` is what the argument is
    called in errors.
    """
    for what, value in (("root", root or Path()), (name, source)):
        if not isinstance(value, str | Path) or value == "":
            raise DataError(
                f"{what} is {value!r}, which is no path; give that of a list, a folder or a tar"
            )
    source, root = addressed(source), addressed(root)
    if not (root is None or isinstance(root, Address) or Path(root).is_dir()):
        raise MissingDataError(
            f"root={str(root)!r}: there is no such folder; correct it or leave it out"
        )
    if isinstance(source, Address):
        if source.endswith("/"):
            raise DataError(
                f"{source}: a folder on a server is not searched for images; give a list or tars"
            )
    elif Path(source).is_dir():
        return _read_folder(source, known)
    if are_shards(source):
        return samples_of_shards(source)
    return _read_list(source, root, every)


def check_labels(samples: Sequence[Labelled], classes: int, who: str) -> None:
    """Raises DataError when a label is not one of the outputs (0 to classes - 1) of `who`."""
    outside = _outside(samples, classes)
    if len(outside):
        first = samples[outside[0]]
        raise DataError(
            f"{first.where}: label {first.label}, but {who} has {classes} outputs"
            f" (0 to {classes - 1}); {len(outside)} of {len(samples)} labels are outside; correct"
            " the list, or pass the outputs= or labels= that it was made for"
        )


def _outside(samples: Sequence[Labelled], classes: int) -> list[int]:
    """The indices of images whose label is none of so many classes."""
    if not isinstance(samples, Samples):
        labels = [sample.label for sample in samples]
        return [
            n for n, label in enumerate(labels) if label is not None and not 0 <= label < classes
        ]
    if samples.labels is None:
        return []
    return np.flatnonzero((samples.labels < 0) | (samples.labels >= classes)).tolist()


def _read_list(source: str | Path, root: str | Path | None, every: bool) -> Samples:
    data = _read_bytes(source)
    lines = read_lines(source, data)
    found: Locations
    if is_remote(source, root, data, lines):
        found = located(source, root, lines)
    else:
        roots = () if root is None else (Path(root),)
        folders = list(dict.fromkeys((*roots, Path(source).parent, Path())))
        found = files_of(source, lines, folders, every)
    return labelled(str(source), found, lines.labels, lines.numbers)


def read_text(source: str | Path) -> str:
    """The text of a list.

    Raises:
        DataError: there is no such file, or it is no text in UTF-8.
    """
    data = _read_bytes(source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(source, error.object[: error.start].count(b"\n") + 1) from None


def _read_bytes(source: str | Path) -> bytes:
    try:
        if not isinstance(source, Address) and Path(source).exists() and not Path(source).is_file():
            raise DataError(f"{source}: this is no ordinary file; name a list or a folder")
        return bytes_of(source) if isinstance(source, Address) else Path(source).read_bytes()
    except DataError:  # a ValueError too, so it must come first
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise MissingDataError(
            f"{source}: there is no such list or folder; correct the path"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{source}: the list cannot be read ({error})") from error


def _read_folder(source: str | Path, known: Sequence[NamedClasses]) -> Samples:
    folders, builder, labels = numbered_folders(source, known), NamesBuilder(), array("i")
    for folder, number in folders.numbers.items():
        found = images_in(Path(source), folder)
        builder.add(found)
        labels.extend(itertools.repeat(number, len(found)))
    if labels and folders.line is not None:
        say(folders.line)
    if not labels:
        builder.add(images_in(Path(source), levels=1))
    names = builder.names()
    if not len(names):
        raise DataError(
            f"{source}: there is no image in the folder, nor in its {len(folders.numbers)} class"
            f" folders; put files there that end in {', '.join(EXTENSIONS)}"
        )
    files = Files([Path(source)], names)
    return Samples(str(source), files, np.frombuffer(labels, np.int32) if labels else None)


def images_in(source: Path, folder: str = "", levels: int | None = None) -> list[str]:
    """The images in a folder and below it (Tiny ImageNet nests one folder), sorted.

    source, folder: it is `folder` in `source`, which the paths begin below.
    levels: how many levels of folders are looked into; left out, all.
    """
    found: list[str] = []
    flat = os.name != "nt"
    for place, _, names in itertools.islice(os.walk(source / folder), levels):
        prefix = str(Path(place).relative_to(source) / "-")[:-1]
        images = [name for name in names if name.lower().endswith(EXTENSIONS) and name[0] != "."]
        flat = flat and not (found and images)
        found += [f"{prefix}{name}" for name in images]
    # In the order of pathlib, by folders first: NUL comes before all that names have.
    return sorted(found, key=None if flat else _in_parts)


def _in_parts(path: str) -> str:
    return os.path.normcase(path).replace(os.sep, "\0")
