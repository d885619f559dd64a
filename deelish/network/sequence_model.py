"""What a network that reads sequences is made with: their format, and labels that fit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deelish.errors import PlanError
from deelish.network.labels import LabelNames
from deelish.plan import Plan
from deelish.plan.sequence_format import SequenceFormat
from deelish.plan.shapes import Shape


def checked_format(
    who: str, form: Any, labelled: bool, pixels: Mapping[str, Any]
) -> dict[str, Shape]:
    """The inputs of a plan that reads sequences.

    Raises:
        PlanError: it is no format, pixels are described too, or labels where these are the tokens.
    """
    if not isinstance(form, SequenceFormat):
        raise PlanError(
            f"{who}(sequences={type(form).__name__}): give data.sequences, where data is what"
            " InputBatch returns"
        )
    if pixels:
        raise PlanError(
            f"{who}({next(iter(pixels))}=...): is about images, and it reads sequences; leave it"
            " out"
        )
    if labelled and form.next_token:
        raise PlanError(
            f"{who}(labels=...): its classes are the {len(form.vocabulary)} tokens of the"
            " vocabulary, since it learns the next one; leave labels= out"
        )
    return dict(form.inputs)


def names_of_tokens(plan: Plan, form: SequenceFormat) -> LabelNames:
    """The tokens as names of the classes of a network that gives the next one at each step.

    Raises:
        PlanError: its output is not a score for each token at each step.
    """
    tokens, shape = list(form.vocabulary), plan.shapes[plan.logits]
    if shape != (1, 1, len(tokens)):
        got = " x ".join(map(str, shape))
        raise PlanError(
            f"{plan.name}: learns the next of {len(tokens)} tokens at each step, and its output for"
            f" one step of one sequence is {got}; end it with InnerProduct,"
            f" num_output={len(tokens)}, axis=2, and without LastStep"
        )
    return LabelNames(len(tokens), tokens)
