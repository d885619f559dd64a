"""How a network describes itself: in one line, in a table, in numbers."""

from __future__ import annotations

from collections.abc import Mapping

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.errors import PlanError
from deelish.network.learner import Learner
from deelish.plan import Layer, Plan, peak_memory, summary


class Described(Learner):
    """A network that describes itself; its parameters are without auxiliary classifiers."""

    plan: Plan

    @property
    def classes(self) -> int:
        """How many logits an image, a sequence or a step has."""
        form = self.sequences
        return self.plan.classes if form is None or not form.next_token else len(form.vocabulary)

    @property
    def has_classes(self) -> bool:
        """Whether its output is logits, one score a class, and no image or other array."""
        return self.labels is not None or self.plan.has_classes

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of its output for one image: (classes,), or that of an array."""
        return (self.classes,) if self.has_classes else self.plan.shapes[self.plan.logits][1:]

    @property
    def new_layers(self) -> set[str]:
        """The layers that its logits depend on and that were neither loaded nor trained."""
        return self.untrained & self.plan.test_layers

    @property
    def all_new(self) -> bool:
        """Whether none of the layers that its logits depend on was loaded or trained."""
        return self.new_layers >= self.plan.test_layers

    def _layers(self) -> Mapping[str, Layer]:
        return {row.name: row for row in self.plan.layers}

    def blob_of(self, layer: str) -> str:
        """The blob that a layer computes; `layer` may be the name of a blob itself."""
        return self.plan.blob_of(layer)

    def training_blob(self, layer: str) -> str:
        """The blob of a layer that runs in training.

        Raises:
            PlanError: there is no such layer, or it does not run in training.
        """
        blob = self.plan.blob_of(layer)
        if not any(blob in row.tops for row in self.plan.layers if row.runs_in("TRAIN")):
            raise PlanError(
                f"{self.name}: hint: {blob!r} is not made in training; name another layer"
            )
        return blob

    def _last_maps(self) -> str | None:
        """The last blob on the way to the logits that has several positions; None without any."""
        rows = self.plan.rows("TEST", [self.plan.logits])
        blobs = [top for row in rows for top in row.tops]
        shapes = {blob: self.plan.shapes[blob] for blob in blobs if blob in self.plan.shapes}
        maps = [name for name, shape in shapes.items() if len(shape) == 4 and shape[2:] != (1, 1)]
        return maps[-1] if maps else None

    @property
    def data_blob(self) -> str:
        """The name of its input."""
        return self.plan.data

    @property
    def logits_blob(self) -> str:
        """The blob of its logits."""
        return self.plan.logits

    @property
    def auxiliary(self) -> Mapping[str, float]:
        """The blobs of auxiliary classifiers, with their weights in the loss on labels."""
        return self.plan.auxiliary

    @property
    def penalties(self) -> Mapping[str, float]:
        """The blobs that a training adds to its loss, with their weights."""
        return self.plan.penalties

    @property
    def embedding_blob(self) -> str:
        """The blob that its classifier reads."""
        classifier = self.plan.classifier(self.plan.logits)
        return next(row.bottoms[0] for row in self.plan.layers if row.name == classifier)

    @property
    def last_layers(self) -> list[str]:
        """The classifiers: the last layers with weights on the way to scores."""
        return sorted(self.plan.classifiers)

    def feature_fingerprint(self, layer: str) -> str | None:
        """None also for a layer that the logits do not depend on, whose weights it lacks."""
        rows = self.plan.rows("TEST", [self.plan.logits])
        blobs = {*self.plan.inputs, *(top for row in rows for top in row.tops)}
        return self.known_fingerprint() if self.blob_of(layer) in blobs else None

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for the logits of one image."""
        return summary.multiply_adds(self.plan)

    @property
    def peak_numbers(self) -> int:
        """The numbers in its weights, and the most in blobs that one image needs at once."""
        return peak_memory.peak_numbers(self.plan)

    @checked_call()
    def summary(self) -> str:
        """A table: layer, type, shape for one image, parameters, multiply-adds."""
        return summary.table(self.plan)

    @checked_call()
    def ShowLayers(self) -> None:
        """Print the layers with their output shapes."""
        say(self.summary())

    @checked_call()
    def layerDim(self, layer: str) -> tuple[int, ...]:
        """The output shape of a layer for one image, without the batch: (c, h, w)."""
        return self.plan.shapes[self.plan.blob_of(layer)][1:]

    def __repr__(self) -> str:
        device = f"{self.context.engine_name} on {self.engine.device}"
        shape = " x ".join(map(str, self.output_shape))
        made = f"{self.classes} classes" if self.has_classes else shape
        return (
            f"{self.plan.name}: {self._input} -> {made}"
            f" | {summary.parameters(self.plan):,} parameters"
            f" | {millions(summary.multiply_adds(self.plan))} M multiply-adds | {device}"
            f" | {self._state}"
        )

    @property
    def _input(self) -> str:
        """What it reads, in words."""
        if self.sequences is not None:
            return f"sequences of {self.sequences.tokens}"
        shape = self.plan.inputs.get(self.plan.data, ())
        if len(shape) != 4:
            return " x ".join(map(str, shape)) or "nothing"
        return f"{' x '.join(map(str, shape[1:]))} {self.preprocessing.order}"

    @property
    def _state(self) -> str:
        """Whether it was trained, in words."""
        if self.new_layers and self.all_new:
            return "untrained"
        return f"new: {', '.join(sorted(self.new_layers))}" if self.new_layers else "ready"


def millions(number: int) -> str:
    return f"{number / 1e6:,.0f}" if number >= 1e6 else f"{number / 1e6:.2g}"
