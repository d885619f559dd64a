"""What the command cache does: it lists, checks, merges and clears the caches."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deelish.cli.teacher_cache import IMAGES, OTHERS, REMOTE, SHARDS
from deelish.common.printing import amount
from deelish.distillation.teacher_cache import folder
from deelish.distillation.teacher_cache.folder import (
    LogitsFile,
    header_of,
    logits_files,
    noun_of,
    part_of,
    teacher_of,
)
from deelish.distillation.teacher_cache.merging import merge_all
from deelish.distillation.teacher_cache.shared import shared_folder
from deelish.distillation.teacher_cache.shared_files import count_damaged_shared, shared_files
from deelish.errors import FileError
from deelish.images.cache import folder as image_folder
from deelish.images.cache.disk import images_folder
from deelish.images.cache.folder import ImagesFile, cached_images
from deelish.images.shards.saved_index import indices, remove_indices
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder
from deelish.storage.remote.room import Use, copied_uses, remove_use


def list_(options: argparse.Namespace) -> int:
    found = _found(options, with_shared=True)
    _print_table(found.logits, str(cache_folder()))
    _print_table(found.shared, str(shared_folder()))
    if found.images is not None:
        images = found.images
        print(f"{_summary(images)}, last used {_time(images.used)}, in {images.path.parent}")
    for use in found.remote:
        print(f"{_copies(use)}, last used {_time(use.used)}")
    if found.indices:
        print(f"{_indices(found.indices)}, in {found.indices[0].parent}")
    return 0


def _print_table(files: Sequence[LogitsFile], folder: str) -> None:
    if not files:
        return
    rows: list[tuple[str, ...]] = [
        ("teacher", "classes", "form", "logits", "size", "last used", "file")
    ]
    rows += [_row(group) for group in _grouped(files)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if number in (1, 3, 4) else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print(f"{amount(sum(file.bytes for file in files))} in {folder}")


def _grouped(files: Iterable[LogitsFile]) -> list[list[LogitsFile]]:
    """The parts of a pass together, and each other file by itself."""
    groups: dict[str, list[LogitsFile]] = {}
    for file in files:
        part, header = part_of(file), header_of(file)
        of = file.path.name if part is None or header is None else header.identity + part.task
        groups.setdefault(of, []).append(file)
    return list(groups.values())


def _row(group: Sequence[LogitsFile]) -> tuple[str, ...]:
    """What `cache list` shows of a file, or of the parts of a pass."""
    first = group[0]
    header, part = header_of(first), part_of(first)
    facts = ("-", "unusable") if header is None else (str(header.form.classes), header.form_text)
    name = first.path.name
    if part is not None and header is not None:
        name = f"{len(group):,} of {part.count:,} parts, {header.stem}-{part.task[:8]}*"
    count, size = sum(file.count for file in group), sum(file.bytes for file in group)
    used = max(file.used for file in group)
    last = _time(used) if used else "-"
    return (teacher_of(first), *facts, f"{count:,}", amount(size), last, name)


def merge(options: argparse.Namespace) -> int:
    files = logits_files(cache_folder(), options.names)
    for each in merge_all(files):
        print(
            f"{each.teacher}: {each.parts:,} file{'s' if each.parts > 1 else ''} became one with"
            f" {each.count:,} cached logits; {each.path}"
        )
    return 0


def check(options: argparse.Namespace) -> int:
    found = _found(options, with_shared=True)
    wrong = _check_shared(found.shared)
    for file in found.logits:
        if file.fault:
            wrong += 1
            print(file.fault)
            continue
        damaged = folder.count_damaged(file)
        cure = ""
        if damaged and options.repair:
            folder.drop_damaged(file)
            cure = ", now dropped"
        elif damaged:
            wrong += 1
            cure = "; they are computed again, and --repair drops them"
        noun = noun_of(file)
        line = f"{damaged:,} of {file.count:,} cached {noun} are damaged{cure}"
        print(f"{_named(file)}: {line if damaged else f'{file.count:,} cached {noun}, all sound'}")
    return 1 if wrong + _check_images(found.images) else 0


def _check_shared(files: Sequence[LogitsFile]) -> int:
    """Print whether shared segments are sound; how many are not."""
    usable = [file for file in files if not file.fault]
    for file in files:
        if file.fault:
            print(file.fault)
    wrong = len(files) - len(usable)
    for file, damaged in zip(usable, count_damaged_shared(usable), strict=True):
        line = f"{damaged:,} of {file.count:,} cached logits are damaged; write the file again"
        sound = f"{file.count:,} cached logits, all sound"
        print(f"{_named(file)} in {shared_folder()}: {line if damaged else sound}")
        wrong += bool(damaged)
    return wrong


def _check_images(images: ImagesFile | None) -> int:
    """Print whether decoded images are sound; how much is wrong."""
    if images is None:
        return 0
    if images.fault:
        print(images.fault)
        return 1
    damaged = image_folder.count_damaged(images)
    cure = f"; they are decoded again, and `deelish cache clear {IMAGES}` removes all"
    line = f"{damaged:,} of {images.count:,} are damaged{cure}"
    print(f"decoded images: {line if damaged else f'{images.count:,}, all sound'}")
    return damaged


def clear(options: argparse.Namespace) -> int:
    if not options.names and not options.all:
        raise FileError(
            "cache clear: name a teacher, or how a file begins, or give --all for every teacher"
        )
    found = _found(options, with_shared=False)
    for file in found.logits:
        folder.remove(file)
        cached = f"{file.count:,} cached {noun_of(file)}"
        print(f"removed: {_named(file)}, {cached}, {amount(file.bytes)}")
    if found.images is not None:
        image_folder.remove(found.images)
        print(f"removed: {_summary(found.images)}")
    for use in found.remote:
        if use.live:
            print(f"in use by a process, and left: {_copies(use)}")
        else:
            print(f"removed: {_copies(use)}, of which {amount(remove_use(use))} were used alone")
    if found.indices:
        line = _indices(found.indices)
        remove_indices(found.indices)
        print(f"removed: {line}")
    return 0


@dataclass(frozen=True)
class Found:
    """What the names of a command ask for; all, without names.

    logits: files of this machine.  shared: those in the shared folder.  images: decoded ones.
    remote: copies of remote files.  indices: the files of indices of shards.
    """

    logits: Sequence[LogitsFile]
    shared: Sequence[LogitsFile]
    images: ImagesFile | None
    remote: Sequence[Use]
    indices: Sequence[Path]


def _found(options: argparse.Namespace, *, with_shared: bool) -> Found:
    names = [name for name in options.names if name not in OTHERS]
    of_all = not options.names
    shared = shared_files(names) if with_shared and (of_all or names) else []
    files = logits_files(cache_folder(), names, shared) if of_all or names else []
    images = cached_images(images_folder()) if of_all or IMAGES in options.names else None
    remote = copied_uses() if of_all or REMOTE in options.names else []
    of_shards = indices() if of_all or SHARDS in options.names else []
    if not (files or shared or images or remote or of_shards):
        what = "logits" if of_all or names else OTHERS[options.names[0]]
        print(
            f"{cache_folder()}: no {what} are cached there (${FOLDER_VARIABLE} names another"
            " folder)"
        )
    return Found(files, shared, images, remote, of_shards)


def _copies(use: Use) -> str:
    return f"copies of {use.title}: {len(use.copies):,}, {amount(use.bytes)}"


def _indices(paths: Sequence[Path]) -> str:
    size = sum(path.stat().st_size for path in paths)
    return f"{OTHERS[SHARDS]}: {len(paths):,}, {amount(size)}"


def _summary(images: ImagesFile) -> str:
    cached = "unusable" if images.fault else f"{images.count:,} cached"
    return f"decoded images: {cached}, {amount(images.bytes)}"


def _named(file: LogitsFile) -> str:
    return file.path.name if file.header is None else f"{teacher_of(file)} ({file.path.name})"


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
