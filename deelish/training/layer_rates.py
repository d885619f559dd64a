"""The factors on the learning rates of single layers that a script gives, by name or pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from deelish.common.checks import is_number
from deelish.common.suggestions import nearest
from deelish.errors import TrainingError
from deelish.network.learner import Learner

_EXAMPLE = "such as lr_mult={'conv1': 0, 'fc*': 10}"


def layer_factors(given: Any) -> dict[str, float]:
    """`lr_mult=` of BatchTrain, checked: factors by the name of a layer or a pattern.

    Raises:
        TrainingError: it is no dict of names and numbers from 0 on.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TrainingError(
            f"BatchTrain(lr_mult={given!r}): give a dict of layers and factors, {_EXAMPLE}"
        )
    for name, factor in given.items():
        if not isinstance(name, str) or not name:
            raise TrainingError(
                f"BatchTrain(lr_mult={{{name!r}: ...}}): give the name of a layer, {_EXAMPLE}"
            )
        if not is_number(factor) or factor < 0:
            raise TrainingError(
                f"BatchTrain(lr_mult={{{name!r}: {factor!r}}}): give a factor on the learning rate,"
                " a number from 0 on"
            )
    return {name: float(factor) for name, factor in given.items()}


class LayerRates:
    """The factors of one training.

    factors: by the name of a layer or a pattern; of those that match a layer the last one counts.
    """

    def __init__(self, factors: Mapping[str, float]) -> None:
        self._factors = dict(factors)
        self._students: list[str] = []
        self._layers: dict[str, None] = {}

    def factor(self, layer: str) -> float:
        """The factor on the learning rate of a layer; 1 where nothing matches it."""
        found = [value for name, value in self._factors.items() if _matches(name, layer)]
        return found[-1] if found else 1.0

    def begin(self, student: Learner, others: Iterable[Learner]) -> None:
        """Note a student before its first update.

        Args:
            student: the student.
            others: what else may learn later in the training.

        Raises:
            TrainingError: a name matches no layer of any of them, or all layers of the student are
                frozen.
        """
        if not self._factors:
            return
        own = student.engine.trainable_layers(student.module)
        self._students.append(student.name)
        self._layers |= dict.fromkeys(own)
        self._check([*self._layers, *(layer for other in others for layer in _layers_of(other))])
        if not any(lr_mult * self.factor(layer) for layer, lr_mult in own.items()):
            raise TrainingError(
                f"BatchTrain(lr_mult=...): freezes all layers of {student.name}, so that nothing"
                " would be trained; give one of them a factor above 0"
            )

    def check(self) -> None:
        """Refuse a name that matches no layer of the students so far.

        Raises:
            TrainingError: there is one; the nearest names of layers are given.
        """
        if self._students:
            self._check(self._layers)

    def _check(self, layers: Iterable[str]) -> None:
        layers = list(layers)
        for name in self._factors:
            if not any(_matches(name, layer) for layer in layers):
                whose = " or ".join(dict.fromkeys(self._students))
                known = [part for layer in self._layers for part in _parts(layer)]
                raise TrainingError(
                    f"BatchTrain(lr_mult={{{name!r}: ...}}): matches no layer with weights of"
                    f" {whose}; {nearest(name, known)}"
                )


def _parts(layer: str) -> list[str]:
    """A layer and all that it is within: "layer1.0.conv1", "layer1.0", "layer1"."""
    ends = [index for index, sign in enumerate(layer) if sign in "./" and index]
    return [layer, *(layer[:end] for end in reversed(ends))]


def _matches(name: str, layer: str) -> bool:
    """Whether a name or a pattern means a layer, or something that the layer is within."""
    return any(part == name or fnmatchcase(part, name) for part in _parts(layer))


def _layers_of(learner: Learner) -> Iterable[str]:
    try:
        return learner.engine.trainable_layers(learner.module)
    except TrainingError:
        # A teacher of which all is frozen.
        return ()
