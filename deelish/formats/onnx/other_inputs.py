"""Other batches and images that a graph is written for, to see what depends on the size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deelish.errors import PlanError
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.plan import Plan
from deelish.plan.shapes import Shape

Inputs = dict[str, Shape]

# By how many pixels the other images are higher and wider: odd and even, unequal, and more than
# the stride of any network, so that whatever is rounded is rounded otherwise once.
_LARGER = ((1, 0), (0, 1), (2, 5), (3, 10), (6, 17), (13, 4), (33, 65))


def larger_batch(plan: Plan) -> Iterator[Inputs]:
    """The inputs for one item more; none for a plan without inputs."""
    if plan.inputs:
        yield _one_more(plan)


def other_sequences(plan: Plan) -> Iterator[Inputs]:
    """The inputs for longer sequences, for more of them, and for both."""
    for times, count in ((2, 1), (1, 2), (3, 5)):
        yield {name: (times, count, *shape[2:]) for name, shape in plan.inputs.items()}


def other_sizes(plan: Plan, *, larger: bool) -> Iterator[Inputs]:
    """The inputs for larger images, the last with one item more too where `larger` says so.

    None where the input is no image.
    """
    image = plan.inputs.get(plan.data, ())
    if len(image) != 4:
        return
    for place, (up, out) in enumerate(_LARGER):
        last = place == len(_LARGER) - 1
        inputs = _one_more(plan) if larger and last else plan.inputs
        yield _resized(plan, inputs, (image[2] + up, image[3] + out))


def least_sides(plan: Plan, rows: Sequence[Layer]) -> tuple[int, int]:
    """The least height and width of an image that the layers take."""
    height, width = plan.inputs[plan.data][2:]
    up, out = height, width
    while up > 1 and _fits(_resized(plan, plan.inputs, (up - 1, width)), rows):
        up -= 1
    while out > 1 and _fits(_resized(plan, plan.inputs, (height, out - 1)), rows):
        out -= 1
    return up, out


def _one_more(plan: Plan) -> Inputs:
    batch = plan.inputs[plan.data][0]
    return {
        name: (batch + 1, *shape[1:]) if shape[0] == batch else shape
        for name, shape in plan.inputs.items()
    }


def _resized(plan: Plan, inputs: Inputs, sides: tuple[int, int]) -> Inputs:
    """The inputs with images of these sides."""
    return {**inputs, plan.data: (*inputs[plan.data][:2], *sides)}


def _fits(inputs: Inputs, rows: Sequence[Layer]) -> bool:
    """Whether every layer takes what it would read; weights of other shapes are not looked for."""
    shapes = dict(inputs)
    try:
        for row in rows:
            bottoms = [shapes[name] for name in row.bottoms]
            tops = KINDS[row.type].shape(row.args, bottoms, len(row.tops))
            shapes.update(zip(row.tops, tops, strict=True))
    except PlanError:
        return False
    return True
