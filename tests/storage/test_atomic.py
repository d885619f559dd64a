"""A file is on the disk before it takes its name, and its name before the writing ends."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import CLASSES, keys_of, opened
from helpers import small

from deelish import Deel
from deelish.comparison.result import Comparison
from deelish.distillation.teacher_cache.folder import drop_damaged, logits_files
from deelish.errors import FileError
from deelish.images.cache.pixel_files import INDEX, PixelFiles
from deelish.images.cache.stored_image import WaitingImage
from deelish.network.convert import convert
from deelish.storage.atomic import replacing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems flush no folders")


@pytest.fixture
def disk(monkeypatch):
    """What is asked of the disk, in order: ("flush", file or folder), ("rename", file, path).

    A file is its number and its size at that moment, which a rename leaves as they are.
    """
    asked = []

    def fsync(handle):
        asked.append(("flush", *_known(os.fstat(handle))))

    def renaming(rename):
        def renamed(old, new, *args, **kwargs):
            facts = _known(Path(old).stat())
            made = rename(old, new, *args, **kwargs)
            event = ("rename", *facts, Path(new))
            # pathlib may call the function of os, or not.
            if asked[-1:] != [event]:
                asked.append(event)
            return made

        return renamed

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, fsync, raising=False)
    for place in (os, Path):
        for name in ("replace", "rename"):
            monkeypatch.setattr(place, name, renaming(getattr(place, name)))
    return asked


def _known(status):
    """The number of a file and its size; of a folder its number alone."""
    return (status.st_ino, None if stat.S_ISDIR(status.st_mode) else status.st_size)


def check_safe(disk, path, size=None):
    """Its bytes were flushed whole, then it was renamed, then its folder was flushed."""
    file = (path.stat().st_ino, path.stat().st_size if size is None else size)
    renamed = ("rename", *file, path)
    assert renamed in disk, "written under its own name, where half of it can be seen"
    at = disk.index(renamed)
    assert ("flush", *file) in disk[:at], "renamed before its bytes were flushed"
    folder = (path.parent.stat().st_ino, None)
    assert ("flush", *folder) in disk[at + 1 :], "its folder was not flushed after the rename"


def test_what_replaces_a_file(disk, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new and longer")
    assert path.read_text() == "new and longer"
    check_safe(disk, path)


@pytest.mark.parametrize("extension", [".hdf5", ".safetensors", ".caffemodel", ".npz", ".onnx"])
def test_a_network(extension, disk, tmp_path):
    with Deel():
        path = small().save(tmp_path / f"small{extension}")
    check_safe(disk, path)
    if extension == ".caffemodel":
        check_safe(disk, path.with_suffix(".prototxt"))


def test_a_network_that_convert_has_verified(disk, tmp_path):
    with Deel():
        source = small().save(tmp_path / "small.hdf5")
        disk.clear()
        target = convert(source, tmp_path / "small.caffemodel", verify=True)
    check_safe(disk, target)
    check_safe(disk, target.with_suffix(".prototxt"))


def test_a_teacher_cache_and_its_repair(disk, tmp_path):
    store = opened(tmp_path)
    store.put(keys_of(0, 3), np.zeros((3, CLASSES), np.float32))
    # Records are appended to the front, which is written by itself.
    check_safe(disk, store.path, size=4096)
    disk.clear()
    drop_damaged(*logits_files(tmp_path))
    check_safe(disk, store.path)


def test_the_index_of_a_decoded_image_cache(disk, tmp_path):
    image = WaitingImage(bytes(16), bytes(16), bytes(3), 1, 1)
    PixelFiles(tmp_path, print).append([image], lambda there: there + 3)
    check_safe(disk, tmp_path / INDEX, size=4096)


def test_the_page_of_a_comparison(disk, tmp_path):
    check_safe(disk, Comparison({}, {}, {}, None, []).save(tmp_path / "page.html"))


def test_bytes_that_the_disk_refuses_leave_the_old_file(monkeypatch, tmp_path):
    """Some disks say only then that they are full."""

    def full(handle):
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "small.hdf5"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with Deel(), pytest.raises(FileError, match=r"small\.hdf5: cannot be written \(No space left"):
        small().save(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
