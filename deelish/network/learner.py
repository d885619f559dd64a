"""The base of whatever learns: a predictor with a module whose weights a training changes."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.finite import nonfinite
from deelish.common.html import details, preformatted, quietly
from deelish.common.suggestions import nearest
from deelish.engines import Context
from deelish.errors import FileError, PlanError
from deelish.network.forward import Forward
from deelish.network.inputs import InputTensor
from deelish.network.outputs import output_tensor
from deelish.network.predictor import Predictor
from deelish.plan.arrays import rows_of


class Learner(Predictor):
    """A predictor that learns.

    Attributes:
        module: the engine's own object: a torch.nn.Module.
        untrained: layers that have their initial weights still, neither loaded nor trained.
        version: raised at each update of the weights.
        averages: running averages of its weights, which a checkpoint holds too.
    """

    module: Any
    parameters: int
    untrained: set[str]
    version: int
    _learning = False

    def _begin(self, untrained: Iterable[str], nonfinite_before: Iterable[str]) -> None:
        """Start; the arrays that are not finite before any training are saved as they are."""
        self.untrained = set(untrained)
        self._nonfinite_before = frozenset(nonfinite_before)
        self.version = 0
        self.averages: list[weakref.ref[Any]] = []
        self._known: tuple[Any, str | None] | None = None

    # What a kind of learner says of itself

    @property
    @abstractmethod
    def data_blob(self) -> str:
        """The name of its input."""

    @property
    @abstractmethod
    def logits_blob(self) -> str:
        """The name of the output that holds its logits."""

    @property
    @abstractmethod
    def last_layers(self) -> list[str]:
        """The layers that make its logits and those of auxiliary classifiers."""

    @property
    @abstractmethod
    def multiply_adds(self) -> int | None:
        """Multiply-adds for the logits of one image; None where they cannot be counted."""

    @property
    @abstractmethod
    def peak_numbers(self) -> int | None:
        """The numbers in its weights, and the most alive beside them for one image; or None."""

    @property
    def auxiliary(self) -> Mapping[str, float]:
        """The outputs of auxiliary classifiers, with their weights in the loss on labels."""
        return {}

    @property
    def penalties(self) -> Mapping[str, float]:
        """The outputs that a training adds to its loss, with their weights."""
        return {}

    @abstractmethod
    def check_linear_last(self) -> None:
        """Refuse what makes its logits in another way than by one linear layer.

        Raises:
            TrainingError: it has no such layer, or another one after it.
        """

    @abstractmethod
    def set_last(self, weight: np.ndarray, bias: np.ndarray, labels: list[str] | None) -> None:
        """Give it a trained last layer, and its labels.

        Args:
            weight: float32 (classes, channels), of the embedding's means over positions.
            bias: float32 (classes,).
            labels: the names of the classes, or None.

        Raises:
            TrainingError: it has no linear last layer.
        """

    @abstractmethod
    def training_blob(self, layer: str) -> str:
        """The name of a layer's features among those that `forward` computes in training.

        Raises:
            PlanError: there is no such layer, or it does not run in training.
        """

    @abstractmethod
    def copied_module(self) -> Any:
        """A module of its own with the same weights, for a running average."""

    # Inference

    def compute(
        self,
        images: InputTensor,
        *,
        training: bool = False,
        reduced: bool = True,
        sampled: bool = False,
        blobs: Iterable[str] = (),
    ) -> Forward:
        """Output for the images; in training also the auxiliary logits, and dropout is drawn.

        Args:
            images: the images.
            training: whether a backward pass may follow.
            reduced: whether inner layers may compute in the reduced precision.
            sampled: whether codes are drawn and penalties computed, as in a training.
            blobs: inner blobs to return with the logits.
        """
        logits, inner = self.logits_blob, list(blobs)
        heads = self.auxiliary if training else {}
        penalties = self.penalties if sampled else {}
        needed = [logits, *heads, *penalties, *inner]
        made = self._run(images, needed, training=training, reduced=reduced, sampled=sampled)
        tensor = output_tensor(self._output(made[logits], images), self.engine, self, images)
        tensor.training = training
        tensor.features = {name: images.features_of(made[name], self) for name in inner}
        auxiliary = [(rows_of(made[name], name), heads[name]) for name in heads]
        added = [(made[name], weight) for name, weight in penalties.items()]
        return Forward(tensor, made[self.data_blob], auxiliary, added)

    def _output(self, content: Any, images: InputTensor) -> Any:
        """The engine's tensor of its last blob, of classes with a row for each that is scored."""
        return images.rows_of(content, self) if self.has_classes else content

    def logits(self, images: InputTensor) -> Any:
        """The engine's tensor (n, classes), in evaluation mode; other outputs have their shape."""
        return self.compute(images).output.content

    def exact_logits(self, images: InputTensor) -> Any:
        return self.compute(images, reduced=False).output.content

    def logits_by(self, module: Any, images: InputTensor, *, reduced: bool = True) -> Any:
        """The logits of another module of the same structure: the engine's tensor (n, classes)."""
        blob = self.logits_blob
        made = self._run(images, [blob], training=False, reduced=reduced, module=module)
        return self._output(made[blob], images)

    def feature_of(self, images: InputTensor, layer: str, *, reduced: bool) -> Any:
        """The output of a layer, or a blob, for the images: the engine's tensor (n, ...)."""
        blob = self.blob_of(layer)
        made = self._run(images, [blob], training=False, reduced=reduced)[blob]
        return images.features_of(made, self)

    def _run(
        self,
        images: InputTensor,
        blobs: list[str],
        *,
        training: bool,
        reduced: bool,
        sampled: bool = False,
        module: Any = None,
    ) -> dict[str, Any]:
        inputs = images.inputs_of(self)
        shapes = {name: tuple(values.shape) for name, values in inputs.items()}
        self._check_inputs(shapes, blobs, training=training)
        module = self.module if module is None else module
        made = self.engine.run(
            module, inputs, blobs, training=training, reduced=reduced, sampled=sampled
        )
        # A layer of a user's module may have this name.
        return {**inputs, **made}

    def logits_from(self, values: np.ndarray) -> np.ndarray:
        """Logits (n, classes) of an input float32 (n, channels, size, size), in evaluation mode."""
        inputs, blob = {self.data_blob: self.engine.array(values)}, self.logits_blob
        made = self.engine.run(self.module, inputs, [blob], training=False, reduced=True)
        scores = made[blob]
        return self.engine.numpy(rows_of(scores, blob) if self.has_classes else scores)

    def check_takes_images(self) -> None:
        """Refuse a network whose input is no image and no sequence; a module's is an image."""

    def _check_inputs(
        self, shapes: Mapping[str, tuple[int, ...]], blobs: list[str], *, training: bool
    ) -> None:
        """Refuse inputs that it cannot take; most find out when they run."""

    # Layers

    @abstractmethod
    def summary(self) -> str:
        """A table of its layers, as text."""

    @abstractmethod
    def ShowLayers(self) -> None:
        """Print the layers with their output shapes."""

    @quietly
    def _repr_html_(self) -> str:
        """Its card, and its layers once they are opened, for a notebook."""
        title, *facts = repr(self).split(" | ")
        lines = "".join(f"<div>{escape(fact)}</div>" for fact in facts)
        return f"<b>{escape(title)}</b>{lines}{details('layers', preformatted(self.summary()))}"

    def __getitem__(self, layer: str) -> object:
        """A layer by name, ``net["conv1"]``, which the prompt completes.

        Of a network its row; of a module what the layer made of a grey image.

        Raises:
            PlanError: there is no such layer, or it does not run.
        """
        rows = self._layers()
        if layer not in rows:
            raise PlanError(f"{self.name}: has no layer {layer!r}; {nearest(str(layer), rows)}")
        return rows[layer]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._layers())

    @abstractmethod
    def _layers(self) -> Mapping[str, object]:
        """Its layers by name."""

    @abstractmethod
    def layerDim(self, layer: str) -> tuple[int, ...]:
        """The output shape of a layer for one image, without the batch: (c, h, w)."""

    # Weights that change

    @property
    def learning(self) -> bool:
        """Whether a training is running that changes its weights."""
        return self._learning

    def weights_changed(self, crop: float | None = None, unchanged: Iterable[str] = ()) -> None:
        """Note an update of the weights; a training calls this after each.

        From then on the network's own crop fraction is that of the training's views. Layers that
        are `unchanged` stay untrained where they were.
        """
        self._learning = True
        self.version += 1
        self.untrained &= set(unchanged)
        if crop is not None and self.preprocessing.crop != crop:
            self.preprocessing = replace(self.preprocessing, crop=crop)

    def training_resumed(self, version: int, untrained: Iterable[str], crop: float) -> None:
        """Note that the weights are those of a training that goes on, after its last update."""
        self._learning = True
        self.version, self.untrained = version, set(untrained)
        self.preprocessing = replace(self.preprocessing, crop=crop)

    def training_ended(self) -> None:
        """Note that the weights stay as they are now."""
        self._learning = False

    def fingerprint(self) -> str | None:
        """sha256 of all that its logits depend on except the pixels; None while it is trained.

        It is of the weights as they are now, whoever changed them.
        """
        if self.learning:
            return None
        made = self._computed_fingerprint()
        self._known = (self._quick_look(), made)
        return made

    def known_fingerprint(self) -> str | None:
        """The fingerprint of the last look, where neither `version` nor a sample has changed."""
        if self.learning:
            return None
        if self._known is None or self._known[0] != self._quick_look():
            return self.fingerprint()
        return self._known[1]

    def _quick_look(self) -> Any:
        return self.version, self.preprocessing, self._sample()

    @abstractmethod
    def _sample(self) -> Any:
        """Some numbers of its weights, which nearly every update changes."""

    @abstractmethod
    def _computed_fingerprint(self) -> str | None:
        """The fingerprint, from the weights as they are now."""

    # Files

    @abstractmethod
    def write(self, path: Path, *, finite: bool = False) -> None:
        """Write its file in this process, as the file extension says.

        Args:
            path: the file.
            finite: refuse weights that a training has made infinite or no numbers.
        """

    def _check_finite(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        """Refuse to save weights that a training made infinite or no numbers.

        Raises:
            FileError: there are such; their layer is named.
        """
        bad = [name for name in nonfinite(arrays) if name not in self._nonfinite_before]
        if bad:
            others = f" and {len(bad) - 1} more arrays hold" if len(bad) > 1 else " holds"
            raise FileError(
                f"{path}: {self.name} is not saved, since its {bad[0]!r}{others} NaN or infinite"
                " numbers after the training; what was saved before is unchanged; train again with"
                " a lower learning rate"
            )

    def save_to(self, path: str | Path) -> Path:
        """Write its file; of several processes rank 0 writes, and the others wait."""
        if not isinstance(path, str | Path):
            raise FileError(f"{self.name}.save({path!r}): give the path of a file")
        self.engine.group.on_rank_zero(lambda: self.write(Path(path), finite=True))
        return Path(path)


def learners_of(context: Context) -> list[Learner]:
    """What learns in a context and still exists, in the order in which it was made."""
    return [learner for learner in context.models if isinstance(learner, Learner)]
