"""The last layer of a network of rows: whether it is linear, and another one in its place."""

from __future__ import annotations

import numpy as np

from deelish.engines import Values
from deelish.errors import TrainingError
from deelish.plan import Layer, Plan


def linear_last(plan: Plan) -> Layer:
    """The InnerProduct that makes the logits, with nothing after it.

    Raises:
        TrainingError: another layer makes them, or its weights are another layer's too.
    """
    row = plan.layer(plan.classifier(plan.logits))
    makers = [one.name for one in plan.rows("TEST", [plan.logits]) if plan.logits in one.tops]
    shared = {name for pair in plan.owners.items() for name, _ in pair}
    if row.type != "InnerProduct" or makers != [row.name] or row.name in shared:
        raise TrainingError(
            f"{plan.name}: its logits {plan.logits!r} are not made by one InnerProduct alone, so"
            " that a probe gives it no classes; train it on labels instead, with"
            " student.backprop(t)"
        )
    return row


def with_last(
    plan: Plan, values: Values, weight: np.ndarray, bias: np.ndarray
) -> tuple[Plan, Values]:
    """The plan and its weights with another last layer.

    Where the number of classes changes, auxiliary classifiers take part in no loss any more.

    Args:
        plan, values: the network, whose last layer is linear.
        weight: (classes, channels), of the means over the positions of what the layer reads.
        bias: (classes,).
    """
    last = linear_last(plan)
    rest = {key: value for key, value in last.args.items() if key not in ("bias_term", "transpose")}
    made = last.rewired(last.bottoms, last.tops, {**rest, "num_output": len(weight)})
    rows = [made if row is last else row for row in plan.layers]
    auxiliary = plan.auxiliary if len(weight) == plan.classes else {}
    changed = Plan(rows, plan.inputs, plan.name, plan.logits, auxiliary)
    inputs = changed.weights[last.name]["weight"].shape[1]
    positions = inputs // weight.shape[1]
    # The layer reads (channels, height, width) in this order.
    whole = np.repeat(weight, positions, axis=1) / np.float32(positions)
    arrays = {"weight": np.ascontiguousarray(whole, np.float32), "bias": bias.astype(np.float32)}
    return changed, {**values, last.name: arrays}
