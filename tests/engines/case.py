"""One layer as every engine is checked with it: arguments, what it reads, its weights.

The table of all cases is in `cases.py`. Numbers are float32, and the same in every run.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from deelish.plan.layers import KINDS

Shape = tuple[int, ...]

IMAGE = (2, 3, 5, 4)


@dataclass(frozen=True)
class Fill:
    """How a bottom is filled, and whether gradients flow to it."""

    name: str
    draw: Callable[[np.random.Generator, Shape], Any]
    moves: bool = True


UNIFORM = Fill("uniform", lambda rng, shape: rng.uniform(-2, 2, shape))
POSITIVE = Fill("positive", lambda rng, shape: rng.uniform(0.5, 2, shape))
# Scores of which the softmax has probabilities that a float cannot hold.
FAR = Fill("far", lambda rng, shape: rng.uniform(-300, 300, shape))
# Labels of two values, and targets; neither has gradients.
BITS = Fill("bits", lambda rng, shape: rng.integers(0, 2, shape), moves=False)
TARGETS = Fill("targets", lambda rng, shape: rng.uniform(0, 1.2, shape), moves=False)
# A bottom of which only the shape counts, or that Caffe gives no gradient.
STILL = Fill("still", UNIFORM.draw, moves=False)


def below(count: int) -> Fill:
    """Whole numbers from 0 on: labels, indices, or scores with many ties."""
    return Fill(f"below {count}", lambda rng, shape: rng.integers(0, count, shape), moves=False)


def constant(value: float) -> Fill:
    """The same number everywhere."""
    return Fill(f"all {value}", lambda rng, shape: np.full(shape, value), moves=False)


@dataclass(frozen=True)
class Case:
    """One layer with its arguments and the shapes that it reads.

    Attributes:
        kind: the layer's type.
        shapes: of its bottoms.
        given: the arguments that are not the kind's defaults.
        tops: how many it makes.
        fills: how bottoms are filled by their place; the others are UNIFORM.
        held: weights that are a constant, by blob name.
        training: whether it runs in training.
        differentiable: whether its gradients are those of small differences, by the bottoms that
            move and the trainable weights.
    """

    kind: str
    shapes: tuple[Shape, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    tops: int = 1
    fills: Mapping[int, Fill] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    training: bool = False
    differentiable: bool = True

    @property
    def id(self) -> str:
        """What the case is called in the tests' names."""
        sides = "+".join("x".join(map(str, shape)) or "()" for shape in self.shapes)
        given = [f"{name}={value}" for name, value in {**self.given, **self.held}.items()]
        more = [f"{self.tops}tops"] * (self.tops > 1) + ["training"] * self.training
        filled = [f"{place}:{fill.name}" for place, fill in self.fills.items()]
        steps = ["steps"] * (not self.differentiable)
        return re.sub(r"[\s'{}]", "", "-".join([self.kind, sides, *given, *more, *filled, *steps]))

    @property
    def args(self) -> dict[str, Any]:
        """All arguments."""
        return {**KINDS[self.kind].args, **self.given}

    @property
    def made(self) -> list[Shape]:
        """The shapes of the tops by the kind's rule; a Filter may keep fewer items."""
        return KINDS[self.kind].shape(self.args, self.shapes, self.tops)

    @property
    def moving(self) -> list[int]:
        """The places of the bottoms that gradients flow to."""
        return [place for place in range(len(self.shapes)) if self._fill(place).moves]

    @property
    def trainable(self) -> list[str]:
        """The names of the trainable weights."""
        blobs = KINDS[self.kind].weights(self.args, self.shapes)
        return [name for name, blob in blobs.items() if blob.trainable]

    def bottoms(self) -> list[np.ndarray]:
        """What it reads."""
        rng = self._generator("bottoms")
        return [
            np.asarray(self._fill(place).draw(rng, shape), np.float32)
            for place, shape in enumerate(self.shapes)
        ]

    def weights(self) -> dict[str, np.ndarray]:
        """Its weights by name; of BatchNorm, a variance above 0 and a factor that is not 0."""
        rng = self._generator("weights")
        drawn = {}
        for name, blob in KINDS[self.kind].weights(self.args, self.shapes).items():
            fill = POSITIVE if name in ("variance", "factor") else UNIFORM
            if name in self.held:
                fill = constant(self.held[name])
            drawn[name] = np.asarray(fill.draw(rng, blob.shape), np.float32)
        return drawn

    def projections(self, tops: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What each top's numbers are multiplied with, so that their sum is one to derive."""
        rng = self._generator("projections")
        return [np.asarray(rng.uniform(-1, 1, np.shape(top)), np.float32) for top in tops]

    def _fill(self, place: int) -> Fill:
        return self.fills.get(place, UNIFORM)

    def _generator(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self.id} {purpose}".encode()))


def of(
    kind: str,
    *shapes: Shape,
    tops: int = 1,
    fills: Mapping[int, Fill] | None = None,
    held: Mapping[str, float] | None = None,
    training: bool = False,
    **args: Any,
) -> Case:
    """A case with its arguments by name."""
    return Case(kind, shapes, args, tops, fills or {}, held or {}, training)


def steps(*cases: Case) -> list[Case]:
    """The cases as ones whose gradients are not those of small differences."""
    return [replace(case, differentiable=False) for case in cases]
