"""An ONNX model: its names, its free batch, its notes, and what is left out of it."""

import json

import numpy as np
import pytest

from deelish import Layer, Network
from deelish.errors import FileError

onnx = pytest.importorskip("onnx.checker") and pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def numbers(*shape):
    """Numbers of a normal draw, float32."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def sides(values):
    """The shapes of inputs or outputs by name."""
    return {value.name: value.shape for value in values}


def same(made, path, run, **inputs):
    """Whether the network's outputs and the model's are the same."""
    ours, theirs = made.run(inputs), run(path, inputs)
    assert list(ours) == list(theirs)
    return all(np.allclose(ours[name], theirs[name], atol=1e-6) for name in ours)


def test_any_number_of_images_goes_in(classifier, session, tmp_path):
    opened = session(classifier.export(tmp_path / "mine.onnx"))
    assert sides(opened.get_inputs()) == {"data": ["batch", 3, 9, 9]}
    assert sides(opened.get_outputs()) == {"prob": ["batch", 3]}


def test_weights_that_are_no_numbers_bind_no_batch(classifier, session, tmp_path):
    classifier.module.weights_of("score").bias.data[0] = np.nan
    classifier.write(tmp_path / "mine.onnx")
    opened = session(tmp_path / "mine.onnx")
    assert sides(opened.get_outputs()) == {"prob": ["batch", 3]}


def test_the_notes_tell_what_the_network_is(classifier, tmp_path):
    model = onnx.load(classifier.export(tmp_path / "mine.onnx"))
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(notes["labels"]) == classifier.labels == ["tabby cat", "größe", "x"]
    assert json.loads(notes["preprocessing"]) == classifier.preprocessing.to_dict()
    assert notes["logits"] == "score"
    assert model.producer_name == "deelish"
    assert notes["deelish"] == model.producer_version
    assert model.graph.name == "Mine"
    # What onnxruntime 1.18 reads.
    assert model.ir_version <= 10
    assert [each.version for each in model.opset_import] == [17]


def test_a_layer_is_found_by_its_name(classifier, tmp_path):
    model = onnx.load(classifier.export(tmp_path / "mine.onnx"))
    assert {each.name for each in model.graph.initializer} >= {"conv/weight", "score/bias"}
    assert [node.op_type for node in model.graph.node] == [
        "Conv",
        "Relu",
        "Flatten",
        "Gemm",
        "Softmax",
    ]


def test_what_changes_nothing_is_no_node(network, session, tmp_path):
    rows = [
        Layer("ip", "InnerProduct", num_output=3),
        Layer("drop", "Dropout", "ip", "drop"),
        Layer("whole", "Slice", "drop", "whole"),
    ]
    path = network(rows, data=(2, 5)).export(tmp_path / "net.onnx")
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Flatten", "Gemm"]
    assert sides(session(path).get_outputs()) == {"whole": ["batch", 3]}


def test_save_writes_it_too_and_load_refuses_it(classifier, tmp_path):
    path = classifier.save(tmp_path / "mine.onnx")
    assert path.read_bytes() == classifier.export(tmp_path / "again.onnx").read_bytes()
    with pytest.raises(
        FileError, match=r"mine.onnx: deelish writes .onnx and does not read it; giv"
    ):
        Network.load(path)


def test_blobs_that_are_written_over_keep_their_last_value(network, run, tmp_path):
    rows = [
        Layer("ip", "InnerProduct", num_output=4),
        Layer("relu", "ReLU"),
        Layer("scale", "Power", "ip", "ip", scale=2.0),
        Layer("drop", "Dropout"),
    ]
    made = network(rows, data=(2, 5))
    path = made.export(tmp_path / "net.onnx")
    assert same(made, path, run, data=numbers(3, 5))


def test_an_input_that_is_written_over_is_an_output_under_the_layers_name(network, run, tmp_path):
    made = network([Layer("relu", "ReLU")], data=(2, 5))
    path = made.export(tmp_path / "net.onnx")
    x = numbers(2, 5)
    output = run(path, {"data": x})
    assert list(output) == ["relu"]
    assert np.array_equal(output["relu"], np.maximum(x, 0))


def test_blobs_in_one_memory_change_together(network, run, tmp_path):
    rows = [
        Layer("ip", "InnerProduct", num_output=6),
        Layer("flat", "Reshape", shape=[0, 2, 3]),
        Layer("copies", "Split", "flat", ["one", "two"]),
        Layer("relu", "ReLU", "one", "one"),
        Layer("late", "Power", "two", power=1.0, shift=1.0),
        Layer("first", "Power", "ip", scale=3.0),
    ]
    made = network(rows, data=(2, 5))
    path = made.export(tmp_path / "net.onnx")
    x = numbers(3, 5)
    assert same(made, path, run, data=x)
    assert run(path, {"data": -abs(x)})["late"].min() == 1


def test_names_that_collide_are_kept_apart(network, run, tmp_path):
    rows = [
        Layer("a", "InnerProduct", "data", "a/Flatten", num_output=4),
        Layer("a/Gemm", "InnerProduct", "a/Flatten", "a/weight", num_output=3),
        Layer("twins", "Split", "a/weight", ["one", "two"]),
    ]
    made = network(rows, data=(2, 5, 1, 1))
    path = made.export(tmp_path / "net.onnx")
    assert same(made, path, run, data=numbers(2, 5, 1, 1))


def test_rows_of_one_name_are_each_written(network, run, tmp_path):
    rows = [
        Layer("twice", "InnerProduct", "data", "ip", num_output=4),
        Layer("twice", "Sigmoid", "ip", "out"),
    ]
    made = network(rows, data=(2, 5))
    assert same(made, made.export(tmp_path / "net.onnx"), run, data=numbers(2, 5))


def test_shared_weights_are_in_the_file_once(network, run, tmp_path):
    param = [{"name": "w"}, {"name": "b"}]
    rows = [
        Layer("one", "InnerProduct", "data", num_output=5, param=param),
        Layer("two", "InnerProduct", "one", num_output=5, param=param),
    ]
    made = network(rows, data=(2, 5))
    path = made.export(tmp_path / "net.onnx")
    assert same(made, path, run, data=numbers(2, 5))
    names = [each.name for each in onnx.load(path).graph.initializer]
    assert sorted(names) == ["one/bias", "one/weight"]


def test_losses_and_layers_of_training_are_left_out(network, session, tmp_path):
    rows = [
        Layer("ip", "InnerProduct", num_output=4),
        Layer("aside", "InnerProduct", "ip", num_output=2, phase="TRAIN"),
        Layer("apart", "Slice", "label", ["label1", "label2"]),
        Layer("loss", "SoftmaxWithLoss", ["ip", "label1"]),
        Layer("twice", "Power", "loss", scale=2.0),
        Layer("accuracy", "Accuracy", ["ip", "label2"], phase="TEST"),
        Layer("more", "Sigmoid", "data", "more"),
        Layer("quiet", "Silence", "more"),
    ]
    opened = session(network(rows, data=(2, 5), label=(2, 2)).export(tmp_path / "net.onnx"))
    assert sides(opened.get_inputs()) == {"data": ["batch", 5]}
    assert sides(opened.get_outputs()) == {"ip": ["batch", 4]}


def test_several_inputs_share_the_batch(network, session, run, tmp_path):
    rows = [Layer("sum", "Eltwise", ["left", "right"]), Layer("flat", "Flatten", "sum", axis=0)]
    made = network(rows, left=(2, 3, 4), right=(2, 3, 4))
    path = made.export(tmp_path / "net.onnx")
    opened = session(path)
    assert sides(opened.get_inputs()) == {"left": ["batch", 3, 4], "right": ["batch", 3, 4]}
    assert sides(opened.get_outputs()) == {"flat": [None]}
    assert same(made, path, run, left=numbers(5, 3, 4), right=numbers(5, 3, 4))


@pytest.mark.parametrize(
    "row",
    [
        Layer("shaped", "Reshape", shape=[2, 15]),
        Layer("cut", "Slice", "data", ["one", "two"], axis=0, slice_point=[1]),
        Layer("inner", "InnerProduct", axis=0, num_output=2),
    ],
)
def test_a_batch_that_layers_are_bound_to_is_said(network, session, run, tmp_path, capsys, row):
    made = network([row], data=(2, 5, 3))
    path = made.export(tmp_path / "net.onnx")
    assert capsys.readouterr().out == "Small: the .onnx takes 2 items at a time, no other\n"
    assert sides(session(path).get_inputs()) == {"data": [2, 5, 3]}
    assert same(made, path, run, data=numbers(2, 5, 3))


def test_the_network_itself_is_untouched(classifier, tmp_path):
    before = classifier.plan.to_dict()
    x = {"data": numbers(2, 3, 9, 9)}
    output = classifier.run(x)["prob"]
    classifier.export(tmp_path / "mine.onnx")
    assert classifier.plan.to_dict() == before
    assert np.array_equal(classifier.run(x)["prob"], output)
