"""Lists of images and labels, read and checked before anything is decoded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from deelish.errors import DataError, MissingDataError
from deelish.images.sample import ENDINGS, Item, Origin, label_fault
from deelish.images.shards.members import Member
from deelish.images.shards.shards import are_shards, read_shards

# What an image is after all links: a path, or that of a tar and the name in it.
Real = Path | tuple[Path, str]


def read_items(
    source: str | Path,
    root: str | Path | None = None,
    class_names: Sequence[str] | None = None,
) -> list[Item]:
    """The images of a text file of `path label` lines, of a folder of class folders, or of tars.

    A path is looked for in root, in the list's own folder and in the working folder.  Class
    folders are numbered from 0 by name, or by their place in class_names when all are there.
    A tar, or a range `data-{000..999}.tar` of them, has WebDataset's layout.
    Raises DataError with the list and the first line that is wrong.
    """
    for name, value in (("root", root), ("a list", source)):
        if value is not None and not isinstance(value, str | Path):
            raise DataError(
                f"{name} is {value!r}, which is no path; give that of a list, a folder or a tar"
            )
    if root is not None and not Path(root).is_dir():
        raise MissingDataError(
            f"root={str(root)!r}: there is no such folder; correct it or leave it out"
        )
    if Path(source).is_dir():
        return _read_folder(source, class_names)
    if are_shards(source):
        return [Item(member, label, str(source), 0) for member, label in read_shards(source)]
    return _read_list(source, () if root is None else (Path(root),))


def class_folders(source: str | Path) -> list[str]:
    """The sorted names of the class folders in a folder; none when source is a list."""
    if not Path(source).is_dir():
        return []
    try:
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise DataError(f"{source}: the folder cannot be read ({error.strerror})") from error
    return sorted(name for name in names if not name.startswith("."))


def check_labels(items: Sequence[Item], classes: int, who: str) -> None:
    """Raises DataError when a label is not one of the outputs (0 to classes - 1) of `who`."""
    outside = [item for item in items if not 0 <= item.label < classes]
    if outside:
        raise DataError(
            f"{outside[0].where}: label {outside[0].label}, but {who} has {classes} outputs"
            f" (0 to {classes - 1}); {len(outside)} of {len(items)} labels are outside; correct"
            " the list, or pass the outputs= or labels= that it was made for"
        )


def check_apart(train: Sequence[Item], val: Sequence[Item]) -> None:
    """Raises DataError when one file, or one member of a tar, is in both, after all links."""
    folders: dict[Path, Path] = {}
    seen: dict[Real, Item] = {}
    for item in train:
        seen.setdefault(_real(item.origin, folders), item)
    pairs = [(seen[real], item) for item in val if (real := _real(item.origin, folders)) in seen]
    if pairs:
        first, second = pairs[0]
        raise DataError(
            f"{second.where}: image {second.path} is also for training ({first.where});"
            f" {len(pairs)} of {len(val)} validation images are in both; take them out of one"
        )


def _real(origin: Origin, folders: dict[Path, Path]) -> Real:
    """The real path; each folder or tar is resolved once, as a million images share a few."""
    if isinstance(origin, Member):
        return _resolved(Path(origin.shard.path), folders), origin.name
    if origin.is_symlink():
        return origin.resolve()
    return _resolved(origin.parent, folders) / origin.name


def _resolved(path: Path, known: dict[Path, Path]) -> Path:
    if path not in known:
        known[path] = path.resolve()
    return known[path]


def _read_list(source: str | Path, roots: tuple[Path, ...]) -> list[Item]:
    lines = list(_read_lines(source))
    bases = dict.fromkeys((*roots, Path(source).parent, Path()))
    items, missing = [], []
    for number, name, label in lines:
        path = next((path for base in bases if (path := base / name).exists()), None)
        if path is None:
            missing.append((number, name))
        else:
            items.append(Item(path, label, str(source), number))
    if missing:
        number, name = missing[0]
        places = ", ".join("the working folder" if base == Path() else str(base) for base in bases)
        raise MissingDataError(
            f"{source} line {number}: image {name!r} is not there ({len(missing)} of {len(lines)}"
            f" images are missing); it was looked for in {places}; correct the paths or pass root="
        )
    return items


def _read_lines(source: str | Path) -> Iterator[tuple[int, str, int]]:
    """Number, path and label of each line that is not blank."""
    found = []
    for number, line in enumerate(_read_text(source).split("\n"), 1):
        if line.strip():
            path, label, *_ = (*line.strip().rsplit(None, 1), "")
            found.append((number, path, label))
    if not found:
        raise DataError(f"{source}: the list is empty; write `path label` on each line")
    faults = [(row, fault) for row in found if (fault := _fault(row[1], row[2]))]
    if faults:
        (number, path, label), fault = faults[0]
        count = sum(other == fault for _, other in faults)
        more = f" ({count} such lines)" if count > 1 else ""
        raise DataError(
            f"{source} line {number}: {fault.format(path=path[:99], label=label[:99])}{more};"
            " write `path label` with a label of 0 or more"
        )
    return ((number, path, int(label)) for number, path, label in found)


def _fault(path: str, label: str) -> str:
    """What is wrong with a line, to be filled in with its path and label; or nothing."""
    if "\0" in path + label:
        return "there is a NUL character"
    if not label:
        return "{path!r} has no label"
    return label_fault(label)


def _read_text(source: str | Path) -> str:
    try:
        if Path(source).exists() and not Path(source).is_file():
            raise DataError(f"{source}: this is no ordinary file; name a list or a folder")
        data = Path(source).read_bytes()
        return data.decode("utf-8-sig")
    except DataError:  # a ValueError too, so it must come first
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise MissingDataError(
            f"{source}: there is no such list or folder; correct the path"
        ) from None
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{source} line {number}: the text is not UTF-8; save the list as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{source}: the list cannot be read ({error})") from error


def _read_folder(source: str | Path, class_names: Sequence[str] | None) -> list[Item]:
    folders = class_folders(source)
    if not folders:
        raise DataError(
            f"{source}: the folder holds no class folders; put the images of each class into a"
            " folder of its own, or name a list of `path label` lines"
        )
    names = list(class_names or ())
    known = set(folders) <= set(names)
    items = [
        Item(path, names.index(folder) if known else number, str(source), 0)
        for number, folder in enumerate(folders)
        for path in _images(Path(source, folder))
    ]
    if not items:
        raise DataError(
            f"{source}: there is no image in its {len(folders)} class folders; put files there"
            f" that end in {', '.join(ENDINGS)}"
        )
    return items


def _images(folder: Path) -> list[Path]:
    """The images in a class folder and below it (Tiny ImageNet has one folder more), sorted."""
    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(ENDINGS) and not name.startswith(".")
    )
