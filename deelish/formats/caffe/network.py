"""A net that Caffe wrote as a plan with its weights: from a .caffemodel, a .prototxt, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deelish.errors import CaffeError, DeelishError, FileError, PlanError
from deelish.formats.caffe.codec import UNPRINTABLE
from deelish.formats.caffe.hdf5 import read_weights
from deelish.formats.caffe.mean import read_mean
from deelish.formats.caffe.read import Inputs, ParsedNet, read_definition, read_net, weights_of
from deelish.formats.caffe.rows import (
    TransformParameters,
    feed_shapes,
    rows_of,
    transform_parameters,
)
from deelish.formats.match import Allowed, Loaded, match
from deelish.formats.saved_network import StoredWeights
from deelish.plan.layer import Layer
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing

# What most nets trained on ImageNet subtract, in BGR; a Caffe file often does not state its own.
IMAGENET_MEAN = (104.0, 117.0, 123.0)
# No error is longer, whatever a file calls its layers.
LONGEST_ERROR = 2000
# Nets that do not say their size are cut from images of 256 pixels, as Caffe's examples do.
WHOLE_SIDE = 256


@dataclass(frozen=True)
class NetOptions:
    """What the user asks of a net beside its files; None where nothing is asked.

    Attributes:
        outputs: the number of classes; another than the file's re-initialises the last layer.
        size: side of the images; another than the file's where the weights allow it.
        mean: one number, one a channel, or the path of a .binaryproto.
        pixels: order, scale and crop of `Preprocessing`.
        level, stages: of the net, for layers with rules.
        allowed: what the weights may be in spite of.
    """

    outputs: int | None = None
    size: int | None = None
    mean: float | Sequence[float] | str | Path | None = None
    pixels: dict[str, Any] = field(default_factory=dict)
    level: int = 0
    stages: tuple[str, ...] = ()
    allowed: Allowed = field(default_factory=lambda: Allowed(extra=True))


@dataclass(frozen=True)
class OpenedNet:
    """A net of Caffe, ready to be run."""

    plan: Plan
    loaded: Loaded
    preprocessing: Preprocessing


def open_net(weights: Path | None, definition: Path | None, options: NetOptions) -> OpenedNet:
    """The network that a Caffe file holds, or that a .prototxt defines and a file fills.

    Raises:
        CaffeError: a file is damaged, of another format, or uses what deelish does not know.
        FileError: the weights do not fit the net.
    """
    try:
        return _opened(weights, definition, options)
    except DeelishError as error:
        raise _in_one_line(error, definition or weights) from None


def _in_one_line(error: DeelishError, path: Path | None) -> DeelishError:
    """The error as a short line that names a file: names in files may be long, or hold anything."""
    text = UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], str(error))
    if isinstance(error, CaffeError | FileError):
        kind: type[DeelishError] = type(error)
    else:
        kind, text = CaffeError, f"{path}: {text}"
    if len(text) > LONGEST_ERROR:
        text = f"{text[: LONGEST_ERROR // 2]} ... {text[-LONGEST_ERROR // 2 :]}"
    return kind(text)


def _opened(weights: Path | None, definition: Path | None, options: NetOptions) -> OpenedNet:
    if definition is not None:
        net = read_definition(definition)
    elif weights is not None:
        net = read_net(weights)
    else:
        raise CaffeError("neither a .caffemodel nor a .prototxt is given; give one, or both")
    plan = _plan(net, options)
    loaded = Loaded({}, set(plan.weights))
    if weights is not None:
        arrays = weights_of(net) if definition is None else read_weights(weights)
        loaded = match(plan, weights, StoredWeights(arrays), options.allowed)
    return OpenedNet(plan, loaded, _preprocessing(plan, net, options, loaded.notices))


def _plan(net: ParsedNet, options: NetOptions) -> Plan:
    rows, inputs = rows_of(net, feed_shapes(net, options.size), options.level, options.stages)
    name = net.name or Path(net.path).stem
    try:
        plan = Plan(rows, inputs, name)
        if options.size is not None:
            plan = Plan(plan.layers, _resized(plan, options.size), name)
        if options.outputs is not None and options.outputs != plan.classes:
            plan = Plan(_with_outputs(plan, options.outputs), plan.inputs, name)
    except PlanError as error:
        raise CaffeError(f"{net.path}: {error}") from None
    return plan


def _resized(plan: Plan, size: int) -> Inputs:
    shape = plan.inputs.get(plan.data, ())
    if len(shape) != 4:
        raise PlanError(f"its input {plan.data!r} is {shape}, no image; leave in_size out")
    return {**plan.inputs, plan.data: (*shape[:2], size, size)}


def _with_outputs(plan: Plan, outputs: int) -> list[Layer]:
    """The rows with a last layer of other outputs."""
    name = plan.classifier(plan.logits)
    layer = plan.layer(name)
    if "num_output" not in layer.args:
        raise PlanError(
            f"{layer.label}: makes {plan.classes} scores and has no num_output to change to"
            f" {outputs}; leave outputs= and labels= out"
        )
    # Its learning rate may have been 0; a new layer is trainable.
    new = Layer(
        name,
        layer.type,
        layer.bottoms,
        layer.tops,
        layer.phase,
        **{**layer.args, "num_output": outputs},
    )
    return [new if row is layer else row for row in plan.layers]


def _preprocessing(
    plan: Plan, net: ParsedNet, options: NetOptions, said: list[str]
) -> Preprocessing:
    """The pixels that the net takes: what the user gives, else the file, else ImageNet's."""
    shape = plan.inputs.get(plan.data, ())
    size = shape[-1] if len(shape) == 4 else options.size or 1
    stated = transform_parameters(net)
    grey = len(shape) == 4 and shape[1] == 1
    chosen: dict[str, Any] = {
        "order": "L" if grey else "BGR",
        "mean": _mean(options, stated, grey, said),
        "scale": 1.0 if stated.scale is None else stated.scale,
        "crop": min(1.0, size / WHOLE_SIDE) if size in (224, 227) else 7 / 8,
    }
    return Preprocessing(size, **{**chosen, **options.pixels})


def _mean(
    options: NetOptions, stated: TransformParameters, grey: bool, said: list[str]
) -> tuple[float, ...]:
    mean = options.mean
    if isinstance(mean, str | Path):
        image = read_mean(mean)
        means = tuple(round(float(value), 4) for value in image.mean((1, 2), np.float64))
        sides = " x ".join(map(str, image.shape))
        said.append(f"{mean}: {sides}, its mean of each channel is taken: {means}")
        return means
    if mean is not None:
        return (float(mean),) if isinstance(mean, int | float) else tuple(map(float, mean))
    if stated.mean is not None:
        return stated.mean
    if grey:
        return (0.0,)
    said.append(f"the file does not state its mean; {IMAGENET_MEAN} of ImageNet is taken")
    return IMAGENET_MEAN
