"""Teachers that are files of the runtimes of small devices, whole, damaged, foreign and half."""

from __future__ import annotations

import gc
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from edge_files import WRITERS, expected, write_litert, write_ncnn, write_onnx
from helpers import small, write_set
from models_of_others import as_input, eights
from one_sentence import refused
from PIL import Image

from deelish import BatchTrain, Compare, Deel, InputBatch, Network, Teacher
from deelish.cli import main
from deelish.distillation.sources.runtime_file import RuntimeFile
from deelish.engines.runtimes.table import RUNTIMES
from deelish.errors import (
    DataError,
    FileError,
    MissingFileError,
    MissingPackageError,
    TrainingError,
)
from deelish.formats.edge.notes import appended, json_of
from deelish.formats.onnx.notes import notes_of
from deelish.plan.preprocessing import Preprocessing

LABELS = ["cat", "dog", "bird", "fish"]
PIXELS = Preprocessing(8, "RGB", (127.5,), 1 / 127.5, 1.0)
OTHERS = [name for name in RUNTIMES if name not in ("onnxruntime", "executorch")]


def noted(labels=tuple(LABELS)):
    return notes_of(PIXELS, list(labels), "scores")


@pytest.fixture
def litert(tmp_path):
    """A .tflite with deelish's notes in it."""
    if not RUNTIMES["litert"].is_installed:
        pytest.skip("the package ai-edge-litert is not installed")
    path = write_litert(tmp_path / "net.tflite")
    path.write_bytes(appended(path.read_bytes(), noted()))
    return path


@pytest.fixture
def session():
    with Deel(seed=1) as made:
        yield made


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_others_teaches_with_the_pixels_that_it_is_given(name, session, tmp_path, capsys):
    runtime = RUNTIMES[name]
    if not runtime.is_installed:
        pytest.skip(f"{runtime.title} is not installed")
    path = WRITERS[name](tmp_path / f"net{runtime.extension}")
    teacher = Teacher(path, mean=127.5, scale=1 / 127.5, crop=1.0, labels=LABELS)
    made = teacher.batch_feature(eights(40)).value
    np.testing.assert_allclose(made, expected(as_input(eights(40))), atol=1e-5)
    assert (teacher.name, teacher.classes, teacher.preprocessing.size) == ("net", 4, 8)
    assert f"model of {runtime.title}" in repr(teacher)
    # What nothing stated is taken from the usual, and reported.
    Teacher(path, crop=1.0)
    assert capsys.readouterr().out.startswith("net: takes ")


def test_notes_of_deelish_give_labels_and_preprocessing(litert, session, capsys):
    teacher = Teacher(litert)
    assert teacher.labels == LABELS
    assert teacher.preprocessing == PIXELS
    assert capsys.readouterr().out == ""
    made = teacher.batch_feature(eights()).value
    np.testing.assert_allclose(made, expected(as_input(eights())), atol=1e-5)
    match = "its size would be 9, but the model of LiteRT takes 8 alone"
    refused(DataError, match, lambda: Teacher(litert, size=9))


def test_the_notes_of_ncnn_are_beside_it_and_give_the_size(session, tmp_path):
    if not RUNTIMES["ncnn"].is_installed:
        pytest.skip("the package ncnn is not installed")
    path = write_ncnn(tmp_path / "net.param", "")
    refused(DataError, "does not give the size of its images", lambda: Teacher(path))
    path.with_suffix(".json").write_bytes(json_of(noted()))
    teacher = Teacher(path)
    assert teacher.labels == LABELS
    made = teacher.batch_feature(eights()).value
    np.testing.assert_allclose(made, expected(as_input(eights())), atol=1e-5)


def test_every_file_of_a_model_is_in_its_fingerprint(session, tmp_path):
    """A .param whose weights are others is another teacher; the name is none of its facts."""
    if not RUNTIMES["ncnn"].is_installed:
        pytest.skip("the package ncnn is not installed")
    first, second = (write_ncnn(tmp_path / f"{name}.param") for name in ("first", "second"))
    before = Teacher(first, crop=1.0).fingerprint()
    assert before == Teacher(second, crop=1.0).fingerprint() is not None
    weights = second.with_suffix(".bin")
    data = bytearray(weights.read_bytes())
    data[-2] ^= 1
    weights.write_bytes(data)
    assert Teacher(second, crop=1.0).fingerprint() != before


@pytest.mark.parametrize(("name", "lost"), [("openvino", ".bin"), ("ncnn", ".bin")])
def test_half_a_model_is_named(name, lost, session, tmp_path):
    if not RUNTIMES[name].is_installed:
        pytest.skip(f"{RUNTIMES[name].title} is not installed")
    path = WRITERS[name](tmp_path / f"net{RUNTIMES[name].extension}")
    path.with_suffix(lost).unlink()
    match = rf"net\{path.suffix}: its weights, net\.bin, are not beside it; copy both files"
    refused(MissingFileError, match, lambda: Teacher(path))


@pytest.mark.parametrize("name", RUNTIMES)
def test_without_the_package_the_command_is_named(name, session, tmp_path, monkeypatch):
    runtime = RUNTIMES[name]
    path = tmp_path / f"net{runtime.extension}"
    path.write_bytes(b"whatever")
    monkeypatch.setitem(sys.modules, runtime.package, None)
    match = (
        rf"net\{path.suffix}: running \{path.suffix} needs the package {runtime.package};"
        rf' run `pip install "deelish\['
    )
    refused(MissingPackageError, match, lambda: RuntimeFile(path, runtime, -1))
    if name != "onnxruntime":
        refused(MissingPackageError, match, lambda: Teacher(path))


def test_damaged_and_missing_files_are_refused(litert, session, tmp_path):
    refused(FileError, "none.tflite: no such file", lambda: Teacher(tmp_path / "none.tflite"))
    whole = litert.read_bytes()
    for content in (b"", whole[: len(whole) // 3], bytes(len(whole))):
        litert.write_bytes(content)
        match = r"net\.tflite: LiteRT cannot run it \(.+\); export it again"
        refused(FileError, match, lambda: Teacher(litert))


@pytest.mark.parametrize("open_it", [Network.load, lambda path: small().save(path)])
def test_it_is_no_network_to_open_or_save(open_it, session, tmp_path):
    (tmp_path / "net.tflite").write_bytes(b"TFL3")
    match = r"net.tflite: a .tflite is no network to open or save; export\(\) writes it, and T"
    refused(FileError, match, lambda: open_it(tmp_path / "net.tflite"))


def test_damaged_notes_are_refused(litert, session):
    notes = {**noted(), "preprocessing": '{"size": "eight"}'}
    path = write_litert(litert)
    path.write_bytes(appended(path.read_bytes(), notes))
    refused(FileError, "net.tflite: deelish's metadata in it is damaged", lambda: Teacher(path))


def test_another_input_than_square_images_is_refused(session, tmp_path):
    from onnx import load, save

    path = write_onnx(tmp_path / "net.onnx")
    model = load(path)
    sides = model.graph.input[0].type.tensor_type.shape.dim
    sides[3].dim_value = 9
    save(model, path)
    match = "net.onnx: takes 3 x 8 x 9, where images of 1 or 3 channels, as high as wide, are"
    refused(FileError, match, lambda: RuntimeFile(path, RUNTIMES["onnxruntime"], -1))


@pytest.fixture
def served(tmp_path):
    """A file in a process of its own, of the runtime that all tests have."""
    return RuntimeFile(write_onnx(tmp_path / "net.onnx"), RUNTIMES["onnxruntime"], -1)


def test_a_crash_of_its_process_is_one_sentence_and_the_next_batch_starts_another(served):
    values = as_input(eights())
    process = served._process._process
    os.kill(process.pid, signal.SIGSEGV)
    process.wait()
    match = "net.onnx: the process of onnxruntime ended with -11, .*; start the script again"
    refused(TrainingError, match, lambda: served.run(values))
    np.testing.assert_allclose(served.run(values), expected(values), atol=1e-5)


def test_a_file_that_ends_the_process_is_refused(tmp_path, monkeypatch):
    """The process that trains goes on."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os\n\nclass Program:\n    def __init__(self, **_):\n        os.abort()\n"
    )
    monkeypatch.setattr(type(RUNTIMES["onnxruntime"]), "program", property(lambda _: program))
    path = write_onnx(tmp_path / "net.onnx")
    match = "net.onnx: the process of onnxruntime ended with -6, .*; export it again"
    refused(FileError, match, lambda: RuntimeFile(path, RUNTIMES["onnxruntime"], -1))


def test_its_process_ends_with_it(tmp_path):
    made = RuntimeFile(write_onnx(tmp_path / "net.onnx"), RUNTIMES["onnxruntime"], -1)
    process = made._process._process
    assert process.poll() is None
    del made
    gc.collect()
    assert process.poll() is not None


def test_more_images_than_go_through_at_once_and_another_batch(served):
    for count in (70, 1, 33):
        values = as_input(eights(count, count))
        np.testing.assert_allclose(served.run(values), expected(values), atol=1e-5)


def test_threads_take_turns(served):
    batches = [as_input(eights(20, number)) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        for values, made in zip(batches, pool.map(served.run, batches), strict=True):
            np.testing.assert_allclose(made, expected(values), atol=1e-5)


def test_it_teaches_and_its_logits_are_cached(litert, session, tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    images = write_set(tmp_path, "train", 8)
    teacher, student = Teacher(litert), small(labels=LABELS)
    InputBatch(images, batch_size=4, views=1)
    calls = []
    run = teacher._model.run
    monkeypatch.setattr(teacher._model, "run", lambda values: calls.append(1) or run(values))

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    BatchTrain(workout, epochs=1)
    first = len(calls)
    assert first > 0
    BatchTrain(workout, epochs=1)
    assert len(calls) == first


def test_the_commands_classify_and_compare_take_a_file(litert, tmp_path, capsys):
    for number in range(4):
        pixels = eights(1, number)[0]
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    best = int(expected(as_input(eights(1, 2))).argmax())
    assert main(["classify", str(litert), str(tmp_path / "2.png"), "--top", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"#1 | {LABELS[best]} | ")
    lines = [f"{number}.png {number}\n" for number in range(4)]
    (tmp_path / "test.txt").write_text("".join(lines))
    onnx = write_onnx(tmp_path / "teacher.onnx")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(LABELS))
    given = ["compare", onnx, litert, "--test", tmp_path / "test.txt", "--labels", labels]
    assert main([*map(str, given), "--crop", "1"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "LiteRT on cpu, threads: " in printed
    assert "int8" not in printed.partition("KL(")[0]


def test_compare_scores_the_file(litert, session, tmp_path):
    for number in range(12):
        Image.fromarray(eights(1, number)[0]).save(tmp_path / f"{number}.png")
    lines = [f"{number}.png {number % 4}\n" for number in range(12)]
    (tmp_path / "test.txt").write_text("".join(lines))
    student = Teacher(litert)
    report = Compare(student, student, tmp_path / "test.txt", crop=1.0)
    logits = np.concatenate([expected(as_input(eights(1, number))) for number in range(12)])
    right = logits.argmax(1) == np.arange(12) % 4
    assert report["student"]["accuracy"] == right.mean()
    assert report["student"]["file_bytes"] == litert.stat().st_size
    assert (report["student"]["agreement"], list(report.rows)) == (1, ["teacher", "student"])
