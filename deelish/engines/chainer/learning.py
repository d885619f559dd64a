"""Any chainer.Link as a student: checked, run, described and replaced in its last link."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deelish.engines.chainer import last_layers
from deelish.engines.chainer.adopted import AdoptedChain
from deelish.engines.chainer.description import named_arrays
from deelish.engines.chainer.device import to_numpy
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.inference import ChainerModel
from deelish.engines.chainer.recording import links_of
from deelish.engines.inference import Part, no_such_layer
from deelish.engines.learning import LayerOutput, LearningModel
from deelish.errors import TrainingError

chainer = import_chainer()


class ChainerLearningModel(ChainerModel, LearningModel):
    """A chainer.Link that is trained: itself, and no copy of it.

    Args:
        link: the link. It moves to the device of the engine.
        device: that of the engine.
        generator: the engine's, for dropout.
        output: which part of its output the logits are, where it makes several.

    Raises:
        TrainingError: it has no trainable weights, or is on another device or in another type.
    """

    def __init__(self, link: Any, device: Any, generator: Any, output: Part = None) -> None:
        super().__init__(link, output)
        self._check_weights(device)
        link.to_device(device)
        self.module = AdoptedChain(self.name, link, generator, output)
        self.module.to_device(device)
        self.module.trainable()

    def _check_weights(self, device: Any) -> None:
        for name, array in self._held():
            where = chainer.backend.get_device_from_array(array)
            if where.xp is not np and where != device:
                raise TrainingError(
                    f"{self.name}: {name} is on {where}, and this session on {device}; move it"
                    " with to_cpu()"
                )
            if array.dtype.kind == "f" and array.dtype != np.float32:
                raise TrainingError(
                    f"{self.name}: {name} is {array.dtype}, and weights are trained in float32;"
                    " make the chain under chainer.using_config('dtype', numpy.float32)"
                )

    def _held(self) -> list[tuple[str, Any]]:
        """All that its files hold, by the names of Chainer's own: "conv1/W"."""
        found = ((name.strip("/"), array) for name, array in named_arrays(self._link))
        return [(name, array) for name, array in found if array.dtype != object]

    def _called(self, values: Any) -> Any:
        before = to_numpy(values).copy()
        made = super()._called(values)
        if not np.array_equal(to_numpy(values), before):
            raise TrainingError(
                f"{self.name}: its forward() writes over the images that it is given; let it work"
                " on a copy"
            )
        return made

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.array(to_numpy(array), order="C") for name, array in self._held()}

    def set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        links = {path.strip("/"): link for path, link in self._link.namedlinks()}
        for name, array in arrays.items():
            path, _, own = name.rpartition("/")
            held = getattr(links[path], own)
            array = np.asarray(array)
            if isinstance(held, chainer.Parameter):
                held.array[...] = held.device.send(array)
            elif isinstance(held, chainer.get_array_types()) and held.ndim:
                held[...] = self._link.device.send(array)
            else:
                setattr(links[path], own, array.item())

    def copied_module(self) -> AdoptedChain:
        link = copy.deepcopy(self._link)
        copied = AdoptedChain(self.name, link, self.module.generator, self.output)
        copied.to_device(self._link.device)
        return copied

    def width(self, values: np.ndarray) -> int:
        return int(self.run(values).shape[1])

    def last_layers(self, values: np.ndarray) -> list[str]:
        return last_layers.last_layers(self._link, lambda: self.width(values))

    def put_like(self, layers: list[str], classes: int, *, found: bool) -> list[str]:
        return last_layers.put_like(self.name, self._link, layers, classes)

    def put_linear(self, layer: str, weight: np.ndarray, bias: np.ndarray) -> Callable[[], None]:
        return last_layers.put_linear(self._link, layer, weight, bias)

    def ends_in_linear(self, values: np.ndarray) -> bool:
        names, logits = self.last_layers(values), self.run(values)
        if not names or not last_layers.is_linear(links_of(self._link)[names[-1]]):
            return False
        made = self.feature(values, names[-1])
        same = made.size == logits.size and np.array_equal(made.reshape(logits.shape), logits)
        return bool(same)

    def layers(self, values: np.ndarray) -> list[LayerOutput]:
        hook = _Outputs()
        with hook:
            self.run(values)
        names = {id(part): name for name, part in links_of(self._link).items() if name}
        return [
            LayerOutput(names[key], type(link).__name__, shape, link.count_params())
            for key, (link, shape) in hook.made.items()
            if key in names and shape is not None
        ]

    def counted(self) -> int:
        return sum(int(parameter.size) for parameter in self._link.params())

    def weighted_layers(self) -> list[str]:
        return [name for name, link in links_of(self._link).items() if link._params]

    def check_layer(self, layer: str) -> None:
        links = links_of(self._link)
        if not layer or layer not in links:
            no_such_layer(self.name, layer, links)


class _Outputs(chainer.LinkHook):  # type: ignore[misc, name-defined]
    """The shapes that links make, in the order in which they begin to run."""

    name = "deelish outputs"

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[int, tuple[Any, tuple[int, ...] | None]] = {}

    def forward_preprocess(self, args: Any) -> None:
        self.made.setdefault(id(args.link), (args.link, None))

    def forward_postprocess(self, args: Any) -> None:
        shape = getattr(args.out, "shape", None)
        if shape is not None and self.made[id(args.link)][1] is None:
            self.made[id(args.link)] = args.link, tuple(shape[1:])
