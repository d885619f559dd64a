"""A model whose arrays are in this process: looked at for changes, and described for its digest."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deelish.engines.description import UndescribedError
from deelish.engines.digests import Digest
from deelish.engines.inference import CHANGED, InferenceModel, qualified
from deelish.errors import TrainingError

# Raise it where equal models get another description.
DESCRIPTION = "description 1"
# In so many runs of a model it is looked at whether they change what it holds.
WATCHED_RUNS = 3
# A script changes a model beside its weights at no more looks than this.
CHANGED_LOOKS = 4
# How many numbers of an array are compared at each batch.
SAMPLE = 64
KEY = "; give Teacher(module, key=...), another key whenever its code or attributes change"


@dataclass(frozen=True)
class _Look:
    """What was seen of a model: at little cost, its structure and checksums, their digest."""

    quick: Any
    content: tuple[str | None, Any]
    digest: str | None


class WatchedModel(InferenceModel):
    """A model whose arrays are in this process, where whatever it runs can change them.

    Attributes:
        key: by it the user states that equal keys mean equal code, attributes and hooks, so that
            these are not described; None to describe them.
    """

    key: str | None = None
    _last: _Look | None = None
    # The structure as it was seen last; None where it cannot be described.
    _seen: str | None = None
    # How many of its runs changed what it holds beside its arrays, of how many that were watched.
    _changed_by_runs = 0
    _watched_runs = 0
    _changed_looks = 0
    # Whether hooks of deelish's own record its layers.
    _recording = False

    @abstractmethod
    def _version(self) -> Any:
        """Something that changes with nearly every update of its arrays, and costs little."""

    def _weights(self) -> Any:
        """As `_version`, without tables that a run of the model may fill."""
        return self._version()

    def _traits(self) -> Any:
        """Something that changes with most of what it holds beside its arrays; costs little."""
        return None

    @abstractmethod
    def _arrays(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """Each array as it is now: its name, its type and shape, its bytes in their order."""

    @abstractmethod
    def _structure(self) -> str:
        """sha256 of all that its logits depend on beside its arrays.

        Raises:
            UndescribedError: something in it cannot be described.
        """

    @abstractmethod
    def _printed(self) -> str:
        """What it prints of itself."""

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """During inference.

        Raises:
            TrainingError: its arrays have changed meanwhile.
        """
        watched = self._watched_runs < WATCHED_RUNS and not self._recording
        before, structure = self._weights(), self._described() if watched else None
        yield
        if self._weights() != before:
            raise TrainingError(f"{self.name}: {CHANGED}")
        self._watched_runs += watched
        if watched and self._described() != structure:
            # Once may have filled a table that stays; what changes again is never known before.
            self._changed_by_runs += 1
            self._last = None

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """While its layers are recorded."""
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    @property
    def _steady(self) -> bool:
        """Whether it is known what it holds beside its arrays, and stays as it is."""
        return self._seen is not None and self._changed_by_runs < 2

    def digest(self) -> str | None:
        content = (self._described(), self.checksums())
        quick = self._quick()
        if self._last is None or self._last.content != content:
            self._count_change(content)
            self._last = _Look(quick, content, self._digest_now())
            self._note_change()
        else:
            self._last = replace(self._last, quick=quick)
        return self._last.digest

    def _count_change(self, content: tuple[str | None, Any]) -> None:
        """Where all but the weights is another at look after look, its own runs change it."""
        if self._last is not None and self._last.content[1] == content[1]:
            self._changed_looks += 1
            if self._changed_looks > CHANGED_LOOKS:
                self._changed_by_runs = 2
                self._described()

    def known_digest(self) -> str | None:
        if self._last is None or self._last.quick != self._quick():
            return self.digest()
        return self._last.digest

    def checksums(self) -> Any:
        return [(name, kind, zlib.crc32(array.data)) for name, kind, array in self._raw_arrays()]

    def _quick(self) -> Any:
        # What changes with each run has no digest, or a key stands for it.
        return self._version(), self._traits() if self._steady else None

    def _raw_arrays(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """As `_arrays`, the bytes in the order of the memory where that saves a copy."""
        return self._arrays()

    def _note_change(self) -> None:
        """Called where a look saw another content than the one before."""

    def _described(self) -> str | None:
        """The structure as it is now; None where it cannot be described."""
        why = None
        try:
            self._seen = self._structure()
        except UndescribedError as error:
            self._seen, why = None, f"{error} cannot be described"
        if self._changed_by_runs > 1:
            why = "its forward() changes what it holds"
        self.undescribed = None if why is None or self.key is not None else f"{why}{KEY}"
        return self._seen

    def _digest_now(self) -> str | None:
        if self.key is None and not self._steady:
            return None
        seen = self._seen
        if self.key is not None:
            seen = Digest(qualified(self._source()), self._printed()).hex()
        digest = Digest(DESCRIPTION, seen or "")
        for name, kind, array in self._arrays():
            digest.array(name, array, kind)
        return digest.hex()

    @abstractmethod
    def _source(self) -> Any:
        """The framework's own object."""


def sampled(array: np.ndarray) -> bytes:
    """Some numbers of an array, which show that it was updated: that changes nearly all."""
    return array.ravel()[:: max(1, array.size // SAMPLE)].tobytes()
