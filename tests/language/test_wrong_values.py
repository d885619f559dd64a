"""The verbs, given values of another type, in another order, or too early."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from language.verbs import GREY, ROW, logits, refused

from deelish import (
    BatchTrain,
    CaffeNet,
    Compare,
    Deel,
    Ensemble,
    GetLabels,
    Input,
    InputBatch,
    Layer,
    Network,
    Plan,
    Show,
    Teacher,
    register_layer,
)
from deelish.engines.custom import CUSTOM
from deelish.errors import (
    DataError,
    EngineError,
    FileError,
    PlanError,
    TrainingError,
    UsageError,
)
from deelish.networks import GoogLeNet, Perceptron
from deelish.plan.layers import KINDS

pytestmark = pytest.mark.usefixtures("session")


VALUES = [
    (PlanError, Network, (ROW,), {}, "Network: got one layer; give a list of layers"),
    (PlanError, Network, ("x.hdf5",), {}, "or open a file with Network.load(path)"),
    (PlanError, Network, (5,), {}, "Network: got int; give a list of layers"),
    (PlanError, Network, ([5],), {}, "Network: got int among the layers; give Layer(...)"),
    (PlanError, Layer, ("x", 3), {}, "layer 'x': its type is 3; give the name of a type"),
    (FileError, Network, ([ROW],), {"modelpath": 3}, "3 is no path; give that of a model file"),
    (FileError, Network.load, (None,), {}, "None is no path"),
    (FileError, CaffeNet, (3,), {}, "3 is no path"),
    (DataError, GoogLeNet, (), {"outputs": "10"}, "outputs='10': give how many classes"),
    (DataError, GoogLeNet, (), {"outputs": True}, "outputs=True: give how many classes"),
    (PlanError, Perceptron, (), {"hidden": 3}, "Perceptron(hidden=3): give the width of each"),
    (PlanError, Perceptron, (), {"hidden": "80"}, "Perceptron(hidden='80'): give the width"),
    (DataError, InputBatch, (["a.png"],), {}, "InputBatch: train is ['a.png'], which is no path"),
    (DataError, InputBatch, ("",), {}, "InputBatch: train is '', which is no path"),
    (EngineError, Deel, (), {"seed": "1"}, "Deel(seed='1'): give a whole number"),
    (UsageError, Plan, ([ROW], 5), {}, "Plan(inputs=5): is of type int; give a dict"),
    (UsageError, Plan, ([ROW], {"data": (1, 3, 8, 8)}), {"logits": 5}, "(logits=5): is of type"),
    (PlanError, Plan, ([ROW], {"data": 5}), {}, "input 'data' has the shape 5; give (1, 3"),
    (PlanError, Plan, ([ROW], {"data": (1, 3, 8, 8)}), {"name": 5}, "a network is named 5; give"),
    (UsageError, Layer, ("a", "ReLU"), {"bottom": 5}, "(bottom=5): is of type int; give a text or"),
    (PlanError, Layer, ("a", "ReLU"), {"bottom": [5]}, "layer 'a': bottom= holds 5; give the"),
    (UsageError, Layer, ("a", "ReLU"), {"param": 5}, "Layer(param=5): is of type int; give a list"),
    (UsageError, CaffeNet, ("x",), {"stages": 5}, "(stages=5): is of type int; give a list"),
    (TrainingError, Ensemble, (len, len), {"name": 5}, "Ensemble(name=5): give a text"),
    (DataError, Teacher, (logits,), {"output": 2.5}, "Teacher(output=2.5): give an index or a key"),
    (DataError, Teacher, (logits,), {"size": 8, "mean": "127"}, "Teacher logits: mean='127'; give"),
    (DataError, Teacher, (logits,), {"size": 8, "scale": 58}, "scale is 58.0, which is a standard"),
    (DataError, Teacher, (logits,), {"size": 8, "scale": (0.229, 0.224, 0.225)},
     "which is a standard deviation of pixels from 0 to 1; pixels are multiplied by"),
    (DataError, Network, ([ROW],), {"in_size": 8, "scale": (58.4, 57.1, 57.4)}, "give scale=1 /"),
    (DataError, Network, ([ROW],), {"in_size": 8, "mean": (0.485, 0.456, 0.406)}, "0 to 1; deelis"),
    (DataError, CaffeNet, ("x",), {"scale": 255}, "CaffeNet: scale is 255, which is a standard"),
    (DataError, Network, ([ROW],), {"labels": ["a", "b", "a", "c"]}, "name 3: 'a' is also name 1"),
    (DataError, Network, ([ROW],), {"labels": ["a", "", "b", "c"]}, "labels=: name 2: is blank"),
    (DataError, Network, ([ROW],), {"labels": ["a", None]}, "labels=: name 2 is None; give a text"),
    (DataError, Network, ([ROW],), {"labels": b"ab"}, "labels=b'ab': give a file, a list of names"),
    (DataError, Show, ({},), {}, "Show: a dict is of histories by name; give what BatchTrain()"),
    (PlanError, register_layer, ("X", len), {"field": ("a", "b")}, "(field=('a', 'b')): give the"),
    (PlanError, register_layer, ("X", len), {"bottoms": 5}, "(bottoms=5): give the fewest and"),
    (UsageError, register_layer, ("X", len), {"args": 5}, "(args=5): is of type int; give a dict"),
    (DataError, InputBatch, ("x",), {"root": 5}, "root is 5, which is no path"),
    (DataError, InputBatch, ("x",), {"mirror": 3}, "mirror=3): it is True, False or 'alternate'"),
    (UsageError, CaffeNet, ("x",), {"allow_missing": "no"}, "of type str; give True or False"),
    (UsageError, register_layer, ("X", len), {"in_place": 1}, "(in_place=1): is of type int; give"),
    (EngineError, Deel, (), {"gpu": "cuda:0"}, "Deel(gpu='cuda:0'): give a whole number"),
    (DataError, Teacher, (logits,), {"key": 5}, "Teacher(key=5): give a text"),
    (DataError, Teacher, (logits,), {"name": 5}, "Teacher(name=5): give a text"),
    (TrainingError, Compare, (len, len), {}, "Compare(teacher=builtin_function_or_method): gives"),
    (DataError, Show, ("x.png",), {}, "str is no tensor; give what Input(image) or"),
    (DataError, Show, ({"a": 3},), {}, "a dict is of histories by name"),
    (DataError, Show, (), {"save": 3}, "Show(save=3): give the path of a .png"),
    (DataError, Network, ([ROW],), {"mean": True}, "mean=True; give a number, or one per channel"),
    (DataError, Network, ([ROW],), {"scale": True}, "scale=True; give a number, or one per channe"),
    (DataError, Network, ([ROW],), {"mean": None}, "mean=None; give a number, or one per channel"),
    (DataError, Network, ([ROW],), {"mean": "33"}, "mean='33'; give a number, or one per channel"),
    (DataError, GetLabels, ("x.png",), {}, "str is no tensor"),
    (PlanError, register_layer, (3, len), {}, "register_layer(type=3): give the name"),
    (PlanError, register_layer, ("Mish", 3), {}, "register_layer(torch=3): give a function"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "function", "args", "given", "words"), VALUES)
def test_a_value_that_cannot_be_is_refused(error, function, args, given, words):
    refused(error, words, function, *args, **given)


@pytest.mark.parametrize(
    ("error", "method", "args", "given", "words"),
    [
        (PlanError, "feature", (GREY,), {"layer": 3}, "Small has no layer 3; there is"),
        (PlanError, "layerDim", (3,), {}, "Small has no layer 3; there is"),
        (DataError, "run", (GREY,), {}, "Small.run: got ndarray; give a dict of the inputs"),
        (PlanError, "run", ({},), {"blobs": 3}, "Small.run(blobs=3): give names"),
        (FileError, "save", (None,), {}, "Small.save(None): give the path of a file"),
        (FileError, "export", (3,), {}, "Small.export(3): give the path of a file"),
    ],
)  # fmt: skip
def test_a_value_that_a_network_cannot_use_is_refused(error, method, args, given, words):
    refused(error, words, getattr(small(), method), *args, **given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat\n\ndog\n", "labels file labels.txt line 2: is blank, and each one names a class"),
        ("\ncat\ndog\n", "labels file labels.txt line 1: is blank"),
        ("cat\ndog\ncat\n", "labels file labels.txt line 3: 'cat' is also line 1; give each"),
    ],
)
def test_a_labels_file_whose_lines_would_shift_is_refused(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text(text)
    refused(DataError, words, small, labels="labels.txt", outputs=3)


def test_a_published_list_may_have_a_name_twice_but_not_a_blank_one(tmp_path):
    names = [f"class {number}" for number in range(998)]
    path = tmp_path / "labels.txt"
    path.write_text("\n".join([*names, "crane", "crane"]))
    assert small(labels=path, outputs=1000).labels[-2:] == ["crane", "crane"]
    path.write_text("\n".join([*names[:5], "", *names[5:], "crane"]))
    refused(DataError, "line 6: is blank", small, labels=path, outputs=1000)


def test_blank_lines_at_the_end_of_a_labels_file_name_nothing(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\r\ndog \n\n \n")
    assert small(labels=tmp_path / "labels.txt", outputs=2).labels == ["cat", "dog"]


@pytest.mark.parametrize("name", ["gone/x.png", "x.nope"])
def test_a_plot_that_cannot_be_written_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Input(GREY)
    refused(FileError, f"{name}: cannot be written (", Show, save=name)


def test_an_image_in_place_of_a_list_is_named(tmp_path):
    write_set(tmp_path, "train", 1)
    refused(DataError, "0.png: is an image; give a list of images", InputBatch, tmp_path / "0.png")


@pytest.mark.parametrize(
    ("shape", "function", "words"),
    [
        (lambda a, s, n: 5, len, "reads (1, 3, 8, 8) with {}, which do not go together"),
        (lambda a, s, n: s, lambda x, p, a, c: None, "its function returned None; return 1"),
        (lambda a, s, n: s, lambda x, p, a, c: [1, 2], "its function returned 2 outputs; return 1"),
    ],
)
def test_a_layer_of_ones_own_that_makes_nothing(shape, function, words):
    register_layer("Own", function, shape=shape)

    def run():
        Network([Layer("a", "Own")], in_size=8).run({"data": np.zeros((1, 3, 8, 8), np.float32)})

    try:
        refused(PlanError, words, run)
    finally:
        KINDS.pop("Own", None)
        CUSTOM["torch"].pop("Own", None)


@pytest.mark.parametrize("top", [-1, 0, True, "3", 2.0])
def test_a_number_of_labels_that_cannot_be(top):
    small().classify(GREY)
    refused(DataError, f"top={top!r}: give how many labels", GetLabels, top=top)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule_options": {"end": "a"}}, "not {'end': 'a'}"),
        ({"schedule": "step", "schedule_options": {"at": 5}}, "not {'at': 5}"),
    ],
)
def test_options_of_a_schedule_of_another_type(images, options, words):
    refused(TrainingError, words, BatchTrain, lambda x, t: (1.0, 1.0), **options)


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (lambda: InputBatch("x"), "InputBatch: BatchTrain is running, and trains on the images"),
        (lambda: BatchTrain(lambda x, t: (1.0, 1.0)), "BatchTrain: another BatchTrain of this ses"),
        (Deel, "Small.backprop: another session was opened within its workout; write Deel() befo"),
    ],
)
def test_verbs_that_come_too_late_within_a_workout(images, inner, words):
    student = small()

    def workout(x, t):
        student.classify(x)
        inner()
        return student.backprop(t)

    with Deel(seed=2) as session:
        session.dataset = images
        student = small()
        refused(TrainingError, words, once, workout)


def test_a_session_of_its_own_may_train_within_a_checkout(images, tmp_path):
    student, rows = small(), []

    def checkout():
        with Deel(seed=3):
            InputBatch(write_set(tmp_path, "inner", 8, 100), batch_size=8, crop=1)
            rows.append(trained(small(), 1))

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    assert len(BatchTrain(workout, checkout, epochs=2)) == len(rows) == 2
