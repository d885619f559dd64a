"""Runs functions in child processes that begin as copies of this one."""

import os
import time
import traceback
import warnings
from collections.abc import Callable

# The status of a child whose function raised an error.
FAILED = 78
# The user and the group without rights.
NOBODY = 65534


class Child:
    """A child process that runs a function.

    pid: its id.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._reader, writer = os.pipe()
        self._status: int | None = None
        with warnings.catch_warnings():
            # Python 3.12 warns where there are threads; those of libraries wait for work.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _run(function, writer)
        os.close(writer)

    def send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if not self.ended():
            os.kill(self.pid, number)

    def ended(self, seconds: float = 0) -> bool:
        """Whether it has ended, or does within so many seconds."""
        until = time.monotonic() + seconds
        while self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= until:
                return False
            else:
                time.sleep(0.001)
        return True

    def result(self) -> tuple[int, str]:
        """Its status, below 0 for a signal, and what its function returned.

        Where the function failed that is the traceback, and the status is FAILED.
        """
        with os.fdopen(self._reader, "rb") as pipe:
            said = pipe.read().decode()
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status, said


def in_a_child(function: Callable[[], object]) -> tuple[int, str]:
    """`Child.result` of a child that runs the function."""
    return Child(function).result()


def without_roots_rights(function: Callable[[], object]) -> tuple[int, str]:
    """`in_a_child` of a function; root, who may write anywhere, has no rights in it."""

    def dropped() -> object:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        return function()

    return in_a_child(dropped)


def _run(function: Callable[[], object], writer: int) -> None:
    """What the child does; it ends here."""
    # Before the function, which may replace them.
    write, leave, status = os.write, os._exit, FAILED
    said = ""
    try:
        said = str(function())
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        said = traceback.format_exc()
    write(writer, said.encode("utf-8", "replace"))
    leave(status)
