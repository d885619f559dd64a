"""What a written file replaces: links, rights, and paths that cannot be written."""

import errno
import os
import stat

import pytest
from crash_points import names_in
from forked import NOBODY, without_roots_rights
from one_sentence import refused

from deelish.errors import FileError
from deelish.storage.atomic import check_target, replacing, write_file, write_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and rights are of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def failing(number, *, folders):
    """A flush that fails for folders, or for files."""

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode) == folders:
            raise OSError(number, os.strerror(number))

    return fsync


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSUP", "EACCES", "EPERM", "EBADF", "ENOSYS"])
def test_a_file_system_that_flushes_no_folders(monkeypatch, tmp_path, name):
    monkeypatch.setattr(os, "fsync", failing(getattr(errno, name), folders=True))
    write_file(tmp_path / "file", b"new")
    with replacing(tmp_path / "other") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes() == b"new"
    assert names_in(tmp_path) == ["file", "other"]


def test_a_disk_that_fails_after_the_rename_is_reported_as_that(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "fsync", failing(errno.EIO, folders=True))
    error = r"file: is written, but its disk does not confirm that \(Input/output error\)"
    refused(FileError, error, lambda: write_file(tmp_path / "file", b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.torture("B5")
@pytest.mark.parametrize("name", ["ESTALE", "EDQUOT", "EIO", "ENOSPC", "EROFS"])
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_an_error_of_the_disk_leaves_the_old_file(monkeypatch, tmp_path, name, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    number = getattr(errno, name)

    def fails(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing(number, folders=False) if call == "fsync" else fails)
    error = rf"file: cannot be written \({os.strerror(number)}\)"
    refused(FileError, error, lambda: write_file(path, b"new"))
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_the_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("there/real")
    write_file(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "there" / "real").read_bytes() == b"new"
    with replacing(link) as temporary:
        temporary.write_bytes(b"newer")
    assert link.is_symlink()
    assert link.read_bytes() == b"newer"
    assert names_in(tmp_path / "there") == ["real"]


def test_the_rights_of_an_old_file_stay(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    for rights in (0o600, 0o640, 0o444, 0o755):
        path.chmod(rights)
        write_file(path, b"new")
        assert mode(path) == rights
        with replacing(path) as temporary:
            # Nobody may read the new file while it is made who may not read the old one.
            assert mode(temporary) == 0o600
            temporary.write_bytes(b"newer")
        assert mode(path) == rights


def test_a_new_file_has_the_rights_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs the rights")
def test_the_owner_stays(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o600)
    write_file(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (NOBODY, NOBODY, 0o600)


# Paths that cannot be written


def dangling(folder):
    (folder / "link").symlink_to("nowhere")
    return folder / "link", r"link: is a link to .*nowhere, which is not there; remove the link"


def circle(folder):
    (folder / "link").symlink_to("link")
    return folder / "link", "link: "


def a_folder(folder):
    (folder / "sub").mkdir()
    return folder / "sub", "sub: is a folder; give the name of a file"


def a_link_to_a_folder(folder):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("sub")
    return folder / "link", "link: is a folder; give the name of a file"


def a_pipe(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe", "pipe: is no ordinary file"


def no_folder(folder):
    return folder / "no" / "file", r"cannot be written \(there is no folder .*no\); give a folder"


def a_file_for_a_folder(folder):
    (folder / "file").write_bytes(b"")
    return folder / "file" / "x", r"cannot be written \(there is no folder .*file\)"


def a_long_name(folder):
    return folder / ("x" * 256), r"x: cannot be written \(File name too long\)"


CASES = [dangling, circle, a_folder, a_link_to_a_folder, a_pipe, no_folder, a_file_for_a_folder]
CASES += [a_long_name]


@pytest.mark.torture("B5")
@pytest.mark.parametrize("case", CASES)
def test_a_path_that_cannot_be_written(tmp_path, case):
    path, error = case(tmp_path)
    before = names_in(tmp_path)
    refused(FileError, error, lambda: check_target(path))
    refused(FileError, error, lambda: write_file(path, b"new"))
    with pytest.raises(FileError, match=error), replacing(path):
        raise AssertionError("the path was given")
    assert names_in(tmp_path) == before


@pytest.mark.torture("B5")
@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "𝄞" * 63])
def test_the_longest_names_are_written(tmp_path, name):
    write_file(tmp_path / name, b"new")
    write_file(tmp_path / name, b"newer")
    assert names_in(tmp_path) == [name]


@pytest.mark.torture("B5")
def test_a_folder_without_the_right_to_write(tmp_path):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "file").write_bytes(b"old")
    tmp_path.chmod(0o555)

    def tried():
        with pytest.raises(FileError) as caught:
            write_file(tmp_path / "file", b"new")
        return caught.value

    status, said = without_roots_rights(tried)
    tmp_path.chmod(0o755)
    assert status == 0, said
    assert said == (
        f"{tmp_path / 'file'}: cannot be written (Permission denied); give a folder that exists and"
        " has room"
    )
    assert (tmp_path / "file").read_bytes() == b"old"


def test_files_that_belong_together_are_written_together_or_not_at_all(tmp_path):
    first, second = tmp_path / "first", tmp_path / "no" / "second"
    first.write_bytes(b"old")
    with pytest.raises(FileError, match="no folder"):
        write_files({first: b"new", second: b"new"})
    assert first.read_bytes() == b"old"
    assert names_in(tmp_path) == ["first"]
