"""One row of a network: a named layer in Caffe's vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deelish.common.arguments import checked_call
from deelish.errors import PlanError

PHASES = ("TRAIN", "TEST")


@dataclass(frozen=True, init=False)
class Layer:
    """A layer as Caffe's text format writes it, in one line of Python.

    ``Layer("conv1", "Convolution", num_output=96, kernel_size=11, stride=4)``

    Args:
        name: the layer's name; weights in files are matched by it.
        type: Caffe's layer type, one of `deelish.plan.layers.KINDS`.
        bottom: the blob or blobs that it reads; left out, the top of the row before.
        top: the blob or blobs that it makes; left out, its own name, or its bottom for kinds that
            Caffe's nets run in place (ReLU, Dropout, ...).
        phase: "TRAIN" or "TEST" for a layer that exists only then.
        param: for each array of its weights, in order, Caffe's `param`: ``lr_mult`` and
            ``decay_mult`` multiply its learning rate and weight decay, arrays of one
            ``name`` are one array, also of other shape with ``share_mode="PERMISSIVE"``.
        args: Caffe's parameters of this layer type, under Caffe's names.

    Attributes:
        echoes: blobs of the memory that this row overwrites in place, such as a Flatten's bottom
            where its top is rectified. The plan finds them.

    >>> row = Layer("conv1", "Convolution", num_output=8, kernel_size=3)
    >>> row.type, row.args["kernel_size"]
    ('Convolution', 3)
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    phase: str | None
    param: tuple[Mapping[str, Any], ...] = field(hash=False)
    args: Mapping[str, Any] = field(hash=False)
    echoes: tuple[str, ...] = ()

    @checked_call()
    def __init__(
        self,
        name: str,
        type: str,
        bottom: str | Iterable[str] = (),
        top: str | Iterable[str] = (),
        phase: str | None = None,
        param: Iterable[Mapping[str, Any]] = (),
        **args: Any,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise PlanError(f"a layer of type {type!r} has the name {name!r}; give it a name")
        if not isinstance(type, str):
            raise PlanError(
                f"layer {name!r}: its type is {type!r}; give the name of a type, 'ReLU'"
            )
        if phase not in (None, *PHASES):
            raise PlanError(f"layer {name!r} ({type}): phase {phase!r}; it is TRAIN, TEST or None")
        param = (param,) if isinstance(param, Mapping) else tuple(param)
        for spec in param:
            _check_param(f"layer {name!r} ({type})", spec)
        for key, value in {
            "name": name,
            "type": type,
            "bottoms": _names(name, "bottom", bottom),
            "tops": _names(name, "top", top),
            "phase": phase,
            "param": param,
            "args": {key: _tuples(value) for key, value in args.items()},
        }.items():
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        """As a script writes it."""
        given = {"bottom": self.bottoms, "top": self.tops, "phase": self.phase, "param": self.param}
        options = {**{name: value for name, value in given.items() if value}, **self.args}
        shown = [f"{name}={value!r}" for name, value in options.items()]
        return f"Layer({', '.join([repr(self.name), repr(self.type), *shown])})"

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
            **({"param": [dict(spec) for spec in self.param]} if self.param else {}),
        }
        return {**row, "args": {key: _lists(value) for key, value in self.args.items()}}

    def rewired(
        self, bottoms: Iterable[str], tops: Iterable[str], args: Mapping[str, Any]
    ) -> Layer:
        """The same row with its bottoms, tops and arguments in full."""
        return Layer(self.name, self.type, bottoms, tops, self.phase, self.param, **args)

    def echoing(self, blobs: Iterable[str]) -> Layer:
        """The same row with its echoes."""
        row = self.rewired(self.bottoms, self.tops, self.args)
        object.__setattr__(row, "echoes", tuple(blobs))
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Layer:
        """The row that `to_dict` gave."""
        given = (row.get("phase"), row.get("param", ()))
        return cls(row["name"], row["type"], row["bottom"], row["top"], *given, **row["args"])


def checked_rows(rows: Any, network: str) -> list[Layer]:
    """The rows that a script gave for a network.

    Raises:
        PlanError: something else than layers in their order.
    """
    if isinstance(rows, Layer):
        raise PlanError(f"{network}: got one layer; give a list of layers, [Layer(...), ...]")
    if isinstance(rows, str | Path):
        raise PlanError(
            f"{network}: got {str(rows)!r}; give a list of layers, or open a file with"
            " Network.load(path)"
        )
    if not isinstance(rows, Iterable):
        raise PlanError(f"{network}: got {type(rows).__name__}; give a list of layers")
    made = list(rows)
    for row in made:
        if not isinstance(row, Layer):
            raise PlanError(
                f"{network}: got {type(row).__name__} among the layers; give Layer(...)"
            )
    return made


# The keys of Caffe's `param`, and what their values are.
_PARAM: dict[str, Any] = {
    "name": str,
    "lr_mult": int | float,
    "decay_mult": int | float,
    "share_mode": str,
}


def _check_param(label: str, spec: Mapping[str, Any]) -> None:
    if not isinstance(spec, Mapping):
        raise PlanError(f"{label}: param holds {spec!r}; give a dict for each array of its weights")
    for key, value in spec.items():
        if not isinstance(value, _PARAM.get(key, ())) or isinstance(value, bool):
            raise PlanError(
                f"{label}: param has {key}={value!r}; give name, lr_mult, decay_mult or share_mode"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise PlanError(f"{label}: {key} is {value!r}; give a finite number")


def _tuples(value: Any) -> Any:
    """Lists, also inner ones, as tuples, so that rows from files and from scripts are equal."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _lists(value: Any) -> Any:
    return list(map(_lists, value)) if isinstance(value, tuple) else value


def _names(layer: str, what: str, value: str | Iterable[str]) -> tuple[str, ...]:
    """The blobs that a row reads or makes.

    Raises:
        PlanError: something else than names.
    """
    names = (value,) if isinstance(value, str) else tuple(value)
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise PlanError(f"layer {layer!r}: {what}= holds {odd!r}; give the names of blobs")
    return names
