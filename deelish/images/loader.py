"""Batches of images, decoded ahead in background threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from deelish.common.processes import ALONE, Group, cores
from deelish.errors import DataError
from deelish.images.batch import ImageBatch
from deelish.images.pixels import Pixels
from deelish.images.reading import Read, Reader, Spec
from deelish.images.sample import Item
from deelish.images.views.recipes import Recipe, Showing

# An image that cannot be used, and why.
Fault = tuple[Item, str]

AHEAD = 2
# Decoding a file below this size is Python's work for the most part, which one thread does at a
# time: two were 1.8 times slower than one on digits, and 1.7 times faster on photographs.
SMALL_BYTES = 4096


class Pending(NamedTuple):
    """A batch that is being read, some images a task, and the rows that they are put into."""

    tasks: list[Future[list[Read | Fault]]]
    rendered: dict[Spec, Pixels]


class Loader:
    """The batches of a list, in an order that hangs on (seed, epoch) only.

    Fresh views hang on (seed, epoch, index) only; recorded ones on the image's file, see Reader.

    wanted: the (size, base) pairs that are rendered ahead: first those put here, then those that
    were asked for in the batch before.  skipped: each bad item, once, with the reason.
    on_bad_image: "raise" stops at the first, "skip" leaves it out of its batch.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        batch_size: int,
        seed: int,
        showing: Showing | None = None,
        on_bad_image: str = "raise",
        workers: int | None = None,
    ) -> None:
        if not items:
            raise DataError("loader: the list of images is empty; give one image or more")
        if batch_size < 1 or seed < 0:
            raise DataError(
                f"loader: batch_size is {batch_size} and seed is {seed}; give a batch_size of 1"
                " or more and a seed of 0 or more"
            )
        if on_bad_image not in ("raise", "skip"):
            raise DataError(f"loader: on_bad_image is {on_bad_image!r}; give 'raise' or 'skip'")
        if workers is not None and workers < 1:
            raise DataError(f"loader: workers is {workers}; give 1 or more, or leave it out")
        showing = showing or Showing()
        if showing.mix is not None and len(items) < 2:
            raise DataError(
                f"{items[0].source}: there is one image, and mix={showing.mix!r} wants two or more;"
                " leave mix= out"
            )
        self.wanted: set[Spec] = set()
        self.skipped: list[tuple[Item, str]] = []
        self.items = list(items)
        self._known_bad: set[Item] = set()
        self._batch_size = batch_size
        self._seed = seed
        self._skip = on_bad_image == "skip"
        self._cache = showing.cache
        self._reader = Reader(self.items, seed, showing, self._skip)
        self._workers = workers or (1 if _are_small(items) else min(16, cores()))

    def __len__(self) -> int:
        """Batches in an epoch; fewer come when all of a batch is skipped."""
        return -(-len(self.items) // self._batch_size)

    def batches(
        self, epoch: int, training: bool, group: Group = ALONE
    ) -> Generator[ImageBatch, None, None]:
        """The batches of an epoch (0 or more); the last one may be smaller.

        Training draws the order and the views; validation keeps the list's order and the centre,
        and mixes nothing. Of each batch the processes of a group get a part each, and as many
        batches all of them.
        Raises DataError with the list's line for a bad image, or when all images are bad.
        """
        pool = ThreadPoolExecutor(self._workers, "deelish-images")
        empty = True
        try:
            for pending in self._submit(pool, epoch, training, group):
                batch = self._collect(pending)
                whole = round(group.sum([len(batch)])[0])
                if whole:
                    empty = False
                    share = len(batch) / whole
                    if not len(batch):
                        batch = self._stand_in(epoch, training)
                    batch.whole, batch.share = whole, share
                    yield batch
                    self.wanted = set(batch.asked)
        finally:
            # Reached on Ctrl-C and on close too: what has not begun is dropped.
            pool.shutdown(wait=True, cancel_futures=True)
            if self._cache is not None:
                self._cache.flush()
        if empty:
            first = f" (the first: {self.skipped[0][1]})" if self.skipped else ""
            raise DataError(
                f"{self.items[0].source}: none of its {len(self.items)} images can be used{first}"
            )

    def _submit(
        self, pool: ThreadPoolExecutor, epoch: int, training: bool, group: Group
    ) -> Iterator[Pending]:
        """This process's part of each batch, read ahead."""
        # A task of several images: small ones cost less than what a task costs threads.
        part = max(1, self._batch_size // (2 * self._workers * group.size))
        ahead: deque[Pending] = deque()
        order = np.arange(len(self.items))
        if training:
            order = np.random.Generator(np.random.PCG64((self._seed, epoch))).permutation(order)
        for start in range(0, len(order), self._batch_size):
            indices = order[start : start + self._batch_size][group.rank :: group.size].tolist()
            rendered = {spec: _rows(len(indices), spec) for spec in self.wanted}
            tasks = []
            for first in range(0, len(indices), part):
                some = slice(first, first + part)
                into = {spec: rows[some] for spec, rows in rendered.items()}
                tasks.append(pool.submit(self._read, indices[some], epoch, training, into))
            ahead.append(Pending(tasks, rendered))
            if len(ahead) > AHEAD:
                yield ahead.popleft()
        yield from ahead

    def _read(
        self, indices: Sequence[int], epoch: int, training: bool, rendered: Mapping[Spec, Pixels]
    ) -> list[Read | Fault]:
        """The images at these places; where one cannot be read, it and why, or the error."""
        results: list[Read | Fault] = []
        for place, index in enumerate(indices):
            rows = {spec: rows[place] for spec, rows in rendered.items()}
            try:
                results.append(self._reader.read(index, epoch, training, rows))
            except DataError as error:
                if not self._skip:
                    raise
                results.append((self.items[index], str(error)))
        return results

    def _stand_in(self, epoch: int, training: bool) -> ImageBatch:
        """One image, for a process that has none of a batch; its errors are others' to tell."""
        rendered = {spec: _rows(1, spec) for spec in self.wanted}
        read = (self._read([i], epoch, training, rendered)[0] for i in range(len(self.items)))
        return self._batch([next(one for one in read if isinstance(one, Read))], rendered)

    def _collect(self, pending: Pending) -> ImageBatch:
        read = [one for task in pending.tasks for one in task.result()]
        return self._batch(read, pending.rendered)

    def _batch(self, read: Sequence[Read | Fault], rendered: Mapping[Spec, Pixels]) -> ImageBatch:
        results, places = [], []
        for place, one in enumerate(read):
            if isinstance(one, Read):
                results.append(one)
                places.append(place)
            fault = one.fault if isinstance(one, Read) else one
            if fault is not None:
                self._note(*fault)
        recipes = [result.recipe for result in results]
        keys = [key for recipe in recipes if (key := recipe.key) is not None]
        named = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16) if keys else None
        if len(places) < len(read):
            rendered = {spec: rows[places] for spec, rows in rendered.items()}
        return ImageBatch(recipes, named, dict(rendered), self._render)

    def _note(self, item: Item, reason: str) -> None:
        if item not in self._known_bad:
            self._known_bad.add(item)
            self.skipped.append((item, reason))

    def _render(self, recipes: Sequence[Recipe], spec: Spec) -> Pixels:
        rows = _rows(len(recipes), spec)
        with ThreadPoolExecutor(self._workers, "deelish-images") as pool:
            # As a list: each raises what its image does.
            list(pool.map(self._reader.again, recipes, [spec] * len(recipes), rows))
        return rows


def _rows(count: int, spec: Spec) -> Pixels:
    """Room for the pixels of a batch."""
    size, _ = spec
    return np.empty((count, size, size, 3), np.uint8)


def _are_small(items: Sequence[Item]) -> bool:
    """Whether the first files of a list are small ones."""
    sizes = [size for item in items[:16] if (size := item.size) is not None]
    return sum(sizes) < SMALL_BYTES * len(sizes)
