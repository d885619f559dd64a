"""A process that ends anywhere while it writes a checkpoint leaves a whole one."""

import shutil

import numpy as np
import pytest
from crash_points import crash_points, names_in

from deelish.engines.state import SavedState
from deelish.training.checkpoints.folder import KEPT, CheckpointFolder


def state_of(number):
    return SavedState({"weight": np.full((3, 5), number, np.float32)}, {"batches": number})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return CheckpointFolder(tmp_path / "run")


@pytest.mark.torture("B2")
@pytest.mark.parametrize(
    "before",
    [
        pytest.param(number, marks=[] if number == KEPT else [pytest.mark.long])
        for number in (0, 1, KEPT, KEPT + 1)
    ],
)
def test_the_checkpoint_before_or_the_new_one_is_there(folder, tmp_path, before):
    saved = tmp_path / "saved"
    shutil.copytree(folder.path, saved)
    for number in range(before):
        CheckpointFolder(saved).write(state_of(number))

    def prepare():
        shutil.rmtree(folder.path)
        shutil.copytree(saved, folder.path)

    seen, moment = set(), 0
    for moment, _ in crash_points(lambda: folder.write(state_of(before)), prepare):
        newest = folder.newest()
        # A killed process may come back more than once.
        assert newest is not None or not before, moment
        found = before - 1 if newest is None else newest[1].values["batches"]
        assert found in (before - 1, before), moment
        if newest is not None:
            assert (newest[1].arrays["weight"] == found).all()
        seen.add(found)
        for later in (before + 1, before + 2):
            folder.write(state_of(later))
        assert folder.newest()[1].values["batches"] == before + 2
        names = names_in(folder.path)
        assert len(names) == KEPT, (moment, names)
        assert all(name.startswith("checkpoint-") for name in names), (moment, names)
    assert seen == {before - 1, before}
    assert moment > 15
