"""Runs a function in a child process that begins as a copy of this one."""

import os
import traceback
import warnings
from collections.abc import Callable

# The status of a child whose function raised an error.
FAILED = 78


def in_a_child(function: Callable[[], object]) -> tuple[int, str]:
    """The status of a child process, below 0 for a signal, and what its function returned.

    Where the function failed that is the traceback, and the status is FAILED.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads; those of libraries wait for work.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        # Before the function, which may replace them.
        write, leave, status = os.write, os._exit, FAILED
        try:
            said = str(function())
            status = 0
        except BaseException:
            said = traceback.format_exc()
        write(writer, said.encode("utf-8", "replace"))
        leave(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said
