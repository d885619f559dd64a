"""Hostile .npz and tar shards: refused or read as they are, in little memory, nothing written."""

import io
import struct
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from crash_points import names_in
from helpers import small
from hostile.watching import MEGABYTE, refusal

from deelish import Deel
from deelish.images.lists import read_samples

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=(1, 0))
    return file.getvalue()


SOUND = {
    "hidden/W.npy": npy(np.ones((16, 64), np.float32)),
    "hidden/b.npy": npy(np.ones(16, np.float32)),
    "score/W.npy": npy(np.ones((4, 16), np.float32)),
    "score/b.npy": npy(np.ones(4, np.float32)),
}


def zipped(path, members, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def twice(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        zipped(path, [*SOUND.items(), ("score/b.npy", SOUND["score/b.npy"])])


def bomb(path):
    data = SOUND["score/W.npy"] + bytes(500 * MEGABYTE)
    zipped(path, [*SOUND.items(), ("more/W.npy", data)], zipfile.ZIP_DEFLATED)


def a_list_without_end(path):
    """Members of no bytes: each takes zipfile ten times the room of its entry."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, *[0] * 6)
    entry = entry[:46].ljust(46, b"\0")
    entries = b"".join(entry + b"a" for _ in range(300_000))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(entries), 0, 0)
    path.write_bytes(entries + end)


def a_list_said_to_be_without_end(path):
    zipped(path, SOUND.items())
    data = bytearray(path.read_bytes())
    data[-10:-6] = struct.pack("<L", 2**31)
    path.write_bytes(data)


def in_another_packing(path):
    zipped(path, SOUND.items(), zipfile.ZIP_LZMA)


def names_that_lead_out(path):
    outside = {"../../W.npy": SOUND["score/W.npy"], "/tmp/W.npy": SOUND["score/W.npy"]}
    zipped(path, [*SOUND.items(), *outside.items()])


def a_link(path):
    info = zipfile.ZipInfo("score/W.npy")
    info.external_attr = 0o120777 << 16
    zipped(path, [(info, "/etc/passwd"), *[pair for pair in SOUND.items() if "W" not in pair[0]]])


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "case",
    [
        *(twice, bomb, a_list_without_end, a_list_said_to_be_without_end, in_another_packing),
        *(names_that_lead_out, a_link),
    ],
)
def test_a_zip_of_arrays(tmp_path, case):
    path = tmp_path / "sub" / "net.npz"
    path.parent.mkdir()
    case(path)
    with Deel():
        refusal(lambda: small(modelpath=path), path)
    assert names_in(tmp_path) == ["sub"]
    assert names_in(path.parent) == ["net.npz"]


# Tar shards


def shard(path, *members):
    """A tar of (TarInfo or name, bytes)."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for info, data in members:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "name", ["../0.jpg", "/etc/0.jpg", "a/../../0.jpg", "./../0.jpg", "C:/0.jpg"]
)
def test_names_that_lead_out_are_names(tmp_path, name):
    """Nothing is unpacked, so the bytes are those in the tar, whatever they are called."""
    folder = tmp_path / "sub"
    folder.mkdir()
    (tmp_path / "0.jpg").write_bytes(b"another file")
    path = shard(folder / "a.tar", (name, b"image"), (name.replace("jpg", "cls"), b"3"))
    (sample,) = read_samples(path)
    assert sample.label == 3
    assert sample.location.read() == b"image"
    assert names_in(tmp_path) == ["0.jpg", "sub"]
    assert names_in(folder) == ["a.tar"]


def header(kind, size, name="x"):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def block_of(data):
    return data.ljust(-(-len(data) // 512) * 512, b"\0")


def record(key, value):
    """A record of a pax header, whose length counts itself."""
    body = f" {key}={value}\n"
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return f"{length}{body}".encode()


IMAGE = header(tarfile.REGTYPE, 5, "0.jpg") + block_of(b"image")
END = bytes(1024)


def records(count, start=""):
    """So many records of different keys and no value."""
    each = record(f"{start}{0:06x}", "").replace(b"000000", b"%06x")
    return b"".join(map(each.__mod__, range(count)))


def with_facts(kind, facts):
    return header(kind, len(facts)) + block_of(facts)


def global_headers(count, between=b""):
    """Facts for all members, with a member between them or none."""
    parts = (with_facts(tarfile.XGLTYPE, records(60_000, f"{n}.")) for n in range(count))
    return between.join(parts)


def sparse_1_0():
    """A list of parts that is as long as its file."""
    facts = record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0")
    facts += record("GNU.sparse.name", "x") + record("GNU.sparse.realsize", "1")
    data = b"9999999\n" + b"0\n" * (15 << 20)
    return with_facts(tarfile.XHDTYPE, facts) + header(tarfile.REGTYPE, len(data)) + block_of(data)


def sparse_gnu():
    """Blocks that each say that there is another one."""
    first = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    block = (b"%011o\0" % 7) * 42
    return bytes(first) + (block + b"\1").ljust(512, b"\0") * 40_000


# Functions, since they are of many megabytes.
TARS = {
    "a name of 40 MB": lambda: header(tarfile.GNUTYPE_LONGNAME, 40 << 20) + b"a" * (40 << 20),
    "a name said to be of 2^62 bytes": lambda: header(tarfile.GNUTYPE_LONGNAME, 8**11 - 1),
    "facts of 20 MB": lambda: with_facts(tarfile.XHDTYPE, records(2_000_000)),
    "facts for all": lambda: global_headers(40),
    "facts for all, apart": lambda: global_headers(20, between=IMAGE),
    "names of names": lambda: header(tarfile.GNUTYPE_LONGNAME, 512) * 5000,
    "a sparse file of format 1.0": sparse_1_0,
    "a sparse file of GNU": sparse_gnu,
}


@pytest.mark.torture("F1")
@pytest.mark.parametrize("start", [b"", IMAGE], ids=["first", "later"])
@pytest.mark.parametrize("name", TARS)
def test_headers_without_end(tmp_path, name, start):
    path = tmp_path / "a.tar"
    path.write_bytes(start + TARS[name]() + IMAGE.replace(b"0.jpg", b"1.jpg") + END)
    refusal(lambda: read_samples(path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "/dev/zero"])
def test_links_and_devices(tmp_path, kind, target):
    info = tarfile.TarInfo("0.jpg")
    info.type, info.linkname = kind, target
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(info)
    refusal(lambda: read_samples(tmp_path / "a.tar"), tmp_path / "a.tar")


@pytest.mark.torture("F1")
def test_long_names_and_many_facts_are_read(tmp_path):
    """As other programs write them, within reason."""
    name = "a" * 5000
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for index in range(300):
            info = tarfile.TarInfo(f"{name}/{index}.jpg")
            info.pax_headers = {"comment": "b" * 5000}
            tar.addfile(info)
    assert len(read_samples(tmp_path / "a.tar")) == 300
