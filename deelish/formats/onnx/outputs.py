"""The outputs of a model of ONNX: the network's own without those that judge them."""

from __future__ import annotations

from deelish.errors import PlanError
from deelish.plan.layer import Layer
from deelish.plan.layers import loss
from deelish.plan.plan import Plan

# How many bottoms of a loss are scores; those behind are labels.
_SCORES = {name: 2 if name == "ContrastiveLoss" else 1 for name in loss.KINDS}


def output_blobs(plan: Plan) -> list[str]:
    """The blobs, in order, that the network makes in its test phase without knowing labels.

    Losses and Accuracy are left out, and what is made from them; scores that only they read are
    outputs then. Inputs are none, nor is what Silence or a loss takes as its labels.

    Raises:
        PlanError: nothing is left.
    """
    kept: list[Layer] = []
    judged: set[str] = set()
    read: set[str] = set()
    for row in plan.layers:
        if not row.runs_in("TEST"):
            continue
        if row.type in _SCORES or judged.intersection(row.bottoms):
            judged.update(row.tops)
            read.update(row.bottoms[_SCORES.get(row.type, len(row.bottoms)) :])
        else:
            kept.append(row)
            read.update(name for name in row.bottoms if name not in row.tops)
    made = dict.fromkeys(top for row in kept for top in row.tops)
    found = [name for name in made if name not in read]
    if not found:
        raise PlanError(f"{plan.name}: makes nothing but losses; add a layer that needs no labels")
    return found
