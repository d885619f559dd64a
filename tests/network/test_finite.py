"""Weights that are NaN or infinite are not saved, unless they were so before any training."""

import numpy as np
import pytest
from helpers import small, trained, write_set
from small_modules import student
from torch import nn

from deelish import Deel, InputBatch, Network, Student
from deelish.errors import FileError


@pytest.fixture
def session(each_engine):
    with Deel():
        yield


def spoil(network, layer, value):
    """One number of a layer becomes this value, as an update could do it."""
    blob = network.module.weights_of(layer).weight
    data = getattr(blob, "data", blob)
    data = getattr(data, "array", data)
    data[0, 0] = value


@pytest.mark.torture("E1")
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("extension", [".hdf5", ".safetensors", ".caffemodel", ".npz", ".onnx"])
def test_a_network_whose_weights_are_not_finite(session, tmp_path, value, extension):
    network = small()
    path = network.save(tmp_path / f"net{extension}")
    before = path.read_bytes()
    spoil(network, "score", value)
    error = (
        rf"net{extension}: Small is not saved, since its 'score/weight' holds NaN or infinite"
        r" numbers after the training; what was saved before is unchanged; train again with"
    )
    with pytest.raises(FileError, match=error) as caught:
        network.save(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_network_that_was_so_when_it_was_loaded_is_saved_as_it_is(session, tmp_path):
    network = small()
    spoil(network, "score", np.inf)
    network._nonfinite_before = {"score/weight"}
    path = network.save(tmp_path / "net.hdf5")
    again = Network.load(path)
    copy = again.save(tmp_path / "copy.hdf5")
    assert np.isinf(copy_weights(copy)).any()
    spoil(again, "hidden", np.nan)
    with pytest.raises(FileError, match="since its 'hidden/weight' holds NaN"):
        again.save(copy)


def copy_weights(path):
    return Network.load(path).record().values["score"]["weight"]


def test_a_training_that_ends_in_infinite_weights(session, tmp_path):
    """The last update is too large; nothing after it looks at the weights."""
    network = small()
    InputBatch(train=write_set(tmp_path, "train", 8))
    trained(network, epochs=1)
    spoil(network, "hidden", np.inf)
    with pytest.raises(FileError, match="since its 'hidden/weight' holds NaN or infinite"):
        network.save(tmp_path / "net.safetensors")
    assert not (tmp_path / "net.safetensors").exists()


def test_a_student(tmp_path):
    with Deel():
        made = student()
        made.module.module.score.weight.data[1] = np.nan
        with pytest.raises(FileError, match=r"since its 'score\.weight' holds NaN or infinite"):
            made.save(tmp_path / "student.safetensors")


class Masked(nn.Module):
    """A mask of minus infinities, as attention has it."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(192, 4)
        self.register_buffer("mask", np_mask())

    def forward(self, x):
        return self.score(x.flatten(1))


def np_mask():
    import torch

    return torch.full((3, 3), -np.inf).triu(1)


def test_a_mask_of_infinities_is_a_students_own(tmp_path):
    with Deel():
        made = Student(Masked(), size=8, mean=0, scale=1 / 255, order="RGB")
        path = made.save(tmp_path / "student.safetensors")
        assert Student.load(path, module=Masked()).save(path) == path
