"""Going on from the checkpoints of a folder, and writing them while the training runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from deelish.common.printing import Once, say
from deelish.engines.state import SavedState
from deelish.errors import FileError
from deelish.training.checkpoints.facts import (
    Facts,
    check_same_run,
    rounding_differences,
    rounding_facts,
    run_facts,
)
from deelish.training.checkpoints.folder import KEPT, CheckpointFolder
from deelish.training.checkpoints.snapshot import captured, infinite_weight, restore
from deelish.training.checkpoints.workout_facts import changed_variables
from deelish.training.checkpoints.writer import CheckpointWriter
from deelish.training.run import Run

# How many numbers beside each weight an optimiser may remember: the two moments of Adam.
MOMENTS = 2
# How often a checkpoint is written where nobody says.
MINUTES = 10.0
# What BatchTrain(on_save_error=) may be.
STOP, GO_ON = ON_ERROR = ("stop", "go on")


@dataclass(frozen=True)
class Saving:
    """When checkpoints are written, and what a failure does.

    Attributes:
        folder: where they go.
        minutes: one is written after so many minutes.
        updates: one is written after so many updates; None leaves it to the minutes.
        on_error: "stop" ends the training where one cannot be written, "go on" reports it once.
    """

    folder: Path
    minutes: float = MINUTES
    updates: int | None = None
    on_error: str = STOP


class Resuming:
    """The checkpoints of one training. All processes call its methods together.

    saving: where, and when.
    """

    def __init__(self, saving: Saving) -> None:
        self._saving = saving
        self._folder = CheckpointFolder(saving.folder)
        self._writer = CheckpointWriter(self._folder)
        self._once = Once()
        self._facts: dict[str, Facts] = {}
        self._last_time, self._last_updates = time.monotonic(), 0

    def begin(self, run: Run) -> bool:
        """Go on from the newest checkpoint, or write the first; whether the training is over.

        Raises:
            FileError: the folder cannot be written, is in use, or belongs to another training.
        """
        group = run.trainer.context.engine.group
        group.on_rank_zero(self._folder.claim)
        self._facts = {"run": run_facts(run), "rounding": rounding_facts(run)}
        newest = self._folder.newest()
        found = group.all_gather([newest[0].name if newest else ""])
        if len(set(found)) > 1:
            raise FileError(
                f"{self._folder.path}: the processes see different checkpoints in it; give a folder"
                " that all of them share"
            )
        run.trainer.on_new_student.append(lambda: self._check_room(run))
        if newest is not None:
            return self._go_on(run, *newest)
        for name in changed_variables(run.workout):
            say(
                f"workout changes {name!r}, which no checkpoint holds; keep it in the session's"
                f" state, deel.state[{name!r}], so that a training that goes on has it too"
            )
        say(f"{self._folder.path}: holds no checkpoint yet; the training begins")
        # Where nothing can be written, this reports it before the first update.
        self.save(run, wait=True)
        return False

    def _go_on(self, run: Run, path: Path, state: SavedState) -> bool:
        folder, facts = str(self._folder.path), state.values["facts"]
        students = {int(index) for index in state.part("learnt").parts("students")}
        # A variable such as the rank differs by process, and the checkpoint has those of rank 0.
        run.trainer.context.engine.group.on_rank_zero(
            lambda: check_same_run(facts["run"], self._facts["run"], students, folder)
        )
        restore(run, state, str(path))
        finished = bool(state.values["finished"])
        total = run.trainer.extent.updates
        done = f"update {run.trainer.batches} of {total}"
        verb = "the training is over, with" if finished else "goes on after"
        say(f"{folder}: {verb} {done}")
        differences = rounding_differences(facts["rounding"], self._facts["rounding"])
        if differences and not finished:
            say(f"{folder}: rounds otherwise than before, with {', '.join(differences)}")
        if run.history:
            say(run.history.table())
        self._note_saved(run)
        return finished

    def is_due(self, run: Run) -> bool:
        """Whether it is time for a checkpoint."""
        updates = run.trainer.batches - self._last_updates
        if self._saving.updates is not None and updates >= self._saving.updates:
            return True
        # Not the time of day, which may jump.
        minutes = (time.monotonic() - self._last_time) / 60
        return minutes >= self._saving.minutes and not self._writer.is_busy

    def save(self, run: Run, *, wait: bool = False, finished: bool = False) -> None:
        """Write a checkpoint, in the background unless it is waited for.

        Raises:
            FileError: it was waited for and could not be written.
        """
        group = run.trainer.context.engine.group
        state = captured(run)
        state.values |= {"facts": self._facts, "finished": finished}
        if group.rank == 0:
            infinite = infinite_weight(run.trainer, state)
            if infinite is None:
                self._writer.write(state)
            else:
                self._once.say(
                    f"{self._folder.path}: {infinite} is not finite, so that the last checkpoint"
                    " stays"
                )
        self._note_saved(run)
        if wait:
            self._writer.wait()
            self.check_written(run)

    def check_written(self, run: Run) -> None:
        """Stop, in all processes, where a checkpoint could not be written.

        Raises:
            FileError: that is so.
        """
        run.trainer.context.engine.group.on_rank_zero(self._raise_failure)

    def failure(self) -> FileError | None:
        """Why a checkpoint could not be written, where the training is to stop for that.

        Where it is to go on, the first failure is printed.
        """
        error = self._writer.error
        if error is not None and self._saving.on_error == GO_ON:
            # Each time it names another number of free bytes.
            line = f"{error}; the training goes on, and the checkpoint before stays"
            self._once.say(line, key="not written")
            return None
        return error

    def close(self) -> None:
        """Wait until all is written, and give the folder back."""
        self._writer.close()
        self._folder.release()

    def _raise_failure(self) -> None:
        error = self.failure()
        if error is not None:
            raise error

    def _note_saved(self, run: Run) -> None:
        self._last_time, self._last_updates = time.monotonic(), run.trainer.batches

    def _check_room(self, run: Run) -> None:
        """Refuse, before a student's first update, a disk on which the checkpoints have no room."""
        weights = sum(
            array.nbytes
            for student in run.trainer.students
            for array in student.engine.arrays(student.module).values()
        )
        averages = sum(len(student.averages) for student in run.trainer.students)
        slow = int(run.trainer.slow is not None)
        each = weights * (1 + MOMENTS + averages + slow)
        # One more than are kept is there while it is being written.
        group = run.trainer.context.engine.group
        group.on_rank_zero(lambda: self._folder.check_room(each * (KEPT + 1)))
