"""Which photographs a student learns from, and which measure it: by the digests of their bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deelish.cli.experiment.photographs import Photograph, Photographs
from deelish.errors import DataError

# The fractions of each class that validate and test.
VAL, TEST = 0.1, 0.2
# The fewest images of a class that give each part one, and training three.
LEAST = 5


@dataclass(frozen=True)
class Split:
    """The parts of a set of photographs; in each, every class has its fraction."""

    train: list[Photograph]
    val: list[Photograph]
    test: list[Photograph]


def split(photographs: Photographs) -> Split:
    """Divide the images of each class, in the order of their digests.

    The same images are divided alike on every machine, whatever their files are called.

    Raises:
        DataError: a class has too few images.
    """
    parts = Split([], [], [])
    for label in photographs.labels:
        images = sorted(photographs.of(label), key=lambda image: image.digest)
        if len(images) < LEAST:
            raise DataError(
                f"{photographs.folder / label}: holds {len(images)} images that can be used, and"
                f" training, validation and test need at least {LEAST} of each class; add some, or"
                " take the folder away"
            )
        test, val = (max(1, round(len(images) * fraction)) for fraction in (TEST, VAL))
        parts.test.extend(images[:test])
        parts.val.extend(images[test : test + val])
        parts.train.extend(images[test + val :])
    return parts


def list_text(images: Sequence[Photograph], labels: Sequence[str], folder: Path) -> str:
    """A list of images with their labels, the paths as they are from a folder."""
    numbers = {label: number for number, label in enumerate(labels)}
    lines = (f"{_path(image.path, folder)} {numbers[image.label]}" for image in images)
    return "".join(f"{line}\n" for line in lines)


def _path(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return str(path.resolve())
