"""A network of the language: a plan, its weights on an engine, and Deel's verbs on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.common.printing import say
from deelish.distillation.teacher_cache.cached import kept, store_of
from deelish.errors import FileError, PlanError
from deelish.formats import open_record, save_record
from deelish.formats.chainer.weights import Example
from deelish.formats.match import Loaded
from deelish.formats.record import Record
from deelish.formats.start import start_from
from deelish.images.stills import Stills
from deelish.language.session import current_session
from deelish.network.describe import Described
from deelish.network.fingerprint import fingerprint_of
from deelish.network.labels import LabelNames, Labels
from deelish.network.pretrained import Weights, find_model
from deelish.network.tensors import ImageTensor, ScoreTensor, Tensor, images_of
from deelish.plan import Layer, Plan
from deelish.plan.arrays import checked_inputs, rows_of
from deelish.plan.initialisation import fill
from deelish.plan.preprocessing import Preprocessing
from deelish.training import step as learning

if TYPE_CHECKING:
    from deelish.images.stills import Source


PLAIN = {"order": "RGB", "mean": (127.5,), "scale": 1 / 127.5}


class Network(Described):
    """A network: rows of layers, run by the session's engine.

    ``Network([Layer("score", "InnerProduct", num_output=10)], in_size=28, order="L", labels=10)``

    Args:
        rows: the layers, or a `Plan`.
        labels: a file, a list of names, or a count; it must fit the network's outputs.
        modelpath: weights to start from: .caffemodel, .hdf5 or .safetensors.
        in_size: side in pixels of the images that it takes.
        name: what it is called in messages and files.
        **preprocessing: order ("BGR", "RGB", "L" for grey), mean, scale, crop; left out, RGB
            from -1 to 1, which the default first values suit.

    Attributes:
        plan: the network as data.
        module: the engine's own object: a torch.nn.Module.
        labels: names of the classes, or None.
        untrained: layers that hold first values still, neither loaded nor trained.
        version: raised at each update of the weights.
    """

    # The facts of published weights, where a family has any.
    weights: Weights | None = None

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
            loaded, stored = start_from(
                path, plan, made, chosen=names is not None, example=self.example
            )
        known = names.names if names else stored
        self._start(plan, made, known, loaded)

    @property
    def example(self) -> Example | None:
        """Chainer's own of this network, whose files have other names; some families have one."""
        return None

    def _start(
        self, plan: Plan, preprocessing: Preprocessing, labels: list[str] | None, loaded: Loaded
    ) -> None:
        """Enter the session and build the module; layers that were not loaded get first values."""
        self.plan, self.preprocessing, self.labels = plan, preprocessing, labels
        self.untrained = set(loaded.new)
        self.pending: learning.Pending | None = None
        self.version = 0
        self._printed: tuple[int, str | None] | None = None
        self.session = current_session()
        seed = (self.session.seed, self.session.add(self))
        first = {
            layer: {blob: fill(b, seed, f"{layer}/{blob}") for blob, b in blobs.items()}
            for layer, blobs in plan.weights.items()
            if layer not in loaded.values
        }
        self.module = self.session.engine.build(plan, {**loaded.values, **first})
        for line in loaded.said:
            say(f"{self.name}: {line}")

    # Answering

    def Input(self, source: Source) -> ImageTensor:
        """Make an image, or several, the current tensor: a path, a PIL image, a NumPy array."""
        current_session().used(self)
        tensor = ImageTensor(Stills.of(source))
        tensor.use()
        return tensor

    def classify(self, x: Tensor | Source | None = None) -> ScoreTensor:
        """Logits (n, classes) of the images `x`, or of the current tensor; they become current.

        In the training part of a workout the network learns from this answer at `backprop`.
        """
        session = current_session()
        run, half = session.run, session.may_round
        training = run is not None and run.training
        pending = self.answered(self._images(x), training=training, half=half)
        if run is not None:
            self.pending = pending
        session.used(self)
        pending.answer.use()
        return pending.answer

    def batch_feature(self, x: Tensor | Source | None = None) -> ScoreTensor:
        """The answer of a teacher: logits (n, classes), always in test mode, without gradients.

        With ``InputBatch(views=...)`` answers are kept on disk, and none is computed twice.
        """
        images = self._images(x)
        # What hints read is not kept, so that a teacher whose inner layers are read answers anew.
        store = None if self.kept_blobs else store_of(self, images)
        if store is None:
            answer = self.answered(images, training=False).answer
        else:
            logits = kept(store, images, self._numbers)
            answer = ScoreTensor(self.session.engine.array(logits), self.session, self, images)
        current_session().used(self)
        return answer

    def _numbers(self, images: ImageTensor) -> np.ndarray:
        return self.answered(images, training=False).answer.value

    def feature(self, x: Tensor | Source | None = None, *, layer: str) -> Tensor:
        """What a layer makes of the images, in test mode: (n, ...). `layer` may name a blob too.

        Raises:
            PlanError: there is no such layer; the nearest names are given.
        """
        blob = self.plan.blob_of(layer)
        images = self._images(x)
        half = current_session().may_round
        content = self._run(images, [blob], training=False, half=half)[blob]
        current_session().used(self)
        return Tensor(content, self.session, self, images)

    def run(
        self,
        inputs: Mapping[str, np.ndarray],
        blobs: str | Iterable[str] | None = None,
        *,
        half: bool = False,
    ) -> dict[str, np.ndarray]:
        """NumPy arrays in and out, by blob name, in test mode and without preprocessing.

        Args:
            inputs: for each input blob an array, batch first: ``{"data": (n, 3, 224, 224)}``.
            blobs: the blobs or layers wanted; left out, the network's outputs.
            half: compute in the session's half type, where it has one, as a teacher does.
        """
        asked = self.plan.outputs if blobs is None else [blobs] if isinstance(blobs, str) else blobs
        wanted = {name: self.plan.blob_of(name) for name in asked}
        arrays = checked_inputs(self.plan, inputs, wanted.values())
        engine = self.session.engine
        answer = engine.run(self.module, arrays, set(wanted.values()), training=False, half=half)
        return {name: engine.numpy(answer[blob]) for name, blob in wanted.items()}

    def _images(self, x: Tensor | Source | None) -> ImageTensor:
        if x is not None and not isinstance(x, Tensor):
            return self.Input(x)
        return images_of(self.name, x)

    def _run(
        self, images: ImageTensor, wanted: list[str], *, training: bool, half: bool
    ) -> dict[str, Any]:
        self._check_takes_images()
        data = self.session.engine.input_of(images.pixels(self), self.preprocessing)
        inputs = {self.plan.data: data}
        phase = "TRAIN" if training else "TEST"
        self.plan.check_inputs({self.plan.data: tuple(data.shape)}, wanted, phase)
        return self.session.engine.run(self.module, inputs, wanted, training=training, half=half)

    def _check_takes_images(self) -> None:
        shape = self.plan.inputs.get(self.plan.data, ())
        if len(shape) != 4:
            raise PlanError(
                f"{self.name}: takes no images, its input {self.plan.data!r} is {shape}; give"
                " arrays to run()"
            )

    def answered(
        self, images: ImageTensor, *, training: bool, half: bool = True
    ) -> learning.Pending:
        """Logits of the images; in training also auxiliary scores, and dropout is drawn.

        The blobs of `kept_blobs` come with them. With `half` the layers in between may be computed
        in the session's half type.
        """
        logits, kept = self.plan.logits, self.kept_blobs
        heads = list(self.plan.auxiliary) if training else []
        blobs = self._run(images, [logits, *heads, *kept], training=training, half=half)
        answer = ScoreTensor(rows_of(blobs[logits], logits), self.session, self, images)
        answer.trained_mode = training
        answer.features = {name: blobs[name] for name in kept}
        return learning.Pending(answer, {name: rows_of(blobs[name], name) for name in heads})

    # Learning

    def backprop(
        self, t: Any, distill: Any = False, *, loss: Any = "kd", hint: Any = None, **options: Any
    ) -> learning.Outcome:
        """Learn from the batch classified last; in validation only measure.

        ``backprop(t)`` learns from the labels t. ``backprop(t, distill=True)`` learns from t, a
        teacher's answer; ``backprop(t, distill=answer)`` from a teacher's answer and the labels t.

        Args:
            loss: "kd", "mse", "cross_entropy", "dkd" or "dist", or a function of two arrays of
                logits, student's and teacher's, that returns a scalar.
            hint: (student's layer, teacher's layer), to learn from inner layers too; or
                ``dict(student=..., teacher=..., kind="attention", weight=500)``, or a list of such.
                Kinds are "fitnet", "attention" and "relational".
            **options: the loss's own, such as temperature=4; standardise=True for z-scores of the
                logits; alpha, the teacher's share of the loss, or weight and label_weight, the
                factors on the teacher's and the labels' parts. Weights may be functions of the
                epoch: ``weight=lambda epoch: min(1, epoch / 20)``.

        Returns:
            (loss, accuracy); the accuracy is against the true labels, also when distilling.
        """
        return learning.backprop(self, t, distill, loss, hint, options)

    @property
    def kept_blobs(self) -> set[str]:
        """The inner blobs that hints of the running BatchTrain read."""
        run = current_session().run
        return set() if run is None else run.kept(self)

    @property
    def learning(self) -> bool:
        """Whether it has learnt in the running BatchTrain."""
        run = current_session().run
        return run is not None and self in run.students

    def fingerprint(self) -> str | None:
        """sha256 of all that its answers depend on beside the pixels; None while it learns.

        Who changes `module` by hand raises `version`, by which the last one is known to hold.
        """
        if self.learning:
            return None
        if self._printed is None or self._printed[0] != self.version:
            self._printed = (self.version, fingerprint_of(self))
        return self._printed[1]

    # Files

    def save(self, path: str | Path) -> Path:
        """Write .hdf5, .safetensors or .caffemodel: weights, plan, labels, preprocessing, version.

        Beside a .caffemodel the .prototxt is written that Caffe and OpenCV want. An .npz holds the
        weights alone, for Chainer. Of several processes the first writes, and the others wait.
        """
        self.session.engine.group.once(lambda: save_record(Path(path), self.record()))
        return Path(path)

    def record(self) -> Record:
        """All that its files hold."""
        values = self.session.engine.state(self.module)
        new = sorted(self.untrained)
        return Record(self.plan, values, self.labels, self.preprocessing, new)

    def export(self, path: str | Path) -> Path:
        """Write an ONNX model of the test phase for other programs; deelish does not read it back.

        Inputs and outputs have the names of the blobs, float32, batch first, any number of images
        where the layers allow it; pixels go in as `preprocessing` says. Losses and Accuracy are
        left out. In `metadata_props` are labels, preprocessing and the blob of the logits.

        Raises:
            PlanError: a layer has no counterpart in ONNX; it is named.
            FileError: another ending than .onnx, more than 2 GiB of weights, or no package onnx.
        """
        if Path(path).suffix.lower() != ".onnx":
            raise FileError(f"{path}: export() writes .onnx; for other endings there is save()")
        return self.save(path)

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """The network that a file holds; nothing else is needed. Foreign Caffe files load too.

        To fill a network that is there already, make it with ``modelpath=``.
        """
        record = open_record(find_model(path, cls.weights))
        network = Network.__new__(Network)
        loaded = Loaded(record.values, set(record.untrained), list(record.said))
        network._start(record.plan, record.preprocessing, record.labels, loaded)
        return network


def _short(labels: Any) -> str:
    return repr(labels) if not isinstance(labels, list) else f"[{len(labels)} names]"
