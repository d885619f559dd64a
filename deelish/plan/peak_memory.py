"""Peak memory of a plan for one image, in numbers: its weights, and the blobs alive at once."""

from __future__ import annotations

import math

from deelish.plan.lifetimes import last_uses
from deelish.plan.plan import Plan


def peak_numbers(plan: Plan) -> int:
    """The numbers that one image's logits need: weights, and the most in blobs alive at once.

    Only the layers of the test phase that the logits depend on count. A blob lives from the layer
    that makes it (the input from the start) to the last layer that reads it, the logits to the end.
    While a layer runs, its bottoms and its tops are alive together. A layer that writes
    over its bottom in place needs no second blob. An array of weights that layers share counts
    once. What a framework needs for itself, and the buffers of its convolutions, are left out.
    """
    return _weights(plan) + _blobs(plan)


def _weights(plan: Plan) -> int:
    """Numbers in the arrays of weights."""
    rows = {row.name for row in plan.rows("TEST", [plan.logits])}
    arrays = {
        plan.owners.get((layer, name), (layer, name))
        for layer, blobs in plan.weights.items()
        if layer in rows
        for name in blobs
    }
    return sum(plan.weights[layer][name].size for layer, name in arrays)


def _blobs(plan: Plan) -> int:
    """The largest sum of numbers in blobs that are alive at once."""
    rows = plan.rows("TEST", [plan.logits])
    images = {name: (1, *plan.inputs[name][1:]) for name in plan.needed("TEST", [plan.logits])}
    if not rows:
        return sum(map(math.prod, images.values()))
    shapes = Plan(rows, images, plan.name).shapes
    alive, most = set(images), 0
    for row, dead in zip(rows, last_uses(rows, [plan.logits]), strict=True):
        alive.update(row.tops)
        most = max(most, sum(math.prod(shapes[name]) for name in alive))
        alive.difference_update(dead)
    return most
