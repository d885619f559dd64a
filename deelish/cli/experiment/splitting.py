"""Which photographs a student learns from, and which measure it: by the digests of their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deelish.cli.experiment.photographs import Photograph, Photographs
from deelish.cli.experiment.spelling import path_from
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
    """Divide the images, or take the parts of a folder that is divided already.

    The images of each class are divided in the order of their digests: alike on every machine,
    whatever they are called. Where a folder has no images to test, those of validation test.

    Raises:
        DataError: a class has too few images.
    """
    given = {
        part: [image for image in photographs.images if image.part == part]
        for part in ("train", "val", "test")
    }
    if not any(given.values()):
        return _divided(photographs, photographs.images, VAL, TEST)
    if not given["test"]:
        given["test"], given["val"] = given["val"], []
    if not given["test"]:
        return _divided(photographs, given["train"], VAL, TEST)
    if not given["val"]:
        made = _divided(photographs, given["train"], VAL, 0)
        given |= {"train": made.train, "val": made.val}
    return Split(**given)


def _divided(
    photographs: Photographs, images: Sequence[Photograph], val: float, test: float
) -> Split:
    """Of each class these fractions, at least one image, validate and test."""
    parts = Split([], [], [])
    for label in photographs.labels:
        own = sorted((i for i in images if i.label == label), key=lambda image: image.digest)
        if len(own) < LEAST:
            raise DataError(
                f"{photographs.folder}: holds {len(own)} images of {label!r} that can be used, and"
                f" training, validation and test need at least {LEAST} of each class; add some, or"
                " take the folder away"
            )
        first, second = (max(1, round(len(own) * part)) if part else 0 for part in (test, val))
        parts.test.extend(own[:first])
        parts.val.extend(own[first : first + second])
        parts.train.extend(own[first + second :])
    return parts


def list_text(images: Sequence[Photograph], labels: Sequence[str], folder: Path) -> str:
    """A list of images with their labels, the paths as they are from a folder."""
    numbers = {label: number for number, label in enumerate(labels)}
    lines = (f"{path_from(folder, image.path)} {numbers[image.label]}" for image in images)
    return "".join(f"{line}\n" for line in lines)
