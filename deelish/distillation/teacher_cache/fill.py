"""Fills the teacher cache ahead of training: logits for each recorded view of a list."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from deelish.common.printing import say
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.distillation.teacher_cache.store import Store
from deelish.errors import FileError, TrainingError
from deelish.images.batch import ImageBatch
from deelish.images.dataset import Dataset
from deelish.network.inputs import ImageTensor
from deelish.network.predictor import Predictor
from deelish.network.recorded import recorded_of
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.storage.index import Keys

if TYPE_CHECKING:
    from deelish.common.terminal_bar import TerminalBar


class Filling:
    """One pass through the views of a dataset. Logits that are cached already are not computed.

    Attributes:
        computed, cached: how many images' logits were computed, and were cached before.
        store: the store of the logits; None before the first batch.
    """

    def __init__(self, network: Predictor, dataset: Dataset) -> None:
        check_trained(network)
        self.network, self.dataset = network, dataset
        self.cache = TeacherCache(dataset.choices.top)
        self.computed, self.cached = 0, 0
        self.store: Store | None = None

    def run(self) -> None:
        """Go through all views. After a KeyboardInterrupt the computed logits stay cached.

        Raises:
            DataError: an image cannot be read.
            FileError: the store cannot be written.
        """
        from deelish.common.terminal_bar import TerminalBar

        views = self.dataset.choices.views
        count = views if isinstance(views, int) else 1
        images = count * len(self.dataset.train.samples)
        self.dataset.prepare([self.network.preprocessing])
        with TerminalBar(total=images, unit="img", leave=False, disable=None) as bar:
            for number in range(1, count + 1):
                bar.set_description(f"view {number}/{count}")
                self._view(number, bar)

    def _view(self, number: int, bar: TerminalBar) -> None:
        computed, cached = self.computed, self.cached
        # Epoch e of a training shows view e: these are the views that its teacher will see.
        with closing(self.dataset.train.batches(number, training=True)) as batches:
            for batch in batches:
                self._batch(batch)
                bar.update(len(batch))
        computed, cached = self.computed - computed, self.cached - cached
        say(f"view {number}: {computed} computed, {cached} cached before")

    def _batch(self, batch: ImageBatch) -> None:
        network = self.network
        images = images_of(network, self.dataset, batch, self.cache)
        self.store, keys = store_of(network, images, self.cache)
        cached = int(self.store.get(keys)[0].sum())
        self.cache.logits(network, images)
        if not self.store.writable:
            raise FileError(
                f"{self.store.path}: cannot be written any more; it holds logits of"
                f" {len(self.store)} images; make room, or name another folder in"
                " DEELISH_CACHE, and start again"
            )
        self.cached += cached
        self.computed += len(batch) - cached

    def __str__(self) -> str:
        where = f"; {self.store.path}" if self.store is not None else ""
        return (
            f"{self.network.name}: logits of {self.computed} images computed, {self.cached}"
            f" cached before{where}"
        )


def check_trained(network: Predictor) -> None:
    """Refuse a network that has nothing to teach.

    Raises:
        TrainingError: a layer has its initial weights.
    """
    if network.new_layers:
        new = ", ".join(sorted(network.new_layers))
        raise TrainingError(
            f"{network.name}: {new} has its initial weights, so that it cannot teach yet; train it"
            " first"
        )


def images_of(
    network: Predictor, dataset: Dataset, batch: ImageBatch, cache: TeacherCache
) -> ImageTensor:
    """A batch as a training gives it to its teacher."""
    labels = LabelTensor(batch.labels, network.engine, batch.samples)
    return ImageTensor(
        batch, network.engine, labels, Viewing(crop=dataset.choices.crop, cache=cache)
    )


def store_of(network: Predictor, images: ImageTensor, cache: TeacherCache) -> tuple[Store, Keys]:
    """The store of the logits of images, and the keys of these.

    Raises:
        TrainingError: logits of this network, or of these views, cannot be cached.
    """
    store, recorded = cache.store_of(network, images), recorded_of(images)
    if store is None or recorded is None:
        raise TrainingError(
            f"{network.name}: its logits cannot be cached; give a network that is read from a"
            " file, and recorded views"
        )
    return store, recorded.keys
