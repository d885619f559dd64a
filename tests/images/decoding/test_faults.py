"""Files that are no image, too large, cut off or damaged: each is refused by name."""

from __future__ import annotations

import os
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from deelish.errors import DataError
from deelish.images.decoding.decode import MAX_BYTES, MAX_PIXELS, decode, read_file

WAVES = (np.sin(np.arange(48 * 64 * 3).reshape(48, 64, 3) / 50) * 100 + 120).astype(np.uint8)


def big_png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header
    return start + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT"


@pytest.mark.parametrize("size", [(8001, 8000), (10_000, 9_000), (60_000, 60_000), (1, 2**24 + 1)])
def test_too_many_pixels_are_refused_by_the_header(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(big_png(*size))
    message = (
        f"bomb.png: the image has {size[0]} x {size[1]} pixels; make it smaller, as at most 64"
    )
    with pytest.raises(DataError, match=message):
        decode(path)


def test_as_many_pixels_as_allowed_are_read(tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (8000, MAX_PIXELS // 8000)).save(path)
    assert decode(path).shape == (8000, 8000, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty; replace the file or leave it out"),
        (b"<!DOCTYPE html><html>", "this is no JPEG, PNG, BMP, WebP, PPM or GIF image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it starts with b'%!PS-Ado'"),
        (b"II*\0\x08\0\0\0\0\0", "this is no JPEG"),
        (b"Python is fun", "this is no JPEG"),
        (b"\xff\xd8\xff\xe0", "the JPEG header is damaged or cut off"),
        (b"\x89PNG\r\n\x1a\n\0\0", "the PNG header is damaged or cut off"),
        (b"RIFF\x10\0\0\0WEBPVP8 \0\0", "the WEBP header is damaged or cut off"),
        (b"GIF89a\x01", "the GIF header is damaged or cut off"),
        (b"P6\n0 9\n255\n", "the PPM header is damaged or cut off"),
        (b"BMW is a car maker", "the BMP header is damaged or cut off"),
    ],
)
def test_files_that_are_no_image(tmp_path, data, message):
    path = tmp_path / "odd.jpg"
    path.write_bytes(data)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        decode(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(DataError) as again:
        decode(path, read_file(path))
    assert str(again.value) == str(caught.value)


@pytest.mark.parametrize("extension", ["jpg", "png", "bmp", "ppm", "gif"])
@pytest.mark.parametrize("fraction", [0.5, 0.9])
def test_a_truncated_file(tmp_path, extension, fraction):
    path = tmp_path / f"cut.{extension}"
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(DataError, match=rf"cut.{extension}: the image is cut off \(.*; replace"):
        decode(path)


def test_a_truncated_webp(tmp_path):
    path = tmp_path / "cut.webp"
    Image.fromarray(WAVES).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cut.webp: the (image|WEBP header) is damaged or cut off"):
        decode(path)


def test_a_damaged_png(tmp_path):
    path = tmp_path / "hit.png"
    Image.fromarray(WAVES).save(path)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"hit.png: the image is (damaged|cut off) \("):
        decode(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.jpg", "there is no such image; correct the path or take it off the list"),
        ("photo.jpg/no.jpg", "there is no such image"),
        (".", "this is a folder; name an image file"),
        ("a\0b.jpg", "the image cannot be read ("),
        ("n" * 300, "the image cannot be read (File name too long)"),
    ],
)
def test_paths_that_lead_to_no_file(tmp_path, name, message):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for look in (decode, read_file):
        with pytest.raises(DataError, match=re.escape(message)):
            look(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_and_a_device_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(DataError, match=f"{path}: this is a pipe, a device or a socket"):
            decode(path)
        with pytest.raises(DataError, match=f"{path}: this is a pipe, a device or a socket"):
            read_file(path)


def test_a_file_too_large_for_any_image_is_not_read(tmp_path):
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    words = r"film.jpg: the file has 512000001 bytes, more than an image of 64 million pixels; rep"
    with pytest.raises(DataError, match=words):
        read_file(path)
