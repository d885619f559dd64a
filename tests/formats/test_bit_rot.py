"""One changed bit anywhere in a file, or a cut anywhere, is noticed when it is opened."""

import shutil

import numpy as np
import pytest
from helpers import small
from small_modules import seeded, student
from torture import scaled

from deelish import Deel, Network, Student
from deelish.errors import FileError

FILES = 500
LABELS = ["tabby", "größe", "日本", "x"]
KINDS = {
    ".hdf5": lambda: small(labels=LABELS),
    ".safetensors": lambda: small(labels=LABELS),
    "student": student,
}


@pytest.fixture(params=KINDS)
def saved(request, tmp_path):
    """A file, and how it is opened."""
    with Deel():
        extension = ".safetensors" if request.param == "student" else request.param
        path = KINDS[request.param]().save(tmp_path / f"net{extension}")
        load = Network.load
        if request.param == "student":
            module = seeded()

            def load(path):
                return Student.load(path, module=module)

        yield path, load


def assert_noticed(path, load, what):
    __tracebackhide__ = True
    try:
        load(path)
    except FileError as error:
        sentence = str(error)
    else:
        raise AssertionError(f"opened with {what}")
    assert str(path) in sentence
    assert "\n" not in sentence


@pytest.mark.torture("B6")
def test_every_changed_bit_is_noticed(saved):
    path, load = saved
    load(path)
    data, rng = path.read_bytes(), np.random.default_rng(6)
    for _ in range(scaled(FILES)):
        # Half of them in what describes the arrays, which is a small part of large files.
        end = len(data) if rng.random() < 0.5 else min(len(data), 6000)
        place, bit = int(rng.integers(end)), int(rng.integers(8))
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        assert_noticed(path, load, f"bit {bit} of byte {place} changed")


@pytest.mark.torture("B6")
def test_every_cut_is_noticed(saved):
    path, load = saved
    data, rng = path.read_bytes(), np.random.default_rng(7)
    near = list(range(len(data) - 20, len(data)))
    for end in [*near, *rng.integers(0, len(data), scaled(FILES)).tolist()][: scaled(FILES)]:
        path.write_bytes(data[:end])
        assert_noticed(path, load, f"only {end} of {len(data)} bytes")


def test_a_file_that_another_program_changed_and_one_of_before(saved, tmp_path):
    """A seal that is gone is noticed where the file says that it had one."""
    path, load = saved
    if path.suffix != ".hdf5":
        pytest.skip("safetensors are written whole by every program")
    import h5py

    copy = shutil.copy(path, tmp_path / "copy.hdf5")
    with h5py.File(copy, "a") as file:
        file["more"] = np.zeros(3)
    with pytest.raises(FileError, match=r"copy\.hdf5: its bytes are not those that save\(\) wrote"):
        load(copy)
