"""The verb of training: BatchTrain trains on what InputBatch named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deelish.common.arguments import checked_call
from deelish.common.checks import is_count
from deelish.common.memory import is_out_of_memory
from deelish.errors import DataError, TrainingError, first_line
from deelish.language.exporting import calibration_images
from deelish.language.optimizing import check_functions, check_options, checked_lr
from deelish.language.saving import epochs_before, saving_of
from deelish.language.session import Deel, current_session
from deelish.network.inputs import InputTensor
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.sequences.dataset import AnyDataset
from deelish.training.checkpoints.resuming import MINUTES, Resuming, Saving
from deelish.training.guards import ON_NAN
from deelish.training.history import History
from deelish.training.int8 import Int8Rule, int8_weights
from deelish.training.layer_rates import layer_factors
from deelish.training.logs.choosing import LogNames, logs_of
from deelish.training.logs.log import Log
from deelish.training.lookahead import DECAY, lookahead_of
from deelish.training.loop import Checkout, Loop, Workout
from deelish.training.optimization import Extent, Optimization
from deelish.training.run import Run
from deelish.training.schedules import schedule_of
from deelish.training.trainer import Trainer

# The arguments of BatchTrain that an unknown option may have been meant as.
_OWN = (
    *("epochs", "optimizer", "lr", "schedule", "schedule_options", "warmup", "checkout"),
    *("resume", "checkpoint_minutes", "checkpoint_updates", "on_save_error", "on_nan"),
    *("lr_mult", "lookahead", "lookahead_decay", "sync_batch_norm", "int8", "log"),
)


@checked_call()
def BatchTrain(
    workout: Workout,
    checkout: Checkout | None = None,
    epochs: int = 10,
    *,
    optimizer: str = "adam",
    lr: float | None = None,
    schedule: str | Callable[[float], float] = "cosine",
    schedule_options: Mapping[str, Any] | None = None,
    warmup: float | None = None,
    lr_mult: Mapping[str, float] | None = None,
    lookahead: int | None = None,
    lookahead_decay: float | Callable[[float], float] = DECAY,
    sync_batch_norm: bool = False,
    int8: bool | str = False,
    resume: str | Path | None = None,
    checkpoint_minutes: float = MINUTES,
    checkpoint_updates: int | None = None,
    on_save_error: str = "stop",
    on_nan: str = "stop",
    log: LogNames | None = None,
    **options: Any,
) -> History:
    """Train: `workout(x, t)` for every batch of images x with labels t, `checkout()` every epoch.

    After each epoch the same workout runs over the validation images, and nothing is updated.
    Ctrl-C ends the training after the update in hand.

    Args:
        epochs: how often every training image is seen.
        optimizer: one of the engine's own, by name: "sgd", "adam", "adamw", "rmsprop", ...
        lr: the highest learning rate of the schedule; left out, 0.01 for "sgd", 0.0003 for "adam".
        schedule: "constant", "linear", "cosine", "step", "exponential", "triangle", or a function
            from the fraction of the training that is over (0 to 1) to a factor on the learning
            rate; `schedule_options` are the options of a named one.
        warmup: the fraction of the training over which the learning rate rises; left out, 0.05, and
            0 for "triangle", which rises by itself.
        lr_mult: factors on the learning rates of layers by name, on top of their own `param=`:
            ``{"conv1": 0, "fc*": 10}``; 0 freezes. A name stands for all that is within it, and may
            be a pattern with ``*`` and ``?``; of those that match a layer the last one counts.
        lookahead: after so many updates of a student its weights and running statistics go back to
            their slow averages (Zhang et al. 2019), which it also has at the end of the training,
            from the last validation on; left out, there are none.
        lookahead_decay: d in slow = d * slow + (1 - d) * weights, from 0 up to below 1, or a
            function of the fraction of the training that is over, such as airbench's
            ``lambda p: 0.95**5 * p**3`` (Jordan 2024).
        sync_batch_norm: whether BatchNorm normalises by the images of all processes, as one process
            would; left out, each process takes its own images. For small batches a process.
        int8: whether the students learn with weights and activations rounded to 8 bits, as their
            int8 files compute (Jacob et al. 2018), so that those lose less: True, or "tensor" for
            weights with one scale a layer, as many microcontrollers need them. Statistics of
            BatchNorm stay as they are. A student that is not trained yet learns in float32 first,
            and in int8 in the last quarter of the epochs. Validation is in int8 too. At the end
            the student is a float32 network again; ``student.export("small.onnx", int8=True)`` or
            ``student.quantise()`` makes it int8. Take a low learning rate, such as 1e-4.
        resume: a folder for checkpoints. Run the same script again, and it goes on after the last
            one, in the middle of an epoch too; weights and history become those of a run without a
            stop, to the bit. `docs/training.md` says what a checkpoint holds.
        checkpoint_minutes, checkpoint_updates: a checkpoint is written after so many minutes, or
            after so many updates; further at SIGUSR1, and before the training ends by itself, by
            Ctrl-C, SIGTERM or SIGHUP.
        on_save_error: "stop" ends the training where a checkpoint cannot be written; "go on" keeps
            the last one, and reports it once.
        on_nan: "stop" ends the training at a batch with NaN or infinity in its images, labels,
            teacher's logits, loss or gradients, "skip" leaves that batch out, and stops after 20 in
            a row, or after more than 20 and 1 % of all. Neither changes a weight by such a batch.
            "rollback" goes back to the weights of up to 100 updates before, also where the loss
            jumps, or weights overflow, and leaves out the batches since then.
        log: where each epoch is written for people who watch: a folder, for history.csv and
            run.json; "tensorboard", "trackio" or "mlflow", which have packages of their own; a list
            of these; or a dict of kinds with a place each, ``{"tensorboard": "runs/one"}``. A log
            that fails is left out, and the training goes on.
        **options: the optimiser's own: momentum=0.9, weight_decay=5e-4, ...

    Returns:
        One row an epoch: loss, accuracy, agreement with the teacher, the same of validation, speed.

    Raises:
        UsageError: an option that the optimiser does not take.
        TrainingError: an unknown optimiser or schedule, a value that cannot be used, a layer of
            `lr_mult` that no student has, a training of this session that is running, or, while
            training, NaN or infinity: in one sentence what holds it and in which images.
        DataError: there are no images yet.
        FileError: the folder of the checkpoints cannot be written, has no room, is in use, or
            belongs to another training.

    >>> def workout(x, t):
    ...     student.classify(x)
    ...     return student.backprop(t, distill=teacher.batch_feature(x))
    >>> history = BatchTrain(workout, epochs=2)
    epoch  loss  accuracy  agreement  val loss  val accuracy  val agreement  images/s
        1  ...
        2  ...
    >>> len(history)
    2
    """
    check_functions(workout, checkout, schedule, lookahead_decay)
    if not is_count(epochs):
        raise TrainingError(f"BatchTrain(epochs={epochs!r}): give a whole number above 0")
    if on_nan not in ON_NAN:
        raise TrainingError(f"BatchTrain(on_nan={on_nan!r}): give {', '.join(map(repr, ON_NAN))}")
    session, lr = current_session(), checked_lr(lr, optimizer)
    if session.trainer is not None:
        raise TrainingError(
            "BatchTrain: another BatchTrain of this session is running; call one after the other,"
            " or open a session for the inner one, with Deel():"
        )
    check_options(session.engine, optimizer, options, _OWN)
    factors = schedule_of(schedule, schedule_options or {}, warmup)
    slow = lookahead_of(lookahead, lookahead_decay)
    multipliers = layer_factors(lr_mult)
    scales = int8_weights(int8)
    rule = None if scales is None else Int8Rule(scales, calibration_images)
    how = Optimization(optimizer, lr, factors, options, multipliers, slow, sync_batch_norm, rule)
    saving = saving_of(resume, checkpoint_minutes, checkpoint_updates, on_save_error)
    watching = Watching(on_nan, logs_of(log))
    return _train(session, workout, checkout, how, epochs, saving, watching)


class Watching(NamedTuple):
    """What is done about NaN, and where the epochs are written."""

    on_nan: str
    logs: list[Log]


def _train(
    session: Deel,
    workout: Workout,
    checkout: Checkout | None,
    how: Optimization,
    epochs: int,
    saving: Saving | None,
    watching: Watching,
) -> History:
    dataset = session.dataset
    if dataset is None:
        raise DataError("BatchTrain: there are no images; call InputBatch(train=...) first")

    def current(x: InputTensor, t: LabelTensor) -> Any:
        session.current = x
        return workout(x, t)

    session.report_precision()
    viewing = viewing_of(session, dataset)
    extent = Extent(epochs, len(dataset.train))
    trainer = Trainer(session, how, session.counts, extent, dataset.choices.crop, watching.on_nan)
    before = session.counts.epochs if saving is None else epochs_before(session, saving.folder)
    run = Run(trainer, dataset, workout, session.state, epochs_before=before)
    resuming = None if saving is None else Resuming(saving)
    session.trainer = trainer
    try:
        history = Loop(run, viewing, current, checkout, resuming, watching.logs).train()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(
            f"BatchTrain: there is not enough memory ({first_line(error)}); take a smaller"
            " batch_size= in InputBatch, or smaller networks"
        ) from error
    finally:
        session.trainer = None
    if saving is not None:
        is_over = len(history) == epochs
        session.resumed[saving.folder] = run.epochs_before, is_over
    for student in trainer.students:
        session.used(student, trained=True)
    return history


def viewing_of(session: Deel, dataset: AnyDataset) -> Viewing:
    """How a training of this session shows a batch to networks."""
    return Viewing(
        dataset.choices.crop,
        session.teacher_cache,
        guarded=True,
        shown=session.largest,
        full_batch=dataset.train.full_batch(session.engine.group),
        folders=dataset.folders,
    )
