"""What teach and cache do: fill the teacher cache; list, check and clear the caches."""

from __future__ import annotations

import argparse
import time
from typing import cast

from deelish.cli import models as cli_models
from deelish.cli.teacher_cache import IMAGES
from deelish.common.printing import amount
from deelish.distillation.teacher_cache import folder
from deelish.distillation.teacher_cache.fill import Filling
from deelish.distillation.teacher_cache.folder import (
    LogitsFile,
    logits_files,
    noun_of,
    teacher_of,
)
from deelish.errors import DataError, FileError
from deelish.images.cache import folder as image_folder
from deelish.images.cache.disk import images_folder
from deelish.images.cache.folder import ImagesFile, cached_images
from deelish.images.dataset import Dataset
from deelish.images.views.choosing import ALTERNATE
from deelish.language.naming import InputBatch
from deelish.language.session import Deel
from deelish.sequences.lines import is_list_of_sequences
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder


def teach(options: argparse.Namespace) -> int:
    with Deel(gpu=options.gpu, precision=options.precision):
        network = cli_models.opened(options)
        if is_list_of_sequences(options.images):
            raise DataError(
                f"{options.images}: holds sequences, whose logits are cached while a script trains"
                " with InputBatch(views=1); give images"
            )
        dataset = InputBatch(
            options.images,
            batch_size=options.batch_size,
            crop=options.crop,
            mirror=ALTERNATE if options.alternate else not options.no_mirror,
            padding=options.padding,
            root=options.root,
            views=options.views,
            augment=options.augment,
            mix=options.mix,
            top=options.top,
        )
        filling = Filling(network, cast(Dataset, dataset))
        try:
            filling.run()
        except KeyboardInterrupt:
            print("stopped by Ctrl-C; what is computed is cached, and the same command goes on")
            raise
        finally:
            print(filling)
    return 0


def list_(options: argparse.Namespace) -> int:
    files, images = _found(options)
    rows = [("teacher", "classes", "form", "logits", "size", "last used", "file")]
    for file in files:
        facts = ("-", "unusable")
        if file.header is not None:
            facts = (str(file.header.form.classes), file.header.form_text)
        size, used = amount(file.bytes), _time(file.used)
        rows.append((teacher_of(file), *facts, f"{file.count:,}", size, used, file.path.name))
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
