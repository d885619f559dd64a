"""The answers of one teacher to one kind of view: found by key, appended, safe against kills."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.common.printing import say
from deelish.distillation.teacher_cache.forms import Form, Logits
from deelish.distillation.teacher_cache.header import Header
from deelish.errors import DataError, FileError, reason
from deelish.storage.atomic import replacing
from deelish.storage.folder import cache_folder
from deelish.storage.index import KEY_BYTES, Index, Keys
from deelish.storage.lock import locked
from deelish.storage.records import Bytes, RecordMap, append, keys_of, made, packed_of, sound

Found = NDArray[np.bool_]


def open_store(
    identity: Mapping[str, Any], classes: int, top: int | None = None, folder: Path | None = None
) -> Store:
    """The store of an identity; its file is made when the first answer is put in.

    Args:
        identity: plain values for JSON: all that the answers depend on beside the images; its
            "teacher" is the name that messages show.
        classes: how many logits an answer has.
        top: keep only so many of the highest, and the mass of the rest; see `Form`.
        folder: where the file lies; left out, $DEELISH_CACHE, else the user's cache.
    """
    header = Header.of(identity, Form.of(classes, top))
    return Store((folder or cache_folder()) / header.file, header)


class Store:
    """Answers by key, in half precision, in a file that several processes may use at once.

    No damage, no full disk and no missing permission ends a training: it is said once, and answers
    that cannot be kept are computed each time. Use a store from one thread.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path, self.header = path, header
        self._map: RecordMap[Header] | None = None
        self._index = Index()
        self._said: set[str] = set()
        self._follow()
        if self._map is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # `deelish cache list` shows when it was last used

    def __len__(self) -> int:
        """How many answers are there, as far as this process has looked."""
        return self._map.count if self._map is not None else 0

    def get(self, keys: Keys) -> tuple[Found, Logits]:
        """Which keys uint8 (n, 16) are there (n,), and logits (n, classes), NaN where none are."""
        keys = _checked_keys(keys)
        logits = np.full((len(keys), self.header.form.classes), np.nan, np.float32)
        places, packed = self._lookup(keys)
        logits[places] = self.header.form.unpack(packed)
        found = np.zeros(len(keys), np.bool_)
        found[places] = True
        return found, logits

    def put(self, keys: Keys, logits: Logits) -> None:
        """Keep the logits (n, classes) of keys uint8 (n, 16); those that are there stay."""
        keys, logits = _checked_keys(keys), self._checked(logits, len(keys))
        packed, fine = self.header.form.pack(logits)
        if not fine.all():
            self._say(
                f"{self.header.teacher}: answers that are not finite, or beyond what half"
                " precision holds (65504), are not kept; they are computed each time"
            )
        if not self.writable or not fine.any():
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path.parent):
                self._append(keys[fine], packed[fine])
        except (OSError, FileError) as error:
            self._cannot("unwritable", "kept", error)

    def rounded(self, logits: Logits) -> Logits:
        """Logits (n, classes) as `get` gives them back; those that are not kept, as they are."""
        logits = self._checked(logits, len(logits))
        packed, fine = self.header.form.pack(logits)
        return np.where(fine[:, None], self.header.form.unpack(packed), logits)

    @property
    def writable(self) -> bool:
        """False once an answer could not be kept: none is from then on."""
        return "unwritable" not in self._said

    def close(self) -> None:
        """Give the file back. A later get or put opens it again."""
        self._map, self._index = None, Index()

    def _checked(self, logits: Logits, count: int) -> Logits:
        logits = np.asarray(logits, np.float32)
        wanted = (count, self.header.form.classes)
        if logits.shape != wanted:
            raise DataError(
                f"kept answers of {self.header.teacher}: logits are {logits.shape}, where {wanted}"
                " are wanted; give a row for each image and a number for each class"
            )
        return logits

    def _lookup(self, keys: Keys) -> tuple[NDArray[np.int64], Bytes]:
        """The places of the keys that are there, and their packed answers."""
        self._follow(grown=False)
        rows = self._index.find(keys)
        if (rows < 0).any() and self._follow():
            rows = self._index.find(keys)
        places = np.flatnonzero(rows >= 0)
        if self._map is None or not len(places):
            return places[:0], np.empty((0, self.header.form.bytes), np.uint8)
        records = self._map.rows[rows[places]]
        right = sound(records)
        if not right.all():
            self._say(
                f"{self.path}: holds damaged answers, which are computed anew; `deelish cache"
                " check` counts them"
            )
        right &= (keys_of(records) == keys[places]).all(1)
        return places[right], packed_of(records)[right]

    def _append(self, keys: Keys, packed: Bytes) -> None:
        """Append what is not there. The lock is held, so nobody else can add the same."""
        self._follow()
        if self._map is None:
            with replacing(self.path) as temporary:
                temporary.write_bytes(self.header.to_bytes())
            self._follow()
        there, _ = self._lookup(keys)
        known = {key.tobytes() for key in keys[there]}
        # A batch may hold one image twice: the first of them counts.
        first = {key.tobytes(): row for row, key in reversed(list(enumerate(keys)))}
        new = sorted(row for key, row in first.items() if key not in known)
        if self._map is not None and new:
            try:
                append(self.path, made(keys[new], packed[new]), self._map.count)
            finally:
                self._follow()

    def _follow(self, *, grown: bool = True) -> bool:
        """See whether the file is another, or (`grown`) has more records; whether keys came."""
        try:
            status = self.path.stat()
            if self._map is not None and self._map.is_of(status):
                if not grown or self._map.whole(status.st_size) == self._index.count:
                    return False
                self._map.extend()
            else:
                # Cleared, repaired or made anew by another process, or not looked at yet.
                self.close()
                self._map = self._opened()
            self._index.add(keys_of(self._map.rows[self._index.count :]))
            return True
        except FileNotFoundError:
            self.close()
        except OSError as error:
            self.close()
            self._cannot("unreadable", "read", error)
        except FileError as error:
            self._say(f"{error}; it is made anew")
        return False

    def _opened(self) -> RecordMap[Header]:
        mapped = RecordMap(self.path, Header.from_bytes)
        if not mapped.header.same(self.header):
            raise FileError(f"{self.path}: holds the answers of another teacher or view")
        return mapped

    def _cannot(self, kind: str, what: str, error: Exception) -> None:
        if kind not in self._said:
            self._said.add(kind)
            say(
                f"{self.path}: answers of {self.header.teacher} cannot be {what} ({reason(error)});"
                " training goes on, and what is not there is computed each time"
            )

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            say(line)


def _checked_keys(keys: Keys) -> Keys:
    if keys.dtype != np.uint8 or keys.ndim != 2 or keys.shape[1] != KEY_BYTES:
        raise DataError(
            f"kept answers: keys are {keys.dtype} {keys.shape}; give uint8 (n, {KEY_BYTES})"
        )
    return keys
