"""Damaged image files: each kind of damage as a function of a sound JPEG file and a generator."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from images.views.photographs_made import photograph
from PIL import Image

SIZE = (500, 375)


def sound(size=SIZE, **options):
    """The bytes of a JPEG file of quality 90, as rich in detail as a photograph of foliage.

    The fewer details a photograph has, the less of its damage a decoder can notice.
    """
    pixels = np.asarray(photograph(*size))
    pixels = np.clip(np.random.default_rng(size).normal(pixels, 20), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


def coded(data):
    """Where the coded pixels begin, after the header of their scan."""
    start = data.index(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")


def truncated(data, draw):
    return data[: draw.integers(1, len(data) - 2)]


def tail_cut(data, draw):
    return data[: -draw.integers(3, 2049)]


def zeroed(data, draw):
    length = int(draw.integers(64, 501))
    start = int(draw.integers(coded(data), len(data) - 2 - length))
    return data[:start] + bytes(length) + data[start + length :]


def flipped(data, draw):
    changed = bytearray(data)
    for _ in range(draw.integers(1, 7)):
        changed[draw.integers(coded(data), len(data) - 2)] ^= 1 << draw.integers(8)
    return bytes(changed)


def header_hit(data, draw):
    changed = bytearray(data)
    changed[draw.integers(2, coded(data))] = draw.integers(256)
    return bytes(changed)


def no_image(data, draw):
    starts = [b"", b"<!DOCTYPE html><html>", draw.bytes(900), b"%!PS-Adobe-3.0 EPSF-3.0\n"]
    starts += [
        b"SIMPLE  =                    T",
        b"8BPS\0\1",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
    ]
    start = starts[draw.integers(len(starts))]
    return start + data[20:] if start else b""


def bomb(_, draw):
    """A PNG file of a few bytes that has 3.6 thousand million pixels, or one that is too long."""
    width, height = [(60_000, 60_000), (1, 2**24 + 1), (2**31 - 1, 1)][draw.integers(3)]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(9999))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def decoded_by_pillow(data):
    """uint8 (h, w, 3), or None where Pillow refuses the file."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None
