"""Temporary files of killed processes go with the next save; those of others stay."""

import os
import subprocess
import sys
import time

import pytest
from crash_points import crash_points, names_in
from processes import environment

from deelish.storage import staged
from deelish.storage.atomic import replacing, write_file
from deelish.storage.lock import try_to_take

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs the locks of POSIX")
WRITES = """
import sys
from pathlib import Path
from deelish.storage.atomic import replacing

with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("there", flush=True)
    sys.stdin.read()
    temporary.write_bytes(b"whole")
"""


@pytest.fixture
def writing(tmp_path):
    """A process that writes `file`, and waits in the middle; with its temporary file."""
    command = [sys.executable, "-c", WRITES, str(tmp_path / "file")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as process:
        assert process.stdout.readline() == "there\n"
        yield process
        process.kill()


def test_that_of_a_killed_process_goes(tmp_path, writing):
    writing.kill()
    writing.wait()
    assert len(names_in(tmp_path)) == 1
    write_file(tmp_path / "other", b"new")
    assert len(names_in(tmp_path)) == 2
    write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == ["file", "other"]


@pytest.mark.torture("G3")
def test_that_of_a_living_process_stays(tmp_path, writing):
    write_file(tmp_path / "file", b"new")
    assert len(names_in(tmp_path)) == 2
    writing.stdin.close()
    assert writing.wait(60) == 0
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert names_in(tmp_path) == ["file"]


def left(folder, host, age):
    """A temporary file of another process."""
    name = f".file.{host}0123abcd.part"
    (folder / name).write_bytes(b"half")
    then = time.time() - age
    os.utime(folder / name, (then, then))
    return name


@pytest.mark.parametrize("host", ["deadbeef-", ""])
def test_those_of_other_machines_and_versions_go_after_a_day(tmp_path, host):
    """The lock of another machine may be unknown here."""
    name = left(tmp_path, host, 3600)
    write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == sorted(["file", name])
    left(tmp_path, host, staged.DAY + 3600)
    write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == ["file"]


def test_a_clock_of_the_machine_that_is_wrong_removes_nothing(tmp_path, monkeypatch):
    name = left(tmp_path, "deadbeef-", 3600)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    write_file(tmp_path / "file", b"new")
    assert name in names_in(tmp_path)


def test_without_locks_age_decides(tmp_path, monkeypatch):
    name = left(tmp_path, f"{staged._HOST}-", 3600)
    monkeypatch.setattr(staged, "try_to_take", lambda handle: None)
    write_file(tmp_path / "file", b"new")
    assert name in names_in(tmp_path)
    left(tmp_path, f"{staged._HOST}-", staged.DAY + 3600)
    write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "name", [".file.part", ".file.x.part", ".filed.0123abcd-0123abcd.part", ".file.0123abcd.party"]
)
def test_files_of_other_names_stay(tmp_path, name):
    (tmp_path / name).write_bytes(b"mine")
    os.utime(tmp_path / name, (0, 0))
    write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == sorted([name, "file"])


def test_links_and_folders_of_such_a_name_stay(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    os.utime(tmp_path / "mine", (0, 0))
    (tmp_path / ".file.0123abcd.part").symlink_to("mine")
    (tmp_path / ".file.0123abce.part").mkdir()
    write_file(tmp_path / "file", b"new")
    assert len(names_in(tmp_path)) == 4
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_temporary_file_is_locked_while_it_is_written(tmp_path):
    with replacing(tmp_path / "file") as temporary, temporary.open("r+b") as other:
        assert try_to_take(other.fileno()) is False


@pytest.mark.parametrize("moment", ["_remove_left_behind", "StagedFile.write", "StagedFile._close"])
def test_ctrl_c_leaves_no_temporary_file(tmp_path, monkeypatch, moment):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"deelish.storage.staged.{moment}", pressed)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) in ([], ["file"])


MANY = """
import sys
from pathlib import Path
from deelish.storage.atomic import write_file

for _ in range(int(sys.argv[3])):
    write_file(Path(sys.argv[1]), sys.argv[2].encode() * 300_000)
"""


@pytest.mark.torture("G3")
def test_two_processes_that_write_one_file_never_mix(tmp_path):
    path, kinds = tmp_path / "file", {b"a" * 300_000, b"b" * 300_000}
    write_file(path, b"a" * 300_000)
    running = [
        subprocess.Popen([sys.executable, "-c", MANY, path, letter, "20"], env=environment())
        for letter in "ab"
    ]
    while any(process.poll() is None for process in running):
        assert path.read_bytes() in kinds
    assert [process.returncode for process in running] == [0, 0]
    assert names_in(tmp_path) == ["file"]


@pytest.mark.torture("B2")
@pytest.mark.parametrize("existing", [True, pytest.param(False, marks=pytest.mark.long)])
def test_every_crash_leaves_the_old_file_or_the_new_one(tmp_path, existing):
    path, old, new = tmp_path / "file", b"old" * 999, b"new and longer" * 999

    def prepare():
        path.unlink(missing_ok=True)
        if existing:
            path.write_bytes(old)

    seen = set()
    for moment, _ in crash_points(lambda: write_file(path, new), prepare):
        found = path.read_bytes() if path.exists() else None
        assert found in (old if existing else None, new), moment
        seen.add(found)
        write_file(path, b"next")
        assert names_in(tmp_path) == ["file"], moment
    assert len(seen) == 2
