"""What the command cache does: it lists, checks, merges and clears the caches."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence

from deelish.cli.teacher_cache import IMAGES
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
from deelish.errors import FileError
from deelish.images.cache import folder as image_folder
from deelish.images.cache.disk import images_folder
from deelish.images.cache.folder import ImagesFile, cached_images
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder


def list_(options: argparse.Namespace) -> int:
    files, images = _found(options)
    rows: list[tuple[str, ...]] = [
        ("teacher", "classes", "form", "logits", "size", "last used", "file")
    ]
    rows += [_row(group) for group in _grouped(files)]
    if files:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.rjust(width) if number in (1, 3, 4) else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            print("  ".join(cells).rstrip())
        print(f"{amount(sum(file.bytes for file in files))} in {cache_folder()}")
    if images is not None:
        print(f"{_summary(images)}, last used {_time(images.used)}, in {images.path.parent}")
    return 0


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
    return (teacher_of(first), *facts, f"{count:,}", amount(size), _time(used), name)


def merge(options: argparse.Namespace) -> int:
    files = logits_files(cache_folder(), options.names)
    for each in merge_all(files):
        print(
            f"{each.teacher}: {each.parts:,} file{'s' if each.parts > 1 else ''} became one with"
            f" {each.count:,} cached logits; {each.path}"
        )
    return 0


def check(options: argparse.Namespace) -> int:
    wrong = 0
    files, images = _found(options)
    for file in files:
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
    return 1 if wrong + _check_images(images) else 0


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
    files, images = _found(options)
    for file in files:
        folder.remove(file)
        cached = f"{file.count:,} cached {noun_of(file)}"
        print(f"removed: {_named(file)}, {cached}, {amount(file.bytes)}")
    if images is not None:
        image_folder.remove(images)
        print(f"removed: {_summary(images)}")
    return 0


def _found(options: argparse.Namespace) -> tuple[list[LogitsFile], ImagesFile | None]:
    """The files of logits, and the decoded images, that the names ask for; all without names."""
    names = [name for name in options.names if name != IMAGES]
    logits = not options.names or names
    files = logits_files(cache_folder(), names) if logits else []
    asked = not options.names or IMAGES in options.names
    images = cached_images(images_folder()) if asked else None
    if not files and images is None:
        print(
            f"{cache_folder()}: no {'logits' if logits else 'decoded images'} are cached there"
            f" (${FOLDER_VARIABLE} names another folder)"
        )
    return files, images


def _summary(images: ImagesFile) -> str:
    cached = "unusable" if images.fault else f"{images.count:,} cached"
    return f"decoded images: {cached}, {amount(images.bytes)}"


def _named(file: LogitsFile) -> str:
    return file.path.name if file.header is None else f"{teacher_of(file)} ({file.path.name})"


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
