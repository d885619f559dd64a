"""Tar shards: ranges of names, what is in them, and the same batches as from a list."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import epochs, loader_of
from PIL import Image
from tars import samples_of, tar_of, write_tar

from deelish.errors import DataError
from deelish.images.apart import check_apart
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.lists import check_labels, read_samples
from deelish.images.reading_threads import ReadingThreads
from deelish.images.shards import members as member_files
from deelish.images.shards.members import OpenShards
from deelish.images.shards.shards import expanded
from deelish.plan.rendering import Rendering


@pytest.fixture
def tar(source):
    """The tar of the eleven images of train.txt, in the working folder."""
    return tar_of(source)


@pytest.fixture
def opened(monkeypatch):
    """The paths of shards that are opened to read images, in their order."""
    paths = []

    class Noted(member_files.OpenFile):
        def __init__(self, path):
            paths.append(path)
            super().__init__(path)

    monkeypatch.setattr(member_files, "OpenFile", Noted)
    return paths


@pytest.mark.parametrize(
    "pattern",
    [
        *("a{0..11}.tar", "a{00..11}.tar", "a{8..010}.tar", "a{0..0}.tar", "a{08..9}.tar"),
        *("{1..2}/b-{00..02}.tar", "{abc}{1..2}.tar", "no range.tar", "{1..2", "a{1..x}.tar"),
    ],
)
@pytest.mark.skipif(not shutil.which("bash"), reason="no bash to compare with")
def test_ranges_are_those_of_the_shell(pattern):
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {pattern.replace(' ', chr(92) + ' ')}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert expanded(pattern) == printed.stdout.splitlines()


def test_one_file_that_two_ranges_name_is_named_once():
    names = expanded("{1..11}{1..11}.tar")
    assert len(names) == len(set(names)) == 120
    assert names[:2] == ["11.tar", "12.tar"]


def test_images_labels_and_where_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    members = [
        *(("0001.jpg", b"one"), ("0001.cls", b"3"), ("0001.json", b"{}"), ("0001.seg.png", b"-")),
        *(("./b.c//d.CLS", b" 12\n"), ("notes.txt", b"-"), ("./b.c//d.JPEG", b"two")),
        *(("._0001.jpg", b"-"), ("../up.cls", b"0"), ("../up.png", b""), ("README", b"-")),
    ]
    write_tar("data/s-0.tar", members)
    write_tar("data/s-1.tar", [("0001.webp", b"three"), ("0001.cls", b"007")])
    samples = read_samples("data/s-{0..1}.tar")
    assert [(sample.path, sample.label, sample.where) for sample in samples] == [
        (Path("data/s-0.tar/0001.jpg"), 3, "data/s-0.tar member 0001.jpg"),
        (Path("data/s-0.tar/b.c/d.JPEG"), 12, "data/s-0.tar member b.c/d.JPEG"),
        (Path("data/s-0.tar/../up.png"), 0, "data/s-0.tar member ../up.png"),
        (Path("data/s-1.tar/0001.webp"), 7, "data/s-1.tar member 0001.webp"),
    ]
    assert [sample.location.read() for sample in samples] == [b"one", b"two", b"", b"three"]
    assert [sample.size for sample in samples] == [3, 3, 0, 5]
    assert {(sample.source, sample.line) for sample in samples} == {("data/s-{0..1}.tar", 0)}


@pytest.mark.parametrize("how", ["pax", "gnu", "ustar", "old"])
def test_every_format_of_tar(how, tmp_path):
    import tarfile

    name = f"{'folder/' * 12}{'n' * 40}"
    if how == "old":  # a header without `ustar`, as of version 7
        path = write_tar(tmp_path / "a.tar", [("0.jpg", b"image"), ("0.cls", b"4")])
        data = bytearray(path.read_bytes())
        for start in (0, 1024):
            data[start + 257 : start + 512] = bytes(255)
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
        path.write_bytes(data)
    else:
        kind = getattr(tarfile, f"{how.upper()}_FORMAT")
        members = [(f"{name}.jpg", b"image"), (f"{name}.cls", b"4")]
        path = write_tar(tmp_path / "a.tar", members, format=kind)
    (sample,) = read_samples(path)
    assert (sample.location.read(), sample.label) == (b"image", 4)


@pytest.mark.skipif(not shutil.which("tar"), reason="no tar on this system")
def test_a_tar_of_the_command_tar(source, tmp_path):
    for name, data in samples_of(source):
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(data)
    subprocess.run(["tar", "cf", "t.tar", "-C", "set", "."], check=True)
    samples = sorted(read_samples("t.tar"), key=lambda sample: sample.path)
    assert [sample.label for sample in samples] == list(range(11))
    for sample in samples:
        assert sample.location.read() == (tmp_path / "set" / sample.path.name).read_bytes()


@pytest.mark.parametrize("augmentation", [{}, {"views": 2}, {"mix": "mixup", "views": 2}], ids=str)
@pytest.mark.parametrize("cache_class", [None, MemoryCache, DiskCache])
def test_batches_and_keys_are_those_of_the_list(
    cache_class, augmentation, source, tar, tmp_path, monkeypatch
):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    plain = epochs(loader_of(source, **augmentation))
    for _ in range(2):
        cache = cache_class and cache_class()
        assert epochs(loader_of(tar, cache, **augmentation)) == plain
        assert cache is None or cache.count == 11
    assert epochs(loader_of(tar, **augmentation), training=False) == epochs(
        loader_of(source, **augmentation), training=False
    )


@pytest.mark.parametrize("cache_class", [MemoryCache, DiskCache])
def test_images_are_read_once_where_they_are_cached(cache_class, tar, tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    loader = loader_of(tar, cache_class())
    list(loader.batches(1, True))
    tar.unlink()
    assert len(epochs(loader)) == 6


def test_a_later_run_finds_images_on_disk(tar, tmp_path, opened):
    first = epochs(loader_of(tar, DiskCache(tmp_path / "cache")))
    assert set(opened) == {"train.tar"}
    opened.clear()
    assert epochs(loader_of(tar, DiskCache(tmp_path / "cache"))) == first
    assert opened == []


def test_images_on_disk_are_those_of_this_shard_only(tar, source, tmp_path):
    """A tar that replaces it, of the same size and time, is another one."""
    list(loader_of(tar, DiskCache(tmp_path / "cache")).batches(1, False))
    before = tar.stat()
    Image.new("RGB", (50, 30)).save("black.bmp")
    Path("other.txt").write_text("black.bmp 0\n")
    for name, black in (("first", 0), ("second", 255)):
        Image.new("RGB", (50, 30), (black,) * 3).save("black.bmp")
        tar_of("other.txt", tmp_path / f"{name}.tar")
        Path(f"{name}.tar").replace(tar)
        os.utime(tar, ns=(before.st_atime_ns, before.st_mtime_ns))
        (batch,) = loader_of(tar, DiskCache(tmp_path / "cache")).batches(1, False)
        assert set(batch.pixels(Rendering(16, 16)).ravel().tolist()) == {black}


def test_a_shard_is_opened_once_and_few_at_a_time(tmp_path, opened):
    for number in range(4):
        members = [(f"{i}.{kind}", b"%d" % number) for i in range(3) for kind in ("jpg", "cls")]
        write_tar(tmp_path / f"{number}.tar", members)
    samples = list(read_samples(tmp_path / "{0..3}.tar"))
    assert [sample.location.read() for sample in samples * 2] == [
        b"%d" % sample.label for sample in samples * 2
    ]
    assert [Path(path).stem for path in opened] == list("0123")
    opened.clear()
    few = OpenShards(2)
    paths = [str(tmp_path / f"{number}.tar") for number in range(4)]
    for number in (0, 1, 0, 2, 0, 1):
        few.get(paths[number])
    assert [Path(path).stem for path in opened] == list("0121")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files")
def test_so_many_shards_stay_open_at_most(tmp_path):
    for number in range(80):
        write_tar(tmp_path / f"{number:02}.tar", [("0.jpg", b"x"), ("0.cls", b"0")])

    def count():
        links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return sum(link.parent == tmp_path for link in links)

    samples = read_samples(tmp_path / "{00..79}.tar")
    assert count() == 0
    for sample in samples:
        sample.location.read()
    assert count() == 64
    del samples, sample
    assert count() == 0


def test_threads_read_what_one_thread_reads(tmp_path):
    draw = np.random.default_rng(0)
    contents = {}
    for number in range(6):
        members = []
        for index in range(20):
            contents[f"{number}.tar/{index}.jpg"] = draw.bytes(int(draw.integers(1, 5000)))
            members += [(f"{index}.jpg", contents[f"{number}.tar/{index}.jpg"])]
            members += [(f"{index}.cls", b"0")]
        write_tar(tmp_path / f"{number}.tar", members)
    samples = read_samples(tmp_path / "{0..5}.tar")
    few = OpenShards(2)
    shards = {path: member_files.Shard(path, facts, few) for path, facts in _shards(samples)}
    members = [
        sample.location._replace(shard=shards[sample.location.shard.path]) for sample in samples
    ] * 20
    np.random.default_rng(1).shuffle(members)
    start = threading.Barrier(8)

    def read(part):
        start.wait()
        return all(
            member.read() == contents[str(member.path.relative_to(tmp_path))] for member in part
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, [members[first::8] for first in range(8)]))


def _shards(samples):
    return {(sample.location.shard.path, sample.location.shard.facts) for sample in samples}


def test_labels_beyond_the_outputs_name_the_member(tar):
    message = r"^train.tar member 0005.png: label 5, but Net has 5 outputs \(0 to 4\); 6 of 11"
    with pytest.raises(DataError, match=message):
        check_labels(read_samples(tar), 5, "Net")


def test_sets_of_the_same_names_in_two_shards_are_apart(tar, source):
    shutil.copy(tar, "val.tar")
    check_apart(read_samples(tar), read_samples("val.tar"))
    check_apart(read_samples(tar), read_samples(source))


def test_one_member_in_both_sets_is_found_under_any_name(tar):
    Path("linked").symlink_to(Path.cwd())
    Path("link.tar").symlink_to(tar)
    for other in ("train.tar", "link.tar", "linked/train.tar", "linked/link.tar"):
        message = (
            f"^{other} member 0000.png: image {other}/0000.png is also for training"
            r" \(train.tar member 0000.png\); 11 of 11 validation images are in both; take"
        )
        with pytest.raises(DataError, match=message):
            check_apart(read_samples("train.tar"), read_samples(other))


@pytest.mark.parametrize(("size", "workers"), [(100, 1), (9000, 6)])
def test_small_members_are_decoded_by_one_thread(size, workers, tmp_path, monkeypatch):
    """As small files are."""
    monkeypatch.setattr("deelish.images.loader.available_cores", lambda: 6)
    pools = []

    class Noted(ReadingThreads):
        def __init__(self, count, in_flight):
            pools.append(count)
            super().__init__(count, in_flight)

    monkeypatch.setattr("deelish.images.loader.ReadingThreads", Noted)
    path = write_tar(tmp_path / "a.tar", [("0.jpg", bytes(size)), ("0.cls", b"0")])
    with pytest.raises(DataError):
        list(loader_of(path).batches(1, True))
    assert pools == [workers]


def test_a_damaged_image_is_left_out_and_named(source, tar):
    members = list(samples_of(source))
    members[6] = ("0003.png", members[6][1][:-900])
    write_tar("bad.tar", members)
    with pytest.raises(DataError, match=r"^bad.tar member 0003.png: the image is cut off \(.*"):
        epochs(loader_of("bad.tar"))
    loader = loader_of("bad.tar", on_bad_image="skip")
    labels = itertools.chain.from_iterable(batch[2] for batch in epochs(loader))
    assert sorted(labels) == sorted([*range(3), *range(4, 11)] * 2)
    ((sample, reason),) = loader.skipped
    assert sample.where == "bad.tar member 0003.png"
    assert reason.startswith("bad.tar member 0003.png: the image is cut off")


def test_a_member_that_is_no_image_is_named(tmp_path):
    path = write_tar(tmp_path / "a.tar", [("0.jpg", b"<html>"), ("0.cls", b"0")])
    with pytest.raises(DataError, match=r"a.tar member 0.jpg: this is no JPEG, PNG"):
        epochs(loader_of(path))
