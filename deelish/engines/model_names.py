"""Names of models of other libraries, such as "timm/mobilenetv4_conv_small"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# The libraries whose models are made by name, each with such a name.
LIBRARIES = {
    "timm": "timm/resnet18",
    "torchvision": "torchvision/resnet18",
    "efficientnet": "efficientnet/lite0",
}


@dataclass(frozen=True)
class ModelName:
    """How a model is made: all that makes it again, but its weights.

    Attributes:
        library: one of LIBRARIES.
        name: its name there.
        classes: how many outputs it has; None for those that it is published with.
        arguments: the others of the library's own function that makes it.
        version: of the library that made it.
    """

    library: str
    name: str
    classes: int | None = None
    arguments: Mapping[str, Any] | None = None
    version: str = ""

    @classmethod
    def parsed(cls, text: str) -> ModelName | None:
        """That of "timm/resnet18"; None for what names no library, and for a file that exists."""
        library, _, name = text.partition("/")
        if library not in LIBRARIES or not name or Path(text).is_file():
            return None
        return cls(library, name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives the same back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelName:
        """What `to_dict` wrote.

        Raises:
            TypeError, KeyError: it is something else.
        """
        made = cls(**values)
        if made.library not in LIBRARIES:
            raise KeyError(made.library)
        return made

    @property
    def full_name(self) -> str:
        """The name as scripts write it."""
        return f"{self.library}/{self.name}"
