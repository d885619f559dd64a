"""JPEG files to Pillow's pixels by libjpeg-turbo alone, in two thirds of Pillow's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deelish.images.pixels import Pixels

START = b"\xff\xd8\xff"
COLOURS = ("YCbCr", "RGB", "Gray")
# What libjpeg-turbo's warnings of damaged pixels begin with. It has others, of odd headers.
DAMAGE = ("Corrupt JPEG data", "Premature end", "Inconsistent progression", "Invalid SOS")
# The markers of a block of EXIF or XMP, and of the coded pixels, which follow all blocks.
METADATA, CODE = b"\xff\xe1", b"\xff\xda"

# Cache keys were written without the decoder's version while it was this one.
FIRST_VERSION = "1.9.0"


def jpeg_decoder() -> tuple[str, ...]:
    """What the pixels of a JPEG depend on beside its file, for cache keys: what decodes it.

    Nothing for FIRST_VERSION, whose caches stay valid.
    """
    import simplejpeg

    version = simplejpeg.__version__
    return () if version == FIRST_VERSION else (f"simplejpeg {version}",)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG file; None where Pillow must read it.

    Pillow reads a file whose header is damaged, or whose colours are neither RGB nor grey, and
    everything that is no JPEG.
    """
    import simplejpeg

    if not data.startswith(START):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return (width, height) if colours in COLOURS else None


def has_metadata(data: bytes) -> bool:
    """Whether there may be an orientation in a JPEG file."""
    return data.find(METADATA, 0, data.find(CODE)) >= 0


def decoded_jpeg(data: bytes, size: tuple[int, int], scale: int) -> Pixels | None:
    """The pixels of a JPEG file of this size, uint8 (h, w, 3), at a scale of 1, 2, 4 or 8.

    Its EXIF orientation is not applied.  None where Pillow must read it: the file is tiny, or the
    decoder, which is strict unless one asks otherwise, finds it damaged.
    """
    import simplejpeg

    width, height = (-(-side // scale) for side in size)
    # Below eight pixels, several of the decoder's scales, which are eighths, give one size.
    if min(height, width) < 8:
        return None
    try:
        # The decoder takes the smallest size that is at least this, which is that of the scale.
        pixels: Pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
    except ValueError:
        return None
    return pixels


def jpeg_damage(data: bytes) -> str:
    """What the strict decoder finds wrong with a JPEG file, or "".

    Pillow decodes most files with flipped bits or lost blocks without a word.  The file is decoded
    for this, at an eighth: ask only about one that `decoded_jpeg` has not decoded, which checks it.
    """
    import simplejpeg

    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(data)
        to = "RGB" if colours in COLOURS else "CMYK"
        simplejpeg.decode_jpeg(data, to, min_height=1, min_width=1)
    except ValueError as error:
        return str(error) if str(error).startswith(DAMAGE) else ""
    return ""
