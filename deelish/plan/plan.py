"""A network as data: rows of named layers, checked and measured when the plan is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deelish.errors import PlanError
from deelish.plan.fill import filler_of
from deelish.plan.kinds import KINDS, REQUIRED, WORDS, Blobs
from deelish.plan.layer import Layer
from deelish.plan.shapes import Shape


class Plan:
    """Layers in order, the shape of every blob, the shape of every weight. Knows no engine.

    Attributes:
        name: what the network is called.
        inputs: shape of one input by blob name, batch first: ``{"data": (1, 3, 224, 224)}``.
        layers: the rows, with bottoms, tops and arguments in full.
        shapes: shape of every blob after the last layer that writes it, for a batch of one.
        weights: for each layer that has any, its `Blob` records by name.
        logits: the blob that holds the scores before the softmax.
        auxiliary: further blobs of scores, with the weight of each in a loss on labels.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        inputs: Mapping[str, Sequence[int]],
        name: str = "Network",
        logits: str | None = None,
        auxiliary: Mapping[str, float] | None = None,
    ) -> None:
        self.name = name
        self.inputs: dict[str, Shape] = {key: _shape(key, inputs[key]) for key in inputs}
        self.shapes: dict[str, Shape] = dict(self.inputs)
        self.weights: dict[str, Blobs] = {}
        self.layers: list[Layer] = []
        for layer in layers:
            self._add(layer)
        if not self.layers:
            raise PlanError(f"{name} has no layers; give it at least one")
        self.logits = self._blob(logits or self._default_logits(), "logits")
        self.auxiliary = {self._blob(key, "auxiliary"): w for key, w in (auxiliary or {}).items()}

    def _add(self, layer: Layer) -> None:
        kind = KINDS.get(layer.type)
        if kind is None:
            raise PlanError(f"{layer.label}: there is no such type; {nearest(layer.type, KINDS)}")
        if layer.name in {row.name for row in self.layers}:
            raise PlanError(f"{layer.label}: the name is taken already; give it another")
        if not layer.bottoms:
            previous = self.layers[-1].tops[0] if self.layers else next(iter(self.inputs))
            layer = _rewired(layer, bottoms=(previous,))
        for bottom in layer.bottoms:
            if bottom not in self.shapes:
                raise PlanError(
                    f"{layer.label}: reads {bottom!r}, which no layer before it makes;"
                    f" {nearest(bottom, self.shapes)}"
                )
        if not 1 <= len(layer.bottoms) <= kind.most_bottoms:
            raise PlanError(
                f"{layer.label}: reads {len(layer.bottoms)} blobs; it takes"
                f" {'one' if kind.most_bottoms == 1 else 'one or more'}"
            )
        tops = layer.tops or (layer.bottoms if kind.in_place else (layer.name,))
        self._wire(_rewired(layer, tops=tops, args=_complete(layer)))

    def _wire(self, layer: Layer) -> None:
        """Infer the shapes of a complete row and take it in."""
        kind = KINDS[layer.type]
        bottoms = [self.shapes[name] for name in layer.bottoms]
        try:
            tops = kind.shape(layer.args, bottoms)
            weights = kind.weights(layer.args, bottoms[0])
            for blob in weights.values():
                filler_of(blob.filler)
        except PlanError as error:
            raise PlanError(f"{layer.label}: {error}") from None
        except (IndexError, TypeError, ValueError):
            raise PlanError(
                f"{layer.label}: reads {bottoms[0]} with {dict(layer.args)}, which do not go"
                " together; look at the numbers of axes and the types of the arguments"
            ) from None
        if len(tops) != len(layer.tops):
            raise PlanError(
                f"{layer.label}: makes {len(tops)} blob, not {len(layer.tops)}; name as many tops"
            )
        for top, shape in zip(layer.tops, tops, strict=True):
            if top in self.shapes and top not in layer.bottoms:
                raise PlanError(f"{layer.label}: blob {top!r} is made already; name another top")
            self.shapes[top] = shape
        if weights:
            self.weights[layer.name] = weights
        self.layers.append(layer)

    def _default_logits(self) -> str:
        """What the last layer of the test phase makes, or what it reads if it is a Softmax."""
        last = [layer for layer in self.layers if layer.runs_in("TEST")][-1]
        return last.bottoms[0] if last.type == "Softmax" else last.tops[0]

    def _blob(self, name: str, what: str) -> str:
        if name not in self.shapes:
            hint = nearest(name, self.shapes)
            raise PlanError(f"{self.name}: {what} is {name!r}, and no layer makes it; {hint}")
        return name

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer of the test phase reads, in order: what the network answers."""
        rows = [layer for layer in self.layers if layer.runs_in("TEST")]
        read = {name for row in rows for name in row.bottoms if name not in row.tops}
        made = dict.fromkeys(top for row in rows for top in row.tops)
        return [name for name in made if name not in read]

    @property
    def classes(self) -> int:
        """How many scores the logits hold."""
        return self.shapes[self.logits][1]

    @property
    def test_layers(self) -> set[str]:
        """The layers with weights that the network answers with."""
        return {name for name in self.weights if self.layer(name).runs_in("TEST")}

    def classifier(self, blob: str) -> str:
        """The last layer with weights on the way to a blob of scores."""
        for layer in reversed(self.rows("TRAIN", [blob])):
            if layer.name in self.weights:
                return layer.name
        raise PlanError(f"{self.name}: no layer with weights leads to {blob!r}; add one")

    @property
    def classifiers(self) -> set[str]:
        """The layers that make the logits and the auxiliary scores."""
        return {self.classifier(blob) for blob in (self.logits, *self.auxiliary)}

    def rows(self, phase: str, wanted: Iterable[str]) -> list[Layer]:
        """The layers of a phase that the wanted blobs need, in order."""
        needed, kept = set(wanted), []
        for layer in reversed([row for row in self.layers if row.runs_in(phase)]):
            if needed.intersection(layer.tops):
                needed.update(layer.bottoms)
                kept.append(layer)
        return kept[::-1]

    def layer(self, name: str) -> Layer:
        """The layer of this name; PlanError with the nearest names if there is none."""
        found = {layer.name: layer for layer in self.layers}
        if name not in found:
            raise PlanError(f"{self.name} has no layer {name!r}; {nearest(name, found)}")
        return found[name]

    def blob_of(self, name: str) -> str:
        """The blob that a name means in the test phase: its own, or its layer's first top."""
        rows = [layer for layer in self.layers if layer.runs_in("TEST")]
        made = {layer.name: layer.tops[0] for layer in rows}
        made |= {top: top for layer in rows for top in layer.tops}
        made |= {blob: blob for blob in self.inputs}
        if name in made:
            return made[name]
        if name in self.shapes or name in {layer.name for layer in self.layers}:
            raise PlanError(f"{self.name}: {name!r} exists only in training; name another layer")
        raise PlanError(f"{self.name} has no layer {name!r}; {nearest(name, made)}")

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON holds it."""
        return {
            "name": self.name,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "layers": [layer.to_dict() for layer in self.layers],
            "logits": self.logits,
            "auxiliary": self.auxiliary,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_dict` gave, checked anew."""
        rows = [Layer.from_dict(row) for row in data["layers"]]
        return cls(rows, data["inputs"], data["name"], data["logits"], data["auxiliary"])


def _shape(name: str, shape: Sequence[int]) -> Shape:
    if not shape or not all(isinstance(side, int) and side > 0 for side in shape):
        raise PlanError(f"input {name!r} has the shape {list(shape)}; give whole sides above 0")
    return tuple(shape)


def _rewired(layer: Layer, **changes: Any) -> Layer:
    old = {"bottoms": layer.bottoms, "tops": layer.tops, "args": layer.args} | changes
    return Layer(layer.name, layer.type, old["bottoms"], old["tops"], layer.phase, **old["args"])


def _complete(layer: Layer) -> dict[str, Any]:
    """The row's arguments with the kind's defaults; unknown, missing or misspelt ones refused."""
    known = KINDS[layer.type].args
    for key in layer.args:
        if key not in known:
            raise PlanError(f"{layer.label}: takes no {key!r}; {nearest(key, known)}")
    args = {**known, **layer.args}
    missing = [key for key, value in args.items() if value is REQUIRED]
    if missing:
        raise PlanError(f"{layer.label}: has no {' and no '.join(missing)}; give it in the row")
    for key, value in args.items():
        words = WORDS.get((layer.type, key))
        if words and value not in words:
            raise PlanError(f"{layer.label}: {key} is {value!r}; it is {' or '.join(words)}")
    number = args.get("num_output")
    if number is not None and (not isinstance(number, int) or number < 1):
        raise PlanError(f"{layer.label}: num_output is {number!r}; give a whole number above 0")
    return args


def nearest(got: str, known: Iterable[str]) -> str:
    """The end of an error: ``did you mean 'conv1'``, or the known names where none is near."""
    names = list(known)
    near = difflib.get_close_matches(got, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}"
    return f"there is {', '.join(names[-12:])}"
