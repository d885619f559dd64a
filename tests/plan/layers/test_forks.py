"""Rules of the kinds that only forks of Caffe have: shapes, weights, refusals."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError

IMAGE = (2, 8, 6, 4)


@pytest.mark.parametrize("type", ["DepthwiseConvolution", "ConvolutionDepthwise"])
@pytest.mark.parametrize("group", [None, 8])
def test_depthwise_convolution(type, group):
    args = {"num_output": 8, "kernel_size": 3, "pad": 1, "stride": 2, "group": group}
    assert shapes(type, IMAGE, **args) == [(2, 8, 3, 2)]
    found = weights(type, IMAGE, **args)
    assert {name: shape for name, (shape, _, _) in found.items()} == {
        "weight": (8, 1, 3, 3),
        "bias": (8,),
    }


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "made"),
    [
        ("Permute", [IMAGE], {"order": (0, 2, 3, 1)}, (2, 6, 4, 8)),
        ("Permute", [IMAGE], {"order": (1,)}, (8, 2, 6, 4)),
        ("Permute", [IMAGE], {}, IMAGE),
        ("Normalize", [IMAGE], {}, IMAGE),
        ("ReLU6", [IMAGE], {}, IMAGE),
        ("Upsample", [IMAGE], {"scale": 3}, (2, 8, 18, 12)),
        ("Interp", [IMAGE], {"height": 7, "width": 9}, (2, 8, 7, 9)),
        ("Interp", [IMAGE], {"zoom_factor": 2}, (2, 8, 11, 7)),
        ("Interp", [IMAGE], {"shrink_factor": 2}, (2, 8, 3, 2)),
        ("Interp", [IMAGE], {"shrink_factor": 2, "zoom_factor": 3}, (2, 8, 7, 4)),
        ("Interp", [IMAGE], {"zoom_factor": 2, "pad_beg": 0, "pad_end": -1}, (2, 8, 9, 5)),
        # One factor alone comes before a size, a size before both factors.
        ("Interp", [IMAGE], {"height": 7, "width": 9, "zoom_factor": 2}, (2, 8, 11, 7)),
        (
            "Interp",
            [IMAGE],
            {"height": 7, "width": 9, "zoom_factor": 2, "shrink_factor": 2},
            (2, 8, 7, 9),
        ),
        ("Reorg", [IMAGE], {"stride": 2}, (2, 32, 3, 2)),
        ("Reorg", [IMAGE], {"stride": 2, "reverse": True}, (2, 2, 12, 8)),
        ("ShuffleChannel", [IMAGE], {"group": 4}, IMAGE),
        ("Axpy", [(2, 8), IMAGE, IMAGE], {}, IMAGE),
        ("Axpy", [(2, 8, 1, 1), IMAGE, IMAGE], {}, IMAGE),
    ],
)
def test_shapes(type, bottoms, args, made):
    assert shapes(type, *bottoms, **args) == [made]


def test_normalize_has_one_scale_or_one_a_channel():
    assert weights("Normalize", IMAGE) == {"weight": ((), 1.0, True)}
    args = {"channel_shared": False, "scale_filler": 20.0}
    assert weights("Normalize", IMAGE, **args) == {"weight": ((8,), 20.0, True)}


DEPTHWISE = {"num_output": 8, "kernel_size": 3}


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "words"),
    [
        (
            "DepthwiseConvolution",
            [IMAGE],
            DEPTHWISE | {"num_output": 16},
            r"num_output is 16; a depthwise layer has its 8 channels",
        ),
        ("ConvolutionDepthwise", [IMAGE], DEPTHWISE | {"group": 2}, r"group is 2; a depthwise"),
        (
            "Permute",
            [IMAGE],
            {"order": (0, 4)},
            r"order is \[0, 4\]; give different axes from 0 to",
        ),
        ("Permute", [IMAGE], {"order": (1, 1)}, r"order is \[1, 1\]; give different axes"),
        ("Normalize", [(2,)], {}, r"reads \(2,\); it needs \(batch, channels, height, width\)"),
        ("Upsample", [IMAGE], {"scale": 0}, r"scale is 0; give a whole number above 0"),
        ("Interp", [IMAGE], {}, r"has no size; give height and width, zoom_factor or shrink"),
        ("Interp", [IMAGE], {"height": 5}, r"has no size"),
        ("Interp", [IMAGE], {"height": 0, "width": 5}, r"height is 0; give a whole number above 0"),
        ("Interp", [IMAGE], {"zoom_factor": 0}, r"zoom_factor is 0; give a whole number above"),
        ("Interp", [IMAGE], {"zoom_factor": 2, "pad_beg": 1}, r"pad_beg is 1 .* it can only crop"),
        ("Interp", [IMAGE], {"zoom_factor": 2, "pad_end": -4}, r"its pads leave nothing"),
        ("Reorg", [IMAGE], {"stride": 4}, r"with stride 4; 16 must divide the channels, and 4"),
        ("Reorg", [(2, 4, 3, 4)], {"stride": 2}, r"with stride 2; 4 must divide the channels"),
        ("ShuffleChannel", [IMAGE], {"group": 3}, r"reads 8 channels; group 3 does not divide"),
        ("Axpy", [(2, 7), IMAGE, IMAGE], {}, r"give \(n, c\) and two blobs \(n, c, ...\)"),
        ("Axpy", [(2, 8), IMAGE, (2, 8, 6, 5)], {}, r"give \(n, c\) and two blobs"),
    ],
)
def test_what_the_forks_refuse(type, bottoms, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(type, *bottoms, **args)
