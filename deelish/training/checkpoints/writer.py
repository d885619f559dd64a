"""Writes checkpoints in a thread of its own, so that the training does not wait for the disk."""

from __future__ import annotations

from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor

from deelish.engines.state import SavedState
from deelish.errors import FileError
from deelish.training.checkpoints.folder import CheckpointFolder


class CheckpointWriter:
    """One checkpoint at a time; the next one waits for it.

    folder: where they go.
    """

    def __init__(self, folder: CheckpointFolder) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, "deelish-checkpoint")
        self._last: Future[None] | None = None
        self._failed: BaseException | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._last is not None and not self._last.done()

    def write(self, state: SavedState) -> None:
        """Begin to write a checkpoint, after the one before it."""
        self.wait()
        if self._last is not None:
            # Nobody may have asked for it since.
            self._failed = self._failed or self._last.exception()
        self._last = self._pool.submit(self._folder.write, state)

    def wait(self) -> None:
        """Wait until the last checkpoint is written, or has failed."""
        if self._last is not None:
            futures.wait([self._last])

    @property
    def error(self) -> FileError | None:
        """Why one could not be written; None where all were, but for one that is not done yet."""
        error = self._failed
        if error is None and self._last is not None and self._last.done():
            error = self._last.exception()
        if error is None or isinstance(error, FileError):
            return error
        raise error

    def close(self) -> None:
        """Wait until all is written."""
        self._pool.shutdown()
