"""One row of a network: a named layer in Caffe's vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deelish.errors import PlanError

PHASES = ("TRAIN", "TEST")


@dataclass(frozen=True, init=False)
class Layer:
    """A layer as Caffe's text format writes it, in one line of Python.

    ``Layer("conv1", "Convolution", num_output=96, kernel_size=11, stride=4)``

    Args:
        name: the layer's name; weights in files are matched by it.
        type: Caffe's layer type, one of `deelish.plan.kinds.KINDS`.
        bottom: the blob or blobs that it reads; left out, the top of the row before.
        top: the blob or blobs that it makes; left out, its own name, or its bottom for kinds that
            Caffe's nets run in place (ReLU, Dropout, ...).
        phase: "TRAIN" or "TEST" for a layer that exists only then.
        loss_weight, args: Caffe's parameters of this layer type, under Caffe's names.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    phase: str | None
    args: Mapping[str, Any] = field(hash=False)

    def __init__(
        self,
        name: str,
        type: str,
        bottom: str | Iterable[str] = (),
        top: str | Iterable[str] = (),
        phase: str | None = None,
        **args: Any,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise PlanError(f"a layer of type {type!r} has the name {name!r}; give it a name")
        if phase not in (None, *PHASES):
            raise PlanError(f"layer {name!r} ({type}): phase {phase!r}; it is TRAIN, TEST or None")
        for key, value in {
            "name": name,
            "type": type,
            "bottoms": _names(bottom),
            "tops": _names(top),
            "phase": phase,
            "args": args,
        }.items():
            object.__setattr__(self, key, value)

    @property
    def label(self) -> str:
        """How errors call it: ``layer 'conv1' (Convolution)``."""
        return f"layer {self.name!r} ({self.type})"

    def runs_in(self, phase: str) -> bool:
        """Whether the layer exists in this phase."""
        return self.phase in (None, phase)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        row = {
            "name": self.name,
            "type": self.type,
            "bottom": list(self.bottoms),
            "top": list(self.tops),
            **({"phase": self.phase} if self.phase else {}),
        }
        lists = {k: list(v) if isinstance(v, tuple) else v for k, v in self.args.items()}
        return {**row, "args": lists}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Layer:
        """The row that `to_dict` gave."""
        return cls(
            row["name"], row["type"], row["bottom"], row["top"], row.get("phase"), **row["args"]
        )


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
