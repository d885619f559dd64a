"""What a layer kind is: its arguments, its shape, its weights, how it is wired."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deelish.plan.shapes import Args, Shape, same

REQUIRED = object()
# More bottoms or tops than any net has.
MANY = 4096


@dataclass(frozen=True)
class Blob:
    """One array of a layer's weights: its shape, its filler, whether it is trainable."""

    shape: Shape
    filler: Any
    trainable: bool = True

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


Blobs = dict[str, Blob]


def no_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """For layers without weights."""
    return {}


def no_products(args: Args, blobs: Blobs, bottoms: Sequence[Shape], tops: Sequence[Shape]) -> int:
    """For layers that multiply nothing with a matrix of weights."""
    return 0


@dataclass(frozen=True)
class LayerKind:
    """One row: arguments with their defaults, the shape rule, the weights, how it is wired.

    Attributes:
        args: arguments and their defaults; `REQUIRED` where there is none.
        shape: from arguments, shapes of the bottoms and the number of tops to shapes of the tops.
        weights: from arguments and shapes of the bottoms to the layer's blobs, in Caffe's order.
        in_place: whether Caffe's nets run it in place, so that its top defaults to its bottom.
        bottoms, tops: the fewest and the most that it takes.
        shares: whether its tops share its bottom's memory, as in Caffe: "always" (Flatten, Split),
            or "alone", where it has one bottom and one top (Concat, Slice).
        scores: whether its first bottom is scores of classes that it only judges or normalises.
        penalty: whether its top is added to the loss of a training, by its `loss_weight`.
        products: from arguments, blobs and the shapes of bottoms and tops to the multiply-adds of
            its weights for one item of the batch.
        choices: by argument the words that it may be; the plan refuses others.
        caffe: whether Caffe or a fork of it has the kind; a Caffe file holds no other.
    """

    args: Mapping[str, Any]
    shape: Callable[[Args, Sequence[Shape], int], list[Shape]] = same
    weights: Callable[[Args, Sequence[Shape]], Blobs] = no_weights
    in_place: bool = False
    bottoms: tuple[int, int] = (1, 1)
    tops: tuple[int, int] = (1, 1)
    shares: str = ""
    scores: bool = False
    penalty: bool = False
    products: Callable[[Args, Blobs, Sequence[Shape], Sequence[Shape]], int] = no_products
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    caffe: bool = True
