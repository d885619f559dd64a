"""Lists of images, and a training that was stopped."""

import pytest
from helpers import write_set
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import run


@pytest.fixture
def sets(tmp_path):
    """Lists of 76 images for training and 20 for validation: 5 and 2 batches of 16."""
    return write_set(tmp_path, "train", 76), write_set(tmp_path, "val", 20, first=76)


@pytest.fixture
def stopped(sets, tmp_path):
    """The folder of a training that was stopped after its third update."""
    folder = tmp_path / "run"
    run(stopped_runs.plain, sets, folder, 3)
    return folder
