"""Damage of JPEG data that Pillow passes over: found, with the pixels that Pillow gives."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images.damaged_files import coded, decoded_by_pillow, flipped, sound, zeroed
from PIL import Image

from deelish import Deel, Input
from deelish.images.decoding.decode import decode_for
from deelish.images.decoding.jpeg import jpeg_size

KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 8},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "tiny": {"size": (60, 7)},
}


def made(mode="RGB", size=(200, 150), **options):
    with Image.open(io.BytesIO(sound(size))) as image:
        file = io.BytesIO()
        image.convert(mode).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


@pytest.fixture(params=KINDS)
def whole(request):
    return made(**KINDS[request.param])


@pytest.mark.parametrize("resize_size", [None, 16])
def test_lost_bytes_are_found_and_the_pixels_are_pillows(whole, resize_size, tmp_path):
    third = (len(whole) - coded(whole)) // 3
    start = coded(whole) + third
    data = whole[:start] + whole[start + third :]
    path = tmp_path / "hit.jpg"
    path.write_bytes(data)
    image = decode_for(path, resize_size)
    assert image.damage.startswith(("Corrupt JPEG data: ", "Inconsistent progression"))
    if image.scale == 1:
        np.testing.assert_array_equal(image.pixels[..., :3], decoded_by_pillow(data))
    assert decode_for(path, resize_size, data).damage == image.damage


@pytest.mark.parametrize("resize_size", [None, 16])
def test_a_sound_file_has_none(whole, resize_size, tmp_path):
    assert decode_for("sound.jpg", resize_size, whole).damage == ""


def test_other_formats_have_none(tmp_path):
    for name in ("a.png", "a.bmp", "a.webp", "a.gif"):
        Image.new("RGB", (20, 20), "red").save(tmp_path / name)
        assert decode_for(tmp_path / name, None).damage == ""


def test_most_damage_is_found_and_no_pixel_is_another_for_it():
    whole, draw = sound(), np.random.default_rng(1)
    for damage, fraction in ((zeroed, 0.9), (flipped, 0.6)):
        found, count = 0, 0
        while count < 40:
            data = damage(whole, draw)
            expected = decoded_by_pillow(data)
            if expected is not None:
                count += 1
                image = decode_for("hit.jpg", None, data)
                found += image.damage != ""
                np.testing.assert_array_equal(image.pixels[..., :3], expected)
        assert found >= fraction * count


def test_an_odd_header_is_no_damage():
    """An unknown version of JFIF: the strict decoder refuses it, though the pixels are whole."""
    whole = made()
    at = whole.index(b"JFIF\0") + 5
    odd = whole[:at] + b"\x09\x09" + whole[at + 2 :]
    assert jpeg_size(odd) is None
    image = decode_for("odd.jpg", None, odd)
    assert image.damage == ""
    np.testing.assert_array_equal(
        image.pixels[..., :3], decode_for("a.jpg", None, whole).pixels[..., :3]
    )


def test_a_sound_file_is_decoded_once(monkeypatch):
    import simplejpeg

    calls, decode = [], simplejpeg.decode_jpeg
    monkeypatch.setattr(
        simplejpeg, "decode_jpeg", lambda *a, **k: calls.append(1) or decode(*a, **k)
    )
    decode_for("a.jpg", 64, sound())
    assert len(calls) == 1


def test_input_prints_it_and_goes_on(tmp_path, capsys):
    data = sound()
    path = tmp_path / "hit.jpg"
    path.write_bytes(data[:9000] + bytes(400) + data[9400:])
    with Deel():
        images = Input(path)
    assert images.value.shape[0] == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: the JPEG data is damaged (Corrupt JPEG data: ")
    assert line.endswith("); its pixels are used as they were decoded")
