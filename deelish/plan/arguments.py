"""The arguments of a row in full: defaults put in, unknown, missing and misspelt ones refused."""

from __future__ import annotations

from typing import Any

from deelish.errors import PlanError
from deelish.plan.kind import REQUIRED
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.other_names import suggested_argument


def complete(layer: Layer) -> dict[str, Any]:
    """The row's arguments with the kind's defaults.

    Raises:
        PlanError: an argument is unknown or missing, or its word is none of the kind's.
    """
    kind = KINDS[layer.type]
    known = kind.args
    for key in layer.args:
        if key not in known:
            raise PlanError(f"{layer.label}: takes no {key!r}; {suggested_argument(key, known)}")
    args = {**known, **layer.args}
    missing = [key for key, value in args.items() if value is REQUIRED]
    if missing:
        raise PlanError(f"{layer.label}: has no {' and no '.join(missing)}; give it in the row")
    for key, words in kind.choices.items():
        if args[key] not in words:
            raise PlanError(f"{layer.label}: {key} is {args[key]!r}; it is {' or '.join(words)}")
    number = args.get("num_output")
    if number is not None and (not isinstance(number, int) or number < 1):
        raise PlanError(f"{layer.label}: num_output is {number!r}; give a whole number above 0")
    return args


def check_counts(layer: Layer) -> None:
    """Refuse a row with more or fewer bottoms or tops than its kind takes."""
    kind = KINDS[layer.type]
    for verb, names, (least, most) in (
        ("reads", layer.bottoms, kind.bottoms),
        ("makes", layer.tops, kind.tops),
    ):
        if not least <= len(names) <= most:
            raise PlanError(
                f"{layer.label}: {verb} {len(names)} blobs; it takes {_between(least, most)}"
            )


def _between(least: int, most: int) -> str:
    if least == most:
        return {0: "none", 1: "one"}.get(least, str(least))
    return f"{least} to {most}" if most < MANY_SHOWN else f"{least} or more"


# Up to here an error names the highest count; beyond it says "or more".
MANY_SHOWN = 100
