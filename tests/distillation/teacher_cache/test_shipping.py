"""An archive of cached logits: what it holds arrives whole, and nothing else is let in."""

import hashlib
import io
import json
import os
import tarfile

import pytest
from distillation.teacher_cache.logits_by_key import check_right, keys_of, logits_of, opened
from distillation.teacher_cache.test_segments import write_part
from forked import in_a_child
from full_disks import small_disk
from one_sentence import assert_fails

from deelish.distillation.teacher_cache.folder import logits_files
from deelish.distillation.teacher_cache.receiving import receive
from deelish.distillation.teacher_cache.shipping import ship
from deelish.errors import FileError

MANIFEST = "deelish-cache.json"


@pytest.fixture
def here(tmp_path, keys):
    """A cache of three files: two parts, and what a training appended."""
    folder = tmp_path / "here"
    folder.mkdir()
    others = keys_of(1, 30)
    write_part(folder, others[:20], 1, 2)
    write_part(folder, others[20:], 2, 2)
    opened(folder).put(keys, logits_of(keys))
    return folder


@pytest.fixture
def archive(here, tmp_path):
    path = tmp_path / "a.tar"
    ship(logits_files(here), path)
    return path


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


def content(folder):
    """The files of a cache by name; nothing else is visible there."""
    if not folder.exists():
        return {}
    return {
        p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".segment", ".answers")
    }


def written(folder):
    """What writing would change of each file; a system may note at any time that it was read."""
    states = {p: p.stat() for p in folder.iterdir() if p.is_file()}
    return {p: (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for p, s in states.items()}


def entries_of(files):
    return [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]


def write(path, members, manifest=None, first=MANIFEST):
    """An archive of these members, each (name, bytes) or (TarInfo, bytes)."""
    if manifest is None:
        manifest = {"format": 1, "files": entries_of({str(n): data for n, data in members})}
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in [(first, text), *members]:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return path


def test_what_is_shipped_arrives(here, archive, there, keys):
    received = receive(archive, there)
    assert content(there) == content(here)
    assert [each.name for each in received.new] == sorted(content(here))
    check_right(opened(there), keys)
    check_right(opened(there), keys_of(1, 30))


def test_other_programs_can_check_it(here, archive, tmp_path):
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    listed = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert listed == {"format": 1, "files": entries_of(dict(sorted(content(here).items())))}


def test_an_archive_is_the_same_to_the_bit_and_names_nobody(here, archive, tmp_path):
    ship(logits_files(here), tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == archive.read_bytes()
    with tarfile.open(archive) as tar:
        assert {(m.uname, m.uid, m.mtime) for m in tar} == {("", 0, 0)}


def test_receiving_again_changes_nothing(archive, there):
    receive(archive, there)
    before = written(there)
    received = receive(archive, there)
    assert not received.new
    assert len(received.there) == 3
    assert written(there) == before


def test_what_is_missing_comes_beside_what_is_there(here, archive, there):
    receive(archive, there)
    gone = sorted(there.glob("*.segment"))[0]
    gone.unlink()
    received = receive(archive, there)
    assert [each.name for each in received.new] == [gone.name]
    assert content(there) == content(here)


def test_another_file_of_a_name_is_left_alone_and_nothing_comes(here, archive, there, keys):
    there.mkdir()
    opened(there).put(keys[:3], logits_of(keys[:3]))
    before = content(there)
    with pytest.raises(FileError, match=r"answers: is there already, with other logits than in"):
        receive(archive, there)
    assert content(there) == before


def test_a_training_may_be_appending(here, archive, there, keys):
    with next(here.glob("*.answers")).open("ab") as file:
        file.write(b"half a record")
    ship(logits_files(here), archive)
    receive(archive, there)
    check_right(opened(there), keys)


def test_damaged_logits_are_not_shipped(here, archive):
    path = sorted(here.glob("*.segment"))[1]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    before = archive.read_bytes()
    with pytest.raises(FileError, match=r"logits are damaged; .*--repair. drops them"):
        ship(logits_files(here), archive)
    assert archive.read_bytes() == before


@pytest.mark.parametrize("place", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_each_byte_that_changed_is_noticed(archive, there, place):
    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as tar:
        end = max(m.offset_data + m.size for m in tar)
    data[int(place * end)] ^= 16
    archive.write_bytes(data)
    with pytest.raises(FileError):
        receive(archive, there)
    assert content(there) == {}


@pytest.mark.parametrize("length", [0, 100, 600, 5000, 9000, -10240])
def test_an_archive_that_is_cut_off(archive, there, length):
    data = archive.read_bytes()
    archive.write_bytes(data[:length] if length >= 0 else data[: len(data) + length])
    with pytest.raises(FileError):
        receive(archive, there)
    assert content(there) == {}


def kind(name, type_, link=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = type_, link
    return member


HOSTILE = {
    "a path upwards": ("../../evil.segment", b"x"),
    "an absolute path": ("/tmp/evil.segment", b"x"),
    "a folder in the name": ("a/evil.segment", b"x"),
    "a hidden name": (".evil.segment", b"x"),
    "another extension": ("evil.py", b"x"),
    "a NUL": ("evil\0.segment", b"x"),
    "a long name": ("e" * 300 + ".segment", b"x"),
    "what is no segment": ("evil.segment", b"x" * 5000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members(tmp_path, there, name):
    member, data = HOSTILE[name]
    path = tmp_path / "a.tar"
    write(
        path,
        [(member.replace("\0", "0"), data)],
        {"format": 1, "files": entries_of({member: data})},
    )
    with pytest.raises(FileError, match=r"write it again with `deelish cache ship`"):
        receive(path, there)
    assert content(there) == {}
    assert sorted(p.name for p in tmp_path.iterdir()) in (["a.tar"], ["a.tar", "there"])


@pytest.mark.parametrize(
    "member",
    [
        kind("evil.segment", tarfile.SYMTYPE, "/etc/passwd"),
        kind("evil.segment", tarfile.LNKTYPE, MANIFEST),
        kind("evil.segment", tarfile.FIFOTYPE),
        kind("evil.segment", tarfile.DIRTYPE),
        kind("evil.segment", tarfile.CHRTYPE),
    ],
)
def test_what_is_no_file(tmp_path, there, member):
    listed = {"format": 1, "files": entries_of({"evil.segment": b""})}
    write(tmp_path / "a.tar", [(member, b"")], listed)
    with pytest.raises(FileError, match=r"member 'evil.segment' is not the one expected"):
        receive(tmp_path / "a.tar", there)


def test_members_that_are_not_listed_missing_twice_or_of_another_size(here, tmp_path, there):
    files = content(here)
    (name, data), *rest = sorted(files.items())
    right = {"format": 1, "files": entries_of(files)}
    one = {"format": 1, "files": entries_of({name: data})}
    twice = {"format": 1, "files": entries_of({name: data}) * 2}
    path = tmp_path / "a.tar"
    for members, listed, sentence in (
        ([(name, data), *rest], one, "is not the one expected"),
        (
            [(name, data)],
            {"format": 1, "files": entries_of(dict(sorted(files.items())))},
            "is missi",
        ),
        ([(name, data), (name, data)], twice, "or one twice"),
        ([(name, data + b"x")], one, "is not the one expected"),
        ([(rest[0][0], data)], one, "is not the one expected"),
        ([(name, data)], {**right, "format": 2}, "is of format 2, and this deelish reads 1"),
        ([(name, data)], {**one, "files": "x"}, "is not one that deelish wrote"),
        ([(name, data)], [1], "is not one that deelish wrote"),
        ([(name, data)], b"no JSON", "is not one that deelish wrote"),
        ([(name, data)], b"[" * 100_000, "is not one that deelish wrote"),
    ):
        with pytest.raises(FileError, match=sentence):
            receive(write(path, members, listed), there)
        assert content(there) == {}


def test_the_logits_of_another_name(here, tmp_path, there):
    (_, data), (other, _), _ = sorted(content(here).items())
    path = write(tmp_path / "a.tar", [(other, data)])
    with pytest.raises(FileError, match=r"segment is not what its name says"):
        receive(path, there)
    assert content(there) == {}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "there is no such archive; correct the path"),
        (lambda path: path.mkdir(), "is no ordinary file; name an archive"),
        (lambda path: os.mkfifo(path), "is no ordinary file; name an archive"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(5000)), "the tar is compressed"),
        (lambda path: path.write_bytes(b"text" * 500), "this is no tar"),
        (lambda path: write(path, [("a.jpg", b"x")], first="0.jpg"), "is no archive of `deelish"),
        (lambda path: write(path, [], b" " * (5 << 20)), "deelish-cache.json has 5,"),
    ],
)
def test_what_is_no_archive(tmp_path, there, make, sentence, capsys, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(there))
    make(tmp_path / "a.tar")
    assert_fails(["cache", "receive", tmp_path / "a.tar"], sentence, capsys)
    assert content(there) == {}


def test_a_full_disk(archive, tmp_path):
    with small_disk(tmp_path / "disk", 1 << 16) as disk:
        (disk / "filler").write_bytes(bytes(55_000))
        with pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"):
            receive(archive, disk)
        assert content(disk) == {}
        assert [p.name for p in (disk / ".receiving").iterdir()] == ["lock"]


def test_after_a_kill_nothing_half_is_visible_and_the_same_command_goes_on(here, archive, there):
    def killed():
        calls = []

        def count(handle):
            calls.append(handle)
            if len(calls) == 2:
                os.kill(os.getpid(), 9)

        os.fsync = count
        receive(archive, there)

    status, _ = in_a_child(killed)
    assert status == -9
    assert content(there) == {}
    receive(archive, there)
    assert content(there) == content(here)
    assert [p.name for p in (there / ".receiving").iterdir()] == ["lock"]


def test_by_the_command_line(here, there, tmp_path, monkeypatch, ran, capsys):
    monkeypatch.setenv("DEELISH_CACHE", str(here))
    archive = tmp_path / "b.tar"
    (line,) = ran("cache", "ship", "Teacher", "--to", archive)
    assert line.startswith(f"{archive}: 3 files with ")
    monkeypatch.setenv("DEELISH_CACHE", str(there))
    (line,) = ran("cache", "receive", archive)
    assert line.endswith("are received, all checked")
    (line,) = ran("cache", "receive", archive)
    assert line.endswith("are there already")
    assert content(there) == content(here)
    ran("cache", "merge")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nobody", "--to", "a.tar"], "holds no logits of 'nobody'"),
        *(
            ([name, "--to", "a.tar"], f"cache ship {name}: cached logits alone are shipped")
            for name in ("images", "remote", "shards")
        ),
        (["--to", "no/folder/a.tar"], "no/folder/a.tar: cannot be written"),
        (["--to", "s3://bucket/a.tar"], "s3://bucket/a.tar: an archive is a file of this machine"),
        (["--to", "."], ".: is a folder; give the name of a file"),
    ],
)
def test_what_cannot_be_shipped(here, monkeypatch, tmp_path, words, sentence, capsys):
    monkeypatch.setenv("DEELISH_CACHE", str(here))
    monkeypatch.chdir(tmp_path)
    assert_fails(["cache", "ship", *words], sentence, capsys)
