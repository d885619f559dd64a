"""Batches of images, decoded ahead in background threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from deelish.common.processes import ALONE, Group, available_cores
from deelish.errors import DataError
from deelish.images.batch import ImageBatch
from deelish.images.pixels import Pixels
from deelish.images.reading import BadImage, Reader, ReadImage, ReadOptions
from deelish.images.sample import Sample
from deelish.images.views.batch_entry import BatchEntry
from deelish.plan.rendering import Rendering

BATCHES_AHEAD = 2
# Decoding a file below this size is mostly Python's work, which one thread does at a time: two
# threads were 1.8 times slower than one on digits, and 1.7 times faster on photographs.
SMALL_BYTES = 4096


class PendingBatch(NamedTuple):
    """A batch that is being read, some images a task, and the rows that they are put into."""

    tasks: list[Future[list[ReadImage | BadImage]]]
    rendered: dict[Rendering, Pixels]


class Loader:
    """The batches of a list, in an order that depends on (seed, epoch) only.

    A fresh view depends on (seed, epoch, index) only; a recorded one on the image's file, see
    Reader.

    renderings: those that are made ahead: first those put here, then those that the batch before
    was requested for.  skipped: each bad sample, once, with the reason.
    on_bad_image: "raise" stops at the first, "skip" leaves it out of its batch.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        batch_size: int,
        seed: int,
        read_options: ReadOptions | None = None,
        on_bad_image: str = "raise",
        workers: int | None = None,
    ) -> None:
        if not samples:
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
        options = read_options or ReadOptions()
        if options.mix is not None and len(samples) < 2:
            raise DataError(
                f"{samples[0].source}: there is one image, and mix={options.mix!r} needs two"
                " or more; leave mix= out"
            )
        self.renderings: set[Rendering] = set()
        self.skipped: list[BadImage] = []
        self.samples = list(samples)
        self._known_bad: set[Sample] = set()
        self._batch_size = batch_size
        self._seed = seed
        self._skip_bad = on_bad_image == "skip"
        self._cache = options.cache
        self._reader = Reader(self.samples, seed, options, self._skip_bad)
        self._workers = workers or (1 if _are_small(samples) else min(16, available_cores()))

    def __len__(self) -> int:
        """Batches in an epoch; fewer come when all images of a batch are skipped."""
        return -(-len(self.samples) // self._batch_size)

    def batches(
        self, epoch: int, training: bool, group: Group = ALONE, done: int = 0
    ) -> Generator[ImageBatch, None, None]:
        """The batches of an epoch (0 or more) after the first `done`; the last may be smaller.

        Training draws the order and the views. Validation keeps the list's order, shows centre
        views and mixes nothing. Each process of a group gets its part of every batch, so that all
        get as many batches.
        Raises DataError with the list's line for a bad image, or when all images are bad.
        """
        pool = ThreadPoolExecutor(self._workers, "deelish-images")
        empty = not done
        try:
            pending_batches = self._submit(pool, epoch, training, group, done)
            for number, pending in enumerate(pending_batches, start=done + 1):
                batch = self._collect(pending)
                global_size = round(group.all_sum([len(batch)])[0])
                if global_size:
                    empty = False
                    fraction = len(batch) / global_size
                    if not len(batch):
                        batch = self._substitute(epoch, training)
                    batch.number = number
                    batch.global_size, batch.fraction = global_size, fraction
                    yield batch
                    self.renderings = set(batch.requested)
        finally:
            # Reached on Ctrl-C and on close too: what has not begun is dropped.
            pool.shutdown(wait=True, cancel_futures=True)
            if self._cache is not None:
                self._cache.flush()
        if empty:
            first = f" (the first: {self.skipped[0][1]})" if self.skipped else ""
            raise DataError(
                f"{self.samples[0].source}: none of its {len(self.samples)} images can be"
                f" used{first}"
            )

    def full_batch(self, group: Group = ALONE) -> int:
        """How many images of a full batch this process has."""
        return len(range(group.rank, self._batch_size, group.world_size))

    def bad_images(self) -> list[tuple[int, str]]:
        """The index and the reason of each image that was skipped."""
        indices = {sample: i for i, sample in enumerate(self.samples)} if self.skipped else {}
        return [(indices[sample], reason) for sample, reason in self.skipped]

    def restore_bad(self, bad: Iterable[tuple[int, str]]) -> None:
        """Note images that were skipped before this process began."""
        for index, reason in bad:
            self._note(self.samples[index], reason)

    def _submit(
        self, pool: ThreadPoolExecutor, epoch: int, training: bool, group: Group, done: int
    ) -> Iterator[PendingBatch]:
        """This process's part of each batch, read ahead."""
        # Several images a task: a small image costs less than the task itself costs the threads.
        task_size = max(1, self._batch_size // (2 * self._workers * group.world_size))
        ahead: deque[PendingBatch] = deque()
        order = np.arange(len(self.samples))
        if training:
            order = np.random.Generator(np.random.PCG64((self._seed, epoch))).permutation(order)
        for start in range(done * self._batch_size, len(order), self._batch_size):
            indices = order[start : start + self._batch_size][
                group.rank :: group.world_size
            ].tolist()
            rendered = {each: _empty_rows(len(indices), each) for each in self.renderings}
            tasks = []
            for first in range(0, len(indices), task_size):
                some = slice(first, first + task_size)
                into = {each: rows[some] for each, rows in rendered.items()}
                tasks.append(pool.submit(self._read, indices[some], epoch, training, into))
            ahead.append(PendingBatch(tasks, rendered))
            if len(ahead) > BATCHES_AHEAD:
                yield ahead.popleft()
        yield from ahead

    def _read(
        self,
        indices: Sequence[int],
        epoch: int,
        training: bool,
        rendered: Mapping[Rendering, Pixels],
    ) -> list[ReadImage | BadImage]:
        """The images at these indices, or a bad image and its reason; or the error is raised."""
        results: list[ReadImage | BadImage] = []
        for number, index in enumerate(indices):
            rows = {each: rows[number] for each, rows in rendered.items()}
            try:
                results.append(self._reader.read(index, epoch, training, rows))
            except DataError as error:
                if not self._skip_bad:
                    raise
                results.append((self.samples[index], str(error)))
        return results

    def _substitute(self, epoch: int, training: bool) -> ImageBatch:
        """One good image, for a process without one; bad ones are reported by their processes."""
        rendered = {each: _empty_rows(1, each) for each in self.renderings}
        read = (self._read([i], epoch, training, rendered)[0] for i in range(len(self.samples)))
        return self._batch([next(one for one in read if isinstance(one, ReadImage))], rendered)

    def _collect(self, pending: PendingBatch) -> ImageBatch:
        read = [one for task in pending.tasks for one in task.result()]
        return self._batch(read, pending.rendered)

    def _batch(
        self, read: Sequence[ReadImage | BadImage], rendered: Mapping[Rendering, Pixels]
    ) -> ImageBatch:
        good, good_rows = [], []
        for row, one in enumerate(read):
            if isinstance(one, ReadImage):
                good.append(one)
                good_rows.append(row)
            bad = one.bad_partner if isinstance(one, ReadImage) else one
            if bad is not None:
                self._note(*bad)
        entries = [one.entry for one in good]
        found = [key for entry in entries if (key := entry.key) is not None]
        keys = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 16) if found else None
        if len(good) < len(read):
            rendered = {each: rows[good_rows] for each, rows in rendered.items()}
        return ImageBatch(entries, keys, dict(rendered), self._render)

    def _note(self, sample: Sample, reason: str) -> None:
        if sample not in self._known_bad:
            self._known_bad.add(sample)
            self.skipped.append((sample, reason))

    def _render(self, entries: Sequence[BatchEntry], rendering: Rendering) -> Pixels:
        rows = _empty_rows(len(entries), rendering)
        with ThreadPoolExecutor(self._workers, "deelish-images") as pool:
            # A list, since map raises an image's error only when its result is taken.
            list(pool.map(self._reader.read_again, entries, [rendering] * len(entries), rows))
        return rows


def _empty_rows(count: int, rendering: Rendering) -> Pixels:
    """Room for the pixels of a batch."""
    return np.empty((count, rendering.size, rendering.size, 3), np.uint8)


def _are_small(samples: Sequence[Sample]) -> bool:
    """Whether the first files of a list are small ones."""
    sizes = [size for sample in samples[:16] if (size := sample.size) is not None]
    return sum(sizes) < SMALL_BYTES * len(sizes)
