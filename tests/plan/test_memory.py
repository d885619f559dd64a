"""Blobs that share memory: what is overwritten in place is overwritten for all readers."""

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import PlanError

pytestmark = pytest.mark.usefixtures("each_engine")

IMAGE = {"data": (2, 2, 3, 3)}


def outputs(rows, blobs):
    from deelish import Plan

    x = np.linspace(-1, 1, 36, dtype=np.float32).reshape(2, 2, 3, 3)
    with Deel():
        return x, Network(Plan(rows, IMAGE), in_size=3).run({"data": x}, blobs)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("Flatten", {}),
        ("Split", {}),
        ("Reshape", {"shape": (0, -1)}),
        ("Concat", {}),
        ("Slice", {}),
    ],
)
def test_in_place_on_a_shared_top_changes_the_bottom(kind, args):
    rows = [
        Layer("twice", "Power", "data", "twice", scale=2.0),
        Layer("other", kind, "twice", "other", **args),
        Layer("relu", "ReLU", "other", "other"),
        Layer("read", "Power", "twice", "read"),
    ]
    x, output = outputs(rows, ["read", "twice", "other"])
    wanted = np.maximum(2 * x, 0)
    np.testing.assert_array_equal(output["read"], wanted)
    np.testing.assert_array_equal(output["twice"], wanted)
    np.testing.assert_array_equal(output["other"].ravel(), wanted.ravel())


def test_several_bottoms_or_tops_have_memory_of_their_own():
    rows = [
        Layer("halves", "Slice", "data", ["first", "second"]),
        Layer("relu", "ReLU", "first", "first"),
        Layer("both", "Concat", ["first", "second"], "both"),
        Layer("down", "TanH", "both", "both"),
    ]
    x, output = outputs(rows, ["data", "second", "first"])
    np.testing.assert_array_equal(output["data"], x)
    np.testing.assert_array_equal(output["first"], np.maximum(x[:, :1], 0))
    np.testing.assert_array_equal(output["second"], x[:, 1:])


def test_in_place_on_the_bottom_changes_the_shared_top():
    rows = [
        Layer("flat", "Flatten", "data", "flat"),
        Layer("same", "Flatten", "flat", "same"),
        Layer("relu", "ReLU", "same", "same"),
    ]
    x, output = outputs(rows, ["data", "flat"])
    np.testing.assert_array_equal(output["data"], np.maximum(x, 0))
    np.testing.assert_array_equal(output["flat"], np.maximum(x, 0).reshape(2, 18))


def test_a_reader_before_the_overwriting_row_is_refused():
    rows = [
        Layer("a", "Power", "data", "a"),
        Layer("b", "TanH", "a", "b"),
        Layer("relu", "ReLU", "a", "a"),
    ]
    words = r"layer 'relu' \(ReLU\): overwrites 'a', which layer 'b' \(TanH\) read before; give it"
    with pytest.raises(PlanError, match=words):
        outputs(rows, ["a"])


def test_rows_in_place_one_after_the_other_are_fine():
    rows = [
        Layer("a", "Power", "data", "a", shift=-0.5),
        Layer("relu", "ReLU", "a", "a"),
        Layer("twice", "Power", "a", "a", scale=2.0),
        Layer("b", "TanH", "a", "b"),
    ]
    x, output = outputs(rows, ["a", "b"])
    np.testing.assert_allclose(output["a"], 2 * np.maximum(x - 0.5, 0), rtol=1e-6)
    np.testing.assert_allclose(output["b"], np.tanh(output["a"]), rtol=1e-5)
