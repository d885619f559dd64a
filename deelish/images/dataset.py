"""The images of a session: what InputBatch found, for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deelish.common.checks import is_fraction
from deelish.common.printing import say
from deelish.common.processes import Group
from deelish.errors import DataError
from deelish.images.cache.base import DISK, MEMORY, ImageCache
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.lists import check_apart, check_labels, class_folders, read_items
from deelish.images.loader import Loader
from deelish.images.sample import Item
from deelish.images.views.mixing import CUTMIX, MIXUP
from deelish.images.views.recipes import Showing
from deelish.images.views.view import CENTRE, UNSEEN
from deelish.plan.preprocessing import Preprocessing

if TYPE_CHECKING:
    from deelish.language.session import Deel
    from deelish.network.network import Network

Source = str | Path


@dataclass(frozen=True)
class Choices:
    """The choices of InputBatch, under its names."""

    batch_size: int = 32
    crop: float | None = None
    mirror: bool = True
    on_bad_image: str = "raise"
    views: int | str | None = None
    mix: str | None = None
    top: int | None = None
    keep: str | None = None


class ImageSets:
    """Training and validation images, checked, as loaders of batches."""

    def __init__(
        self,
        session: Deel,
        train: Source,
        val: Source | None,
        root: Source | None,
        choices: Choices,
    ) -> None:
        _check(choices)
        self.choices = choices
        self._cache = _cache(choices.keep)
        self._told = False
        names = _names(session.networks)
        train_items = read_items(train, root, names)
        val_items = [] if val is None else read_items(val, root, names)
        if val is not None:
            _check_folders(train, val)
            check_apart(train_items, val_items)
        self._check_labels(session, [train_items, val_items])
        self._labels = max(item.label for item in train_items) + 1
        self.train = self._loader(session, train_items, choices.mix)
        self.val = self._loader(session, val_items, None) if val_items else None

    def _loader(self, session: Deel, items: Sequence[Item], mix: str | None) -> Loader:
        choices = self.choices
        return Loader(
            items,
            batch_size=choices.batch_size,
            seed=session.seed,
            showing=Showing(choices.mirror, choices.views, mix, self._cache),
            on_bad_image=choices.on_bad_image,
        )

    def _check_labels(self, session: Deel, sets: Sequence[Sequence[Item]]) -> None:
        """A label beyond every network's classes is wrong whichever of them is the student."""
        networks = session.networks
        if networks:
            largest = max(networks, key=lambda network: network.plan.classes)
            for items in sets:
                check_labels(items, largest.plan.classes, largest.name)

    def classes(self, networks: Sequence[Network]) -> int:
        """The classes of a label given as probabilities: of the largest network, or the labels."""
        return max([self._labels, *(network.plan.classes for network in networks)])

    def base(self, preprocessing: Preprocessing) -> int:
        """The side of the image that a network's view is cut from."""
        return preprocessing.resize_size(self.choices.crop)

    def shown_to(self, network: Network) -> None:
        """Have a network that learns from views of `crop=` see such views ever after."""
        crop = self.choices.crop
        if crop is not None and network.preprocessing.crop != crop:
            network.preprocessing = replace(network.preprocessing, crop=crop)

    def prepare(self, networks: Sequence[Network]) -> None:
        """Have the views of these networks cut ahead; without any, those that `x.value` shows."""
        specs = {(n.preprocessing.size, self.base(n.preprocessing)) for n in networks}
        specs = specs or {UNSEEN}
        for loader in (self.train, self.val):
            if loader is not None:
                loader.wanted |= specs

    def tell_kept(self, group: Group) -> None:
        """Say once how many of the images are kept; wants an epoch that has seen all of them."""
        if self._cache is None or self._told:
            return
        self._told = True
        loaders = [loader for loader in (self.train, self.val) if loader is not None]
        bad = {item.origin for loader in loaders for item, _ in loader.skipped}
        images = {item.origin for loader in loaders for item in loader.items}
        # Each process has met its own part of the images, good and bad.
        say(self._cache.summary(len(images) - round(group.sum([len(bad)])[0]), group))

    def __repr__(self) -> str:
        val = f", {len(self.val.items)} for validation" if self.val else ""
        size = self.choices.batch_size
        return f"{len(self.train.items)} images for training{val}, batches of {size}"


def _names(networks: Sequence[Network]) -> list[str] | None:
    return next((network.labels for network in networks if network.labels), None)


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
    if not _is_count(choices.batch_size):
        raise DataError(
            f"InputBatch(batch_size={choices.batch_size!r}): give a whole number above 0"
        )
    if crop is not None and not is_fraction(crop):
        raise DataError(
            f"InputBatch(crop={crop!r}): give the crop fraction, the part of an image's side that"
            " a view shows, above 0 and up to 1; 1 shows the whole image"
        )
    if choices.on_bad_image not in ("raise", "skip"):
        raise DataError(
            f"InputBatch(on_bad_image={choices.on_bad_image!r}): it is 'raise' or 'skip'"
        )
    if views is not None and views != CENTRE and not _is_count(views):
        raise DataError(
            f"InputBatch(views={views!r}): give the number of views that an image has, a whole"
            f" number above 0, or {CENTRE!r}; left out, every epoch draws fresh ones"
        )
    if choices.mix not in (None, MIXUP, CUTMIX):
        raise DataError(
            f"InputBatch(mix={choices.mix!r}): it is {MIXUP!r} or {CUTMIX!r}, or left out"
        )
    if choices.keep not in (None, MEMORY, DISK):
        raise DataError(
            f"InputBatch(keep={choices.keep!r}): it is {MEMORY!r} or {DISK!r}, or left out"
        )
    if choices.top is not None and not _is_count(choices.top):
        raise DataError(
            f"InputBatch(top={choices.top!r}): give how many of the highest logits are kept, a"
            " whole number above 0; left out, all are"
        )


def _cache(keep: str | None) -> ImageCache | None:
    if keep is None:
        return None
    return MemoryCache() if keep == MEMORY else DiskCache()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
