"""A teacher made from any model: of PyTorch, Chainer, ONNX, Caffe, deelish, or a function."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import Any, Unpack

import numpy as np

from deelish.common.arguments import checked_call
from deelish.distillation.model_checks import (
    checked_logits,
    first_logits,
    output_of,
)
from deelish.distillation.sources import source_of
from deelish.distillation.sources.named import named_model
from deelish.distillation.sources.network import NetworkModel
from deelish.distillation.sources.runtime import RuntimeModel, check_runtime_name
from deelish.engines import current_context
from deelish.engines.inference import InferenceModel
from deelish.engines.precision import AUTO
from deelish.engines.sensitivity import Sensitivity
from deelish.engines.watched import WatchedModel
from deelish.errors import DataError, TrainingError
from deelish.network.example_inputs import grey, noise
from deelish.network.inputs import InputTensor
from deelish.network.labels import LabelNames, Labels
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor
from deelish.network.stated_pixels import PixelOptions, preprocessing_of
from deelish.plan.preprocessing import Preprocessing


class WrappedModel(Predictor):
    """Any model as a teacher; `Teacher` documents its arguments."""

    @checked_call(*PixelOptions.__annotations__)
    def __init__(  # noqa: PLR0913
        self,
        source: Any,
        *,
        labels: Labels | None = None,
        name: str | None = None,
        key: str | None = None,
        output: int | str | None = None,
        pretrained: bool | str = True,
        preprocessing: Any = None,
        runtime: str | None = None,
        **pixels: Unpack[PixelOptions],
    ) -> None:
        for word, value in (("name", name), ("key", key)):
            if not isinstance(value, str | None):
                raise DataError(f"Teacher({word}={value!r}): give a text, such as {word}='v1'")
        if not isinstance(output, int | str | None):
            raise DataError(f"Teacher(output={output!r}): give an index or a key")
        check_runtime_name(runtime)
        self.context = current_context()
        made = named_model(source, pretrained, pixels.get("size"))
        if made is not None:
            source, name = made.module, name or made.name.name
            preprocessing = made.preset if preprocessing is None else preprocessing
        model = source_of(source, self.context.gpu, key, output)
        model.name = name or model.name
        self._model, self._key = model, key
        self.files, self.computed_by = model.files, model.computed_by
        if isinstance(model, WatchedModel):
            model.key = key
        if model.reducible:
            model.autocast_dtype = self.engine.autocast_dtype
        if isinstance(model, NetworkModel):
            self.context, self.sequences = model.network.context, model.network.sequences
            self.preprocessing = _own_preprocessing(model, preprocessing, pixels)
        else:
            self.preprocessing = preprocessing_of(
                model, source, preprocessing, pixels, verb="Teacher"
            )
        # What computes logits; all else is asked of the model itself.
        self._runtime = self._chosen(runtime)
        self.name, self.parameters = model.name, model.parameters
        self.labels = model.labels if made is None else made.labels
        self._classes, self._checked = model.classes, False
        self._embedding: str | None = None
        if labels is not None:
            self._name_classes(labels)
        if self._classes is None:
            self._model.image_rule = self._runtime.image_rule = self.preprocessing

    def _chosen(self, runtime: str | None) -> InferenceModel:
        """The model itself, or in another runtime.

        Raises:
            DataError: it reads sequences, which no other runtime does.
        """
        model = self._model
        if runtime is None:
            return model
        if self.sequences is not None:
            raise DataError(
                f"Teacher(runtime={runtime!r}): runs teachers of images, and {model.name} reads"
                " sequences; leave runtime= out"
            )
        return RuntimeModel(model, self.context)

    def _name_classes(self, labels: Labels) -> None:
        names = LabelNames.of(labels)
        if self._model.output_shape is not None:
            raise DataError(
                f"Teacher {self.name}: labels= names classes, and the {self._model.kind} has none;"
                " leave labels= out"
            )
        if self._classes not in (None, names.count):
            raise DataError(
                f"Teacher {self.name}: labels= names {names.count} classes, and the"
                f" {self._model.kind} gives {self._classes} logits; give a name for each"
            )
        self.labels, self._classes = names.names, names.count

    @property
    def network(self) -> Learner | None:
        """The network of deelish that it is made from, or None."""
        return self._model.network if isinstance(self._model, NetworkModel) else None

    @property
    def origin(self) -> Predictor:
        """The network of deelish that it is made from, or itself."""
        return self.network or self

    @property
    def all_new(self) -> bool:
        """Whether it is a network of deelish that was neither loaded nor trained."""
        return self.network is not None and self.network.all_new

    def trainable_ids(self) -> set[int]:
        """Those of the model that it is made from."""
        return self._model.trainable_ids()

    @property
    def classes(self) -> int:
        """How many logits an image has; of a teacher of images how many channels."""
        if self._classes is None:
            made = checked_logits(self._model, grey(self.preprocessing, 1))
            self._note_output(self._model, made)
        return self._classes or 0

    @property
    def has_classes(self) -> bool:
        """Whether its output is logits, and no image or other array."""
        return self.classes > 0 and self._model.output_shape is None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of its output for one image: (classes,), or that of an array."""
        classes, shape = self.classes, self._model.output_shape
        return (classes,) if shape is None else shape

    def _note_output(self, model: InferenceModel, made: np.ndarray) -> None:
        """Note what its first output shows: how many classes it has, or that it is an image."""
        self._classes = made.shape[1]
        self._model.output_shape = self._runtime.output_shape = model.output_shape
        self._model.image_rule = self._runtime.image_rule = None

    @property
    def new_layers(self) -> set[str]:
        """New layers of a network of deelish; other models are taken to be trained."""
        return self._model.new_layers()

    def logits(self, images: InputTensor) -> Any:
        """The engine's tensor (n, classes), computed now.

        Raises:
            TrainingError: the model fails a check: finite logits (n, classes), no randomness, no
                parameter changed. A training looks for NaN and infinity by itself.
        """
        if self.network is not None and self.sequences is not None:
            return self.network.logits(images)
        return self._logits_by(self._runtime, images)

    def _logits_by(self, model: InferenceModel, images: InputTensor) -> Any:
        rule = self.preprocessing
        values = model.input_of(images.pixels(rule), rule)
        self._model.full_batch = images.viewing.full_batch
        guarded = images.viewing.guarded
        made = (checked_logits if self._checked else first_logits)(model, values, guarded)
        self._checked |= bool(np.isfinite(made).all())
        if self._classes is None:
            self._note_output(model, made)
        if self._classes != made.shape[1]:
            raise TrainingError(
                f"{self.name}: gave {made.shape[1]} logits an image, where {self._classes} are"
                " expected; give as many labels="
            )
        return self.engine.array(made)

    def exact_logits(self, images: InputTensor) -> Any:
        if self.network is not None:
            return self.network.exact_logits(images)
        with self._exact():
            return self._logits_by(self._model, images)

    @property
    def exact_dtype(self) -> str:
        """The type of its weights, or the precision that the session names."""
        if self.network is not None:
            return self.network.exact_dtype
        with self._exact():
            return self._model.autocast_dtype or self._model.own_dtype

    def _exact(self) -> AbstractContextManager[None]:
        """Within the block it computes in its own type, unless the session names a precision."""
        return self._model.exact() if self.context.precision == AUTO else nullcontext()

    @property
    def embedding_blob(self) -> str:
        """What goes into its last layer.

        Raises:
            PlanError: it cannot be found.
        """
        if self.network is not None:
            return self.network.embedding_blob
        if self._embedding is None:
            self._embedding = self._model.embedding(noise(self.preprocessing))
        return super().embedding_blob if self._embedding is None else self._embedding

    def feature_of(self, images: InputTensor, layer: str, *, reduced: bool) -> Any:
        """The features of an inner layer, in evaluation mode: the engine's tensor.

        `layer` is a name: ``"layer4.1"`` in torch and Chainer, ``"input of fc"`` in torch for what
        goes into a layer, a layer or blob of a network of deelish.
        """
        if self.network is not None:
            return self.network.feature_of(images, layer, reduced=reduced)
        rule = self.preprocessing
        values = self._model.input_of(images.pixels(rule), rule)
        with nullcontext() if reduced else self._exact():
            return self.engine.array(output_of(self._model, values, layer))

    def sensitivity(
        self, images: InputTensor, layer: str | None, labels: np.ndarray
    ) -> Sensitivity:
        if self.network is not None:
            return self.network.sensitivity(images, layer, labels)
        rule = self.preprocessing
        with self._exact():
            values = self._model.input_of(images.pixels(rule), rule)
            return self._model.sensitivity(values, layer, labels)

    def feature_fingerprint(self, layer: str) -> str | None:
        """The known one for the features of a layer; None where they cannot be cached."""
        if self.network is not None and self.network.feature_fingerprint(layer) is None:
            return None
        return self.known_fingerprint()

    def fingerprint(self) -> str | None:
        """sha256 of all that the logits depend on, as it is now; None where that cannot be seen.

        For a torch module and a Chainer link: names, types and bytes of parameters and buffers,
        the attributes of every part, hooks, and the code that is loaded; of scripted modules what
        torch.jit.save writes. For an .onnx the file. With `key=` its key stands for attributes,
        hooks and code, which are then not looked at; for a function it is all that is known.
        """
        return self._fingerprint_with(self._model.digest())

    def known_fingerprint(self) -> str | None:
        """The fingerprint of the last look, where what costs little to see is as it was."""
        return self._fingerprint_with(self._model.known_digest())

    def notice_changes(self) -> None:
        """Look at all that its logits depend on; a frozen form that is old is made again."""
        if isinstance(self._runtime, WatchedModel | RuntimeModel):
            self._runtime.digest()

    def _fingerprint_with(self, digest: str | None) -> str | None:
        if digest is None:
            return None
        facts = [self._model.kind, digest, self._key, self.preprocessing.to_dict()]
        reduced = self._model.autocast_dtype or self._runtime.autocast_dtype
        if reduced is not None:
            facts.append(reduced)
        return sha256(json.dumps(facts).encode()).hexdigest()

    @property
    def undescribed(self) -> str | None:
        """Why it has no fingerprint where it needs a cure: the end of a sentence."""
        return self._model.undescribed

    def __repr__(self) -> str:
        pixels = self.preprocessing
        shape = f"{pixels.channels} x {pixels.size} x {pixels.size} {pixels.order}"
        parameters = "" if self.parameters is None else f" | {self.parameters:,} parameters"
        classes = "" if self._classes is None else f" -> {self._classes} classes"
        return f"{self.name}: {shape}{classes}{parameters} | {self._runtime.kind} | teacher only"


def _own_preprocessing(model: NetworkModel, preset: object, given: PixelOptions) -> Preprocessing:
    names = [*(["preprocessing"] if preset is not None else []), *given]
    if names:
        raise DataError(
            f"Teacher {model.name}: a network of deelish has its own preprocessing; leave"
            f" {names[0]}= out, or open the file with CaffeNet and give it there"
        )
    return model.network.preprocessing
