"""One image of a set and its label, wherever they were read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deelish.images.shards.members import Member

JPEG_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif")
ENDINGS = (*JPEG_ENDINGS, ".png", ".bmp", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
# At most 18 digits, so that every label fits 64 bits.
LABEL = re.compile(r"-?[0-9]{1,18}")

# Where the bytes of an image lie: in a file of its own, or in a shard.
Origin = Path | Member


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a set and its label.

    source: the list, folder or shards as the user wrote them.  line: counted from 1; 0 where there
    is no list.
    """

    origin: Origin
    label: int
    source: str
    line: int

    @property
    def path(self) -> Path:
        """Its file; of a member of a shard, the shard's path with the member's name below it."""
        return self.origin.path if isinstance(self.origin, Member) else self.origin

    @property
    def size(self) -> int | None:
        """Bytes of its file, or of a shard's member; None where the file is not there."""
        if isinstance(self.origin, Member):
            return self.origin.size
        return self.origin.stat().st_size if self.origin.is_file() else None

    @property
    def where(self) -> str:
        """`data/train.txt line 7`, `data-003.tar member 0001.jpg`, or the path of the image."""
        if isinstance(self.origin, Member):
            return self.origin.where
        return f"{self.source} line {self.line}" if self.line else str(self.origin)


def label_fault(label: str) -> str:
    """What is wrong with the text of a label, to be filled in with it; or nothing."""
    if not LABEL.fullmatch(label):
        return "label {label!r} is no number"
    return "label {label} is negative" if int(label) < 0 else ""
