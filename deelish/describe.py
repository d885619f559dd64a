"""A network in one line: what it takes, what it answers, what it costs, what state it is in."""

from __future__ import annotations

from collections.abc import Collection

from deelish.images.preprocessing import Preprocessing
from deelish.plan import Plan, summary


def description(
    plan: Plan, preprocessing: Preprocessing, device: str, untrained: Collection[str]
) -> str:
    """The line that the prompt shows for a network.

    Args:
        plan, preprocessing: the network, and what it takes of pixels.
        device: the engine and where it computes.
        untrained: layers that hold first values still.
    """
    new = plan.test_layers.intersection(untrained)
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
