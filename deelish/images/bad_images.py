"""Bad images: those that cannot be used and those that are damaged, each reported once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from deelish.common.printing import say
from deelish.common.processes import Group
from deelish.errors import DataError
from deelish.images.sample import Sample
from deelish.images.views.view import view_seed

# What is done about an image that cannot be used.
RAISE, SKIP, REPLACE = "raise", "skip", "replace"
CHOICES = (RAISE, SKIP, REPLACE)
# More bad images than this, and than one in a hundred, are a fault of the list.
MOST_BAD = 20
# The draws of a replacement must differ from those of the view and the mixture at the same index.
REPLACING = 2

# An image that cannot be used, and why.
BadImage = tuple[Sample, str]


class Note(NamedTuple):
    """What is wrong with the image at a position of the list; `used` where it is used anyway."""

    position: int
    reason: str
    used: bool


def damage_line(where: str, damage: str) -> str:
    """The line that reports a damaged JPEG file, once."""
    return f"{where}: the JPEG data is damaged ({damage}); its pixels are used as they were decoded"


def replacements(seed: int, epoch: int, index: int, count: int) -> Iterator[int]:
    """The indices that are tried, one after the other, in the place of a bad image of `count`.

    They depend on seed, epoch and index alone.  After MOST_BAD + 1 of them no image is good: in a
    short list, more are bad than may be.
    """
    draw = np.random.Generator(np.random.PCG64(view_seed(seed, epoch, index, REPLACING))).random
    tried = {index}
    while len(tried) < min(count, MOST_BAD + 2):
        other = int(draw() * count)
        if other not in tried:
            tried.add(other)
            yield other


class BadImages:
    """The bad images of a list, known to every process of a group.

    Attributes:
        notes: what was found so far, each once.
        unusable: each sample that cannot be used, with the reason.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._known: set[tuple[int, bool]] = set()
        self.notes: list[Note] = []
        self.unusable: list[BadImage] = []

    def news(self, notes: Iterable[Note]) -> list[Note]:
        """Those that are not known yet, each once."""
        first: dict[tuple[int, bool], Note] = {}
        for note in notes:
            first.setdefault((note.position, note.used), note)
        return [note for which, note in first.items() if which not in self._known]

    def share(self, news: Sequence[Note], group: Group) -> None:
        """Learn what any process of the group found; all of them call it, for the same batch.

        Prints a line for each damaged image.  Raises DataError, in every process, where too many
        images cannot be used.
        """
        for line in group.all_gather([json.dumps(note) for note in news]):
            note = Note(*json.loads(line))
            if (note.position, note.used) not in self._known:
                self._add(note)
                if note.used:
                    say(note.reason)
        self._check_count()

    def restore(self, notes: Iterable[Sequence[Any]]) -> None:
        """Know what was found before this process began: the values of `notes`."""
        for values in notes:
            self._add(Note(*values))

    def _add(self, note: Note) -> None:
        self._known.add((note.position, note.used))
        self.notes.append(note)
        if not note.used:
            self.unusable.append((self._samples[note.position], note.reason))

    def _check_count(self) -> None:
        bad, count = len(self.unusable), len(self._samples)
        most = max(MOST_BAD, count // 100)
        if bad > most:
            raise DataError(
                f"{self._samples[0].source}: {bad} of its {count} images cannot be used, where"
                f" {most} may be bad (the first: {self.unusable[0][1]}); correct the list or its"
                " files, and start again"
            )
