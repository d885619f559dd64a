"""A view: the recorded position of one window into an image."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from deelish.images.decoding.decode import DECODING
from deelish.plan.rendering import Rendering

# The pixels of a view depend on these too, beside the file, the view and its rendering. Raise the
# second number when every view is cut in another way than before: both are part of cache keys.
PIXELS = (DECODING, 2)
# The same for random windows alone. It is 1 since each place of the window is equally probable;
# before that, no number was in the key.
WINDOWS = 1

# What `views=` calls the middle of every image.
CENTRE = "centre"


@dataclass(frozen=True)
class View:
    """Where the window is and whether it is mirrored; the same for every rendering.

    left and top are fractions of the free margin: 0 is left or top, 1 is right or bottom. So of
    two renderings the smaller window is inside the larger one.
    seed: what they were drawn from; below 0 for the middle.
    box: left, top, right and bottom as fractions of the image's width and height. Where there is
    one, the view is this box, stretched to the size of each network.
    padding: by how much of its own side the window may begin before the image or end behind it.
    What it shows there is the image, reflected at its edge.
    """

    seed: int
    left: float
    top: float
    mirror: bool
    box: tuple[float, float, float, float] | None = None
    padding: float = 0.0

    @classmethod
    def random(cls, seed: int, mirror: bool = True, padding: float = 0.0) -> View:
        """A view drawn from the seed (0 or more) and from nothing else."""
        left, top, side = np.random.Generator(np.random.PCG64(seed)).random(3).tolist()
        return cls(seed, left, top, mirror and side < 0.5, None, padding)

    @classmethod
    def recorded(
        cls, digest: bytes, number: int, mirror: bool = True, padding: float = 0.0
    ) -> View:
        """View `number` (0 or more) of the image with this digest, whatever list it is in."""
        return cls.random(content_seed(digest, number, b"view"), mirror, padding)

    @classmethod
    def centre(cls) -> View:
        """The middle of the image, as it is; its seed is -1, as nothing is drawn."""
        return cls(-1, 0.5, 0.5, False)

    def to_bytes(self) -> bytes:
        """What the pixels depend on, exactly: left and top as 64-bit floats, the mirror, the box.

        A view without a box has none in its bytes, nor one without padding its padding; where a
        view without a box is random, it has WINDOWS.
        """
        where = struct.pack("<dd?", self.left, self.top, self.mirror)
        if self.box is not None:
            return where + struct.pack("<dddd", *self.box)
        if self.padding:
            where += struct.pack("<d", self.padding)
        return where + bytes([WINDOWS]) if self._is_drawn else where

    @property
    def _is_drawn(self) -> bool:
        return self.seed >= 0

    def corner(self, rendering: Rendering, width: int, height: int) -> tuple[int, int]:
        """Left and top of the window, in pixels of a resized image of these sides."""
        if not self._is_drawn:
            return rendering.centre(width), rendering.centre(height)
        pad = rendering.padding(self.padding)
        left = rendering.offset(self.left, width + 2 * pad) - pad
        return left, rendering.offset(self.top, height + 2 * pad) - pad

    def decoding_size(self, rendering: Rendering) -> int | None:
        """What decoding needs: the size of the resize, or None for the whole image.

        A decoder rounds up the sides of a reduced image, so that a box would be elsewhere there.
        """
        return rendering.resize_size if self.box is None else None


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


def content_seeds(digests: Sequence[bytes], number: int, purpose: bytes) -> NDArray[np.uint64]:
    """`content_seed` of each file."""
    return np.array([content_seed(each, number, purpose) for each in digests], np.uint64)
