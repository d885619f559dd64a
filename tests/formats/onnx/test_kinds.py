"""Every layer kind as ONNX: onnxruntime's numbers are the network's, for any number of items."""

import numpy as np
import pytest

from deelish import Layer
from deelish.engines.custom import CUSTOM
from deelish.formats.onnx.layers import NODES
from deelish.plan.layers import KINDS, loss

pytest.importorskip("onnx.checker")
pytest.importorskip("onnxruntime")

IMAGE = (2, 4, 7, 9)
# Type, arguments, and the shapes of its bottoms where these are not one image.
CASES = [
    ("Convolution", {"num_output": 6, "kernel_size": 3}),
    ("Convolution", {"num_output": 6, "kernel_size": (3, 5), "stride": (2, 1), "pad": (0, 2)}),
    ("Convolution", {"num_output": 4, "kernel_size": 2, "group": 2, "dilation": 3}),
    ("Convolution", {"num_output": 3, "kernel_size": 1, "bias_term": False}),
    ("Convolution", {"num_output": 3, "kernel_size": 3, "pad": 1}, (2, 2, 7)),
    ("Convolution", {"num_output": 3, "kernel_size": 2, "stride": 2}, (2, 3, 5, 4, 3)),
    ("Convolution", {"num_output": 3, "kernel_size": 2, "axis": 2}, (2, 3, 5, 4, 3)),
    ("Convolution", {"num_output": 3, "kernel_size": 2, "axis": -2}, (2, 3, 5, 4)),
    ("Deconvolution", {"num_output": 6, "kernel_size": 4, "stride": 2, "pad": 1}),
    ("Deconvolution", {"num_output": 2, "kernel_size": 3, "group": 2, "dilation": 2}),
    ("Deconvolution", {"num_output": 4, "kernel_size": 4, "group": 4, "bias_term": False}),
    ("Deconvolution", {"num_output": 2, "kernel_size": 2, "stride": 3}, (2, 3, 5, 4, 3)),
    ("Im2col", {"kernel_size": (2, 3), "stride": 2, "pad": 1, "dilation": (1, 2)}),
    ("InnerProduct", {"num_output": 5}),
    ("InnerProduct", {"num_output": 5, "transpose": True}),
    ("InnerProduct", {"num_output": 5, "axis": 2, "bias_term": False}),
    ("InnerProduct", {"num_output": 5, "axis": -1}, (2, 6, 3)),
    ("InnerProduct", {"num_output": 5, "axis": 2, "transpose": True}, (2, 6, 3)),
    ("LRN", {"alpha": 0.5, "local_size": 3, "beta": 0.6, "k": 2.0}),
    ("LRN", {"alpha": 0.5, "local_size": 9}),
    ("LRN", {"alpha": 0.5, "local_size": 5, "norm_region": "WITHIN_CHANNEL"}),
    ("SPP", {"pyramid_height": 3}),
    ("SPP", {"pyramid_height": 2, "pool": "AVE"}),
    ("SPP", {"pyramid_height": 1}),
    ("ReLU", {}),
    ("ReLU", {"negative_slope": 0.1}),
    ("PReLU", {}),
    ("PReLU", {"channel_shared": True}),
    ("PReLU", {}, (2, 5)),
    ("ELU", {"alpha": 0.7}),
    ("Sigmoid", {}),
    ("TanH", {}),
    ("AbsVal", {}),
    ("BNLL", {}),
    ("Swish", {"beta": 1.5}),
    ("GELU", {}),
    ("GELU", {}, (2, 5)),
    ("GaussianSample", {}, (2, 6)),
    ("GaussianSample", {}),
    ("Clip", {"min": -0.5, "max": 0.25}),
    ("Threshold", {"threshold": 0.3}),
    ("Power", {"power": 2.0, "scale": -0.5, "shift": 0.3}),
    ("Power", {"power": 3.0, "shift": 0.3}),
    ("Power", {"scale": 2.0}),
    ("Power", {"power": 0.0}),
    ("Power", {"power": 2.0, "scale": 0.0, "shift": 3.0}),
    ("Exp", {"scale": 0.5, "shift": 0.1}),
    ("Exp", {"base": 2.0, "scale": 0.5}),
    ("Log", {"scale": 0.1, "shift": 9.0}),
    ("Log", {"base": 10.0, "scale": 0.1, "shift": 9.0}),
    ("Dropout", {}),
    ("Softmax", {}),
    ("Softmax", {"axis": -1}),
    ("Eltwise", {}, IMAGE, IMAGE, IMAGE),
    ("Eltwise", {"coeff": (1.0, -0.5)}, IMAGE, IMAGE),
    ("Eltwise", {"operation": "PROD"}, IMAGE, IMAGE, IMAGE),
    ("Eltwise", {"operation": "MAX"}, IMAGE, IMAGE),
    ("BatchNorm", {}),
    ("BatchNorm", {"eps": 0.1}, (2, 5)),
    ("BatchNorm", {"use_global_stats": False}),
    ("Scale", {"bias_term": True}),
    ("Scale", {"axis": 2, "num_axes": 2}),
    ("Scale", {"axis": -1}),
    ("Scale", {"num_axes": 0, "bias_term": True}),
    ("Scale", {"axis": 0}, IMAGE, (2, 4)),
    ("Scale", {"axis": 2}, IMAGE, (7, 9)),
    ("Bias", {}),
    ("Bias", {"axis": 0}, IMAGE, (2,)),
    ("MVN", {}),
    ("MVN", {"across_channels": True, "eps": 0.1}),
    ("MVN", {"normalize_variance": False}, (2, 4, 5)),
    ("Concat", {}, IMAGE, (2, 3, 7, 9)),
    ("Concat", {"axis": -1}, IMAGE, (2, 4, 7, 2)),
    ("Flatten", {}),
    ("Flatten", {"axis": 0, "end_axis": 1}),
    ("Flatten", {"axis": -2}),
    ("Reshape", {"shape": (0, -1, 3, 3, 7)}),
    ("Reshape", {"shape": (-1, 3), "axis": 1, "num_axes": 3}),
    ("Reshape", {"shape": (-1, 9)}),
    ("Crop", {"offset": (1, 2)}, IMAGE, (2, 4, 3, 5)),
    ("Crop", {"axis": 1, "offset": (2,)}, (2, 7, 8, 9), (2, 3, 4, 5)),
    ("Crop", {}, IMAGE, IMAGE),
    ("Tile", {"tiles": 3}),
    ("Tile", {"tiles": 2, "axis": -1}),
    ("Reduction", {"axis": 1, "coeff": 0.5}),
    ("Reduction", {"axis": 2, "operation": "ASUM"}),
    ("Reduction", {"axis": -1, "operation": "SUMSQ"}),
    ("Reduction", {"axis": 1, "operation": "MEAN", "coeff": 3.0}),
    ("Reduction", {}),
    ("ArgMax", {}),
    ("ArgMax", {"top_k": 3, "out_max_val": True}),
    ("ArgMax", {"axis": 1}),
    ("ArgMax", {"axis": -1, "top_k": 4, "out_max_val": True}),
    ("ArgMax", {"top_k": 2}, (2, 8)),
    ("DepthwiseConvolution", {"num_output": 4, "group": 4, "kernel_size": 3, "pad": 1}),
    ("ConvolutionDepthwise", {"num_output": 4, "kernel_size": 3, "stride": 2}),
    ("ConvolutionDepthwise", {"num_output": 4, "kernel_size": 2, "bias_term": False}),
    ("Permute", {"order": (0, 2, 3)}),
    ("Normalize", {}),
    ("Normalize", {"across_spatial": False, "channel_shared": False, "eps": 0.1}),
    ("ReLU6", {}),
    ("Upsample", {"scale": 3}),
    ("Interp", {"height": 12, "width": 4}),
    ("Interp", {"zoom_factor": 3, "pad_beg": -1, "pad_end": -2}),
    ("Interp", {"height": 1, "width": 20}),
    ("Interp", {"shrink_factor": 2}),
    ("Reorg", {"stride": 2}, (2, 8, 6, 4)),
    ("Reorg", {"stride": 2, "reverse": True}),
    ("ShuffleChannel", {"group": 2}, (2, 6, 5, 3)),
    ("Axpy", {}, (2, 4), IMAGE, IMAGE),
    ("Axpy", {}, (2, 4, 1, 1), IMAGE, IMAGE),
    ("Embed", {"num_output": 3, "input_dim": 5}, (2, 4)),
    ("Embed", {"num_output": 3, "input_dim": 5, "bias_term": False}, (2,)),
]


def numbers(*shape, seed=0):
    """Numbers of a normal draw, float32."""
    return np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)


def agree(ours, theirs, least=1e-5):
    """Whether arrays by name are the same, to a fraction of the largest number of each."""
    for name, values in ours.items():
        assert theirs[name].shape == values.shape, name
        assert abs(theirs[name] - values).max() <= least * abs(values).max(), name
    return bool(ours)


@pytest.mark.parametrize(("kind", "args", "shapes"), [(k, a, s) for k, a, *s in CASES])
def test_a_kind_computes_as_the_network(network, run, tmp_path, kind, args, shapes):
    shapes = {f"in{i}": shape for i, shape in enumerate(shapes or [IMAGE])}
    made = network([Layer("out", kind, list(shapes), "out", **args)], **shapes)
    path = made.export(tmp_path / "net.onnx")
    for items in (2, 1, 3):
        inputs = {
            name: numbers(items if first == 2 else first, *sides, seed=seed)
            for seed, (name, (first, *sides)) in enumerate(shapes.items())
        }
        if kind == "Embed":
            inputs = {name: np.floor(abs(values)) % 5 for name, values in inputs.items()}
        ours = made.run(inputs)
        assert agree(ours, run(path, inputs))


POOLS = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 3, "stride": 2, "pad": 1},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 2, "stride": 2, "round_mode": "FLOOR"},
    {"kernel_size": 3, "stride": 2, "pad": 1, "round_mode": "FLOOR"},
    {"kernel_size": (3, 2), "stride": (1, 3), "pad": (2, 0)},
    {"kernel_size": 5, "stride": 3, "pad": 2},
    {"kernel_size": 4, "stride": 4, "pad": 3},
    {"kernel_size": 7, "stride": 5},
    {"global_pooling": True},
    # Windows that are wholly outside the image.
    {"kernel_size": 1, "stride": 3},
    {"kernel_size": (1, 2), "stride": (2, 4)},
]


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("args", POOLS)
@pytest.mark.parametrize("sides", [(7, 9), (8, 8), (11, 10), (13, 7)])
def test_pooling_has_caffes_windows(network, run, tmp_path, pool, args, sides):
    made = network([Layer("out", "Pooling", pool=pool, **args)], data=(2, 3, *sides))
    path = made.export(tmp_path / "net.onnx")
    for items in (1, 3):
        inputs = {"data": numbers(items, 3, *sides)}
        ours, theirs = made.run(inputs)["out"], run(path, inputs)["out"]
        assert ours.shape == theirs.shape
        # Caffe's mean of a window without a place is 0 / 0.
        assert np.array_equal(np.isnan(ours), np.isnan(theirs))
        least = 0 if pool == "MAX" else 1e-6 * np.nanmax(abs(ours))
        assert np.nanmax(abs(ours - theirs)) <= least


def test_a_mask_holds_places_within_each_image(network, run, tmp_path):
    rows = [Layer("pool", "Pooling", "data", ["pool", "mask"], kernel_size=3, stride=2, pad=1)]
    made = network(rows, data=(2, 3, 7, 8))
    path = made.export(tmp_path / "net.onnx")
    inputs = {"data": numbers(3, 3, 7, 8)}
    ours, theirs = made.run(inputs), run(path, inputs)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ("pool", "mask"))
    assert theirs["mask"].max() < 7 * 8


def test_equal_values_are_ranked_as_in_caffe(network, run, tmp_path):
    made = network([Layer("best", "ArgMax", "data", top_k=3)], data=(2, 6))
    path = made.export(tmp_path / "net.onnx")
    best = run(path, {"data": np.float32([[1, 2, 2, 0, 2, 1]])})["best"]
    assert best.tolist() == [[[4, 2, 1]]]


def test_slices_and_copies(network, run, tmp_path):
    rows = [
        Layer("halves", "Slice", "data", ["left", "right"], axis=2),
        Layer("parts", "Slice", "data", ["one", "two", "three"], slice_point=[1, 3]),
        Layer("whole", "Slice", "data", "whole"),
        Layer("copies", "Split", "data", ["first", "second"]),
    ]
    made = network(rows, data=(2, 4, 6, 5))
    path = made.export(tmp_path / "net.onnx")
    inputs = {"data": numbers(3, 4, 6, 5)}
    theirs = run(path, inputs)
    assert agree(made.run(inputs), theirs)
    assert np.array_equal(theirs["two"], inputs["data"][:, 1:3])
    assert np.array_equal(theirs["second"], inputs["data"])


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_the_rows_of_an_image_go_through_time(network, run, tmp_path, kind):
    rows = [
        Layer("rows", "ImageToSequence", "data", ["rows", "cont"]),
        Layer("first", kind, ["rows", "cont"], num_output=3),
        Layer("second", kind, ["first", "cont"], num_output=2),
        Layer("last", "LastStep"),
    ]
    made = network(rows, data=(2, 3, 5, 4))
    path = made.export(tmp_path / "net.onnx")
    for items in (2, 1, 3):
        inputs = {"data": numbers(items, 3, 5, 4) / 4}
        ours = made.run(inputs, ["last"])
        assert ours["last"].shape == (items, 2)
        assert agree(ours, run(path, inputs))


def test_what_reads_nothing_is_constant(network, run, tmp_path):
    rows = [
        Layer("grown", "Parameter", top="grown", shape=[1, 3]),
        Layer("even", "DummyData", top="even", shape=[[3]], data_filler=[{"value": 0.5}]),
        Layer("scaled", "Scale", ["data", "even"]),
    ]
    made = network(rows, data=(2, 3))
    path = made.export(tmp_path / "net.onnx")
    theirs = run(path, {"data": numbers(3, 3)})
    assert np.array_equal(theirs["scaled"], numbers(3, 3) / 2)
    assert np.array_equal(theirs["grown"], made.run({"data": numbers(1, 3)})["grown"])


def test_items_are_chosen_as_it_runs(network, session, run, tmp_path):
    rows = [
        Layer("chosen", "BatchReindex", ["data", "order"], "chosen"),
        Layer("some", "Filter", ["data", "marks"], "some"),
    ]
    made = network(rows, data=(4, 3, 2), order=(3,), marks=(4, 1))
    path = made.export(tmp_path / "net.onnx")
    marks = np.float32([[1], [0], [-2], [0]])
    inputs = {"data": numbers(4, 3, 2), "order": np.float32([3, 0, 3]), "marks": marks}
    assert session(path).get_outputs()[1].shape == [None, 3, 2]
    theirs = run(path, inputs)
    assert np.array_equal(theirs["chosen"], inputs["data"][[3, 0, 3]])
    assert np.array_equal(theirs["some"], inputs["data"][[0, 2]])


def test_a_factor_of_0_means_a_mean_and_a_variance_of_0(network, run, tmp_path):
    made = network([Layer("bn", "BatchNorm", "data", "bn", eps=0.25)], data=(1, 3, 4, 4))
    made.module.weights_of("bn").factor.fill_(0)
    path = made.export(tmp_path / "net.onnx")
    x = numbers(1, 3, 4, 4)
    assert np.allclose(run(path, {"data": x})["bn"], 2 * x, atol=1e-6)


def test_every_kind_is_written_or_left_out():
    left_out = {*loss.KINDS, "Silence"}
    assert set(KINDS) - set(CUSTOM["torch"]) == set(NODES) | left_out
    assert not set(NODES) & left_out


def test_the_cases_above_hold_every_kind():
    tested = {case[0] for case in CASES}
    others = {"Pooling", "Slice", "Split", "Parameter", "DummyData", "BatchReindex", "Filter"}
    others |= {"ImageToSequence", "LastStep", "LSTM", "RNN"}
    assert set(NODES) == tested | others
