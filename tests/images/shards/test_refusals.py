"""Tar shards that cannot be used: each is refused in one sentence, with the cure."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from images.loaded_batches import epochs, loader_of
from tars import tar_of, write_tar

from deelish.errors import DataError
from deelish.images.lists import read_samples
from deelish.plan.rendering import Rendering

PAIR = [("0.jpg", b"image"), ("0.cls", b"0")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(source, message):
    with pytest.raises(DataError, match="^" + re.escape(message)) as caught:
        read_samples(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_such_tar():
    refused("no.tar", "no.tar: there is no such tar; correct the path")
    refused(
        "no-{1-3}.tar",
        "no-{1-3}.tar: there is no such tar; correct the path, in which a range is written"
        " {000..999}",
    )
    refused("no\0.tar", "no\0.tar: there is no such tar")


def test_a_range_that_lacks_files():
    for number in (0, 1, 3):
        write_tar(f"s-{number:03}.tar", PAIR)
    refused(
        "s-{000..005}.tar",
        "s-{000..005}.tar: s-002.tar is not there (3 of its 6 files are missing); correct the"
        " range, or bring the files",
    )
    message = "s-{1000..2999}.tar: s-1000.tar is not there (2,000 of its 2,000 files are missing)"
    refused("s-{1000..2999}.tar", message)


def test_ranges_that_are_wrong():
    refused("s-{9..0}.tar", "s-{9..0}.tar: the range {9..0} is written backwards; write {0..9}")
    refused("s-{0..1}{007..3}.tar", "s-{0..1}{007..3}.tar: the range {007..3} is written backwards")
    refused(
        "s-{0..99999999}{0..9}.tar",
        "s-{0..99999999}{0..9}.tar: these are 1,000,000,000 files; name at most 100,000",
    )


@pytest.mark.parametrize(
    ("pack", "program", "extensions"),
    [
        (gzip.compress, "gunzip", (".tar.gz", ".tgz", ".TGZ")),
        (bz2.compress, "bunzip2", (".tar.bz2", ".tbz2")),
        (lzma.compress, "unxz", (".tar.xz", ".txz")),
    ],
)
def test_a_compressed_tar(pack, program, extensions):
    data = pack(write_tar("plain.tar", PAIR).read_bytes())
    for extension in (".tar", *extensions):
        path = Path(f"packed{extension}")
        path.write_bytes(data)
        message = refused(
            path,
            f"{path}: the tar is compressed, so that its members cannot be reached one by one; make"
            f" it plain with `{program} < {path} > NEW.tar`, and name that",
        )
        if shutil.which(program) and shutil.which("sh"):
            subprocess.run(["sh", "-c", message.split("`")[1]], check=True)
            assert [sample.label for sample in read_samples("NEW.tar")] == [0]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty; copy or write it again"),
        (b"0.jpg 0\n", "this is no tar (truncated header); name a tar, or copy or write it"),
        (b"<html>" * 500, "this is no tar (invalid header); name a tar"),
        (bytes(10240), "there is no image in it; a sample is an image, such as 0001.jpg, and its"),
        (bytes(100), "this is no tar"),
    ],
)
def test_what_is_no_tar_or_has_nothing_in_it(data, what):
    Path("a.tar").write_bytes(data)
    refused("a.tar", f"a.tar: {what}")


def test_a_tar_of_other_things():
    write_tar("a.tar", [("0.txt", b"x"), ("README", b"y"), (".hidden.jpg", b"z")])
    refused("a.tar", "a.tar: there is no image in it")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_without_waiting():
    os.mkfifo("a.tar")
    refused("a.tar", "a.tar: this is no ordinary file; name a tar")


def test_a_folder_in_a_range():
    Path("s-1.tar").mkdir()
    write_tar("s-0.tar", PAIR)
    refused("s-{0..1}.tar", "s-1.tar: this is no ordinary file; name a tar")


def test_a_tar_that_is_cut_off_anywhere():
    """It is refused unless it is cut within the zeros at its end."""
    data = write_tar("whole.tar", [("0.jpg", b"a" * 700), *PAIR[1:]]).read_bytes()
    # A header of 512 bytes, 1024 for the image, 512 and 512 for the label.
    for length in (*range(100, 2560, 256), 512, 1536, 2048, 2560, 2560 + 511):
        Path("a.tar").write_bytes(data[:length])
        message = "cut off or damaged at byte" if length >= 512 else "this is no tar"
        assert message in refused("a.tar", "a.tar: ")
    Path("a.tar").write_bytes(data[: 2560 + 512])
    assert len(read_samples("a.tar")) == 1


def test_a_tar_that_is_damaged_in_the_middle():
    data = bytearray(write_tar("a.tar", PAIR).read_bytes())
    data[1024 + 20] ^= 1
    Path("a.tar").write_bytes(data)
    refused(
        "a.tar",
        "a.tar: the tar is cut off or damaged at byte 1,024 (what is there is no header); copy or"
        " write it again",
    )


@pytest.mark.parametrize("size", [-512, -1024, 10**15])
def test_a_size_that_cannot_be(size):
    """tarfile would read a member of negative size again and again."""
    header = tarfile.TarInfo("0.jpg")
    data = bytearray(header.tobuf(tarfile.GNU_FORMAT) + bytes(2048))
    data[124:136] = (b"\xff" if size < 0 else b"\x80") + size.to_bytes(11, "big", signed=True)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    Path("a.tar").write_bytes(data)
    refused("a.tar", "a.tar: ")


def test_two_tars_that_were_joined():
    data = write_tar("a.tar", PAIR).read_bytes()
    Path("b.tar").write_bytes(data * 2)
    refused("b.tar", "b.tar: behind the end of the tar, at byte 2,048, there is more, as where two")
    Path("b.tar").write_bytes(data + bytes(3 << 20))
    assert len(read_samples("b.tar")) == 1


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            [*PAIR, ("1.jpg", b""), ("x/2.jpg", b"")],
            "member 1.jpg: the image has no label (2 such members); put its label as text beside",
        ),
        ([*PAIR, ("1.png", b"")], "member 1.png: the image has no label; put its label"),
        (
            [*PAIR, ("1.cls", b"0"), ("2.tif", b""), ("2.cls", b"0")],
            "member 1.cls: the label has no image (2 such members); put one beside it that ends in",
        ),
        (
            [
                *(*PAIR, ("1.jpg", b""), ("1.cls", b"cat"), ("2.jpg", b""), ("2.cls", b"-1")),
                *(("3.jpg", b""), ("3.cls", b"dog")),
            ],
            "member 1.cls: label 'cat' is no number (2 such members); write a whole number of 0 or",
        ),
        ([("0.jpg", b""), ("0.cls", b"-1")], "member 0.cls: label -1 is negative; write a whole"),
        ([("0.jpg", b""), ("0.cls", b"1.0")], "member 0.cls: label '1.0' is no number; write"),
        ([("0.jpg", b""), ("0.cls", b"")], "member 0.cls: label '' is no number"),
        ([("0.jpg", b""), ("0.cls", b"{0}")], "member 0.cls: label '{0}' is no number"),
        ([("0.jpg", b""), ("0.cls", b"\xff\xd8")], "member 0.cls: label '\ufffd\ufffd' is no"),
        ([("0.jpg", b""), ("0.cls", "\u0663".encode())], "member 0.cls: label '\u0663' is no"),
        ([("0.jpg", b""), ("0.cls", b"9" * 19)], "member 0.cls: label '9999999999999999999' is no"),
        ([("0.jpg", b""), ("0.cls", b"9" * 10**6)], "member 0.cls: label '99999"),
        ([("0.jpg", b""), ("0.cls", b"5" + b" " * 600 + b"7")], "member 0.cls: label '5 "),
        (
            [("0.jpg", b""), ("0.PNG", b""), ("0.cls", b"0")],
            "member 0.PNG: its sample has 0.jpg too; a sample has one image and one label",
        ),
        ([*PAIR, *PAIR], "member 0.jpg: it is there twice; a sample has one image and one label"),
        ([*PAIR, ("./0.jpg", b"")], "member 0.jpg: it is there twice"),
        ([*PAIR, ("0.cls", b"1")], "member 0.cls: it is there twice"),
        ([*PAIR, ("0.CLS", b"1")], "member 0.CLS: its sample has 0.cls too"),
        (
            [*PAIR, ("a.1.jpg", b""), ("a.1.cls", b"0"), ("a.2.jpg", b""), ("b.1.jpg", b"")],
            "member a.1.jpg: the name of its sample ends at the first dot, so that it is no image",
        ),
    ],
)
def test_samples_that_are_none(members, message):
    write_tar("a.tar", members)
    message = refused("a.tar", f"a.tar {message}")
    assert len(message) < 250


def odd(kind, target="1.jpg", **facts):
    member = tarfile.TarInfo("0.jpg")
    member.type, member.linkname = kind, target
    for name, value in facts.items():
        setattr(member, name, value)
    return member


@pytest.mark.parametrize(
    ("member", "what"),
    [
        (odd(tarfile.SYMTYPE), "a link to 1.jpg"),
        (odd(tarfile.LNKTYPE), "a link to 1.jpg"),
        (odd(tarfile.CHRTYPE), "no file"),
        (odd(tarfile.FIFOTYPE), "no file"),
        (odd(tarfile.REGTYPE, pax_headers={"GNU.sparse.map": "0,0"}), "a sparse file"),
    ],
)
def test_an_image_that_is_no_plain_file(member, what):
    with tarfile.open("a.tar", "w") as tar:
        tar.addfile(member)
    refused(
        "a.tar",
        f"a.tar member 0.jpg: it is {what}, whose bytes are not in the tar as they are; write"
        " the tar again from ordinary files, with `tar --hard-dereference -h`",
    )


def test_folders_and_what_is_no_image_may_be_anything():
    write_tar("a.tar", PAIR)
    with tarfile.open("a.tar", "a") as tar:
        for kind, name in ((tarfile.DIRTYPE, "f.jpg"), (tarfile.SYMTYPE, "l"), (b"3", "d.txt")):
            member = odd(kind)
            member.name = name
            tar.addfile(member)
    assert len(read_samples("a.tar")) == 1


def test_shards_with_and_without_labels_are_not_mixed():
    write_tar("s-0.tar", [("a.jpg", b"")])
    write_tar("s-1.tar", PAIR)
    refused(
        "s-{0..1}.tar",
        f"s-1.tar member 0.jpg: image {Path('s-1.tar/0.jpg')} has a label, and that of s-0.tar"
        " member a.jpg has none; give every image a label, or none of them",
    )


def test_names_that_are_no_text_can_be_printed():
    with tarfile.open("a.tar", "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        tar.addfile(tarfile.TarInfo("caf\udce9.jpg"))
        tar.addfile(tarfile.TarInfo("1.jpg"))
        label = tarfile.TarInfo("1.cls")
        label.size = 1
        tar.addfile(label, io.BytesIO(b"0"))
    refused("a.tar", r"a.tar member caf\xe9.jpg: the image has no label").encode()


def changed(how, tar):
    data = tar.read_bytes()
    if how == "gone":
        tar.unlink()
    elif how == "cut":
        os.truncate(tar, len(data) // 2)
    elif how == "grown":
        tar.write_bytes(data + bytes(10240))
    elif how == "replaced":
        write_tar("other.tar", PAIR)
        Path("other.tar").replace(tar)
    elif how == "rewritten":
        tar.write_bytes(data)
        later = tar.stat().st_mtime_ns + 10**9
        os.utime(tar, ns=(later, later))


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("how", ["gone", "cut", "grown", "replaced", "rewritten"])
def test_a_shard_that_changes_gives_an_error(how, begun, source):
    tar = tar_of(source)
    loader = loader_of(tar)
    if begun:
        epochs(loader)
    changed(how, tar)
    message = "^train.tar member [0-9]+.png: the shard (was changed, replaced or removed|cannot be)"
    with pytest.raises(DataError, match=message):
        epochs(loader)


def test_a_shard_that_changes_before_a_batch_is_cut_again(source):
    tar = tar_of(source)
    batch = next(loader_of(tar).batches(1, True))
    changed("replaced", tar)
    with pytest.raises(DataError, match="was changed, replaced or removed"):
        batch.pixels(Rendering(8, 8))
