"""A network of deelish as a teacher, made by the script or opened from a file."""

from __future__ import annotations

import numpy as np

from deelish.engines.inference import InferenceModel
from deelish.errors import PlanError
from deelish.network.model import Model


class NetworkModel(InferenceModel):
    """A network. It has its own preprocessing and labels.

    Raises:
        PlanError: it takes no images.
    """

    kind = "network of deelish"

    def __init__(self, network: Model) -> None:
        self.network = network
        shape = network.plan.inputs.get(network.plan.data, ())
        if len(shape) != 4:
            raise PlanError(
                f"{network.name}: takes no images, its input {network.plan.data!r} is {shape}; give"
                " a function from images to logits"
            )
        self.name = network.name
        self.parameters = network.parameters
        self.labels = network.labels
        self.classes = network.classes

    def run(self, values: np.ndarray) -> np.ndarray:
        plan = self.network.plan
        return self.network.run({plan.data: values}, plan.logits, reduced=True)[plan.logits]

    def digest(self) -> str | None:
        return self.network.fingerprint()

    def new_layers(self) -> set[str]:
        return self.network.new_layers
