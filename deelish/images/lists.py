"""Lists of images and labels, read and checked before anything is decoded."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from deelish.common.printing import say
from deelish.errors import DataError, MissingDataError
from deelish.images.class_folders import NamedClasses, numbered_folders
from deelish.images.ordinary_file import is_there
from deelish.images.remote_images import is_remote, located
from deelish.images.sample import EXTENSIONS, Labelled, Location, Sample, label_fault
from deelish.images.shards.members import Member
from deelish.images.shards.shards import are_shards, read_shards
from deelish.storage.remote.address import Address, addressed
from deelish.storage.remote.copies import bytes_of

# Where an image is once all links are followed: its path, or that of a tar and the name in it.
RealLocation = Path | tuple[Path, str]


def read_samples(
    source: str | Path,
    root: str | Path | None = None,
    known: Sequence[NamedClasses] = (),
    name: str = "a list",
) -> list[Sample]:
    """The images of a text file of `path label` lines, of a folder of class folders, or of tars.

    Without labels they are lines of paths alone, a folder of images, and tars of images alone. Of
    one source, all images have a label or none has.

    A path is looked for in root, then in the list's own folder, then in the working folder.  It may
    be absolute, have `..` in it, or be a link: the list names what is read.  It must be an ordinary
    file, which is found out without opening it.
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
        samples = [Sample(member, label, str(source), 0) for member, label in read_shards(source)]
    else:
        samples = _read_list(source, root)
    _check_all_or_none(samples)
    return samples


def check_labels(samples: Sequence[Labelled], classes: int, who: str) -> None:
    """Raises DataError when a label is not one of the outputs (0 to classes - 1) of `who`."""
    outside = [
        sample for sample in samples if sample.label is not None and not 0 <= sample.label < classes
    ]
    if outside:
        raise DataError(
            f"{outside[0].where}: label {outside[0].label}, but {who} has {classes} outputs"
            f" (0 to {classes - 1}); {len(outside)} of {len(samples)} labels are outside; correct"
            " the list, or pass the outputs= or labels= that it was made for"
        )


def _check_all_or_none(samples: Sequence[Sample]) -> None:
    """Raises DataError with the first image that has a label where the first has none, or not."""
    first = samples[0]
    odd = next((each for each in samples if (each.label is None) != (first.label is None)), None)
    if odd is not None:
        got, other = ("no label", "one") if odd.label is None else ("a label", "none")
        raise DataError(
            f"{odd.where}: image {odd.path} has {got}, and that of {first.where} has {other};"
            " give every image a label, or none of them"
        )


def check_apart(train: Sequence[Sample], val: Sequence[Sample]) -> None:
    """Raises DataError when one file, or one member of a tar, is in both lists, also by links."""
    folders: dict[Path, Path] = {}
    seen: dict[RealLocation, Sample] = {}
    for sample in train:
        seen.setdefault(_real(sample.location, folders), sample)
    pairs = [
        (seen[real], sample) for sample in val if (real := _real(sample.location, folders)) in seen
    ]
    if pairs:
        first, second = pairs[0]
        raise DataError(
            f"{second.where}: image {second.path} is also for training ({first.where});"
            f" {len(pairs)} of {len(val)} validation images are in both; take them out of one"
        )


def _real(location: Location, folders: dict[Path, Path]) -> RealLocation:
    """Where it really is. A folder or tar is resolved once, as a million images share a few."""
    if isinstance(location, Member):
        return _resolved(Path(location.shard.path), folders), location.name
    if location.is_symlink():
        return location.resolve()
    return _resolved(location.parent, folders) / location.name


def _resolved(path: Path, known: dict[Path, Path]) -> Path:
    if path not in known:
        known[path] = path.resolve()
    return known[path]


def _read_list(source: str | Path, root: str | Path | None) -> list[Sample]:
    lines = list(_read_lines(source))
    if is_remote(source, root, (name for _, name, _ in lines)):
        found = zip(located(source, root, lines), lines, strict=True)
        return [Sample(place, label, str(source), number) for place, (number, _, label) in found]
    roots = () if root is None else (Path(root),)
    folders = dict.fromkeys((*roots, Path(source).parent, Path()))
    samples, missing = [], []
    for number, name, label in lines:
        try:
            path = next((path for folder in folders if is_there(path := folder / name)), None)
        except DataError as error:
            raise DataError(f"{source} line {number}: {error}") from error
        if path is None:
            missing.append((number, name))
        else:
            samples.append(Sample(path, label, str(source), number))
    if missing:
        number, name = missing[0]
        places = ", ".join(
            "the working folder" if folder == Path() else str(folder) for folder in folders
        )
        raise MissingDataError(
            f"{source} line {number}: image {name!r} is not there ({len(missing)} of {len(lines)}"
            f" images are missing); it was looked for in {places}; correct the paths or pass root="
        )
    return samples


def _read_lines(source: str | Path) -> Iterator[tuple[int, str, int | None]]:
    """Number, path and label of each line that is not blank; None for a line without one."""
    found = []
    for number, line in enumerate(read_text(source).split("\n"), 1):
        if line.strip():
            found.append((number, *_parts(line.strip())))
    if not found:
        raise DataError(f"{source}: the list is empty; write `path label` on each line, or `path`")
    faults = [(row, fault) for row in found if (fault := _fault(row[1], row[2]))]
    if faults:
        (number, path, label), fault = faults[0]
        count = sum(other == fault for _, other in faults)
        more = f" ({count} such lines)" if count > 1 else ""
        raise DataError(
            f"{source} line {number}: {fault.format(path=path[:99], label=label[:99])}{more};"
            " write `path label` with a label of 0 or more"
        )
    return ((number, path, int(label) if label else None) for number, path, label in found)


def _parts(line: str) -> tuple[str, str]:
    """Path and label of a line. It has no label where it is one word, or ends as images do."""
    if line.lower().endswith(EXTENSIONS):
        return line, ""
    path, label, *_ = (*line.rsplit(None, 1), "")
    return path, label


def _fault(path: str, label: str) -> str:
    """What is wrong with a line, as a template to fill in with its path and label; or ""."""
    if "\0" in path + label:
        return "there is a NUL character"
    return label_fault(label) if label else ""


def read_text(source: str | Path) -> str:
    """The text of a list.

    Raises:
        DataError: there is no such file, or it is no text in UTF-8.
    """
    try:
        if not isinstance(source, Address) and Path(source).exists() and not Path(source).is_file():
            raise DataError(f"{source}: this is no ordinary file; name a list or a folder")
        data = bytes_of(source) if isinstance(source, Address) else Path(source).read_bytes()
        return data.decode("utf-8-sig")
    except DataError:  # a ValueError too, so it must come first
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise MissingDataError(
            f"{source}: there is no such list or folder; correct the path"
        ) from None
    except UnicodeDecodeError as error:
        if str(source).lower().endswith(EXTENSIONS):
            raise DataError(
                f"{source}: is an image; give a list of images, a folder or a tar"
            ) from None
        number = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{source} line {number}: the text is not UTF-8; save the list as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{source}: the list cannot be read ({error})") from error


def _read_folder(source: str | Path, known: Sequence[NamedClasses]) -> list[Sample]:
    folders = numbered_folders(source, known)
    samples = [
        Sample(path, number, str(source), 0)
        for folder, number in folders.numbers.items()
        for path in images_in(Path(source, folder))
    ]
    if samples and folders.line is not None:
        say(folders.line)
    if not samples:
        samples = [Sample(path, None, str(source), 0) for path in images_in(Path(source), 1)]
    if not samples:
        raise DataError(
            f"{source}: there is no image in the folder, nor in its {len(folders.numbers)} class"
            f" folders; put files there that end in {', '.join(EXTENSIONS)}"
        )
    return samples


def images_in(folder: Path, levels: int | None = None) -> list[Path]:
    """The images in a folder and below it (Tiny ImageNet nests one folder), sorted.

    levels: how many levels of folders are looked into; left out, all.
    """
    return sorted(
        Path(place, name)
        for place, _, names in itertools.islice(os.walk(folder), levels)
        for name in names
        if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
    )
