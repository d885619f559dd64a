"""The mean of several teachers, as one teacher."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from deelish.distillation.class_matching import check_top, class_order
from deelish.errors import TrainingError
from deelish.network.inputs import InputTensor
from deelish.network.outputs import cached_logits
from deelish.network.predictor import Predictor

AVERAGES = ("logits", "probabilities")


class MeanOfTeachers(Predictor):
    """The mean of several teachers; `Ensemble` documents its arguments."""

    def __init__(
        self, *members: Predictor, average: str = "logits", name: str | None = None
    ) -> None:
        if average not in AVERAGES:
            raise TrainingError(f"Ensemble(average={average!r}): give 'logits' or 'probabilities'")
        if not isinstance(name, str | None):
            raise TrainingError(f"Ensemble(name={name!r}): give a text")
        odd = [member for member in members if not isinstance(member, Predictor)]
        if len(members) < 2 or odd:
            got = f"{type(odd[0]).__name__} among them" if odd else f"{len(members)}"
            raise TrainingError(
                f"Ensemble: takes two teachers or more, and got {got}; make a teacher of another"
                " model with Teacher(model)"
            )
        for member in members:
            if not member.has_classes:
                raise TrainingError(
                    f"Ensemble: averages logits, and {member.name} has no classes; give networks"
                    " that have"
                )
        first = members[0]
        self.name = name or "Ensemble of " + ", ".join(member.name for member in members)
        self.members, self._average = members, average
        self.labels, self.context = first.labels, first.context
        self.preprocessing, self.sequences = first.preprocessing, first.sequences
        counts = [member.parameters for member in members]
        self.parameters = None if None in counts else sum(count for count in counts if count)
        self._orders = [self._order(member) for member in members]

    def _order(self, member: Predictor) -> np.ndarray | None:
        """The index of each class of the first member among this one's logits."""
        first = self.members[0]
        order = None if member is first else class_order(first, member)
        if order is None and member.classes != first.classes:
            raise TrainingError(
                f"{self.name}: {member.name} has {member.classes} classes and {first.name}"
                f" {first.classes}; give both the names of their classes as labels="
            )
        return order

    @property
    def classes(self) -> int:
        """Those of the first member."""
        return self.members[0].classes

    @property
    def new_layers(self) -> set[str]:
        """Those of the members, each after its member's name."""
        return {f"{m.name}/{layer}" for m in self.members for layer in m.new_layers}

    @property
    def learning(self) -> bool:
        """Whether one of its members is in training."""
        return any(member.learning for member in self.members)

    def logits(self, images: InputTensor) -> Any:
        """The mean: a tensor (n, classes) of the first member's engine."""
        for member, order in zip(self.members, self._orders, strict=True):
            if order is not None:
                check_top(self, member, images)
        return self._mean([cached_logits(member, images) for member in self.members])

    def exact_logits(self, images: InputTensor) -> Any:
        return self._mean([member.exact_logits(images) for member in self.members])

    @property
    def exact_dtype(self) -> str:
        """Those of its members."""
        return " and ".join(dict.fromkeys(member.exact_dtype for member in self.members))

    def _mean(self, logits: Sequence[Any]) -> Any:
        """The mean of the logits that the members gave, in the order of the first one's classes."""
        each = []
        for member, order, given in zip(self.members, self._orders, logits, strict=True):
            values = member.engine.numpy(given).astype(np.float64)
            each.append(values if order is None else values[:, order])
        mean = _MEANS[self._average](np.stack(each))
        return self.engine.array(mean.astype(np.float32))

    def fingerprint(self) -> str | None:
        """sha256 of the members' fingerprints, class orders and average; None if one has none."""
        return self._of([member.fingerprint() for member in self.members])

    def known_fingerprint(self) -> str | None:
        """The same of the last look at each member."""
        return self._of([member.known_fingerprint() for member in self.members])

    def notice_changes(self) -> None:
        """Look at all that the logits of each member depend on."""
        for member in self.members:
            member.notice_changes()

    def _of(self, members: Sequence[str | None]) -> str | None:
        if None in members:
            return None
        orders = [None if order is None else order.tolist() for order in self._orders]
        return sha256(json.dumps([self._average, members, orders]).encode()).hexdigest()

    def __repr__(self) -> str:
        return f"{self.name} | mean of {self._average} | {self.classes} classes | teacher only"


def _mean_probability(logits: np.ndarray) -> np.ndarray:
    """log(mean of softmax) of (members, n, classes), computed in logarithms throughout."""
    shifted = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    mean: np.ndarray = np.logaddexp.reduce(shifted, axis=0) - np.log(len(logits))
    return mean


_MEANS = {"logits": lambda logits: logits.mean(0), "probabilities": _mean_probability}
