"""The int8 form of a student: its own weights, run as the int8 file that it will be runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from deelish.engines.int8 import Int8Learning
from deelish.engines.torch.int8.folding import FoldedLayer, fold
from deelish.engines.torch.int8.graph import graph_of
from deelish.engines.torch.int8.placing import place
from deelish.engines.torch.int8.rounding import ROUNDED, Activation


@dataclass
class _Graph:
    """A graph from images to blobs, in their order, and where it rounds activations."""

    blobs: list[str]
    module: fx.GraphModule
    layers: list[FoldedLayer]
    activations: list[Activation]

    def measure(self, images: Sequence[Tensor]) -> None:
        """Measure the ranges of all activations on these images."""
        for activation in self.activations:
            activation.begin()
        self._set_measuring(True)
        with torch.no_grad():
            for each in images:
                self.module(each)
        self._set_measuring(False)

    def _set_measuring(self, measuring: bool) -> None:
        for layer in self.layers:
            layer.measuring = measuring
        for activation in self.activations:
            activation.measuring = measuring


@dataclass(eq=False)
class Int8Form(Int8Learning):
    """Runs a module in float32 with weights and activations rounded to 8 bits.

    Args:
        name: what errors call the module.
        module: what the engine runs. Its parameters learn; its statistics of BatchNorm stay.
        data: the name of its input.
        weights: of `WEIGHTS`.
        images: inputs on which ranges are measured.
        ended: is called at the end.
    """

    name: str
    module: nn.Module
    data: str
    weights: str
    images: Sequence[Tensor]
    ended: Callable[[], object]
    _graph: _Graph | None = field(default=None, init=False)

    def __call__(self, inputs: Mapping[str, Tensor], blobs: Iterable[str]) -> dict[str, Tensor]:
        """Blobs by name."""
        names = list(blobs)
        graph = self._with_blobs(names)
        made = dict(zip(graph.blobs, graph.module(inputs[self.data]), strict=True))
        return {name: made[name] for name in names}

    def measure(self) -> None:
        if self._graph is not None:
            self._graph.measure(self.images)

    def state(self) -> dict[str, Any]:
        if self._graph is None:
            return {"blobs": [], "ranges": []}
        ranges = [[each.least, each.most] for each in self._graph.activations]
        return {"blobs": self._graph.blobs, "ranges": ranges}

    def restore(self, state: dict[str, Any]) -> None:
        if not state["blobs"]:
            return
        graph = self._with_blobs(state["blobs"])
        for activation, (least, most) in zip(graph.activations, state["ranges"], strict=True):
            activation.set(least, most)

    def end(self) -> None:
        self.ended()

    def _with_blobs(self, names: Sequence[str]) -> _Graph:
        """The graph; built again where other blobs are needed than before."""
        known = [] if self._graph is None else self._graph.blobs
        missing = [name for name in names if name not in known]
        if self._graph is None or missing:
            blobs = [*known, *missing]
            # In validation there are no gradients, and later batches need them.
            with torch.inference_mode(False), torch.enable_grad():
                graph = graph_of(self.name, self.module, self.data, blobs, self.images[0])
                layers = fold(graph, ROUNDED[self.weights])
                self._graph = _Graph(blobs, graph, layers, place(graph))
            self.measure()
        return self._graph
