"""What a library of models is to deelish, and its errors in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from deelish.common.suggestions import nearest
from deelish.engines.model_names import ModelName
from deelish.errors import PlanError, TrainingError, first_line


@dataclass(frozen=True)
class MadeModel:
    """A model made by name.

    Attributes:
        module: the module.
        name: how it was made.
        preset: what its library says of its pixels: torchvision's transforms, a `Preprocessing`, or
            None where the module itself says it.
        labels: the names of its classes, where its published weights carry them.
    """

    module: nn.Module
    name: ModelName
    preset: Any = None
    labels: list[str] | None = None


@dataclass(frozen=True)
class Library:
    """A library.

    Attributes:
        package: what is imported.
        cure: how it is installed, for errors.
        check: refuses a name that it has not.
        make: makes a model, with published weights or without.
    """

    package: str
    cure: str
    check: Callable[[Any, ModelName], None]
    make: Callable[[Any, ModelName, bool | str], MadeModel]


def refuse_unknown(how: ModelName, known: Sequence[str]) -> None:
    """Refuse a name that the library has not, with the nearest that it has.

    Raises:
        PlanError: it is not among the known ones.
    """
    if how.name not in known:
        raise PlanError(
            f"{how.full_name}: {how.library} has no model of this name; {nearest(how.name, known)}"
        )


def called(
    how: ModelName,
    pretrained: bool | str,
    make: Callable[..., Any],
    name: str,
    loads: bool,
    arguments: Mapping[str, Any],
) -> nn.Module:
    """What the library's function makes.

    Raises:
        PlanError: it does not take these arguments.
        TrainingError: its published weights cannot be loaded.
    """
    try:
        module: nn.Module = make(name, loads, **arguments)
    except (TypeError, KeyError, ValueError, AssertionError, AttributeError) as error:
        given = ", ".join(arguments) or "no arguments"
        raise PlanError(
            f"{how.full_name}: {how.library} does not make it with {given} ({first_line(error)});"
            " correct arguments="
        ) from None
    except Exception as error:
        if not pretrained:
            raise PlanError(
                f"{how.full_name}: {how.library} cannot make it ({first_line(error)}); give the"
                " module itself"
            ) from None
        raise TrainingError(
            f"{how.full_name}: its published weights cannot be loaded ({first_line(error)}); look"
            " at the network, or give pretrained=False"
        ) from None
    return module
