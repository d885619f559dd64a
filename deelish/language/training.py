"""The verbs of training: InputBatch names the images, BatchTrain trains on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.checks import is_count
from deelish.common.memory import is_out_of_memory
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.errors import DataError, TrainingError, first_line
from deelish.images.augmentation.parsing import Augment
from deelish.images.class_folders import NamedClasses
from deelish.images.dataset import Choices, Classes, Dataset
from deelish.language.optimizing import check_functions, check_options, checked_lr
from deelish.language.saving import epochs_before, saving_of
from deelish.language.session import Deel, current_session
from deelish.network.tensors import ImageTensor, LabelTensor, Viewing
from deelish.training.checkpoints.resuming import MINUTES, Resuming, Saving
from deelish.training.guards import ON_NAN
from deelish.training.history import History
from deelish.training.layer_rates import layer_factors
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
    *("lr_mult", "lookahead", "lookahead_decay"),
)


@checked_call()
def InputBatch(
    train: str | Path,
    val: str | Path | None = None,
    *,
    batch_size: int = 32,
    crop: float | None = None,
    mirror: bool | str = True,
    padding: float = 0.0,
    root: str | Path | None = None,
    on_bad_image: str = "raise",
    views: int | str | None = None,
    augment: Augment = None,
    mix: str | None = None,
    top: int | None = None,
    keep: str | None = None,
) -> Dataset:
    """Name the images to train on and to validate with, and check both.

    Args:
        train, val: a list with ``path label`` a line, a folder of class folders, or tar shards in
            WebDataset's layout, ``data.tar`` or ``data-{000..999}.tar``. Class folders are matched
            to a network's labels by name; by the alphabet where no network has these. Paths of a
            list are looked for in `root` if it is given, then beside the list, then in the working
            folder. Images without labels, for a student that learns from a teacher alone: a list
            with ``path`` a line, a folder of images, or shards without .cls; `val` may have labels
            nevertheless.
        batch_size: images a batch.
        crop: the crop fraction, the part of an image's side that a view shows, up to 1 for the
            whole image; left out, each network's own: 224 of 256, 227 of 256, and 7/8 for other
            sizes. A network that learns from such views sees such views ever after, from its file
            too.
        mirror: whether chance mirrors training views; digits and text need False. "alternate": by
            chance in the first epoch, and in each further one if it was not in the one before, so
            that two epochs show both sides of every image (Jordan 2024, section 3.6).
        padding: by how much of a view's side training views may reach beyond the image, which is
            reflected there: 2 / 32 moves images of 32 pixels by up to two, as a random crop after
            a padding of two does.
        on_bad_image: what is done about an image that cannot be read. "raise" stops. "skip" leaves
            it out, so that its batch is smaller. "replace" trains on another image of the list in
            its place, which the seed, the epoch and the place alone decide, so that every batch and
            epoch keeps its length; validation leaves it out nevertheless, as it would count an
            image twice. Both stop when more than 1 % of a list is bad, and more than 20 images. A
            JPEG file that is damaged and yet can be decoded is used, and reported in a line.
        views: for the teacher cache. Left out, every epoch draws fresh views, and nothing is
            cached. K: every image has K views, which depend on its file alone and come back every K
            epochs, so that a teacher's logits and features for them are cached for every run and
            student. "centre": the middle, never mirrored.
        augment: changes of the training views, alike for teacher and student, by name with their
            published defaults: "random_resized_crop", "horizontal_flip", "vertical_flip",
            "color_jitter", "grey", "blur", "rand_augment", "trivial_augment", "random_erasing"; one
            with options is ``dict(name="color_jitter", hue=0.1)``, and several are a list. A
            function of yours is ``dict(function=f, key="v1")``, where ``f(image, generator)`` gets
            uint8 (h, w, 3) and a NumPy generator, and returns such an image. The teacher cache
            knows every option, and a function by its key.
        mix: "mixup" or "cutmix" mixes every training image with another one of the list, in a
            ratio drawn evenly from 0 to 1, alike for teacher and student; twice as many images are
            decoded. With `views` the mixtures come back too. Validation is not mixed.
        top: how many of the highest logits of an image the teacher cache holds; left out, all.
        keep: "memory" or "disk" keeps the decoded images, so that the second epoch decodes nothing
            and shows the same to the bit. A pixel takes three bytes, in at most half of the memory
            that is free, or of the disk, where later runs find them; what goes beyond is decoded in
            every epoch. An image that changes during a run is seen as it was; on disk, the next run
            sees the change.

    Raises:
        DataError: missing files, labels that are no number or outside the networks' classes,
            labels for some images of a list alone, class folders of which only some have a
            network's labels as their names, an empty list, one image in both sets, a path that is
            no ordinary file, or a choice that does not exist. While training, a bad image, too many
            of them, or a read that has not ended after 120 seconds.
        TrainingError: BatchTrain is running; or, while training, a function of `augment` that
            fails, returns another shape or type, or draws from another generator than its own.
    """
    session = current_session()
    if session.trainer is not None:
        raise TrainingError(
            "InputBatch: BatchTrain is running, and trains on the images that it began with; call"
            " InputBatch before it"
        )
    choices = Choices(
        batch_size, crop, mirror, padding, on_bad_image, views, augment, mix, top, keep
    )
    session.dataset = Dataset(train, val, root, choices, _classes(session), session.seed)
    session.teacher_cache = TeacherCache(top, session.dataset)
    return session.dataset


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
    resume: str | Path | None = None,
    checkpoint_minutes: float = MINUTES,
    checkpoint_updates: int | None = None,
    on_save_error: str = "stop",
    on_nan: str = "stop",
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
    how = Optimization(optimizer, lr, factors, options, layer_factors(lr_mult), slow)
    saving = saving_of(resume, checkpoint_minutes, checkpoint_updates, on_save_error)
    return _train(session, workout, checkout, how, epochs, saving, on_nan)


def _train(
    session: Deel,
    workout: Workout,
    checkout: Checkout | None,
    how: Optimization,
    epochs: int,
    saving: Saving | None,
    on_nan: str,
) -> History:
    dataset = session.dataset
    if dataset is None:
        raise DataError("BatchTrain: there are no images; call InputBatch(train=...) first")

    def current(x: ImageTensor, t: LabelTensor) -> Any:
        session.current = x
        return workout(x, t)

    session.report_precision()
    full_batch = dataset.train.full_batch(session.engine.group)
    viewing = Viewing(
        dataset.choices.crop,
        session.teacher_cache,
        guarded=True,
        shown=session.largest,
        full_batch=full_batch,
        folders=dataset.folders,
    )
    extent = Extent(epochs, len(dataset.train))
    trainer = Trainer(session, how, session.counts, extent, dataset.choices.crop, on_nan)
    before = session.counts.epochs if saving is None else epochs_before(session, saving.folder)
    run = Run(trainer, dataset, workout, session.state, epochs_before=before)
    resuming = None if saving is None else Resuming(saving)
    session.trainer = trainer
    try:
        history = Loop(run, viewing, current, checkout, resuming).train()
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


def _classes(session: Deel) -> Classes:
    """What the networks of the session say of the classes."""
    models = [model for model in session.networks if model.has_classes]
    named = [NamedClasses(model.name, model.labels, False) for model in models if model.labels]
    largest = max(models, key=lambda model: model.classes, default=None)
    return Classes(named, None if largest is None else (largest.classes, largest.name))
