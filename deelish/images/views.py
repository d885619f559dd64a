"""A view: the recorded recipe of one window into an image."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

# Side of the view and of the image that it is cut from, where no network says its own.
UNSEEN = (224, 256)

# What `views=` calls the middle of every image.
CENTRE = "centre"


@dataclass(frozen=True)
class View:
    """Where the window lies and whether it is mirrored; the same for every size of window.

    left and top are places in the free margin: 0 is left or top, 1 is right or bottom.
    """

    seed: int
    left: float
    top: float
    mirror: bool

    @classmethod
    def random(cls, seed: int, mirror: bool = True) -> View:
        """A view drawn from the seed (0 or more) and from nothing else."""
        left, top, side = np.random.Generator(np.random.PCG64(seed)).random(3).tolist()
        return cls(seed, left, top, mirror and side < 0.5)

    @classmethod
    def recorded(cls, digest: bytes, number: int, mirror: bool = True) -> View:
        """View `number` (0 or more) of the image with this digest, whatever list it is in."""
        return cls.random(content_seed(digest, number, b"view"), mirror)

    @classmethod
    def centre(cls) -> View:
        """The middle of the image, as it is; its seed is -1, as nothing is drawn."""
        return cls(-1, 0.5, 0.5, False)

    def to_bytes(self) -> bytes:
        """What the pixels hang on, exactly: left and top as 64-bit floats, then the mirror."""
        return struct.pack("<dd?", self.left, self.top, self.mirror)

    def box(
        self, width: int, height: int, size: int, base: int
    ) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the window, in pixels of the original image.

        The image counts as base x base pixels whatever its aspect, as in Caffe's
        convert_imageset; the window is size x size of them, at a whole offset.
        """
        left, top = _offset(self.left, base - size), _offset(self.top, base - size)
        return (
            left * width / base,
            top * height / base,
            (left + size) * width / base,
            (top + size) * height / base,
        )


def _offset(place: float, margin: int) -> int:
    # Rounding one half down gives Caffe's floor(margin / 2) at the centre of an odd margin.
    return math.ceil(margin * place - 0.5)


def render(image: Image.Image, view: View, size: int, base: int) -> NDArray[np.uint8]:
    """The view of an RGB image: pixels (size, size, 3), not to be written to.

    One bilinear resize of the window.  Pillow keeps the box as 32-bit floats, so on noise 3 in
    1000 values differ by 1 of 255 from a resize of the whole image to base x base and a crop;
    1 in 50 million differs by 2.
    """
    from PIL import Image

    box = view.box(image.width, image.height, size, base)
    window = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    if view.mirror:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # NumPy's own way through Pillow copies them once more.
    return np.frombuffer(window.tobytes(), np.uint8).reshape(size, size, 3)


def view_seed(seed: int, epoch: int, index: int, *purpose: int) -> int:
    """A 63-bit seed for the view of item `index` in `epoch`; all are 0 or more.

    With a purpose (1 or more), another one, for another draw at the same place.
    """
    place = (seed, epoch, index, *purpose)
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0]) >> 1


def file_digest(data: bytes) -> bytes:
    """BLAKE2b of a file's bytes, 16 bytes long."""
    return blake2b(data, digest_size=16).digest()


def content_seed(digest: bytes, number: int, purpose: bytes) -> int:
    """A 63-bit seed for view `number` of the file with this digest, and for nothing else."""
    place = digest + number.to_bytes(8, "little")
    return int.from_bytes(blake2b(place, digest_size=8, person=purpose).digest(), "little") >> 1
