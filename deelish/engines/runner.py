"""Runs the rows of a plan on any engine's arrays; frees each blob after its last reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deelish.engines.call import Call
from deelish.engines.joining import JoinedOp, join
from deelish.errors import DataError, PlanError
from deelish.plan.layer import Layer
from deelish.plan.lifetimes import last_uses
from deelish.plan.plan import Plan

# By layer type the engine's function; by layer name the object that holds its weights, or None.
OpOf = Callable[[str], Callable[..., Any]]
# From a layer's function another one, for a layer that makes scores.
LastOp = Callable[[Callable[..., Any]], Callable[..., Any]]
WeightsOf = Callable[[str], Any]


@dataclass(frozen=True)
class Step:
    """One layer of a schedule, or two joined, and the blobs that nothing reads after it."""

    layer: Layer
    op: Callable[..., Any]
    weights: Any
    dead: list[str]


class Runner:
    """Runs one plan; works out once which steps a set of blobs needs."""

    def __init__(
        self,
        plan: Plan,
        op_of: OpOf,
        weights_of: WeightsOf,
        joined_op: JoinedOp = lambda first, second, phase, weights: None,
        last_op: LastOp = lambda op: op,
    ) -> None:
        self._plan, self._op_of, self._weights_of = plan, op_of, weights_of
        self._joined_op, self._last_op = joined_op, last_op
        self._schedules: dict[tuple[str, tuple[str, ...]], list[Step]] = {}

    def run(
        self,
        blobs: dict[str, Any],
        wanted: Iterable[str],
        generator: Any,
        device: Any,
        sampler: Any = None,
    ) -> dict[str, Any]:
        """The wanted blobs.

        Args:
            blobs: the inputs by name; the dict is changed.
            wanted: the blobs to keep.
            generator: where dropout draws from, in training; None for the test phase.
            device: the device of the arrays, as the engine names it.
            sampler: where codes are drawn from; None for their means.
        """
        names = tuple(sorted(wanted))
        for step in self._schedule("TEST" if generator is None else "TRAIN", names):
            call = Call(generator, len(step.layer.tops), device, sampler)
            _run_step(step, blobs, call)
        return {name: blobs[name] for name in names}

    def _schedule(self, phase: str, wanted: tuple[str, ...]) -> list[Step]:
        """The steps that these blobs need, each with the blobs that are not read again."""
        if (phase, wanted) not in self._schedules:
            self._schedules[phase, wanted] = self._steps(phase, wanted)
        return self._schedules[phase, wanted]

    def _steps(self, phase: str, wanted: tuple[str, ...]) -> list[Step]:
        rows = self._plan.rows(phase, wanted)
        dead = last_uses(rows, wanted)
        joined = join(rows, dead, phase, self._joined_op, self._weights)
        steps = []
        for index, layer in enumerate(rows):
            if index - 1 in joined:
                continue
            op, unread = joined.get(index) or self._op_of(layer.type), dead[index]
            weights = self._weights(layer)
            if index in joined:
                layer = layer.rewired(layer.bottoms, rows[index + 1].tops, layer.args)
                unread = unread + dead[index + 1]
            if self._plan.score_blobs.intersection(layer.tops):
                op = self._last_op(op)
            steps.append(Step(layer, op, weights, unread))
        return steps

    def _weights(self, layer: Layer) -> Any:
        # Rows may share a name; only one of them has the weights.
        named = layer.name in self._plan.weights and self._plan.layer(layer.name) is layer
        return self._weights_of(layer.name) if named else None


def _run_step(step: Step, blobs: dict[str, Any], call: Call) -> None:
    layer = step.layer
    bottoms = [blobs[name] for name in layer.bottoms]
    try:
        made = step.op(bottoms, step.weights, layer.args, call)
    except (DataError, PlanError) as error:
        raise type(error)(f"{layer.label}: {error}") from None
    tops = made if isinstance(made, list | tuple) else [made]
    if len(tops) != len(layer.tops) or any(top is None for top in tops):
        got = "None" if made is None else f"{len(tops)} outputs"
        raise PlanError(f"{layer.label}: its function returned {got}; return {len(layer.tops)}")
    blobs.update(zip(layer.tops, tops, strict=True))
    for name in layer.echoes:
        if name in blobs:
            written = next(top for top in layer.tops if top in layer.bottoms)
            blobs[name] = blobs[written].reshape(blobs[name].shape)
    for name in step.dead:
        blobs.pop(name, None)
