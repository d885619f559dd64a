"""The PyTorch engine: plans as torch.nn.Module, on the CPU or one GPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deelish.common.processes import launch
from deelish.engines.base import NO_GRADIENT, Engine, LayerArray, Part
from deelish.engines.frameworks import check_source
from deelish.engines.precision import AUTO, REDUCED, processor_has_bfloat16
from deelish.engines.state import SavedState
from deelish.engines.torch import averaging, checkpoint
from deelish.engines.torch.adopted import AdoptedModule
from deelish.engines.torch.allocator import keep_large_blocks
from deelish.engines.torch.compiler import Compiler
from deelish.engines.torch.description import has_hooks
from deelish.engines.torch.drawing import drawing_from
from deelish.engines.torch.finite import (
    all_finite,
    copied_buffers,
    layer_arrays,
    restore_buffers,
)
from deelish.engines.torch.int8.form import Int8Form
from deelish.engines.torch.layers import OPS, OWN
from deelish.engines.torch.learning import TorchLearningModel
from deelish.engines.torch.module import PlanModule
from deelish.engines.torch.optimizers import (
    build_optimizer,
    complete_momentum,
    optimizer_options,
    release,
    trained_by,
)
from deelish.engines.torch.pixels import input_of, to_device
from deelish.engines.torch.sensitivity import gradients_of
from deelish.engines.torch.watching import Watch, traits
from deelish.engines.trainable import LayerFactor, scaled, unscaled
from deelish.errors import EngineError, TrainingError
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing


class TorchEngine(Engine):
    """PyTorch. The module that `build` makes is a real torch.nn.Module."""

    name = "torch"

    def __init__(self, gpu: int, precision: str) -> None:
        self._device = _device(gpu)
        if launch().world_size > 1:
            from deelish.engines.torch.group import TorchGroup

            self.group = TorchGroup(self._device)
        self.autocast_dtype = _autocast_dtype(self._device, precision)
        # A precision that was named is for every forward pass.
        self._always = precision in REDUCED
        if self._always:
            self.exact_dtype = precision
        # Gradients in float16 are scaled up, or the small ones would be 0.
        scaled = self.autocast_dtype == "float16"
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=scaled)
        if self._device.type == "cpu":
            keep_large_blocks()
        self.device = str(self._device)
        self._compiler: Compiler | None = None
        self._int8: WeakKeyDictionary[nn.Module, Int8Form] = WeakKeyDictionary()
        self._watches: WeakKeyDictionary[PlanModule, Watch] = WeakKeyDictionary()
        self._generator = torch.Generator(self._device)

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def compile_teachers(self) -> None:
        self._compiler = Compiler()

    def build(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> PlanModule:
        return PlanModule(plan, values, self._generator).to(self._device).eval()

    def has_own(self, type: str) -> bool:
        return type in OWN and OPS.get(type) is OWN[type]

    def is_hooked(self, module: PlanModule) -> bool:
        return has_hooks(module)

    def sample(self, module: PlanModule) -> Any:
        return self._watches.setdefault(module, Watch()).look(module), traits(module)

    def adopt(self, source: Any, output: int | str | None) -> TorchLearningModel:
        check_source(source, self.name)
        return TorchLearningModel(source, self._device, self._generator, output)

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        with drawing_from(seed, self._device):
            yield

    def run(
        self,
        module: PlanModule | AdoptedModule,
        inputs: Mapping[str, Any],
        wanted: Iterable[str],
        *,
        training: bool,
        reduced: bool = False,
        sampled: bool = False,
    ) -> dict[str, Any]:
        if module.training != training:
            module.train(training)
        tensors = {name: self._tensor(value) for name, value in inputs.items()}
        form = self._int8.get(module, module)
        if training:
            self.group.broadcast_weights(module)
            with self._computing(module, reduced):
                outputs = form(tensors, wanted)
            return {name: tensor.float() for name, tensor in outputs.items()}
        module.sampled = sampled
        with torch.inference_mode(), self._computing(module, reduced):
            # What runs in reduced precision is a teacher: many times, in one shape.
            if reduced and self._compiler is not None and isinstance(form, PlanModule):
                outputs = self._compiler.run(form, tensors, wanted)
            else:
                outputs = form(tensors, wanted)
        module.sampled = False
        # A tensor born in inference mode cannot enter a loss; its copy can.
        return {name: tensor.to(torch.float32, copy=True) for name, tensor in outputs.items()}

    def learn_int8(
        self, name: str, module: nn.Module, data: str, weights: str, images: Sequence[Tensor]
    ) -> Int8Form:
        form = Int8Form(name, module, data, weights, images, lambda: self._int8.pop(module, None))
        self._int8[module] = form
        return form

    def sensitivity(
        self,
        module: PlanModule,
        inputs: Mapping[str, Any],
        blob: str,
        logits: str,
        labels: np.ndarray,
    ) -> tuple[Tensor, Tensor | None]:
        module.train(False)
        tensors = {name: self._tensor(value) for name, value in inputs.items()}
        given = {name: value.detach().clone().requires_grad_() for name, value in tensors.items()}
        with torch.enable_grad():
            made = module(given, [blob, logits])
            gradients = gradients_of(made[logits], labels, made[blob])
        return made[blob], gradients

    def autocast_dtype_of(self, module: Any) -> str | None:
        chosen = isinstance(module, AdoptedModule) and not self._always
        slower = chosen and self._device.type == "cpu" and module.is_mobile
        return None if slower else self.autocast_dtype

    def _computing(self, module: nn.Module, reduced: bool) -> AbstractContextManager[Any]:
        dtype = None if module in self._int8 else self.autocast_dtype_of(module)
        if dtype is None or not (reduced or self._always):
            return nullcontext()
        return torch.autocast(self._device.type, getattr(torch, dtype))

    def _tensor(self, value: Any) -> Tensor:
        return value if isinstance(value, Tensor) else self.array(value)

    def array(self, values: np.ndarray) -> Tensor:
        return to_device(values, self._device)

    def input_of(self, pixels: np.ndarray, rule: Preprocessing) -> Tensor:
        return input_of(pixels, rule, self._device)

    def numpy(self, tensor: Tensor) -> np.ndarray:
        return np.asarray(tensor.detach().cpu().numpy(), order="C")

    def detach(self, tensor: Tensor) -> Tensor:
        return tensor.detach()

    def is_own(self, value: Any) -> bool:
        return isinstance(value, Tensor)

    def softmax(self, scores: Tensor) -> Tensor:
        return F.softmax(scores, 1)

    def log_softmax(self, scores: Tensor) -> Tensor:
        return F.log_softmax(scores, 1)

    def log(self, values: Tensor) -> Tensor:
        return values.log()

    def exp(self, values: Tensor) -> Tensor:
        return values.exp()

    def sum(self, values: Tensor, axis: int | None = None) -> Tensor:
        return values.sum() if axis is None else values.sum(axis, keepdim=True)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b)

    def swap_last_axes(self, values: Tensor) -> Tensor:
        return values.transpose(-2, -1)

    def gather(self, values: Tensor, labels: np.ndarray) -> Tensor:
        return values.gather(1, self.array(labels)[:, None])[:, 0]

    def take(self, values: Tensor, rows: np.ndarray) -> Tensor:
        return values.index_select(0, self.array(rows))

    def optimizer_options(self, name: str) -> list[str]:
        return optimizer_options(name)

    def optimizer(
        self,
        module: PlanModule | AdoptedModule,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        factor: LayerFactor = unscaled,
    ) -> torch.optim.Optimizer:
        return build_optimizer(scaled(module.trainable(), factor), name, lr, options)

    def release(self, optimizer: torch.optim.Optimizer) -> None:
        release(optimizer)

    def update(
        self,
        optimizers: Sequence[torch.optim.Optimizer],
        loss: Tensor,
        lr: float,
        *,
        failed: bool = False,
    ) -> Part | None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr * group["lr_mult"]
            optimizer.zero_grad(set_to_none=True)
        if not loss.requires_grad:
            raise TrainingError(NO_GRADIENT)
        failed = self.group.backward(self._scaler.scale(loss), optimizers, failed)
        trained = [tensor for optimizer in optimizers for tensor in trained_by(optimizer)]
        if failed or not self._gradients_finite(trained):
            return "gradient"
        for optimizer in optimizers:
            complete_momentum(optimizer)
            self._scaler.step(optimizer)
        self._scaler.update()
        return None if all_finite(trained) else "weight"

    def _gradients_finite(self, trained: Sequence[Tensor]) -> bool:
        # Scaled gradients overflow by design: the scaler omits such a step and halves its scale.
        # Once the scale is 1 or less, it is not the scale that made them infinite.
        if self._scaler.is_enabled() and self._scaler.get_scale() > 1:
            return True
        return all_finite(tensor.grad for tensor in trained if tensor.grad is not None)

    def all_finite(self, tensors: Iterable[Tensor]) -> bool:
        return all_finite(tensors)

    def layer_arrays(self, module: PlanModule | AdoptedModule, part: Part) -> Iterator[LayerArray]:
        return layer_arrays(module, part)

    def copied_buffers(self, module: nn.Module) -> list[Tensor]:
        return copied_buffers(module)

    def restore_buffers(self, module: nn.Module, copies: Sequence[Tensor]) -> None:
        restore_buffers(module, copies)

    def ema_update(
        self, module: nn.Module, other: nn.Module, decay: float, *, buffers: bool = False
    ) -> None:
        averaging.ema_update(module, other, decay, buffers=buffers)

    def seed(self, seed: int) -> None:
        self._generator.manual_seed(seed)

    def arrays(self, module: nn.Module) -> dict[str, np.ndarray]:
        return checkpoint.arrays_of(module)

    def parameter_names(self, module: nn.Module) -> set[str]:
        return {name for name, _ in module.named_parameters()}

    def set_arrays(self, module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
        checkpoint.set_arrays(module, arrays)

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> SavedState:
        return checkpoint.optimizer_state(optimizer)

    def set_optimizer_state(self, optimizer: torch.optim.Optimizer, state: SavedState) -> None:
        checkpoint.set_optimizer_state(optimizer, state)

    def random_state(self) -> dict[str, Any]:
        return {"generators": checkpoint.random_state(), "loss_scale": self._scaler.state_dict()}

    def set_random_state(self, values: Mapping[str, Any]) -> None:
        checkpoint.set_random_state(values["generators"])
        if values["loss_scale"] and self._scaler.is_enabled():
            self._scaler.load_state_dict(values["loss_scale"])

    def rounding(self) -> dict[str, str | int]:
        precision = {"precision": self.autocast_dtype or "float32"}
        return {**checkpoint.rounding(self._device), **precision}


def _autocast_dtype(device: torch.device, precision: str) -> str | None:
    """The reduced precision of a session; "auto" takes bfloat16 where the device itself has it."""
    if precision in REDUCED:
        return precision
    if precision != AUTO:
        return None
    if device.type == "cuda":
        # The first GPUs with bfloat16 are those of 2020.
        return "bfloat16" if torch.cuda.get_device_capability(device) >= (8, 0) else None
    return "bfloat16" if processor_has_bfloat16() else None


def _device(gpu: int) -> torch.device:
    if gpu < 0:
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if gpu >= count:
        seen = f"this machine shows PyTorch {count} GPU{'s' if count > 1 else ''}"
        there = seen if count else "PyTorch sees no GPU here"
        raise EngineError(f"Deel(gpu={gpu}): {there}; use a number below {count or 1}, or gpu=-1")
    return torch.device("cuda", gpu)
