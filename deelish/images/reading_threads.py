"""Threads that read images. A read may never end, on a dead network folder: none waits for it."""

from __future__ import annotations

import atexit
import contextlib
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from deelish.errors import DataError
from deelish.images.sample import Sample

# The seconds after which a read of one image is taken to hang. A slow disk or server takes a few.
READ_TIMEOUT = 120.0
# The seconds that closing waits for the images in hand.
CLOSING = 2.0

T = TypeVar("T")
Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class Read:
    """A read of an image, and the seconds that somebody has waited while it was going on."""

    __slots__ = ("sample", "waited")

    def __init__(self, sample: Sample) -> None:
        self.sample, self.waited = sample, 0.0


class InFlight:
    """The images that are being read now."""

    def __init__(self) -> None:
        self._reads: set[Read] = set()

    def begin(self, sample: Sample) -> Read:
        """A read of an image, which begins now."""
        read = Read(sample)
        self._reads.add(read)
        return read

    def end(self, read: Read) -> None:
        """The end of a read that was begun."""
        self._reads.discard(read)

    def overdue(self, seconds: float) -> list[Sample]:
        """The images that hang, after so many more seconds of waiting.

        Only what was waited counts, not the clock: a process that was stopped, as Ctrl-Z does it,
        reads on when it continues.
        """
        reads = self._reads.copy()
        for read in reads:
            read.waited += seconds
        hung = [read.sample for read in reads if read.waited >= READ_TIMEOUT]
        return sorted(hung, key=lambda sample: (sample.line, str(sample.path)))


class ReadingThreads:
    """Up to `count` threads for the tasks that are submitted, in their order.

    Not a ThreadPoolExecutor: Python waits for its threads at the end of the process, for ever where
    one hangs in a read.
    """

    def __init__(self, count: int, in_flight: InFlight) -> None:
        self._count, self._in_flight = count, in_flight
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        _open.add(self)

    def __enter__(self) -> ReadingThreads:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """A task that a thread does when the ones before it are begun."""
        task: Future[T] = Future()
        self._tasks.put((task, function, args))
        if len(self._threads) < self._count:
            name = f"deelish-images_{len(self._threads)}"
            thread = threading.Thread(target=_work, args=(self._tasks,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return task

    def result(self, task: Future[T]) -> T:
        """What a task returned, or its error.

        Raises DataError with the images that are in flight where one has been for READ_TIMEOUT.
        """
        pause = min(1.0, READ_TIMEOUT / 4)
        while not task.done() and not wait([task], pause).done:
            hung = self._in_flight.overdue(pause)
            if hung:
                raise _hung(hung)
        return task.result()

    def close(self) -> None:
        """Drop the tasks that have not begun, and wait a little for the others."""
        try:
            # Not while it is not empty: a thread may take the last task before `get`, which waits.
            with contextlib.suppress(queue.Empty):
                while True:
                    task = self._tasks.get_nowait()
                    if task is not None:
                        task[0].cancel()
        finally:  # after Ctrl-C, too: a thread that nobody ends waits for ever
            for _ in self._threads:
                self._tasks.put(None)
        end = time.monotonic() + CLOSING
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))


# A thread must not run on into the end of the interpreter.
_open: weakref.WeakSet[ReadingThreads] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for threads in list(_open):
        threads.close()


def _work(tasks: queue.SimpleQueue[Task | None]) -> None:
    while (task := tasks.get()) is not None:
        future, function, args = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*args))
            except BaseException as error:  # whoever asks for the result gets it
                future.set_exception(error)
        # Not kept until the next task comes: the rows of a batch are large.
        del task, future, function, args


def _hung(samples: list[Sample]) -> DataError:
    names = [sample.where_and_path for sample in samples]
    return DataError(
        f"{names[0]}: reading has not ended for {READ_TIMEOUT:g} seconds"
        + (f", nor that of {', '.join(names[1:])}" if names[1:] else "")
        + "; look whether the disk or the network folder is still there, and start again"
    )
