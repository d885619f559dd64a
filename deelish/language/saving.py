"""Where a training's checkpoints go: `resume=` of BatchTrain, or `deelish run --resume`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deelish.common.checks import is_count, is_number
from deelish.errors import TrainingError
from deelish.language.session import Deel
from deelish.training.checkpoints.resuming import MINUTES, ON_ERROR, STOP, Saving


@dataclass
class _ScriptFolder:
    """The folder of a script, which has one folder for each of its trainings below it."""

    folder: Path
    trainings: int = 0

    def next(self) -> Path:
        """The folder of its next training."""
        self.trainings += 1
        return self.folder / f"training-{self.trainings}"


# The folder that `deelish run --resume` names, while the script runs.
_script: list[_ScriptFolder] = []


@contextmanager
def resuming_script(folder: Path) -> Iterator[None]:
    """Within the block every training without `resume=` has its checkpoints below this folder."""
    _script.append(_ScriptFolder(_whole(folder)))
    try:
        yield
    finally:
        _script.pop()


def saving_of(resume: Any, minutes: Any, updates: Any, on_error: Any) -> Saving | None:
    """The checkpoints of a training as BatchTrain was asked for them; None without any.

    Raises:
        TrainingError: a value that cannot be used.
    """
    if not (is_number(minutes) and minutes > 0):
        raise TrainingError(f"BatchTrain(checkpoint_minutes={minutes!r}): give a number above 0")
    if updates is not None and not is_count(updates):
        raise TrainingError(
            f"BatchTrain(checkpoint_updates={updates!r}): give a whole number above 0"
        )
    if on_error not in ON_ERROR:
        raise TrainingError(
            f"BatchTrain(on_save_error={on_error!r}): it is {' or '.join(map(repr, ON_ERROR))}"
        )
    if resume is not None and not (isinstance(resume, str | Path) and _is_path(str(resume))):
        raise TrainingError(f"BatchTrain(resume={resume!r}): give the path of a folder")
    if resume is not None:
        return Saving(_whole(Path(resume)), minutes, updates, on_error)
    if _script:
        return Saving(_script[-1].next(), minutes, updates, on_error)
    if (minutes, updates, on_error) != (MINUTES, None, STOP):
        raise TrainingError(
            "BatchTrain: checkpoint_minutes=, checkpoint_updates= and on_save_error= are about"
            " checkpoints; give their folder, resume='runs/one'"
        )
    return None


def _is_path(text: str) -> bool:
    return bool(text) and "\0" not in text


def _whole(folder: Path) -> Path:
    """The same folder when the script goes to another one; no new folder is to be named ~."""
    return folder.expanduser().absolute()


def epochs_before(session: Deel, folder: Path) -> int:
    """How many epochs the session had trained when the training of this folder began.

    Raises:
        TrainingError: that training is over, so that this is another one.
    """
    epochs, is_over = session.resumed.get(folder, (session.counts.epochs, False))
    if is_over:
        raise TrainingError(
            f"BatchTrain(resume={str(folder)!r}): the training of this folder is over; give the"
            " next one a folder of its own"
        )
    return epochs
