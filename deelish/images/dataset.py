"""A dataset: the images that InputBatch found, for training and for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deelish.common.checks import is_count, is_fraction, is_number
from deelish.common.printing import Once, say
from deelish.common.processes import Group
from deelish.errors import DataError
from deelish.images.apart import check_apart
from deelish.images.augmentation.parsing import Augment, augmentation_of
from deelish.images.bad_images import CHOICES as ON_BAD_IMAGE
from deelish.images.bad_images import RAISE
from deelish.images.cache.base import DISK, MEMORY, ImageCache
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.class_folders import ClassFolders, NamedClasses, class_folders, numbered_folders
from deelish.images.lists import check_labels, read_samples
from deelish.images.loader import Loader
from deelish.images.pixels import Pixels
from deelish.images.reading import ReadOptions
from deelish.images.sample import Sample
from deelish.images.samples import distinct
from deelish.images.views.choosing import ALTERNATE
from deelish.images.views.mixing import CUTMIX, MIXUP
from deelish.images.views.view import CENTRE
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.rendering import DEFAULT_RENDERING, Rendering
from deelish.plan.sequence_format import SequenceFormat

Source = str | Path
# Beyond this, a view could show more reflection than image.
MOST_PADDING = 0.5
# Every file of a list is looked for, however long it is.
ALL = "all"


@dataclass(frozen=True)
class Choices:
    """The choices of InputBatch, under its names."""

    batch_size: int = 32
    crop: float | None = None
    mirror: bool | str = True
    padding: float = 0.0
    on_bad_image: str = RAISE
    views: int | str | None = None
    augment: Augment = None
    mix: str | None = None
    top: int | None = None
    keep: str | None = None
    check: str | None = None


@dataclass(frozen=True)
class Classes:
    """What the existing networks say of the classes of a dataset.

    Attributes:
        named: the names that networks give them, which number the class folders.
        count: the most classes that a network has, and its name; None without a network.
    """

    named: Sequence[NamedClasses] = ()
    count: tuple[int, str] | None = None


class Dataset:
    """Training and validation images, checked, as loaders of batches.

    Attributes:
        choices: the choices of InputBatch.
        seed: the order of the training images follows from it.
        augmentation: that of the training views, or None.
        classes: one more than the highest label.
        folders: the class folders that the labels number; None where lists or shards give labels.
        train, val: the loaders; val is None without validation images.
        train_samples: the images for training.
        noun: what is counted in a training.
    """

    noun = "images"

    def __init__(
        self,
        train: Source,
        val: Source | None,
        root: Source | None,
        choices: Choices,
        classes: Classes,
        seed: int,
    ) -> None:
        _check(choices)
        self.augmentation = augmentation = augmentation_of(choices.augment)
        if augmentation is not None and choices.views == CENTRE:
            raise DataError(
                f"InputBatch(views={CENTRE!r}, augment=...): the centre is shown as it is; leave"
                " augment= out, or give the number of views that an image has"
            )
        if choices.padding and (choices.views == CENTRE or (augmentation and augmentation.crops)):
            raise DataError(
                f"InputBatch(padding={choices.padding!r}): neither the centre nor a random resized"
                " crop reaches beyond the image; leave padding= out"
            )
        self.choices, self.seed = choices, seed
        self._cache = _cache(choices.keep)
        self._once = Once()
        every = choices.check == ALL
        found = [read_samples(train, root, classes.named, "InputBatch: train", every)]
        if val is not None:
            found.append(read_samples(val, root, classes.named, "InputBatch: val", every))
            if all(samples.labels is not None for samples in found):
                _check_folders(train, val)
            check_apart(found[0], found[1], every)
        labelled = [samples.source for samples in found if samples.labels is not None]
        self.folders = _folders(labelled, classes.named)
        # A label beyond the classes of every network is wrong, whichever network is the student.
        if classes.count is not None:
            for samples in found:
                check_labels(samples, *classes.count)
        self.classes = 0 if found[0].labels is None else int(found[0].labels.max()) + 1
        plain = ReadOptions(
            choices.mirror, choices.views, cache=self._cache, padding=choices.padding
        )
        changed = replace(plain, mix=choices.mix, augmentation=augmentation)
        self.train_samples = found[0]
        self.train = self._loader(found[0], seed, changed)
        self.val = None if val is None else self._loader(found[1], seed, plain)

    def _loader(self, samples: Sequence[Sample], seed: int, read_options: ReadOptions) -> Loader:
        choices = self.choices
        return Loader(
            samples,
            batch_size=choices.batch_size,
            seed=seed,
            read_options=read_options,
            on_bad_image=choices.on_bad_image,
        )

    def drawn(self, count: int, rendering: Rendering) -> Iterator[Pixels]:
        """The centres of so many training images, which the seed draws, a batch at a time.

        Of all of them where there are fewer.
        """
        chosen = np.random.default_rng(self.seed).permutation(len(self.train.samples))[:count]
        samples = [self.train.samples[index] for index in sorted(chosen)]
        loader = self._loader(samples, self.seed, ReadOptions(views=CENTRE, cache=self._cache))
        loader.renderings.add(rendering)
        for batch in loader.batches(0, training=False):
            yield batch.pixels(rendering)

    @property
    def sequences(self) -> SequenceFormat:
        """The format of sequences.

        Raises:
            DataError: always, since these are images.
        """
        raise DataError(
            "data.sequences: the dataset is of images; name a list of sequences, which ends in .tsv"
        )

    @property
    def loaders(self) -> list[Loader]:
        """The loader of the training images, and that of the validation images."""
        return [self.train] if self.val is None else [self.train, self.val]

    @property
    def counts(self) -> tuple[int, int]:
        """How many images there are for training, and for validation."""
        return len(self.train.samples), 0 if self.val is None else len(self.val.samples)

    def prepare(self, preprocessings: Iterable[Preprocessing]) -> None:
        """Cut the views of such networks ahead; without any network, those that `x.value` shows."""
        crop = self.choices.crop
        renderings = {each.rendering(crop) for each in preprocessings}
        for loader in self.loaders:
            loader.renderings |= renderings or {DEFAULT_RENDERING}

    def report_cache(self, group: Group) -> None:
        """Print once how many images are cached. Call it after an epoch, which has read all."""
        if self._cache is None or "cache" in self._once:
            return
        bad = {sample.location for loader in self.loaders for sample, _ in loader.skipped}
        images = sum(distinct(loader.samples) for loader in self.loaders)
        line = self._cache.summary(images - len(bad), group)
        self._once.say(line, "cache")

    def __repr__(self) -> str:
        val = f", {len(self.val.samples)} for validation" if self.val else ""
        size = self.choices.batch_size
        return f"{len(self.train.samples)} images for training{val}, batches of {size}"


def _folders(sources: Sequence[Source], named: Sequence[NamedClasses]) -> ClassFolders | None:
    """The class folders whose names the labels stand for; None where a list or shards number."""
    found = [numbered_folders(source, named) for source in sources]
    known = [each for each in found if each.numbers]
    if len(known) == len(found):
        return known[0] if known else None
    for each in known:
        if not each.by_name and each.line is None:
            say(
                f"{each.source}: class folders are numbered by the alphabet, beside a list that has"
                f" numbers of its own: {each.listed}"
            )
    return None


def _check_folders(train: Source, val: Source) -> None:
    first, second = class_folders(train), class_folders(val)
    if first and second and first != second:
        odd = sorted(set(first) ^ set(second))
        raise DataError(
            f"{train} and {val} hold different class folders, for example {odd[0]!r} in only one of"
            " them; give both the same folders"
        )


def _check(choices: Choices) -> None:
    crop, views = choices.crop, choices.views
    check_counts(choices.batch_size, choices.top)
    if crop is not None and not is_fraction(crop):
        raise DataError(
            f"InputBatch(crop={crop!r}): give the crop fraction, the part of an image's side that"
            " a view shows, above 0 and up to 1; 1 shows the whole image"
        )
    if not isinstance(choices.mirror, bool) and choices.mirror != ALTERNATE:
        raise DataError(
            f"InputBatch(mirror={choices.mirror!r}): it is True, False or {ALTERNATE!r}"
        )
    if not (is_number(choices.padding) and 0 <= choices.padding <= MOST_PADDING):
        raise DataError(
            f"InputBatch(padding={choices.padding!r}): give the part of a view's side that may be"
            f" beyond the image, from 0 to {MOST_PADDING:g}, such as 2 / 32"
        )
    if choices.on_bad_image not in ON_BAD_IMAGE:
        raise DataError(
            f"InputBatch(on_bad_image={choices.on_bad_image!r}): it is 'raise', 'skip' or 'replace'"
        )
    if views is not None and views != CENTRE and not is_count(views):
        raise DataError(
            f"InputBatch(views={views!r}): give the number of views that an image has, a whole"
            f" number above 0, or {CENTRE!r}; left out, every epoch draws fresh ones, for which no"
            " teacher cache is kept"
        )
    if choices.mix not in (None, MIXUP, CUTMIX):
        raise DataError(
            f"InputBatch(mix={choices.mix!r}): it is {MIXUP!r} or {CUTMIX!r}, or left out"
        )
    if choices.check not in (None, ALL):
        raise DataError(
            f"InputBatch(check={choices.check!r}): it is {ALL!r}, which looks for every file of a"
            " long list, or left out"
        )
    if choices.keep not in (None, MEMORY, DISK):
        raise DataError(
            f"InputBatch(keep={choices.keep!r}): it is {MEMORY!r} or {DISK!r}, or left out"
        )


def check_counts(batch_size: int, top: int | None) -> None:
    """Refuse what is no size of a batch, or no number of logits.

    Raises:
        DataError: one is no whole number above 0.
    """
    if not is_count(batch_size):
        raise DataError(f"InputBatch(batch_size={batch_size!r}): give a whole number above 0")
    if top is not None and not is_count(top):
        raise DataError(
            f"InputBatch(top={top!r}): give how many of the highest logits the teacher"
            " cache holds, a whole number above 0; left out, it holds all"
        )


def _cache(keep: str | None) -> ImageCache | None:
    if keep is None:
        return None
    return MemoryCache() if keep == MEMORY else DiskCache()
