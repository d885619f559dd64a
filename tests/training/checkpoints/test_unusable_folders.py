"""Places that hold no checkpoints: refused in one sentence before the first update."""

import errno
import os
import re
import shutil
import subprocess

import pytest
from forked import without_roots_rights
from full_disks import small_disk
from one_sentence import refused
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, run

from deelish.errors import FileError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and rights are of POSIX")
CURE = "; give a folder that can be written"


def a_file(folder):
    (folder / "run").write_bytes(b"mine")
    return folder / "run", "File exists"


def below_a_file(folder):
    (folder / "file").write_bytes(b"mine")
    return folder / "file" / "run", "Not a directory"


def a_dangling_link(folder):
    (folder / "run").symlink_to("nowhere")
    return folder / "run", "File exists"


def a_circle(folder):
    (folder / "run").symlink_to("run")
    return folder / "run", "File exists|Too many levels of symbolic links"


def a_long_name(folder):
    return folder / ("x" * 256), "File name too long"


def a_long_path(folder):
    return folder.joinpath(*["x" * 200] * 25), "File name too long"


def a_pipe(folder):
    os.mkfifo(folder / "run")
    return folder / "run", "File exists"


def whose_lock_is_a_folder(folder):
    (folder / "run" / "training_lock").mkdir(parents=True)
    return folder / "run", "Is a directory"


def a_device(folder):
    return "/dev/null", "File exists|Not a directory"


CASES = [a_file, below_a_file, a_dangling_link, a_circle, a_long_name, a_long_path, a_pipe]
CASES += [whose_lock_is_a_folder, a_device]


@pytest.mark.torture("B5")
@pytest.mark.parametrize("case", CASES)
def test_a_place_that_is_no_folder(sets, tmp_path, case):
    path, reason = case(tmp_path)
    before = sorted(map(str, tmp_path.rglob("*")))
    match = rf": cannot hold checkpoints \(({reason})\){CURE}"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, path))
    assert calls[-1] == 0
    assert sorted(map(str, tmp_path.rglob("*"))) == before


@pytest.mark.torture("B5")
def test_a_read_only_disk(sets, tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        if subprocess.run([shutil.which("mount"), "-o", "remount,ro", disk]).returncode:
            pytest.skip("this user may mount no disk again")
        match = rf"disk/run: cannot hold checkpoints \(Read-only file system\){CURE}"
        refused(FileError, match, lambda: run(stopped_runs.plain, sets, disk / "run"))
    assert calls[-1] == 0


@pytest.mark.torture("B5")
@pytest.mark.parametrize("existing", [True, False])
def test_a_folder_without_the_right_to_write(sets, tmp_path, existing):
    above = tmp_path / "above"
    folder = above / "run"
    folder.mkdir(parents=True) if existing else above.mkdir()
    # pytest-xdist puts one folder more above it.
    for each in (tmp_path, *tmp_path.parents[:3]):
        each.chmod(each.stat().st_mode | 0o055)
    closed = folder if existing else above
    closed.chmod(0o555)

    def tried():
        with pytest.raises(FileError) as caught:
            run(stopped_runs.plain, sets, folder)
        assert calls[-1] == 0
        return caught.value

    status, said = without_roots_rights(tried)
    closed.chmod(0o755)
    assert status == 0, said
    assert said == f"{folder}: cannot hold checkpoints (Permission denied){CURE}"


@pytest.mark.torture("B5")
def test_a_folder_whose_checkpoint_is_a_folder(sets, tmp_path):
    (tmp_path / "run" / "checkpoint-000001.safetensors").mkdir(parents=True)
    match = "run: none of its 1 checkpoints is whole"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, tmp_path / "run"))
    assert calls[-1] == 0


@pytest.mark.torture("B5")
@pytest.mark.parametrize("name", ["EDQUOT", "ESTALE", "EIO"])
@pytest.mark.parametrize("call", ["mkdir", "open", "fsync"])
def test_a_disk_that_fails(sets, tmp_path, monkeypatch, name, call):
    number = getattr(errno, name)

    def fails(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    def run_there():
        really, folder = getattr(os, call), str(tmp_path / "run")

        def failing(path, *args, **kwargs):
            # fsync is of a handle.
            there = call == "fsync" or str(path).startswith(folder)
            return (fails if there else really)(path, *args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing)
            run(stopped_runs.plain, sets, folder)

    match = rf"run(/checkpoint-000001\.safetensors)?: cannot .*\({os.strerror(number)}\)"
    refused(FileError, match, run_there)
    assert calls[-1] == 0


def test_a_checkpoint_in_place_of_its_folder(sets, tmp_path):
    run(stopped_runs.plain, sets, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint-000002.safetensors"
    match = f"checkpoint-000002.safetensors: is a checkpoint; give its folder, {path.parent}"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, path))


@pytest.mark.parametrize("late", [False, True])
def test_a_folder_that_somebody_removes(sets, tmp_path, late):
    folder = tmp_path / "run"

    def build(deel):
        inner, changed = stopped_runs.plain(deel)

        def workout(x, t):
            if calls[-1] == (3 if late else 1):
                shutil.rmtree(folder)
            return inner(x, t)

        return workout, changed

    match = "run: cannot be read (No such file or directory); bring it back, or give another folder"
    refused(FileError, re.escape(match), lambda: run(build, sets, folder))


def test_a_checkpoint_that_is_a_pipe(sets, tmp_path, capsys):
    run(stopped_runs.plain, sets, tmp_path / "run")
    path = tmp_path / "run" / "checkpoint-000002.safetensors"
    path.unlink()
    os.mkfifo(path)
    run(stopped_runs.plain, sets, tmp_path / "run")
    shown = capsys.readouterr().out
    assert f"{path}: is missing, or no ordinary file; it is passed by" in shown


def test_a_script_that_goes_to_another_folder(sets, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def build(deel):
        inner, changed = stopped_runs.plain(deel)

        def workout(x, t):
            os.chdir(tmp_path / "elsewhere")
            return inner(x, t)

        return workout, changed

    run(build, sets, "run")
    assert (tmp_path / "run" / "checkpoint-000002.safetensors").is_file()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_home_folder(sets, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run(stopped_runs.plain, sets, "~/run")
    assert (tmp_path / "home" / "run" / "checkpoint-000002.safetensors").is_file()
    assert not (tmp_path / "~").exists()
