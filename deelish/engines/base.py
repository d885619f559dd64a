"""What deelish asks of an engine: build a plan, run it, train it, and a few functions on arrays.

All else (shapes, checks, initial weights, losses, schedules, files) is written once, above it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np

from deelish.common.processes import ALONE, Group, available_cores
from deelish.engines.int8 import Int8Learning
from deelish.engines.learning import LearningModel
from deelish.engines.resumable import Resumable
from deelish.engines.trainable import LayerFactor, unscaled
from deelish.engines.watched import sampled
from deelish.errors import EngineError, TrainingError
from deelish.plan.plan import Plan
from deelish.plan.preprocessing import Preprocessing

# Of which arrays numbers are meant: the weights with the buffers, or the gradients.
Part = Literal["weight", "gradient"]

# Weights by layer name, then by blob name ("weight", "bias", ...), float32.
Values = dict[str, dict[str, np.ndarray]]


NO_GRADIENT = (
    "backprop: the loss depends on no weight, so that nothing would be learnt; take detach(),"
    " no_grad() and numpy() out of the student's forward(), of the loss and of the script"
)


def is_mask(buffer: Any) -> bool:
    """Whether an array of any engine has the -inf with which attention hides what it may not see.

    Such infinities are meant; those of weights and of running means are not.
    """
    return bool((buffer == -math.inf).any())


class LayerArray(NamedTuple):
    """An array of a module: its layer, "" where it has none, its name there, its numbers."""

    layer: str
    name: str
    values: Any


class Engine(Resumable):
    """One framework on one device. `Any` stands for the framework's own tensors and modules."""

    name: str
    device: str
    # The reduced precision that training and teachers compute in; None where that is float32.
    autocast_dtype: str | None = None
    # What all other forward passes compute in.
    exact_dtype = "float32"
    # The process group of the training; one process is a group of its own.
    group: Group = ALONE

    @property
    def threads(self) -> int:
        """How many threads it computes with on the CPU."""
        return available_cores()

    def compile_teachers(self) -> None:
        """Compile teachers from now on.

        Raises:
            EngineError: this engine has no compiler.
        """
        raise EngineError(
            f"Deel(engine={self.name!r}, compile=True): this engine compiles nothing; leave"
            " compile out, or take Deel(engine='torch')"
        )

    @abstractmethod
    def build(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
        """The framework's own module for a plan, holding a copy of these weights.

        It has the plan as `plan`; its `weights_of(layer)` has the layer's arrays by their names.
        """

    def adopt(self, source: Any, output: int | str | None) -> LearningModel:
        """A module of the framework's own that learns: itself, moved to the device.

        Args:
            source: the module.
            output: which part of its output the logits are, where it makes several.

        Raises:
            TrainingError: it is no module of this framework, or cannot learn.
        """
        raise TrainingError(
            f"Student({type(source).__name__}): the engine {self.name!r} only predicts; take"
            " Deel(engine='torch')"
        )

    def autocast_dtype_of(self, module: Any) -> str | None:
        """The reduced precision that it computes a module in, where it is asked to; or None."""
        return self.autocast_dtype

    def learn_int8(
        self, name: str, module: Any, data: str, weights: str, images: Sequence[Any]
    ) -> Int8Learning:
        """Run a module as an int8 file will, from now on until the end of what is returned.

        Args:
            name: what errors call the module.
            module: the module, whose parameters learn.
            data: the name of its input.
            weights: of `WEIGHTS`: how many scales the weights of a layer have.
            images: inputs of the engine, on which the ranges of activations are measured.

        Raises:
            EngineError: this engine learns in float32 alone.
            TrainingError: the module's forward pass cannot be followed.
        """
        raise EngineError(
            f"{name}: the engine {self.name!r} does not learn in int8; take Deel(engine='torch')"
        )

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        """Within the block the framework draws from this seed; after it, as before it."""
        yield

    @abstractmethod
    def run(
        self,
        module: Any,
        inputs: Mapping[str, Any],
        wanted: Iterable[str],
        *,
        training: bool,
        reduced: bool = False,
        sampled: bool = False,
    ) -> dict[str, Any]:
        """The wanted blobs for these inputs, in float32.

        In training, dropout is drawn and gradients can follow; otherwise neither. With `reduced`
        the layers in between may be computed in the engine's reduced precision. With `sampled`
        GaussianSample draws outside of training too.
        """

    def sensitivity(
        self, module: Any, inputs: Mapping[str, Any], blob: str, logits: str, labels: np.ndarray
    ) -> tuple[Any, Any]:
        """A blob of a plan's module, and the gradients of the logits of labels (n,) to it.

        In evaluation mode and in float32; the gradients are None where the logits do not depend on
        the blob.

        Raises:
            EngineError: this engine has no gradients.
        """
        raise EngineError(
            f"the engine {self.name!r} has no gradients, so that nothing shows what a network looks"
            " at; take Deel(engine='torch')"
        )

    def state(self, module: Any) -> Values:
        """A copy of all weights of a module, C-contiguous."""
        return {
            layer: {
                name: self.numpy(getattr(module.weights_of(layer), name)).copy() for name in blobs
            }
            for layer, blobs in module.plan.weights.items()
        }

    def sample(self, module: Any) -> Any:
        """Some numbers of each array of a plan's module, which nearly every update changes."""
        return [
            sampled(self.numpy(getattr(module.weights_of(layer), name)))
            for layer, blobs in module.plan.weights.items()
            for name in blobs
        ]

    @abstractmethod
    def has_own(self, type: str) -> bool:
        """Whether a layer type runs deelish's own function, and none of a script's."""

    def is_hooked(self, module: Any) -> bool:
        """Whether hooks of a script may change what the module makes."""
        return False

    @abstractmethod
    def array(self, values: np.ndarray) -> Any:
        """NumPy -> the framework's tensor on the device."""

    def input_of(self, pixels: np.ndarray, rule: Preprocessing) -> Any:
        """A network's input (n, channels, size, size) of RGB pixels uint8 (n, size, size, 3).

        Raises:
            DataError: pixels of another shape or type.
        """
        return self.array(rule.apply(pixels))

    @abstractmethod
    def numpy(self, tensor: Any) -> np.ndarray:
        """The framework's tensor -> NumPy, without gradients."""

    @abstractmethod
    def detach(self, tensor: Any) -> Any:
        """The same numbers, through which no gradient flows."""

    @abstractmethod
    def is_own(self, value: Any) -> bool:
        """Whether a value is this framework's tensor."""

    @abstractmethod
    def softmax(self, scores: Any) -> Any:
        """(n, classes) -> probabilities along axis 1."""

    @abstractmethod
    def log_softmax(self, scores: Any) -> Any:
        """(n, classes) -> logarithms of the probabilities along axis 1."""

    @abstractmethod
    def log(self, values: Any) -> Any:
        """Natural logarithms, element by element."""

    @abstractmethod
    def exp(self, values: Any) -> Any:
        """e to the power of each element."""

    @abstractmethod
    def sum(self, values: Any, axis: int | None = None) -> Any:
        """The sum of all elements, a scalar tensor; or along an axis, which stays with side 1."""

    @abstractmethod
    def matmul(self, a: Any, b: Any) -> Any:
        """The product of matrices (..., m, k) and (..., k, n), the axes before them broadcast."""

    @abstractmethod
    def swap_last_axes(self, values: Any) -> Any:
        """(..., m, k) -> (..., k, m)."""

    @abstractmethod
    def gather(self, values: Any, labels: np.ndarray) -> Any:
        """(n, classes) and n labels -> (n,): in each row the element that the label names."""

    @abstractmethod
    def take(self, values: Any, rows: np.ndarray) -> Any:
        """(n, ...) and m indices -> (m, ...): the rows that they name."""

    @abstractmethod
    def optimizer_options(self, name: str) -> list[str]:
        """The options that the framework's optimiser of this name takes beside the learning rate.

        Raises:
            TrainingError: the name is not known.
        """

    def trainable_layers(self, module: Any) -> dict[str, float]:
        """The layers of a module that hold trainable arrays, each with its largest lr_mult.

        Raises:
            TrainingError: there is none, or all have an lr_mult of 0.
        """
        found: dict[str, float] = {}
        for layer, _, lr_mult, _ in module.trainable():
            found[layer] = max(lr_mult, found.get(layer, 0.0))
        return found

    @abstractmethod
    def optimizer(
        self,
        module: Any,
        name: str,
        lr: float,
        options: Mapping[str, Any],
        factor: LayerFactor = unscaled,
    ) -> Any:
        """The framework's optimiser of this name over the module's trainable arrays.

        `factor` multiplies the learning rates of a layer's arrays; 0 freezes them until `release`.

        Raises:
            TrainingError: the name or an option is not known.
        """

    def release(self, optimizer: Any) -> None:
        """End the use of an optimiser: what it has frozen is trainable again."""

    @abstractmethod
    def update(
        self, optimizers: Sequence[Any], loss: Any, lr: float, *, failed: bool = False
    ) -> Part | None:
        """The gradients of a scalar loss, and one step of each optimiser at this learning rate.

        Args:
            optimizers: those whose arrays the loss depends on.
            loss: the scalar.
            lr: the learning rate.
            failed: whether this process cannot learn from the batch; then none of its group does.

        Returns:
            "gradient" where one holds NaN or infinity, or a process failed, and no optimiser made
            its step; "weight" where one holds NaN or infinity after the step; else None.

        Raises:
            TrainingError: the loss depends on no weight.
        """

    @abstractmethod
    def all_finite(self, tensors: Iterable[Any]) -> bool:
        """Whether none of the framework's tensors holds NaN or infinity."""

    @abstractmethod
    def layer_arrays(self, module: Any, part: Part) -> Iterator[LayerArray]:
        """The weights of a module, buffers but masks among them, or the gradients it has."""

    def not_finite(self, module: Any, part: Part) -> list[LayerArray]:
        """Those of a module's weights or gradients that hold NaN or infinity, in its order."""
        arrays = self.layer_arrays(module, part)
        return [array for array in arrays if not self.all_finite([array.values])]

    @abstractmethod
    def copied_buffers(self, module: Any) -> Sequence[Any]:
        """Copies of what a forward pass of training changes: buffers, such as running means."""

    @abstractmethod
    def restore_buffers(self, module: Any, copies: Sequence[Any]) -> None:
        """Give a module the buffers that were copied."""

    @abstractmethod
    def ema_update(self, module: Any, other: Any, decay: float, *, buffers: bool = False) -> None:
        """module = decay * module + (1 - decay) * other in all trainable arrays, of one plan both.

        Numbers that are equal in both stay as they are, to the bit. Buffers, such as running means,
        are copied; with `buffers` they are averaged too, but for whole numbers and masks.
        """

    @abstractmethod
    def seed(self, seed: int) -> None:
        """Reseed the engine's random draws (dropout)."""
