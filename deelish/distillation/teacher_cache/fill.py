"""Fills a store ahead of time: a teacher's answers to every recorded view of a list of images."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from deelish.common.printing import say
from deelish.distillation.teacher_cache.cached import store_of
from deelish.distillation.teacher_cache.store import Store
from deelish.errors import FileError, TrainingError
from deelish.network.tensors import ImageTensor, LabelTensor

if TYPE_CHECKING:
    from tqdm import tqdm

    from deelish.images.batch import ImageBatch
    from deelish.images.dataset import ImageSets
    from deelish.network.network import Network


class Filling:
    """One round through the views of `sets`; what is there already is not computed.

    Attributes:
        computed, there: answers that were computed, and that were found.
        store: where they are; None before the first batch.
    """

    def __init__(self, network: Network, sets: ImageSets) -> None:
        if network.new_layers:
            new = ", ".join(sorted(network.new_layers))
            raise TrainingError(
                f"{network.name}: {new} hold first values, so that it has nothing to teach; train"
                " it first"
            )
        self.network, self.sets = network, sets
        self.computed, self.there = 0, 0
        self.store: Store | None = None

    def run(self) -> None:
        """Go through all views; KeyboardInterrupt leaves what is computed in the store.

        Raises:
            DataError: an image cannot be read.
            FileError: the store cannot be written.
        """
        from tqdm.auto import tqdm

        views = self.sets.choices.views
        count = views if isinstance(views, int) else 1
        images = count * len(self.sets.train.items)
        self.sets.prepare([self.network])
        with tqdm(total=images, unit="img", leave=False, disable=None) as bar:
            for number in range(1, count + 1):
                bar.set_description(f"view {number}/{count}")
                self._view(number, bar)

    def _view(self, number: int, bar: tqdm[Any]) -> None:
        computed, there = self.computed, self.there
        # Epoch e of a training shows view e, so that this is what its teacher will be asked for.
        with closing(self.sets.train.batches(number, training=True)) as batches:
            for batch in batches:
                self._batch(batch)
                bar.update(len(batch))
        computed, there = self.computed - computed, self.there - there
        say(f"view {number}: {computed} computed, {there} were there")

    def _batch(self, batch: ImageBatch) -> None:
        session = self.network.session
        images = ImageTensor(batch, session, LabelTensor(batch.labels, session, batch.items))
        self.store = store_of(self.network, images)
        if self.store is None or batch.keys is None:
            raise TrainingError(
                f"{self.network.name}: its answers cannot be kept; give a network that is read from"
                " a file, and recorded views"
            )
        there = int(self.store.get(batch.keys)[0].sum())
        self.network.batch_feature(images)
        if not self.store.writable:
            raise FileError(
                f"{self.store.path}: cannot be written any more, with {len(self.store)} answers"
                " there; make room, or name another folder in DEELISH_CACHE, and start again"
            )
        self.there += there
        self.computed += len(batch) - there

    def __str__(self) -> str:
        place = f"; {self.store.path}" if self.store is not None else ""
        return (
            f"{self.network.name}: {self.computed} answers computed, {self.there} were there{place}"
        )
