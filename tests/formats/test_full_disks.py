"""A disk that is full while a file is written: one sentence, the old file stays, nothing else."""

import re
from pathlib import Path

import numpy as np
import pytest
from crash_points import names_in
from full_disks import fill, small_disk, with_short_files
from helpers import small

from deelish import Deel, Layer, Network, Student
from deelish.comparison.result import Comparison
from deelish.errors import FileError
from deelish.images.figures import plot

EXTENSIONS = [".hdf5", ".h5", ".safetensors", ".caffemodel", ".npz", ".onnx"]
LIMIT = 100_000
# The bytes of the smallest file here, a picture, to an order.
LEAST = 10_000


@pytest.fixture
def session(tmp_path):
    with Deel():
        yield


def large():
    """A network whose files have about 400 KB."""
    rows = [Layer("score", "InnerProduct", num_output=1536)]
    return Network(rows, name="Large", in_size=8, order="L", mean=(0.0,), scale=1 / 255)


def assert_refused(save, path, run):
    """`run` saves where there is no room: the sentence has the path and both numbers of bytes."""

    def refused():
        with pytest.raises(FileError) as caught:
            save(path)
        return caught.value

    folder = path.parent
    before = {name: (folder / name).read_bytes() for name in names_in(folder)}
    said = run(refused)
    assert str(path.with_suffix("")) in said
    assert "\n" not in said
    needed = int(re.search(r"it takes ([\d,]+) bytes and", said)[1].replace(",", ""))
    assert needed >= LEAST
    assert "are free; make room" in said
    assert "the file that was there is unchanged" in said
    assert {name: (folder / name).read_bytes() for name in names_in(folder)} == before


@pytest.mark.torture("B4")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_network_on_a_full_disk(session, tmp_path, extension):
    with small_disk(tmp_path / "disk") as disk:
        path = small().save(disk / f"net{extension}")
        network = large()
        fill(disk, leave=LIMIT)
        assert_refused(network.save, path, lambda refused: str(refused()))


@pytest.mark.torture("B4")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_network_whose_file_passes_the_limit_of_the_process(session, tmp_path, extension):
    path = small().save(tmp_path / f"net{extension}")
    network = large()
    assert_refused(network.save, path, lambda refused: with_short_files(refused, LIMIT))
    assert network.save(path).stat().st_size > LIMIT


@pytest.mark.torture("B4")
@pytest.mark.parametrize(
    "extension", [".safetensors", pytest.param(".onnx", marks=pytest.mark.long)]
)
def test_a_student(session, tmp_path, extension):
    from torch import nn

    pytest.importorskip("onnxscript", reason="writing a module as .onnx needs onnxscript")
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 512))
    student = Student(module, size=8, order="RGB", mean=0, scale=1 / 255, name="Large")
    path = student.save_to(tmp_path / f"net{extension}")
    assert path.stat().st_size > LIMIT
    assert_refused(student.save_to, path, lambda refused: with_short_files(refused, LIMIT))


@pytest.mark.torture("B4")
def test_a_report_and_a_picture(session, tmp_path, capsys):
    page = Comparison({}, {}, {}, None, []).save(tmp_path / "page.html")
    notes = [f"note {number}" for number in range(20_000)]
    report = Comparison({}, {}, {}, None, notes)
    assert_refused(report.save, page, lambda refused: with_short_files(refused, LIMIT))
    history = [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 9)]
    picture = tmp_path / "history.png"
    plot({"": history}, picture)
    assert_refused(
        lambda path: plot({"": history}, path),
        picture,
        lambda refused: with_short_files(refused, 1000),
    )


def test_of_a_caffemodel_and_its_definition_none_is_replaced_alone(session, tmp_path):
    """The text is small enough, and still belongs to the old weights."""
    path = small().save(tmp_path / "net.caffemodel")
    text = path.with_suffix(".prototxt").read_bytes()
    network = large()
    assert_refused(network.save, path, lambda refused: with_short_files(refused, LIMIT))
    assert path.with_suffix(".prototxt").read_bytes() == text
    assert np.array_equal(
        *(
            net.run({"data": np.ones((1, 1, 8, 8), np.float32)})["prob"].shape
            for net in (Network.load(path), small())
        )
    )


def test_a_new_file_on_a_full_disk_leaves_nothing(session, tmp_path):
    network, path = large(), Path(tmp_path, "new.hdf5")

    def refused():
        with pytest.raises(FileError) as caught:
            network.save(path)
        return caught.value

    assert "unchanged" not in with_short_files(refused, LIMIT)
    assert names_in(tmp_path) == []
