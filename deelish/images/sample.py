"""One image of a list and its label, if it has one, wherever they were read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deelish.images.shards.members import Member

JPEG_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif")
EXTENSIONS = (*JPEG_EXTENSIONS, ".png", ".bmp", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
# At most 18 digits, so that every label fits 64 bits.
LABEL = re.compile(r"-?[0-9]{1,18}")

# Where the bytes of an image are: in a file of its own, or in a shard.
Location = Path | Member


class Labelled(Protocol):
    """One image or sequence of a list: its class, None where it has none, and where it is."""

    @property
    def label(self) -> int | None:
        """The number of its class."""

    @property
    def where(self) -> str:
        """`data/train.txt line 7`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a list and its label.

    label: None where the images of the list have none.
    source: the list, folder or shards as the user wrote them.  line: counted from 1; 0 where there
    is no list.
    """

    location: Location
    label: int | None
    source: str
    line: int

    @property
    def path(self) -> Path:
        """Its file; of a member of a shard, the shard's path with the member's name below it."""
        return self.location.path if isinstance(self.location, Member) else self.location

    @property
    def size(self) -> int | None:
        """Bytes of its file, or of a shard's member; None where the file is not there."""
        if isinstance(self.location, Member):
            return self.location.size
        return self.location.stat().st_size if self.location.is_file() else None

    @property
    def where(self) -> str:
        """`data/train.txt line 7`, `data-003.tar member 0001.jpg`, or the path of the image."""
        if self.line:
            return f"{self.source} line {self.line}"
        return self.location.where if isinstance(self.location, Member) else str(self.location)

    @property
    def where_and_path(self) -> str:
        """`where`, and the path of an image of a list after it."""
        return f"{self.where}: {self.path}" if self.line else self.where


def label_fault(label: str) -> str:
    """What is wrong with the text of a label, as a template to fill in with it; "" if nothing."""
    if not LABEL.fullmatch(label):
        return "label {label!r} is no number"
    return "label {label} is negative" if int(label) < 0 else ""
