"""A view: the recorded position of one window into an image."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from deelish.images.decoding.decode import DECODING
from deelish.images.pixels import Pixels, packed

# The pixels of a view depend on these too, beside the file, the view and its view size. Raise the
# second number when a view is cut in another way than before: both are part of cache keys.
PIXELS = (DECODING, 2)

# Side of a view, and of the resized square it is cut from, where no network sets them.
DEFAULT_VIEW_SIZE = (224, 256)

# What `views=` calls the middle of every image.
CENTRE = "centre"


@dataclass(frozen=True)
class View:
    """Where the window is and whether it is mirrored; the same at every size.

    left and top are fractions of the free margin: 0 is left or top, 1 is right or bottom.
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
        """What the pixels depend on, exactly: left and top as 64-bit floats, then the mirror."""
        return struct.pack("<dd?", self.left, self.top, self.mirror)

    def corner(self, size: int, resize_size: int) -> tuple[int, int]:
        """Left and top of a window of `size`, in pixels of the image of `resize_size`."""
        return _offset(self.left, resize_size - size), _offset(self.top, resize_size - size)


def _offset(fraction: float, margin: int) -> int:
    # Rounding one half down gives Caffe's floor(margin / 2) at the centre of an odd margin.
    return math.ceil(margin * fraction - 0.5)


def resized(image: Pixels, resize_size: int) -> Pixels:
    """An image uint8 (h, w, 3 or 4), resized to a square whatever its aspect, as in Caffe's tools.

    Bilinear, along the rows and then along the columns.  On photographs 2 values in 1000 differ by
    1 of 255 from Pillow's, and 1 in 80 million by 2.  (Pillow 13 takes the columns of tall images
    first, of which up to a quarter differ by 1.)  An image of that size is returned as it is.
    """
    if image.shape[:2] == (resize_size, resize_size):
        return image
    # Not above: it imports torch.
    from deelish.engines.torch.resizing import resize

    return resize(image, resize_size)


def cut(image: Pixels, view: View, size: int) -> Pixels:
    """The view of a resized image (side, side, 3 or 4): its own memory, (size, size, 3 or 4)."""
    left, top = view.corner(size, len(image))
    window = image[top : top + size, left : left + size]
    return window[:, ::-1] if view.mirror else window


def render(image: Pixels, view: View, size: int, resize_size: int) -> Pixels:
    """The view of an image (h, w, 3 or 4), resized first: pixels (size, size, 3).

    Do not write to them.
    """
    return packed(cut(resized(image, resize_size), view, size))


def view_seed(seed: int, epoch: int, index: int, *purpose: int) -> int:
    """A 63-bit seed for the view of sample `index` in `epoch`; all are 0 or more.

    purpose (1 or more): gives another seed, for another draw at the same index.
    """
    entropy = (seed, epoch, index, *purpose)
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]) >> 1


def file_digest(data: bytes) -> bytes:
    """BLAKE2b of a file's bytes, 16 bytes long."""
    return blake2b(data, digest_size=16).digest()


def content_seed(digest: bytes, number: int, purpose: bytes) -> int:
    """A 63-bit seed for view `number` of the file with this digest; it depends on nothing else."""
    data = digest + number.to_bytes(8, "little")
    return int.from_bytes(blake2b(data, digest_size=8, person=purpose).digest(), "little") >> 1
