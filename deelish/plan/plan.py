"""A network as data: rows of named layers, checked and measured when the plan is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.suggestions import nearest
from deelish.errors import PlanError
from deelish.plan.kind import no_weights
from deelish.plan.layer import Layer, checked_rows
from deelish.plan.layers import KINDS
from deelish.plan.shapes import Shape
from deelish.plan.sharing import BlobKey
from deelish.plan.wiring import Wiring


class Plan:
    """Layers in order, the shape of every blob, the shape of every weight. Knows no engine.

    Attributes:
        name: what the network is called.
        inputs: shape of one input by blob name, batch first: ``{"data": (1, 3, 224, 224)}``.
        layers: the rows, with bottoms, tops and arguments in full.
        shapes: shape of every blob after the last layer that writes it, for these inputs.
        weights: for each layer that has any, its `Blob` records by name.
        owners: for each array that is shared by a name in `param`, layer and name of its owner.
        logits: the blob that holds the scores before the softmax.
        auxiliary: further blobs of scores, with the weight of each in a loss on labels.

    >>> rows = [Layer("score", "InnerProduct", num_output=2)]
    >>> Plan(rows, inputs={"data": (1, 3, 8, 8)}).shapes["score"]
    (1, 2)
    """

    @checked_call()
    def __init__(
        self,
        layers: Iterable[Layer],
        inputs: Mapping[str, Sequence[int]],
        name: str = "Network",
        logits: str | None = None,
        auxiliary: Mapping[str, float] | None = None,
    ) -> None:
        if not isinstance(name, str):
            raise PlanError(f"a network is named {name!r}; give name= a text")
        rows = checked_rows(layers, name)
        self.name = name
        self.inputs: dict[str, Shape] = {key: _shape(key, inputs[key]) for key in inputs}
        self._fitting: set[tuple[Any, ...]] = set()
        wiring = Wiring(self.inputs)
        for layer in rows:
            wiring.add(layer)
        self.layers, self.shapes, self.weights = wiring.layers, wiring.shapes, wiring.weights
        self._sharing = wiring.sharing
        if not self.layers:
            raise PlanError(f"{name} has no layers; give it at least one")
        self.logits = self._blob(logits or self._default_logits(), "logits")
        self.auxiliary = {self._blob(key, "auxiliary"): w for key, w in (auxiliary or {}).items()}

    def _default_logits(self) -> str:
        """What the last layer of the test phase makes; where that judges scores, what it reads."""
        rows = [
            layer
            for layer in self.layers
            if layer.runs_in("TEST") and layer.bottoms and not KINDS[layer.type].penalty
        ]
        if not rows:
            return next(iter(self.shapes))
        makers: list[int | None] = []
        last: dict[str, int] = {}
        for index, row in enumerate(rows):
            makers.append(last.get(row.bottoms[0]))
            last |= dict.fromkeys(row.tops, index)
        at = len(rows) - 1
        while KINDS[rows[at].type].scores or not rows[at].tops:
            maker = makers[at]
            if maker is None:
                return rows[at].bottoms[0]
            at = maker
        return rows[at].tops[0]

    def _blob(self, name: str, what: str) -> str:
        if name not in self.shapes:
            hint = nearest(name, self.shapes)
            raise PlanError(f"{self.name}: {what} is {name!r}, and no layer makes it; {hint}")
        return name

    @property
    def outputs(self) -> list[str]:
        """The blobs that no layer of the test phase reads, in order: the network's outputs."""
        rows = [layer for layer in self.layers if layer.runs_in("TEST")]
        read = {name for row in rows for name in row.bottoms if name not in row.tops}
        made = dict.fromkeys((*self.inputs, *(top for row in rows for top in row.tops)))
        return [name for name in made if name not in read]

    @property
    def data(self) -> str:
        """The input that holds the images: the first that the logits come from."""
        needed = self.needed("TEST", [self.logits])
        return next(iter(needed), next(iter(self.inputs), "data"))

    @property
    def owners(self) -> dict[BlobKey, BlobKey]:
        """For each shared array, (layer, blob), that of its owner."""
        return self._sharing.owners

    def multipliers(self, layer: str, blob: str) -> tuple[float, float]:
        """Caffe's lr_mult and decay_mult of an array of weights."""
        return self._sharing.multipliers(layer, blob)

    @property
    def classes(self) -> int:
        """How many scores the logits hold."""
        shape = self.shapes[self.logits]
        return shape[1] if len(shape) > 1 else 1

    @cached_property
    def has_classes(self) -> bool:
        """Whether the logits are one score a class: no image, and not what a sigmoid makes."""
        shape, rows = self.shapes[self.logits], self.rows("TEST", [self.logits])
        last = next((row for row in reversed(rows) if self.logits in row.tops), None)
        squashed = last is not None and last.type == "Sigmoid"
        return len(shape) > 1 and math.prod(shape[2:]) == 1 and not squashed

    @cached_property
    def test_layers(self) -> set[str]:
        """The layers with weights that exist in the TEST phase."""
        return {name for name in self.weights if self.layer(name).runs_in("TEST")}

    def classifier(self, blob: str) -> str:
        """The last layer with weights on the way to a blob of scores."""
        for layer in reversed(self.rows("TRAIN", [blob])):
            if layer.name in self.weights:
                return layer.name
        raise PlanError(f"{self.name}: no layer with weights leads to {blob!r}; add one")

    @cached_property
    def penalties(self) -> dict[str, float]:
        """The blobs that a training adds to its loss, with their weights."""
        rows = [layer for layer in self.layers if KINDS[layer.type].penalty]
        return {row.tops[0]: row.args["loss_weight"] for row in rows}

    @cached_property
    def score_blobs(self) -> set[str]:
        """The logits and the auxiliary scores."""
        return {self.logits, *self.auxiliary}

    @cached_property
    def classifiers(self) -> set[str]:
        """The last layers with weights on the way to them."""
        return {self.classifier(blob) for blob in self.score_blobs}

    def rows(self, phase: str, wanted: Iterable[str]) -> list[Layer]:
        """The layers of a phase that the wanted blobs need, in order."""
        needed, kept = set(wanted), []
        for layer in reversed([row for row in self.layers if row.runs_in(phase)]):
            if needed.intersection((*layer.tops, *layer.echoes)):
                needed.update(layer.bottoms)
                kept.append(layer)
        return kept[::-1]

    def needed(self, phase: str, wanted: Iterable[str]) -> list[str]:
        """The inputs that the wanted blobs come from, in order."""
        wanted = set(wanted)
        read = {name for row in self.rows(phase, wanted) for name in row.bottoms}
        return [name for name in self.inputs if name in read | wanted]

    def check_inputs(
        self, shapes: Mapping[str, Shape], wanted: Iterable[str], phase: str = "TEST"
    ) -> None:
        """Refuse inputs that the layers on the way to the wanted blobs cannot take.

        Raises:
            PlanError: it names the layer.
        """
        key = (phase, tuple(sorted(shapes.items())), tuple(sorted(wanted)))
        rows = [] if key in self._fitting else self.rows(phase, key[2])
        if rows:
            other = Plan(rows, {**self.inputs, **shapes}, self.name)
            for layer, blobs in other.weights.items():
                for name, blob in blobs.items():
                    own = self.weights[layer][name].shape
                    if own != blob.shape:
                        raise PlanError(
                            f"{self.layer(layer).label}: its {name} is {own}, and these inputs need"
                            f" {blob.shape}"
                        )
        self._fitting.add(key)

    def layer(self, name: str) -> Layer:
        """The layer of this name; PlanError with the nearest names if there is none."""
        if name not in self._named:
            hint = nearest(str(name), self._named)
            raise PlanError(f"{self.name} has no layer {name!r}; {hint}")
        return self._named[name]

    @cached_property
    def _named(self) -> dict[str, Layer]:
        """The layers by name; of several rows of one name, the one with weights is meant."""
        found = {layer.name: layer for layer in reversed(self.layers)}
        return found | {
            layer.name: layer
            for layer in reversed(self.layers)
            if layer.name in self.weights and KINDS[layer.type].weights is not no_weights
        }

    def blob_of(self, name: str) -> str:
        """The blob that a name means in the test phase: its own, or its layer's first top."""
        rows = [layer for layer in self.layers if layer.runs_in("TEST")]
        made = {layer.name: layer.tops[0] for layer in rows if layer.tops}
        made |= {top: top for layer in rows for top in layer.tops}
        made |= {blob: blob for blob in self.inputs}
        if name in made:
            return made[name]
        if name in self.shapes or name in {layer.name for layer in self.layers}:
            raise PlanError(f"{self.name}: {name!r} exists only in training; name another layer")
        raise PlanError(f"{self.name} has no layer {name!r}; {nearest(str(name), made)}")

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
        """The plan that `to_dict` gave, checked again."""
        rows = [Layer.from_dict(row) for row in data["layers"]]
        return cls(rows, data["inputs"], data["name"], data["logits"], data["auxiliary"])


def _shape(name: str, shape: Sequence[int]) -> Shape:
    if not isinstance(shape, Sequence):
        raise PlanError(f"input {name!r} has the shape {shape!r}; give (1, 3, 224, 224)")
    if not shape or not all(isinstance(side, int) and side > 0 for side in shape):
        raise PlanError(f"input {name!r} has the shape {list(shape)}; give whole sides above 0")
    return tuple(shape)
