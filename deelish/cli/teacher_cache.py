"""The commands on what is kept: teach fills answers ahead of time, cache shows what is there."""

from __future__ import annotations

import argparse
import time

from deelish.cli import models as cli_models
from deelish.common.printing import amount
from deelish.distillation.teacher_cache import folder
from deelish.distillation.teacher_cache.folder import Kept, kept_files
from deelish.errors import FileError
from deelish.images.cache import folder as keeping_folder
from deelish.images.cache.disk import images_folder
from deelish.images.cache.folder import KeptImages, kept_images
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder

# What names the kept images beside the names of teachers.
IMAGES = "images"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to the command line; each sets `act`, which runs it and gives the exit code."""
    opening = cli_models.opening_options()
    teach = commands.add_parser(
        "teach", parents=[opening], help="keep a teacher's answers to a list of images"
    )
    add = teach.add_argument
    add("model", metavar="MODEL", help=".hdf5, .safetensors, .caffemodel")
    add("--images", metavar="LIST", required=True, help="a list, class folders, or tars")
    add("--root", metavar="FOLDER", help="where the images of the list lie")
    add("--views", metavar="K", type=_views, default=1, help='views an image, or "centre" (1)')
    add("--mix", metavar="KIND", help="mixup or cutmix, as the training will")
    add("--crop", metavar="SHARE", type=float, help="share of a side that is seen, up to 1")
    add("--no-mirror", action="store_true", help="views are not mirrored")
    add("--top", metavar="N", type=int, help="keep the N highest logits of an answer (all)")
    add("--batch-size", metavar="N", type=int, default=32, help="images a batch (32)")
    add("--gpu", metavar="N", type=int, default=-1, help="0 is the first GPU (the processor)")
    add("--precision", metavar="TYPE", help="that of the script that will ask (auto)")
    teach.set_defaults(act=_teach)

    cache = commands.add_parser("cache", help="list, check or clear kept answers and images")
    parts = cache.add_subparsers(dest="part", metavar="list, check, clear")
    cache.set_defaults(act=_list, names=[])
    for name, act, help_ in (
        ("list", _list, "show what is kept, and how much room it takes"),
        ("check", _check, "look for damaged answers and images"),
        ("clear", _clear, "remove kept answers and images"),
    ):
        part = parts.add_parser(name, help=help_)
        part.add_argument(
            "names",
            metavar="NAME",
            nargs="*",
            help=f"a teacher's name, or how a file begins; {IMAGES!r} for kept images",
        )
        part.set_defaults(act=act)
        if name == "check":
            part.add_argument("--repair", action="store_true", help="drop damaged answers")
        if name == "clear":
            part.add_argument(
                "--all", action="store_true", help="those of all teachers, and images"
            )


def _views(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _teach(options: argparse.Namespace) -> int:
    from deelish.distillation.teacher_cache.fill import Filling
    from deelish.language.session import Deel
    from deelish.language.training import InputBatch

    with Deel(gpu=options.gpu, precision=options.precision):
        network = cli_models.opened(options)
        dataset = InputBatch(
            options.images,
            batch_size=options.batch_size,
            crop=options.crop,
            mirror=not options.no_mirror,
            root=options.root,
            views=options.views,
            mix=options.mix,
            top=options.top,
        )
        filling = Filling(network, dataset)
        try:
            filling.run()
        except KeyboardInterrupt:
            print("stopped by Ctrl-C; what is computed is kept, and the same command goes on")
            raise
        finally:
            print(filling)
    return 0


def _list(options: argparse.Namespace) -> int:
    files, images = _found(options)
    rows = [("teacher", "classes", "form", "answers", "size", "last used", "file")]
    for kept in files:
        facts = ("-", "unusable")
        if kept.header is not None:
            facts = (str(kept.header.form.classes), str(kept.header.form))
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.used))
        rows.append(
            (kept.name, *facts, f"{kept.answers:,}", amount(kept.bytes), used, kept.path.name)
        )
    if files:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.rjust(width) if number in (1, 3, 4) else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            print("  ".join(cells).rstrip())
        print(f"{amount(sum(kept.bytes for kept in files))} in {cache_folder()}")
    if images is not None:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(images.used))
        print(f"{_told(images)}, last used {used}, in {images.folder}")
    return 0


def _check(options: argparse.Namespace) -> int:
    wrong = 0
    files, images = _found(options)
    for kept in files:
        if kept.header is None:
            wrong += 1
            print(f"{kept.fault}; it is made anew when the teacher answers, or clear it")
            continue
        damaged = folder.count_damaged(kept)
        cure = ""
        if damaged and options.repair:
            folder.drop_damaged(kept)
            cure = ", now dropped"
        elif damaged:
            wrong += 1
            cure = "; they are computed anew, and --repair drops them"
        said = f"{damaged:,} of {kept.answers:,} answers are damaged{cure}"
        print(f"{_named(kept)}: {said if damaged else f'{kept.answers:,} answers, all sound'}")
    return 1 if wrong + _check_images(images) else 0


def _check_images(images: KeptImages | None) -> int:
    """Say whether kept images are sound; how much is wrong."""
    if images is None:
        return 0
    if images.fault:
        print(f"{images.fault}; it is made anew when images are kept, or clear it")
        return 1
    damaged = keeping_folder.count_damaged(images)
    cure = f"; they are decoded anew, and `deelish cache clear {IMAGES}` removes all"
    said = f"{damaged:,} of {images.images:,} are damaged{cure}"
    print(f"{IMAGES}: {said if damaged else f'{images.images:,}, all sound'}")
    return damaged


def _clear(options: argparse.Namespace) -> int:
    if not options.names and not options.all:
        raise FileError(
            "cache clear: name a teacher, or how a file begins, or give --all for every teacher"
        )
    files, images = _found(options)
    for kept in files:
        folder.remove(kept)
        print(f"removed: {_named(kept)}, {kept.answers:,} answers, {amount(kept.bytes)}")
    if images is not None:
        keeping_folder.remove(images)
        print(f"removed: {_told(images)}")
    return 0


def _found(options: argparse.Namespace) -> tuple[list[Kept], KeptImages | None]:
    """The files of answers, and the kept images, that the names ask for; all without names."""
    names = [name for name in options.names if name != IMAGES]
    answers = not options.names or names
    files = kept_files(cache_folder(), names) if answers else []
    asked = not options.names or IMAGES in options.names
    images = kept_images(images_folder()) if asked else None
    if not files and images is None:
        print(
            f"{cache_folder()}: no {'answers' if answers else 'images'} are kept there"
            f" (${FOLDER_VARIABLE} names another folder)"
        )
    return files, images


def _told(images: KeptImages) -> str:
    kept = "unusable" if images.fault else f"{images.images:,} kept"
    return f"{IMAGES}: {kept}, {amount(images.bytes)}"


def _named(kept: Kept) -> str:
    return kept.path.name if kept.header is None else f"{kept.name} ({kept.path.name})"
