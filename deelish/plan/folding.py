"""BatchNorm, Scale and Bias of evaluation mode, put into the weights of the layer before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from deelish.plan.layer import Layer
from deelish.plan.plan import Plan

Arrays = dict[str, dict[str, np.ndarray]]
# An axis of channels, and nothing but it.
_BY_CHANNEL = (1, 1)


class _Line(NamedTuple):
    """y = scale x + shift of each channel, float64."""

    scale: np.ndarray
    shift: np.ndarray


def folded(plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> tuple[Plan, Arrays]:
    """The rows that make the logits in evaluation mode, with fewer of them, and their weights.

    Runtimes do this to layers of their own, and quantise between those that they do not know.

    Args:
        plan: the network.
        values: its weights.

    Returns:
        A plan with the same inputs and logits, up to rounding, and its arrays.
    """
    folding = _Folding(plan, values)
    for index, row in enumerate(folding.rows):
        folding.add(index, row)
    rows = [row for row in folding.made if row is not None]
    inputs = {name: plan.inputs[name] for name in plan.needed("TEST", [plan.logits])}
    made = Plan(rows, inputs, plan.name, plan.logits)
    return made, {layer: folding.values[layer] for layer in made.weights}


class _Folding:
    def __init__(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        self._plan = plan
        self.rows = plan.rows("TEST", [plan.logits])
        self.made: list[Layer | None] = []
        self.values: Arrays = {
            layer: {
                blob: values[owner][owned].reshape(about.shape)
                for blob, about in blobs.items()
                for owner, owned in [plan.owners.get((layer, blob), (layer, blob))]
            }
            for layer, blobs in plan.weights.items()
        }
        self._shared = {name for pair in plan.owners.items() for name, _ in pair}
        self._names = Counter(row.name for row in plan.layers)
        # Which row wrote a blob last, and which row of `made` that has become.
        self._writer: dict[str, int] = {}
        self._became: dict[int, int] = {}
        self._readers = self._counted()

    def _counted(self) -> Counter[int]:
        """How many rows read what each row made; the logits are read too."""
        writer: dict[str, int] = {}
        readers: Counter[int] = Counter()
        for index, row in enumerate(self.rows):
            readers.update(writer[blob] for blob in {*row.bottoms, *row.echoes} & writer.keys())
            writer |= dict.fromkeys((*row.tops, *row.echoes), index)
        readers[writer[self._plan.logits]] += 1
        return readers

    def add(self, index: int, row: Layer) -> None:
        """Take the next row: alone, or into the weights of the row before."""
        line = _line(row, self.values.get(row.name, {}))
        before = self._writer.get(row.bottoms[0]) if row.bottoms else None
        if line is not None and before is not None and self._takes(before, row):
            at = self._became[before]
            self._fold(at, row, line)
            self.made.append(None)
            self._became[index] = at
        else:
            self.made.append(row)
            self._became[index] = index
        self._writer |= dict.fromkeys((*row.tops, *row.echoes), index)

    def _takes(self, before: int, row: Layer) -> bool:
        """Whether what this row does can be in the weights of the row whose output it reads."""
        maker = self.made[self._became[before]]
        if maker is None or self._readers[before] != 1 or maker.echoes or row.echoes:
            return False
        names = {maker.name, row.name}
        if names & self._shared or any(self._names[name] > 1 for name in names):
            return False
        # A new name is made earlier than before: nothing else may have it there.
        is_new = row.tops[0] not in self._writer and row.tops[0] not in self._plan.inputs
        return _is_linear(maker) and (row.tops == row.bottoms or is_new)

    def _fold(self, at: int, row: Layer, line: _Line) -> None:
        maker = self.made[at]
        if maker is None:
            return
        arrays = self.values[maker.name]
        weight = arrays["weight"].astype(np.float64)
        bias = arrays.get("bias", np.zeros(len(weight))).astype(np.float64)
        scale = line.scale.reshape(-1, *[1] * (weight.ndim - 1))
        self.values[maker.name] = {
            "weight": (weight * scale).astype(np.float32),
            "bias": (bias.ravel() * line.scale + line.shift).astype(np.float32),
        }
        args = {**maker.args, "bias_term": True}
        self.made[at] = maker.rewired(maker.bottoms, row.tops, args)


def _is_linear(row: Layer) -> bool:
    """Whether its weights are (channels of its one top, ...)."""
    if len(row.bottoms) != 1 or len(row.tops) != 1:
        return False
    if row.type == "InnerProduct":
        return row.args["axis"] == 1 and not row.args["transpose"]
    return row.type == "Convolution" and row.args["axis"] == 1


def _line(row: Layer, arrays: Mapping[str, np.ndarray]) -> _Line | None:
    """What the row does to each channel; None where it is no such row."""
    if len(row.bottoms) != 1 or len(row.tops) != 1:
        return None
    exact = {name: array.astype(np.float64) for name, array in arrays.items()}
    if row.type == "BatchNorm":
        return None if row.args["use_global_stats"] is False else _normalising(row, exact)
    if row.type not in ("Scale", "Bias"):
        return None
    if (row.args["axis"], row.args["num_axes"]) != _BY_CHANNEL:
        return None
    some = next(iter(exact.values()))
    zero = np.zeros_like(some)
    return _Line(exact.get("weight", zero + 1), exact.get("bias", zero))


def _normalising(row: Layer, arrays: Mapping[str, np.ndarray]) -> _Line:
    """Caffe's BatchNorm, whose sums its factor divides; a factor of 0 makes both 0."""
    factor = arrays["factor"][0]
    inverse = 0.0 if factor == 0 else 1 / factor
    scale = 1 / np.sqrt(arrays["variance"] * inverse + row.args["eps"])
    return _Line(scale, -arrays["mean"] * inverse * scale)
