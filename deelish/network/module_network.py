"""A model of another library that learns: its module, preprocessing, labels and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np

from deelish.common.arguments import checked_call
from deelish.common.finite import nonfinite
from deelish.common.printing import say
from deelish.engines import current_context
from deelish.engines.learning import LOGITS, LearningModel
from deelish.engines.sensitivity import Sensitivity
from deelish.errors import DeelishError, TrainingError, first_line
from deelish.formats import write_module
from deelish.formats.saved_module import NewLast, SavedModule
from deelish.network.example_inputs import noise
from deelish.network.inputs import InputTensor
from deelish.network.labels import Labels, names_for
from deelish.network.module_description import ModuleDescribed
from deelish.plan.preprocessing import Preprocessing


@dataclass(frozen=True)
class ModuleParts:
    """The parts of a module network: the model, how pixels become its input, what is known of it.

    Attributes:
        made_by: how the module was made by name, as plain values for JSON; None for a user's own.
        untrained: the layers that were neither loaded nor trained; all of them where it is None.
        new_last: how its last layers were replaced, where they were.
    """

    model: LearningModel
    preprocessing: Preprocessing
    labels: list[str] | None = None
    made_by: Mapping[str, Any] | None = None
    untrained: Sequence[str] | None = ()
    new_last: NewLast | None = None


class ModuleNetwork(ModuleDescribed):
    """A torch.nn.Module or a chainer.Link that learns; `Student` documents its arguments."""

    @classmethod
    def of(cls, parts: ModuleParts) -> Self:
        """The network of these parts, on the current engine."""
        network = cls.__new__(cls)
        network._start(parts)
        return network

    def _start(self, parts: ModuleParts) -> None:
        self.context = current_context()
        self._model = parts.model
        self.preprocessing, self.labels = parts.preprocessing, parts.labels
        self.made_by, self._new_last = parts.made_by, parts.new_last
        self.name, self.module = parts.model.name, parts.model.module
        self._index = self.context.add(self)
        self._measure()
        layers = self._layer_names if parts.untrained is None else parts.untrained
        self._begin(layers, nonfinite(parts.model.arrays()))
        if self.engine.autocast_dtype_of(self.module) != self.engine.autocast_dtype:
            say(f"{self.name}: computes in float32, in which its depthwise convolutions are faster")

    def _measure(self) -> None:
        """Find out what follows from the module: parameters, classes, its last layers."""
        self.parameters = self._model.counted()
        values = self._grey()
        output, self._rows = self._first_logits(values), None
        # With names of classes its output is meant to be logits.
        self._image = None if self.labels else self.preprocessing.image_shape(output.shape)
        if self._image is not None:
            self._check_numbers("pixels", output)
            self._classes, self._last = self._image[0], []
            return
        logits = self._checked(output, len(values))
        self._classes = int(logits.shape[1])
        self._last = self._model.last_layers(values)

    def _first_logits(self, values: np.ndarray) -> np.ndarray:
        try:
            logits: np.ndarray = self._model.run(values)
        except DeelishError:
            raise
        except Exception as error:
            raise self._failed(values.shape, error) from error
        return logits

    def _failed(self, shape: Sequence[int], error: Exception) -> TrainingError:
        count, *sides = shape
        return TrainingError(
            f"{self.name}: its forward() fails on {count} images of {' x '.join(map(str, sides))}"
            f" ({type(error).__name__}: {first_line(error)}); give the size= and order= that it"
            " takes, or correct it"
        )

    def _run(self, images: InputTensor, blobs: list[str], **how: Any) -> dict[str, Any]:
        try:
            made = super()._run(images, blobs, **how)
        except DeelishError:
            raise
        except Exception as error:
            pixels = self.preprocessing
            shape = (len(images), pixels.channels, pixels.size, pixels.size)
            raise self._failed(shape, error) from error
        if LOGITS in made:
            self._check_width(tuple(made[LOGITS].shape), len(images))
        return made

    def sensitivity(
        self, images: InputTensor, layer: str | None, labels: np.ndarray
    ) -> Sensitivity:
        rule = self.preprocessing
        values = self._model.input_of(images.pixels(rule), rule)
        return self._model.sensitivity(values, layer, labels)

    def _check_width(self, shape: tuple[int, ...], images: int) -> None:
        """Refuse another output than that for the two grey images."""
        if self._image is not None and shape[1:] != self._image:
            raise TrainingError(
                f"{self.name}: its output for {images} images is {shape}, and for two it was"
                f" {(2, *self._image)}; let the sides be the same for all"
            )
        if shape[1] != self.classes:
            raise TrainingError(
                f"{self.name}: gives {shape[1]} logits an image for {images} images, and gave"
                f" {self.classes} for two; let their number be the same for all"
            )

    def _check_numbers(self, what: str, output: np.ndarray) -> None:
        if not np.isfinite(output).all():
            raise TrainingError(
                f"{self.name}: its {what} for a grey image are not finite; look at its weights"
            )

    def _checked(self, logits: np.ndarray, count: int) -> np.ndarray:
        if logits.ndim < 2 or logits.shape[0] != count or logits[0].size != logits.shape[1]:
            raise TrainingError(
                f"{self.name}: its output for {count} images is {logits.shape}, where logits"
                f" ({count}, classes) are needed; give the {self._model.kind} with its classifier"
            )
        self._check_numbers("logits", logits)
        if logits.shape[1] > 1 and logits.min() >= 0 and np.allclose(logits.sum(1), 1, atol=1e-3):
            raise TrainingError(
                f"{self.name}: its output is probabilities, since its rows sum to 1, where logits"
                " are needed; take the softmax out of it"
            )
        return logits

    def _fit(self, labels: int | None, head: list[str]) -> None:
        """Give it as many outputs as there are labels, in the last layers of these names."""
        for name in head:
            self._check_layer(name)
        if labels is not None and labels != self.classes:
            with self.engine.drawing(self.context.seed_for(2, self._index)):
                self.replace_last(labels, head)

    def replace_last(self, labels: int, names: Iterable[str] = ()) -> None:
        """Give it new last layers for so many classes, and print that."""
        names = list(names)
        new = self._model.replace_last(self._grey(), labels, names)
        self._new_last = NewLast(labels, names)
        layers, verb = " and ".join(new.names), "is" if len(new.names) == 1 else "are"
        say(f"{self.name}: {layers} {verb} new, with {labels} outputs in place of {new.before}")
        self._note_new(new.names)

    def name_classes(self, labels: Labels) -> None:
        """Give its classes names, in place of those that it has.

        Raises:
            DataError: they are not as many as its classes.
        """
        self.labels = names_for(labels, self.name, self.classes)

    def check_linear_last(self) -> None:
        """Refuse a module whose logits are not made by one linear layer alone."""
        self._model.check_linear_last(noise(self.preprocessing))

    def set_last(self, weight: np.ndarray, bias: np.ndarray, labels: list[str] | None) -> None:
        """Give it a trained last layer: weight (classes, channels) and bias (classes,)."""
        new = self._model.set_last(noise(self.preprocessing), weight, bias)
        self._new_last = NewLast(len(weight), new.names)
        self.labels = labels
        self.untrained -= set(new.names)
        self._note_new(())
        self.version += 1

    def _note_new(self, names: Iterable[str]) -> None:
        self._measure()
        known = {row.name for row in self._table()}
        self.untrained = {name for name in self.untrained if name in known} | set(names)
        self._known = None

    # Its weights, and its files

    def _sample(self) -> Any:
        return self._model.known_digest()

    def _computed_fingerprint(self) -> str | None:
        digest = self._model.digest()
        if digest is None:
            return None
        facts = [
            self._model.kind,
            digest,
            self.preprocessing.to_dict(),
            self.engine.autocast_dtype_of(self.module),
        ]
        return sha256(json.dumps(facts).encode()).hexdigest()

    @property
    def undescribed(self) -> str | None:
        """Why it has no fingerprint where it needs a cure: the end of a sentence."""
        return self._model.undescribed

    @checked_call()
    def save(self, path: str | Path) -> Path:
        """Write .safetensors: weights, labels, preprocessing, and how the module was made.

        `Student.load` opens it; nothing in it is pickled. Of several processes rank 0 writes. An
        old file stays until the new one is whole.

        Raises:
            FileError: the path cannot be written, the disk is full, or a training has made weights
                that are not finite; the old file is unchanged.

        >>> from torch import nn
        >>> module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
        >>> small = Student(module, labels=["cat", "dog"], name="Small", size=8, mean=0, scale=1)
        Small: takes ...
        >>> small.save("small.safetensors").name
        'small.safetensors'
        """
        return self.save_to(path)

    def write(self, path: Path, *, finite: bool = False) -> None:
        """Write its file in this process, as the file extension says."""
        record = self.record()
        if finite:
            self._check_finite(path, record.arrays)
        write_module(path, record, self.bare_onnx, self._model.run)

    def bare_onnx(self) -> bytes:
        """Its .onnx without notes, from "data" to "logits"."""
        return self._model.onnx(self._grey())

    @property
    def learning_model(self) -> LearningModel:
        """What the engine makes of its module."""
        return self._model

    def record(self) -> SavedModule:
        """The contents of its files."""
        return SavedModule(
            self.name,
            self._model.arrays(),
            self.labels,
            self.preprocessing,
            self.made_by,
            None if self.all_new else sorted(self.untrained),
            self._model.output,
            self._new_last,
        )
