"""One file or array to an RGB image, or a DataError that names it."""

from __future__ import annotations

import re
import stat
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MAX_PIXELS = 64_000_000
# Pillow's resize takes its box as 32-bit floats, which count whole pixels up to here.
MAX_SIDE = 2**24
# As many pixels, uncompressed, with four channels of 16 bits.
MAX_BYTES = 8 * MAX_PIXELS

CURE = "replace the file or take it off the list"


def decode(path: str | Path, data: bytes | None = None) -> Image.Image:
    """The image of a JPEG, PNG, BMP, WebP, PPM or GIF file (its first frame), in RGB, upright.

    16-bit grey is scaled to 8 bits and transparency is laid on white.  Raises DataError with the
    path when the file is missing, empty, no image, cut off, damaged or above MAX_PIXELS.

    data: what read_file gave for this path; the file is not opened again.
    """
    if data is not None:
        return _to_rgb(_parse(BytesIO(data), str(path)), str(path))
    whole = _check_file(path) <= MAX_BYTES
    try:
        with Path(path).open("rb", buffering=0 if whole else -1) as file:
            # Pillow asks for a file in many small pieces.
            source = BytesIO(file.read()) if whole else file
            return _to_rgb(_parse(source, str(path)), str(path))
    except OSError as error:
        raise _unreadable(path, error) from error


def read_file(path: str | Path) -> bytes:
    """The bytes of an image file; raises DataError with decode's words, or above MAX_BYTES."""
    if (size := _check_file(path)) > MAX_BYTES:
        raise DataError(
            f"{path}: the file has {size} bytes, more than an image of {MAX_PIXELS // 10**6}"
            f" million pixels; {CURE}"
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """An image in memory in RGB, upright, with the same rules as decode.

    Mode "I" counts as 16-bit grey, as in Pillow's own files.  Raises DataError.
    """
    return _to_rgb(image, str(getattr(image, "filename", "") or "image"))


def from_array(array: NDArray[np.generic]) -> Image.Image:
    """An array (h, w), (h, w, 1) or (h, w, 3) as an RGB image.

    The array is uint8, or floats from 0 to 1.  Raises DataError for anything else.
    """
    from PIL import Image

    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise DataError(
            f"array: the shape is {array.shape}; give (height, width), (height, width, 1) or"
            " (height, width, 3) in the order RGB"
        )
    return Image.fromarray(np.ascontiguousarray(_bytes(array))).convert("RGB")


def _bytes(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(
            f"array: the type is {array.dtype}; give uint8 from 0 to 255 or floats from 0 to 1"
        )
    values = array.astype(np.float64)
    # Written so that NaN is refused too.
    if not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            f"array: the {array.dtype} values run from {values.min():g} to {values.max():g};"
            " give floats from 0 to 1, or uint8 from 0 to 255"
        )
    return np.rint(values * 255).astype(np.uint8)


def _check_file(path: str | Path) -> int:
    """Look before opening, as to open a pipe would wait for ever; returns the file's size."""
    try:
        status = Path(path).stat()
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
    parser = _parser(head)
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


def _parser(head: bytes) -> type[ImageFile.ImageFile] | None:
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
    for start, parser in parsers.items():
        if re.match(start, head, re.DOTALL):
            return parser
    return None


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise DataError(
            f"{name}: the image has {width} x {height} pixels; make it smaller, as at most"
            f" {MAX_PIXELS // 10**6} million are read, or take it off the list"
        )
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
    if orientation not in turns:
        return image
    upright = image.transpose(turns[orientation])
    upright.info = {}
    return upright


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
