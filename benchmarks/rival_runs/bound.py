"""Processes that end with the one that started them, however that one ends."""

import ctypes
import signal

_LIBC = ctypes.CDLL(None)
_SIGNAL_AT_THE_PARENTS_END = 1  # PR_SET_PDEATHSIG of Linux


def bound():
    """Called in a new process: when the benchmark is killed, it is in nobody's way.

    A training that went on would take the processor from the one that begins in its place.
    """
    _LIBC.prctl(_SIGNAL_AT_THE_PARENTS_END, signal.SIGKILL)
