"""A Pillow image in any mode: as RGB of eight bits, and turned upright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deelish.errors import DataError
from deelish.images.decoding.lending import array_of
from deelish.images.pixels import pack

if TYPE_CHECKING:
    from PIL import Image

    from deelish.images.pixels import Pixels


# A larger image is converted in strips, which takes half of the memory: no second copy is made of
# the whole. Pillow lends no larger one either.
STRIP_PIXELS = 1 << 22


def rgb_pixels(image: Image.Image) -> Pixels:
    """The pixels of an image in any mode by the rules of `eight_bit_rgb`, as `array_of` gives them.

    Raises DataError as `eight_bit_rgb` does.
    """
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    if rows >= height:
        return array_of(eight_bit_rgb(image))
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        pack(array_of(eight_bit_rgb(strip)), pixels[top : top + rows])
    return pixels


def eight_bit_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB: 16-bit grey is scaled to 8 bits, transparency is laid on white.

    Raises DataError, without the image's name, for grey values beyond 16 bits.
    """
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(layer, mask=layer)
    return flat


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits, rounded; Pillow's own convert would clip at 255."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"the pixels run from {values.min():g} to {values.max():g} in mode {image.mode!r};"
            " save the image with 8 or 16 bits"
        )
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def upright(pixels: Pixels, image: Image.Image) -> Pixels:
    """Pixels (h, w, any) of an image, turned and mirrored by its EXIF orientation."""
    orientation = _orientation(image)
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _orientation(image: Image.Image) -> int:
    """From 1 to 8; 1 when the EXIF block cannot be read, as in image viewers."""
    from PIL import ExifTags

    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken EXIF block is no reason to lose the image
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
