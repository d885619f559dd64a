"""JPEG files to Pillow's pixels by libjpeg-turbo alone, which takes two thirds of Pillow's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deelish.images.pixels import Pixels

START = b"\xff\xd8\xff"
COLOURS = ("YCbCr", "RGB", "Gray")
# What a block of EXIF or XMP begins with, and what comes after all blocks: the pixels' code.
NOTES, CODE = b"\xff\xe1", b"\xff\xda"


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG file; None for one that Pillow has to look at.

    That is one whose head is damaged, or that is neither in RGB nor in grey; and what is no JPEG.
    """
    import simplejpeg

    if not data.startswith(START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return (width, height) if colours in COLOURS else None


def has_notes(data: bytes) -> bool:
    """Whether there may be an orientation in a JPEG file."""
    return data.find(NOTES, 0, data.find(CODE)) >= 0


def decoded_jpeg(data: bytes, size: tuple[int, int], scale: int) -> Pixels | None:
    """The pixels of a JPEG file of this size, uint8 (h, w, 3), at a scale of 1, 2, 4 or 8.

    They are as they are stored, not turned.  None for what Pillow has to look at: a file that is
    damaged, or tiny.
    """
    import simplejpeg

    width, height = (-(-side // scale) for side in size)
    # Below eight pixels the decoder's scales, which are eighths, give equal sizes.
    if min(height, width) < 8:
        return None
    try:
        # It takes the smallest size that is no smaller, which is that of the scale.
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
    except ValueError:
        return None
    return pixels
