"""A .caffemodel as Python data: layers with arguments under Caffe's names and arrays of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.caffe.blobs import LONGEST_SIDE, read_blob
from deelish.caffe.codec import Span, decode
from deelish.caffe.opening import open_source
from deelish.caffe.parameters import PARAMETERS
from deelish.caffe.schema import LAYER, NET, V1_LAYER
from deelish.caffe.wire import Source
from deelish.errors import CaffeError

Inputs = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class CaffeLayer:
    """One layer of a file, its type under today's name.

    Attributes:
        include, exclude: the rules for when it exists, each a dict of phase, min_level, max_level,
            stage and not_stage.
        args: the fields of its type's parameter that the file sets; enums as words, fillers as
            dicts. Empty for types that the schema does not have.
        blobs: its weights, float32, read-only, in the file's own shapes.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    include: list[dict[str, Any]]
    exclude: list[dict[str, Any]]
    args: dict[str, Any]
    blobs: list[np.ndarray]

    @property
    def label(self) -> str:
        """How errors call it."""
        return f"layer {self.name!r} ({self.type})"

    def runs_in(self, phase: str) -> bool:
        """Whether its rules let it exist in a phase, at level 0 and in no stage."""
        if self.include:
            return any(_meets(rule, phase) for rule in self.include)
        return not any(_meets(rule, phase) for rule in self.exclude)


@dataclass(frozen=True)
class CaffeNet:
    """What a .caffemodel holds.

    Attributes:
        inputs: shape by blob name, from Input layers and from the net's own input fields; () where
            the file gives none.
        note: the text that deelish wrote into its own files, None in others.
    """

    path: str
    name: str
    layers: list[CaffeLayer]
    inputs: Inputs
    note: str | None


def read_net(path: str | Path) -> CaffeNet:
    """Read a .caffemodel of the current or the V1 format without copying its weights.

    Raises:
        CaffeError: the file is missing, damaged or of another format; it names file, layer, byte.
    """
    source = open_source(path)
    net = decode(source, 0, len(source.data), NET)
    if "layer" in net and "layers" in net:
        raise source.error(0, "it mixes `layer` and `layers`", "save it anew with one Caffe")
    spans: Sequence[Span] = net.get("layer") or net.get("layers") or ()
    if not spans:
        raise source.error(0, "it holds no layer", "give the .caffemodel of a network")
    layers = []
    for index, span in enumerate(spans):
        source.where = f"layer number {index + 1}"
        layers.append(_layer(source, span, v1="layers" in net))
    source.where = ""
    inputs = _net_inputs(source, net)
    for layer in layers:
        if layer.type == "Input":
            shapes = layer.args.get("shape", [])
            inputs |= _inputs(source, layer.tops, [shape.get("dim", []) for shape in shapes])
    return CaffeNet(source.path, net.get("name", ""), layers, inputs, net.get("note"))


def weights_of(net: CaffeNet) -> dict[str, list[np.ndarray]]:
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


def _layer(source: Source, span: Span, v1: bool) -> CaffeLayer:
    _, start, stop = span
    found = decode(source, start, stop, V1_LAYER if v1 else LAYER)
    if v1 and "layer" in found:
        raise source.error(
            start,
            "it is of the V0 format of 2013, which deelish does not read yet",
            "convert it with Caffe's upgrade_net_proto_binary",
        )
    for key in ("name", "type"):
        if not found.get(key):
            raise source.error(start, f"it has no {key}")
    source.where = f"layer {found['name']!r}"
    if not isinstance(found["type"], str):
        raise source.error(start, f"its type is {found['type']}, a number that Caffe never had")
    if found.get("include") and found.get("exclude"):
        raise source.error(start, "it has both include and exclude rules", "keep one of the two")
    parameter = PARAMETERS.get(found["type"])
    return CaffeLayer(
        name=found["name"],
        type=found["type"],
        bottoms=tuple(found.get("bottom", ())),
        tops=tuple(found.get("top", ())),
        include=found.get("include", []),
        exclude=found.get("exclude", []),
        args=found.get(parameter.name, {}) if parameter else {},
        blobs=[read_blob(source, start, stop) for _, start, stop in found.get("blobs", ())],
    )


def _meets(rule: dict[str, Any], phase: str) -> bool:
    return (
        rule.get("phase", phase) == phase
        and rule.get("min_level", 0) <= 0 <= rule.get("max_level", 0)
        and not rule.get("stage")
    )


def _net_inputs(source: Source, net: dict[str, Any]) -> Inputs:
    """The inputs of old nets: `input` with `input_shape`, or with four `input_dim` each."""
    names, sides = net.get("input", []), net.get("input_dim", [])
    if sides and len(sides) != 4 * len(names):
        raise source.error(
            0,
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
            0, f"it has {len(shapes)} shapes for {len(names)} inputs", "give one shape for each"
        )
    for name, shape in zip(names, shapes, strict=True):
        if not all(0 < side <= LONGEST_SIDE for side in shape):
            raise source.error(0, f"input {name!r} has the shape {list(shape)}")
    return {name: tuple(shape) for name, shape in zip(names, shapes, strict=True)}
