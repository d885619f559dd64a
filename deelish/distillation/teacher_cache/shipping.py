"""Ships a teacher's cached logits: one archive, to carry to another machine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deelish.distillation.teacher_cache.folder import LogitsFile, check_sound, whole_bytes
from deelish.distillation.teacher_cache.manifest import MANIFEST, Entry, Summing, manifest_of
from deelish.errors import FileError
from deelish.storage.atomic import replacing

# So many entries are within the bounds of JSON.
MOST_FILES = 15_000


def ship(files: Sequence[LogitsFile], archive: Path) -> list[Entry]:
    """Write the files into an archive, whole or not at all.

    Raises:
        FileError: there is none, one is damaged, or the archive cannot be written.
    """
    if not files:
        raise FileError(
            f"{archive}: there are no cached logits to ship; `deelish cache list` shows what is"
            " there"
        )
    if len(files) > MOST_FILES:
        raise FileError(
            f"{archive}: {len(files):,} files would be in it, where {MOST_FILES:,} are the most;"
            " make one of the parts with `deelish cache merge`"
        )
    for file in files:
        check_sound(file)
    entries = [Entry(file.path.name, whole_bytes(file), "0" * 64) for file in files]
    text = manifest_of(entries)
    needed = sum(each.bytes for each in entries)
    with replacing(archive, needed) as temporary, temporary.open("r+b") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            _add(tar, MANIFEST, io.BytesIO(text), len(text))
            entries = [_added(tar, *pair) for pair in zip(files, entries, strict=True)]
        # The sums are known now; with them the text is as long as before.
        out.seek(tarfile.BLOCKSIZE)
        out.write(manifest_of(entries))
    return entries


def _added(tar: tarfile.TarFile, file: LogitsFile, entry: Entry) -> Entry:
    """The entry of a file that was added, with its sum."""
    with file.path.open("rb") as source:
        summing = Summing(source)
        try:
            _add(tar, entry.name, summing, entry.bytes)
        except (tarfile.TarError, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            raise FileError(f"{file.path}: was changed while it was read; start again") from None
    return Entry(entry.name, entry.bytes, summing.sum.hexdigest())


def _add(tar: tarfile.TarFile, name: str, source: Any, size: int) -> None:
    """Add a member that says nothing of this machine and its user."""
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, source)
