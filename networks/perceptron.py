"""A plain perceptron: Rosenblatt's layers of weights, with ReLU between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deelish.common.checks import is_count
from deelish.errors import PlanError
from deelish.language.network import Network
from deelish.network.labels import Labels, outputs_of
from deelish.networks.family import check_modelpath
from deelish.networks.register import network
from deelish.plan import Layer, Plan


@network("perceptron")
class Perceptron(Network):
    """Hidden layers of the given widths on all pixels of an image, grey from 0 to 1.

    The default is the student of Hinton et al. 2015, section 3: 784-800-800-10.

    Args:
        modelpath: weights to start from.
        labels: a file, a list of names, or a count; it sets the number of outputs (10).
        in_size: side of the images.
        outputs: the number of outputs, where there are no labels.
        dropout: fraction of each hidden layer that is left out in training.
        hidden: width of each hidden layer.
    """

    def __init__(
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int = 28,
        outputs: int | None = None,
        dropout: float = 0.0,
        hidden: Sequence[int] = (800, 800),
    ) -> None:
        check_modelpath(type(self).__name__, modelpath)
        super().__init__(
            _plan(outputs_of(labels, outputs, 10), in_size, hidden, dropout),
            labels=outputs if labels is None else labels,
            modelpath=modelpath,
            in_size=in_size,
            order="L",
            mean=(0.0,),
            scale=1 / 255,
        )


def _plan(outputs: int, size: int, hidden: Sequence[int], dropout: float) -> Plan:
    if not isinstance(hidden, Sequence) or not all(map(is_count, hidden)):
        raise PlanError(
            f"Perceptron(hidden={hidden!r}): give the width of each hidden layer: hidden=(800, 800)"
        )
    rows = []
    for number, width in enumerate(hidden, start=1):
        rows += [
            Layer(f"fc{number}", "InnerProduct", num_output=width),
            Layer(f"relu{number}", "ReLU"),
        ]
        if dropout:
            rows.append(Layer(f"drop{number}", "Dropout", dropout_ratio=dropout))
    rows += [Layer("score", "InnerProduct", num_output=outputs), Layer("prob", "Softmax")]
    return Plan(rows, {"data": (1, 1, size, size)}, "Perceptron")
