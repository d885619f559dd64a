"""Files of small devices take their place whole and checked, or not at all.

The converters here are stand-ins, which need no packages.
"""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import require_chainer
from crash_points import CRASHED, names_in
from forked import in_a_child
from full_disks import small_disk
from one_sentence import refused
from series import classifier
from small_modules import PIXELS, chained, seeded

from deelish import Deel, Student
from deelish.errors import DataError, FileError, MissingPackageError, PlanError
from deelish.formats.edge import writing
from deelish.formats.edge.converters import CONVERTERS
from deelish.formats.edge.notes import json_of, notes_in
from deelish.plan.sequence_format import SequenceFormat

EDGE = [".tflite", ".pte", ".xml", ".param"]


class Stand:
    """Takes the place of a converter and of its runtime: the file "computes" as the network does.

    wrong: what is added to its logits.
    """

    def __init__(self, monkeypatch, extension=".param"):
        self.wrong, self.running, self.size = 0.0, None, 10
        stand = self

        class Running:
            def __init__(self, path, shown):
                self.names = sorted(each.name for each in path.parent.iterdir())
                stand.running = self

            def run(self, values):
                return stand.source.run(values) + stand.wrong

            def close(self):
                self.closed = True

        def convert(source, options, folder):
            stand.source, stand.options = source, options
            made = {extension: b"1" * stand.size, ".bin": b"2" * stand.size}
            return {**made, ".json": json_of(source.notes)} if extension == ".param" else made

        mine = replace(CONVERTERS[extension], convert=convert, packages=(), for_int8=())
        monkeypatch.setitem(CONVERTERS, extension, mine)
        monkeypatch.setattr(writing, "RunningFile", Running)


@pytest.fixture
def stand(monkeypatch):
    return Stand(monkeypatch)


def test_all_files_are_written_after_they_ran(rows, stand, tmp_path):
    path = rows.export(tmp_path / "net.param")
    assert path == tmp_path / "net.param"
    assert sorted(names_in(tmp_path)) == ["net.bin", "net.json", "net.param"]
    assert stand.running.names == ["model.bin", "model.json", "model.param"]
    assert stand.running.closed
    assert json.loads(notes_in(path)["labels"]) == rows.labels
    assert json.loads(notes_in(path)["preprocessing"]) == rows.preprocessing.to_dict()
    assert notes_in(path)["logits"] == "score"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (0.1, r"net.param: is not written, since it gives logits that differ by 0\.\d+ of the"),
        (np.nan, "differ by nan of the largest"),
    ],
)
def test_other_logits_are_refused(rows, stand, tmp_path, wrong, sentence):
    stand.wrong = wrong
    refused(FileError, sentence, lambda: rows.export(tmp_path / "net.param"))
    assert names_in(tmp_path) == []
    assert stand.running.closed


def test_float16_may_round_more(rows, monkeypatch, tmp_path):
    stand = Stand(monkeypatch, ".xml")
    stand.wrong = 2e-3 * float(np.abs(rows.run({"data": noise()}, ["score"])["score"]).max())
    refused(FileError, "where 0.0001 is rounding", lambda: rows.export(tmp_path / "a.xml"))
    rows.export(tmp_path / "a.xml", precision="float16")


def noise():
    return np.random.default_rng(0).uniform(-1, 1, (3, 3, 8, 8)).astype(np.float32)


def test_int8_is_refused_where_zeros_would_be_nearer(rows, monkeypatch, tmp_path, images):
    stand = Stand(monkeypatch, ".xml")
    stand.wrong = 0.1
    rows.export(tmp_path / "a.xml", int8=images)
    assert stand.options.images.shape == (24, 3, 8, 8)
    stand.wrong = 100.0
    sentence = "gives logits in int8 that are .* times as far off as zeros would be"
    refused(FileError, sentence, lambda: rows.export(tmp_path / "b.xml", int8=images))


def test_calibration_uses_the_networks_own_preprocessing(rows, monkeypatch, tmp_path, images):
    from deelish.comparison.images import ImageList
    from deelish.images.lists import read_samples

    stand = Stand(monkeypatch, ".xml")
    rows.export(tmp_path / "a.xml", int8=images, weights="tensor")
    found = ImageList(read_samples(images, name="t"), rows.engine, [rows.preprocessing], None, 24)
    (batch,) = found
    expected = rows.preprocessing.apply(batch.pixels(rows.preprocessing))
    assert np.array_equal(np.sort(stand.options.images, 0), np.sort(expected, 0))
    assert stand.options.weights == "tensor"


def test_weights_that_are_not_finite_are_refused(rows, stand, tmp_path):
    rows.module.weights_of("score").bias.data[1] = np.nan
    refused(FileError, "logits that are not finite", lambda: rows.export(tmp_path / "net.param"))


def test_an_error_of_the_converter_leaves_the_old_files(rows, stand, monkeypatch, tmp_path):
    rows.export(tmp_path / "net.param")
    before = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}

    def fails(*_):
        raise FileError("Rows: ncnn cannot take it")

    monkeypatch.setitem(CONVERTERS, ".param", replace(CONVERTERS[".param"], convert=fails))
    refused(FileError, "cannot take it", lambda: rows.export(tmp_path / "net.param"))
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == before


def test_a_full_disk_leaves_the_old_files(rows, stand, tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        rows.export(disk / "net.param")
        before = {name: (disk / name).read_bytes() for name in names_in(disk)}
        stand.size = 3 << 20
        refused(FileError, "it takes 3,145,728 bytes and", lambda: rows.export(disk / "net.param"))
        assert {name: (disk / name).read_bytes() for name in names_in(disk)} == before


def test_no_room_for_what_converters_exchange(rows, stand, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(CONVERTERS, ".param", replace(CONVERTERS[".param"], convert=full))
    sentence = r"net.param: cannot be made in .* \(No space left on device\); make room there, or"
    refused(FileError, sentence, lambda: rows.export(tmp_path / "net.param"))
    assert names_in(tmp_path) == []


def test_a_process_that_is_killed_while_it_converts_leaves_nothing(
    rows, stand, monkeypatch, tmp_path
):
    def killed(*_):
        import os

        os._exit(CRASHED)

    monkeypatch.setitem(CONVERTERS, ".param", replace(CONVERTERS[".param"], convert=killed))
    (tmp_path / "out").mkdir()
    status, _ = in_a_child(lambda: rows.export(tmp_path / "out" / "net.param"))
    assert status == CRASHED
    assert names_in(tmp_path / "out") == []


def test_weights_of_another_runtime_are_not_written_over(rows, stand, tmp_path):
    (tmp_path / "net.xml").write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"theirs")
    sentence = r"net.bin, which are those of net.xml; give another name, such as net_ncnn.param$"
    refused(FileError, sentence, lambda: rows.export(tmp_path / "net.param"))
    assert (tmp_path / "net.bin").read_bytes() == b"theirs"


def test_a_json_of_another_kind_is_not_written_over(rows, stand, tmp_path):
    (tmp_path / "net.json").write_text("[1]")
    refused(FileError, "net.json: is no file of deel", lambda: rows.export(tmp_path / "net.param"))
    assert (tmp_path / "net.json").read_text() == "[1]"


@pytest.mark.parametrize("extension", EDGE)
@pytest.mark.parametrize("int8", [False, True])
def test_a_missing_package_is_named_with_its_command(
    rows, monkeypatch, tmp_path, images, extension, int8
):
    converter = CONVERTERS[extension]
    packages = converter.for_int8 if int8 else converter.packages
    if int8 and converter.no_int8:
        call = "ncnn's packages have no tool for int8; write .tflite or .onnx in int8"
        refused(FileError, call, lambda: rows.export(tmp_path / "a.param", int8=images))
        return
    monkeypatch.setattr(
        "deelish.formats.edge.converters.find_spec",
        lambda name: None if name in packages else object(),
    )
    if not packages:
        return
    sentence = (
        rf"a{extension}: writing {extension} needs the package {packages[0]};"
        r' run `pip install "deelish\[\w+\]"`$'
    )
    options = {"int8": images} if int8 else {}
    refused(
        MissingPackageError, sentence, lambda: rows.export(tmp_path / f"a{extension}", **options)
    )
    assert [name for name in names_in(tmp_path) if name != "images"] == []


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"precision": "float8"}, DataError, "'float8'.*give 'float32' or 'float16'"),
        ({"precision": None}, DataError, "give 'float32' or 'float16'"),
        ({"int8": True, "precision": "float16"}, DataError, "leave one of the two out"),
        ({"weights": "tensor"}, DataError, "is of int8; give int8= too"),
        ({"int8": True, "weights": "row"}, DataError, "give 'channel' or 'tensor'"),
        ({"int8": True}, DataError, "call InputBatch first"),
        ({"int8": "none.txt"}, DataError, "none.txt"),
    ],
)
def test_wrong_choices(rows, monkeypatch, tmp_path, options, error, sentence):
    Stand(monkeypatch, ".xml")
    refused(error, sentence, lambda: rows.export(tmp_path / "a.xml", **options))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("path", ["a.hdf5", "a", "a.tflite.zip"])
def test_wrong_extensions(rows, tmp_path, path):
    sentence = r"export\(\) writes .onnx, .tflite, .pte, .xml, .param; for other"
    refused(FileError, sentence, lambda: rows.export(tmp_path / path))


def test_a_missing_folder_is_found_before_the_conversion(rows, stand, tmp_path):
    path = tmp_path / "nowhere" / "a.param"
    refused(FileError, "give a folder that exists", lambda: rows.export(path))
    assert not hasattr(stand, "source")


def test_a_student_of_chainer_is_refused_with_a_cure(monkeypatch, tmp_path):
    require_chainer()
    monkeypatch.setattr("deelish.formats.edge.converters.find_spec", lambda name: object())
    with Deel(engine="chainer"):
        student = Student(chained(seeded()), name="Mine", **PIXELS)
        sentence = r"^Mine: a Chainer chain cannot be .* train it as a torch.nn.Module$"
        refused(FileError, sentence, lambda: student.export(tmp_path / "a.tflite"))


def test_a_network_of_sequences_is_refused_with_a_cure(monkeypatch, tmp_path):
    monkeypatch.setattr("deelish.formats.edge.converters.find_spec", lambda name: object())
    network = classifier(SequenceFormat("numbers", 1), name="Steps")
    sentence = "Steps: reads sequences, and files for small devices are of images; export .onnx"
    refused(PlanError, sentence, lambda: network.export(tmp_path / "a.tflite"))
