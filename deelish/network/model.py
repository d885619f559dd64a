"""A model: a plan with its weights on an engine. It computes logits, and is saved and loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from deelish.common.arguments import checked_call
from deelish.common.finite import nonfinite
from deelish.common.printing import say
from deelish.engines import Context, current_context
from deelish.engines.base import Values
from deelish.engines.sensitivity import Sensitivity, checked_maps
from deelish.errors import PlanError
from deelish.formats import write_network
from deelish.formats.chainer.weights import Example
from deelish.formats.initial_weights import load_initial_weights
from deelish.formats.match import Loaded
from deelish.formats.saved_network import SavedNetwork
from deelish.network.describe import Described
from deelish.network.fingerprint import fingerprint_of
from deelish.network.inputs import InputTensor
from deelish.network.labels import LabelNames, Labels
from deelish.network.last_layer import linear_last, with_last
from deelish.network.part import plan_between, values_of
from deelish.network.pretrained import Weights, find_model
from deelish.network.sequence_model import check_plan, checked_format
from deelish.plan import Layer, Plan, summary
from deelish.plan.arrays import checked_inputs
from deelish.plan.initialisation import fill
from deelish.plan.preprocessing import WAY, Preprocessing, check_range, given_pixels
from deelish.plan.sequence_format import SequenceFormat
from deelish.plan.shapes import Shape

# What `**preprocessing` takes.
PIXELS = ("order", "mean", "scale", "crop", *WAY)
IN_SIZE = 224
# RGB from -1 to 1, which the default initial weights suit.
PLAIN = {"order": "RGB", "mean": (127.5,), "scale": 1 / 127.5}


@dataclass(frozen=True)
class Parts:
    """The parts of a model before it is on an engine."""

    plan: Plan
    preprocessing: Preprocessing
    labels: list[str] | None
    loaded: Loaded
    sequences: SequenceFormat | None = None


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
        in_size: int = IN_SIZE,
        sequences: SequenceFormat | None = None,
        name: str | None = None,
        **preprocessing: Any,
    ) -> None:
        names = None if labels is None else LabelNames.of(labels)
        who = name or type(self).__name__
        pixels = given_pixels(who, preprocessing)
        check_range(who, pixels.get("mean"), pixels.get("scale"))
        made = Preprocessing(in_size, **{**PLAIN, **pixels})
        inputs: dict[str, Shape] = {"data": (1, made.channels, in_size, in_size)}
        if sequences is not None:
            of_images = {**({"in_size": in_size} if in_size != IN_SIZE else {}), **pixels}
            inputs = checked_format(who, sequences, names is not None, of_images)
        plan = rows if isinstance(rows, Plan) else Plan(rows, inputs, name or "Network")
        tokens = None if sequences is None else check_plan(plan, sequences)
        if tokens is not None:
            names = tokens
        elif names is not None and names.count != plan.classes:
            raise PlanError(
                f"{plan.name}: labels={_short(labels)} names {names.count} classes, but the layer"
                f" {plan.classifier(plan.logits)!r} has {plan.classes} outputs; make them equal"
            )
        loaded, stored = Loaded({}, set(plan.weights)), None
        if modelpath is not None:
            path = find_model(modelpath, self.weights)
            loaded, stored = load_initial_weights(
                path, plan, made, sequences, chosen=names is not None, example=self.example
            )
        known = names.names if names else stored
        self._start(Parts(plan, made, known, loaded, sequences))

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
        self.sequences = parts.sequences
        self.name, self.parameters = plan.name, summary.parameters(plan)
        self._begin(loaded.new, nonfinite(_by_name(loaded.values)))
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

    def copied_module(self) -> Any:
        """A module of its own with the same weights, for a running average."""
        return self.engine.build(self.plan, self.engine.state(self.module))

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

    def _check_inputs(
        self, shapes: Mapping[str, tuple[int, ...]], blobs: list[str], *, training: bool
    ) -> None:
        self.plan.check_inputs(shapes, blobs, "TRAIN" if training else "TEST")

    def _run(self, images: InputTensor, blobs: list[str], **how: Any) -> dict[str, Any]:
        self.check_takes_images()
        return super()._run(images, blobs, **how)

    def check_takes_images(self) -> None:
        """Refuse a network whose input is no image and no sequence.

        Raises:
            PlanError: it is something else.
        """
        shape = self.plan.inputs.get(self.plan.data, ())
        if len(shape) != 4 and self.sequences is None:
            raise PlanError(
                f"{self.name}: takes no images, its input {self.plan.data!r} is {shape}; give"
                " arrays to run()"
            )

    def _sample(self) -> Any:
        return self.engine.sample(self.module)

    def _computed_fingerprint(self) -> str | None:
        if self.engine.is_hooked(self.module):
            return None
        values = self.engine.state(self.module)
        form = self.sequences
        return fingerprint_of(self.plan, self.preprocessing, self.engine, values, form)

    def check_linear_last(self) -> None:
        """Refuse a network whose logits are not made by one InnerProduct alone."""
        linear_last(self.plan)

    def set_last(self, weight: np.ndarray, bias: np.ndarray, labels: list[str] | None) -> None:
        """Give it a trained last layer: weight (classes, channels) and bias (classes,)."""
        values = self.engine.state(self.module)
        name = linear_last(self.plan).name
        self.plan, values = with_last(self.plan, values, weight, bias)
        self.module = self.engine.build(self.plan, values)
        self.parameters, self.labels = summary.parameters(self.plan), labels
        self.untrained.discard(name)
        self.version += 1

    @checked_call()
    def part(
        self, start: str | None = None, end: str | None = None, *, name: str | None = None
    ) -> Self:
        """A network of some of its layers, with a copy of their weights: an encoder, a decoder.

        ``decoder = net.part(start="code")`` takes the numbers of the layer "code" and makes what
        the whole network makes; ``encoder = net.part(end="code")`` makes the code. A part whose
        input is no image is run with `run`. It is saved and exported like any network.

        Args:
            start: the layer whose numbers become the input; left out, the network's own input.
            end: the layer that becomes the output; left out, the network's own output.
            name: what it is called; left out, "part of" this network.

        Raises:
            PlanError: there is no such layer, or the part would read other layers too.

        >>> net.part(end="pool").layerDim("pool")
        (4, 1, 1)
        """
        plan = plan_between(self.plan, start, end, name or f"part of {self.name}")
        loaded = Loaded(values_of(plan, self.engine.state(self.module)), set())
        made = type(self).of(Parts(plan, self.preprocessing, None, loaded))
        made.untrained = self.untrained & set(plan.weights)
        return made

    def sensitivity(
        self, images: InputTensor, layer: str | None, labels: np.ndarray
    ) -> Sensitivity:
        blob = self._last_maps() if layer is None else self.blob_of(layer)
        made: tuple[Any, Any] = (None, None)
        if blob is not None:
            given = images.inputs_of(self)
            made = self.engine.sensitivity(self.module, given, blob, self.logits_blob, labels)
        layer = checked_maps(self.name, blob, *made)
        return Sensitivity(layer, *map(self.engine.numpy, made))

    # Files

    @checked_call()
    def save(self, path: str | Path) -> Path:
        """Write .hdf5, .safetensors or .caffemodel: weights, plan, labels, preprocessing, version.

        Beside a .caffemodel the .prototxt is written that Caffe and OpenCV need. An .npz holds the
        weights alone, for Chainer. Of several processes rank 0 writes, and the others wait. An old
        file stays until the new one is whole.

        Raises:
            FileError: the path cannot be written, the disk is full, or a training has made weights
                that are not finite; the old file is unchanged.

        >>> net.save("net.safetensors").name
        'net.safetensors'
        """
        return self.save_to(path)

    def write(self, path: Path, *, finite: bool = False) -> None:
        """Write its file in this process, as the file extension says."""
        record = self.record()
        if finite:
            self._check_finite(path, _by_name(record.values))
        write_network(path, record)

    def record(self) -> SavedNetwork:
        """The contents of its files."""
        values = self.engine.state(self.module)
        untrained = sorted(self.untrained)
        return SavedNetwork(
            self.plan, values, self.labels, self.preprocessing, untrained, sequences=self.sequences
        )


def _by_name(values: Values) -> dict[str, np.ndarray]:
    return {
        f"{layer}/{name}": array for layer, blobs in values.items() for name, array in blobs.items()
    }


def _short(labels: Any) -> str:
    return repr(labels) if not isinstance(labels, list) else f"[{len(labels)} names]"
