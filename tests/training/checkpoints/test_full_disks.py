"""A disk that is full when a checkpoint is written: the one before stays, and the cure is named."""

import shutil

import pytest
from crash_points import names_in
from full_disks import fill, small_disk, with_short_files
from torture import scaled
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, run

from deelish.errors import FileError
from deelish.formats.native import checkpoint

# Before which batch the disk is full: 6 and 7 are of validation. Before the first update it is
# looked at.
MOMENTS = [2, 7, 3, 4, 5, 6, 8, 9][: max(2, scaled(8))]
# Less than a checkpoint of these trainings.
ROOM = 4096


def full_before(batch, disk):
    """The plain training, with a disk that is full from then on."""
    # In lists, since another number or place would be another workout.
    left, disks = [batch], [disk]

    def limit():
        fill(disks[0], leave=ROOM)

    def build(deel):
        inner, changed = stopped_runs.plain(deel)

        def workout(x, t):
            left[0] -= 1
            if left[0] == 0:
                limit()
            return inner(x, t)

        return workout, changed

    return build


def whole_checkpoints(folder):
    return [checkpoint.read(path) for path in sorted(folder.glob("checkpoint-*"))]


@pytest.mark.torture("B4")
@pytest.mark.parametrize("batch", MOMENTS)
@pytest.mark.parametrize("on_save_error", ["stop", "go on"])
def test_in_a_training_the_checkpoint_before_stays(sets, tmp_path, capsys, batch, on_save_error):
    expected = run(stopped_runs.plain, sets)
    with small_disk(tmp_path / "disk") as disk:
        folder = disk / "run"
        build = full_before(batch, disk)
        options = {"checkpoint_updates": 1, "on_save_error": on_save_error}
        if on_save_error == "stop":
            with pytest.raises(FileError) as caught:
                run(build, sets, folder, **options)
            said = str(caught.value)
            assert calls[-1] < 14
        else:
            capsys.readouterr()
            assert run(build, sets, folder, **options) == expected
            lines = capsys.readouterr().out.splitlines()
            (said,) = (line for line in lines if "cannot be written" in line)
            assert said.endswith("; the training goes on, and the checkpoint before stays")
        assert "\n" not in said
        assert str(folder / "checkpoint-") in said
        assert "(No space left on device), it takes " in said
        assert f" bytes and {ROOM:,} are free; make room" in said
        found = whole_checkpoints(folder)
        assert found
        assert all(state.values["batches"] < 10 for state in found)
        assert {name.split("-")[0] for name in names_in(folder)} == {"checkpoint", "training_lock"}
        (disk / "filler").unlink()
        shutil.copytree(folder, tmp_path / "run")
    assert run(full_before(0, None), sets, tmp_path / "run") == expected


@pytest.mark.torture("B4")
def test_a_limit_of_the_process_on_its_files(sets, tmp_path):
    folder = tmp_path / "run"
    run(stopped_runs.plain, sets, folder, 3)
    before = {path.name: path.read_bytes() for path in folder.glob("checkpoint-*")}

    def stopped():
        with pytest.raises(FileError) as caught:
            run(stopped_runs.plain, sets, folder, checkpoint_updates=1)
        return caught.value

    said = with_short_files(stopped, ROOM)
    assert f"{folder / 'checkpoint-000003.safetensors'}: cannot be written (File too large)" in said
    assert "it takes " in said
    assert "are free; make room" in said
    assert {path.name: path.read_bytes() for path in folder.glob("checkpoint-*")} == before
    assert run(stopped_runs.plain, sets, folder) == run(stopped_runs.plain, sets)


@pytest.mark.torture("B4")
def test_a_disk_that_is_full_at_the_start_is_named_before_the_first_update(sets, tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        fill(disk, leave=ROOM)
        error = (
            r"000001\.safetensors: cannot be written \(No space left on device\), it takes .*; make"
        )
        with pytest.raises(FileError, match=error):
            run(stopped_runs.plain, sets, disk / "run")
        assert calls[-1] == 0
