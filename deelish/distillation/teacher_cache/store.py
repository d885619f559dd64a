"""The cached logits, or features, of one teacher for one kind of view: found by key, put by key."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.common.printing import Once
from deelish.distillation.teacher_cache.forms import Form, Logits
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.segments import Part, Segments
from deelish.errors import DataError, FileError, reason
from deelish.storage.folder import cache_folder
from deelish.storage.index import KEY_BYTES, Keys
from deelish.storage.record_file import RecordFile

Found = NDArray[np.bool_]

UNREADABLE, UNWRITABLE = "unreadable", "unwritable"


def open_store(
    identity: Mapping[str, Any], classes: int, top: int | None = None, folder: Path | None = None
) -> Store:
    """The store of an identity; the first `put` makes its file.

    Args:
        identity: plain values for JSON: all that the logits depend on beside the images; its
            "teacher" is the name that messages show. Features have their "layer" in it.
        classes: how many logits an image has.
        top: cache only so many of the highest, and the mass of the rest; see `Form`.
        folder: the folder of the file; left out, $DEELISH_CACHE, else the user's cache.
    """
    header = CacheHeader.of(identity, Form.of(classes, top))
    return Store((folder or cache_folder()) / header.file, header)


class Store:
    """Logits by key, in half precision, in a file that several processes may use at once.

    No damage, no full disk and no missing permission ends a training: one line reports it, and
    logits that cannot be cached are computed each time. Use a store from one thread.
    """

    def __init__(self, path: Path, header: CacheHeader) -> None:
        self.path, self.header = path, header
        self._once = Once()
        # No method of the store itself: a cycle would keep the file open until it is collected.
        read = functools.partial(_read, header)
        self._file = RecordFile(path, read, header.to_bytes, self._once.say)
        self._segments = Segments(path.parent, header, self._once.say)
        try:
            self._file.follow()
            self._segments.follow()
        except OSError as error:
            self._cannot(UNREADABLE, "read", error)

    def __len__(self) -> int:
        """How many logits are there, as far as this process has looked."""
        return self._file.count + len(self._segments)

    def get(self, keys: Keys) -> tuple[Found, Logits]:
        """Which keys uint8 (n, 16) are there (n,), and logits (n, classes), NaN where none are."""
        keys = _checked_keys(keys)
        found = np.zeros(len(keys), np.bool_)
        logits = np.full((len(keys), self.header.form.classes), np.nan, np.float32)
        try:
            for find in (self._segments.find, self._file.find):
                left = np.flatnonzero(~found)
                if not len(left):
                    break
                rows, packed = find(keys[left])
                if len(rows):
                    found[left[rows]] = True
                    logits[left[rows]] = self.header.form.unpack(packed)
        except OSError as error:
            self._cannot(UNREADABLE, "read", error)
            return found, logits
        self._report_damage()
        return found, logits

    def put(self, keys: Keys, logits: Logits) -> None:
        """Cache the logits (n, classes) of keys uint8 (n, 16); those that are there stay."""
        keys, logits = _checked_keys(keys), self._checked(logits, len(keys))
        packed, finite = self.header.form.pack(logits)
        if not finite.all():
            self._once.say(
                f"{self.header.teacher}: {self.header.noun} that are not finite, or beyond what"
                " half precision holds (65504), are not cached; they are computed each time"
            )
        if not self.writable or not finite.any():
            return
        try:
            with self._file.writing():
                self._file.add(keys[finite], packed[finite])
        except (OSError, FileError) as error:
            self._cannot(UNWRITABLE, "cached", error)
        self._report_damage()

    def holding(self, part: Part) -> Path | None:
        """The segment that has a part of a pass; None where none has."""
        return self._segments.holding(part)

    def rounded(self, logits: Logits) -> Logits:
        """Logits (n, classes) as `get` gives them back; what `put` leaves out, as it is."""
        logits = self._checked(logits, len(logits))
        packed, finite = self.header.form.pack(logits)
        return np.where(finite[:, None], self.header.form.unpack(packed), logits)

    @property
    def writable(self) -> bool:
        """False after logits could not be written: from then on `put` writes none."""
        return UNWRITABLE not in self._once

    def close(self) -> None:
        """Give the file back. A later get or put opens it again."""
        self._file.close()
        self._segments.close()

    def _checked(self, logits: Logits, count: int) -> Logits:
        logits = np.asarray(logits, np.float32)
        needed = (count, self.header.form.classes)
        if logits.shape != needed:
            noun = self.header.noun
            of_each = "class" if noun == "logits" else "channel"
            raise DataError(
                f"cached {noun} of {self.header.teacher}: {noun} are {logits.shape}, where {needed}"
                f" are needed; give a row for each image and a number for each {of_each}"
            )
        return logits

    def _report_damage(self) -> None:
        for path in [*([self.path] if self._file.damaged else []), *self._segments.damaged]:
            self._once.say(
                f"{path}: holds damaged {self.header.noun}, which are computed again; `deelish"
                " cache check` counts them"
            )

    def _cannot(self, kind: str, what: str, error: Exception) -> None:
        self._once.say(
            f"{self.path}: {self.header.noun} of {self.header.teacher} cannot be {what}"
            f" ({reason(error)}); training goes on, and what is not there is computed each time",
            kind,
        )


def _read(expected: CacheHeader, data: bytes, path: Path) -> CacheHeader:
    header = CacheHeader.from_bytes(data, path)
    if not header.same(expected):
        raise FileError(f"{path}: holds the {header.noun} of another teacher or view")
    return header


def _checked_keys(keys: Keys) -> Keys:
    if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != KEY_BYTES:
        raise DataError(
            f"cached logits: keys are {keys.dtype} {keys.shape}; give uint8 (n, {KEY_BYTES})"
        )
    return keys
