"""Resizes whole images by torch, which resizes bytes some times as fast as Pillow."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

# Where torch resizes bytes in vectors, by the thread that asks; elsewhere it takes twice Pillow's
# time, and threads of its own.
VECTORS = ("AVX2", "AVX512")


def resize(pixels: NDArray[np.uint8], base: int) -> NDArray[np.uint8]:
    """An image uint8 (h, w, any) made (base, base, any), bilinear.

    any: three channels, or four. Threads may call it at once.
    """
    if torch.backends.cpu.get_cpu_capability() not in VECTORS:
        return _by_pillow(pixels, base)
    if not (pixels.flags.c_contiguous and pixels.flags.writeable):
        pixels = np.array(pixels, order="C")  # torch requires whole strides, and warns of the other
    height, width, depth = pixels.shape
    # torch takes the slow way where the stride of the one image is not as if there were more.
    strides = (depth * width * height, 1, depth * width, depth)
    images = torch.as_strided(torch.from_numpy(pixels), (1, depth, height, width), strides)
    whole = interpolate(images, (base, base), mode="bilinear", antialias=True)
    resized: NDArray[np.uint8] = whole[0].permute(1, 2, 0).numpy()
    return resized


def _by_pillow(pixels: NDArray[np.uint8], base: int) -> NDArray[np.uint8]:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    return np.asarray(image.resize((base, base), Image.Resampling.BILINEAR))
