"""An ONNX graph while it is made: nodes, constants and names, without the package onnx."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np


@dataclass
class Node:
    """One operator: names of the values that it reads and makes, and its attributes.

    An attribute may be an array, which ONNX holds as a tensor.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: Mapping[str, Any]


@dataclass
class Graph:
    """Nodes in order, and constants by name. Every value has one name, and one node makes it.

    Attributes:
        taken: names that no new value may have, those of the network's blobs above all.
        whole_sequences: an input that is 0 at the first step of each sequence, and 1 at all others,
            so that nothing reads it; None where there is none.
    """

    taken: set[str]
    whole_sequences: str | None = None
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def free(self, name: str) -> str:
        """The name, or the first with a number behind it that nothing has; taken from now on."""
        tries = (name if number == 1 else f"{name}_{number}" for number in count(1))
        found = next(each for each in tries if each not in self.taken)
        self.taken.add(found)
        return found

    def constant(self, name: str, values: np.ndarray) -> str:
        """The name of a new constant."""
        found = self.free(name)
        self.constants[found] = values
        return found

    def node(
        self, op: str, inputs: Iterable[str], name: str, outputs: int, attributes: Mapping[str, Any]
    ) -> list[str]:
        """The names of the values that a new node makes."""
        made = [self.free(f"{name}/{op}") for _ in range(outputs)]
        self.nodes.append(Node(op, list(inputs), made, attributes))
        return made

    def add(self, op: str, inputs: Iterable[str], output: str) -> None:
        """A new node that makes a value of this name."""
        self.nodes.append(Node(op, list(inputs), [output], {}))

    def rename(self, names: Mapping[str, str]) -> None:
        """Give values other names, wherever they are used."""
        for node in self.nodes:
            node.inputs = [names.get(name, name) for name in node.inputs]
            node.outputs = [names.get(name, name) for name in node.outputs]

    def keep(self, wanted: Iterable[str]) -> set[str]:
        """Drop all that the wanted values do not come from; returns the names of what is left."""
        needed = set(wanted)
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        self.nodes = kept[::-1]
        self.constants = {name: self.constants[name] for name in self.constants if name in needed}
        return needed


def alike(one: Graph, other: Graph) -> bool:
    """Whether two graphs are the same, numbers and all."""
    if one.constants.keys() != other.constants.keys() or len(one.nodes) != len(other.nodes):
        return False
    return all(
        _equal(one.constants[name], other.constants[name]) for name in one.constants
    ) and all(
        (a.op, a.inputs, a.outputs) == (b.op, b.inputs, b.outputs)
        and a.attributes.keys() == b.attributes.keys()
        and all(_equal(a.attributes[key], b.attributes[key]) for key in a.attributes)
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )


def _equal(one: Any, other: Any) -> bool:
    if not isinstance(one, np.ndarray):
        return bool(one == other)
    if one.shape == other.shape and one.ctypes.data == other.ctypes.data:
        return True
    # Weights may be NaN.
    return np.array_equal(one, other, equal_nan=one.dtype == np.float32)
