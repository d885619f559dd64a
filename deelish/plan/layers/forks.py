"""Kinds that BVLC Caffe lacks and well-known forks have. Each says which fork it follows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deelish.errors import PlanError
from deelish.plan.kind import MANY, REQUIRED, Blob, Blobs, LayerKind
from deelish.plan.layers.convolution import CONVOLUTION, convolution, convolution_weights
from deelish.plan.shapes import Args, Shape, axis_of, image, listed
from deelish.plan.weights import products_by_tops


def depthwise(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """`convolution` with one group a channel (MobileNet's forks).

    DepthwiseConvolution (yonghenglh6) requires `group` in the file, ConvolutionDepthwise (sp2823)
    has it implied; both make as many channels as they read.
    """
    channels = bottoms[0][axis_of(args["axis"], len(bottoms[0]))]
    for key in ("num_output", "group"):
        if args[key] not in (channels, None):
            raise PlanError(
                f"{key} is {args[key]!r}; a depthwise layer has its {channels} channels"
            )
    return convolution({**args, "group": channels}, bottoms, tops)


def depthwise_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight (c, 1, kernel...) and bias (c)."""
    return convolution_weights({**args, "group": args["num_output"]}, bottoms)


def permuted(order: Sequence[int], axes: int) -> list[int]:
    """The axes in a new order; those that `order` leaves out follow, as they stood."""
    return [*order, *(axis for axis in range(axes) if axis not in order)]


def permute(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Axes in another order, as in SSD's fork (permute_layer.cpp)."""
    shape, order = bottoms[0], args["order"]
    if len(set(order)) < len(order) or any(not 0 <= axis < len(shape) for axis in order):
        raise PlanError(f"order is {list(order)}; give different axes from 0 to {len(shape) - 1}")
    return [tuple(shape[axis] for axis in permuted(order, len(shape)))]


def normalize(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, ...), unchanged: vectors of length 1, then scaled (SSD's fork)."""
    if not 2 <= len(bottoms[0]) <= 4:
        raise PlanError(f"reads {bottoms[0]}; it needs (batch, channels, height, width)")
    return [bottoms[0]]


def normalize_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight: one number of no axis with `channel_shared`, else (c)."""
    shape = () if args["channel_shared"] else (bottoms[0][1],)
    return {"weight": Blob(shape, args["scale_filler"])}


def upsample(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c, scale h, scale w), each pixel repeated.

    As the forks for YOLOv3 have it. SegNet's layer of this name reads a mask as a second bottom
    and is another.
    """
    n, c, h, w = image(bottoms[0])
    scale = _whole_above_0(args, "scale")
    return [(n, c, h * scale, w * scale)]


def cropped(args: Args, sides: Sequence[int]) -> list[int]:
    """What Interp leaves of each side before it interpolates; its pads are 0 or less."""
    if args["pad_beg"] > 0 or args["pad_end"] > 0:
        raise PlanError(
            f"pad_beg is {args['pad_beg']} and pad_end {args['pad_end']}; it can only crop, by 0 or"
            " less"
        )
    return [side + args["pad_beg"] + args["pad_end"] for side in sides]


def interp(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c, height, width), or by factors, as DeepLab's and PSPNet's forks.

    One factor alone comes before `height` and `width`, these before both factors, of which the
    file's shrink comes before its zoom (interp_layer.cpp).
    """
    n, c, *sides = image(bottoms[0])
    sides = cropped(args, sides)
    if min(sides) < 1:
        raise PlanError(f"reads {bottoms[0]}, of which its pads leave nothing; crop less")
    shrinks, zooms = args["shrink_factor"] is not None, args["zoom_factor"] is not None
    if shrinks == zooms and None not in (args["height"], args["width"]):
        return [(n, c, _whole_above_0(args, "height"), _whole_above_0(args, "width"))]
    if not shrinks and not zooms:
        raise PlanError("has no size; give height and width, zoom_factor or shrink_factor")
    shrink = _whole_above_0(args, "shrink_factor") if shrinks else 1
    zoom = _whole_above_0(args, "zoom_factor") if zooms else 1
    return [(n, c, *((side - 1) // shrink * zoom + 1 for side in sides))]


def reorg(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c stride^2, h / stride, w / stride); with `reverse` the other way."""
    n, c, h, w = image(bottoms[0])
    stride = _whole_above_0(args, "stride")
    if c % stride**2 or (not args["reverse"] and (h % stride or w % stride)):
        raise PlanError(
            f"reads {bottoms[0]} with stride {stride}; {stride**2} must divide the channels, and"
            f" {stride} the sides"
        )
    if args["reverse"]:
        return [(n, c // stride**2, h * stride, w * stride)]
    return [(n, c * stride**2, h // stride, w // stride)]


def shuffle_channel(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w), unchanged; its channels dealt out by groups (ShuffleNet's fork)."""
    if image(bottoms[0])[1] % _whole_above_0(args, "group"):
        raise PlanError(f"reads {bottoms[0][1]} channels; group {args['group']} does not divide it")
    return [bottoms[0]]


def axpy(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """A factor (n, c) or (n, c, 1, 1), x and y of one shape -> factor * x + y (SENet's fork)."""
    factor, x, y = bottoms
    if x != y or factor[:2] != x[:2] or len(factor) not in (2, 4) or math.prod(factor[2:]) != 1:
        raise PlanError(f"reads {listed(bottoms)}; give (n, c) and two blobs (n, c, ...)")
    return [x]


def _whole_above_0(args: Args, name: str) -> int:
    value = args[name]
    if not isinstance(value, int) or value < 1:
        raise PlanError(f"{name} is {value!r}; give a whole number above 0")
    return value


def reorg_order(args: Args, shape: Shape) -> tuple[Shape, Shape, Shape]:
    """How Reorg moves pixels: reshape to the first, permute by the second, reshape to the third.

    Darknet's order, which the weights of YOLOv2 are trained with: channels go by the place in a
    block of stride x stride pixels, then by their old order. Forwards it reads the input's memory
    as if that had a stride^2-th of the channels on sides stride times as long, so that it is no
    inverse of `reverse` (reorg_layer.cpp of the YOLOv2 forks).
    """
    n, c, h, w = shape
    s = args["stride"]
    thin = c // s**2
    if args["reverse"]:
        return (n, s, s, thin, h, w), (0, 3, 4, 1, 5, 2), (n, thin, h * s, w * s)
    return (n, thin, h, s, w, s), (0, 3, 5, 1, 2, 4), (n, c * s**2, h // s, w // s)


_DEPTHWISE = LayerKind(
    {**CONVOLUTION, "group": None},
    depthwise,
    depthwise_weights,
    bottoms=(1, MANY),
    tops=(1, MANY),
    products=products_by_tops,
)

KINDS = {
    "DepthwiseConvolution": _DEPTHWISE,
    "ConvolutionDepthwise": _DEPTHWISE,
    "Permute": LayerKind({"order": ()}, permute),
    "Normalize": LayerKind(
        {"across_spatial": True, "scale_filler": 1.0, "channel_shared": True, "eps": 1e-10},
        normalize,
        normalize_weights,
    ),
    "ReLU6": LayerKind({}, in_place=True),
    "Upsample": LayerKind({"scale": 1}, upsample),
    "Interp": LayerKind(
        {"height": None, "width": None, "zoom_factor": None, "shrink_factor": None}
        | {"pad_beg": 0, "pad_end": 0},
        interp,
    ),
    "Reorg": LayerKind({"stride": REQUIRED, "reverse": False}, reorg),
    "ShuffleChannel": LayerKind({"group": 1}, shuffle_channel),
    "Axpy": LayerKind({}, axpy, bottoms=(3, 3)),
}
