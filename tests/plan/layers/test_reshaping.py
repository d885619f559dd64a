"""Shape rules of the kinds that join, cut, reshape and look up, and what they refuse."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError

IMAGE = (2, 6, 4, 5)


@pytest.mark.parametrize(
    ("kind", "bottoms", "args", "tops"),
    [
        ("Concat", [(2, 3, 4), (2, 5, 4)], {}, [(2, 8, 4)]),
        ("Concat", [(2, 3, 4), (2, 3, 1)], {"axis": -1}, [(2, 3, 5)]),
        ("Concat", [(2, 3)], {"axis": 0}, [(2, 3)]),
        ("Slice", [IMAGE], {}, [(2, 3, 4, 5)] * 2),
        ("Slice", [IMAGE], {"axis": -2}, [(2, 6, 1, 5)] * 4),
        ("Slice", [IMAGE], {"slice_point": (1, 4)}, [(2, 1, 4, 5), (2, 3, 4, 5), (2, 2, 4, 5)]),
        ("Slice", [IMAGE], {}, [IMAGE]),
        ("Split", [IMAGE], {}, [IMAGE] * 3),
        ("Flatten", [IMAGE], {}, [(2, 120)]),
        ("Flatten", [IMAGE], {"axis": 0, "end_axis": -2}, [(48, 5)]),
        ("Flatten", [IMAGE], {"axis": 2, "end_axis": 1}, [(2, 6, 1, 4, 5)]),
        ("Reshape", [IMAGE], {"shape": (0, 3, -1)}, [(2, 3, 40)]),
        ("Reshape", [IMAGE], {"shape": (-1, 0, 10, 2)}, [(2, 6, 10, 2)]),
        ("Reshape", [IMAGE], {"shape": (8, -1), "axis": 1, "num_axes": 2}, [(2, 8, 3, 5)]),
        ("Reshape", [IMAGE], {"shape": (1,), "axis": 1, "num_axes": 0}, [(2, 1, 6, 4, 5)]),
        ("Reshape", [IMAGE], {"shape": (1, 1), "axis": -1}, [(*IMAGE, 1, 1)]),
        ("Reshape", [IMAGE], {"shape": (5, 4), "axis": -3}, [(2, 6, 5, 4)]),
        ("Reshape", [(1, 1)], {}, [()]),
        ("Crop", [IMAGE, (2, 6, 3, 2)], {}, [(2, 6, 3, 2)]),
        ("Crop", [IMAGE, (9, 9, 9, 2)], {"axis": -1, "offset": (3,)}, [(2, 6, 4, 2)]),
        ("Crop", [IMAGE, (1, 2, 3, 4)], {"axis": 1, "offset": (4, 1, 1)}, [(2, 2, 3, 4)]),
        ("Tile", [IMAGE], {"tiles": 3}, [(2, 18, 4, 5)]),
        ("Tile", [IMAGE], {"tiles": 2, "axis": -4}, [(4, 6, 4, 5)]),
        ("Reduction", [IMAGE], {}, [()]),
        ("Reduction", [IMAGE], {"axis": -2}, [(2, 6)]),
        ("Silence", [IMAGE, (3,)], {}, []),
        ("ArgMax", [IMAGE], {}, [(2, 1, 1, 1)]),
        ("ArgMax", [IMAGE], {"top_k": 7, "out_max_val": True}, [(2, 2, 7, 1)]),
        ("ArgMax", [(3, 7)], {"top_k": 2}, [(3, 1, 2)]),
        ("ArgMax", [IMAGE], {"axis": -3, "top_k": 6}, [(2, 6, 4, 5)]),
        ("Embed", [(4, 3)], {"num_output": 6, "input_dim": 10}, [(4, 3, 6)]),
        ("BatchReindex", [IMAGE, (5,)], {}, [(5, 6, 4, 5)]),
        ("Filter", [IMAGE, (2, 3), (2, 1, 1)], {}, [IMAGE, (2, 3)]),
        ("Parameter", [], {"shape": (3, 1)}, [(3, 1)]),
        ("DummyData", [], {"shape": ((2, 3), (4,))}, [(2, 3), (4,)]),
        ("DummyData", [], {"shape": ((2, 3),)}, [(2, 3), (2, 3)]),
        (
            "DummyData",
            [],
            {"num": (1, 2), "channels": (3,), "height": (4, 5), "width": (6,)},
            [(1, 3, 4, 6), (2, 3, 5, 6)],
        ),
    ],
)
def test_shapes(kind, bottoms, args, tops):
    assert shapes(kind, *bottoms, tops=len(tops), **args) == tops


def test_weights():
    sizes = {"num_output": 6, "input_dim": 10}
    assert weights("Embed", (4,), weight_filler="xavier", bias_filler=0.1, **sizes) == {
        "weight": ((10, 6), "xavier", True),
        "bias": ((6,), 0.1, True),
    }
    assert list(weights("Embed", (4,), bias_term=False, **sizes)) == ["weight"]
    assert weights("Parameter", shape=(3, 2)) == {"weight": ((3, 2), 0.0, True)}


@pytest.mark.parametrize(
    ("kind", "bottoms", "args", "tops", "words"),
    [
        ("Concat", [IMAGE, (2, 6)], {}, 1, "which differ off axis 1; make the other sides equal"),
        ("Concat", [IMAGE, (1, 6, 4, 5)], {}, 1, "which differ off axis 1"),
        ("Concat", [(3,)], {}, 1, "axis is 1; give a whole number from -1 to 0"),
        ("Slice", [IMAGE], {}, 4, "cuts 6 on axis 1 into 4 equal parts; give slice_point, or"),
        ("Slice", [IMAGE], {"slice_point": (2,)}, 3, "give 2 numbers that rise from 1 to 5"),
        ("Slice", [IMAGE], {"slice_point": (3, 3)}, 3, r"slice_point \(3, 3\) for 3 tops of 6"),
        ("Slice", [IMAGE], {"slice_point": (0,)}, 2, "give 1 numbers that rise from 1 to 5"),
        ("Slice", [IMAGE], {"slice_point": (6,)}, 2, "give 1 numbers that rise from 1 to 5"),
        ("Flatten", [IMAGE], {"end_axis": 4}, 1, "end_axis is 4; give a whole number from -4"),
        ("Flatten", [IMAGE], {"axis": 3, "end_axis": 1}, 1, "axis is 3 and end_axis 1; give an"),
        ("Reshape", [IMAGE], {"shape": (7, -1)}, 1, "cannot become .* whose product is the same"),
        ("Reshape", [IMAGE], {"shape": (-1, -1)}, 1, "at most one -1"),
        ("Reshape", [IMAGE], {"shape": (-2, 120)}, 1, "give sides of 1 and more"),
        (
            "Reshape",
            [IMAGE],
            {"shape": (240, 1, 1, 1, 0)},
            1,
            "where a 0 in .* has no side to keep",
        ),
        ("Reshape", [IMAGE], {"shape": (0, 3)}, 1, r"240 numbers, and \(2, 3\) holds 6; give as"),
        ("Reshape", [IMAGE], {"axis": 5}, 1, "axis is 5; give a whole number from -5 to 4"),
        ("Reshape", [IMAGE], {"axis": 2, "num_axes": 3}, 1, "give num_axes from 0 to 2, or -1"),
        ("Reshape", [IMAGE], {"num_axes": -2}, 1, "axis is 0 and num_axes -2 where there are 4"),
        ("Crop", [IMAGE, (2, 6, 5, 5)], {}, 1, "on axis 2 the second does not fit .* from 0 on"),
        ("Crop", [IMAGE, IMAGE], {"offset": (0, 1)}, 1, "on axis 3 .* from 1 on; give another"),
        ("Crop", [IMAGE, IMAGE], {"offset": (0, 0, 0)}, 1, "3 numbers in offset for 2 axes"),
        ("Crop", [IMAGE, (2, 6)], {}, 1, "the second must have as many axes as the first"),
        ("Tile", [IMAGE], {"tiles": 0}, 1, "tiles is 0; give a whole number above 0"),
        ("Reduction", [IMAGE], {"axis": 4}, 1, "axis is 4; give a whole number from -4 to 3"),
        ("ArgMax", [IMAGE], {"top_k": 0}, 1, "top_k is 0 of 120 values; give a number from 1"),
        ("ArgMax", [IMAGE], {"top_k": 7, "axis": 1}, 1, "top_k is 7 of 6 values"),
        ("ArgMax", [()], {}, 1, "reads one number; it needs at least one axis"),
        ("Embed", [(4,)], {"input_dim": 0, "num_output": 2}, 1, "input_dim is 0; give a whole"),
        ("BatchReindex", [IMAGE, (2, 1)], {}, 1, "it needs items and one axis of indices"),
        ("Filter", [IMAGE, (2,)], {}, 2, "has 2 tops for 1 bottoms and a selector"),
        ("Filter", [IMAGE, (2, 3)], {}, 1, r"its selector is \(2, 3\); give one number an item"),
        ("Filter", [IMAGE, (3,)], {}, 1, "each must have as many items as the selector"),
        ("Parameter", [], {"shape": (0,)}, 1, r"shape is \(0,\); give whole sides above 0"),
        ("DummyData", [], {}, 1, "has 0 shape for 1 tops; give one for all, or one each"),
        ("DummyData", [], {"shape": (2, 3)}, 2, "shape is 2; give whole sides above 0"),
        ("DummyData", [], {"shape": ((2,),), "num": (1,)}, 1, "has both shape and num"),
        ("DummyData", [], {"num": (1,), "channels": (1,)}, 1, "has 0 height for 1 tops"),
        (
            "DummyData",
            [],
            {"shape": ((2,),), "data_filler": (1.0, 2.0, 3.0)},
            2,
            "has 3 data_filler for 2 tops",
        ),
        (
            "DummyData",
            [],
            {"shape": ((2,),), "data_filler": ("no",)},
            1,
            "filler 'no' is not known",
        ),
        ("DummyData", [], {"shape": ((2,),), "data_filler": ("bilinear",)}, 1, "square kernels"),
    ],
)
def test_refuses(kind, bottoms, args, tops, words):
    with pytest.raises(PlanError, match=words):
        shapes(kind, *bottoms, tops=tops, **args)
