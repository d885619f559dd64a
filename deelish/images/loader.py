"""Batches of images, decoded ahead in background threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from deelish.common.processes import ALONE, Group, available_cores
from deelish.errors import DataError
from deelish.images.bad_images import (
    CHOICES,
    RAISE,
    REPLACE,
    BadImage,
    BadImages,
    Note,
    replacements,
)
from deelish.images.batch import ImageBatch
from deelish.images.pixels import Pixels
from deelish.images.reading import PixelRows, Reader, ReadImage, ReadOptions
from deelish.images.reading_threads import ReadingThreads
from deelish.images.sample import Sample
from deelish.images.views.batch_entry import BatchEntry
from deelish.plan.rendering import Rendering

BATCHES_AHEAD = 2
# Decoding a file below this size is mostly Python's work, which one thread does at a time: two
# threads were 1.8 times slower than one on digits, and 1.7 times faster on photographs.
SMALL_BYTES = 4096


class PendingBatch(NamedTuple):
    """A batch that is being read, some images a task, and the rows that they are put into."""

    tasks: list[Future[list[ReadImage]]]
    rendered: dict[Rendering, Pixels]


class Loader:
    """The batches of a list, in an order that depends on (seed, epoch) only.

    A fresh view depends on (seed, epoch, index) only; a recorded one on the image's file, see
    Reader.

    renderings: those that are made ahead: first those put here, then those that the batch before
    was requested for.
    on_bad_image: "raise" stops at the first, "skip" leaves it out of its batch, "replace" shows
    another image of the list in its place, which depends on seed, epoch and index only.  That is
    for training: validation leaves it out, as it would count another image twice.
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
        if on_bad_image not in CHOICES:
            raise DataError(
                f"loader: on_bad_image is {on_bad_image!r}; give 'raise', 'skip' or 'replace'"
            )
        if workers is not None and workers < 1:
            raise DataError(f"loader: workers is {workers}; give 1 or more, or leave it out")
        options = read_options or ReadOptions()
        if options.mix is not None and len(samples) < 2:
            raise DataError(
                f"{samples[0].source}: there is one image, and mix={options.mix!r} needs two"
                " or more; leave mix= out"
            )
        self.renderings: set[Rendering] = set()
        self.samples = samples
        self.bad = BadImages(self.samples)
        self._batch_size = batch_size
        self._seed = seed
        self._on_bad_image = on_bad_image
        self._cache = options.cache
        self._reader = Reader(self.samples, seed, options, on_bad_image)
        self._workers = workers or (1 if _are_small(samples) else min(16, available_cores()))

    def __len__(self) -> int:
        """Batches in an epoch; fewer come when all images of a batch are skipped."""
        return -(-len(self.samples) // self._batch_size)

    @property
    def size(self) -> int:
        """How many images an epoch has, with those that will be skipped."""
        return len(self.samples)

    @property
    def skipped(self) -> list[BadImage]:
        """Each sample that could not be used, once, with the reason: of all processes."""
        return self.bad.unusable

    def batches(
        self, epoch: int, training: bool, group: Group = ALONE, done: int = 0
    ) -> Generator[ImageBatch, None, None]:
        """The batches of an epoch (0 or more) after the first `done`; the last may be smaller.

        Training draws the order and the views. Validation keeps the list's order, shows centre
        views and mixes nothing. Each process of a group gets its part of every batch, so that all
        get as many batches.
        Raises DataError with the list's line for a bad image, or one whose reading does not end;
        and when all images are bad, or too many.
        """
        threads = self._threads()
        empty = not done
        try:
            pending_batches = self._submit(threads, epoch, training, group, done)
            for number, pending in enumerate(pending_batches, start=done + 1):
                read = [one for task in pending.tasks for one in threads.result(task)]
                batch = self._batch(read, pending.rendered)
                news = self.bad.news(note for one in read for note in one.notes)
                global_size, found = map(round, group.all_sum([len(batch), len(news)]))
                if found:
                    self.bad.share(news, group)
                if global_size:
                    empty = False
                    fraction = len(batch) / global_size
                    if not len(batch):
                        batch = self._substitute(threads, epoch, training)
                    batch.number = number
                    batch.global_size, batch.fraction = global_size, fraction
                    yield batch
                    self.renderings = set(batch.requested)
        finally:
            # Reached on Ctrl-C and on close too: what has not begun is dropped.
            threads.close()
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

    def _submit(
        self, threads: ReadingThreads, epoch: int, training: bool, group: Group, done: int
    ) -> Iterator[PendingBatch]:
        """This process's part of each batch, read ahead."""
        # Several images a task: a small image costs less than the task itself costs the threads.
        # One worker takes a batch at once, whose views are drawn together.
        tasks_a_batch = 1 if self._workers == 1 else 2 * self._workers
        task_size = max(1, self._batch_size // (tasks_a_batch * group.world_size))
        ahead: deque[PendingBatch] = deque()
        order = np.arange(len(self.samples))
        if training:
            np.random.Generator(np.random.PCG64((self._seed, epoch))).shuffle(order)
        for start in range(done * self._batch_size, len(order), self._batch_size):
            indices = order[start : start + self._batch_size][
                group.rank :: group.world_size
            ].tolist()
            rendered = {each: _empty_rows(len(indices), each) for each in self.renderings}
            tasks = []
            for first in range(0, len(indices), task_size):
                some = slice(first, first + task_size)
                into = {each: rows[some] for each, rows in rendered.items()}
                tasks.append(threads.submit(self._read, indices[some], epoch, training, into))
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
    ) -> list[ReadImage]:
        """The images at these indices, those that stand in for bad ones, or none."""
        ready = self._reader.read_ready(indices, epoch, training, rendered)
        if ready is not None:
            return ready
        return [
            self._read_one(
                index, epoch, training, {each: rows[row] for each, rows in rendered.items()}
            )
            for row, index in enumerate(indices)
        ]

    def _read_one(self, index: int, epoch: int, training: bool, rows: PixelRows) -> ReadImage:
        """The first good image of those that may be shown at an index; or the error is raised."""
        notes: list[Note] = []
        for shown in self._candidates(index, epoch, training):
            try:
                read = self._reader.read(shown, epoch, training, rows)
            except DataError as error:
                if self._on_bad_image == RAISE:
                    raise
                notes.append(Note(shown, str(error), used=False))
            else:
                return ReadImage(read.entry, (*notes, *read.notes)) if notes else read
        return ReadImage(None, tuple(notes))

    def _candidates(self, index: int, epoch: int, training: bool) -> Iterator[int]:
        """An index, and those whose images may take its place."""
        yield index
        if training and self._on_bad_image == REPLACE:
            yield from replacements(self._seed, epoch, index, len(self.samples))

    def _substitute(self, threads: ReadingThreads, epoch: int, training: bool) -> ImageBatch:
        """One good image, for a process without one; bad ones are reported by their processes."""
        rendered = {each: _empty_rows(1, each) for each in self.renderings}
        tries = (
            threads.result(threads.submit(self._read, [index], epoch, training, rendered))
            for index in range(len(self.samples))
        )
        return self._batch(next(read for read in tries if read[0].entry is not None), rendered)

    def _batch(self, read: Sequence[ReadImage], rendered: Mapping[Rendering, Pixels]) -> ImageBatch:
        entries = [one.entry for one in read if one.entry is not None]
        found = [key for entry in entries if (key := entry.key) is not None]
        keys = np.frombuffer(b"".join(found), np.uint8).reshape(-1, 16) if found else None
        if len(entries) < len(read):
            good = [row for row, one in enumerate(read) if one.entry is not None]
            rendered = {each: rows[good] for each, rows in rendered.items()}
        return ImageBatch(entries, keys, dict(rendered), self._render)

    def _render(self, entries: Sequence[BatchEntry], rendering: Rendering) -> Pixels:
        rows = _empty_rows(len(entries), rendering)
        with self._threads() as threads:
            tasks = [
                threads.submit(self._reader.read_again, entry, rendering, row)
                for entry, row in zip(entries, rows, strict=True)
            ]
            for task in tasks:
                threads.result(task)
        return rows

    def _threads(self) -> ReadingThreads:
        return ReadingThreads(self._workers, self._reader.in_flight)


def _empty_rows(count: int, rendering: Rendering) -> Pixels:
    """Room for the pixels of a batch."""
    return np.empty((count, rendering.size, rendering.size, 3), np.uint8)


def _are_small(samples: Sequence[Sample]) -> bool:
    """Whether the first files of a list are small ones."""
    sizes = [size for sample in samples[:16] if (size := sample.size) is not None]
    return sum(sizes) < SMALL_BYTES * len(sizes)
