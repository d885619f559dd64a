"""Bench: what is measured of files of runtimes, its table, its warnings, its refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from comparison.corners import LABELS, known
from edge_files import WRITERS, write_litert, write_onnx
from helpers import small, write_set
from one_sentence import assert_fails, refused

from deelish import Bench, Deel
from deelish.cli import main
from deelish.comparison.bench import measuring
from deelish.comparison.bench.fitting import fits
from deelish.comparison.bench.measuring import BenchFile, is_busy, measured, unmade_row
from deelish.comparison.bench.notes import notes_of
from deelish.comparison.devices import MIB, device_of
from deelish.engines.runtimes.table import RUNTIMES
from deelish.errors import DataError, FileError, MissingFileError, MissingPackageError

ONNX = RUNTIMES["onnxruntime"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The fewest calls are timed."""
    monkeypatch.setattr(measuring, "SECONDS", 0.0)


@pytest.fixture
def onnx(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return write_onnx(tmp_path / "net.onnx")


@pytest.fixture
def network():
    with Deel(seed=1):
        yield known(small("Small", labels=LABELS))


def test_a_file_is_measured_in_a_process_that_holds_little(onnx):
    row = Bench(onnx, runtimes="onnxruntime").rows[0]
    assert (row["model"], row["runtime"], row["threads"]) == ("net.onnx", "onnxruntime", 1)
    assert row["file_bytes"] == onnx.stat().st_size
    assert 0 < row["ms"] <= row["ms_95"]
    assert row["cpu_ms"] > 0
    assert row["calls"] >= 20
    # This process imports torch, and holds more than that which is measured.
    assert 10 * MIB < row["numpy_bytes"] < row["runtime_bytes"] < row["memory_bytes"] < 150 * MIB


def test_a_larger_model_takes_more_memory_and_time(onnx, network, tmp_path):
    with Deel(seed=1):
        large = known(small("Large", in_size=512))
        path = large.export(tmp_path / "large.onnx")
    first, second = Bench(onnx, path).rows
    assert second["memory_bytes"] - first["memory_bytes"] > 0.9 * path.stat().st_size
    assert second["cpu_ms"] > first["cpu_ms"]


@pytest.mark.parametrize("name", ["openvino", "litert", "ncnn"])
def test_other_runtimes(name, tmp_path):
    runtime = RUNTIMES[name]
    if not runtime.is_installed:
        pytest.skip(f"{runtime.title} is not installed")
    path = WRITERS[name](tmp_path / f"net{runtime.extension}")
    row = Bench(path, runtimes=name).rows[0]
    assert row["missing"] is None
    assert row["file_bytes"] == sum(each.stat().st_size for each in runtime.files_of(path))


def test_a_busy_machine_is_noticed(onnx, monkeypatch):
    """More processes than processors compute meanwhile."""
    monkeypatch.setattr(measuring, "SECONDS", 0.5)
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        made = Bench(onnx, runtimes="onnxruntime")
    finally:
        for each in others:
            each.kill()
            each.wait()
    row = made.rows[0]
    if row["busy"] is None:
        pytest.skip("the system does not say what else runs")
    assert row["busy"] is True
    assert row["waited"] > 0.2 or row["others"] > 0.5
    assert "* the machine was busy during the measurement of all: other programs took" in (
        " ".join(repr(made).split())
    )
    assert f"{row['ms']:.3g}*" in repr(made)


def test_what_counts_as_busy(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert is_busy(0.1, 0.01) is False
    assert is_busy(0.5, 0.0) is True
    assert is_busy(0.0, 0.2) is True
    assert is_busy(None, 0.2) is True
    assert is_busy(None, None) is None


def test_threads_that_wait_for_each_other_are_no_busy_machine(onnx, monkeypatch):
    found = {name: [0.001] * 20 for name in ("walls", "works")}
    found |= dict.fromkeys(("memory_bytes", "runtime_bytes", "numpy_bytes", "calls"), 1)
    found |= {"others": 0.0, "waited": 0.5}
    monkeypatch.setattr(measuring, "_in_own_process", lambda *_: found)
    monkeypatch.setattr(measuring, "available_cores", lambda: 2)
    file = BenchFile("net", onnx, ONNX)
    assert [measured(file, threads)["busy"] for threads in (2, 3)] == [True, False]


def row_of(runtime="onnxruntime", **numbers):
    """A row of a quiet machine."""
    file = BenchFile("net", None, RUNTIMES[runtime])
    made = unmade_row(file, 1, None) | {"numpy_bytes": 1, "busy": False}
    return made | {"file_bytes": 1, "runtime_bytes": 0, "fits": None} | numbers


def test_only_busy_rows_are_named():
    rows = [row_of(), row_of("litert", busy=True, others=1.26, waited=0.4)]
    note = notes_of(rows, 1, None, [])[0]
    assert note.startswith("* the machine was busy during the measurement of net (LiteRT): other")
    assert "up to 1.3 of" in note
    assert "up to 40% of the time" in note
    assert "busy" not in " ".join(notes_of(rows[:1], 1, None, []))
    unseen = notes_of([row_of(busy=None)], 1, None, [])[0]
    assert unseen.startswith("whether other programs disturbed this is not known")


@pytest.mark.parametrize(("taken", "expected"), [(255, True), (257, False)])
def test_a_pi_holds_the_whole_process_in_half_of_its_memory(taken, expected):
    device = device_of("raspberry-pi-zero-2")
    row = row_of(memory_bytes=taken * MIB, runtime_bytes=200 * MIB)
    assert fits(row, device) is expected
    assert fits(row | {"file_bytes": 2 * 10**9}, device) is False


def test_a_device_without_a_system_runs_no_process_of_a_computer():
    """By what LiteRT grew, its one runtime; the file by a tenth of the flash."""
    device = device_of("esp32-s3")
    grown = {"memory_bytes": 103 * MIB, "runtime_bytes": 100 * MIB}
    assert fits(row_of("litert", **grown), device) is True
    assert fits(row_of("litert", **grown, file_bytes=MIB), device) is False
    assert fits(row_of("litert", memory_bytes=105 * MIB, runtime_bytes=100 * MIB), device) is False
    assert fits(row_of("onnxruntime", **grown), device) is None
    assert "has no operating system" in notes_of([row_of()], 1, device, [])[-1]
    assert (
        "the milliseconds are this machine's"
        in (notes_of([row_of()], 1, device_of("raspberry-pi-3"), [])[-1])
    )


def test_networks_are_written_and_measured_in_float_and_int8(onnx, network, tmp_path, capsys):
    images = write_set(tmp_path, "train", 8)
    made = Bench(network, onnx, runtimes=["onnxruntime"], int8=images, fits="raspberry-pi-3")
    names = [row["model"] for row in made.rows]
    assert names == ["Small", "Small int8", "net.onnx"]
    assert {row["fits"] for row in made.rows} == {True}
    whole, small_one = made.rows[:2]
    assert small_one["file_bytes"] != whole["file_bytes"]
    lines = repr(made).splitlines()
    assert lines[0].split()[-1] == "fits"
    assert [line.split()[0] for line in lines[1:4]] == ["onnxruntime"] * 3
    assert max(map(len, lines)) <= 100
    assert json.loads(json.dumps(made.to_dict(), allow_nan=False))["rows"] == made.rows
    assert ">Small int8</td>" in made._repr_html_()
    assert capsys.readouterr().out == (
        "Small: is written as .onnx\nSmall int8: is written as .onnx\n"
    )


def test_what_is_not_installed_is_named_with_its_command(onnx, network, tmp_path, monkeypatch):
    for name in ("openvino", "ai_edge_litert", "executorch", "ncnn"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "net.tflite").write_bytes(b"x")
    made = Bench(network, tmp_path / "net.tflite")
    assert [row["model"] for row in made.rows if row["missing"] is None] == ["Small"]
    assert "net.tflite (LiteRT) is missing: LiteRT is not installed" in made.notes
    assert 'LiteRT is not installed: run `pip install "deelish[litert]"`' in made.notes
    assert 'ncnn is not installed: run `pip install "deelish[ncnn]"`' in made.notes
    match = r"runtimes='ncnn': needs the package ncnn; run `pip install"
    refused(MissingPackageError, match, lambda: Bench(network, runtimes="onnxruntime,ncnn"))


def test_a_file_that_cannot_be_run_or_written_is_a_note(onnx, network, tmp_path, monkeypatch):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    monkeypatch.delitem(sys.modules["deelish.formats.onnx.layers"].NODES, "InnerProduct")
    made = Bench(onnx, tmp_path / "bad.onnx", network, runtimes="onnxruntime")
    assert [row["missing"] is None for row in made.rows] == [True, False, False]
    notes = " ".join(made.notes)
    assert "bad.onnx (onnxruntime) is missing: onnxruntime cannot run it (" in notes
    assert "Small (onnxruntime) is missing: layer 'hidden' (InnerProduct): ONNX has no op" in notes
    match = "Bench: nothing could be measured: onnxruntime cannot run it"
    refused(FileError, match, lambda: Bench(tmp_path / "bad.onnx", runtimes="onnxruntime"))


def test_a_process_that_ends_is_a_note(onnx, tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(type(ONNX), "program", property(lambda _: program))
    row = measured(BenchFile("net", onnx, ONNX), 1)
    assert row["missing"] == "onnxruntime cannot run it (its process ended with -6)"
    assert row["ms"] is None


def test_files_of_one_runtime_come_beside_each_other(onnx, tmp_path):
    if not RUNTIMES["litert"].is_installed:
        pytest.skip("the package ai-edge-litert is not installed")
    files = [write_litert(tmp_path / f"{name}.tflite") for name in ("first", "last")]
    made = Bench(files[0], onnx, files[1])
    assert [row["model"] for row in made.rows] == ["net.onnx", "first.tflite", "last.tflite"]


def test_numpy_has_one_thread_and_the_runtime_those_that_are_asked_for(onnx, tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(
        "import os\n\nclass Program:\n    def __init__(self, path, threads):\n"
        "        names = ('OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS')\n"
        "        raise ValueError(f'{threads} {[os.environ[name] for name in names]}')\n"
    )
    monkeypatch.setattr(type(ONNX), "program", property(lambda _: program))
    row = measured(BenchFile("net", onnx, ONNX), 3)
    assert row["missing"] == "onnxruntime cannot run it (3 ['1', '3'])"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"models": []}, DataError, "Bench: there is no model; give a network, or files"),
        ({"models": [3]}, DataError, r"Bench\(int\): takes networks, students and files of run"),
        ({"models": ["none.onnx"]}, FileError, "none.onnx: no such file"),
        ({"models": ["{hdf5}"]}, DataError, r"is no file of a runtime \(.onnx, .xml, .*\); give N"),
        ({"models": ["{xml}"]}, MissingFileError, "net.xml: its weights, net.bin, are not besid"),
        ({"runtimes": "onnx"}, DataError, "there is no runtime 'onnx'; there is onnxruntime, open"),
        ({"runtimes": []}, DataError, "runtimes=.*: names none; give 'all'"),
        ({"models": [["a.onnx"]]}, DataError, r"Bench\(list\): takes .*; give them one by one"),
        ({"models": ["{onnx}"], "int8": "x.txt"}, DataError, "int8=...\\): is about networks, and"),
        ({"threads": 0}, DataError, r"Bench\(threads=0\): give a whole number above 0"),
        ({"fits": "toaster"}, DataError, "fits='toaster': no such device is known; known: ard"),
        ({"int8": "none.txt"}, DataError, "none.txt: there is no such list or folder"),
        ({"int8": True}, DataError, "there are no training images to calibrate on; call Inpu"),
    ],
)
def test_mistakes(given, error, words, onnx, network, tmp_path):
    network.save(tmp_path / "net.hdf5")
    (tmp_path / "net.xml").write_text("<net/>")
    places = {"hdf5": tmp_path / "net.hdf5", "xml": tmp_path / "net.xml", "onnx": onnx}
    models = given.pop("models", [network])
    models = [each.format(**places) if isinstance(each, str) else each for each in models]
    refused(error, words, lambda: Bench(*models, **given))


def test_a_file_of_a_runtime_that_is_left_out(onnx, tmp_path):
    if not RUNTIMES["litert"].is_installed:
        pytest.skip("the package ai-edge-litert is not installed")
    path = write_litert(tmp_path / "net.tflite")
    match = "net.tflite'\\): is a file of litert, which runtimes= leaves out; add it there"
    refused(DataError, match, lambda: Bench(path, runtimes="onnxruntime"))


def test_the_help_names_every_runtime_and_extension(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert ", ".join(RUNTIMES) in printed
    assert all(f"{runtime.extension}" in printed for runtime in RUNTIMES.values())


def test_the_command(onnx, network, tmp_path, capsys):
    model = network.save(tmp_path / "small.hdf5")
    given = ["bench", onnx, model, "--runtimes", "onnxruntime", "--fits", "esp32-s3"]
    assert main([*map(str, given), "--threads", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:4]] == ["net.onnx", "Small"]
    assert lines[2].split()[-1] == "-"
    assert "threads: 2" in " ".join(lines)
    assert_fails(["bench", "none.hdf5"], "none.hdf5: no such file", capsys)
    assert_fails(["bench", model, "--runtimes", "onnx"], "there is no runtime 'onnx'", capsys)
