"""Trying again what a server failed at: with growing, random pauses, within a bounded time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from deelish.common.printing import Once
from deelish.errors import DeelishError, RemoteError
from deelish.storage.remote.address import Address
from deelish.storage.remote.faults import MISSING, STOPPED, Fault, fault_of

# Seconds that pauses and fruitless attempts may take; less where the server never answered, as that
# is most likely no server.
PATIENCE, PATIENCE_WITH_UNKNOWN = 30.0, 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
MOST_ATTEMPTS = 12
# So long it is waited without a word.
QUIET = 3.0

T = TypeVar("T")

# A generator of its own: a script's draws from `random` are not disturbed.
_draws = random.Random()
_answered: set[str] = set()
_once = Once()


class FailedError(Exception):
    """An attempt that failed, with what it means; it leaves no function of this folder."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


class Progress:
    """How far an attempt has come, and whether it is to stop.

    Args:
        report: gets how many bytes came, or with a minus how many come again.

    Attributes:
        moved: bytes of this attempt.
        stopped: ends all attempts once it is set.
    """

    def __init__(
        self,
        report: Callable[[int], object] = lambda count: None,
        stopped: threading.Event | None = None,
    ) -> None:
        self.moved = 0
        self.stopped = stopped or threading.Event()
        self._report = report

    def add(self, count: int) -> None:
        """So many bytes came.

        Raises:
            FailedError: all attempts are to stop.
        """
        self.moved += count
        self._report(count)
        if self.stopped.is_set():
            raise FailedError(STOPPED)

    def begin_again(self) -> None:
        """The next attempt begins with the first byte."""
        self._report(-self.moved)
        self.moved = 0


def tried(address: Address, attempt: Callable[[], T], progress: Progress | None = None) -> T:
    """What an attempt returns; it is tried again while its fault may pass.

    Raises:
        RemoteError: it fails for good.
    """
    progress = progress or Progress()
    spent, attempts = 0.0, 0
    while True:
        attempts += 1
        progress.begin_again()
        started = time.monotonic()
        result, fault = _once_tried(attempt)
        if fault is None or fault.answered:
            _answered.add(address.server)
        if fault is None:
            return result[0]
        if not progress.moved:
            spent += time.monotonic() - started
        pause = _draws.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))
        spent += pause
        if not fault.passes or spent > _patience(address) or attempts == MOST_ATTEMPTS:
            raise failure(address, fault, attempts)
        if spent > QUIET:
            _once.say(f"{address}: {fault.what}; trying again", address.server)
        if progress.stopped.wait(pause):
            raise failure(address, STOPPED, attempts)


def _patience(address: Address) -> float:
    return PATIENCE if address.server in _answered else PATIENCE_WITH_UNKNOWN


def asked_once(address: Address, attempt: Callable[[], T]) -> T:
    """What an attempt returns, which is not tried again.

    Raises:
        RemoteError: it fails.
    """
    result, fault = _once_tried(attempt)
    if fault is not None:
        raise failure(address, fault)
    return result[0]


def failure(address: Address, fault: Fault, attempts: int = 1) -> RemoteError:
    """The error for a fault that stays."""
    tries = f" (tried {attempts} times)" if attempts > 1 else ""
    more = ", and AWS_ENDPOINT_URL" if address.scheme == "s3" and not fault.answered else ""
    error = RemoteError(f"{address}: {fault.what}{tries}; {fault.cure}{more}")
    error.missing = fault is MISSING
    return error


def _once_tried(attempt: Callable[[], T]) -> tuple[list[T], Fault | None]:
    """What an attempt returns, or its fault.

    The error ends here, so that no traceback of a later one shows a URL that it holds.
    """
    try:
        return [attempt()], None
    except DeelishError:
        raise
    except FailedError as error:
        return [], error.fault
    except Exception as error:  # of a library for each kind of storage
        return [], fault_of(error)
