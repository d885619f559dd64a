"""What an error of a remote file system means: whether it may pass, and what to say of it.

The text of such an error is never shown, as it may hold a whole URL with its signature.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

# Answers that mean "not now".
_PASSING = {408, 425, 429, *range(500, 600)}
# What no further attempt mends: a library that was called as it cannot be.
_MISTAKES = (TypeError, AttributeError, LookupError, NotImplementedError)
_MISSING = {404, 410}
_DENIED = {401, 403}


@dataclass(frozen=True)
class Fault:
    """Why a remote file could not be read.

    what, cure: the two ends of a sentence.  passes: whether it is worth trying again.
    answered: whether the server is there.  missing: whether the file is not.
    """

    what: str
    cure: str
    passes: bool = False
    answered: bool = True
    missing: bool = False


MISSING = Fault("is not there", "correct the URL", missing=True)
TORN = Fault("sent less than the whole file", "try again later", passes=True)
NO_SIZE = Fault("has a size that its server does not tell", "give a copy on another server")
NO_VERSION = Fault(
    "has neither an ETag nor a date, so that no change of it would be noticed",
    "give a copy on another server",
)
CHANGED = Fault("was changed while it was read", "start again")
STOPPED = Fault("was not read to its end", "start again")
_DENIES = Fault(
    "may not be read with these credentials",
    "check those in the environment or in the files of its library, and the rights",
)
_NO_CREDENTIALS = Fault(
    "needs credentials, and none were found",
    "set those of its library, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
    " FSSPEC_S3_ANON=true for a public bucket",
)
_SLOW = Fault("does not answer in time", "check the network", passes=True, answered=False)
_UNREACHABLE = Fault(
    "cannot be reached", "check the URL and the network", passes=True, answered=False
)
_NO_URL = Fault("is no URL that its library can use", "correct it")


def fault_of(error: BaseException) -> Fault:
    """What an error of fsspec, or of a library below it, means."""
    causes = list(_causes(error))
    for status in (getattr(cause, "status", None) for cause in causes):
        if isinstance(status, int) and status:
            return _of_status(status)
    kinds = [type(cause).__name__ for cause in causes]
    if any("Credential" in kind or "AuthError" in kind for kind in kinds):
        return _NO_CREDENTIALS
    if any(
        isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__ for cause in causes
    ):
        return _SLOW
    if any(
        isinstance(cause, ConnectionError) or "Connect" in type(cause).__name__ for cause in causes
    ):
        return _UNREACHABLE
    if isinstance(error, PermissionError):
        return _DENIES
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return MISSING
    if isinstance(error, ValueError) or "Validation" in kinds[0]:
        return _NO_URL
    number = getattr(error, "errno", None)
    said = os.strerror(number) if isinstance(number, int) else kinds[0]
    return Fault(f"cannot be read ({said})", "try again later", not isinstance(error, _MISTAKES))


def _of_status(status: int) -> Fault:
    if status in _MISSING:
        return MISSING
    if status in _DENIED:
        return _DENIES
    passes = status in _PASSING
    cure = "try again later" if passes else "correct the URL"
    return Fault(f"answers with status {status}", cure, passes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it."""
    seen: set[int] = set()
    next_: BaseException | None = error
    while next_ is not None and id(next_) not in seen:
        seen.add(id(next_))
        yield next_
        next_ = next_.__cause__ or next_.__context__
