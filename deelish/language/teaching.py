"""The verb Teach: a teacher's logits for all views of the images, before any training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.common.printing import say
from deelish.distillation.teacher_cache.fill import Filling
from deelish.distillation.teacher_cache.parts import teach_part
from deelish.errors import DataError, TrainingError
from deelish.images.dataset import Dataset
from deelish.language.naming import InputBatch
from deelish.language.session import current_session
from deelish.network.predictor import Predictor
from deelish.sequences.dataset import AnyDataset

# What InputBatch is given, and no validation.
CHOICES = (
    *("batch_size", "crop", "mirror", "padding", "root", "on_bad_image", "views", "augment"),
    *("mix", "top", "keep", "check"),
)


@checked_call(*CHOICES)
def Teach(
    teacher: Predictor,
    images: str | Path | None = None,
    *,
    part: str | None = None,
    **choices: Any,
) -> None:
    """Cache a teacher's logits for every view of the training images, ahead of any training.

    ``Teach(teacher, "data/train.txt", views=4, top=10)``, or after an InputBatch with `views` just
    ``Teach(teacher)``. Images whose logits are cached are not computed again, so that the same call
    goes on after a stop. ``deelish teach`` is the same in a terminal.

    Args:
        teacher: any teacher that is cached: a network, a Teacher, or an Ensemble, whose members
            are.
        images: as `train` of InputBatch, which is called with them and with all other choices
            (views=1 where it is left out); left out, those of the last InputBatch.
        part: only one of so many parts, "3/1000", into a file of its own, which is there whole or
            not at all: parts are for many processes or machines. ``deelish cache merge`` makes one
            file of them all. Each batch is that of one pass, so that the logits are the same to
            the bit.

    Raises:
        DataError: no images, fresh views, sequences, no part of any number, or a bad image.
        FileError: the cache cannot be written.
        TrainingError: BatchTrain is running, the teacher has initial weights, or its logits cannot
            be cached.

    >>> Teach(net, "data/train.txt", views=2, batch_size=4)
    view 1: 8 computed, 0 cached before
    view 2: 8 computed, 0 cached before
    Net: logits of 16 images computed, 0 cached before; ...
    """
    if not isinstance(teacher, Predictor):
        raise TrainingError(
            f"Teach({type(teacher).__name__}): is no teacher; give a network, or Teacher(model)"
        )
    session = current_session()
    if session.trainer is not None:
        raise TrainingError("Teach: BatchTrain is running; call Teach before it")
    if images is not None:
        InputBatch(images, **{"views": 1, **choices})
    elif choices:
        name = next(iter(choices))
        raise DataError(
            f"Teach({name}=...): goes with images; give them, or leave {name}= to InputBatch"
        )
    if session.dataset is None:
        raise DataError("Teach: there are no images; give them, or call InputBatch before")
    teach(teacher, session.dataset, part)


def teach(
    teacher: Predictor, dataset: AnyDataset, part: str | None, command: str = ""
) -> list[Path]:
    """What Teach does, and the command `teach`, which goes into the files of parts; those files."""
    images, members = _images_of(dataset), list(_members(teacher))
    if part is not None:
        return [teach_part(each, images, part, command) for each in members]
    for each in members:
        filling = Filling(each, images)
        try:
            filling.run()
        except KeyboardInterrupt:
            say("stopped by Ctrl-C; what is computed is cached, and the same command goes on")
            raise
        finally:
            say(str(filling))
    return []


def _images_of(dataset: AnyDataset) -> Dataset:
    """The dataset, whose views can be cached."""
    if not isinstance(dataset, Dataset):
        raise DataError(
            "teach: the dataset is of sequences, whose logits are cached while a script trains with"
            " InputBatch(views=1); give images"
        )
    if dataset.choices.views is None:
        raise DataError(
            "teach: every epoch draws fresh views, for which no logits are cached; give views=, the"
            " number of views that an image has"
        )
    return dataset


def _members(teacher: Predictor) -> Iterator[Predictor]:
    """The teachers whose logits are cached: those that it is made of, or itself."""
    for member in teacher.members:
        yield from _members(member)
    if not teacher.members:
        yield teacher
