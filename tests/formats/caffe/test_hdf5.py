"""Caffe's HDF5 weights: read like the binary ones, and refused where they are not plain."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deelish.errors import CaffeError, MissingFileError
from deelish.formats.caffe.hdf5 import read_weights
from deelish.formats.caffe.read import read_net, weights_of

h5py = pytest.importorskip("h5py")
Made = Callable[[Callable[[h5py.File], object]], Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Make an HDF5 file with a function, and give its path."""

    def make(fill: Callable[[h5py.File], object]) -> Path:
        path = tmp_path / "net.caffemodel.h5"
        with h5py.File(path, "w") as file:
            fill(file)
        return path

    return make


def test_hdf5_has_the_numbers_of_the_binary(material: Path) -> None:
    folder = material / "caffe-golden" / "hdf5_weights"
    binary = weights_of(read_net(folder / "net.caffemodel"))
    weights = read_weights(folder / "net.caffemodel.h5")
    # The layer that shares its blobs has none of its own in HDF5.
    assert binary.keys() - weights.keys() == {"conv_b"}
    for name, blobs in weights.items():
        assert [blob.shape for blob in blobs] == [blob.shape for blob in binary[name]]
        assert [blob.tobytes() for blob in blobs] == [blob.tobytes() for blob in binary[name]]
        assert not any(blob.flags.writeable for blob in blobs)


@pytest.mark.parametrize("name", ["conv", "v1", "v0"])
def test_binary_weights_of_all_formats_are_known_by_content(
    material: Path, tmp_path: Path, name: str
) -> None:
    source = material / "caffe-golden" / name / "net.caffemodel"
    path = tmp_path / "weights.h5"
    path.write_bytes(source.read_bytes())
    expected = weights_of(read_net(source))
    found = read_weights(path)
    assert list(found) == list(expected)
    assert all((found[key][0] == expected[key][0]).all() for key in expected)


def test_slashes_order_and_doubles(made: Made) -> None:
    def fill(file: h5py.File) -> None:
        data = file.create_group("data")
        for index in range(11):
            data[f"inception/1x1/{index}"] = np.full((1, 2), index, "f8")
        data["inception/0"] = np.float32(0.5)
        data.create_group("relu")
        file["diff/inception/0"] = np.ones(3, "f4")

    weights = read_weights(made(fill))
    assert weights.keys() == {"inception", "inception/1x1"}
    assert [blob.tolist() for blob in weights["inception/1x1"]] == [[[i, i]] for i in range(11)]
    assert (weights["inception"][0].shape, weights["inception"][0].dtype) == ((), np.float32)
    assert all(blob.dtype == np.float32 for blob in weights["inception/1x1"])


def test_a_shared_blob_before_an_own_one(made: Made) -> None:
    path = made(lambda file: file.create_dataset("data/tied/1", data=np.ones(3, "f4")))
    assert [blob.shape for blob in read_weights(path)["tied"]] == [(0,), (3,)]


def external(file: h5py.File) -> None:
    file.create_dataset("data/x/0", (2,), "f4", external=[("other.raw", 0, 8)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("data/x/0", layout)


def linked(file: h5py.File) -> None:
    file.create_group("data/x")["0"] = h5py.ExternalLink("other.h5", "/x")


def aliased(file: h5py.File) -> None:
    file["real"] = np.ones(2, "f4")
    file.create_group("data/x")["0"] = h5py.SoftLink("/real")


def packed(file: h5py.File) -> None:
    file.create_dataset("data/x/0", data=np.zeros(2**16, "f4"), compression="gzip")


def unwritten(file: h5py.File) -> None:
    file.create_dataset("data/x/0", (65536, 65536), "f4", chunks=(1024, 1024))


def repeated(file: h5py.File) -> None:
    group = file.create_group("data/x")
    group["0"] = np.ones(1000, "f4")
    for index in range(1, 100):
        group[str(index)] = group["0"]


def circular(file: h5py.File) -> None:
    group = file.create_group("data/x")
    for name in "ab":
        group[name] = group


def crowded(file: h5py.File) -> None:
    group = file.create_group("data", track_order=False)
    for index in range(16_385):
        group[str(index)] = h5py.SoftLink("/data")


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (lambda file: None, "is HDF5 without a group 'data', so it holds no weights of Caffe"),
        (lambda file: file.create_dataset("data", data=[1.0]), "is HDF5 without a group 'data'"),
        (lambda file: file.create_dataset("deelish", data=[1]), "is HDF5 without a group 'data'"),
        (external, "'x/0' does not hold its own numbers"),
        (virtual, "'x/0' does not hold its own numbers"),
        (linked, "'x/0' is a link out of the file"),
        (aliased, "'x/0' is a link out of the file"),
        (packed, "'x/0' is float32 (65536,) in "),
        (unwritten, "'x/0' is float32 (65536, 65536) in 0 bytes, where plain float32 or float64"),
        (lambda file: file.create_dataset("data/x/0", data=[1, 2]), "'x/0' is int64 (2,) in 16"),
        (
            lambda file: file.create_dataset("data/x/0", data=np.zeros((0, 3), "f4")),
            "'x/0' is float32 (0, 3) in 0 bytes",
        ),
        (
            lambda file: file.create_dataset("data/x/0", data=h5py.Empty("f4")),
            "'x/0' is float32 None in",
        ),
        (
            lambda file: file.create_dataset("data/x/kernel", data=np.ones(2, "f4")),
            "layer 'x' has a dataset 'kernel', and Caffe numbers the blobs of a layer from 0",
        ),
        (
            lambda file: file.create_dataset("data/x/100", data=[1.0]),
            "layer 'x' has a dataset '100', and Caffe numbers",
        ),
        (lambda file: file.create_dataset("data/0", data=[1.0]), "layer '' has a dataset '0'"),
        (repeated, "its blobs overlap"),
        (circular, "holds more than 16,384 objects, or names longer than 1,000 characters"),
        (crowded, "holds more than 16,384 objects"),
    ],
)
def test_what_is_not_plain_is_refused(
    made: Made, fill: Callable[[h5py.File], object], words: str
) -> None:
    path = made(fill)
    with pytest.raises(CaffeError, match=f"{re.escape(str(path))}: {re.escape(words)}"):
        read_weights(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in the file system")
@pytest.mark.parametrize("place", ["data", "data/x", "data/x/0"])
def test_links_are_not_followed(made: Made, tmp_path: Path, place: str) -> None:
    """Who opens a pipe waits for a writer for ever."""
    os.mkfifo(tmp_path / "pipe")
    path = made(lambda file: file.__setitem__(place, h5py.ExternalLink("pipe", "/")))
    with pytest.raises(CaffeError, match="is a link out of the file"):
        read_weights(path)


def test_damaged_files_end_in_one_sentence(material: Path, tmp_path: Path) -> None:
    content = (material / "caffe-golden" / "hdf5_weights" / "net.caffemodel.h5").read_bytes()
    path, rng, refused = tmp_path / "net.h5", random.Random(5), 0
    for index in range(150):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 5)):
            changed[rng.randrange(len(content))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        path.write_bytes(changed[: rng.randrange(8, len(content))] if index % 3 else changed)
        refused += refusal(path).startswith(f"{path}: ")
    assert refused > 100


def refusal(path: Path) -> str:
    """What `read_weights` says against a file; empty if it takes it."""
    try:
        read_weights(path)
    except CaffeError as error:
        return str(error)
    return ""


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFileError, match=r"no such file; give a binary \.caffemodel or \.caff"
    ):
        read_weights(tmp_path / "none.h5")
