"""A network of deelish as the model of a teacher, also one that a file holds."""

from __future__ import annotations

import numpy as np

from deelish.engines.inference import Foreign
from deelish.errors import PlanError
from deelish.language.session import current_session
from deelish.network.network import Network


class NetworkModel(Foreign):
    """A network, which brings its own preprocessing and labels.

    Raises:
        PlanError: it takes no images.
    """

    kind = "network of deelish"

    def __init__(self, network: Network) -> None:
        self.network = network
        shape = network.plan.inputs.get(network.plan.data, ())
        if len(shape) != 4:
            raise PlanError(
                f"{network.name}: takes no images, its input {network.plan.data!r} is {shape}; give"
                " a function that turns images into what it takes"
            )
        self.name = network.name
        self.parameters = network.parameters
        self.labels = network.labels
        self.classes = network.plan.classes

    def run(self, values: np.ndarray) -> np.ndarray:
        return self._blob(values, self.network.plan.logits, half=True)

    def feature(self, values: np.ndarray, layer: str) -> np.ndarray:
        half = current_session().may_round
        return self._blob(values, self.network.plan.blob_of(layer), half)

    def _blob(self, values: np.ndarray, blob: str, half: bool) -> np.ndarray:
        return self.network.run({self.network.plan.data: values}, blob, half=half)[blob]

    def digest(self) -> str | None:
        return self.network.fingerprint()

    def new_layers(self) -> set[str]:
        return self.network.new_layers
