"""How long the network waited for images."""

from __future__ import annotations

import time
from collections.abc import Iterator

from deelish.network.batch_tensors import AnyBatch


class WaitTimer:
    """The batches of an iterator, once; measures how long each was waited for."""

    def __init__(self, batches: Iterator[AnyBatch]) -> None:
        self._batches = batches
        self._begun = time.perf_counter()
        self._waited = 0.0

    def __iter__(self) -> Iterator[AnyBatch]:
        while True:
            start = time.perf_counter()
            batch = next(self._batches, None)
            self._waited += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    @property
    def fraction(self) -> float:
        """The fraction of the time since the start, 0 to 1, that was spent waiting."""
        return self._waited / (time.perf_counter() - self._begun)
