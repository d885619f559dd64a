"""The programs of the runtimes: logits of NumPy, whatever the file's layout, type and batch are."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from edge_files import (
    SHAPE,
    WRITERS,
    expected,
    values_of,
    write_litert,
    write_ncnn,
    write_onnx,
    write_openvino,
)

from deelish.engines.openvino.settings import settings_of
from deelish.engines.own_process import server
from deelish.engines.own_process.process import OwnProcess
from deelish.engines.runtimes import measure
from deelish.engines.runtimes.table import RUNTIMES, runtime_of


class Refused(Exception):
    """The error that the tests ask for."""


def needs(name):
    """Skips where the runtime is not installed."""
    if not RUNTIMES[name].is_installed:
        pytest.skip(f"{RUNTIMES[name].title} is not installed")


def loaded(name, path):
    """A process with the file, and its `input_shape`."""
    runtime = RUNTIMES[name]
    made = OwnProcess(runtime.title, runtime.program, lambda reason, ended: Refused(reason))
    return made, made.load_model(path=str(path), threads=1)


def check(name, path, atol=1e-6, shape=SHAPE):
    """Any number of images has the logits of NumPy."""
    process, stated = loaded(name, path)
    assert stated == shape
    for count in (1, 5):
        values = values_of(count, count)
        made = process.run_batch(values, count)
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, expected(values), atol=atol)
    process.close()


@pytest.mark.parametrize(
    "name",
    [
        "onnxruntime",
        "openvino",
        "litert",
        # Its package takes half a minute to write a file.
        pytest.param("executorch", marks=[pytest.mark.long, pytest.mark.filterwarnings("ignore")]),
        "ncnn",
    ],
)
def test_a_file_has_the_logits_of_numpy(name, tmp_path):
    needs(name)
    check(name, WRITERS[name](tmp_path / f"small{RUNTIMES[name].extension}"))


@pytest.mark.parametrize("batch", [1, 4])
def test_an_onnx_of_a_fixed_batch_takes_any_number(batch, tmp_path):
    needs("onnxruntime")
    check("onnxruntime", write_onnx(tmp_path / "small.onnx", batch))


def test_an_onnx_of_any_size_has_that_of_the_notes(tmp_path):
    needs("onnxruntime")
    from onnx import helper, load, save

    path = write_onnx(tmp_path / "small.onnx")
    model = load(path)
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_param = "side"
    save(model, path)
    check("onnxruntime", path, shape=None)
    helper.set_model_props(model, {"preprocessing": '{"size": 8, "order": "RGB"}'})
    save(model, path)
    check("onnxruntime", path)


def test_openvino_with_a_free_batch(tmp_path):
    needs("openvino")
    check("openvino", write_openvino(tmp_path / "small.xml", -1))


def test_litert_with_channels_first(tmp_path):
    needs("litert")
    check("litert", write_litert(tmp_path / "small.tflite", channels_last=False))


@pytest.mark.parametrize("zero", [0, -20])
def test_litert_in_int8_takes_and_gives_floats(zero, tmp_path):
    """Half a step of the scores, and of each of three means times a weight, may be lost."""
    needs("litert")
    path = write_litert(tmp_path / "small.tflite", scale=0.03, zero=zero)
    check("litert", path, atol=0.015 + 3 * 0.015 * 2)


def test_ncnn_whose_file_states_no_size(tmp_path):
    needs("ncnn")
    check("ncnn", write_ncnn(tmp_path / "small.param", ""), shape=None)


def test_ncnn_takes_the_size_from_the_notes_beside(tmp_path):
    needs("ncnn")
    path = write_ncnn(tmp_path / "small.param", "")
    path.with_suffix(".json").write_text(
        '{"deelish": "0", "preprocessing": "{\\"size\\": 8, \\"order\\": \\"RGB\\"}"}'
    )
    check("ncnn", path)


def test_a_program_refuses_what_is_no_file_of_its_own(tmp_path):
    for name, runtime in RUNTIMES.items():
        if not runtime.is_installed or name == "executorch":
            continue
        path = tmp_path / f"no{runtime.extension}"
        path.write_bytes(b"no model at all")
        path.with_suffix(".bin").write_bytes(b"")
        with pytest.raises(Refused, match=f"^{runtime.title} cannot run it"):
            loaded(name, path)


@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=str)
def test_a_process_imports_numpy_and_its_runtime_alone(runtime):
    """What is measured holds nothing else; ExecuTorch's own Python needs torch."""
    allowed = {*sys.stdlib_module_names, "numpy", runtime.package}
    allowed |= {"torch"} if runtime.name == "executorch" else set()
    for file in (runtime.program, Path(measure.__file__), Path(server.__file__)):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed


def test_the_runtime_of_a_file_is_known_by_its_extension():
    assert {r.name: runtime_of(Path(f"a.b{r.extension.upper()}")) for r in RUNTIMES.values()} == (
        RUNTIMES
    )
    assert runtime_of(Path("student.hdf5")) is None


def test_openvino_computes_as_for_a_teacher(monkeypatch):
    needs("openvino")
    spec = importlib.util.spec_from_file_location("program", RUNTIMES["openvino"].program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.settings_of(3) == settings_of(3, None)
