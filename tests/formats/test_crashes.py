"""A process that ends anywhere in save() leaves the old network or the new one, to the bit."""

import numpy as np
import pytest
from crash_points import crash_points, names_in
from helpers import small
from small_modules import seeded, student

from deelish import Deel, Network, Student

X = {"data": np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)}


def ways(extension):
    """An old and a new network to save, and how their file is opened."""
    if extension == "student":
        return student(), student(1), lambda path: Student.load(path, module=seeded(2))
    return small("Old"), small("New"), Network.load


def numbers(network):
    """All that a file must bring back."""
    return {name: array.tobytes() for name, array in named(network).items()}


def named(network):
    record = network.record()
    return getattr(record, "arrays", None) or {
        f"{layer}/{name}": array
        for layer, blobs in record.values.items()
        for name, array in blobs.items()
    }


@pytest.mark.torture("B2")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(".hdf5", marks=pytest.mark.long),
        pytest.param(".safetensors", marks=pytest.mark.long),
        pytest.param(".caffemodel", marks=pytest.mark.long),
        "student",
    ],
)
def test_the_old_or_the_new_network_is_there(tmp_path, kind):
    with Deel():
        old, new, load = ways(kind)
        path = tmp_path / f"net{'.safetensors' if kind == 'student' else kind}"
        known = [numbers(old), numbers(new)]
        assert known[0] != known[1]
        seen = set()
        moment = 0
        for moment, _ in crash_points(lambda: new.save(path), lambda: old.save(path)):
            found = known.index(numbers(load(path)))
            seen.add(found)
            new.save(path)
            assert names_in(tmp_path) == sorted({path.name} | companions(path)), moment
        assert seen == {0, 1}
        assert moment > 15


def companions(path):
    return {path.with_suffix(".prototxt").name} if path.suffix == ".caffemodel" else set()
