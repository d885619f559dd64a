"""What deelish asks of a model of another library: inference, and a digest of its weights."""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from deelish.engines.sensitivity import Sensitivity
from deelish.errors import PlanError, TrainingError
from deelish.plan.preprocessing import Preprocessing

# The address of a function or an object in memory, which differs from run to run.
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
CHANGED = (
    "its weights or running statistics changed during inference; take what trains it out of its"
    " forward()"
)


class InferenceModel(ABC):
    """A model of any library.

    Attributes:
        kind: what it is, in words: "torch module".
        name: what it is called.
        parameters: how many parameters it has, or None where that cannot be known.
        pixels: what it states of its preprocessing itself, by the names of `Preprocessing`.
        fixed: `size` and `channels` of its input, where it takes no others.
        labels: the names of its classes, where it carries them.
        classes: how many classes its logits have, where it states this before it runs.
        output_shape: the shape of its output for one image, where that is known to be no logits.
        image_rule: how pixels become its input, and so which outputs are images; None where its
            output is known to be logits, or not to be.
        reducible: whether it can compute in reduced precision.
        own_dtype: the type of its weights, in which it computes where nothing else is asked for.
        autocast_dtype: the reduced precision that it is asked for, or None for its own type.
        exportable: whether it can be had as an .onnx, which other runtimes read.
        full_batch: how many images most of its batches will have, where that is known.
        files: all that it consists of, where a runtime computes the files themselves.
        computed_by: that runtime, its device and threads, in words; None for the engine.
    """

    kind: str
    name: str
    parameters: int | None = None
    pixels: Mapping[str, Any] = {}
    fixed: Mapping[str, Any] = {}
    labels: list[str] | None = None
    classes: int | None = None
    output_shape: tuple[int, ...] | None = None
    image_rule: Preprocessing | None = None
    reducible = False
    exportable = False
    own_dtype = "float32"
    autocast_dtype: str | None = None
    full_batch: int | None = None
    files: Sequence[Path] = ()
    computed_by: str | None = None
    # Why it has no digest, where it has none: the end of a sentence, with the cure.
    undescribed: str | None = None

    def input_of(self, pixels: np.ndarray, rule: Preprocessing) -> Any:
        """Its input of RGB pixels uint8 (n, size, size, 3): what `run` takes.

        Raises:
            DataError: pixels of another shape or type.
        """
        return rule.apply(pixels)

    @abstractmethod
    def run(self, values: Any) -> Any:
        """float32 (n, channels, size, size) -> its logits as a NumPy array, in evaluation mode."""

    def onnx_path(self, folder: Path, values: np.ndarray) -> Path:
        """Its .onnx: the file that it is, or a new one in the folder.

        Args:
            folder: where it may be written.
            values: an input float32 (n, channels, size, size), as an example.

        Raises:
            PlanError, FileError: it has no counterpart in ONNX, or a package is missing.
        """
        raise PlanError(f"{self.name}: a {self.kind} cannot be written as .onnx")

    @abstractmethod
    def digest(self) -> str | None:
        """sha256 of all that its logits depend on, as it is now; None where that cannot be seen."""

    def known_digest(self) -> str | None:
        """The same as of the last look, where what costs little to see has not changed since."""
        return self.digest()

    def checksums(self) -> Any:
        """Of its weights as they are now; None where no weights can be seen."""
        return None

    def new_layers(self) -> set[str]:
        """Layers that still hold initial weights; a foreign model counts as trained."""
        return set()

    def trainable_ids(self) -> set[int]:
        """What tells its trainable weights from those of others in this process."""
        return set()

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Within the block it computes in its own type."""
        asked, self.autocast_dtype = self.autocast_dtype, None
        try:
            yield
        finally:
            self.autocast_dtype = asked

    def embedding(self, values: Any) -> str | None:
        """The name of what goes into its last layer, found by running it; None where it is not."""
        return None

    def feature(self, values: Any, layer: str) -> np.ndarray:
        """What an inner layer makes of the same input.

        Raises:
            PlanError: there is no such layer, or the layers of this kind cannot be seen.
        """
        raise PlanError(
            f"{self.name}: a {self.kind} shows no inner layers, so that feature(layer={layer!r})"
            " cannot be had; give a torch module, a Chainer chain or a network of deelish"
        )

    def sensitivity(self, values: Any, layer: str | None, labels: np.ndarray) -> Sensitivity:
        """The maps of a layer, and the gradients of the logits of labels (n,) to them.

        Args:
            values: what `run` takes.
            layer: its name; None for the last one that makes maps of several positions.
            labels: a class of each image.

        Raises:
            PlanError: there is no such layer, or it makes no maps that the logits depend on.
            TrainingError: the gradients of this kind of model cannot be had.
        """
        raise TrainingError(
            f"{self.name}: a {self.kind} has no gradients, so that nothing shows what it looks at;"
            " give a torch module or a network of deelish"
        )


# The index of a tuple, or the key of a dict or an attribute; None where the output is the logits.
Part = int | str | None


def logits_of(name: str, output: Any, is_array: Any, part: Part = None) -> Any:
    """The array of logits in what a model returned: itself, `.logits`, or the part that is named.

    A model may return several outputs in training and one in inference: one array is the logits,
    whatever `part` says.

    Raises:
        TrainingError: a tuple or a dict where `part` does not say which of it are the logits, or
            names none of it.
    """
    if is_array(output):
        return output
    found = _part(output, "logits" if part is None else part)
    if is_array(found):
        return found
    if not isinstance(output, Mapping | tuple | list) and not hasattr(output, "__dict__"):
        raise TrainingError(
            f"{name}: returned {_described(output)}, where one array of logits (n, classes) is"
            " needed; let its forward() return them"
        )
    if part is None:
        raise TrainingError(
            f"{name}: returned {_described(output)}, where one array of logits (n, classes) is"
            f" needed; say which part it is with output={_example(output)}"
        )
    raise TrainingError(
        f"{name}: returned {_described(output)}, in which output={part!r} is no array; give the"
        " index or the key of its logits"
    )


def _part(output: Any, part: int | str) -> Any:
    if isinstance(part, str):
        found = output.get(part) if isinstance(output, Mapping) else None
        return getattr(output, part, None) if found is None else found
    if isinstance(output, tuple | list) and -len(output) <= part < len(output):
        return output[part]
    return None


def _example(output: Any) -> str:
    return repr(next(iter(output))) if isinstance(output, Mapping) and output else "0"


def no_such_layer(name: str, layer: str, layers: Iterable[str]) -> NoReturn:
    """Refuse the name of a layer.

    Raises:
        PlanError: always; the nearest names are in it.
    """
    known = [one for one in layers if one]
    near = difflib.get_close_matches(layer, known, 3, 0) or known[:3]
    raise PlanError(f"{name}: has no layer {layer!r}; the nearest are {', '.join(near) or 'none'}")


def qualified(model: object) -> str:
    """The class of a model, with the module that defines it."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a {type(output).__name__} of {', '.join(map(str, output)) or 'nothing'}"
    if isinstance(output, tuple | list):
        inside = ", ".join(_described(part) for part in output[:3])
        return f"a {type(output).__name__} of {len(output)} ({inside})"
    shape = getattr(output, "shape", None)
    return type(output).__name__ + (f" {tuple(shape)}" if shape is not None else "")
