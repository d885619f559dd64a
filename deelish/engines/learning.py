"""What deelish asks of a model of another library that learns: a module, its arrays, its layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.engines.watched import WatchedModel
from deelish.errors import FileError, TrainingError, first_line

DATA = "data"
# The name of the module itself among its parts, and so of its own output.
LOGITS = ""
# The input and the output of its .onnx.
ONNX_DATA, ONNX_LOGITS = "data", "logits"
# Before the name of a layer: what goes into it.
INPUT_OF = "input of "


@dataclass(frozen=True)
class LayerOutput:
    """One layer as it ran: its name, its class, its output for one image, its parameters."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class NewLayers:
    """The last layers after they were replaced: their names, and how many outputs they had."""

    names: list[str]
    before: int


class LearningModel(WatchedModel):
    """A model of the engine's framework whose weights a training changes.

    Attributes:
        module: what the engine runs and trains: from {"data": tensor} and names to outputs by
            name. The name of the logits is `LOGITS`, that of a layer is its own, and `INPUT_OF`
            before a layer's name is what goes into it.
        output: which part of its output the logits are, where it makes several.
    """

    module: Any
    output: int | str | None = None

    @abstractmethod
    def counted(self) -> int:
        """How many parameters it has now."""

    @abstractmethod
    def weighted_layers(self) -> list[str]:
        """The layers that hold parameters of their own."""

    @abstractmethod
    def check_layer(self, layer: str) -> None:
        """Refuse the name of a layer that it does not have.

        Raises:
            PlanError: there is none; the nearest names are given.
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """A copy of all that its files hold: parameters and buffers by name, C-contiguous."""

    @abstractmethod
    def set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the values of all arrays; names, shapes and types are its own."""

    @abstractmethod
    def copied_module(self) -> Any:
        """A module of its own with the same weights."""

    @abstractmethod
    def last_layers(self, values: np.ndarray) -> list[str]:
        """The layers with weights that make the logits; empty where none can be found."""

    @abstractmethod
    def width(self, values: np.ndarray) -> int:
        """How many logits an image has."""

    @abstractmethod
    def put_like(self, layers: list[str], classes: int, *, found: bool) -> list[str]:
        """Put new layers with so many outputs in the place of these; the names of the new ones.

        Args:
            layers: the layers.
            classes: how many outputs the new ones have.
            found: whether `last_layers` found them, and no user named them.

        Raises:
            TrainingError: there is no such layer, or it cannot be replaced.
        """

    @abstractmethod
    def put_linear(self, layer: str, weight: np.ndarray, bias: np.ndarray) -> Callable[[], None]:
        """Put a linear layer in the place of another; a function that takes it out again."""

    @abstractmethod
    def ends_in_linear(self, values: np.ndarray) -> bool:
        """Whether one linear layer with a bias makes the logits, and nothing after it."""

    def replace_last(self, values: np.ndarray, classes: int, names: Iterable[str]) -> NewLayers:
        """Replace the last layers by new ones with so many outputs.

        Args:
            values: two images, on which the model runs.
            classes: how many outputs the new layers have.
            names: the layers to replace; empty for those that `last_layers` finds.

        Raises:
            TrainingError: there is none, it cannot be replaced, or the logits stay as they were.
        """
        before, given = self.width(values), list(names)
        layers = given or self.last_layers(values)
        if not layers:
            raise TrainingError(
                f"{self.name}: no linear layer or convolution makes its {before} logits, so that"
                f" none can be replaced by one of {classes}; name it with head="
            )
        new = self.put_like(layers, classes, found=not given)
        self._check_width(values, new, classes)
        return NewLayers(new, before)

    def check_linear_last(self, values: np.ndarray) -> None:
        """Refuse a model whose logits for these images are not made by one linear layer alone.

        Raises:
            TrainingError: it has none, several, or others after it.
        """
        if not self.ends_in_linear(values):
            raise TrainingError(
                f"{self.name}: its logits are not made by one linear layer with a bias alone, so"
                " that a probe gives it no classes; train it on labels, with student.backprop(t)"
            )

    def set_last(self, values: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> NewLayers:
        """Replace the last layer by one with weight (classes, features) and bias (classes,).

        Raises:
            TrainingError: it has no linear last layer, or fails with another number of classes;
                then it is as it was.
        """
        self.check_linear_last(values)
        layer, before = self.last_layers(values)[-1], self.width(values)
        take_out = self.put_linear(layer, weight, bias)
        try:
            self._check_width(values, [layer], len(weight))
        except TrainingError:
            take_out()
            raise
        return NewLayers([layer], before)

    def _check_width(self, values: np.ndarray, layers: list[str], classes: int) -> None:
        """Run the model with its new layers: it has as many logits as they have outputs."""
        names = ", ".join(layers)
        try:
            width = self.width(values)
        except Exception as error:
            raise TrainingError(
                f"{self.name}: fails after its layer {names} was replaced ({first_line(error)});"
                " name all layers that make its logits with head="
            ) from error
        if width != classes:
            raise TrainingError(
                f"{self.name}: gives {width} logits after {names} was replaced by a layer of"
                f" {classes} outputs; name the layers that make its logits with head="
            )

    @abstractmethod
    def layers(self, values: np.ndarray) -> list[LayerOutput]:
        """The layers that run for one image, in their order."""

    def multiply_adds(self, values: np.ndarray) -> int | None:
        """Multiply-adds for one image; None where the framework does not count them."""
        return None

    def peak_numbers(self, values: np.ndarray) -> int | None:
        """The weights, and the most numbers alive beside them for one image; None where unknown."""
        return None

    def onnx(self, values: np.ndarray) -> bytes:
        """The model as .onnx, input "data" and output "logits", any batch size.

        Raises:
            FileError: the framework has no exporter, or it fails.
        """
        raise FileError(
            f"{self.name}: a {self.kind} cannot be written as .onnx; write .safetensors instead"
        )

    def program(self, folder: Path, shape: Sequence[int]) -> dict[str, str]:
        """Write its exported program into a folder; what errors call each of its modules.

        Args:
            folder: see `deelish.engines.torch.edge.program`.
            shape: (channels, height, width) of an image.

        Raises:
            FileError: the framework has none, or its exporter fails.
        """
        raise FileError(
            f"{self.name}: a {self.kind} cannot be written for small devices; write .safetensors,"
            " or train it as a torch.nn.Module"
        )

    def check_arrays(self, arrays: Mapping[str, np.ndarray], path: Path) -> None:
        """Refuse the arrays of a file that are not those of this model.

        Raises:
            FileError: one is missing, not known, or of another shape or type.
        """
        own = self.arrays()
        for name in sorted(own.keys() ^ arrays.keys()):
            side = "lacks" if name in own else "holds"
            raise FileError(
                f"{path}: {side} {name!r}, unlike {self.name}; give the module that it was saved"
                " from"
            )
        for name, array in arrays.items():
            if (array.shape, array.dtype) != (own[name].shape, own[name].dtype):
                raise FileError(
                    f"{path}: {name!r} is {array.dtype} {array.shape} in the file,"
                    f" {own[name].dtype} {own[name].shape} in {self.name}; give the module that it"
                    " was saved from"
                )
