"""The logs that BatchTrain(log=...) names."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from deelish.common.suggestions import nearest
from deelish.errors import MissingPackageError, TrainingError
from deelish.training.logs.csv_folder import CsvFolder
from deelish.training.logs.log import Log
from deelish.training.logs.mlflow import MLflow
from deelish.training.logs.tensorboard import TensorBoard
from deelish.training.logs.trackio import Trackio

# A kind, the path of a folder, several of these, or kinds with their places.
LogNames = str | Path | Sequence[str | Path] | Mapping[str, str | Path]
PROJECT = "deelish"
FOLDER = "runs"


class LogKind(NamedTuple):
    """A kind of log: the package that it needs, and what makes one of a place, None for its own."""

    package: str
    make: Callable[[str | None], Log]


def _folder(place: str | None) -> Path:
    """The folder that is named, or a new one of this moment below FOLDER."""
    return Path(place) if place is not None else Path(FOLDER, time.strftime("%Y-%m-%d_%H-%M-%S"))


KINDS = {
    "csv": LogKind("", lambda place: CsvFolder(_folder(place))),
    "tensorboard": LogKind("tensorboard", lambda place: TensorBoard(_folder(place))),
    "trackio": LogKind("trackio", lambda place: Trackio(place or PROJECT)),
    "mlflow": LogKind("mlflow", lambda place: MLflow(place or PROJECT)),
}


def logs_of(names: LogNames | None) -> list[Log]:
    """The logs that names ask for.

    Args:
        names: of a kind, such as "tensorboard"; the path of a folder for CSV; a list of such; or a
            dict of kinds with a folder, a project or an experiment each.

    Raises:
        TrainingError: a kind that is not known, or something else.
        MissingPackageError: the package of one is not installed.
    """
    if names is None:
        return []
    if isinstance(names, Mapping):
        return [_made(kind, str(place)) for kind, place in names.items()]
    several = [names] if isinstance(names, str | Path) else list(names)
    return [_named(each) for each in several]


def _named(name: str | Path) -> Log:
    if not isinstance(name, str | Path) or not str(name):
        raise TrainingError(f"BatchTrain(log={name!r}): give a folder, or {_known()}")
    if str(name) in KINDS:
        return _made(str(name), None)
    # A word that is nearly a kind would else be the name of a folder.
    if isinstance(name, str) and difflib.get_close_matches(name.lower(), KINDS):
        raise TrainingError(
            f"BatchTrain(log={name!r}): is no kind of log; {nearest(name, KINDS)}; a folder of that"
            f" name is './{name}'"
        )
    return CsvFolder(Path(name))


def _made(name: str, place: str | None) -> Log:
    kind = KINDS.get(name)
    if kind is None:
        raise TrainingError(
            f"BatchTrain(log={{{name!r}: ...}}): is no kind of log; {nearest(name, KINDS)}"
        )
    if kind.package and find_spec(kind.package) is None:
        raise MissingPackageError(
            f"BatchTrain(log={name!r}): needs the package {kind.package}; run `pip install"
            f' "deelish[{name}]"`'
        )
    return kind.make(place)


def _known() -> str:
    return ", ".join(map(repr, KINDS))
