"""All that a training is at one moment, as one state, and back."""

from __future__ import annotations

import numpy as np

from deelish.common.finite import nonfinite
from deelish.engines.state import SavedState
from deelish.errors import FileError, TrainingError
from deelish.images.loader import Loader
from deelish.network.learner import Learner
from deelish.training.checkpoints.random_states import random_states, set_random_states
from deelish.training.checkpoints.script_state import read_script_state, script_state
from deelish.training.history import History
from deelish.training.place import Place
from deelish.training.run import Run
from deelish.training.trainer import Trainer


def captured(run: Run) -> SavedState:
    """A copy of all that later batches depend on; all processes call it together.

    Rank 0 alone has the arrays.

    Raises:
        TrainingError: the script keeps something that is no plain value, or made a student within
            workout.
    """
    trainer = run.trainer
    group = trainer.context.engine.group
    state = SavedState(
        values={
            "place": run.place.values(),
            "history": list(run.history),
            "batches": trainer.batches,
            "updates": trainer.counts.updates,
            "epochs before": run.epochs_before,
            "guard": trainer.guard.state(),
            "random states": random_states(trainer.context.engine),
            "bad images": [list(map(list, each.bad.notes)) for each in _of_images(run)],
        }
    )
    if group.rank == 0:
        state.put("learnt", learnt(run))
        if run.good is not None:
            state.put("good", run.good)
    return state


def _of_images(run: Run) -> list[Loader]:
    """The loaders of images; a line of sequences that is bad is refused before the training."""
    return [loader for loader in run.dataset.loaders if isinstance(loader, Loader)]


def learnt(run: Run) -> SavedState:
    """A copy of what the updates so far have made, in this process.

    Raises:
        TrainingError: as `captured` does.
    """
    trainer, state = run.trainer, SavedState()
    state.put("script", script_state(run.script_state))
    state.put("memory", trainer.memory.state())
    state.put_all("students", {str(i): _student(trainer, each) for i, each in _indexed(trainer)})
    state.put_all("projections", _projection_optimizers(trainer))
    return state


def restore(run: Run, state: SavedState, where: str) -> None:
    """Set what `captured` gave.

    Args:
        run: the same training, before its first batch.
        state: what was captured.
        where: the file, for messages.

    Raises:
        FileError: the networks are others than those that were captured.
    """
    trainer, values = run.trainer, state.values
    run.place = Place.of(values["place"])
    run.history[:] = History(values["history"])
    run.epochs_before = values["epochs before"]
    trainer.batches, trainer.counts.updates = values["batches"], values["updates"]
    # The views of a later training depend on how many epochs there were before it.
    trainer.counts.epochs = run.epochs_before + run.place.epoch - 1
    for loader, notes in zip(_of_images(run), values["bad images"], strict=True):
        loader.bad.restore(notes)
    trainer.guard.restore(values["guard"])
    restore_learnt(run, state.part("learnt"), where)
    if "good" in values:
        run.good = state.part("good")
    set_random_states(trainer.context.engine, values["random states"])


def restore_learnt(run: Run, state: SavedState, where: str) -> None:
    """Set what `learnt` gave."""
    trainer = run.trainer
    read_script_state(state.part("script"), run.script_state)
    for index, part in state.parts("students").items():
        _restore_student(trainer, int(index), part, where)
    trainer.memory.restore(state.part("memory"))
    for name, part in state.parts("projections").items():
        projection = trainer.memory.projections[name]
        trainer.context.engine.set_optimizer_state(trainer.optimizer_of(projection), part)


def _indexed(trainer: Trainer) -> list[tuple[int, Learner]]:
    """The students with the number of models made before each, in that order."""
    found = []
    for student in trainer.students:
        index = trainer.context.index_of(student)
        if index is None:
            raise TrainingError(
                f"{student.name}: is of another session than the training, so that no checkpoint"
                " can hold it; make it after Deel(...)"
            )
        found.append((index, student))
    return sorted(found, key=lambda pair: pair[0])


def _student(trainer: Trainer, student: Learner) -> SavedState:
    engine = student.engine
    state = SavedState(
        values={
            "name": student.name,
            "version": student.version,
            "untrained": sorted(student.untrained),
            "crop": student.preprocessing.crop,
        }
    )
    state.put("weights", SavedState(engine.arrays(student.module)))
    state.put("optimizer", engine.optimizer_state(trainer.optimizers[student]))
    if trainer.slow is not None:
        state.put("slow", trainer.slow.state(student))
    if trainer.int8 is not None:
        state.values["int8"] = trainer.int8.state(student)
    averages = {str(i): each for i, ref in enumerate(student.averages) if (each := ref())}
    state.put_all("averages", {i: average.state() for i, average in averages.items()})
    return state


def _restore_student(trainer: Trainer, index: int, state: SavedState, where: str) -> None:
    student = trainer.context.model_at(index)
    name = state.values["name"]
    if not isinstance(student, Learner):
        raise FileError(
            f"{where}: holds the student {name!r}, which this script has not made before"
            " BatchTrain; make it there, as the training of the checkpoint did"
        )
    engine, arrays = student.engine, state.part("weights").arrays
    _check_same(student, engine.arrays(student.module), arrays, where)
    engine.set_arrays(student.module, arrays)
    if trainer.slow is not None:
        trainer.slow.restore(student, state.part("slow"))
    if trainer.int8 is not None:
        trainer.int8.restore(student, state.values["int8"])
    engine.set_optimizer_state(trainer.optimizer_of(student), state.part("optimizer"))
    values = state.values
    # A version never comes back with other weights: in this process it may have been there.
    version = max(values["version"], student.version + 1)
    student.training_resumed(version, values["untrained"], values["crop"])
    for number, part in state.parts("averages").items():
        average = student.averages[int(number)]() if int(number) < len(student.averages) else None
        if average is None:
            raise FileError(
                f"{where}: holds a running average of {name}, which this script has not made before"
                " BatchTrain; make it there, as the training of the checkpoint did"
            )
        average.restore(part)


def _check_same(
    student: Learner, own: dict[str, np.ndarray], saved: dict[str, np.ndarray], where: str
) -> None:
    for name in [*saved, *own]:
        shapes = [str(each[name].shape) if name in each else "missing" for each in (saved, own)]
        if shapes[0] != shapes[1]:
            raise FileError(
                f"{where}: belongs to another network than {student.name}, whose {name!r} is"
                f" {shapes[1]}, and {shapes[0]} there; train the same network, or give another"
                " folder"
            )


def _projection_optimizers(trainer: Trainer) -> dict[str, SavedState]:
    engine, optimizers = trainer.context.engine, trainer.optimizers
    return {
        name: engine.optimizer_state(optimizers[each])
        for name, each in trainer.memory.projections.items()
        if each in optimizers
    }


def infinite_weight(trainer: Trainer, state: SavedState) -> str | None:
    """The first parameter of a captured student that is not finite, in words; None as a rule."""
    parts = state.part("learnt").parts("students")
    for index, student in _indexed(trainer):
        arrays = parts[str(index)].part("weights").arrays
        # Buffers may hold infinity by design, as the masks of attention do.
        names = sorted(student.engine.parameter_names(student.module))
        for name in nonfinite({name: arrays[name] for name in names}):
            return f"{name!r} of {student.name}"
    return None
