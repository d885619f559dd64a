"""One file to an RGB image, or a DataError that names it."""

from __future__ import annotations

import re
import stat
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from deelish.errors import DataError
from deelish.images.reducing import Scale, scale_for

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_PIXELS = 64_000_000
# So far torch's resize was compared with Pillow's.
MAX_SIDE = 2**24
# As many pixels, uncompressed, with four channels of 16 bits.
MAX_BYTES = 8 * MAX_PIXELS
# One more when other pixels are made of a file than before.
DECODING = 2

CURE = "replace the file or leave it out"


def decode(path: str | Path, data: bytes | None = None) -> Image.Image:
    """The image of a JPEG, PNG, BMP, WebP, PPM or GIF file (its first frame), in RGB, upright.

    16-bit grey is scaled to 8 bits and transparency is laid on white.  Raises DataError with the
    path when the file is missing, empty, no image, cut off, damaged or above MAX_PIXELS.

    data: what read_file gave for this path; the file is not opened again.
    """
    return decode_for(path, None, data)[0]


def decode_for(
    path: str | Path, base: int | None, data: bytes | None = None
) -> tuple[Image.Image, Scale]:
    """What `decode` gives, for a resize to base x base: a large JPEG is decoded at a smaller scale.

    MAX_PIXELS counts the pixels of the file.  The scale is `scale_for` its size, or None.
    """
    if data is not None:
        return _decoded(BytesIO(data), str(path), base)
    path = path if isinstance(path, Path) else Path(path)  # to make one takes longer than to look
    whole = _check_file(path) <= MAX_BYTES
    try:
        with path.open("rb", buffering=0 if whole else -1) as file:
            # Pillow asks for a file in many small pieces.
            return _decoded(BytesIO(file.read()) if whole else file, str(path), base)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_file(path: str | Path) -> bytes:
    """The bytes of an image file; raises DataError with decode's words, or above MAX_BYTES."""
    path = path if isinstance(path, Path) else Path(path)
    check_bytes(path, _check_file(path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def check_bytes(name: str | Path, count: int) -> None:
    """Raises DataError where so many bytes, more than MAX_BYTES, are too many for an image."""
    if count > MAX_BYTES:
        raise DataError(
            f"{name}: the file has {count} bytes, more than an image of {MAX_PIXELS // 10**6}"
            f" million pixels; {CURE}"
        )


def to_rgb(image: Image.Image) -> Image.Image:
    """An image in memory in RGB, upright, with the same rules as decode.

    Mode "I" counts as 16-bit grey, as in Pillow's own files.  Raises DataError.
    """
    name = str(getattr(image, "filename", "") or "image")
    _check_size(image, name)
    return _to_rgb(image, name)


def _check_file(path: Path) -> int:
    """Look before opening, as to open a pipe would wait for ever; returns the file's size."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            f"{path}: there is no such image; correct the path or take it off the list"
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError(f"{path}: this is a folder; name an image file")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path}: this is a pipe, a device or a socket; name an image file")
    if status.st_size == 0:
        raise DataError(f"{path}: the file is empty; {CURE}")
    return status.st_size


def _unreadable(path: str | Path, error: Exception) -> DataError:
    return DataError(f"{path}: the image cannot be read ({_reason(error)}); {CURE}")


def _parse(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """The image with its header read, by the parser that the first bytes call for."""
    head = file.read(16)
    file.seek(0)
    parser = next((parser for start, parser in _parsers() if start.match(head)), None)
    if parser is None:
        raise DataError(
            f"{name}: this is no JPEG, PNG, BMP, WebP, PPM or GIF image (it starts with"
            f" {head[:8]!r}); {CURE}"
        )
    try:
        return parser(file)
    except Exception as error:  # Pillow's parsers let anything out, from struct.error to KeyError
        raise DataError(
            f"{name}: the {parser.format} header is damaged or cut off ({_reason(error)}); {CURE}"
        ) from error


@cache
def _parsers() -> list[tuple[re.Pattern[bytes], type[ImageFile.ImageFile]]]:
    """What files begin with, and the parser for it."""
    from PIL import (
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        PpmImagePlugin,
        WebPImagePlugin,
    )

    # Not Image.open: it warns of a large image, and a warning cannot be held back in a thread.
    parsers: dict[bytes, type[ImageFile.ImageFile]] = {
        rb"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
        rb"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
        rb"BM": BmpImagePlugin.BmpImageFile,
        rb"RIFF.{4}WEBP": WebPImagePlugin.WebPImageFile,
        rb"P[1-6]\s": PpmImagePlugin.PpmImageFile,
        rb"GIF8[79]a": GifImagePlugin.GifImageFile,
    }
    return [(re.compile(start, re.DOTALL), parser) for start, parser in parsers.items()]


def _decoded(file: IO[bytes], name: str, base: int | None) -> tuple[Image.Image, Scale]:
    image = _parse(file, name)
    _check_size(image, name)
    scale = None if base is None or image.format != "JPEG" else scale_for(*image.size, base)
    if scale is not None and scale > 1:
        # Pillow takes the scale whose image is no smaller than this.
        image.draft(None, (image.width // scale, image.height // scale))
    return _to_rgb(image, name), scale


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise DataError(
            f"{name}: the image has {width} x {height} pixels; make it smaller, as at most"
            f" {MAX_PIXELS // 10**6} million are read, or leave it out"
        )


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        return _upright(_flat(image), _orientation(image))
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # Pillow's decoders let anything out too
        reason = _reason(error)
        fault = "cut off" if re.search("truncated|EOF", reason, re.IGNORECASE) else "damaged"
        raise DataError(f"{name}: the image is {fault} ({reason}); {CURE}") from error


def _flat(image: Image.Image) -> Image.Image:
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


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when the block cannot be read, as viewers do."""
    from PIL import ExifTags

    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken note beside the pixels is no reason to lose the image
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    if not 2 <= orientation <= 8:
        return image
    from PIL.Image import Transpose

    # Not ImageOps.exif_transpose: it writes the EXIF block anew and fails on tags it cannot write.
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    upright = image.transpose(turns[orientation])
    upright.info = {}
    return upright


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
