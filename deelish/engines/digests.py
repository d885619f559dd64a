"""sha256 over named arrays, texts and bytes, with the length of each, so that two are not one."""

from __future__ import annotations

from hashlib import sha256

import numpy as np


class Digest:
    """sha256 over named arrays and texts, in the order they come."""

    def __init__(self, *texts: str) -> None:
        self._hash = sha256()
        for text in texts:
            self.text(text)

    def text(self, text: str) -> None:
        """Add a text; its length comes first, so that two texts are not one."""
        data = text.encode()
        self._hash.update(len(data).to_bytes(8, "little") + data)

    def array(self, name: str, array: np.ndarray, kind: str) -> None:
        """Add an array by name; `kind` is its type where the array shows bare bytes."""
        self.text(f"{name} {kind} {array.shape}")
        self._hash.update(np.ascontiguousarray(array).data)

    def hex(self) -> str:
        """The digest of all that was added."""
        return self._hash.hexdigest()


def digest_of(kind: str, *parts: str | bytes | memoryview) -> bytes:
    """sha256; the length of each part comes before it, so that two parts are not one."""
    made = sha256()
    for part in (kind, *parts):
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        made.update(len(data).to_bytes(8, "little"))
        made.update(data)
    return made.digest()
