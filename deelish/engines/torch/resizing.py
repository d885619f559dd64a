"""Resizes whole images by torch, which resizes bytes some times as fast as Pillow."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

# Where torch resizes bytes in vectors, by the thread that asks; elsewhere it takes twice Pillow's
# time, and threads of its own.
VECTORS = ("AVX2", "AVX512")
# What torch resizes as Pillow does; its "nearest" takes other pixels.
SHARED = ("bilinear", "bicubic")
PARTIAL = {
    "bilinear": torch.ops.aten._upsample_bilinear2d_aa,
    "bicubic": torch.ops.aten._upsample_bicubic2d_aa,
}


def resize(
    pixels: NDArray[np.uint8],
    sides: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = True,
    part: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """An image uint8 (h, w, any) resized to sides, its width and height: (height, width, any).

    any: three channels, or four.  interpolation: one of Pillow's.  Without antialiasing the pixels
    are those of torch.  part: where the result may end, to the right and down, in pixels; what
    is beyond need not be computed.  Threads may call it at once.
    """
    vectors = torch.backends.cpu.get_cpu_capability() in VECTORS
    if interpolation not in SHARED or (antialias and not vectors):
        return _by_pillow(pixels, sides, interpolation)
    if not (pixels.flags.c_contiguous and pixels.flags.writeable):
        pixels = np.array(pixels, order="C")  # torch requires whole strides, and warns of the other
    height, width, depth = pixels.shape
    # torch takes the slow way where the stride of the one image is not as if there were more.
    strides = (depth * width * height, 1, depth * width, depth)
    images = torch.as_strided(torch.from_numpy(pixels), (1, depth, height, width), strides)
    if part is None or not antialias:
        whole = interpolate(images, sides[::-1], mode=interpolation, antialias=antialias)
    else:
        # What interpolate calls: with the scales given, it may compute less than the whole.
        ends = [_end(*each) for each in zip(part, sides, (width, height), strict=True)]
        scales = sides[1] / height, sides[0] / width
        whole = PARTIAL[interpolation](images, ends[::-1], False, *scales)
    resized: NDArray[np.uint8] = whole[0].permute(1, 2, 0).numpy()
    return resized


def _end(end: int, side: int, before: int) -> int:
    """Where a part ends along a side that was `before` and becomes `side` pixels long."""
    # Where a part is as long as the side before, torch takes it for a copy.
    return min(end + (end == before), side)


def _by_pillow(
    pixels: NDArray[np.uint8], sides: tuple[int, int], interpolation: str
) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    return np.asarray(image.resize(sides, Image.Resampling[interpolation.upper()]))
