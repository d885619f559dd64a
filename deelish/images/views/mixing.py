"""Two images made one: mixup and CutMix, the same at every size."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIXUP, CUTMIX = "mixup", "cutmix"


@dataclass(frozen=True)
class Mixture:
    """How an image and its partner are mixed; `ratio`, 0 to 1, is the weight of the image.

    "mixup" (Zhang et al. 2018) takes ratio * image + (1 - ratio) * partner in every pixel.
    "cutmix" (Yun et al. 2019) takes the partner in a square box with 1 - ratio of the area, and the
    image around it. `left` and `top` of the box are fractions of the side.

    The ratio is uniform, as in function matching (Beyer et al. 2022) and in CutMix.  The box is
    wholly inside the image, so that its area is 1 - ratio and needs no correction afterwards.
    """

    kind: str
    ratio: float
    left: float = 0.0
    top: float = 0.0

    @classmethod
    def draw(cls, kind: str, ratio: float, left: float, top: float) -> Mixture:
        """From three numbers in [0, 1): the ratio, and where the box is in its free margin."""
        if kind == MIXUP:
            return cls(kind, ratio)
        margin = 1 - math.sqrt(1 - ratio)
        return cls(kind, ratio, left * margin, top * margin)

    def box(self, size: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the partner's box in a view of size x size pixels."""
        side = math.sqrt(1 - self.ratio)
        edges = (self.left, self.top, self.left + side, self.top + side)
        left, top, right, bottom = (round(edge * size) for edge in edges)
        return left, top, right, bottom

    def apply(self, image: NDArray[np.uint8], partner: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The mixture of two views (size, size, 3), rounded to whole values."""
        if self.kind == MIXUP:
            ratio, rest = np.float32(self.ratio), np.float32(1 - self.ratio)
            mixed = image.astype(np.float32) * ratio + partner.astype(np.float32) * rest
            return np.rint(mixed).astype(np.uint8)
        left, top, right, bottom = self.box(len(image))
        pasted = image.copy()
        pasted[top:bottom, left:right] = partner[top:bottom, left:right]
        return pasted

    def to_bytes(self) -> bytes:
        """What the pixels depend on, exactly: kind, ratio and box."""
        return self.kind.encode() + struct.pack("<ddd", self.ratio, self.left, self.top)
