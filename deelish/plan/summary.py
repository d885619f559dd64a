"""What a plan costs: parameters and multiply-adds of each layer, as numbers and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.plan import Plan
from deelish.plan.shapes import Shape


@dataclass(frozen=True)
class Cost:
    """One layer for one image: the shape that it makes, its parameters, its multiply-adds."""

    layer: Layer
    shape: Shape
    parameters: int
    multiply_adds: int


def costs(plan: Plan, phase: str = "TEST") -> list[Cost]:
    """The cost of every layer of a phase. Multiply-adds are those of weights, biases left out."""
    return [_cost(plan, layer) for layer in plan.layers if layer.runs_in(phase)]


def _cost(plan: Plan, layer: Layer) -> Cost:
    bottoms, tops = ([plan.shapes[name] for name in row] for row in (layer.bottoms, layer.tops))
    # Rows may share a name; only one of them has the weights.
    blobs = plan.weights.get(layer.name, {}) if plan.layer(layer.name) is layer else {}
    own = [
        blob.size
        for name, blob in blobs.items()
        if blob.trainable and (layer.name, name) not in plan.owners
    ]
    adds = KINDS[layer.type].products(layer.args, blobs, bottoms, tops)
    return Cost(layer, tops[0] if tops else (), sum(own), adds)


def parameters(plan: Plan) -> int:
    """The number of parameters at inference, auxiliary classifiers left out."""
    return sum(cost.parameters for cost in costs(plan))


def multiply_adds(plan: Plan) -> int:
    """Multiply-adds of one forward pass of one image."""
    return sum(cost.multiply_adds for cost in costs(plan))


def table(plan: Plan) -> str:
    """The layers as lines: name, type, shape for one image, parameters, multiply-adds."""
    rows = [("layer", "type", "makes", "parameters", "multiply-adds")]
    for cost in costs(plan):
        shape = " x ".join(map(str, cost.shape[1:]))
        numbers = (_count(cost.parameters), _count(cost.multiply_adds))
        rows.append((cost.layer.name, cost.layer.type, shape, *numbers))
    rows.append(("total", "", "", _count(parameters(plan)), _count(multiply_adds(plan))))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = []
    for row in rows:
        cells = [row[i].ljust(widths[i]) if i < 3 else row[i].rjust(widths[i]) for i in range(5)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
