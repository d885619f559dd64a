"""Any torch.nn.Module as a student: checked, run, described and replaced in its last layer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.inference import Part, no_such_layer
from deelish.engines.learning import LayerOutput, LearningModel
from deelish.engines.torch import last_layers
from deelish.engines.torch.adopted import AdoptedModule
from deelish.engines.torch.alive import most_numbers
from deelish.engines.torch.inference import TorchModel
from deelish.errors import TrainingError, first_line


class TorchLearningModel(TorchModel, LearningModel):
    """A torch.nn.Module that is trained: itself, and no copy of it.

    Args:
        module: the module. It moves to the device of the engine.
        device: that of the engine.
        generator: the engine's, for dropout.
        output: which part of its output the logits are, where it makes several.

    Raises:
        TrainingError: it has no trainable weights, or is on another device or in another type.
    """

    freezable = False

    def __init__(
        self,
        module: nn.Module,
        device: torch.device,
        generator: torch.Generator,
        output: Part = None,
    ) -> None:
        _check_bare(module)
        super().__init__(module, output)
        self._check_weights(device)
        # Convolutions run fastest so; the numbers and their names stay the same.
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module = AdoptedModule(self.name, module, generator, output)
        self.module.trainable()

    def _check_weights(self, device: torch.device) -> None:
        for name, value in self._module.state_dict(keep_vars=True).items():
            if not isinstance(value, Tensor):
                continue
            if value.is_meta:
                raise TrainingError(
                    f"{self.name}: {name} is on the device meta, which holds no numbers; make the"
                    " module on the cpu"
                )
            if value.device.type not in ("cpu", device.type):
                raise TrainingError(
                    f"{self.name}: {name} is on {value.device}, and this session on {device}; give"
                    f" Deel(gpu={value.device.index or 0}), or move it with module.cpu()"
                )
            if value.is_floating_point() and value.dtype != torch.float32:
                kind = str(value.dtype).removeprefix("torch.")
                raise TrainingError(
                    f"{self.name}: {name} is {kind}, and weights are trained in float32; give"
                    " module.float(), and Deel(precision=...) for what layers compute in"
                )

    def _called(self, values: Tensor) -> Tensor:
        if values.is_inference():
            made: Tensor = super()._called(values)
            return made
        shape, version = values.shape, values._version
        made = super()._called(values)
        if values.shape != shape or values._version != version:
            raise TrainingError(
                f"{self.name}: its forward() writes over the images that it is given; let it work"
                " on a copy"
            )
        return made

    def example(self, values: np.ndarray) -> Tensor:
        """The logits of images in evaluation mode, without gradients."""
        self._into_evaluation_mode()
        with torch.no_grad():
            return self._called(self._input(values))

    def program(self, folder: Path, shape: Sequence[int]) -> dict[str, str]:
        from deelish.engines.torch.edge.program import program_of_module

        self._into_evaluation_mode()
        return program_of_module(folder, self.name, self._module, self.output, tuple(shape))

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            name: np.array(value.detach().cpu().numpy(), order="C")
            for name, value in self._module.state_dict().items()
            if isinstance(value, Tensor)
        }

    def set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        try:
            self._module.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise TrainingError(f"{self.name}: refuses the weights ({first_line(error)})") from None

    def copied_module(self) -> AdoptedModule:
        copied: AdoptedModule = copy.copy(self.module)
        copied._modules = dict(self.module._modules)
        copied.module = copy.deepcopy(self._module)
        return copied

    def last_layers(self, values: np.ndarray) -> list[str]:
        return last_layers.last_layers(self._module, lambda: self.example(values))

    def width(self, values: np.ndarray) -> int:
        return int(self.example(values).shape[1])

    def put_like(self, layers: list[str], classes: int, *, found: bool) -> list[str]:
        return last_layers.put_like(self.name, self._module, layers, classes, found=found)

    def put_linear(self, layer: str, weight: np.ndarray, bias: np.ndarray) -> Callable[[], None]:
        return last_layers.put_linear(self.name, self._module, layer, weight, bias)

    def ends_in_linear(self, values: np.ndarray) -> bool:
        run = partial(self.example, values)
        return last_layers.linear_last(self.name, self._module, run) is not None

    def layers(self, values: np.ndarray) -> list[LayerOutput]:
        rows: list[LayerOutput] = []
        hooks = [
            part.register_forward_hook(_describing(rows, name))
            for name, part in self._module.named_modules()
            if name
        ]
        try:
            self.example(values)
        finally:
            for hook in hooks:
                hook.remove()
        order = {name: number for number, (name, _) in enumerate(self._module.named_modules())}
        return sorted(rows, key=lambda row: order[row.name])

    def multiply_adds(self, values: np.ndarray) -> int | None:
        """As PyTorch's own counter counts them: convolutions, products of matrices, attention."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self.example(values)
        # It counts a multiplication and an addition as two.
        return int(counter.get_total_flops()) // 2

    def peak_numbers(self, values: np.ndarray) -> int | None:
        """As this module's own operators make and release them."""
        self._into_evaluation_mode()
        image = self._input(values)
        with torch.no_grad():
            return most_numbers(self._module, image, lambda: self._called(image))

    def counted(self) -> int:
        return sum(value.numel() for value in self._module.parameters())

    def weighted_layers(self) -> list[str]:
        return [
            name
            for name, part in self._module.named_modules()
            if any(True for _ in part.parameters(recurse=False))
        ]

    def check_layer(self, layer: str) -> None:
        parts = dict(self._module.named_modules())
        if not layer or layer not in parts:
            no_such_layer(self.name, layer, parts)


def _check_bare(module: nn.Module) -> None:
    """Refuse a module around another one, whose inner layers cannot be seen, or half a module.

    Raises:
        TrainingError: it is scripted, compiled, parallel, or without torch's own attributes.
    """
    name = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise TrainingError(f"{name}: is scripted; give the module that it was made from")
    if "_modules" not in vars(module):
        raise TrainingError(f"{name}: its __init__ has not called super().__init__(); add that")
    if hasattr(module, "_orig_mod"):
        raise TrainingError(f"{name}: is compiled; give the module that it was made from")
    if name in ("DataParallel", "DistributedDataParallel"):
        raise TrainingError(
            f"{name}: is around another module; give that, module.module; torchrun shares the"
            " batches by itself"
        )


def _describing(rows: list[LayerOutput], name: str) -> Any:
    def note(part: nn.Module, given: Any, made: Any) -> None:
        if isinstance(made, Tensor) and all(row.name != name for row in rows):
            own = sum(value.numel() for value in part.parameters())
            rows.append(LayerOutput(name, type(part).__name__, tuple(made.shape[1:]), own))

    return note
