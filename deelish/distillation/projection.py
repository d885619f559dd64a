"""The learnt map from a student's channels to a teacher's, which a hint compares them by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill

if TYPE_CHECKING:
    from deelish.language.session import Deel


class Projection:
    """A 1 x 1 convolution, Romero et al. 2015's regressor. It learns beside the student.

    Attributes:
        plan: the network as data, one row.
        module: the engine's own object.
    """

    def __init__(self, session: Deel, place: int, channels: int, wanted: int) -> None:
        row = Layer(
            "projection",
            "Convolution",
            num_output=wanted,
            kernel_size=1,
            weight_filler={"type": "xavier"},
        )
        self.session = session
        self.plan = Plan([row], {"data": (1, channels, 1, 1)}, "projection")
        blobs = self.plan.weights["projection"]
        values = {
            name: fill(blob, (session.seed, place), f"projection/{name}")
            for name, blob in blobs.items()
        }
        self.module = session.engine.build(self.plan, {"projection": values})

    def __call__(self, blob: Any, *, training: bool) -> Any:
        """(n, channels, h, w) -> (n, wanted, h, w)."""
        inputs = {"data": blob}
        engine = self.session.engine
        return engine.run(self.module, inputs, ["projection"], training=training)["projection"]
