"""Batches of images, decoded ahead in background threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.images.decode import decode
from deelish.images.lists import Item
from deelish.images.views import View, render, view_seed

Spec = tuple[int, int]
Pixels = NDArray[np.uint8]
Pending = list[tuple[Item, View, "Future[dict[Spec, Pixels]]"]]

AHEAD = 2


class ImageBatch:
    """A batch: its items, their views and labels int64 (n,), and pixels for any size."""

    def __init__(
        self,
        items: list[Item],
        views: list[View],
        rendered: dict[Spec, Pixels],
        render_now: Callable[[list[Item], list[View], Spec], Pixels],
    ) -> None:
        self.items = items
        self.views = views
        self.labels = np.array([item.label for item in items], np.int64)
        self._rendered = rendered
        self._render_now = render_now

    def __len__(self) -> int:
        return len(self.items)

    def pixels(self, size: int, base: int) -> Pixels:
        """RGB pixels (n, size, size, 3) of the views, cut from images of base x base.

        A size that was not asked for before is rendered now, and ahead from then on.
        """
        spec = (size, base)
        if spec not in self._rendered:
            self._rendered[spec] = self._render_now(self.items, self.views, spec)
        return self._rendered[spec]


class Loader:
    """The batches of a list, in an order and with views that hang on (seed, epoch, index) only.

    wanted: the (size, base) pairs that are rendered ahead.  skipped: each bad item, once, with
    the reason.  on_bad_image: "raise" stops at the first, "skip" leaves it out of its batch.
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        batch_size: int,
        seed: int,
        mirror: bool = True,
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
        self.wanted: set[Spec] = set()
        self.skipped: list[tuple[Item, str]] = []
        self.items = list(items)
        self._known_bad: set[Item] = set()
        self._batch_size = batch_size
        self._seed = seed
        self._mirror = mirror
        self._skip = on_bad_image == "skip"
        self._workers = workers or min(16, _cores())

    def __len__(self) -> int:
        """Batches in an epoch; fewer come when all of a batch is skipped."""
        return -(-len(self.items) // self._batch_size)

    def batches(self, epoch: int, training: bool) -> Generator[ImageBatch, None, None]:
        """The batches of an epoch (0 or more); the last one may be smaller.

        Training draws the order and the views; validation keeps the list's order and the centre.
        Raises DataError with the list's line for a bad image, or when all images are bad.
        """
        if not self.wanted:
            raise DataError("loader: no size is wanted; put a (size, base) pair into wanted")
        return self._generate(epoch, training)

    def _generate(self, epoch: int, training: bool) -> Generator[ImageBatch, None, None]:
        pool = ThreadPoolExecutor(self._workers, "deelish-images")
        empty = True
        try:
            for pending in self._submit(pool, epoch, training):
                batch = self._collect(pending)
                if len(batch):
                    empty = False
                    yield batch
        finally:
            # Reached on Ctrl-C and on close too: what has not begun is dropped.
            pool.shutdown(wait=True, cancel_futures=True)
        if empty:
            raise DataError(
                f"{self.items[0].source}: none of its {len(self.items)} images can be used"
                f" (the first: {self.skipped[0][1]})"
            )

    def _submit(self, pool: ThreadPoolExecutor, epoch: int, training: bool) -> Iterator[Pending]:
        ahead: deque[Pending] = deque()
        order = np.arange(len(self.items))
        if training:
            order = np.random.Generator(np.random.PCG64((self._seed, epoch))).permutation(order)
        for start in range(0, len(order), self._batch_size):
            batch: Pending = []
            for index in order[start : start + self._batch_size].tolist():
                item, view = self.items[index], View.centre()
                if training:
                    view = View.random(view_seed(self._seed, epoch, index), self._mirror)
                task = pool.submit(_read, item, view, tuple(self.wanted))
                batch.append((item, view, task))
            ahead.append(batch)
            if len(ahead) > AHEAD:
                yield ahead.popleft()
        yield from ahead

    def _collect(self, pending: Pending) -> ImageBatch:
        items, views, images = [], [], []
        for item, view, task in pending:
            try:
                images.append(task.result())
            except DataError as error:
                if not self._skip:
                    raise
                if item not in self._known_bad:
                    self._known_bad.add(item)
                    self.skipped.append((item, str(error)))
                continue
            items.append(item)
            views.append(view)
        specs = images[0] if images else {}
        rendered = {spec: np.stack([image[spec] for image in images]) for spec in specs}
        return ImageBatch(items, views, rendered, self._render)

    def _render(self, items: list[Item], views: list[View], spec: Spec) -> Pixels:
        self.wanted.add(spec)
        with ThreadPoolExecutor(self._workers, "deelish-images") as pool:
            images = list(pool.map(_read, items, views, [(spec,)] * len(items)))
        return np.stack([image[spec] for image in images])


def _read(item: Item, view: View, specs: tuple[Spec, ...]) -> dict[Spec, Pixels]:
    """Decode once, render for each spec; the full image is gone when this returns."""
    try:
        image = decode(item.path)
    except DataError as error:
        # For a folder the place is the path, which the sentence has already.
        raise DataError(f"{item.where}: {error}" if item.line else str(error)) from error
    return {spec: render(image, view, *spec) for spec in specs}


def _cores() -> int:
    """Cores that this process may use, which containers and schedulers limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
