"""What `deelish cache ship` and `receive` do: cached logits from one machine to another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from deelish.cli.teacher_cache import OTHERS
from deelish.common.printing import amount
from deelish.distillation.teacher_cache import receiving, shipping
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.distillation.teacher_cache.manifest import Entry
from deelish.errors import FileError
from deelish.storage.folder import cache_folder
from deelish.storage.remote.address import Address, addressed


def ship(options: argparse.Namespace) -> int:
    """Write the archive, and print what is in it."""
    for name in options.names:
        if name in OTHERS:
            raise FileError(f"cache ship {name}: cached logits alone are shipped; name a teacher")
    archive = _archive(options.to)
    entries = shipping.ship(logits_files(cache_folder(), options.names), archive)
    print(f"{options.to}: {_files(entries)}; `deelish cache receive` takes them in")
    return 0


def receive(options: argparse.Namespace) -> int:
    """Take in the archive, and print what came."""
    folder = cache_folder()
    received = receiving.receive(_archive(options.archive), folder)
    if received.there:
        print(f"{folder}: {_files(received.there)} are there already")
    if received.new:
        print(f"{folder}: {_files(received.new)} are received, all checked")
    return 0


def _archive(text: str) -> Path:
    """The path of an archive, which is a file of this machine."""
    place = addressed(text)
    if isinstance(place, Address):
        raise FileError(
            f"{place}: an archive is a file of this machine; give its path, and copy it to or from"
            " object storage with a program for that"
        )
    return Path(text)


def _files(entries: Sequence[Entry]) -> str:
    size = amount(sum(each.bytes for each in entries))
    return f"{len(entries):,} file{'s' if len(entries) != 1 else ''} with {size}"
