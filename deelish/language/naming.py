"""The verb that names a dataset: InputBatch, of images or of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.errors import DataError, TrainingError
from deelish.images.augmentation.parsing import Augment
from deelish.images.bad_images import RAISE
from deelish.images.class_folders import NamedClasses
from deelish.images.dataset import Choices, Classes, Dataset
from deelish.language.session import Deel, current_session
from deelish.plan.sequence_format import NUMBERS
from deelish.sequences.dataset import SequenceChoices, SequenceDataset, Vocabulary
from deelish.sequences.lines import is_list_of_sequences
from deelish.storage.remote.address import addressed


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
    check: str | None = None,
    tokens: str | None = None,
    vocabulary: Vocabulary | None = None,
    max_length: int | None = None,
) -> Dataset | SequenceDataset:
    """Name the images or sequences to train on and to validate with, and check both.

    A file that ends in .tsv holds sequences, one on each line: ``docs/sequences.md`` describes it.
    Of sequences there are batch_size, tokens, vocabulary, max_length, views and top; all else is
    of images.

    Args:
        train, val: a list with ``path label`` a line, a folder of class folders, or tar shards in
            WebDataset's layout, ``data.tar`` or ``data-{000..999}.tar``. Lists, tars, `root` and
            the paths of a list may be URLs, ``s3://bucket/train.txt``, whose files are copied to
            this disk: ``docs/many-machines.md`` says how. Class folders are matched to a network's
            labels by name; by the alphabet where no network has these. Paths of a list are looked
            for in `root` if it is given, then beside the list, then in the working folder. Images
            without labels, for a student that learns from a teacher alone: a list with ``path`` a
            line, a folder of images, or shards without .cls; `val` may have labels
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
            student. "centre": the middle, never mirrored. A sequence has one view: 1 caches logits.
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
        top: how many of the highest logits of an image, sequence or token the teacher cache holds;
            left out, all.
        keep: "memory" or "disk" keeps the decoded images, so that the second epoch decodes nothing
            and shows the same to the bit. A pixel takes three bytes, in at most half of the memory
            that is free, or of the disk, where later runs find them; what goes beyond is decoded in
            every epoch. An image that changes during a run is seen as it was; on disk, the next run
            sees the change.
        check: "all" looks for every file of a list, and follows every link. Left out, of a list of
            more than 100,000 files 10,000 are looked at, which are the same in every run; a file
            that is missing among the others is a bad image when it is read.
        tokens: what a step of a sequence is: a number, or one of each field ("numbers"), a word
            ("words") or a character ("characters"); left out, numbers.
        vocabulary: the words or characters that there are: a file with one on each line, or a list;
            left out, those of the training sequences.
        max_length: the most steps of a sequence; a longer one is refused.

    Raises:
        RemoteError: a URL whose server cannot be reached, or refuses.
        FileError: copies of remote files that have no room.
        DataError: missing files, labels that are no number or outside the networks' classes,
            labels for some images of a list alone, class folders of which only some have a
            network's labels as their names, an empty list, one image in both sets, a path that is
            no ordinary file, or a choice that does not exist. While training, a bad image, too many
            of them, or a read that has not ended after 120 seconds. Of sequences a line with other
            fields than the first, an empty sequence, one that is too long, a token that is not in
            the vocabulary, or a choice that is about images.
        TrainingError: BatchTrain is running; or, while training, a function of `augment` that
            fails, returns another shape or type, or draws from another generator than its own.

    >>> InputBatch(train="data/train.txt", val="data/test.txt", batch_size=4)
    8 images for training, 4 for validation, batches of 4
    """
    session = current_session()
    if session.trainer is not None:
        raise TrainingError(
            "InputBatch: BatchTrain is running, and trains on the images that it began with; call"
            " InputBatch before it"
        )
    # From here on no message can show a signature of a URL.
    train, val, root = addressed(train), addressed(val), addressed(root)
    of_images = {
        "crop": crop,
        # Left out it is True, and False is what a script of text may well say.
        "mirror": None if isinstance(mirror, bool) else mirror,
        "padding": padding or None,
        "root": root,
        "on_bad_image": None if on_bad_image == RAISE else on_bad_image,
        "augment": augment,
        "mix": mix,
        "keep": keep,
        "check": check,
    }
    of_sequences = {"tokens": tokens, "vocabulary": vocabulary, "max_length": max_length}
    if is_list_of_sequences(train):
        _refuse(of_images, f"{train} holds sequences")
        known = NUMBERS if tokens is None else tokens
        chosen = SequenceChoices(batch_size, known, max_length, views, top)
        sequences = SequenceDataset(train, val, chosen, vocabulary, session.seed)
        session.dataset, session.teacher_cache = sequences, TeacherCache(top, sequences)
        return sequences
    _refuse(of_sequences, f"{train} holds images, and a list of sequences ends in .tsv")
    choices = Choices(
        batch_size, crop, mirror, padding, on_bad_image, views, augment, mix, top, keep, check
    )
    dataset = Dataset(train, val, root, choices, _classes(session), session.seed)
    session.dataset, session.teacher_cache = dataset, TeacherCache(top, dataset)
    return dataset


def _refuse(given: Mapping[str, Any], reason: str) -> None:
    """Refuse choices that are about the other kind of data.

    Raises:
        DataError: one is given.
    """
    for name, value in given.items():
        if value is not None:
            raise DataError(f"InputBatch({name}={value!r:.60}): {reason}; leave {name}= out")


def _classes(session: Deel) -> Classes:
    """What the networks of the session say of the classes."""
    models = [model for model in session.networks if model.has_classes and model.sequences is None]
    named = [NamedClasses(model.name, model.labels, False) for model in models if model.labels]
    largest = max(models, key=lambda model: model.classes, default=None)
    return Classes(named, None if largest is None else (largest.classes, largest.name))
