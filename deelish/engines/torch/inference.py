"""Any torch.nn.Module as a teacher: in evaluation mode, without gradients, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from deelish.common.printing import say
from deelish.engines.inference import ADDRESS, Part, logits_of
from deelish.engines.learning import LOGITS
from deelish.engines.sensitivity import Sensitivity, checked_maps
from deelish.engines.torch.description import bytes_of, named_arrays, raw_bytes_of, structure_of
from deelish.engines.torch.frozen import FrozenTeacher
from deelish.engines.torch.input_facts import fixed_input
from deelish.engines.torch.last_layers import embedding_of
from deelish.engines.torch.pixels import input_of
from deelish.engines.torch.recording import check_layer, recorded, recording
from deelish.engines.torch.sensitivity import last_maps, maps_and_gradients
from deelish.engines.torch.watching import Watch, traits
from deelish.engines.watched import WatchedModel
from deelish.errors import TrainingError, first_line
from deelish.plan.preprocessing import Preprocessing


class TorchModel(WatchedModel):
    """A torch.nn.Module. Its own requires_grad, device and type stay as they are.

    output: which part of its output the logits are, where it makes several.

    Its layers compute in reduced precision where that is asked for, as far as autocast goes.

    Raises:
        TrainingError: it has layers whose weights are not there yet.
    """

    kind = "torch module"
    reducible = True
    exportable = True
    # Whether its weights stay, so that a form made of them once may run in its place.
    freezable = True
    _fails_reduced = False

    def __init__(self, module: nn.Module, output: Part = None) -> None:
        self._module, self.output = module, output
        self._frozen: dict[str | None, FrozenTeacher] = {}
        self._watch, self._watch_of_weights = Watch(), Watch(tables=False)
        self.name = type(module).__name__
        empty = [name for name, value in named_arrays(module) if is_lazy(value)]
        if empty:
            raise TrainingError(
                f"{self.name}: {', '.join(empty[:3])} has no shape yet; load its weights, or run"
                " the module once, before it teaches or learns"
            )
        self.parameters = sum(value.numel() for value in module.parameters())
        self.own_dtype = str(self._like().dtype).removeprefix("torch.")
        config = getattr(module, "config", None)
        self.labels = _labels(getattr(config, "id2label", None))
        self.fixed = fixed_input(module)
        size = self.fixed.get("size", getattr(config, "image_size", None))
        if isinstance(size, int):
            self.pixels = {"size": size}

    def input_of(self, pixels: np.ndarray, rule: Preprocessing) -> Tensor:
        """The same as `rule.apply`, channels last in memory, in which convolutions run fastest."""
        return input_of(pixels, rule, self._like().device)

    def run(self, values: np.ndarray | Tensor) -> np.ndarray:
        with self._unchanged():
            self._into_evaluation_mode()
            with torch.inference_mode():
                output = self._forward(self._input(values))
            self._into_evaluation_mode()
        return self._array(output)

    def _called(self, values: Tensor) -> Any:
        """The logits in the module's output."""
        return logits_of(self.name, self._module(values), torch.is_tensor, self.output)

    def _forward(self, values: Tensor) -> Any:
        """The logits; once autocast fails, in the module's own type for good."""
        if self.autocast_dtype is None or self._fails_reduced or values.dtype != torch.float32:
            return self._fastest(values, None)
        try:
            with torch.autocast(values.device.type, getattr(torch, self.autocast_dtype)):
                return self._fastest(values, self.autocast_dtype)
        except Exception as error:
            # An error of its own comes again without autocast.
            self._fails_reduced = True
            output = self._called(values)
            say(
                f"{self.name}: cannot compute in {self.autocast_dtype} ({first_line(error)}); it"
                " teaches in float32"
            )
            return output

    def _fastest(self, values: Tensor, autocast_dtype: str | None) -> Any:
        """The logits, by the frozen form of the module where it has one."""
        if not self.freezable or self._recording or not self._steady:
            return self._called(values)
        frozen = self._frozen.setdefault(
            autocast_dtype, FrozenTeacher(self._module, autocast_dtype)
        )
        return frozen.forward(values, self._called, self._quick(), self.full_batch)

    def trainable_ids(self) -> set[int]:
        return {id(value) for value in self._module.parameters() if value.requires_grad}

    def _into_evaluation_mode(self) -> None:
        """Put every part of the module into evaluation mode, whoever changed it."""
        if any(part.training for part in self._module.modules()):
            self._module.eval()
            still = [name for name, part in self._module.named_modules() if part.training]
            if still:
                raise TrainingError(
                    f"{self.name}: eval() leaves {still[0] or 'the module'} in training mode, where"
                    " a teacher's logits are random; let its eval() reach every part"
                )

    def _like(self) -> Tensor:
        """A tensor on the module's own device, of its own type."""
        tensors = (*self._module.parameters(), *self._module.buffers())
        return next((t for t in tensors if t.is_floating_point()), torch.empty(0))

    def _input(self, values: np.ndarray | Tensor) -> Tensor:
        """The input on the module's own device, in its own type."""
        like, given = self._like(), values if isinstance(values, Tensor) else None
        return (torch.from_numpy(values) if given is None else given).to(like.device, like.dtype)

    def _array(self, output: Tensor) -> np.ndarray:
        if output.requires_grad:
            raise TrainingError(
                f"{self.name}: its output has a gradient, though it ran without; take what turns"
                " gradients on out of its forward()"
            )
        return np.asarray(output.float().cpu().numpy(), np.float32)

    def embedding(self, values: np.ndarray | Tensor) -> str | None:
        def run() -> Tensor:
            self._into_evaluation_mode()
            with torch.inference_mode():
                made: Tensor = self._called(self._input(values))
            return made

        return embedding_of(self.name, self._module, run)

    def onnx(self, values: np.ndarray) -> bytes:
        """The model in ONNX: "data" to "logits", any batch size; two images are its example.

        Raises:
            FileError: a package is missing, or PyTorch's exporter fails.
        """
        from deelish.engines.torch.onnx_export import onnx_of

        self._into_evaluation_mode()
        return onnx_of(self.name, self._module, self.output, self._input(values))

    def onnx_path(self, folder: Path, values: np.ndarray) -> Path:
        path = folder / "module.onnx"
        # One image would fix the batch size.
        path.write_bytes(self.onnx(np.concatenate([values, values])))
        return path

    def feature(self, values: np.ndarray | Tensor, layer: str) -> np.ndarray:
        if layer == LOGITS:
            return self.run(values)
        check_layer(self.name, self._module, layer)
        # The frozen form calls no layer that could be recorded.
        with recording(self._module, [layer]) as outputs, self._recorded():
            self.run(values)
        return self._array(recorded(self.name, layer, outputs))

    def sensitivity(
        self, values: np.ndarray | Tensor, layer: str | None, labels: np.ndarray
    ) -> Sensitivity:
        if layer is not None:
            check_layer(self.name, self._module, layer)
        with self._unchanged(), self._recorded(), torch.enable_grad():
            self._into_evaluation_mode()

            def run() -> Tensor:
                # With a gradient to the images there is one to every layer, frozen ones too.
                given = self._input(values).detach().clone().requires_grad_()
                made: Tensor = self._called(given)
                return made

            if layer is None:
                layer = last_maps(self._module, run)
            part = self._module if layer is None else self._module.get_submodule(layer)
            maps, gradients = maps_and_gradients(self._module, part, run, labels)
        layer = checked_maps(self.name, layer, maps, gradients)
        return Sensitivity(layer, *(self._array(each.detach()) for each in (maps, gradients)))

    def _source(self) -> nn.Module:
        return self._module

    def _structure(self) -> str:
        return structure_of(self._module)

    def _printed(self) -> str:
        return ADDRESS.sub("", repr(self._module))

    def _arrays(self) -> Iterator[tuple[str, str, np.ndarray]]:
        for name, value in named_arrays(self._module):
            yield name, f"{value.dtype} {tuple(value.shape)}", bytes_of(value)

    def _raw_arrays(self) -> Iterator[tuple[str, str, np.ndarray]]:
        for name, value in named_arrays(self._module):
            kind = f"{value.dtype} {tuple(value.shape)} {value.stride()}"
            yield name, kind, raw_bytes_of(value)

    def _note_change(self) -> None:
        # What was frozen of it is frozen again.
        self._frozen.clear()

    def _weights(self) -> Any:
        return self._watch_of_weights.look(self._module)

    def _version(self) -> Any:
        return self._watch.look(self._module)

    def _traits(self) -> Any:
        return traits(self._module)


def _labels(names: Any) -> list[str] | None:
    """The classes as Hugging Face stores them: {0: "tench, Tinca tinca", ...}; not LABEL_0."""
    if not isinstance(names, dict) or set(names) != set(range(len(names))):
        return None
    labels = [str(names[i]) for i in range(len(names))]
    return None if labels == [f"LABEL_{i}" for i in range(len(names))] else labels
