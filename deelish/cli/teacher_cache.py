"""The commands on the caches: teach fills the teacher cache, cache shows what is there."""

from __future__ import annotations

import argparse
from typing import Any

from deelish.cli import models as cli_models
from deelish.cli.parser import Parser, add_command
from deelish.common.json_text import parsed_json

# What else may be named beside teachers, and what it is in words.
IMAGES, REMOTE, SHARDS = "images", "remote", "shards"
OTHERS = {
    IMAGES: "decoded images",
    REMOTE: "copies of remote files",
    SHARDS: "indices of shards",
}


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add them to the command line; each sets `act`, which runs it and gives the exit code."""
    opening = cli_models.opening_options()
    teach = add_command(
        commands,
        "teach",
        "cache a teacher's logits for a list of images",
        "teach bvlc_googlenet.caffemodel --images data/train.txt --views 4",
        [opening],
    )
    add = teach.add_argument
    add("model", metavar="MODEL", help=".hdf5, .safetensors, .caffemodel, .onnx, timm/...")
    add("--images", metavar="LIST", required=True, help="a list, class folders, or tars")
    add("--root", metavar="FOLDER", help="the folder of the images of the list")
    add("--check", metavar="all", help='"all" looks for every file of a long list')
    add("--views", metavar="K", type=_views, default=1, help='views an image, or "centre" (1)')
    add(
        "--augment",
        metavar="ITEM",
        type=_item,
        action="append",
        help='a name, or JSON such as {"name": "color_jitter", "hue": 0.1}; several in a row',
    )
    add("--mix", metavar="KIND", help="mixup or cutmix, as in the training")
    add("--crop", metavar="FRACTION", type=float, help="crop fraction of the views, up to 1")
    mirror = teach.add_mutually_exclusive_group()
    mirror.add_argument("--no-mirror", action="store_true", help="views are not mirrored")
    mirror.add_argument("--alternate", action="store_true", help="every other view is mirrored")
    add("--padding", metavar="PART", type=float, default=0.0, help="how far views reach beyond (0)")
    add("--top", metavar="N", type=int, help="cache the N highest logits of an image (all)")
    add("--part", metavar="N/OF", help="only this part of the pass, such as 3/1000, in a file")
    add("--parts", metavar="N", type=int, help="all parts of so many; under torchrun, its own")
    add("--ray", metavar="ADDRESS", help='all parts on this cluster: "auto", an address, "local"')
    add("--batch-size", metavar="N", type=int, default=32, help="images a batch (32)")
    add("--gpu", metavar="N", type=int, default=-1, help="0 is the first GPU (the processor)")
    add("--precision", metavar="TYPE", help="that of the script that trains (auto)")
    teach.set_defaults(act=_teach)

    _add_cache(commands)


def _add_cache(commands: argparse._SubParsersAction[Parser]) -> None:
    cache = add_command(
        commands,
        "cache",
        "list, check, merge, ship, receive or clear cached logits and images",
        "cache clear googlenet",
    )
    parts = cache.add_subparsers(dest="part", metavar="list, check, merge, ship, receive, clear")
    cache.set_defaults(act=_list, names=[])
    found = {}
    for name, act, help_ in (
        ("list", _list, "show what is cached, and how much room it takes"),
        ("check", _check, "look for damaged logits and images"),
        ("merge", _merge, "make one file of the parts of each teacher"),
        ("ship", _ship, "make one archive of cached logits, for another machine"),
        ("clear", _clear, "remove cached logits, decoded images, copies and indices"),
    ):
        to = " --to googlenet.tar" if name == "ship" else ""
        part = found[name] = add_command(parts, name, help_, f"cache {name} googlenet{to}")
        part.add_argument(
            "names",
            metavar="NAME",
            nargs="*",
            help="a teacher's name, or how a file begins; "
            + ", ".join(f"{name!r} for {what}" for name, what in OTHERS.items()),
        )
        part.set_defaults(act=act)
    found["check"].add_argument("--repair", action="store_true", help="drop damaged logits")
    found["clear"].add_argument(
        "--all", action="store_true", help="those of all teachers, and all else"
    )
    found["ship"].add_argument("--to", metavar="ARCHIVE", required=True, help="a .tar")
    receive = add_command(
        parts, "receive", "take in an archive of another machine", "cache receive googlenet.tar"
    )
    receive.add_argument("archive", metavar="ARCHIVE", help="what `cache ship` wrote")
    receive.set_defaults(act=_receive)


def _views(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _item(text: str) -> Any:
    """An item of augment=: a name, or a JSON object."""
    if not text.startswith("{"):
        return text
    try:
        return parsed_json(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no JSON: {error}") from error


# The files behind them take a third of a second to import, which `deelish --help` does not need.


def _teach(options: argparse.Namespace) -> int:
    from deelish.cli.parts import run

    return run(options)


def _list(options: argparse.Namespace) -> int:
    from deelish.cli.caches import list_

    return list_(options)


def _check(options: argparse.Namespace) -> int:
    from deelish.cli.caches import check

    return check(options)


def _merge(options: argparse.Namespace) -> int:
    from deelish.cli.caches import merge

    return merge(options)


def _clear(options: argparse.Namespace) -> int:
    from deelish.cli.caches import clear

    return clear(options)


def _ship(options: argparse.Namespace) -> int:
    from deelish.cli.shipping import ship

    return ship(options)


def _receive(options: argparse.Namespace) -> int:
    from deelish.cli.shipping import receive

    return receive(options)
