"""How a module network describes itself: its blobs, its layers, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.engines.learning import DATA, INPUT_OF, LOGITS, LayerOutput, LearningModel
from deelish.errors import PlanError, TrainingError, first_line
from deelish.network.describe import millions
from deelish.network.example_inputs import grey
from deelish.network.learner import Learner


class ModuleDescribed(Learner):
    """A network around a module that describes itself."""

    _model: LearningModel
    _classes: int
    # The shape of its output where that is an image.
    _image: tuple[int, ...] | None
    # Its last layers, and all layers as they ran once they were asked for.
    _last: list[str]
    _rows: list[LayerOutput] | None

    def _grey(self) -> np.ndarray:
        return grey(self.preprocessing)

    # What a learner says of itself

    @property
    def classes(self) -> int:
        """How many logits an image has; of a module that makes images how many channels."""
        return self._classes

    @property
    def has_classes(self) -> bool:
        """Whether its output is logits, and no image."""
        return self._image is None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of its output for one image: (classes,), or (c, h, w)."""
        return (self.classes,) if self._image is None else self._image

    @property
    def new_layers(self) -> set[str]:
        """The layers that were neither loaded nor trained."""
        return self.untrained

    @property
    def all_new(self) -> bool:
        """Whether none of its layers was loaded or trained."""
        return self.untrained >= set(self._layer_names)

    @property
    def data_blob(self) -> str:
        """The name of its input."""
        return DATA

    @property
    def logits_blob(self) -> str:
        """The name of the module's own output."""
        return LOGITS

    @property
    def embedding_blob(self) -> str:
        """What goes into its last layer.

        Raises:
            PlanError: no linear layer or convolution makes its logits.
        """
        if not self._last:
            raise PlanError(
                f"{self.name}: no linear layer makes its logits, so that its embedding is not"
                " known; name a layer with layer="
            )
        return INPUT_OF + self._last[-1]

    @property
    def last_layers(self) -> list[str]:
        """The layers with weights that make its logits."""
        return self._last

    def blob_of(self, layer: str) -> str:
        """The name itself, once it is known to be that of a layer."""
        self._check_layer(layer)
        return layer

    def _check_layer(self, layer: str) -> None:
        if not isinstance(layer, str):
            raise PlanError(f"{self.name}: layer {layer!r} is no name; give a text")
        self._model.check_layer(layer.removeprefix(INPUT_OF))

    def trainable_ids(self) -> set[int]:
        """Those of its module."""
        return self._model.trainable_ids()

    def training_blob(self, layer: str) -> str:
        """The same; whether the layer runs in training shows when it does."""
        return self.blob_of(layer)

    @property
    def multiply_adds(self) -> int | None:
        """Multiply-adds for one image, as the framework counts them."""
        total = self._model.multiply_adds(self._grey())
        return None if total is None else total // len(self._grey())

    @property
    def peak_numbers(self) -> int | None:
        """The numbers in its weights, and the most alive beside them for one image."""
        return self._model.peak_numbers(grey(self.preprocessing, 1))

    def copied_module(self) -> Any:
        """A module of its own with the same weights, for a running average.

        Raises:
            TrainingError: the module cannot be copied.
        """
        try:
            return self._model.copied_module()
        except Exception as error:
            raise TrainingError(
                f"{self.name}: has no copy for an average of its weights ({first_line(error)}); let"
                " copy.deepcopy(module) work"
            ) from error

    # Its layers

    @property
    def _layer_names(self) -> list[str]:
        """The layers that hold weights of their own."""
        return self._model.weighted_layers()

    def _table(self) -> list[LayerOutput]:
        if self._rows is None:
            self._rows = self._model.layers(self._grey())
        return self._rows

    def _layers(self) -> Mapping[str, LayerOutput]:
        return {row.name: row for row in self._table()}

    @checked_call()
    def summary(self) -> str:
        """A table: layer, class, shape for one image, parameters."""
        rows = [("layer", "class", "output", "parameters")]
        rows += [
            (row.name, row.kind, " x ".join(map(str, row.shape)) or "1", f"{row.parameters:,}")
            for row in self._table()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join((*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=False)),))
            + "  "
            + row[3].rjust(widths[3])
            for row in rows
        )

    @checked_call()
    def ShowLayers(self) -> None:
        """Print the layers with their output shapes."""
        say(self.summary())

    @checked_call()
    def layerDim(self, layer: str) -> tuple[int, ...]:
        """The output shape of a layer for one image, without the batch: (c, h, w).

        Raises:
            PlanError: there is no such layer, or it does not run.
        """
        self._check_layer(layer)
        found = next((row for row in self._table() if row.name == layer), None)
        if found is None:
            raise PlanError(
                f"{self.name}: layer {layer!r} makes no tensor of its own; name another"
            )
        return found.shape

    def __repr__(self) -> str:
        pixels = self.preprocessing
        count = self.multiply_adds
        size = f"{pixels.channels} x {pixels.size} x {pixels.size} {pixels.order}"
        image = " x ".join(map(str, self._image or ()))
        parts = [
            f"{self.name}: {size} -> {image or f'{self.classes} classes'}",
            f"{self.parameters:,} parameters",
            *([] if count is None else [f"{millions(count)} M multiply-adds"]),
            f"{self.context.engine_name} on {self.engine.device}",
            self._state(),
        ]
        return " | ".join(parts)

    def _state(self) -> str:
        if not self.untrained:
            return "ready"
        return "untrained" if self.all_new else f"new: {', '.join(sorted(self.untrained))}"
