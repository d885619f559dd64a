"""A network of deelish or a student as a teacher, made by the script or opened from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.engines.inference import InferenceModel
from deelish.network.learner import Learner


class NetworkModel(InferenceModel):
    """A learner. It has its own preprocessing and labels.

    Raises:
        PlanError: it takes no images.
    """

    kind = "network of deelish"
    exportable = True

    def __init__(self, network: Learner) -> None:
        network.check_takes_images()
        self.network = network
        self.name = network.name
        self.parameters = network.parameters
        self.labels = network.labels
        self.classes = network.classes
        self.output_shape = None if network.has_classes else network.output_shape

    def run(self, values: np.ndarray) -> np.ndarray:
        return self.network.logits_from(values)

    def onnx_path(self, folder: Path, values: np.ndarray) -> Path:
        path = folder / "network.onnx"
        self.network.write(path)
        return path

    def trainable_ids(self) -> set[int]:
        return self.network.trainable_ids()

    def digest(self) -> str | None:
        return self.network.fingerprint()

    def known_digest(self) -> str | None:
        return self.network.known_fingerprint()

    def checksums(self) -> str | None:
        return self.network.known_fingerprint()

    @property
    def undescribed(self) -> str | None:  # type: ignore[override]
        return self.network.undescribed

    def new_layers(self) -> set[str]:
        return self.network.new_layers
