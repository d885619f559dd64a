"""Images cached on disk: found by later runs, never of a changed file, limited, safe if damaged."""

from __future__ import annotations

import errno
import hashlib
import os
from collections import namedtuple
from pathlib import Path

import PIL
import pytest
from images.loaded_batches import decoded, epochs, loader_of
from PIL import Image

from deelish.images.cache.disk import DiskCache, key_of
from deelish.images.cache.folder import cached_images, count_damaged

FRONT, RECORD = 4096, 4 + 16 + 36
ALL = [f"{index}.png" for index in range(9)]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def run(folder, noise, monkeypatch):
    """Call it for what a run of its own shows: the same as without a cache; what it decoded."""

    def started(**augmentation):
        plain = epochs(loader_of(noise, **augmentation))
        with monkeypatch.context() as patch:
            seen = decoded(patch)
            cache = DiskCache(folder)
            assert epochs(loader_of(noise, cache, workers=1, **augmentation)) == plain
        return sorted(seen), cache

    return started


@pytest.fixture
def lines(capsys):
    """Call it for the lines that were printed since the last call."""
    return lambda: capsys.readouterr().out.splitlines()


def only(folder, extension):
    (path,) = folder.glob(f"*{extension}")
    return path


def flip(path, byte):
    data = bytearray(path.read_bytes())
    data[byte] ^= 4
    path.write_bytes(data)


def test_a_second_run_decodes_nothing(run, folder, lines):
    assert run()[0] == ALL
    for augmentation in ({}, {"views": 3}, {"mix": "cutmix"}, {"mix": "mixup", "views": 2}):
        seen, cache = run(**augmentation)
        assert seen == []
        assert cache.summary(9) == f"decoded images: 9 cached on disk, {cache.bytes / 1000:.1f} kB"
    assert lines() == []
    assert only(folder, ".index").stat().st_size == FRONT + 9 * RECORD
    assert only(folder, ".pixels").stat().st_size == cache.bytes


def test_a_changed_file_is_decoded_again(run):
    run()
    Image.new("RGB", (40, 40), "red").save("4.png")
    assert run()[0] == ["4.png"]
    assert run()[0] == []


def test_the_same_size_and_time_do_not_make_it_the_same_file(run):
    """Written in place, and its time set back."""
    draw = Image.effect_noise((20, 20), 50)
    draw.save("4.bmp")
    Path("train.txt").write_text(Path("train.txt").read_text().replace("4.png", "4.bmp"))
    run()
    before = Path("4.bmp").stat()
    with Path("4.bmp").open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"\x07" * 5)
    os.utime("4.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Path("4.bmp").stat().st_size == before.st_size
    assert run()[0] == ["4.bmp"]


def test_another_decoder_of_jpeg_decodes_again(run, monkeypatch):
    run()
    with monkeypatch.context() as patch:
        patch.setattr("simplejpeg.__version__", "1.77.0")
        assert run()[0] == ALL
        assert run()[0] == []
    assert run()[0] == []


def test_what_was_cached_before_the_decoder_was_in_the_key_is_found(noise, monkeypatch):
    monkeypatch.setattr("simplejpeg.__version__", "1.9.0")
    path, status = Path("4.png").absolute(), Path("4.png").stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    facts = (2, PIL.__version__, path, status.st_size, status.st_ino, *times)
    text = "\0".join(map(str, facts)).encode()
    assert key_of(Path("4.png")) == hashlib.blake2b(text, digest_size=16).digest()


def test_another_file_of_the_same_name_is_not_found(run):
    run()
    Path("4.png").rename("old.png")
    Path("5.png").rename("4.png")
    Path("old.png").rename("5.png")
    assert run()[0] == ["4.png", "5.png"]


def test_a_file_that_changes_while_it_is_decoded_is_not_cached(run, folder, noise, monkeypatch):
    from deelish.images import reading

    decode = reading.decode_for

    def changing(path, *rest):
        image = decode(path, *rest)
        if path.name == "4.png":
            Image.new("RGB", (40, 40), "red").save("4.png")
        return image

    with monkeypatch.context() as patch:
        patch.setattr("deelish.images.reading.decode_for", changing)
        cache = DiskCache(folder)
        list(loader_of(noise, cache).batches(0, False))
    assert cache.count == 8
    assert run()[0] == ["4.png"]


def test_it_takes_half_of_the_room_of_the_disk(run, folder, monkeypatch):
    room = [2 * 2 * 3 * 38 * 42]  # for the largest two, and no three

    def usage(_):
        there = sum(path.stat().st_size for path in folder.glob("*.pixels"))
        return Usage(10**9, 0, room[0] - there)

    monkeypatch.setattr("shutil.disk_usage", usage)
    seen, cache = run()
    assert (cache.count, cache.full) == (2, True)
    assert cache.summary(9) == (
        f"decoded images: 2 cached on disk ({cache.bytes / 1000:.1f} kB, the limit); 7 are decoded"
        " again in every epoch"
    )
    assert len(seen) == 9 + 7
    assert only(folder, ".pixels").stat().st_size == cache.bytes
    room[0] = 10**6
    assert len(run()[0]) == 7


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_is_reported_once_and_training_goes_on(code, run, folder, lines, monkeypatch):
    write = os.write

    def full(handle, data):
        if len(data) < 9000:
            raise OSError(code, os.strerror(code))
        return write(handle, data[:9000])

    run()
    Image.new("RGB", (40, 80), "red").save("4.png")
    Image.new("RGB", (40, 80), "red").save("5.png")
    size = only(folder, ".pixels").stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr("deelish.storage.records.os.write", full)
        seen, cache = run()
    assert seen == ["4.png", "4.png", "5.png", "5.png"]
    assert cache.summary(9).endswith("; 2 are decoded again in every epoch")
    (printed,) = lines()
    assert printed == (
        f"{folder}: decoded images cannot be cached ({os.strerror(code)}); training goes on, and"
        " what is not there is decoded each time"
    )
    assert only(folder, ".pixels").stat().st_size == size
    assert run()[0] == ["4.png", "5.png"]


def test_a_folder_that_cannot_be_made_is_reported_once(run, folder, lines):
    folder.write_text("in the way")
    assert run()[0] == sorted(2 * ALL)
    printed = lines()
    assert all("cannot be" in line and "training goes on" in line for line in printed)
    assert 1 <= len(printed) <= 2


@pytest.mark.parametrize("byte", [0, 3, 4490, 13000])
def test_damaged_pixels_are_never_shown(byte, run, folder, lines):
    run()
    flip(only(folder, ".pixels"), byte)
    assert count_damaged(cached_images(folder)) == 1
    assert len(run()[0]) == 1
    assert lines() == [f"{folder}: holds damaged images, which are decoded again"]
    assert run()[0] == []


@pytest.mark.parametrize("byte", [0, 4, 19, 20, 30, 40, RECORD - 1])
def test_a_damaged_record_is_never_believed(byte, run, folder, lines):
    run()
    flip(only(folder, ".index"), FRONT + 3 * RECORD + byte)
    assert count_damaged(cached_images(folder)) == 1
    assert len(run()[0]) == 1
    assert run()[0] == []
    assert lines() == []


def test_what_a_killed_writer_left_is_stepped_over(run, folder):
    run()
    for extension in (".pixels", ".index"):
        with only(folder, extension).open("ab") as file:
            file.write(b"\xff" * 33)
    assert run()[0] == []
    Image.new("RGB", (40, 40), "red").save("4.png")
    assert run()[0] == ["4.png"]
    assert run()[0] == []
    assert count_damaged(cached_images(folder)) == 0


@pytest.mark.parametrize(
    ("fault", "printed"),
    [
        (lambda path: flip(path, 1), "does not begin as a file of decoded images"),
        (lambda path: flip(path, 100), "the first 4096 bytes are damaged"),
        (lambda path: path.write_bytes(b""), "does not begin as a file of decoded images"),
    ],
)
def test_a_damaged_index_is_reported_and_rebuilt(fault, printed, run, folder, lines):
    run()
    index = only(folder, ".index")
    fault(index)
    assert cached_images(folder).fault == (
        f"{index}: {printed}; it is rebuilt by the next training that uses it, or clear it"
    )
    assert run()[0] == ALL
    assert lines() == [f"{index}: {printed}; it is rebuilt"]
    assert run()[0] == []
    assert only(folder, ".pixels").stat().st_size > 0


def test_an_index_of_another_version_is_reported_and_rebuilt(run, folder, lines, monkeypatch):
    from deelish.images.cache import pixel_files

    front = pixel_files.FRONT
    newer = type(front)(front.magic, front.version + 1, front.kind)
    with monkeypatch.context() as patch:
        patch.setattr(pixel_files, "FRONT", newer)
        run()
    assert run()[0] == ALL
    index = only(folder, ".index")
    assert lines() == [f"{index}: is of format 2, and this deelish reads 1; it is rebuilt"]
    assert run()[0] == []


def test_missing_pixels_are_reported_and_rebuilt(run, folder, lines):
    run()
    gone = only(folder, ".pixels")
    gone.unlink()
    assert run()[0] == ALL
    assert lines() == [f"{gone}: is missing, with the pixels of images.index; it is rebuilt"]
    assert run()[0] == []


def test_pixels_that_were_cut_are_decoded_again(run, folder):
    run()
    os.truncate(only(folder, ".pixels"), 9000)
    assert len(run()[0]) == 8
    assert run()[0] == []
