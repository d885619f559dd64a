"""What a network that reads sequences is made with: their format, and labels that fit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deelish.errors import PlanError
from deelish.network.labels import LabelNames
from deelish.plan import Layer, Plan
from deelish.plan.sequence_format import DATA, SequenceFormat
from deelish.plan.shapes import Shape

# A plan is tried with so many sequences of so many steps.
TIMES, COUNT = 3, 2


def checked_format(
    who: str, form: Any, labelled: bool, of_images: Mapping[str, Any]
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
    if of_images:
        raise PlanError(
            f"{who}({next(iter(of_images))}=...): is about images, and it reads sequences; leave it"
            " out"
        )
    if labelled and form.next_token:
        raise PlanError(
            f"{who}(labels=...): its classes are the {len(form.vocabulary)} tokens of the"
            " vocabulary, since it learns the next one; leave labels= out"
        )
    return dict(form.inputs)


def check_plan(plan: Plan, form: SequenceFormat) -> LabelNames | None:
    """Refuse a network that cannot read such sequences; the tokens as names of its classes.

    None where its classes are no tokens.

    Raises:
        PlanError: it has other inputs, an Embed layer of fewer tokens, or an output that is not one
            row for each sequence, or for each of its steps where it gives the next token.
    """
    if set(plan.inputs) != set(form.inputs):
        raise PlanError(
            f"{plan.name}: its inputs are {', '.join(plan.inputs)}, and a network that reads"
            f" sequences has {' and '.join(form.inputs)}; name them so"
        )
    for row in plan.layers:
        if row.type == "Embed" and DATA in row.bottoms and form.is_text:
            _check_embedding(row, len(form.vocabulary))
    # One step of one sequence would not show which axis is which.
    several = {name: (TIMES, COUNT, *shape[2:]) for name, shape in form.inputs.items()}
    try:
        plan.check_inputs(several, [plan.logits])
        made = Plan(plan.layers, several, plan.name, plan.logits).shapes[plan.logits]
    except PlanError as error:
        raise PlanError(
            f"{plan.name}: cannot read {COUNT} sequences of {TIMES} steps ({error}); {_cure(form)}"
        ) from None
    classes = len(form.vocabulary)
    rows = (TIMES, COUNT, classes) if form.next_token else (COUNT, *made[1:])
    if made != rows:
        raise PlanError(
            f"{plan.name}: of {COUNT} sequences of {TIMES} steps its output is"
            f" {' x '.join(map(str, made))}; {_cure(form)}"
        )
    return LabelNames(classes, list(form.vocabulary)) if form.next_token else None


def _check_embedding(row: Layer, tokens: int) -> None:
    if row.args["input_dim"] < tokens:
        raise PlanError(
            f"{row.label}: input_dim is {row.args['input_dim']}, and the vocabulary has {tokens}"
            f" tokens; give input_dim={tokens}"
        )


def _cure(form: SequenceFormat) -> str:
    if form.next_token:
        return (
            f"since it gives the next of {len(form.vocabulary)} tokens at each step, end it with"
            f" InnerProduct, num_output={len(form.vocabulary)}, axis=2, and without LastStep"
        )
    return "put LastStep before the layers that make the scores of a sequence"
