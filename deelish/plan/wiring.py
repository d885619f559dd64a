"""Takes the rows of a plan in one by one: wires them, infers their shapes, checks their names."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping

from deelish.common.suggestions import nearest
from deelish.errors import PlanError
from deelish.plan.arguments import check_counts, complete
from deelish.plan.initialisation import checked_filler
from deelish.plan.kind import Blobs
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.memory import Memory
from deelish.plan.other_names import suggested_kind
from deelish.plan.shapes import LONGEST_SIDE, MOST_AXES, Shape
from deelish.plan.sharing import Sharing


class Wiring:
    """The rows so far, in full, and what follows from them.

    Attributes:
        layers: the rows, with bottoms, tops and arguments in full.
        shapes: shape of every blob after the last row that writes it.
        weights: for each layer that has any, its `Blob` records by name.
        sharing: which arrays are shared.
    """

    def __init__(self, inputs: Mapping[str, Shape]) -> None:
        self.layers: list[Layer] = []
        self.shapes: dict[str, Shape] = dict(inputs)
        self.weights: dict[str, Blobs] = {}
        self.sharing = Sharing()
        self._inputs = inputs
        self._memory = Memory()

    def add(self, layer: Layer) -> None:
        """Take a row in.

        Raises:
            PlanError: its type, bottoms, tops, arguments or shapes do not fit.
        """
        kind = KINDS.get(layer.type)
        if kind is None:
            raise PlanError(f"{layer.label}: there is no such type; {suggested_kind(layer.type)}")
        bottoms = layer.bottoms
        if not bottoms and kind.bottoms[0]:
            bottoms = (self._previous(),)
        for bottom in bottoms:
            if bottom not in self.shapes:
                raise PlanError(
                    f"{layer.label}: reads {bottom!r}, which no layer before it makes;"
                    f" {nearest(bottom, self.shapes)}"
                )
        tops = layer.tops or (bottoms if kind.in_place else (layer.name,) * min(kind.tops[1], 1))
        row = layer.rewired(bottoms, tops, complete(layer))
        check_counts(row)
        self._enter(row)

    def _previous(self) -> str:
        """What a row reads that names no bottom: the top of the row before."""
        for row in reversed(self.layers):
            if row.tops:
                return row.tops[0]
        return next(iter(self._inputs), "data")

    def _enter(self, layer: Layer) -> None:
        """Infer the shapes of a complete row and take it in."""
        tops, weights = self._inferred(layer)
        if len(tops) != len(layer.tops):
            raise PlanError(
                f"{layer.label}: makes {len(tops)} blobs, not {len(layer.tops)}; name as many tops"
            )
        for top, shape in zip(layer.tops, tops, strict=True):
            _check_bounds(layer, top, shape)
            if top in self.shapes and top not in layer.bottoms:
                raise PlanError(f"{layer.label}: blob {top!r} is made already; name another top")
            self.shapes[top] = shape
        layer = self._memory.enter(layer)
        if weights:
            for name, blob in weights.items():
                _check_bounds(layer, name, blob.shape)
            if layer.name in self.weights:
                raise PlanError(f"{layer.label}: the name is taken already; give it another")
            self.sharing.enter(layer, weights, self.weights)
            self.weights[layer.name] = weights
        self.layers.append(layer)

    def _inferred(self, layer: Layer) -> tuple[list[Shape], Blobs]:
        kind = KINDS[layer.type]
        bottoms = [self.shapes[name] for name in layer.bottoms]
        try:
            found = kind.shape(layer.args, bottoms, len(layer.tops))
            # A script's own kind may return anything.
            tops = [tuple(map(operator.index, shape)) for shape in found]
            weights = kind.weights(layer.args, bottoms)
            for blob in weights.values():
                checked_filler(blob)
        except PlanError as error:
            raise PlanError(f"{layer.label}: {error}") from None
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
            raise PlanError(
                f"{layer.label}: reads {', '.join(map(str, bottoms)) or 'nothing'} with"
                f" {dict(layer.args)}, which do not go together; look at the numbers of axes and"
                " the types of the arguments"
            ) from None
        return tops, weights


def _check_bounds(layer: Layer, top: str, shape: Shape) -> None:
    """Refuse what no array of Caffe is: it has 32 axes, and counts its numbers in 31 bits."""
    if len(shape) > MOST_AXES:
        raise PlanError(f"{layer.label}: {top!r} has {len(shape):,} axes; the most is {MOST_AXES}")
    if any(side > LONGEST_SIDE for side in shape):
        raise PlanError(
            f"{layer.label}: a side of {top!r} is longer than {LONGEST_SIDE:,}; make it shorter"
        )
    if math.prod(shape) > LONGEST_SIDE:
        raise PlanError(
            f"{layer.label}: {top!r} holds {math.prod(shape):,} numbers, and an array of Caffe at"
            f" most {LONGEST_SIDE:,}; make it smaller"
        )
