"""Any chainer.Link as a teacher: in evaluation mode, without gradients, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deelish.engines.chainer.description import named_arrays, structure_of
from deelish.engines.chainer.device import computing, to_numpy
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import is_array, recorded, recording
from deelish.engines.inference import ADDRESS, Part, logits_of
from deelish.engines.watched import WatchedModel, sampled
from deelish.errors import TrainingError

chainer = import_chainer()


class ChainerModel(WatchedModel):
    """A chainer.Link or Chain, called with one variable; it stays on its device.

    output: which part of its output the logits are, where it makes several.

    Raises:
        TrainingError: it has links whose weights are not there yet.
    """

    kind = "Chainer chain"

    def __init__(self, link: Any, output: Part = None) -> None:
        self._link, self.output = link, output
        self.name = link.name or type(link).__name__
        empty = [name for name, parameter in link.namedparams() if parameter.array is None]
        if empty:
            raise TrainingError(
                f"{self.name}: {', '.join(empty[:3])} holds no array yet; load its weights, or"
                " run it once, before it teaches or learns"
            )
        self.parameters = sum(parameter.size for parameter in link.params())

    def run(self, values: np.ndarray) -> np.ndarray:
        device = self._link.device
        with self._unchanged(), computing(device, train=False, enable_backprop=False):
            given = chainer.Variable(device.send(values), requires_grad=False)
            output = self._called(given)
        return self._array(output)

    def _called(self, values: Any) -> Any:
        """The logits in the link's output."""
        return logits_of(self.name, self._link(values), is_array, self.output)

    def _array(self, output: Any) -> np.ndarray:
        if isinstance(output, chainer.Variable) and output.creator_node is not None:
            raise TrainingError(
                f"{self.name}: its output has a gradient, though it ran without; take what enables"
                " backprop out of its forward()"
            )
        return to_numpy(output).astype(np.float32, copy=False)

    def trainable_ids(self) -> set[int]:
        return {id(value) for value in self._link.params() if value.requires_grad}

    def feature(self, values: np.ndarray, layer: str) -> np.ndarray:
        with recording(self.name, self._link, [layer]) as outputs, self._recorded():
            self.run(values)
        return self._array(recorded(self.name, layer, outputs))

    def _source(self) -> Any:
        return self._link

    def _structure(self) -> str:
        return structure_of(self._link)

    def _printed(self) -> str:
        return ADDRESS.sub("", repr(self._link))

    def _arrays(self) -> Iterator[tuple[str, str, np.ndarray]]:
        for name, array in named_arrays(self._link):
            if array.dtype != object:  # which is described as an attribute
                yield name, "", np.ascontiguousarray(to_numpy(array))

    def _version(self) -> Any:
        """Some numbers of each array."""
        return [sampled(array) for _, _, array in self._arrays()]
