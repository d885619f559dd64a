"""What the published families share: the card of a model, and the class that is made from it."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deelish.errors import DataError, PlanError
from deelish.formats.chainer.weights import Example
from deelish.language.network import Network
from deelish.network.labels import Labels, outputs_of
from deelish.network.pretrained import Weights
from deelish.plan import Layer, Plan
from deelish.plan.preprocessing import Preprocessing

# The crop fraction where the paper names none: 224 of 256.
CROP = 224 / 256


@dataclass(frozen=True, kw_only=True)
class Card(Weights):
    """A published model as data: its file, the network that the file fits, what it was trained on.

    Attributes:
        family: the class in `deelish.networks` that is made from this card.
        rows: the layers for a number of outputs and a side in pixels.
        paper: who described the network, and where.
        accuracy: as its publishers state it, in words; empty where they state none.
        outputs, size: number of classes, and side in pixels, of the file.
        mean: what is subtracted from blue, green and red.
        crop: the crop fraction of a view of `size` pixels.
        labels: names of the classes, in the file's order, where they are few.
        auxiliary: further blobs of scores in training, with their weight in the loss.
        chainer: the network in Chainer's examples, whose files of weights have other names.
    """

    family: str
    rows: Callable[[int, int], Iterable[Layer]]
    paper: str
    accuracy: str = ""
    outputs: int = 1000
    size: int = 224
    mean: tuple[float, float, float] = (104.0, 117.0, 123.0)
    crop: float = CROP
    labels: tuple[str, ...] = ()
    auxiliary: Mapping[str, float] = field(default_factory=dict)
    chainer: Example | None = None

    def plan(
        self,
        outputs: int | None = None,
        in_size: int | None = None,
        dropout: float | None = None,
    ) -> Plan:
        """The network as data, without an engine and without weights; left out, as published.

        Raises:
            PlanError: `in_size` leaves nothing to pool, or `dropout` is no fraction; the layer is
                named. There is a `dropout`, and no layer for it.
        """
        size = self.size if in_size is None else in_size
        rows = self.rows(self.outputs if outputs is None else outputs, size)
        if dropout is not None:
            rows = _dropping(list(rows), dropout, self.family)
        return Plan(rows, {"data": (1, 3, size, size)}, self.family, auxiliary=self.auxiliary)

    def preprocessing(self, in_size: int | None = None) -> Preprocessing:
        """What happens to pixels before the network sees them; DataError for a wrong size."""
        size = self.size if in_size is None else in_size
        crop = self.crop if size == self.size else CROP
        return Preprocessing(size, "BGR", self.mean, crop=crop)


def _dropping(rows: Sequence[Layer], ratio: float, family: str) -> list[Layer]:
    """The rows with this ratio in every Dropout layer; without these layers where it is 0."""
    if ratio != 0 and not any(row.type == "Dropout" for row in rows):
        raise PlanError(
            f"{family}: dropout is {ratio!r}, and it has no Dropout layer; leave it out"
        )
    drop = {"dropout_ratio": ratio}
    return [
        row.rewired(row.bottoms, row.tops, drop) if row.type == "Dropout" else row
        for row in rows
        if ratio != 0 or row.type != "Dropout"
    ]


class Family(Network):
    """A network of a published family.

    Args:
        modelpath: weights to start from, such as the published file; without it, initial weights.
        labels: a file, a list of names, or a count; it sets the number of outputs.
        in_size: side of the images in pixels; left out, as published.
        outputs: the number of outputs, where there are no labels.
        dropout: fraction that each Dropout layer leaves out in training, 0 for none; left out, as
            published.

    Raises:
        DataError: modelpath is no path, labels and outputs disagree, or in_size is not a size.
        PlanError: in_size leaves nothing to pool, or dropout is no fraction below 1.
        FileError, CaffeError: modelpath is missing, or does not fit.
    """

    # The published model that the class is made from.
    weights: Card
    # All of them, where the class has several versions.
    versions: Mapping[str, Card] = {}

    def __init__(
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int | None = None,
        outputs: int | None = None,
        dropout: float | None = None,
    ) -> None:
        check_modelpath(type(self).__name__, modelpath)
        card, pixels = self.weights, self.weights.preprocessing(in_size)
        chosen = outputs if labels is None else labels
        super().__init__(
            card.plan(outputs_of(labels, outputs, card.outputs), pixels.size, dropout),
            labels=chosen,
            modelpath=modelpath,
            in_size=pixels.size,
            order=pixels.order,
            mean=pixels.mean,
            scale=pixels.scale,
            crop=pixels.crop,
        )
        # Given to Network, the names would count as the user's choice, for which the classifier
        # of a file may go. Here a file for other classes is refused.
        if card.labels and (chosen, self.labels) == (None, None):
            self.labels = list(card.labels)

    @classmethod
    def cards(cls) -> list[Card]:
        """Its published models."""
        return list(cls.versions.values()) or [cls.weights]

    @property
    def example(self) -> Example | None:
        """That of the card."""
        return self.weights.chainer


def check_modelpath(family: str, modelpath: Any) -> None:
    """Refuse a first argument that is meant as labels.

    Raises:
        DataError: it is no path, or a list of names in text.
    """
    if modelpath is None or (
        isinstance(modelpath, str | Path) and Path(modelpath).suffix.lower() != ".txt"
    ):
        return
    if isinstance(modelpath, int):
        cure = f"for {modelpath} classes give labels={modelpath}"
    elif isinstance(modelpath, str | Path):
        cure = f"for the classes that it names give labels={str(modelpath)!r}"
    elif isinstance(modelpath, list | tuple):
        cure = "for classes of these names give labels=[...]"
    else:
        cure = "give its path"
    raise DataError(
        f"{family}({reprlib.repr(modelpath)}): the first argument is modelpath, a file of weights;"
        f" {cure}"
    )
