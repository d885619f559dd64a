"""The photographs of a folder: each read and decoded once, copies and bad files left out."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from deelish.common.printing import say
from deelish.common.processes import available_cores
from deelish.errors import DataError
from deelish.images.class_folders import class_folders
from deelish.images.decoding.decode import decode_for, read_file
from deelish.images.decoding.jpeg import jpeg_size
from deelish.images.lists import images_in

# Large JPEG files are decoded at the scale that this side needs, which reads all of their data.
CHECKED_SIDE = 256
# So many of what was left out are named, the rest is counted.
SHOWN = 5
# A file that is read takes memory: so many wait for the one that is slow.
AT_ONCE = 256


# What the folders of a folder that is divided already are for. Of several copies of an image that
# in the first of these is kept: one that tests is not learnt from.
PARTS = {
    "test": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "train": "train",
}


@dataclass(frozen=True)
class Photograph:
    """An image that can be used: its class, the digest of its bytes and its shorter side.

    part: "train", "val" or "test" where the folder is divided already, else "".
    """

    path: Path
    label: str
    digest: bytes
    side: int
    part: str = ""


@dataclass(frozen=True)
class Photographs:
    """The images of a folder of class folders.

    Attributes:
        folder: the folder.
        labels: the names of the classes, sorted.
        images: those that can be used, in the order of their paths.
        left_out: what is not used and why, a line each.
    """

    folder: Path
    labels: list[str]
    images: list[Photograph]
    left_out: list[str]

    def of(self, label: str) -> list[Photograph]:
        """Those of a class."""
        return [image for image in self.images if image.label == label]

    @property
    def side(self) -> int:
        """The median of the shorter sides, in pixels."""
        return round(statistics.median(image.side for image in self.images))

    def report(self) -> None:
        """Print what is there and what is left out."""
        counts = ", ".join(f"{label} {len(self.of(label)):,}" for label in self.labels)
        say(
            f"{self.folder}: {len(self.images):,} images of {len(self.labels)} classes ({counts}),"
            f" shorter side {self.side} pixels in the median"
        )
        for line in self.left_out[:SHOWN]:
            say(f"left out: {line}")
        if len(self.left_out) > SHOWN:
            say(f"left out: {len(self.left_out) - SHOWN:,} more, of {len(self.left_out):,} in all")


def photographs_in(folder: Path) -> Photographs:
    """Look at every image of a folder of class folders.

    An image is used once, also where copies of its file are there. Copies in two classes are all
    left out, since one of their labels is wrong.

    Raises:
        DataError: the folder is missing or holds no two classes of images.
    """
    parts = _parts(folder)
    labels = _labels(folder / parts["train"] if parts else folder)
    paths = [
        (place / path, label, part)
        for part, name in (parts or {"": ""}).items()
        for label in _checked_labels(folder / name, labels)
        for place in [folder / name / label]
        for path in images_in(place)
    ]
    found: list[Photograph] = []
    left_out: list[str] = []
    with ThreadPoolExecutor(available_cores()) as threads:
        for start in range(0, len(paths), AT_ONCE):
            for made in threads.map(_looked_at, paths[start : start + AT_ONCE]):
                if isinstance(made, str):
                    left_out.append(made)
                else:
                    found.append(made)
    images, copies = _without_copies(found)
    left_out += copies
    empty = next((label for label in labels if not any(i.label == label for i in images)), None)
    if empty is not None:
        more = f" (the first: {left_out[0]})" if left_out else ""
        raise DataError(
            f"{folder / empty}: holds no image that can be used{more}; put some there, or take the"
            " folder away"
        )
    return Photographs(folder, labels, images, left_out)


def _parts(folder: Path) -> dict[str, str]:
    """The folders that divide a folder already, by what they are for; none where it has classes."""
    names = class_folders(folder)
    found = {PARTS[name.lower()]: name for name in names if name.lower() in PARTS}
    if "train" not in found or len(found) < len(names):
        return {}
    return {part: found[part] for part in dict.fromkeys(PARTS.values()) if part in found}


def _checked_labels(folder: Path, labels: Sequence[str]) -> list[str]:
    """The class folders of a folder.

    Raises:
        DataError: one is not among the labels.
    """
    found = class_folders(folder)
    other = next((name for name in found if name not in labels), None)
    if other is not None:
        raise DataError(
            f"{folder / other}: is no class of the training images, {', '.join(labels)}; take it"
            " away, or add images of it to them"
        )
    return found


def _labels(folder: Path) -> list[str]:
    """The names of the classes.

    Raises:
        DataError: there is no such folder, or it has no two class folders.
    """
    if not folder.is_dir():
        got = "is a file" if folder.exists() else "is not there"
        raise DataError(
            f"{folder}: {got}; give a folder with a folder of images for each class, such as"
            f" {folder}/cat/1.jpg"
        )
    labels = class_folders(folder)
    if len(labels) < 2:
        got = f"one class folder, {labels[0]!r}" if labels else "no class folders"
        raise DataError(
            f"{folder}: has {got}; put the images of each class into a folder with its name, such"
            f" as {folder}/cat/1.jpg and {folder}/dog/1.jpg"
        )
    return labels


def _looked_at(item: tuple[Path, str, str]) -> Photograph | str:
    """The image, or why it cannot be used."""
    path, label, part = item
    try:
        if {"\n", "\r"} & set(str(path)):
            raise DataError(f"{str(path)!r}: its name has a line break, and a list has a line each")
        data = read_file(path)
        pixels = decode_for(path, CHECKED_SIDE, data).pixels
    except DataError as error:
        return str(error)
    height, width, _ = pixels.shape
    side = min(jpeg_size(data) or (width, height))
    return Photograph(path, label, sha256(data).digest(), side, part)


def _without_copies(found: Sequence[Photograph]) -> tuple[list[Photograph], list[str]]:
    """The first of all images with the same bytes, and a line for each of the others."""
    same: dict[bytes, list[Photograph]] = {}
    for image in found:
        same.setdefault(image.digest, []).append(image)
    kept, left_out = [], []
    for images in same.values():
        if len({image.label for image in images}) > 1:
            left_out.append(f"{_joined(images)}: the same image in several classes")
            continue
        kept.append(images[0])
        left_out += [f"{image.path}: a copy of {images[0].path}" for image in images[1:]]
    return sorted(kept, key=lambda image: image.path), left_out


def _joined(images: Iterable[Photograph]) -> str:
    return " and ".join(str(image.path) for image in images)
