"""A teacher made from any model: of PyTorch, Chainer, ONNX, Caffe, deelish, or a function."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from deelish.distillation.answering import Answering
from deelish.distillation.preprocessing import Pixels, pixels_of
from deelish.distillation.proof import answered, prove, scores
from deelish.distillation.sources import source_of
from deelish.distillation.sources.network import NetworkModel
from deelish.distillation.teacher_cache.cached import kept, store_of
from deelish.errors import DataError, TrainingError
from deelish.language.session import current_session
from deelish.network.labels import LabelNames, Labels
from deelish.network.tensors import Tensor, images_of

if TYPE_CHECKING:
    from deelish.images.stills import Source
    from deelish.network.network import Network
    from deelish.network.tensors import ImageTensor
    from deelish.plan.preprocessing import Preprocessing


class Teacher(Answering):
    """Any model as a teacher, always in test mode and never changed, which its first batch proves.

    ``teacher = Teacher(resnet18(weights=weights), preprocessing=weights.transforms(),
    labels=weights.meta["categories"])``

    Args:
        source: a torch.nn.Module, a chainer.Link, a `Network`, a path (.onnx, .caffemodel, .hdf5,
            .safetensors), or a function from float32 (n, channels, size, size) to logits.
        labels: a file, a list of names, or a count; left out, those that the model carries.
        name: what it is called; left out, what the model is called.
        key: names the answers of a function, which are then kept; give another whenever the
            function changes. For other models it joins what is seen of them.
        preprocessing: torchvision's ``weights.transforms()``, or a `Preprocessing`.
        **pixels: size, order ("RGB", "BGR", "L"), mean and scale (a number, or one per channel,
            of pixels from 0 to 255), crop. They count before `preprocessing`, and that before
            what the model says itself: timm's `pretrained_cfg`, what deelish noted in an .onnx.
            A network of deelish has its own, and takes none.

    Raises:
        TrainingError: the source is nothing that can teach.
        DataError: preprocessing is missing or wrong, or labels are not as many as the classes.
        FileError, CaffeError: a file that cannot be opened.
    """

    def __init__(
        self,
        source: Any,
        *,
        labels: Labels | None = None,
        name: str | None = None,
        key: str | None = None,
        preprocessing: Any = None,
        **pixels: Unpack[Pixels],
    ) -> None:
        self.session = current_session()
        model = source_of(source, self.session.gpu, key)
        model.name = name or model.name
        self._model, self._key = model, key
        if model.halves:
            model.half = self.session.engine.half
        if isinstance(model, NetworkModel):
            self.session = model.network.session
            self.preprocessing = _own_pixels(model, preprocessing, pixels)
        else:
            self.preprocessing = pixels_of(model, source, preprocessing, pixels)
        self.name, self.parameters = model.name, model.parameters
        self.labels = model.labels
        self._classes, self._proved = model.classes, False
        if labels is not None:
            self._name_classes(labels)

    def _name_classes(self, labels: Labels) -> None:
        names = LabelNames.of(labels)
        if self._classes not in (None, names.count):
            raise DataError(
                f"Teacher {self.name}: labels= names {names.count} classes, and the"
                f" {self._model.kind} answers with {self._classes}; give a name for each"
            )
        self.labels, self._classes = names.names, names.count

    @property
    def network(self) -> Network | None:
        """The network of deelish that it is made from, or None."""
        return self._model.network if isinstance(self._model, NetworkModel) else None

    @property
    def classes(self) -> int:
        """How many logits an answer has; a model that does not say so answers a grey image."""
        if self._classes is None:
            size = self.preprocessing.size
            grey = np.full((1, size, size, 3), 128, np.uint8)
            self._classes = scores(self._model, self.preprocessing.apply(grey)).shape[1]
        return self._classes

    @property
    def new_layers(self) -> set[str]:
        """Layers of a network of deelish that hold first values; other models count as ready."""
        return self._model.new_layers()

    def _logits(self, images: ImageTensor) -> Any:
        store = store_of(self, images)
        answers = self.answers(images) if store is None else kept(store, images, self.answers)
        return self.session.engine.array(answers)

    def answers(self, images: ImageTensor) -> np.ndarray:
        """float32 (n, classes), computed now: what `batch_feature` gives as a tensor."""
        values = self.preprocessing.apply(images.pixels(self))
        answer = scores(self._model, values) if self._proved else prove(self._model, values)
        self._proved = True
        if self._classes not in (None, answer.shape[1]):
            raise TrainingError(
                f"{self.name}: answered {answer.shape[1]} classes, where {self._classes} are"
                " wanted; give labels= as many as it answers with"
            )
        self._classes = answer.shape[1]
        return answer

    def feature(self, x: Tensor | Source | None = None, *, layer: str) -> Tensor:
        """What an inner layer makes of the images: (n, ...), in test mode.

        `layer` is the name of a part: ``"layer4.1"`` in torch and Chainer, a layer or blob of a
        network of deelish.

        Raises:
            PlanError: there is no such layer, or the model shows none.
        """
        images = images_of(self.name, x)
        values = self.preprocessing.apply(images.pixels(self))
        content = answered(self._model, values, layer)
        return Tensor(self.session.engine.array(content), self.session, self, images)

    def fingerprint(self) -> str | None:
        """sha256 of all that the answers depend on: weights, structure, preprocessing and `key`.

        Of a torch module, its state_dict with names, its class and what it prints of itself; the
        code of a forward() cannot be seen, so that one who changes it gives another ``key=``.
        None for a function without ``key=``.
        """
        digest = self._model.digest()
        if digest is None:
            return None
        facts = [self._model.kind, digest, self._key, self.preprocessing.to_dict()]
        if self._model.half is not None:
            facts.append(self._model.half)
        return sha256(json.dumps(facts).encode()).hexdigest()

    def __repr__(self) -> str:
        pixels = self.preprocessing
        shape = f"{pixels.channels} x {pixels.size} x {pixels.size} {pixels.order}"
        counted = "" if self.parameters is None else f" | {self.parameters:,} parameters"
        classes = "" if self._classes is None else f" -> {self._classes} classes"
        return f"{self.name}: {shape}{classes}{counted} | {self._model.kind} | teaches only"


def _own_pixels(model: NetworkModel, preset: object, given: Pixels) -> Preprocessing:
    words = [*(["preprocessing"] if preset is not None else []), *given]
    if words:
        raise DataError(
            f"Teacher {model.name}: a network of deelish has its own preprocessing; leave"
            f" {words[0]}= out, or open the file with CaffeNet and give it there"
        )
    return model.network.preprocessing
