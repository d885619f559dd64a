"""A view: the recorded recipe of one window into an image."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from deelish.images.decoding.decode import DECODING
from deelish.images.pixels import Pixels, packed

# What the pixels of a view hang on beside the file, the view, its size and its base; the second is
# one more when a view is cut otherwise than before.
PIXELS = (DECODING, 2)

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

    def corner(self, size: int, base: int) -> tuple[int, int]:
        """Left and top of the window of size x size pixels, in the image of base x base."""
        return _offset(self.left, base - size), _offset(self.top, base - size)


def _offset(place: float, margin: int) -> int:
    # Rounding one half down gives Caffe's floor(margin / 2) at the centre of an odd margin.
    return math.ceil(margin * place - 0.5)


def resized(image: Pixels, base: int) -> Pixels:
    """An image uint8 (h, w, 3 or 4) made base x base whatever its aspect, as Caffe's tools do.

    Bilinear, along the rows and then along the columns.  On photographs 2 values in 1000 differ by
    1 of 255 from Pillow's, and 1 in 80 million by 2.  (Pillow 13 takes the columns of tall images
    first, of which up to a quarter differ by 1.)  An image of that size is given back as it is.
    """
    if image.shape[:2] == (base, base):
        return image
    # Not above: it imports torch.
    from deelish.engines.torch.resizing import resize

    return resize(image, base)


def cut(whole: Pixels, view: View, size: int) -> Pixels:
    """The view of an image (base, base, 3 or 4): its own pixels (size, size, 3 or 4)."""
    left, top = view.corner(size, len(whole))
    window = whole[top : top + size, left : left + size]
    return window[:, ::-1] if view.mirror else window


def render(image: Pixels, view: View, size: int, base: int) -> Pixels:
    """The view of an image (h, w, 3 or 4) made base x base: pixels (size, size, 3).

    They are not to be written to.
    """
    return packed(cut(resized(image, base), view, size))


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
