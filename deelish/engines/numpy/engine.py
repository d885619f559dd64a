"""The NumPy engine: forward only, written to be clear; the tests compare the others with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from deelish.engines.base import Engine, LayerArray, Part
from deelish.engines.custom import custom
from deelish.engines.numpy.layers import OPS, OWN
from deelish.engines.precision import only_float32
from deelish.engines.runner import Runner
from deelish.engines.trainable import LayerFactor, unscaled
from deelish.errors import EngineError
from deelish.plan.plan import Plan

_NO_TRAINING = "engine 'numpy' is for inference alone; train with Deel(engine='torch')"


class PlanArrays:
    """A plan and its weights: by layer an object with an array for each blob, None for no bias."""

    def __init__(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        self.plan = plan
        self._weights = {layer: SimpleNamespace(bias=None) for layer in plan.weights}
        for layer, blobs in plan.weights.items():
            for name, blob in blobs.items():
                owner, owned = plan.owners.get((layer, name), (layer, name))
                if owner == layer:
                    array = np.array(values[layer][name], np.float32)
                else:
                    array = getattr(self.weights_of(owner), owned)
                setattr(self.weights_of(layer), name, array.reshape(blob.shape))
        self.runner = Runner(plan, _op_of, self.weights_of)

    def weights_of(self, layer: str) -> Any:
        """The object that holds a layer's weights, or None."""
        return self._weights.get(layer)


def _op_of(type: str) -> Any:
    return OPS.get(type) or custom("numpy", type)


class NumpyEngine(Engine):
    """NumPy on the CPU. Runs plans, in training mode too, and trains nothing."""

    name = "numpy"
    device = "cpu"

    def __init__(self, gpu: int, precision: str) -> None:
        only_float32(self.name, precision)
        if gpu >= 0:
            raise EngineError(f"Deel(gpu={gpu}, engine='numpy'): it has no GPU; leave gpu out")
        self._generator = np.random.default_rng()

    def has_own(self, type: str) -> bool:
        return type in OWN and OPS.get(type) is OWN[type]

    def build(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> PlanArrays:
        return PlanArrays(plan, values)

    def run(
        self,
        module: PlanArrays,
        inputs: Mapping[str, Any],
        wanted: Iterable[str],
        *,
        training: bool,
        reduced: bool = False,
        sampled: bool = False,
    ) -> dict[str, Any]:
        blobs = {name: self.array(values) for name, values in inputs.items()}
        generator = self._generator if training else None
        sampler = self._generator if training or sampled else None
        return module.runner.run(blobs, wanted, generator, "cpu", sampler)

    def array(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values)

    def numpy(self, tensor: np.ndarray) -> np.ndarray:
        return np.asarray(tensor, order="C")

    def detach(self, tensor: np.ndarray) -> np.ndarray:
        return tensor

    def is_own(self, value: Any) -> bool:
        return isinstance(value, np.ndarray)

    def log(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(values))

    def exp(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(values))

    def softmax(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(self.log_softmax(scores)))

    def log_softmax(self, scores: np.ndarray) -> np.ndarray:
        shifted = scores - scores.max(1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))

    def sum(self, values: np.ndarray, axis: int | None = None) -> Any:
        return values.sum() if axis is None else values.sum(axis, keepdims=True)

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.matmul(a, b))

    def swap_last_axes(self, values: np.ndarray) -> np.ndarray:
        return np.swapaxes(values, -2, -1)

    def gather(self, values: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.asarray(values[np.arange(len(values)), labels])

    def take(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.asarray(values[rows])

    def optimizer_options(self, name: str) -> list[str]:
        raise EngineError(_NO_TRAINING)

    def optimizer(
        self,
        module: Any,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        factor: LayerFactor = unscaled,
    ) -> Any:
        raise EngineError(_NO_TRAINING)

    def update(
        self, optimizers: Sequence[Any], loss: Any, lr: float, *, failed: bool = False
    ) -> Part | None:
        raise EngineError(_NO_TRAINING)

    def all_finite(self, tensors: Iterable[np.ndarray]) -> bool:
        return all(bool(np.isfinite(tensor).all()) for tensor in tensors)

    def layer_arrays(self, module: PlanArrays, part: Part) -> Iterator[LayerArray]:
        raise EngineError(_NO_TRAINING)

    def copied_buffers(self, module: PlanArrays) -> Sequence[Any]:
        raise EngineError(_NO_TRAINING)

    def restore_buffers(self, module: PlanArrays, copies: Sequence[Any]) -> None:
        raise EngineError(_NO_TRAINING)

    def ema_update(self, module: Any, other: Any, decay: float, *, buffers: bool = False) -> None:
        raise EngineError(_NO_TRAINING)

    def seed(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
