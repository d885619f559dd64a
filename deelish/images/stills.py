"""Images given at the prompt, in memory, seen in their centre view."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from deelish.errors import DataError
from deelish.images.decoding.decode import decode_for, read_file, to_rgb
from deelish.images.decoding.frames import Frame, Opened
from deelish.images.pixels import Pixels, from_array, packed
from deelish.images.views.view import UNSEEN, View, render

if TYPE_CHECKING:
    from PIL.Image import Image

One: TypeAlias = "str | Path | Image | np.ndarray"
Source: TypeAlias = "One | Sequence[One]"


class Stills:
    """One or more images in memory, in views that no key names.

    A file is seen as in a training; another image is taken as it is, however large.
    """

    keys = None

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = list(frames)

    @classmethod
    def of(cls, source: Source) -> Stills:
        """A path, a PIL image, a NumPy array (h, w, 3) RGB or (h, w) grey; or a list of these.

        Raises:
            DataError: no image there, or an array that is none.
        """
        if isinstance(source, list | tuple) or (
            isinstance(source, np.ndarray) and source.ndim == 4
        ):
            frames = [_frame(one) for one in source]
        else:
            frames = [_frame(source)]
        if not frames:
            raise DataError("Input: an empty list; give at least one image")
        return cls(frames)

    def pixels(self, size: int, base: int) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: the centre of each image made base x base."""
        images = [frame.at(base).pixels for frame in self._frames]
        return np.stack([render(image, View.centre(), size, base) for image in images])

    def __len__(self) -> int:
        return len(self._frames)


def _frame(source: object) -> Frame:
    if isinstance(source, str | Path):
        # The bytes are held, as another base may want another scale of them.
        frame = Frame(partial(_decoded, source, read_file(source)))
        frame.at(UNSEEN[1])  # so that a bad file is refused here
        return frame
    opened = Opened(_pixels(source), None, None)
    return Frame(lambda _: opened)


def _decoded(path: str | Path, data: bytes, base: int) -> Opened:
    pixels, scale = decode_for(path, base, data)
    return Opened(pixels, scale, None)


def _pixels(source: object) -> Pixels:
    from PIL import Image

    if isinstance(source, Image.Image):
        # A copy, as the user may draw on the image.
        return np.array(packed(to_rgb(source)))
    if isinstance(source, np.ndarray):
        return from_array(source)
    raise DataError(
        f"Input: {type(source).__name__} is no image; give a path, a PIL image, or a NumPy array"
        " (height, width, 3) in RGB"
    )
