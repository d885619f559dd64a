"""The images on which a student differs most from its teacher, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from deelish.common.html import quietly
from deelish.comparison.table import Row, percentage
from deelish.errors import DataError
from deelish.images.pixels import packed
from deelish.images.reading import decode_at
from deelish.images.sample import Location
from deelish.images.thumbnails import LARGEST, thumbnails

if TYPE_CHECKING:
    from PIL import Image


class Worst:
    """Some images of a comparison, with what teacher and student make of them.

    Attributes:
        rows: for each image its path, the true class, and class and confidence of both, the
            highest KL(teacher || student) first.
        images: float32 (n, 3, 160, 160), RGB from 0 to 255, each in the middle of its square.
    """

    def __init__(self, rows: Sequence[Row], locations: Mapping[str, Location | None]) -> None:
        self.rows = list(rows)
        self.images = np.stack([_square(row, locations.get(row["path"])) for row in rows])

    @property
    def captions(self) -> list[str]:
        """The classes of each image, a line each: true, teacher's, student's."""
        return ["\n".join(_lines(row)) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return "\n".join(f"{row['path']}: {', '.join(_lines(row))}" for row in self.rows)

    @quietly
    def _repr_html_(self) -> str:
        """The images with the classes below them, for a notebook."""
        below = ["<br>".join(map(escape, _lines(row))) for row in self.rows]
        return thumbnails(self.images, below, most=len(self.rows))


def _lines(row: Row) -> list[str]:
    return [
        f"true: {row['true']}",
        f"teacher: {row['teacher']} {percentage(row['teacher_confidence'])}",
        f"student: {row['student']} {percentage(row['student_confidence'])}",
    ]


def _square(row: Row, location: Location | None) -> np.ndarray:
    from PIL import Image

    if location is None:
        raise DataError(f"{row['path']}: is no image; the rows are in comparison.different")
    image = _fitted(Image.fromarray(packed(decode_at(location).pixels)))
    square = Image.new("RGB", (LARGEST, LARGEST), (128, 128, 128))
    square.paste(image, ((LARGEST - image.width) // 2, (LARGEST - image.height) // 2))
    return np.asarray(square, np.float32).transpose(2, 0, 1)


def _fitted(image: Image.Image) -> Image.Image:
    """The image as large as its square allows; a small one by a whole factor, pixel by pixel."""
    from PIL import Image

    factor = LARGEST // max(image.size)
    if factor > 1:
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    image.thumbnail((LARGEST, LARGEST))
    return image
