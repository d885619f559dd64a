"""`Student(fits=...)`: the arguments of the choice, its table, and the student that is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deelish.common.printing import say
from deelish.comparison.choice import table
from deelish.comparison.choice.choose import choose, limits_of, made
from deelish.errors import DataError, UsageError
from deelish.network.labels import LabelNames, Labels
from deelish.network.module_network import ModuleParts
from deelish.network.module_opening import ModuleOptions, check_options
from deelish.network.predictor import Predictor


@dataclass(frozen=True)
class Wishes:
    """The arguments of `Student` about a choice, under their names."""

    fits: str | None
    milliseconds: float | None
    teacher: Any


def is_choice(source: Any, wishes: Wishes, others: dict[str, Any]) -> bool:
    """Whether the student is to be chosen.

    Args:
        source: what the student would be made of.
        wishes: the arguments about a choice.
        others: arguments that only go with a source, by name.

    Raises:
        UsageError: there is neither a source nor fits=.
        DataError: there are both, or arguments that go with the other.
    """
    if wishes.fits is None:
        for name in ("milliseconds", "teacher"):
            if getattr(wishes, name) is not None:
                raise DataError(
                    f"Student({name}=...): is about a choice of the model; give"
                    " fits='raspberry-pi-3' too, or leave it out"
                )
        if source is None:
            raise UsageError(
                "Student(): lacks source; give a module or the name of a model, 'timm/resnet18', or"
                " let one be chosen, fits='raspberry-pi-3' with teacher="
            )
        return False
    if source is not None:
        raise DataError(
            f"Student({source!r}, fits={wishes.fits!r}): the model is either given or chosen; leave"
            " one of both out"
        )
    for name, value in others.items():
        if value:
            raise DataError(
                f"Student(fits=..., {name}=...): is for a model that you name; leave it out, as the"
                " chosen one takes the pixels of the teacher"
            )
    return True


def chosen(
    wishes: Wishes, labels: Labels | None, options: ModuleOptions
) -> tuple[ModuleParts, Labels]:
    """The parts of the student that is taken, and its classes; the table is printed.

    Raises:
        DataError: an unknown device, no teacher of images, milliseconds that are none, or nothing
            fits.
        MissingPackageError: timm, onnx or onnxruntime is not installed.
    """
    limits, teacher = limits_of(wishes.fits or "", wishes.milliseconds), wishes.teacher
    # Before minutes of measuring.
    check_options(options)
    if not isinstance(teacher, Predictor):
        given = "" if teacher is None else f", teacher={type(teacher).__name__}"
        raise DataError(
            f"Student(fits={wishes.fits!r}{given}): whose classes and pixels it takes is not known;"
            " give a Teacher or a network, teacher=teacher"
        )
    if teacher.sequences is not None or not teacher.has_classes:
        raise DataError(
            f"Student(teacher={teacher.name}): the candidates classify images, and it does not;"
            " name a model yourself"
        )
    pixels = teacher.preprocessing
    classes: Labels = labels if labels is not None else teacher.labels or teacher.classes
    LabelNames.of(classes)
    say(table.head(limits))
    rows, taken, limits = choose(limits, pixels, classes, lambda row: say(table.line(row, limits)))
    for text in table.notes(rows, taken, limits):
        say(text)
    return made(taken["name"], pixels, classes, options), classes
