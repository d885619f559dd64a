"""A Caffe net as Python data: layers with arguments under Caffe's names and arrays of weights.

The three formats of layers are brought to today's fields first, then read by one function.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deelish.errors import CaffeError
from deelish.formats.caffe.blobs import blob_of, read_blob
from deelish.formats.caffe.codec import Found, Span, check_names, decode, decode_parts, plain
from deelish.formats.caffe.opening import open_source
from deelish.formats.caffe.parameters import PARAMETERS, TYPE_PARAMETERS
from deelish.formats.caffe.schema import LINE, NET
from deelish.formats.caffe.text import read_text
from deelish.formats.caffe.upgrade import layers_today
from deelish.formats.caffe.wire import Source, TextSource
from deelish.plan.shapes import LONGEST_SIDE, MOST_AXES

Inputs = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class CaffeLayer:
    """One layer of a file, under today's names whatever the file's format.

    Attributes:
        include, exclude: the rules for when it exists, each a dict of phase, min_level, max_level,
            stage and not_stage.
        args: the fields that the file sets of the parameters in `TYPE_PARAMETERS`; enums as words,
            fillers as dicts. Empty for types that the table does not have.
        blobs: its weights, float32, read-only, in the file's own shapes.
        param: for each blob a dict of name, share_mode, lr_mult and decay_mult, where set.
        loss_weight: for each top its weight in the objective, where set.
        line: where it begins in a text file, from 1; None in a binary one.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    include: list[dict[str, Any]]
    exclude: list[dict[str, Any]]
    args: dict[str, Any]
    blobs: list[np.ndarray]
    param: list[dict[str, Any]] = field(default_factory=list)
    loss_weight: list[float] = field(default_factory=list)
    line: int | None = None

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"layer {self.name!r} ({plain(self.type)})"

    def runs_in(self, phase: str, level: int = 0, stages: Collection[str] = ()) -> bool:
        """Whether its rules let it exist: one include rule is met, or no exclude rule."""
        if self.include:
            return any(_meets(rule, phase, level, stages) for rule in self.include)
        return not any(_meets(rule, phase, level, stages) for rule in self.exclude)


class State(NamedTuple):
    """What a net says of its own state; the phase is the caller's."""

    level: int = 0
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParsedNet:
    """What a Caffe file holds.

    Attributes:
        inputs: shape by blob name, from Input layers and from the net's own input fields; () where
            the file gives none.
        note: the text that deelish wrote into its own files, None in others.
        state: level and stages, for `CaffeLayer.runs_in`.
    """

    path: str
    name: str
    layers: list[CaffeLayer]
    inputs: Inputs
    note: str | None
    state: State = field(default_factory=State)


def read_net(path: str | Path) -> ParsedNet:
    """Read a binary .caffemodel of the current, the V1 or the V0 format, its weights not copied.

    Raises:
        CaffeError: the file is missing, damaged or of another format; it names file, layer, byte.
    """
    source = open_source(path)
    return _net(source, decode(source, 0, len(source.data), NET))


def read_definition(path: str | Path) -> ParsedNet:
    """Read a .prototxt, of any of the three formats: the same net, mostly without weights.

    Raises:
        CaffeError: the file is missing or is no net in text; it names file, layer, line.
    """
    return _net(TextSource(str(path)), read_text(path))


def weights_of(net: ParsedNet) -> dict[str, list[np.ndarray]]:
    """The blobs by layer name, layers without blobs left out.

    Raises:
        CaffeError: two layers with blobs have one name.
    """
    weights: dict[str, list[np.ndarray]] = {}
    for layer in net.layers:
        if layer.blobs and layer.name in weights:
            raise CaffeError(
                f"{net.path}: {layer.label}: two layers of this name have weights, which Caffe"
                " would load one over the other; rename one of them"
            )
        if layer.blobs:
            weights[layer.name] = layer.blobs
    return weights


def _net(source: Source, net: dict[str, Any]) -> ParsedNet:
    layers = []
    for number, found in enumerate(layers_today(source, net), 1):
        source.where = f"layer number {number}"
        layers.append(_layer(source, found))
    source.where = ""
    inputs = _net_inputs(source, net)
    for layer in layers:
        if layer.type == "Input":
            shapes = layer.args.get("shape", [])
            inputs |= _inputs(source, layer.tops, [shape.get("dim", []) for shape in shapes])
    own = net.get("state", {})
    state = State(own.get("level", 0), tuple(own.get("stage", ())))
    return ParsedNet(source.path, net.get("name", ""), layers, inputs, net.get("note"), state)


def _layer(source: Source, found: Found) -> CaffeLayer:
    at, values = found
    _check(source, at, values)
    args: dict[str, Any] = {}
    for name in TYPE_PARAMETERS.get(values["type"], ()):
        if name in values:
            args = decode_parts(source, values[name], PARAMETERS[name].message) | args
    return CaffeLayer(
        name=values["name"],
        type=values["type"],
        bottoms=tuple(values.get("bottom", ())),
        tops=tuple(values.get("top", ())),
        include=values.get("include", []),
        exclude=values.get("exclude", []),
        args=args,
        blobs=[_blob(source, at, blob) for blob in values.get("blobs", ())],
        param=_param(values),
        loss_weight=values.get("loss_weight", []),
        line=values.get(LINE),
    )


def _check(source: Source, place: int, values: dict[str, Any]) -> None:
    for key in ("name", "type"):
        if not values.get(key):
            raise source.error(place, f"it has no {key}")
    name, type = values["name"], values["type"]
    check_names(source, place, (name, *values.get("bottom", ()), *values.get("top", ())))
    source.where = f"layer {name!r}"
    if not isinstance(type, str):
        raise source.error(place, f"its type is {type}, a number that Caffe never had")
    check_names(source, place, (type,))
    if values.get("include") and values.get("exclude"):
        raise source.error(place, "it has both include and exclude rules", "keep one of the two")


def _blob(source: Source, place: int, blob: Span | dict[str, Any]) -> np.ndarray:
    if isinstance(blob, dict):
        return blob_of(source, place, blob)
    return read_blob(source, *blob[1:])


def _param(values: dict[str, Any]) -> list[dict[str, Any]]:
    """As the file has them, but a BatchNorm's three are never trained: Caffe holds them so, too."""
    specs: list[dict[str, Any]] = values.get("param", [])
    if values["type"] == "BatchNorm" and len(specs) == 3:
        return [spec | {"lr_mult": 0.0, "decay_mult": 0.0} for spec in specs]
    return specs


def _meets(rule: dict[str, Any], phase: str, level: int, stages: Collection[str]) -> bool:
    return (
        rule.get("phase", phase) == phase
        and rule.get("min_level", level) <= level <= rule.get("max_level", level)
        and all(stage in stages for stage in rule.get("stage", ()))
        and not any(stage in stages for stage in rule.get("not_stage", ()))
    )


def _net_inputs(source: Source, net: dict[str, Any]) -> Inputs:
    """The inputs of old nets: `input` with `input_shape`, or with four `input_dim` each."""
    names, sides = net.get("input", []), net.get("input_dim", [])
    if sides and len(sides) != 4 * len(names):
        raise source.error(
            source.first,
            f"it has {len(sides)} input_dim for {len(names)} input",
            "give four for each input",
        )
    shapes = [shape.get("dim", []) for shape in net.get("input_shape", [])]
    fours = [sides[index : index + 4] for index in range(0, len(sides), 4)]
    return _inputs(source, names, fours or shapes)


def _inputs(source: Source, names: Sequence[str], shapes: Sequence[Sequence[int]]) -> Inputs:
    """Shape by name; one shape serves all names, none leaves them open."""
    if len(shapes) <= 1:
        shapes = [shapes[0] if shapes else ()] * len(names)
    if len(shapes) != len(names):
        raise source.error(
            source.first,
            f"it has {len(shapes)} shapes for {len(names)} inputs",
            "give one shape for each",
        )
    for name, shape in zip(names, shapes, strict=True):
        if len(shape) > MOST_AXES:
            raise source.error(source.first, f"input {name[:40]!r} has {len(shape):,} axes")
        if not all(0 < side <= LONGEST_SIDE for side in shape):
            raise source.error(source.first, f"input {name[:40]!r} has the shape {list(shape)}")
    return {name: tuple(shape) for name, shape in zip(names, shapes, strict=True)}
