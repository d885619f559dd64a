"""A model: a plan with its weights on an engine. It computes logits, and is saved and loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.engines import Context, current_context
from deelish.errors import FileError, PlanError
from deelish.formats import write_network
from deelish.formats.chainer.weights import Example
from deelish.formats.initial_weights import load_initial_weights
from deelish.formats.match import Loaded
from deelish.formats.saved_network import SavedNetwork
from deelish.network.describe import Described
from deelish.network.fingerprint import fingerprint_of
from deelish.network.labels import LabelNames, Labels
from deelish.network.outputs import LogitsTensor
from deelish.network.pretrained import Weights, find_model
from deelish.network.tensors import ImageTensor
from deelish.plan import Layer, Plan, summary
from deelish.plan.arrays import checked_inputs, rows_of
from deelish.plan.initialisation import fill
from deelish.plan.preprocessing import WAY, Preprocessing

# What `**preprocessing` takes.
PIXELS = ("order", "mean", "scale", "crop", *WAY)
# RGB from -1 to 1, which the default initial weights suit.
PLAIN = {"order": "RGB", "mean": (127.5,), "scale": 1 / 127.5}


@dataclass(frozen=True)
class Parts:
    """The parts of a model before it is on an engine."""

    plan: Plan
    preprocessing: Preprocessing
    labels: list[str] | None
    loaded: Loaded


@dataclass(frozen=True)
class Forward:
    """One forward pass: the logits, and those of the auxiliary classifiers by blob."""

    logits: LogitsTensor
    heads: dict[str, Any]


class Model(Described):
    """A plan with its weights on the current engine; `Network` documents its arguments.

    Attributes:
        plan: the network as data.
        module: the engine's own object: a torch.nn.Module.
        labels: names of the classes, or None.
        untrained: layers that have their initial weights still, neither loaded nor trained.
        version: raised at each update of the weights.
    """

    # The facts of published weights, where a family has any.
    weights: Weights | None = None

    @checked_call(*PIXELS)
    def __init__(
        self,
        rows: Plan | Iterable[Layer],
        *,
        labels: Labels | None = None,
        modelpath: str | Path | None = None,
        in_size: int = 224,
        name: str | None = None,
        **preprocessing: Any,
    ) -> None:
        names = None if labels is None else LabelNames.of(labels)
        made = Preprocessing(in_size, **{**PLAIN, **preprocessing})
        shape = (1, made.channels, in_size, in_size)
        plan = rows if isinstance(rows, Plan) else Plan(rows, {"data": shape}, name or "Network")
        if names is not None and names.count != plan.classes:
            raise PlanError(
                f"{plan.name}: labels={_short(labels)} names {names.count} classes, but the layer"
                f" {plan.classifier(plan.logits)!r} has {plan.classes} outputs; make them equal"
            )
        loaded, stored = Loaded({}, set(plan.weights)), None
        if modelpath is not None:
            path = find_model(modelpath, self.weights)
            loaded, stored = load_initial_weights(
                path, plan, made, chosen=names is not None, example=self.example
            )
        known = names.names if names else stored
        self._start(Parts(plan, made, known, loaded))

    @classmethod
    def of(cls, parts: Parts) -> Self:
        """The model of these parts, on the current engine."""
        model = cls.__new__(cls)
        model._start(parts)
        return model

    @property
    def example(self) -> Example | None:
        """Chainer's version of this network, whose files name arrays otherwise; None for most."""
        return None

    def _start(self, parts: Parts) -> None:
        """Build the module on the current engine; layers that were not loaded are initialised."""
        plan, loaded = parts.plan, parts.loaded
        self.plan, self.preprocessing, self.labels = plan, parts.preprocessing, parts.labels
        self.name, self.parameters = plan.name, summary.parameters(plan)
        self.untrained = set(loaded.new)
        self.version = 0
        self._learning = False
        self._fingerprint: tuple[int, str | None] | None = None
        self.context: Context = current_context()
        seed = (self.context.seed, self.context.add(self))
        initial = {
            layer: {blob: fill(b, seed, f"{layer}/{blob}") for blob, b in blobs.items()}
            for layer, blobs in plan.weights.items()
            if layer not in loaded.values
        }
        self.module = self.context.engine.build(plan, {**loaded.values, **initial})
        for line in loaded.notices:
            say(f"{self.name}: {line}")

    # Inference

    def forward(
        self,
        images: ImageTensor,
        *,
        training: bool = False,
        reduced: bool = True,
        blobs: Iterable[str] = (),
    ) -> Forward:
        """Logits of the images; in training also the auxiliary logits, and dropout is drawn.

        Args:
            images: the images.
            training: whether a backward pass may follow.
            reduced: whether inner layers may compute in the reduced precision.
            blobs: inner blobs to return with the logits.
        """
        logits, inner = self.plan.logits, list(blobs)
        heads = list(self.plan.auxiliary) if training else []
        made = self._run(images, [logits, *heads, *inner], training=training, reduced=reduced)
        tensor = LogitsTensor(rows_of(made[logits], logits), self.engine, self, images)
        tensor.training = training
        tensor.features = {name: made[name] for name in inner}
        return Forward(tensor, {name: rows_of(made[name], name) for name in heads})

    def logits(self, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes), in evaluation mode."""
        return self.forward(images).logits.content

    def feature_of(self, images: ImageTensor, layer: str, *, reduced: bool) -> Any:
        """The output of a layer, or a blob, for the images: the engine's tensor (n, ...)."""
        blob = self.plan.blob_of(layer)
        return self._run(images, [blob], training=False, reduced=reduced)[blob]

    @checked_call()
    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        blobs: str | Iterable[str] | None = None,
        *,
        reduced: bool = False,
    ) -> dict[str, np.ndarray]:
        """NumPy arrays in and out, by blob name, in evaluation mode, without preprocessing.

        Args:
            inputs: for each input blob an array, batch first: ``{"data": (n, 3, 224, 224)}``.
            blobs: the blobs or layers to return; left out, the network's outputs.
            reduced: compute in the session's reduced precision, where it has one, as for a
                teacher's logits.
        """
        if not isinstance(blobs, Iterable | None):
            raise PlanError(f"{self.name}.run(blobs={blobs!r}): give names of blobs or layers")
        names = self.plan.outputs if blobs is None else [blobs] if isinstance(blobs, str) else blobs
        needed = {name: self.plan.blob_of(name) for name in names}
        arrays = checked_inputs(self.plan, inputs, needed.values())
        made = self.engine.run(
            self.module, arrays, set(needed.values()), training=False, reduced=reduced
        )
        return {name: self.engine.numpy(made[blob]) for name, blob in needed.items()}

    def _run(
        self, images: ImageTensor, blobs: list[str], *, training: bool, reduced: bool
    ) -> dict[str, Any]:
        self._check_takes_images()
        pixels = images.pixels(self.preprocessing)
        data = self.engine.input_of(pixels, self.preprocessing)
        phase = "TRAIN" if training else "TEST"
        self.plan.check_inputs({self.plan.data: tuple(data.shape)}, blobs, phase)
        inputs = {self.plan.data: data}
        return self.engine.run(self.module, inputs, blobs, training=training, reduced=reduced)

    def _check_takes_images(self) -> None:
        shape = self.plan.inputs.get(self.plan.data, ())
        if len(shape) != 4:
            raise PlanError(
                f"{self.name}: takes no images, its input {self.plan.data!r} is {shape}; give"
                " arrays to run()"
            )

    # Weights that change

    @property
    def learning(self) -> bool:
        """Whether a training is running that changes its weights."""
        return self._learning

    def weights_changed(self, crop: float | None = None) -> None:
        """Note an update of the weights; a training calls this after each.

        From then on the network's own crop fraction is that of the training's views.
        """
        self._learning = True
        self.version += 1
        self.untrained.clear()
        if crop is not None and self.preprocessing.crop != crop:
            self.preprocessing = replace(self.preprocessing, crop=crop)

    def training_ended(self) -> None:
        """Note that the weights stay as they are now."""
        self._learning = False

    def fingerprint(self) -> str | None:
        """sha256 of all that its logits depend on except the pixels; None while it is trained.

        When you change `module` by hand, raise `version`: the fingerprint is then computed again.
        """
        if self.learning:
            return None
        if self._fingerprint is None or self._fingerprint[0] != self.version:
            values = self.engine.state(self.module)
            made = fingerprint_of(self.plan, self.preprocessing, self.engine, values)
            self._fingerprint = (self.version, made)
        return self._fingerprint[1]

    # Files

    @checked_call()
    def save(self, path: str | Path) -> Path:
        """Write .hdf5, .safetensors or .caffemodel: weights, plan, labels, preprocessing, version.

        Beside a .caffemodel the .prototxt is written that Caffe and OpenCV need. An .npz holds the
        weights alone, for Chainer. Of several processes rank 0 writes, and the others wait.
        """
        if not isinstance(path, str | Path):
            raise FileError(f"{self.name}.save({path!r}): give the path of a file")
        self.engine.group.on_rank_zero(lambda: write_network(Path(path), self.record()))
        return Path(path)

    def record(self) -> SavedNetwork:
        """The contents of its files."""
        values = self.engine.state(self.module)
        return SavedNetwork(
            self.plan, values, self.labels, self.preprocessing, sorted(self.untrained)
        )

    @checked_call()
    def export(self, path: str | Path) -> Path:
        """Write an ONNX model of the test phase for other programs; deelish does not read it back.

        Inputs and outputs have the names of the blobs, float32, batch first, any number of images
        where the layers allow it; pixels go in as `preprocessing` says. Losses and Accuracy are
        left out. In `metadata_props` are labels, preprocessing and the blob of the logits.

        Raises:
            PlanError: a layer has no counterpart in ONNX; it is named.
            FileError: another extension than .onnx, more than 2 GiB of weights, or no package onnx.
        """
        if isinstance(path, str | Path) and Path(path).suffix.lower() != ".onnx":
            raise FileError(f"{path}: export() writes .onnx; for other extensions there is save()")
        return self.save(path)


def models_of(context: Context) -> list[Model]:
    """The models of a context that still exist, in the order in which they were made."""
    return [model for model in context.models if isinstance(model, Model)]


def _short(labels: Any) -> str:
    return repr(labels) if not isinstance(labels, list) else f"[{len(labels)} names]"
