"""One file to RGB pixels, or a DataError that names it."""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deelish.errors import DataError, MissingDataError
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.decoding.jpeg import (
    START,
    decoded_jpeg,
    has_metadata,
    jpeg_damage,
    jpeg_size,
)
from deelish.images.decoding.reducing import scale_for
from deelish.images.decoding.rgb import rgb_pixels, upright
from deelish.images.ordinary_file import check_ordinary
from deelish.images.pixels import Pixels, packed

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_PIXELS = 64_000_000
# Up to this side, torch's resize was compared with Pillow's.
MAX_SIDE = 2**24
# The bytes of so many pixels, uncompressed, with four channels of 16 bits.
MAX_BYTES = 8 * MAX_PIXELS
# Raise it when a file gives other pixels than before: it is part of cache keys.
DECODING = 2

CURE = "replace the file or leave it out"


def decode(path: str | Path, data: bytes | None = None) -> Pixels:
    """The pixels of a JPEG, PNG, BMP, WebP, PPM or GIF file (its first frame), upright.

    uint8 (h, w, 3) in RGB: 16-bit grey is scaled to 8 bits and transparency is laid on white.
    Raises DataError with the path when the file is missing, empty, no image, cut off, damaged or
    above MAX_PIXELS.

    data: the bytes that read_file returned for this path; the file is not opened again.
    """
    return packed(decode_for(path, None, data).pixels)


def decode_for(
    path: str | Path, resize_size: int | None, data: bytes | None = None
) -> DecodedImage:
    """What `decode` gives, but a large JPEG is decoded at the scale that its resize needs.

    resize_size: what the image's shorter side is resized to, or more; None for the whole image.

    MAX_PIXELS counts the pixels of the file.  The scale is `scale_for` its size, or None.  A JPEG
    file whose damage Pillow passes over has its pixels as Pillow decodes them, and the damage.
    """
    if data is not None:
        return _decoded(BytesIO(data), str(path), resize_size)
    # The check is faster than making a Path.
    path = path if isinstance(path, Path) else Path(path)
    at_once = _check_file(path) <= MAX_BYTES
    try:
        with path.open("rb", buffering=0 if at_once else -1) as file:
            # Pillow asks for a file in many small pieces.
            return _decoded(BytesIO(file.read()) if at_once else file, str(path), resize_size)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_file(path: str | Path) -> bytes:
    """The bytes of an image file; raises decode's DataError, also above MAX_BYTES."""
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


def to_rgb(image: Image.Image) -> Pixels:
    """The pixels of an image in memory, with the same rules as decode, as decode_for gives them.

    Mode "I" counts as 16-bit grey, as in Pillow's own files.  Raises DataError.
    """
    name = str(getattr(image, "filename", "") or "image")
    _check_size(image.size, name)
    return _to_rgb(image, name)


def _check_file(path: Path) -> int:
    """Check before opening, since opening a pipe would wait for ever; returns the file's size."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise MissingDataError(
            f"{path}: there is no such image; correct the path or take it off the list"
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    check_ordinary(path, status.st_mode)
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
    except Exception as error:  # Pillow's parsers raise anything, from struct.error to KeyError
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

    # Not Image.open: it warns of a large image, and a thread cannot suppress a warning.
    parsers: dict[bytes, type[ImageFile.ImageFile]] = {
        re.escape(START): JpegImagePlugin.JpegImageFile,
        rb"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
        rb"BM": BmpImagePlugin.BmpImageFile,
        rb"RIFF.{4}WEBP": WebPImagePlugin.WebPImageFile,
        rb"P[1-6]\s": PpmImagePlugin.PpmImageFile,
        rb"GIF8[79]a": GifImagePlugin.GifImageFile,
    }
    return [(re.compile(start, re.DOTALL), parser) for start, parser in parsers.items()]


def _decoded(file: IO[bytes], name: str, resize_size: int | None) -> DecodedImage:
    data = file.getvalue() if isinstance(file, BytesIO) else b""
    size = jpeg_size(data)
    if size is not None:
        _check_size(size, name)
        scale = scale_for(*size, resize_size)
        pixels = decoded_jpeg(data, size, scale)
        if pixels is not None:
            pixels = upright(pixels, _parse(file, name)) if has_metadata(data) else pixels
            return DecodedImage(pixels, scale)
    image = _by_pillow(_parse(file, name), name, resize_size)
    # Above MAX_BYTES the data is empty, and not checked.
    return image if image.scale is None else image._replace(damage=jpeg_damage(data))


def _by_pillow(image: Image.Image, name: str, resize_size: int | None) -> DecodedImage:
    _check_size(image.size, name)
    if image.format != "JPEG":
        return DecodedImage(_to_rgb(image, name), None)
    scale = scale_for(*image.size, resize_size)
    if scale > 1:
        # Pillow takes the scale whose image is no smaller than this.
        image.draft(None, (image.width // scale, image.height // scale))
    return DecodedImage(_to_rgb(image, name), scale)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise DataError(
            f"{name}: the image has {width} x {height} pixels; make it smaller, as at most"
            f" {MAX_PIXELS // 10**6} million are read, or leave it out"
        )


def _to_rgb(image: Image.Image, name: str) -> Pixels:
    try:
        image.load()
        return upright(rgb_pixels(image), image)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # Pillow's decoders raise anything too
        reason = _reason(error)
        fault = "cut off" if re.search("truncated|EOF", reason, re.IGNORECASE) else "damaged"
        raise DataError(f"{name}: the image is {fault} ({reason}); {CURE}") from error


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
