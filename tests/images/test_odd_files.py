"""Valid files of odd kinds, as lists hold them: none is refused, and none is called damaged.

Row C2 of the reliability page: all variants with DEELISH_TORTURE=all, else a tenth.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from images.views.photographs_made import photograph
from PIL import Image, ImageOps
from torture import scaled

from deelish.images.decoding.decode import decode_for


def saved(image, extension, **options):
    file = io.BytesIO()
    image.save(file, extension, **options)
    return file.getvalue()


def jpegs():
    colours = {"RGB": (0, 1, 2), "L": (0,), "CMYK": (0,)}
    coding = [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}]
    for (mode, samplings), how, size in itertools.product(
        colours.items(), coding, [(97, 61), (8, 8)]
    ):
        for sampling in samplings:
            yield photograph(*size).convert(mode), "JPEG", {"subsampling": sampling, **how}
    for quality, size in itertools.product((1, 50, 100), [(1, 1), (1, 90), (90, 1), (17, 9)]):
        yield photograph(*size), "JPEG", {"quality": quality}
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield photograph(40, 30), "JPEG", {"exif": exif}
    for extra in ({"comment": b"\xff\xd8 no end"}, {"icc_profile": bytes(70_000)}, {"dpi": (1, 9)}):
        yield photograph(40, 30), "JPEG", extra
    yield photograph(40, 30), "JPEG", {"keep_rgb": True}


def others():
    image = photograph(40, 30)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        odd = image.convert("L") if mode == "I;16" else image.convert(mode)
        if mode == "I;16":
            odd = Image.fromarray(np.asarray(odd).astype(np.uint16) * 257)
        for size in ((40, 30), (1, 1)):
            yield odd.resize(size), "PNG", {}
    for bits in (1, 2, 4):
        yield image.quantize(2**bits), "PNG", {"bits": bits}
    yield image.convert("P"), "PNG", {"transparency": 3}
    yield image, "PNG", {"interlace": 1}
    for mode in ("1", "L", "P", "RGB"):
        yield image.convert(mode), "BMP", {}
        yield image.convert(mode), "GIF", {}
    yield image.convert("RGBA"), "BMP", {}
    yield image.convert("P"), "GIF", {"interlace": 1, "transparency": 0}
    for mode, lossless in itertools.product(("RGB", "RGBA"), (False, True)):
        yield image.convert(mode), "WEBP", {"lossless": lossless}
    for mode in ("1", "L", "RGB", "I;16"):
        yield image.convert("L" if mode == "I;16" else mode), "PPM", {}
    yield image, "GIF", {"save_all": True, "append_images": [image.rotate(9)] * 3}
    yield image, "PNG", {"save_all": True, "append_images": [image.rotate(9)] * 3}
    yield image, "WEBP", {"save_all": True, "append_images": [image.rotate(9)] * 3}


def appended():
    """Bytes after the end, as cameras and downloads leave them; and plain PPM files."""
    yield saved(photograph(40, 30), "JPEG") + bytes(100)
    yield saved(photograph(40, 30), "JPEG") + saved(photograph(10, 10), "JPEG")
    yield saved(photograph(40, 30), "PNG") + b"trailing"
    yield b"P3\n# a comment\n2 1\n255\n1 2 3 4 5 6\n"
    yield b"P2 2 2 65535 0 1 2 65535\n"
    yield b"P1 2 2 0 1 1 0\n"


@pytest.fixture(scope="module")
def variants():
    return [*(saved(*each[:2], **each[2]) for each in (*jpegs(), *others())), *appended()]


@pytest.mark.torture("C2")
def test_valid_odd_files_are_read_as_pillow_reads_them(variants):
    assert len(set(variants)) >= 100
    for data in variants[:: max(1, len(variants) // scaled(len(variants)))]:
        image = decode_for("odd", None, data)
        assert image.damage == ""
        with Image.open(io.BytesIO(data)) as whole:
            upright = ImageOps.exif_transpose(whole)
            assert image.pixels.shape[:2] == upright.size[::-1]
            if whole.mode in ("RGB", "L", "CMYK", "1"):
                np.testing.assert_array_equal(image.pixels[..., :3], upright.convert("RGB"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.torture("C2")
def test_of_ten_thousand_frames_the_first_is_read():
    image = photograph(40, 30).quantize(16)
    gif = saved(image, "GIF")
    start = gif.index(b"\x2c", 13 + 3 * 16)
    frames = gif[:start] + 10_000 * gif[start:-1] + gif[-1:]
    png = saved(image.convert("RGB"), "PNG")
    control = chunk(b"acTL", struct.pack(">II", 10_000, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 40, 30, 0, 0, 1, 1, 0, 0))
    animated = png[:33] + control + frame + png[33:]
    for data in (frames, animated):
        np.testing.assert_array_equal(
            decode_for("many", None, data).pixels[..., :3], image.convert("RGB")
        )
