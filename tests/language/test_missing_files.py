"""A file or an image that is missing is a FileNotFoundError, too."""

from __future__ import annotations

import pytest
from helpers import small, trained, write_set
from language.verbs import refused

from deelish import (
    CaffeNet,
    Input,
    InputBatch,
    Network,
    Teacher,
)
from deelish.errors import (
    DataError,
    MissingDataError,
    MissingFileError,
)
from deelish.networks import GoogLeNet

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("error", "function", "args"),
    [
        (MissingFileError, GoogLeNet, ("gone.caffemodel",)),
        (MissingFileError, Network.load, ("gone.hdf5",)),
        (MissingFileError, Teacher, ("gone.onnx",)),
        (MissingFileError, CaffeNet, (None, "gone.prototxt")),
        (MissingDataError, InputBatch, ("gone.txt",)),
        (MissingDataError, InputBatch, ("gone-{000..003}.tar",)),
        (MissingDataError, InputBatch, ("gone.tar",)),
        (MissingDataError, Input, ("gone.png",)),
    ],
)
def test_what_is_missing_is_also_a_file_not_found(error, function, args):
    with pytest.raises(FileNotFoundError, match="gone") as caught:
        function(*args)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_missing_labels_and_images_of_a_list_are_also_a_file_not_found(tmp_path):
    with pytest.raises(MissingDataError, match="labels file gone"):
        GoogLeNet(labels="gone.txt")
    path = tmp_path / "list.txt"
    path.write_text("gone.png 0\n")
    with pytest.raises(MissingDataError, match=r"list\.txt line 1: image 'gone.png' is not there"):
        InputBatch(path)
    with pytest.raises(MissingDataError, match="there is no such folder"):
        InputBatch(path, root="gone")


def test_an_image_that_goes_during_a_training_is_also_a_file_not_found(tmp_path):
    train = write_set(tmp_path, "train", 8)
    InputBatch(train, batch_size=8, crop=1)
    (tmp_path / "3.png").unlink()
    with pytest.raises(MissingDataError, match=r"train\.txt line 4: .*there is no such image"):
        trained(small(), 1)


def test_a_list_that_is_no_ordinary_file_says_so():
    # A DataError is a ValueError, and the list's reader meets those of Python too.
    refused(DataError, "/dev/null: this is no ordinary file", InputBatch, "/dev/null")
