"""The errors of deelish: one class for each thing that a user can mend.

    DeelishError
    ├── UsageError               a call with an argument that is not known, or without one
    ├── PlanError                a network's rows do not fit together
    ├── DataError                a list, an image, its labels, or a value that cannot be used
    │   └── MissingDataError     a list, an image or a file of labels that is not there
    ├── CaffeError               a .caffemodel or its net
    ├── FileError                a file of weights that is wrong, truncated or foreign
    │   └── MissingFileError     a file of weights that is not there
    ├── RemoteError              object storage or a web server that cannot be read
    ├── EngineError              an engine or a device that is not there
    │   └── MissingPackageError  the framework of an engine that is not installed
    ├── TrainingError            a workout, a student or a teacher that cannot work
    └── ScriptError              a script that `deelish run` cannot start

Every message is one sentence: where, what was got, what was wanted, the cure.

Some are also what Python raises in such a case, so that a script may catch either:
UsageError is a TypeError, DataError a ValueError, MissingDataError and MissingFileError are a
FileNotFoundError, and MissingPackageError is an ImportError. RemoteError is both a DataError and a
FileError.
"""

from __future__ import annotations


class DeelishError(Exception):
    """Whatever deelish refuses; the command line prints its sentence and exits with 1."""


class UsageError(DeelishError, TypeError):
    """A call has an argument that is not known, one too many, or lacks one."""


class PlanError(DeelishError):
    """The rows of a network do not make a network."""


class DataError(DeelishError, ValueError):
    """A list of images, an image, a label or a value cannot be used."""


class MissingDataError(DataError, FileNotFoundError):
    """A list of images, an image or a file of labels is not there."""


class CaffeError(DeelishError):
    """A Caffe file cannot be read, or does not fit the network."""


class FileError(DeelishError):
    """A file of weights is missing, wrong, truncated or foreign."""


class MissingFileError(FileError, FileNotFoundError):
    """A file of weights is not there."""


class RemoteError(DataError, FileError):
    """Object storage or a web server cannot be read; its sentence holds no part of a secret.

    missing: whether the file is not there.
    """

    missing = False


class EngineError(DeelishError):
    """An engine or a device is not there."""


class MissingPackageError(EngineError, ImportError):
    """The framework of an engine is not installed, or cannot be imported."""


class TrainingError(DeelishError):
    """A workout, a student or a teacher is used in a way that cannot work."""


class ScriptError(DeelishError):
    """A script cannot be run."""


def reason(error: Exception) -> str:
    """What the system says of an error, or of that behind a FileError."""
    cause = error.__cause__ if isinstance(error, FileError) else error
    return getattr(cause, "strerror", None) or str(error)


def first_line(error: BaseException) -> str:
    """The first line of what another library's error says, or its kind where it says nothing."""
    # A KeyError shows its text in quotes, as if it were the key.
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return next(iter(str(text).splitlines()), "") or type(error).__name__
