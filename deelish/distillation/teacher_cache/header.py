"""The header of a file of cached logits, arrays or features: its teacher, and their form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deelish.distillation.teacher_cache.forms import Form
from deelish.errors import DataError
from deelish.storage.front import Front

FORMAT = 1
FRONT = Front(b"\x93DEELANS", FORMAT, "cached logits")
EXTENSION = ".answers"
NAME_LENGTH = 120


@dataclass(frozen=True)
class CacheHeader:
    """Whose logits a file holds, and in which form; or the features of which layer.

    teacher: a name to show.  identity: sha256 (hex) of all that the logits depend on.
    layer: the layer of features; None for logits.  shape: that of an output that is no logits.
    """

    teacher: str
    identity: str
    form: Form
    layer: str | None = None
    shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, identity: Mapping[str, Any], form: Form) -> CacheHeader:
        """The header for an identity: plain values for JSON; its "teacher" is the name to show.

        Features have the name of their layer in it, as "layer", and outputs that are no logits
        their "shape".
        """
        try:
            # Not dependent on the order of its keys.
            text = json.dumps(dict(identity), sort_keys=True, allow_nan=False)
        except (TypeError, ValueError):
            raise DataError(
                f"cached logits: {identity!r} cannot be written as JSON; give plain values"
            ) from None
        facts = [text, form.classes, form.top, FORMAT, *_bits(form).values()]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        name = str(identity.get("teacher", "teacher"))[:NAME_LENGTH]
        return cls(name, digest, form, identity.get("layer"), tuple(identity.get("shape", ())))

    @property
    def noun(self) -> str:
        """What the numbers are."""
        if self.layer is not None:
            return "features"
        return "outputs" if self.shape else "logits"

    @property
    def form_text(self) -> str:
        """The form as `deelish cache list` shows it."""
        if self.shape:
            return f"outputs {' x '.join(map(str, self.shape))}"
        return str(self.form) if self.layer is None else f"features of {self.layer!r}"

    @property
    def stem(self) -> str:
        """How its files are named: the teacher, as far as a name may hold it, and the identity."""
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.teacher[:40])
        return f"{plain}-{self.identity[:32]}"

    @property
    def file(self) -> str:
        """The name of the file that trainings append to."""
        return f"{self.stem}{EXTENSION}"

    @property
    def payload_bytes(self) -> int:
        """How many bytes of a record are the logits."""
        return self.form.bytes

    def same(self, other: CacheHeader) -> bool:
        """Whether both are of one identity and form; their names do not matter."""
        return (self.identity, self.form) == (other.identity, other.form)

    def values(self) -> dict[str, Any]:
        """Itself as plain values for JSON."""
        form = self.form
        return {
            "teacher": self.teacher,
            "identity": self.identity,
            "classes": form.classes,
            "top": form.top,
            **_bits(form),
            **({} if self.layer is None else {"layer": self.layer}),
            **({"shape": list(self.shape)} if self.shape else {}),
        }

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> CacheHeader:
        """The header of such values.

        Raises:
            KeyError, TypeError, ValueError, DataError: they are others.
        """
        form = Form.of(values["classes"], values["top"])
        if values.get("bits") != _bits(form).get("bits"):
            raise ValueError  # of an older deelish, whose records are longer
        layer = values.get("layer")
        known = None if layer is None else str(layer)
        shape = tuple(map(int, values.get("shape", ())))
        return cls(str(values["teacher"]), str(values["identity"]), form, known, shape)

    def to_bytes(self) -> bytes:
        """The 4096 bytes."""
        return FRONT.to_bytes(self.values())

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> CacheHeader:
        """The header that `data` begins with.

        Raises:
            FileError: it is none, is damaged, or is of another format version.
        """
        values = FRONT.read(data, path)
        try:
            return cls.from_values(values)
        except (KeyError, TypeError, ValueError, DataError):
            raise FRONT.foreign(path) from None


def _bits(form: Form) -> dict[str, int]:
    """How many bits the number of a class takes, where some are cached by their numbers."""
    return {} if form.top is None else {"bits": form.bits}
