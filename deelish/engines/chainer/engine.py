"""The Chainer engine: plans as chainer.Chain, on NumPy or on one GPU by CuPy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from deelish.engines.base import NO_GRADIENT, Engine, LayerArray, Part
from deelish.engines.chainer import averaging, checkpoint
from deelish.engines.chainer.adopted import AdoptedChain
from deelish.engines.chainer.description import has_hooks
from deelish.engines.chainer.device import choose_device, computing, drawing_from, to_numpy
from deelish.engines.chainer.finite import (
    all_finite,
    copied_buffers,
    layer_arrays,
    restore_buffers,
)
from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers import OPS, OWN
from deelish.engines.chainer.learning import ChainerLearningModel
from deelish.engines.chainer.module import PlanChain
from deelish.engines.chainer.optimizers import Optimizer, optimizer_options
from deelish.engines.frameworks import check_source
from deelish.engines.precision import only_float32
from deelish.engines.state import SavedState
from deelish.engines.trainable import LayerFactor, unscaled
from deelish.errors import TrainingError
from deelish.plan.plan import Plan

chainer = import_chainer()
F = chainer.functions


class ChainerEngine(Engine):
    """Chainer. The module that `build` makes is a real chainer.Chain."""

    name = "chainer"

    def __init__(self, gpu: int, precision: str) -> None:
        only_float32(self.name, precision)
        self._device = choose_device(gpu)
        self.device = "cpu" if gpu < 0 else f"cuda:{gpu}"
        self._generator = self._device.xp.random.default_rng()

    def build(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> PlanChain:
        chain = PlanChain(plan, values, self._generator)
        chain.to_device(self._device)
        return chain

    def has_own(self, type: str) -> bool:
        return type in OWN and OPS.get(type) is OWN[type]

    def is_hooked(self, module: PlanChain) -> bool:
        return has_hooks(module)

    def adopt(self, source: Any, output: int | str | None) -> ChainerLearningModel:
        check_source(source, self.name)
        return ChainerLearningModel(source, self._device, self._generator, output)

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        with drawing_from(self._device, seed):
            yield

    def run(
        self,
        module: PlanChain | AdoptedChain,
        inputs: Mapping[str, Any],
        wanted: Iterable[str],
        *,
        training: bool,
        reduced: bool = False,
        sampled: bool = False,
    ) -> dict[str, Any]:
        variables = {name: self._variable(value) for name, value in inputs.items()}
        module.generator, module.sampled = self._generator, sampled
        # Chainer checks types and shapes in every function; the plan has done so.
        with self._computing(train=training, enable_backprop=training, type_check=False):
            outputs = dict(module(variables, wanted))
        module.sampled = False
        # What is done with logits later must not grow a graph from them.
        return outputs if training else {name: self.detach(v) for name, v in outputs.items()}

    def sensitivity(
        self,
        module: PlanChain,
        inputs: Mapping[str, Any],
        blob: str,
        logits: str,
        labels: np.ndarray,
    ) -> tuple[Any, Any]:
        given = {
            name: chainer.Variable(self._variable(value).array) for name, value in inputs.items()
        }
        with self._computing(train=False, enable_backprop=True, type_check=False):
            made = module(given, [blob, logits])
            scores = F.reshape(made[logits], (len(labels), -1))
            total = F.sum(self.gather(scores, labels))
            (gradients,) = chainer.grad([total], [made[blob]])
        return made[blob], gradients

    def _computing(self, **settings: bool) -> AbstractContextManager[None]:
        # Without the setting cuDNN sums gradients in another order every time.
        return computing(self._device, cudnn_deterministic=True, **settings)

    def _variable(self, value: Any) -> Any:
        return value if isinstance(value, chainer.Variable) else self.array(value)

    def array(self, values: np.ndarray) -> Any:
        array = self._device.send(np.ascontiguousarray(values))
        # Without this Chainer computes the gradient of the images, too.
        return chainer.Variable(array, requires_grad=False)

    def numpy(self, tensor: Any) -> np.ndarray:
        return to_numpy(tensor)

    def detach(self, tensor: Any) -> Any:
        return chainer.Variable(tensor.array, requires_grad=False)

    def is_own(self, value: Any) -> bool:
        return isinstance(value, chainer.Variable)

    def softmax(self, scores: Any) -> Any:
        return F.softmax(scores, axis=1)

    def log_softmax(self, scores: Any) -> Any:
        return F.log_softmax(scores, axis=1)

    def log(self, values: Any) -> Any:
        return F.log(values)

    def exp(self, values: Any) -> Any:
        return F.exp(values)

    def sum(self, values: Any, axis: int | None = None) -> Any:
        return F.sum(values, axis=axis, keepdims=axis is not None)

    def matmul(self, a: Any, b: Any) -> Any:
        return F.matmul(a, b)

    def swap_last_axes(self, values: Any) -> Any:
        return F.swapaxes(values, -2, -1)

    def gather(self, values: Any, labels: np.ndarray) -> Any:
        return F.select_item(values, self._device.send(labels.astype(np.int32)))

    def take(self, values: Any, rows: np.ndarray) -> Any:
        return F.get_item(values, self._device.send(rows))

    def optimizer_options(self, name: str) -> list[str]:
        return optimizer_options(name)

    def optimizer(
        self,
        module: PlanChain | AdoptedChain,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        factor: LayerFactor = unscaled,
    ) -> Optimizer:
        return Optimizer(module, name, lr, options, factor)

    def update(
        self, optimizers: Sequence[Optimizer], loss: Any, lr: float, *, failed: bool = False
    ) -> Part | None:
        with self._computing():
            for optimizer in optimizers:
                optimizer.own.target.cleargrads()
            if not loss.requires_grad:
                raise TrainingError(NO_GRADIENT)
            loss.backward()
            loss.unchain_backward()
            trained = [value for optimizer in optimizers for value in optimizer.trained]
            if failed or not all_finite(value.grad for value in trained):
                return "gradient"
            for optimizer in optimizers:
                optimizer.step(lr)
            return None if all_finite(trained) else "weight"

    def all_finite(self, tensors: Iterable[Any]) -> bool:
        with self._computing():
            return all_finite(tensors)

    def layer_arrays(self, module: PlanChain | AdoptedChain, part: Part) -> Iterator[LayerArray]:
        return layer_arrays(module, part)

    def copied_buffers(self, module: PlanChain | AdoptedChain) -> list[Any]:
        return copied_buffers(module)

    def restore_buffers(self, module: PlanChain | AdoptedChain, copies: Sequence[Any]) -> None:
        restore_buffers(module, copies)

    def ema_update(
        self,
        module: PlanChain | AdoptedChain,
        other: PlanChain | AdoptedChain,
        decay: float,
        *,
        buffers: bool = False,
    ) -> None:
        with self._computing():
            averaging.ema_update(module, other, decay, buffers=buffers)

    def seed(self, seed: int) -> None:
        self._generator = self._device.xp.random.default_rng(seed)

    def arrays(self, module: PlanChain | AdoptedChain) -> dict[str, np.ndarray]:
        return checkpoint.arrays_of(module)

    def parameter_names(self, module: PlanChain | AdoptedChain) -> set[str]:
        return {name.strip("/") for name, _ in module.namedparams(include_uninit=False)}

    def set_arrays(
        self, module: PlanChain | AdoptedChain, arrays: Mapping[str, np.ndarray]
    ) -> None:
        checkpoint.set_arrays(module, arrays)

    def optimizer_state(self, optimizer: Optimizer) -> SavedState:
        return checkpoint.optimizer_state(optimizer)

    def set_optimizer_state(self, optimizer: Optimizer, state: SavedState) -> None:
        checkpoint.set_optimizer_state(optimizer, state)

    def random_state(self) -> dict[str, Any]:
        # NumPy's generator, from which Chainer draws, is not the engine's own.
        return {}

    def set_random_state(self, values: Mapping[str, Any]) -> None:
        pass

    def rounding(self) -> dict[str, str | int]:
        return checkpoint.rounding(self.device)
