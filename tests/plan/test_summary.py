"""What a plan costs: parameters and multiply-adds against counting by hand."""

import pytest

from deelish import Layer, Plan
from deelish.plan import summary

IMAGE = {"data": (2, 4, 9, 8), "other": (2, 4, 9, 8)}
SEQUENCE = {"x": (5, 2, 3), "cont": (5, 2), "still": (2, 6)}


@pytest.mark.parametrize(
    ("row", "inputs", "parameters", "adds"),
    [
        # 6 x 7 x 6 places of 3 x 3 x 4 / 2 numbers.
        (
            Layer("c", "Convolution", "data", num_output=6, kernel_size=3, group=2),
            IMAGE,
            6 * 2 * 9 + 6,
            6 * 7 * 6 * 18,
        ),
        # The same weights twice.
        (
            Layer("c", "Convolution", ["data", "other"], ["a", "b"], num_output=6, kernel_size=1),
            IMAGE,
            6 * 4 + 6,
            2 * 6 * 9 * 8 * 4,
        ),
        # 9 x 8 places of 4 numbers, each spread over 3 x 2 x 2.
        (
            Layer("d", "Deconvolution", "data", num_output=3, kernel_size=2, stride=2),
            IMAGE,
            4 * 3 * 4 + 3,
            9 * 8 * 4 * 12,
        ),
        (Layer("i", "InnerProduct", "data", num_output=5), IMAGE, 5 * 288 + 5, 5 * 288),
        # 9 x 4 rows of 8 numbers.
        (Layer("i", "InnerProduct", "data", num_output=5, axis=3), IMAGE, 45, 4 * 9 * 8 * 5),
        # Four gates of 7, 5 steps of 3 + 7 numbers, and 6 numbers once.
        (
            Layer("l", "LSTM", ["x", "cont", "still"], num_output=7),
            SEQUENCE,
            28 * (3 + 1 + 6 + 7),
            5 * 28 * (3 + 7) + 28 * 6,
        ),
        # Two matrices of 7 x 7 beside the input's.
        (
            Layer("r", "RNN", ["x", "cont"], num_output=7),
            SEQUENCE,
            7 * 3 + 7 + 49 + 49 + 7,
            5 * (21 + 49 + 49),
        ),
        (Layer("r", "ReLU", "data"), IMAGE, 0, 0),
    ],
)
def test_costs_of_one_item(row, inputs, parameters, adds):
    (cost,) = summary.costs(Plan([row], inputs))
    assert (cost.parameters, cost.multiply_adds) == (parameters, adds)


def test_shared_arrays_count_once():
    share = ({"name": "w"}, {"name": "b"})
    rows = [
        Layer(name, "InnerProduct", name, name.upper(), num_output=5, param=share)
        for name in ("data", "other")
    ]
    assert summary.parameters(Plan(rows, IMAGE)) == 5 * 288 + 5


def test_a_layer_without_tops_stands_in_the_table():
    rows = [Layer("keep", "Power", "data"), Layer("quiet", "Silence", "other", ())]
    table = summary.table(Plan(rows, IMAGE))
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ["keep", "Power"],
        ["quiet", "Silence"],
        ["total"],
    ]
