"""Rules of Convolution, Deconvolution and Im2col: shapes, weights, refusals."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError

IMAGE = (2, 6, 13, 17)


@pytest.mark.parametrize(
    ("shape", "args", "made", "weight"),
    [
        # Out of Caffe's own nets conv and conv_nd.
        (IMAGE, {"num_output": 12, "kernel_size": 3, "pad": 1}, (2, 12, 13, 17), (12, 6, 3, 3)),
        (
            IMAGE,
            {"num_output": 12, "group": 3, "kernel_size": (5, 3), "stride": (2, 1), "pad": (2, 0)},
            (2, 12, 7, 15),
            (12, 2, 5, 3),
        ),
        (
            (2, 12, 13, 17),
            {"num_output": 4, "kernel_size": (3, 2), "stride": (2, 3), "pad": (3, 1)}
            | {"dilation": (1, 2)},
            (2, 4, 9, 6),
            (4, 12, 3, 2),
        ),
        ((2, 5, 11), {"num_output": 6, "kernel_size": 3, "pad": 1}, (2, 6, 11), (6, 5, 3)),
        (
            (2, 3, 5, 7, 6),
            {"num_output": 4, "kernel_size": (3, 1, 2)},
            (2, 4, 3, 7, 5),
            (4, 3, 3, 1, 2),
        ),
        # The axes before the channels are all batch.
        (
            (2, 2, 3, 8, 8),
            {"num_output": 4, "kernel_size": 3, "axis": 2},
            (2, 2, 4, 6, 6),
            (4, 3, 3, 3),
        ),
        (
            (2, 2, 3, 8, 8),
            {"num_output": 4, "kernel_size": 3, "axis": -3},
            (2, 2, 4, 6, 6),
            (4, 3, 3, 3),
        ),
        ((3, 8, 8), {"num_output": 4, "kernel_size": 3, "axis": 0}, (4, 6, 6), (4, 3, 3, 3)),
    ],
)
def test_convolution(shape, args, made, weight):
    assert shapes("Convolution", shape, **args) == [made]
    arrays = weights("Convolution", shape, **args)
    assert list(arrays) == ["weight", "bias"]
    assert arrays["weight"] == (weight, "msra", True)
    assert arrays["bias"] == ((args["num_output"],), 0.0, True)


def test_several_bottoms_go_through_the_same_weights():
    args = {"num_output": 5, "kernel_size": 3}
    bottoms = [(2, 4, 9, 9)] * 3
    assert shapes("Convolution", *bottoms, tops=3, **args) == [(2, 5, 7, 7)] * 3
    assert weights("Convolution", *bottoms, **args)["weight"][0] == (5, 4, 3, 3)


@pytest.mark.parametrize(
    ("shape", "args", "made", "weight"),
    [
        # Out of Caffe's own nets deconv and conv_nd.
        (
            (2, 4, 5, 7),
            {"num_output": 4, "group": 4, "kernel_size": 4, "stride": 2, "pad": 1},
            (2, 4, 10, 14),
            (4, 1, 4, 4),
        ),
        (
            (2, 4, 5, 7),
            {"num_output": 6, "group": 2, "kernel_size": (3, 2), "stride": (2, 1), "pad": (1, 0)},
            (2, 6, 9, 8),
            (4, 3, 3, 2),
        ),
        (
            (2, 6, 9, 8),
            {"num_output": 3, "kernel_size": 3, "dilation": 2, "pad": 1},
            (2, 3, 11, 10),
            (6, 3, 3, 3),
        ),
        (
            (2, 4, 5, 7, 6),
            {"num_output": 2, "kernel_size": 2, "stride": 2},
            (2, 2, 10, 14, 12),
            (4, 2, 2, 2, 2),
        ),
    ],
)
def test_deconvolution(shape, args, made, weight):
    assert shapes("Deconvolution", shape, **args) == [made]
    assert weights("Deconvolution", shape, **args)["weight"][0] == weight


def test_im2col():
    args = {"kernel_size": 3, "stride": 2, "pad": 1}
    assert shapes("Im2col", (2, 3, 9, 8), **args) == [(2, 27, 5, 4)]
    assert shapes("Im2col", (2, 3, 9), kernel_size=2) == [(2, 6, 8)]


CONV = {"num_output": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "words"),
    [
        (
            "Convolution",
            [IMAGE],
            CONV | {"axis": 5},
            r"axis is 5; give a whole number from -4 to 3",
        ),
        ("Convolution", [(2, 6)], CONV, r"has 0 axes after axis 1, its channels; .* 1, 2 or 3"),
        ("Convolution", [(1, 2, 3, 4, 5, 6)], CONV, r"has 4 axes after axis 1"),
        ("Convolution", [IMAGE], CONV | {"stride": 0}, r"stride is 0; it must be at least 1"),
        ("Convolution", [IMAGE], CONV | {"pad": (1, -1)}, r"pad is 1, -1; it must be at least 0"),
        ("Convolution", [IMAGE], CONV | {"dilation": 0}, r"dilation is 0; it must be at least 1"),
        (
            "Convolution",
            [IMAGE],
            CONV | {"stride": (1, 2, 3)},
            r"\(1, 2, 3\) is no whole number; give stride as one or 2 of them",
        ),
        ("Convolution", [IMAGE], CONV | {"pad": 0.5}, r"0\.5 is no whole number; give pad as one"),
        ("Convolution", [IMAGE], CONV | {"group": 0}, r"group is 0; give a whole number above 0"),
        (
            "Convolution",
            [IMAGE],
            CONV | {"group": 3},
            r"6 channels in and num_output 4 do not divide into group 3",
        ),
        (
            "Convolution",
            [(1, 3, 4, 4)],
            CONV | {"dilation": 2},
            r"its kernel of 3 does not fit a side of 4",
        ),
        (
            "Convolution",
            [IMAGE, (2, 6, 13, 16)],
            CONV,
            r"reads \(2, 6, 13, 17\) and \(2, 6, 13, 16\); several bottoms are of one shape",
        ),
        ("Convolution", [IMAGE, IMAGE], CONV, r"reads 2 blobs and makes 1; give one top a bottom"),
        (
            "Deconvolution",
            [(1, 3, 2, 2)],
            CONV | {"pad": 2},
            r"its pad of 2 leaves nothing of a side of 2",
        ),
        ("Im2col", [(2, 3)], {"kernel_size": 3}, r"has 0 axes after axis 1"),
    ],
)
def test_what_caffe_refuses(type, bottoms, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(type, *bottoms, **args)
