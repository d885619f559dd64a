"""How a network describes itself: in one line, in a table, in numbers."""

from __future__ import annotations

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.network.predictor import Predictor
from deelish.plan import Plan, summary
from deelish.plan.preprocessing import Preprocessing


class Described(Predictor):
    """A network that describes itself."""

    plan: Plan
    untrained: set[str]
    # Without auxiliary classifiers.
    parameters: int

    @property
    def classes(self) -> int:
        """How many logits an image has."""
        return self.plan.classes

    @property
    def new_layers(self) -> set[str]:
        """The layers that its logits depend on and that were neither loaded nor trained."""
        return self.untrained & self.plan.test_layers

    @property
    def all_new(self) -> bool:
        """Whether none of the layers that its logits depend on was loaded or trained."""
        return self.new_layers >= self.plan.test_layers

    def blob_of(self, layer: str) -> str:
        """The blob that a layer computes; `layer` may be the name of a blob itself."""
        return self.plan.blob_of(layer)

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
        return description(self.plan, self.preprocessing, device, self.new_layers)


def description(plan: Plan, preprocessing: Preprocessing, device: str, new: set[str]) -> str:
    """The line that the prompt shows for a network.

    Args:
        plan, preprocessing: the network, and its preprocessing.
        device: the engine and its device.
        new: the layers that the logits depend on and that have their initial weights still.
    """
    state = f"new: {', '.join(sorted(new))}" if new else "ready"
    if new and new == plan.test_layers:
        state = "untrained"
    return (
        f"{plan.name}: {_input(plan, preprocessing)} -> {plan.classes} classes"
        f" | {summary.parameters(plan):,} parameters"
        f" | {_millions(summary.multiply_adds(plan))} M multiply-adds | {device} | {state}"
    )


def _input(plan: Plan, preprocessing: Preprocessing) -> str:
    shape = plan.inputs.get(plan.data, ())
    if len(shape) != 4:
        return " x ".join(map(str, shape)) or "nothing"
    return f"{' x '.join(map(str, shape[1:]))} {preprocessing.order}"


def _millions(number: int) -> str:
    return f"{number / 1e6:,.0f}" if number >= 1e6 else f"{number / 1e6:.2g}"
