"""What a network says of itself: in one line, in a table, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deelish.common.printing import say
from deelish.plan import Plan, summary
from deelish.plan.preprocessing import Preprocessing

if TYPE_CHECKING:
    from deelish.language.session import Deel


class Described:
    """A network, as it describes itself."""

    plan: Plan
    preprocessing: Preprocessing
    untrained: set[str]
    session: Deel

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.plan.name

    @property
    def classes(self) -> int:
        """How many scores it answers with."""
        return self.plan.classes

    @property
    def parameters(self) -> int:
        """How many learnt numbers it answers with; auxiliary classifiers are left out."""
        return summary.parameters(self.plan)

    @property
    def new_layers(self) -> set[str]:
        """The layers of its answer that were neither loaded nor trained."""
        return self.untrained & self.plan.test_layers

    def summary(self) -> str:
        """A table: layer, type, shape for one image, parameters, multiply-adds."""
        return summary.table(self.plan)

    def ShowLayers(self) -> None:
        """Print the layers with the shapes that they make."""
        say(self.summary())

    def layerDim(self, layer: str) -> tuple[int, ...]:
        """The shape that a layer makes for one image, without the batch: (c, h, w)."""
        return self.plan.shapes[self.plan.blob_of(layer)][1:]

    def __repr__(self) -> str:
        device = f"{self.session.engine_name} on {self.session.engine.device}"
        return description(self.plan, self.preprocessing, device, self.new_layers)


def description(plan: Plan, preprocessing: Preprocessing, device: str, new: set[str]) -> str:
    """The line that the prompt shows for a network.

    Args:
        plan, preprocessing: the network, and what it takes of pixels.
        device: the engine and where it computes.
        new: the layers of its answer that hold first values still.
    """
    state = f"new: {', '.join(sorted(new))}" if new else "ready"
    if new and new == plan.test_layers:
        state = "untrained"
    return (
        f"{plan.name}: {_takes(plan, preprocessing)} -> {plan.classes} classes"
        f" | {summary.parameters(plan):,} parameters"
        f" | {_millions(summary.multiply_adds(plan))} M multiply-adds | {device} | {state}"
    )


def _takes(plan: Plan, preprocessing: Preprocessing) -> str:
    shape = plan.inputs.get(plan.data, ())
    if len(shape) != 4:
        return " x ".join(map(str, shape)) or "nothing"
    return f"{' x '.join(map(str, shape[1:]))} {preprocessing.order}"


def _millions(number: int) -> str:
    return f"{number / 1e6:,.0f}" if number >= 1e6 else f"{number / 1e6:.2g}"
