"""A clock that a test sets, for one module alone: threads of the process sleep by the true one."""

from types import SimpleNamespace


def with_clock(monotonic):
    """What takes the place of the module `time` where only its `monotonic` is called."""
    return SimpleNamespace(monotonic=monotonic)
