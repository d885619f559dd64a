"""The trainable map from a student's channels to a teacher's, for hints and features."""

from __future__ import annotations

from typing import Any

from deelish.engines import Context
from deelish.engines.state import SavedState
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill


class Projection:
    """A 1 x 1 convolution, Romero et al. 2015's regressor. It is trained with the student.

    Attributes:
        index: how many projections of the training were made before it.
        channels, outputs: the student's channels and the teacher's.
        plan: the network as data, one row.
        module: the engine's own object.
    """

    def __init__(self, context: Context, index: int, channels: int, outputs: int) -> None:
        self.channels, self.outputs = channels, outputs
        row = Layer(
            "projection",
            "Convolution",
            num_output=outputs,
            kernel_size=1,
            weight_filler={"type": "xavier"},
        )
        self.index, self.engine = index, context.engine
        self.plan = Plan([row], {"data": (1, channels, 1, 1)}, "projection")
        blobs = self.plan.weights["projection"]
        values = {
            name: fill(blob, (context.seed, index), f"projection/{name}")
            for name, blob in blobs.items()
        }
        self.module = self.engine.build(self.plan, {"projection": values})

    @classmethod
    def restored(cls, context: Context, state: SavedState) -> Projection:
        """The projection whose `state` this is."""
        projection = cls(context, **state.values)
        projection.engine.set_arrays(projection.module, state.arrays)
        return projection

    def state(self) -> SavedState:
        """What it is and its weights, for a checkpoint."""
        shape = {"index": self.index, "channels": self.channels, "outputs": self.outputs}
        return SavedState(self.engine.arrays(self.module), shape)

    def __call__(self, blob: Any, *, training: bool) -> Any:
        """(n, channels, h, w) -> (n, outputs, h, w)."""
        inputs = {"data": blob}
        made = self.engine.run(self.module, inputs, ["projection"], training=training)
        return made["projection"]
