"""What the files of small devices are made from, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.formats.agreement import Run
from deelish.formats.edge.notes import Notes
from deelish.plan.preprocessing import Preprocessing

PRECISIONS = ("float32", "float16")


@dataclass(frozen=True)
class EdgeSource:
    """A network that a file is written from.

    Attributes:
        name: what errors call it.
        preprocessing: how pixels become its input.
        notes: what the file says of it.
        run: the network itself: float32 (n, channels, size, size) to logits.
        onnx: makes its .onnx in float32, with the logits as its one output.
        program: writes its program into a folder, see `deelish.engines.torch.edge.program`; returns
            what errors call each of its modules.
    """

    name: str
    preprocessing: Preprocessing
    notes: Notes
    run: Run
    onnx: Callable[[], bytes]
    program: Callable[[Path], dict[str, str]]

    @property
    def shape(self) -> list[int]:
        """(1, channels, size, size)."""
        size = self.preprocessing.size
        return [1, self.preprocessing.channels, size, size]


@dataclass(frozen=True)
class EdgeOptions:
    """How a file is written.

    Attributes:
        precision: of its weights, "float32" or "float16".
        images: inputs to calibrate int8 on, float32 (n, channels, size, size); None for floats.
        weights: what has a scale of its own in int8: "channel" or "tensor".
    """

    precision: str = "float32"
    images: np.ndarray | None = None
    weights: str = "channel"

    @property
    def int8(self) -> bool:
        """Whether weights and activations are of 8 bits."""
        return self.images is not None
