"""Kinds that normalise, scale and shift: BatchNorm, Scale, Bias, MVN, LRN."""

from __future__ import annotations

from collections.abc import Sequence

from deelish.errors import PlanError
from deelish.plan.kind import Blob, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of, image, listed


def batch_norm(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, ...) -> the same."""
    if len(bottoms[0]) < 2:
        raise PlanError(f"reads {bottoms[0]}; it needs (batch, channels, ...)")
    return [bottoms[0]]


def batch_norm_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """Sums of mean and variance (c), and the factor (1) that both are divided by."""
    c = bottoms[0][1]
    return {
        "mean": Blob((c,), 0.0, trainable=False),
        "variance": Blob((c,), 0.0, trainable=False),
        "factor": Blob((1,), 0.0, trainable=False),
    }


def along(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scale and Bias: any shape -> the same."""
    _covered(args, bottoms)
    return [bottoms[0]]


def scale_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight, unless a second bottom takes its place, and bias where bias_term is set."""
    shape = _covered(args, bottoms)
    weight = {"weight": Blob(shape, args["filler"])} if len(bottoms) == 1 else {}
    return weight | ({"bias": Blob(shape, args["bias_filler"])} if args["bias_term"] else {})


def bias_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """bias, unless a second bottom takes its place."""
    shape = _covered(args, bottoms)
    return {"bias": Blob(shape, args["filler"])} if len(bottoms) == 1 else {}


def _covered(args: Args, bottoms: Sequence[Shape]) -> Shape:
    """The sides of the first bottom, from `axis` on, that have a factor or a bias of their own.

    With a second bottom it has these sides, and `num_axes` says nothing; () is one for all.
    """
    whole = bottoms[0]
    if () in bottoms[1:]:
        return ()
    axis = axis_of(args["axis"], len(whole))
    if len(bottoms) == 2:
        if whole[axis : axis + len(bottoms[1])] != bottoms[1]:
            raise PlanError(
                f"reads {listed(bottoms)}; the second must have the sides of the first from axis"
                f" {axis} on"
            )
        return bottoms[1]
    count = args["num_axes"]
    if count < -1 or axis + count > len(whole):
        raise PlanError(
            f"reads {whole} with axis {args['axis']} and num_axes {count}; give num_axes from 0 to"
            f" {len(whole) - axis}, or -1 for all from axis on"
        )
    return whole[axis:] if count == -1 else whole[axis : axis + count]


def mvn(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> the same; of fewer axes, Caffe appends ones."""
    shape = bottoms[0]
    if len(shape) > 4:
        raise PlanError(f"reads {shape}; it needs (batch, channels, height, width)")
    return [(*shape, *(1 for _ in range(4 - len(shape))))]


def lrn(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w), unchanged; Caffe requires an odd local_size."""
    size = args["local_size"]
    if not isinstance(size, int) or size < 1 or size % 2 == 0:
        raise PlanError(f"local_size is {size!r}; give an odd number")
    return [image(bottoms[0])]


_STRETCH = {"axis": 1, "num_axes": 1}

KINDS = {
    "BatchNorm": LayerKind(
        {"use_global_stats": None, "moving_average_fraction": 0.999, "eps": 1e-5},
        batch_norm,
        batch_norm_weights,
    ),
    "Scale": LayerKind(
        {**_STRETCH, "bias_term": False, "filler": 1.0, "bias_filler": 0.0},
        along,
        scale_weights,
        bottoms=(1, 2),
    ),
    "Bias": LayerKind({**_STRETCH, "filler": 0.0}, along, bias_weights, bottoms=(1, 2)),
    "MVN": LayerKind({"normalize_variance": True, "across_channels": False, "eps": 1e-9}, mvn),
    "LRN": LayerKind(
        {"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0, "norm_region": "ACROSS_CHANNELS"},
        lrn,
        choices={"norm_region": ("ACROSS_CHANNELS", "WITHIN_CHANNEL")},
    ),
}
