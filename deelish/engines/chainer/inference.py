"""Any chainer.Link as a teacher: in evaluation mode, without gradients, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deelish.engines.chainer.device import computing, to_numpy
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.recording import is_array, recorded, recording
from deelish.engines.inference import (
    ADDRESS,
    Digest,
    Part,
    WatchedModel,
    logits_of,
    qualified,
)
from deelish.errors import TrainingError

chainer = import_chainer()

# How many numbers of an array show that it was updated, which changes nearly all of them.
SAMPLE = 64


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
        with recording(self.name, self._link, [layer]) as outputs:
            self.run(values)
        return self._array(recorded(self.name, layer, outputs))

    def _compute_digest(self) -> str:
        """Names, types and bytes of all that its files hold, and the links as they print."""
        digest = Digest(qualified(self._link), ADDRESS.sub("", repr(self._link)))
        for name, array in named_arrays(self._link):
            digest.array(name, to_numpy(array), "")
        return digest.hex()

    def _version(self) -> list[bytes]:
        """Some numbers of each array."""
        return [
            to_numpy(array.ravel()[:: max(1, array.size // SAMPLE)]).tobytes()
            for _, array in named_arrays(self._link)
        ]


def named_arrays(link: Any) -> Iterator[tuple[str, Any]]:
    """Parameters and persistent arrays, such as running statistics, by name."""
    for path, part in link.namedlinks():
        for name in sorted((*part._params, *part._persistent)):
            value = getattr(part, name)
            array = value.array if isinstance(value, chainer.Parameter) else value
            yield f"{path}/{name}", array if is_array(array) else np.asarray(array)
