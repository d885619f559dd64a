"""What each row is the last to use: in-place rows, tops that nothing reads, wanted blobs."""

from deelish import Layer, Plan
from deelish.plan.lifetimes import last_uses


def test_a_blob_ends_with_its_last_reader():
    rows = [
        Layer("a", "TanH", "data", "a"),
        Layer("relu", "ReLU", "a", "a"),
        Layer("fork", "Slice", "a", ["left", "right"], axis=1),
        Layer("b", "TanH", "left", "b"),
    ]
    layers = Plan(rows, {"data": (1, 2, 5, 5)}).layers
    assert last_uses(layers, ["b"]) == [["data"], [], ["a", "right"], ["left"]]
    assert last_uses(layers, ["a", "b"]) == [["data"], [], ["right"], ["left"]]
    assert last_uses(layers[:2], []) == [["data"], ["a"]]


def test_what_an_in_place_row_overwrites_too_ends_with_it():
    rows = [
        Layer("conv", "Convolution", "data", "conv", num_output=2, kernel_size=1),
        Layer("flat", "Flatten", "conv", "flat"),
        Layer("relu", "ReLU", "flat", "flat"),
        Layer("score", "InnerProduct", "flat", "score", num_output=3),
    ]
    plan = Plan(rows, {"data": (1, 2, 5, 5)})
    assert plan.layers[2].echoes == ("conv",)
    assert last_uses(plan.layers, ["score"]) == [["data"], ["conv"], ["conv"], ["flat"]]
    assert last_uses(plan.layers, ["score", "conv"]) == [["data"], [], [], ["flat"]]
