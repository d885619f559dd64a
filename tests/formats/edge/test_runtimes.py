"""Each runtime gives the logits of the network; its converters are installed, or a test is skipped.

What takes long, since PyTorch's converters are slow to import, is one of `make long`.
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
from crash_points import names_in
from one_sentence import refused
from torch import nn

from deelish import Layer, Network, Student
from deelish.errors import FileError
from deelish.formats.edge.checking import RunningFile
from deelish.formats.edge.converters import CONVERTERS
from deelish.formats.edge.notes import notes_in

PIXELS = {"size": 8, "order": "RGB", "mean": 0, "scale": 1 / 255, "crop": 1}
PIXELS |= {"crop_mode": "center", "interpolation": "bilinear"}
SLOW = {".tflite", ".pte"}
# The largest difference from the network, as a fraction of the largest logit.
ROUNDING = {"float32": 1e-4, "float16": 5e-3}
# ncnn computes in float16 where the processor can; XNNPACK adds up in it.
COARSER = {(".param", "float32"): 5e-3, (".pte", "float16"): 5e-2}


def needs(extension, int8=False):
    """Skips a test where the converter of a file is not installed."""
    converter = CONVERTERS[extension]
    packages = converter.packages + (converter.for_int8 if int8 else ())
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


def kinds(*formats):
    """Cases of (extension, ...), the slow ones marked."""
    return [
        pytest.param(*case, marks=[pytest.mark.long] if case[0] in SLOW else []) for case in formats
    ]


def squares(count=5):
    return np.random.default_rng(1).uniform(-1, 1, (count, 3, 8, 8)).astype(np.float32)


def ran(path, values):
    running = RunningFile(path, path)
    made = running.run(values)
    running.close()
    return made.reshape(len(made), -1)


def logits(network, values):
    if isinstance(network, Network):
        return network.run({"data": values}, [network.plan.logits])[network.plan.logits]
    return network.learning_model.run(values)


@pytest.mark.parametrize("made", ["rows", "module"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("extension", kinds([".xml"], [".param"], [".tflite"], [".pte"]))
def test_floats(request, tmp_path, extension, precision, made):
    needs(extension)
    network = request.getfixturevalue(made)
    path = network.export(tmp_path / f"net{extension}", precision=precision)
    values = squares()
    ours, theirs = logits(network, values), ran(path, values)
    rounding = COARSER.get((extension, precision), ROUNDING[precision])
    assert np.abs(ours - theirs).max() <= rounding * np.abs(ours).max()
    assert notes_in(path)["preprocessing"]
    others = {".xml": ["net.bin"], ".param": ["net.bin", "net.json"]}.get(extension, [])
    assert sorted(names_in(tmp_path)) == sorted([*others, f"net{extension}"])


@pytest.mark.parametrize("weights", ["channel", "tensor"])
@pytest.mark.parametrize("extension", kinds([".xml"], [".tflite"], [".pte"]))
def test_int8(rows, tmp_path, images, extension, weights):
    needs(extension, int8=True)
    path = rows.export(tmp_path / f"net{extension}", int8=images, weights=weights)
    values = rows.preprocessing.apply(np.full((2, 8, 8, 3), 90, np.uint8))
    ours, theirs = logits(rows, values), ran(path, values)
    assert 0 < np.abs(ours - theirs).max() < 0.1 * np.abs(ours).max()


@pytest.mark.long
def test_a_tflite_in_int8_has_no_floats_and_keeps_the_largest_logits(rows, tmp_path, images):
    """Its quantiser's own moving average would cut off what few images reach."""
    needs(".tflite", int8=True)
    from ai_edge_litert.interpreter import Interpreter

    path = rows.export(tmp_path / "net.tflite", int8=images)
    interpreter = Interpreter(str(path))
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["dtype"] == made["dtype"] == np.int8
    assert list(given["shape"]) == [1, 8, 8, 3]
    scale, zero = made["quantization"]
    from deelish.comparison.images import ImageList
    from deelish.images.lists import read_samples

    found = ImageList(read_samples(images, name="t"), rows.engine, [rows.preprocessing], None, 24)
    values = [rows.preprocessing.apply(batch.pixels(rows.preprocessing)) for batch in found]
    ours = logits(rows, np.concatenate(values))
    assert (127 - zero) * scale >= 0.98 * ours.max()
    assert (-128 - zero) * scale <= 0.98 * ours.min()
    assert zipfile.ZipFile(path).read("labels.txt").decode().split("\n")[2] == "größe"


@pytest.mark.long
@pytest.mark.parametrize("extension", [".tflite", ".pte"])
def test_a_module_that_the_converter_cannot_take_is_named(tmp_path, extension):
    needs(extension)

    class Cumulative(nn.Module):
        def forward(self, x):
            return x.logcumsumexp(1)

    module = nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten(), Cumulative(), nn.Linear(4, 2))
    student = Student(module, name="Mine", **PIXELS)
    sentence = r"^Mine: module '2': LiteRT cannot take it \(.*logcumsumexp"
    if extension == ".pte":
        sentence = "^Mine: .*ExecuTorch|.*cannot run it"
    refused(FileError, sentence, lambda: student.export(tmp_path / f"net{extension}"))
    assert names_in(tmp_path) == []


def odd(row):
    """A network with one more layer between a convolution and its logits."""
    rows = [Layer("conv", "Convolution", num_output=4, kernel_size=3), row]
    rows += [Layer("score", "InnerProduct", num_output=3)]
    return Network(rows, in_size=8, name="Odd")


ODD = pytest.mark.parametrize(
    "row",
    [
        Layer("odd", "SPP", pyramid_height=2),
        Layer("odd", "MVN"),
        Layer("odd", "Exp", base=2.0),
        Layer("odd", "LRN", norm_region="WITHIN_CHANNEL"),
        Layer("odd", "Pooling", kernel_size=3, stride=2, pool="AVE"),
    ],
    ids=lambda row: row.type,
)


def is_right(network, path):
    """Whether a file that was written gives the logits of the network up to float16's rounding."""
    values = squares()
    ours = logits(network, values)
    return np.abs(ours - ran(path, values)).max() <= 5e-3 * np.abs(ours).max()


@ODD
def test_odd_layers_in_openvino(tmp_path, row):
    needs(".xml")
    network = odd(row)
    assert is_right(network, network.export(tmp_path / "net.xml"))


@pytest.mark.long
@ODD
def test_odd_layers_in_ncnn(tmp_path, row):
    needs(".param")
    network = odd(row)
    if row.type == "MVN":
        sentence = r"^Odd: layer 'odd' \(MVN\): ncnn cannot take it \(it has no layer aten::clamp"
        refused(FileError, sentence, lambda: network.export(tmp_path / "net.param"))
    else:
        assert is_right(network, network.export(tmp_path / "net.param"))
